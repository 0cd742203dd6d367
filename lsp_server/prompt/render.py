"""From a cursor and its context to a prompt within the model's budget. Pure; the worker turns it into tokens."""

from collections.abc import Mapping, Sequence

import msgspec

from lsp_server.base.errors import ModelError
from lsp_server.base.parts import Part
from lsp_server.context.types import Context
from lsp_server.prompt.templates import TEMPLATES
from lsp_server.prompt.window import model_text, window

#: Special tokens and file names, all told, stay below this many tokens.
_FRAME = 64


class Prompt(msgspec.Struct, frozen=True):
    """A prompt before tokenisation.

    Attributes:
        parts: in order; the last is the text before the cursor.
        first_line: 0-based line of the document where the prefix begins.
    """

    parts: tuple[Part, ...]
    first_line: int


def render(
    template: str,
    context: Context,
    lines: Sequence[str],
    line: int,
    column: int,
    path: str,
    language_tokens: Mapping[str, str],
    capacity: int,
) -> Prompt:
    """Write the prompt for a cursor.

    Args:
        template: family name, as the model's manifest has it.
        lines: the document, with line ends.
        line, column: the cursor; column in code points.
        language_tokens: as in ``models.manifest.Manifest``.
        capacity: tokens that the prompt may have.

    Raises:
        ModelError: the family is unknown.
    """
    lay_out = TEMPLATES.get(template)
    if lay_out is None:
        raise ModelError(
            f"The model's prompt template '{template}' is unknown to this version of Offhand. "
            f"Known: {', '.join(TEMPLATES)}. Install a newer version or choose another model."
        )
    capacity -= _FRAME
    budget = {"snippet": capacity // 6, "suffix": capacity // 5}
    budget["prefix"] = capacity - budget["snippet"] - budget["suffix"]
    view = window(lines, line, column, budget["prefix"], budget["suffix"])
    snippet = outline(context, view.first_line)
    tag = language_tokens.get(context.language) or language_tokens.get("", "")
    return Prompt(lay_out(view, path, tag, snippet, budget), view.first_line)


def outline(context: Context, first_line: int) -> str:
    """What the window's left edge cut off and the cursor still depends on: imports, and the enclosing headers.

    Returns:
        lines of code, or an empty text when the window begins with the file.
    """
    if first_line == 0:
        return ""
    hidden = [scope for scope in context.scopes if scope.line < first_line]
    rows = list(context.imports)
    for depth, scope in enumerate(hidden):
        rows.append("    " * depth + scope.signature)
        if scope.docstring:
            rows.append("    " * (depth + 1) + f'"""{scope.docstring}"""')
    return model_text("\n".join(rows) + "\n") if rows else ""
