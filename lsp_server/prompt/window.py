"""How much of a document a prompt sees, and where its edges lie. Pure; knows no tokens, only characters.

Typing must only append tokens, so both edges are functions of the document that a key on the cursor's line does not
move: the left edge is a line number divisible by ``EDGE_STEP``; the suffix begins at the same character while the
cursor moves right. (Why: re-evaluating a shifted prompt costs about eight times a reused one,
Kilo-Org/kilocode#12195.)
"""

import re
from collections.abc import Sequence

import msgspec

from lsp_server.base.text import to_bytes

#: Lines that the left edge moves at a time.
EDGE_STEP = 8

#: Characters taken per token of budget. Code in Python averages 3.5 with a 4k vocabulary; the worker cuts exactly.
CHARACTERS_PER_TOKEN = 3.5

#: The same behind the cursor, where nothing is lost by too much.
_BEHIND_PER_TOKEN = 5

#: What editors insert by themselves behind the cursor. Leaving it out of the suffix keeps the prompt the same when
#: an opening bracket brings its closing one along.
_CLOSERS = re.compile(r"[\s)\]}>\"'`;:,]*")


class Window(msgspec.Struct, frozen=True):
    """The part of a document that a prompt shows; ``\\n`` line ends.

    Attributes:
        prefix: text before the cursor, from ``first_line`` on.
        suffix: text behind the cursor; begins with a newline when only closers stand behind it.
        first_line: 0-based line where ``prefix`` begins.
    """

    prefix: str
    suffix: str
    first_line: int


def window(lines: Sequence[str], line: int, column: int, prefix_tokens: int, suffix_tokens: int) -> Window:
    """Cut the window around a cursor.

    Args:
        lines: the document, with line ends.
        line, column: the cursor, column in code points.
        prefix_tokens, suffix_tokens: budgets to aim at.
    """
    before, after = reach(prefix_tokens, suffix_tokens)
    first = edge(lines, line, column, before)
    prefix = model_text("".join(lines[first:line]) + lines[line][:column])
    return Window(prefix, behind(lines, line, column, after), first)


def reach(prefix_tokens: int, suffix_tokens: int) -> tuple[int, int]:
    """The most that a window of these budgets shows, in characters: before the cursor, where its line alone is not
    longer, and behind it, where a line ends then."""
    return int(prefix_tokens * CHARACTERS_PER_TOKEN), suffix_tokens * _BEHIND_PER_TOKEN


def edge(lines: Sequence[str], line: int, column: int, characters: int) -> int:
    """Line on which a window begins; arguments as for ``window`` and from ``reach``."""
    room = characters - column
    first = line
    while first > 0 and len(lines[first - 1]) <= room:
        first -= 1
        room -= len(lines[first])
    return min(line, -(-first // EDGE_STEP) * EDGE_STEP) if first > 0 else 0


def behind(lines: Sequence[str], line: int, column: int, characters: int) -> str:
    """A window's suffix; arguments as for ``window`` and from ``reach``."""
    rest = lines[line][column:]
    if _CLOSERS.fullmatch(rest):
        rest = rest[len(rest.rstrip("\r\n")) :]
    pieces, length, index = [rest], len(rest), line + 1
    while index < len(lines) and length < characters:
        pieces.append(lines[index])
        length += len(lines[index])
        index += 1
    return model_text("".join(pieces))


def model_text(text: str) -> str:
    """``text`` as models were trained on it: ``\\n`` line ends (TabbyML/tabby#3279), and no half surrogate pairs."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if text.isascii() else to_bytes([text]).decode()
