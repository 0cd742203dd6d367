"""One fill-in-the-middle family a file; a model's manifest names the one it was trained on."""

from collections.abc import Callable, Mapping, Sequence

from lsp_server.base.parts import Part
from lsp_server.prompt.templates import offhand
from lsp_server.prompt.window import Window

Template = Callable[[Window, str, Sequence[tuple[str, str]], dict[str, int]], tuple[Part, ...]]

TEMPLATES: Mapping[str, Template] = {"offhand": offhand.render}
