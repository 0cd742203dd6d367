"""What is cut out of a document for the model to fill in: what people ask a completion for. Pure; no tokens.

The kinds: the rest of a line from anywhere in it; a word, or what goes up to the next bracket, quote
or comma; a few lines; the block behind a line that opens one. Most begin inside an identifier, as cursors do.
(Random spans of characters, as in https://arxiv.org/abs/2207.14255, hardly ever are what somebody would ask for.)
"""

import re
from collections.abc import Sequence
from random import Random
from typing import Literal

import msgspec

Kind = Literal["rest", "word", "lines", "block"]

_KINDS: tuple[Kind, ...] = ("rest", "word", "lines", "block")
_WEIGHTS = (0.5, 0.15, 0.15, 0.2)

#: Lines that a hole of several lines may have.
_MOST_LINES = 12

#: A line that opens a block, in the languages that are trained on; comments behind it do not matter here.
_OPENER = re.compile(r".*(?:[:{(\[]|\b(?:then|do|else|repeat)|\bfunction\b[^)]*\)|=>)\s*$")

#: Lines without code of their own.
_COMMENT = re.compile(r"\s*(?:#|//|--|/?\*|\"\"\"|''')")

_WORD_END = re.compile(r"\w*[^\w\s]?|\s*\w+")
_ARGUMENT_END = re.compile(r"[^)\]},;:'\"]+")

#: Lines that are looked at for one with code.
_TRIES = 20


class Hole(msgspec.Struct, frozen=True):
    """From a cursor to where the file goes on; lines and columns from 0, in code points."""

    kind: Kind
    line: int
    column: int
    last_line: int
    last_column: int

    def middle(self, lines: Sequence[str]) -> str:
        """What is missing. ``lines`` have their line ends."""
        if self.line == self.last_line:
            return lines[self.line][self.column : self.last_column]
        between = lines[self.line + 1 : self.last_line]
        return "".join((lines[self.line][self.column :], *between, lines[self.last_line][: self.last_column]))


def cut(lines: Sequence[str], chance: Random) -> Hole | None:
    """Choose a hole; ``None`` when no line was found that has code."""
    for _ in range(_TRIES):
        number = chance.randrange(len(lines))
        line = lines[number].rstrip()
        if line and not (_COMMENT.match(line) and chance.random() < 0.8):
            break
    else:
        return None
    column = chance.randrange(len(line) - len(line.lstrip()), len(line))
    kind = chance.choices(_KINDS, _WEIGHTS)[0]
    if kind == "block":
        found = _block(lines, number, chance)
        if found is not None:
            return found
        kind = "rest"
    if kind == "word":
        pattern = _WORD_END if chance.random() < 0.5 else _ARGUMENT_END
        match = pattern.match(line, column)
        if match and match.end() > column:
            return Hole("word", number, column, number, match.end())
        kind = "rest"
    last = number
    if kind == "lines":
        last = min(number + chance.randint(1, 4), len(lines) - 1)
        while last > number and not lines[last].strip():
            last -= 1
    return Hole(kind, number, column, last, len(lines[last].rstrip()))


def _block(lines: Sequence[str], near: int, chance: Random) -> Hole | None:
    """The body behind the nearest line above that opens a block, whole."""
    opener = next(
        (n for n in range(near, max(-1, near - 2 * _MOST_LINES), -1) if _OPENER.match(lines[n])), None
    )
    if opener is None:
        return None
    outer = indent(lines[opener])
    last = opener
    for number in range(opener + 1, min(opener + _MOST_LINES + 2, len(lines))):
        if not lines[number].strip():
            continue
        if indent(lines[number]) <= outer:
            break
        last = number
    if not opener < last <= opener + _MOST_LINES:
        return None
    end = len(lines[last].rstrip())
    if chance.random() < 0.5:
        return Hole("block", opener, len(lines[opener].rstrip()), last, end)
    return (
        Hole("block", opener + 1, indent(lines[opener + 1]), last, end) if lines[opener + 1].strip() else None
    )


def indent(line: str) -> int:
    """Characters in front of a line's text: a column, which ``context.lines.indent`` is not where there are tabs."""
    return len(line) - len(line.lstrip(" \t"))
