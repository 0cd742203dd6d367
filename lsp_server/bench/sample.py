"""Chooses the places that are asked for: the same ones for the same files and the same seed.

Two kinds. ``rest``: a random column of a random line of code; what is asked for is the rest of that line. ``whole``:
right behind the indentation; what is asked for is the whole line. Does not know what answers.
"""

import hashlib
import random
from collections import Counter
from collections.abc import Sequence
from typing import Literal

import msgspec

from lsp_server.base.text import content
from lsp_server.bench.files import Source, read
from lsp_server.bench.languages import CodeLine, code_lines

Kind = Literal["rest", "whole"]

#: The largest part of a workspace's places that one file may have, where there are files enough.
_SHARE = 0.05


class Place(msgspec.Struct, frozen=True):
    """A cursor in a file.

    Attributes:
        line, column: 0-based, the column in code points.
        truth: what the file has from there to the end of the line, a comment at the end left out.
    """

    source: Source
    kind: Kind
    line: int
    column: int
    truth: str

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits that stand for the place and tell nothing of it."""
        text = f"{self.source.name}:{self.line}:{self.column}:{self.kind}"
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def hole(lines: Sequence[str], place: Place) -> list[str]:
    """The document as it would be if the line ended at the cursor."""
    line = lines[place.line]
    return [
        *lines[: place.line],
        line[: place.column] + line[len(content(line)) :],
        *lines[place.line + 1 :],
    ]


def sample(sources: Sequence[Source], rest: int, whole: int, seed: int) -> list[Place]:
    """Choose places.

    A file is drawn by its size, then a line of code in it that was not drawn before; no file gets more than its share
    while others have lines left.

    Args:
        rest, whole: how many of each kind; fewer when there are not so many lines.
    """
    chance = random.Random(seed)
    lines = _Lines(chance)
    chosen = [
        *_draw(chance, lines, sources, "rest", rest),
        *_draw(chance, lines, sources, "whole", whole),
    ]
    return sorted(chosen, key=lambda place: (place.kind, place.source.name, place.line))


class _Lines:
    """Each file's lines of code in random order, read when the file is first drawn."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._left: dict[str, list[tuple[CodeLine, str]]] = {}

    def next(self, source: Source) -> tuple[CodeLine, str] | None:
        left = self._left.get(source.name)
        if left is None:
            lines = read(source.path) or []
            left = [(found, content(lines[found.number])) for found in code_lines(source.language, lines)]
            self._chance.shuffle(left)
            self._left[source.name] = left
        return left.pop() if left else None


def _draw(
    chance: random.Random, lines: _Lines, sources: Sequence[Source], kind: Kind, number: int
) -> list[Place]:
    most = max(1, round(number * _SHARE))
    drawn: Counter[str] = Counter()
    pool, full = list(sources), list[Source]()
    places: list[Place] = []
    while len(places) < number and (pool or full):
        if not pool:  # too few files: now any of them may have more
            pool, full, most = full, [], number
        source = chance.choices(pool, [one.size for one in pool])[0]
        if drawn[source.name] >= most:
            pool.remove(source)
            full.append(source)
            continue
        found = lines.next(source)
        if found is None:
            pool.remove(source)
            continue
        where, line = found
        column = where.start if kind == "whole" else chance.randrange(where.start, where.end)
        drawn[source.name] += 1
        places.append(Place(source, kind, where.number, column, line[column : where.end]))
    return places
