"""What the copy memory knows: open documents, files of the workspace, lines deleted lately.

A log-structured set of segments: what changes now has a segment of its own, the rest lies in large ones that are
merged in the background, and a document that was replaced or forgotten is only marked dead there. Knows names and
token ids: no text, no files, no time. Thread-safe: one thread completes while another learns.
"""

import itertools
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from lsp_server.engine.memory.segment import REACH, Ids, Segment
from lsp_server.engine.messages import DELETED_LINES

#: Documents with a segment of their own; the one not touched for longest is merged when there are more.
_HOT = 3

#: Tokens that may be held; a file that is too much is not learnt. With 16-bit tokens they take 60 MB.
CAPACITY = 10_000_000

#: Tokens of one segment. Building one takes 60 bytes a token for a moment, so this bounds the memory.
_SEGMENT = 2_000_000

#: A segment is merged with the smaller ones if it is at most so many times their size.
_RATIO = 2

#: Segments that wait for a quiet moment; a question asks each of them.
_MOST = 12

#: Questions to a view whose answers are remembered: about as many as there are tokens in a draft.
_ASKED = 16

#: Where a match stands, seen from the cursor; the index of its weight in ``mixture``.
DEAD, WORKSPACE, DIRECTORY, OPEN, DELETED, BELOW, ABOVE = range(7)


class Matches(msgspec.Struct, frozen=True, eq=False):
    """Where a context stands in what is remembered. Equal to itself alone.

    Attributes:
        lengths: of the matches in tokens, at least 1; shape (n,), in no order.
        tokens: what followed, shape (n,).
        kinds: where it stands, ``WORKSPACE`` to ``ABOVE``, shape (n,).
    """

    lengths: Ids
    tokens: Ids
    kinds: Ids


class _Held(msgspec.Struct, frozen=True, eq=False):
    """A segment and what became of its documents since.

    Attributes:
        alive: per piece; written to as documents are replaced.
        directories: number of each piece's directory.
    """

    segment: Segment
    alive: npt.NDArray[np.bool_]
    directories: Ids

    @property
    def living(self) -> int:
        """Tokens of the pieces that count."""
        return int(self.segment.sizes[self.alive].sum())


class Memory:
    """The remembered documents."""

    def __init__(self, vocabulary: int) -> None:
        """Know nothing.

        Args:
            vocabulary: number of token ids.
        """
        self._vocabulary = vocabulary
        self._lock = threading.RLock()
        self._cold: tuple[_Held, ...] = ()
        self._hot: OrderedDict[str, _Held] = OrderedDict()
        self._homes: dict[str, tuple[_Held, slice]] = {}
        self._open: set[str] = set()
        self._directories: dict[str, int] = {}

    @property
    def documents(self) -> int:
        """How many documents are remembered."""
        return len(self._homes)

    @property
    def size(self) -> int:
        """Tokens held, those of dead documents included."""
        return sum(held.segment.size for held in (*self._cold, *self._hot.values()))

    @property
    def segments(self) -> int:
        """How many segments there are."""
        return len(self._cold) + len(self._hot)

    @property
    def footprint(self) -> int:
        """Bytes that the segments take."""
        return sum(held.segment.footprint for held in (*self._cold, *self._hot.values()))

    def remember(self, name: str, pieces: Sequence[Sequence[int]]) -> None:
        """Keep an open document, in place of what was known under its name.

        Args:
            pieces: token ids; nothing is taken to follow from the end of one to the beginning of the next. The first
                is what stands above the cursor. Without any the document is forgotten.
        """
        with self._lock:
            self._bury(name)
            self._open.discard(name)
            if not pieces:
                return
            self._open.add(name)
            held = self._hold(_pieces(name, pieces))
            self._hot[name] = held
            self._homes[name] = (held, slice(None))

    def learn(self, documents: Iterable[tuple[str, Sequence[Sequence[int]]]]) -> None:
        """Keep files, in place of what was known under their names; open documents stay as they are.

        Builds a segment, and merges some where they are many: seconds where there are millions of tokens, so call it in
        the background.
        """
        fresh: list[tuple[str, Ids]] = []
        room = CAPACITY - self.size
        for name, pieces in documents:
            size = sum(map(len, pieces))
            if name in self._open or (size > room and name not in self._homes):
                continue
            room -= size
            fresh += _pieces(name, pieces)
        if fresh:
            self._add(fresh)
        if len(self._cold) > _MOST:
            self._merge()

    def forget(self, names: Iterable[str]) -> None:
        """Drop documents; unknown ones are no matter."""
        with self._lock:
            for name in names:
                self._bury(name)
                self._open.discard(name)

    def tidy(self) -> None:
        """Merge what is small into larger segments; call it in the background, when there is nothing more urgent."""
        with self._lock:
            settled = tuple(self._hot.values())[:-_HOT]
        if settled:
            self._add(_living(settled), replaced=settled)
        self._merge()

    def view(self, own: str) -> "View":
        """What is remembered just now, as it looks from one document."""
        directory = self._directories.get(_parent(own), -1)
        layers: list[tuple[Segment, Ids]] = []
        with self._lock:
            for name, held in self._hot.items():
                kinds: Ids = np.full(len(held.alive), DELETED if name == DELETED_LINES else OPEN)
                if name == own:
                    kinds[:1], kinds[1:] = ABOVE, BELOW
                layers.append((held.segment, kinds))
            for held in self._cold:
                kinds = np.where(held.directories == directory, DIRECTORY, WORKSPACE)
                for name in self._open - self._hot.keys():
                    home, pieces = self._homes[name]
                    if home is held:
                        kinds[pieces] = ABOVE if name == own else OPEN
                layers.append((held.segment, np.where(held.alive, kinds, DEAD)))
        return View(tuple(layers))

    # --- keeping

    def _hold(self, documents: Sequence[tuple[str, Ids]]) -> _Held:
        directories = [
            self._directories.setdefault(_parent(name), len(self._directories)) for name, _ in documents
        ]
        return _Held(
            Segment(documents, self._vocabulary),
            np.ones(len(documents), bool),
            np.array(directories, np.int64),
        )

    def _bury(self, name: str) -> None:
        """Mark what is known under a name as dead."""
        home = self._homes.pop(name, None)
        if home is None:
            return
        held, pieces = home
        held.alive[pieces] = False
        if self._hot.get(name) is held:
            del self._hot[name]
        elif not held.alive.any():
            self._cold = tuple(other for other in self._cold if other is not held)

    def _add(self, documents: Sequence[tuple[str, Ids]], replaced: Sequence[_Held] = ()) -> None:
        """Put documents into a new cold segment.

        Args:
            replaced: the segments that they came from; a document that has another home by now stays there.
        """
        if not documents:
            return
        fresh = self._hold(documents)
        with self._lock:
            for name, pieces in _runs(fresh.segment.names):
                home = self._homes.get(name)
                if (home is not None and home[0] in replaced) if replaced else name not in self._open:
                    self._bury(name)
                    self._homes[name] = (fresh, pieces)
                else:
                    fresh.alive[pieces] = False
            if fresh.alive.any():
                self._cold = tuple(sorted((*self._cold, fresh), key=lambda held: -held.segment.size))

    def _merge(self) -> None:
        """Join segments until each is much larger than all smaller ones together, or as large as any may be."""
        while True:
            with self._lock:
                worth = self._worth_merging()
                documents = _living(worth)
            if not worth:
                break
            self._add(documents, replaced=worth)
            with self._lock:  # whatever was alive in them has moved
                self._cold = tuple(held for held in self._cold if held not in worth)

    def _worth_merging(self) -> Sequence[_Held]:
        """The smallest segments that together make one of their own kind; or one that is mostly dead."""
        group: list[_Held] = []
        size = 0
        for held in reversed(self._cold):
            if group and (held.segment.size > _RATIO * size or held.segment.size + size > _SEGMENT):
                if len(group) > 1:
                    return group
                group, size = [], 0
            group.append(held)
            size += held.segment.size
        if len(group) > 1:
            return group
        return [held for held in self._cold if held.living < held.segment.size / 2][:1]


class View:
    """What is remembered, frozen for one request."""

    def __init__(self, layers: Sequence[tuple[Segment, Ids]]) -> None:
        """Take segments, each with the kinds of its pieces."""
        self._layers = layers
        self._asked: dict[tuple[int, ...], Matches] = {}

    def only(self, kinds: Sequence[int]) -> "View":
        """The view of what stands in certain places."""
        seen = [(segment, np.where(np.isin(of, kinds), of, DEAD)) for segment, of in self._layers]
        return View([(segment, of) for segment, of in seen if of.any()])

    def matches(self, context: Sequence[int]) -> Matches:
        """Where a context's last tokens stand. The last questions are remembered: what is drafted is asked twice."""
        last = tuple(context[-REACH:])
        if last not in self._asked:
            if len(self._asked) == _ASKED:
                del self._asked[next(iter(self._asked))]
            self._asked[last] = self._matches(context)
        return self._asked[last]

    def _matches(self, context: Sequence[int]) -> Matches:
        found: list[tuple[Ids, Ids, Ids]] = []
        key = b""
        for segment, kinds in self._layers:
            key = key or segment.key(context)
            lengths, tokens, places = segment.matches(key)
            if len(lengths):
                found.append((lengths, tokens, kinds[segment.pieces_of(places)]))
        if not found:
            empty = np.empty(0, np.int64)
            return Matches(empty, empty, empty)
        lengths, tokens, kinds = (np.concatenate(column) for column in zip(*found, strict=True))
        alive = kinds != DEAD
        return Matches(lengths[alive], tokens[alive], kinds[alive])


def _pieces(name: str, pieces: Iterable[Sequence[int]]) -> list[tuple[str, Ids]]:
    return [(name, np.asarray(piece, np.int64)) for piece in pieces]


def _living(segments: Iterable[_Held]) -> list[tuple[str, Ids]]:
    """The pieces of some segments that count."""
    return [
        (held.segment.names[index], held.segment.piece(index))
        for held in segments
        for index in np.flatnonzero(held.alive).tolist()
    ]


def _runs(names: Sequence[str]) -> Iterator[tuple[str, slice]]:
    """Each name and where its pieces are; they stand together."""
    start = 0
    for name, group in itertools.groupby(names):
        end = start + sum(1 for _ in group)
        yield name, slice(start, end)
        start = end


def _parent(name: str) -> str:
    return name.rpartition("/")[0]
