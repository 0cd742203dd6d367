"""One fill-in-the-middle family a file; a model's manifest names the one it was trained on."""

from collections.abc import Callable, Mapping, Sequence

from lsp_server.base.parts import Part
from lsp_server.prompt.templates import offhand
from lsp_server.prompt.window import Window

_Texts = Sequence[tuple[str, str]]

Template = Callable[[Window, str, _Texts, dict[str, int], _Texts], tuple[Part, ...]]

TEMPLATES: Mapping[str, Template] = {"offhand": offhand.render}
