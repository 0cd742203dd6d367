"""Short blocks of a text: the few lines behind one that opens a block, by indentation and how that line ends.

So blocks are found in every language that is measured, the same way in all, without a grammar. Does not know which of
them are asked for.
"""

import re
from collections.abc import Iterable, Sequence

import msgspec

from lsp_server.base.text import content
from lsp_server.bench.languages import CodeLine, Spoken
from lsp_server.context.lines import indent

#: Lines that a block may have; longer ones nobody expects to be guessed.
MOST_LINES = 4


class Block(msgspec.Struct, frozen=True):
    """A block: where its first line's code begins (0-based, the column in code points), and its text from there to the
    end of its last line."""

    first: int
    column: int
    text: str


def blocks(language: Spoken, lines: Sequence[str], code_lines: Iterable[CodeLine]) -> list[Block]:
    """The blocks of one to ``MOST_LINES`` lines that hold nothing but code: no blank line, no comment of its own, no
    string that goes on below.

    Args:
        code_lines: those of ``lines`` that hold code.
    """
    bare = [content(line) for line in lines]
    code = {one.number: one for one in code_lines}
    opens = re.compile(language.opens)
    found = []
    for number, opener in code.items():
        first, level = number + 1, indent(bare[number])
        if first not in code or not opens.search(bare[number][: opener.end]):
            continue
        last = first - 1
        while last + 1 in code and indent(bare[last + 1]) > level and last - first < MOST_LINES:
            last += 1
        if first <= last < first + MOST_LINES and not code[last].goes_on and _ends(bare, last, level):
            column = code[first].start
            text = "\n".join((bare[first][column:], *bare[first + 1 : last + 1]))
            found.append(Block(first, column, text))
    return found


def _ends(bare: Sequence[str], last: int, level: int) -> bool:
    """Whether nothing below a line belongs to its block any more."""
    below = next((line for line in bare[last + 1 :] if line.strip()), "")
    return indent(below) <= level
