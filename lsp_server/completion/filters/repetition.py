"""Cuts a text that runs in circles, as small models do. Looks at the text alone, never at the document."""

import re

import msgspec

from lsp_server.completion.filters.lexical import has_letters
from lsp_server.completion.types import Candidate, Surroundings

#: So many equal lines in a row are a loop; two may be meant.
_LINES_IN_A_ROW = 3
#: So many lines of white space in a row end the text: two are what Python puts between definitions.
_BLANK_IN_A_ROW = 2

#: A phrase four times over and on to the end of the line: the model stopped because its budget did.
_TO_THE_END = re.compile(r"(?P<phrase>.{2,40}?)(?P=phrase){3,}(?P<rest>.{0,40})$")
#: Eight times over, whatever follows. ``(None, None, None, None)`` is neither.
_ANYWHERE = re.compile(r"(?P<phrase>.{2,40}?)(?P=phrase){7,}")
#: So many members of a series that counts on, in one line or one a line, are a loop, too.
_LONGEST_SERIES = 8
_SERIES = re.compile(r"(?P<phrase>\D{2,40}?)(?P=phrase){11,}")
_NUMBER = re.compile(r"\d+")

#: Longer lines are judged by their beginning and their end: matching is quadratic in the length.
_LONGEST = 400


def _circles(line: str) -> bool:
    """Whether a phrase that has letters in it is repeated within the line."""
    line = line.strip()
    counted = _NUMBER.sub("#", line[:_LONGEST])
    if counted != line and any(has_letters(found["phrase"]) for found in _SERIES.finditer(counted)):
        return True
    if any(has_letters(found["phrase"]) for found in _ANYWHERE.finditer(line[:_LONGEST])):
        return True
    tail = line[-_LONGEST:]
    # The match that begins first need not be the one that reaches the end, so each is looked at in turn.
    found = _TO_THE_END.search(tail)
    while found:
        if has_letters(found["phrase"]) and found["phrase"].startswith(found["rest"]):
            return True
        found = _TO_THE_END.search(tail, found.start() + 1)
    return False


def _period(lines: list[str], begin: int) -> int:
    """Number of lines, from ``begin`` on, that are at once repeated as a block; 0 when they are not."""
    for length in range(1, (len(lines) - begin) // 2 + 1):
        block = lines[begin : begin + length]
        if not any(map(has_letters, block)):
            continue
        times = 1
        while lines[begin + times * length : begin + (times + 1) * length] == block:
            times += 1
        if times >= (_LINES_IN_A_ROW if length == 1 else 2):
            return length
    return 0


def _series(lines: list[str], begin: int) -> bool:
    """Whether from a line on a long run of lines differs in its numbers only."""
    run = [_NUMBER.sub("#", line) for line in lines[begin : begin + _LONGEST_SERIES]]
    return len(run) == _LONGEST_SERIES and len(set(run)) == 1 and has_letters(run[0])


def apply(candidate: Candidate, around: Surroundings) -> Candidate | str:
    """Keep the first of three equal lines, of two equal blocks or of a long series; cut before a line that runs in
    circles."""
    raw = candidate.text.split("\n")
    lines = [line.strip() for line in raw]
    for number, line in enumerate(lines):
        if _circles(line):
            if not any(lines[:number]):
                return "repeats itself within a line"
            return msgspec.structs.replace(candidate, text="\n".join(raw[:number]))
        blank = number > 0 and not any(lines[number : number + _BLANK_IN_A_ROW])
        if blank and any(lines[number:]) and len(lines) > number + _BLANK_IN_A_ROW:
            return msgspec.structs.replace(candidate, text="\n".join(raw[:number]))
        if _series(lines, number):
            return msgspec.structs.replace(candidate, text="\n".join(raw[: number + 1]))
        period = _period(lines, number)
        if period:
            return msgspec.structs.replace(candidate, text="\n".join(raw[: number + period]))
    return candidate
