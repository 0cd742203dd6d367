"""Brings the text's indentation in line with the document, and cuts where the block ends.

Knows indentation, not syntax: what stands inside brackets or strings is left alone.
"""

import itertools

import msgspec

from lsp_server.completion.filters.lexical import columns, head, leading, scan
from lsp_server.completion.types import Candidate, Surroundings

#: Columns of one level where the document does not show its own.
_UNIT = 4

_OPENS_BLOCK = (":", "{", "(", "[")


def apply(candidate: Candidate, around: Surroundings) -> Candidate | str:
    """Fix the first line's indentation, write the others in the document's tabs or spaces, cut behind the
    block."""
    before = head(around)
    inside = scan(before + candidate.text, len(before), around.line_comments)
    if not candidate.text.strip() or any(item.endswith(('"', "'")) for item in inside.before):
        return candidate
    text = candidate.text
    fresh = not around.before.strip()
    if fresh:
        first = text.lstrip()
        lead = text[: len(text) - len(first)]
        if "\n" in lead:
            # On a line of its own already: the empty lines go, and what is left counts from the margin.
            lead = _native(lead.rpartition("\n")[2], around)
            if columns(lead) < columns(around.before):
                return "leaves the block"
            text = lead[len(leading(around.before)) :] + first
        else:
            text = _first(lead, bool(inside.before), around) + first

    start = len(before)
    inside = scan(before + text, start, around.line_comments)
    lines = text.split("\n")
    unit = _own_unit(lines, around)
    for number in range(1, len(lines)):
        # Inside a string white space is content.
        if not any(item.endswith(('"', "'")) for item in inside.lines[number - 1]):
            bare = lines[number].lstrip(" \t")
            lines[number] = _native(leading(lines[number]), around, unit) + bare

    ours = not fresh or columns(around.before + leading(lines[0])) > around.block_indent
    if around.block_indent >= 0 and ours:
        for number in range(1, len(lines)):
            line = lines[number]
            # A brace is no bracket that lets its lines stand anywhere, but for Python's.
            free = [item for item in inside.lines[number - 1] if item != "}" or around.language == "python"]
            if line.strip() and not free and columns(line) <= around.block_indent:
                # The line that closes the block is its last; whether it stands below already is for others to see.
                ends = columns(line) == around.block_indent
                ends = ends and line.strip().rstrip(");,") in around.block_closers
                lines = lines[: number + ends]
                break
    text = "\n".join(lines)
    if not text.strip():
        return "leaves the block"
    return candidate if text == candidate.text else msgspec.structs.replace(candidate, text=text)


def _first(lead: str, in_brackets: bool, around: Surroundings) -> str:
    """The first line's own indentation, behind what stands before the cursor: mostly none."""
    if not lead or not around.before:
        return _native(lead, around)
    if in_brackets:
        # Continuation lines are aligned in many ways; only an exact repetition is one.
        return "" if lead == around.before else lead
    above = next((line for line in reversed(around.lines_above) if line.strip()), "")
    deeper = columns(above) + (8 if _tabs(around) else _unit(around))
    whole = _native(around.before + lead, around)
    if above.rstrip().endswith(_OPENS_BLOCK) and columns(whole) == deeper and whole.startswith(around.before):
        return whole[len(around.before) :]
    return ""


def _own_unit(lines: list[str], around: Surroundings) -> int:
    """How many spaces the text writes for one of the document's tabs: the first block that it opens tells."""
    depth = leading(around.before + lines[0]).count("\t")
    if len(lines) > 1 and lines[0].rstrip().endswith(_OPENS_BLOCK) and not leading(lines[1]).strip(" "):
        unit, odd = divmod(len(leading(lines[1])), depth + 1)
        if not odd and unit in (2, 3, 4, 8):
            return unit
    return _UNIT


def _native(lead: str, around: Surroundings, unit: int = _UNIT) -> str:
    """White space in the document's own manner. What mixes tabs and spaces in a document of tabs is an alignment.

    Args:
        unit: spaces of the text that stand for a tab of the document.
    """
    tabs = _tabs(around)
    if tabs is None:
        return lead
    if tabs:
        return lead if "\t" in lead else "\t" * (len(lead) // unit) + " " * (len(lead) % unit)
    return "".join(" " * _unit(around) if character == "\t" else character for character in lead)


def _indented(around: Surroundings) -> list[str]:
    return [
        line
        for line in (*around.lines_above, around.before, *around.lines_below)
        if line.startswith((" ", "\t"))
    ]


def _tabs(around: Surroundings) -> bool | None:
    """Whether the document indents with tabs; ``None`` where it does not indent."""
    indented = _indented(around)
    if not indented:
        return None
    return 2 * sum(line.startswith("\t") for line in indented) > len(indented)


def _unit(around: Surroundings) -> int:
    """Columns of one level of indentation."""
    widths = [columns(line) for line in (*around.lines_above, *around.lines_below) if line.strip()]
    steps = [after - before for before, after in itertools.pairwise(widths) if after - before in (2, 3, 4, 8)]
    return min(steps, default=_UNIT)
