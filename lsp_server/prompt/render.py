"""From what is known about a cursor to a prompt within the model's budget. Pure; the worker turns it into tokens."""

from collections.abc import Sequence

import msgspec

from lsp_server.base.errors import ModelError
from lsp_server.base.parts import Part
from lsp_server.context.types import Scope
from lsp_server.prompt.templates import TEMPLATES
from lsp_server.prompt.window import CHARACTERS_PER_TOKEN, Window, model_text

#: The file's own heading and the special tokens stay below this many tokens.
_FRAME = 32


#: Characters of the document that are counted at a time, so that a key seldom changes what room it leaves.
_STEP = 256


class Budget(msgspec.Struct, frozen=True):
    """Most tokens of each part of a prompt; snippets are counted together, with their headings."""

    snippet: int
    suffix: int
    prefix: int


def budget(capacity: int, pieces: int = 0) -> Budget:
    """Share out the tokens that a prompt may have.

    Args:
        pieces: tokens that pieces of other files have taken already.
    """
    capacity -= _FRAME + pieces
    snippet, suffix = capacity // 6, capacity // 5
    return Budget(snippet, suffix, capacity - snippet - suffix)


def room(capacity: int, window: Window, always: float, most: float) -> int:
    """Tokens that pieces of other files may have beside a window.

    Args:
        always, most: shares of the prompt: in any case, and where the document leaves room.
    """
    whole = capacity - _FRAME
    needed = sum(
        (-(-len(text) // _STEP) + 1) * _STEP / CHARACTERS_PER_TOKEN for text in (window.prefix, window.suffix)
    )
    if window.first_line:  # what is cut off has an outline
        needed += budget(capacity).snippet
    return int(max(whole * always, min(whole * most, whole - needed)))


def outline(imports: Sequence[str], scopes: Sequence[Scope], comment: str = "") -> str:
    """What the window's left edge cut off and the rest still depends on: imports, and the headers around the edge.

    It is a function of the edge, not of the cursor, so that it stays the same from key to key.

    Args:
        comment: what begins a comment, where documentation is one above the header, not a string below it.
    """
    rows = list(imports)
    for depth, scope in enumerate(scopes):
        if scope.docstring and comment:
            rows.append("    " * depth + f"{comment} {scope.docstring}")
        rows.append("    " * depth + scope.signature)
        if scope.docstring and not comment:
            rows.append("    " * (depth + 1) + f'"""{scope.docstring}"""')
    return model_text("\n".join(rows) + "\n") if rows else ""


def render(
    template: str,
    window: Window,
    path: str,
    snippets: Sequence[tuple[str, str]],
    most: Budget,
    pieces: Sequence[tuple[str, str]] = (),
) -> tuple[Part, ...]:
    """Write a prompt.

    Args:
        template: family name, as the model's manifest has it.
        path: of the file, "/" between its components.
        snippets: what else the model shall see, of this file or of others: path and text each.
        most: for ``snippets`` and the window.
        pieces: the same as ``snippets``, but already cut to what they may take.

    Returns:
        the parts in order; the last is the text before the cursor.

    Raises:
        ModelError: the family is unknown.
    """
    lay_out = TEMPLATES.get(template)
    if lay_out is None:
        raise ModelError(
            f"The model's prompt template '{template}' is unknown to this version of Offhand. "
            f"Known: {', '.join(TEMPLATES)}. Install a newer version or choose another model."
        )
    return lay_out(window, path, snippets, msgspec.structs.asdict(most), pieces)
