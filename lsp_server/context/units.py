"""Cuts a file into units that are compared as wholes: a function with its documentation, the head of a class with its
fields, a stretch of what stands between.

Works on lines, so that a unit can be shown as it is. Does not know any syntax but what an outline says. Pure.
"""

import re
from bisect import bisect_right
from itertools import pairwise

from lsp_server.context.symbols import CLASSES, FUNCTIONS, Outline

#: Lines of a function that are one unit, and of what is in no function; a unit's bytes, whatever its lines.
LONGEST_FUNCTION, LONGEST_LOOSE, LONGEST_BYTES = 60, 40, 8000

_LETTER = re.compile(rb"[A-Za-z_\x80-\xff]")


def units(outline: Outline, source: bytes) -> list[tuple[int, int]]:
    """Where the units begin and end, in order; whatever is not blank is in exactly one of them.

    A unit begins at the begin of a line and ends behind one, its line break left out, unless a single line is longer
    than ``LONGEST_BYTES``.

    Args:
        outline: of ``source``.
    """
    lines = _Lines(source)
    functions: set[int] = set()
    cuts = {0, len(lines)}
    for one in outline.definitions:
        is_function = one.kind in FUNCTIONS
        if not is_function and one.kind not in CLASSES:
            continue
        start = one.doc_start if 0 < one.doc_end <= one.start else one.start
        first, behind = lines.at(start), lines.at(max(start, one.end - 1)) + 1
        cuts |= {first, behind}
        if is_function:
            functions.add(first)
    pieces: list[tuple[int, int]] = []
    for first, behind in pairwise(sorted(cuts)):
        while first < behind and lines.is_blank(behind - 1):
            behind -= 1
        while first < behind and lines.is_blank(first):
            first += 1
        if first == behind:
            continue
        if pieces and not lines.has_names(first, behind) and behind - pieces[-1][0] <= LONGEST_FUNCTION:
            pieces[-1] = (pieces[-1][0], behind)  # what closes a class
            continue
        longest = LONGEST_FUNCTION if first in functions else LONGEST_LOOSE
        pieces += lines.split(first, behind, longest)
    return [unit for first, behind in pieces for unit in _short(source, *lines.span(first, behind))]


class _Lines:
    """The lines of a text, by number."""

    def __init__(self, source: bytes) -> None:
        self._source = source
        self._texts = source.split(b"\n")
        self._starts = [0]
        for text in self._texts:
            self._starts.append(self._starts[-1] + len(text) + 1)

    def __len__(self) -> int:
        return len(self._texts)

    def at(self, offset: int) -> int:
        """The line that a byte is on."""
        return bisect_right(self._starts, offset) - 1

    def span(self, first: int, behind: int) -> tuple[int, int]:
        """Where lines begin and end, in bytes."""
        return self._starts[first], self._starts[behind] - 1

    def is_blank(self, line: int) -> bool:
        """Whether there is nothing on a line."""
        return not self._texts[line].strip()

    def has_names(self, first: int, behind: int) -> bool:
        """Whether there are letters on lines."""
        return any(_LETTER.search(text) for text in self._texts[first:behind])

    def split(self, first: int, behind: int, longest: int) -> list[tuple[int, int]]:
        """Lines in pieces of at most ``longest``: cut where a line is empty, or else where the next is indented least,
        as late as can be."""
        pieces = []
        while behind - first > longest:
            choices = range(first + longest // 2, first + longest + 1)
            cut = max(choices, key=lambda line: (self.is_blank(line), -self._indent(line), line))
            pieces.append((first, cut))
            first = cut
            while self.is_blank(first):
                first += 1
        return [*pieces, (first, behind)]

    def _indent(self, line: int) -> int:
        text = self._texts[line]
        return len(text) - len(text.lstrip())


def _short(source: bytes, start: int, end: int) -> list[tuple[int, int]]:
    """A unit in pieces of at most ``LONGEST_BYTES``: cut behind a line or else a statement, or else between any two
    characters."""
    pieces = []
    while end - start > LONGEST_BYTES:
        least, most = start + LONGEST_BYTES // 2, start + LONGEST_BYTES
        cut = max(source.rfind(b"\n", least, most), source.rfind(b";", least, most)) + 1 or most
        while source[cut] & 0xC0 == 0x80:  # inside a character of UTF-8
            cut -= 1
        pieces.append((start, cut))
        start = cut
    pieces.append((start, end))
    return [(start, end) for start, end in pieces if source[start:end].strip()]
