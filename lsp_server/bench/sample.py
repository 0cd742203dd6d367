"""Chooses the places that are asked for: the same ones for the same files and the same seed.

Three kinds. ``rest``: a random column of a random line of code; what is asked for is the rest of that line. ``whole``:
right behind the indentation; what is asked for is the whole line. ``block``: where the first line of a short block
begins; what is asked for is the block. A fourth kind, ``hole``, is not chosen here, see ``infilling``. Does not know
what answers.
"""

import hashlib
import heapq
import random
from collections import Counter, deque
from collections.abc import Sequence
from typing import Literal, TypeVar

import msgspec

from lsp_server.base.text import content
from lsp_server.bench.blocks import blocks
from lsp_server.bench.files import Source, read
from lsp_server.bench.languages import CodeLine, code_lines

Item = TypeVar("Item")

Kind = Literal["rest", "whole", "block", "hole"]

#: The largest part of a workspace's places that one file may have, where there are files enough.
_SHARE = 0.05


class Place(msgspec.Struct, frozen=True):
    """A cursor in a file.

    Attributes:
        line, column: 0-based, the column in code points.
        truth: what the file has from there to the end of the line, a comment at the end left out; of a block, to the
            end of its last line.
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
    """The document as it would be if the line ended at the cursor, and a block's other lines were not there."""
    line = lines[place.line]
    return [
        *lines[: place.line],
        line[: place.column] + line[len(content(line)) :],
        *lines[place.line + 1 + place.truth.count("\n") :],
    ]


def sample(sources: Sequence[Source], rest: int, whole: int, seed: int, block: int = 0) -> list[Place]:
    """Choose places.

    A file is drawn by its size, then a line of code in it that was not drawn before; no file gets more than its share
    where there are files enough. Each file draws by itself, so that a change in one leaves the places in the others as
    they were, but for a few.

    Args:
        rest, whole, block: how many of each kind; fewer when there are not so many lines. How many blocks changes
            none of the other places.
    """
    files = [_File(source, seed) for source in sources]
    chosen = [*_draw(files, "rest", rest), *_draw(files, "whole", whole), *_draw(files, "block", block)]
    return sorted(chosen, key=lambda place: (place.source.name, place.line, place.kind))


def spread(items: Sequence[Item], most: int) -> list[Item]:
    """At most so many items, evenly spread over all there are."""
    step = max(1.0, len(items) / most)
    return [items[int(index * step)] for index in range(min(most, len(items)))]


class _File:
    """A file that offers its lines of code, and its blocks, in random order; it is read when it is first drawn."""

    def __init__(self, source: Source, seed: int) -> None:
        self.source = source
        self._chance = random.Random(f"{seed}:{source.name}")
        self._pause = random.Random(f"{seed}:pause:{source.name}")
        self._shuffle = random.Random(f"{seed}:block:{source.name}")
        self._text: tuple[list[str], list[CodeLine]] | None = None
        self._lines: deque[tuple[Place, Place]] | None = None
        self._blocks: deque[Place] | None = None

    def pause(self) -> float:
        """The time until the file is drawn again, if a file is drawn as often as it is large: the intervals of a
        Poisson process."""
        return self._pause.expovariate(self.source.size)

    def next(self, kind: Kind) -> Place | None:
        """A place in a line that was not offered before, or a block that was not; the two kinds of lines begin at two
        ends of the same order."""
        if kind == "block":
            if self._blocks is None:
                self._blocks = deque(self._all_blocks())
            return self._blocks.popleft() if self._blocks else None
        if self._lines is None:
            self._lines = deque(self._all_lines())
        if not self._lines:
            return None
        return self._lines.popleft()[0] if kind == "rest" else self._lines.pop()[1]

    def _read(self) -> tuple[list[str], list[CodeLine]]:
        if self._text is None:
            lines = read(self.source.path) or []
            self._text = lines, code_lines(self.source.language, lines)
        return self._text

    def _all_lines(self) -> list[tuple[Place, Place]]:
        """Every line of code as a place of both kinds."""
        lines, code = self._read()
        found = []
        for where in code:
            line, column = content(lines[where.number]), self._chance.randrange(where.start, where.end)
            rest = Place(self.source, "rest", where.number, column, line[column : where.end])
            whole = Place(self.source, "whole", where.number, where.start, line[where.start : where.end])
            found.append((rest, whole))
        self._chance.shuffle(found)
        return found

    def _all_blocks(self) -> list[Place]:
        """Every short block."""
        found = [
            Place(self.source, "block", block.first, block.column, block.text)
            for block in blocks(self.source.language, *self._read())
        ]
        self._shuffle.shuffle(found)
        return found


def _draw(files: Sequence[_File], kind: Kind, number: int) -> list[Place]:
    most = max(1, round(number * _SHARE))
    drawn: Counter[str] = Counter()
    places: list[Place] = []
    waiting = [(file.pause(), file.source.name, file) for file in files]
    full: list[tuple[float, str, _File]] = []
    heapq.heapify(waiting)
    while len(places) < number and (waiting or full):
        if not waiting:  # too few files: now any of them may have more
            waiting, full, most = full, [], number
            heapq.heapify(waiting)
        time, name, file = heapq.heappop(waiting)
        if drawn[name] >= most:
            full.append((time, name, file))
            continue
        place = file.next(kind)
        if place is not None:
            drawn[name] += 1
            places.append(place)
            heapq.heappush(waiting, (time + file.pause(), name, file))
    return places
