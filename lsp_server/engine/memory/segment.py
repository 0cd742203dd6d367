"""An index over pieces of text, as tokens: where a context stands in them, the longest matches first.

A suffix array over the reversed tokens (Manber and Myers 1993, "Suffix arrays: a new method for on-line string
searches"): contexts that end alike are neighbours in it, so one binary search finds the longest matches of any length
up to ``REACH``. It is built once and never changes; ``store.Memory`` puts newer segments beside it. Knows token ids
only: no text, no files, no time.
"""

import bisect
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

#: Tokens before the cursor that are looked at; longer matches count as this long.
REACH = 32

#: Neighbours of the context in the suffix array that are looked at, on either side.
_NEIGHBOURS = 64

#: Bits of a sort key.
_KEY_BITS = 62

Ids = npt.NDArray[np.int64]


class Segment:
    """Some pieces' tokens and their suffix array: 6 bytes a token, or 8 where the vocabulary has 65,535 or more.

    Attributes:
        names: of the document that each piece belongs to, in order.
        sizes: tokens of each piece, and a break behind it: nothing matches across that. Shape (pieces,).
        size: of all of them.
    """

    def __init__(self, pieces: Sequence[tuple[str, Ids]], vocabulary: int) -> None:
        """Build the index.

        Args:
            pieces: names of documents and tokens.
        """
        self.names = tuple(name for name, _ in pieces)
        kind = np.dtype(">u2" if vocabulary < 1 << 16 else ">u4")
        stop = np.full(1, np.iinfo(kind).max, np.int64)
        parts: list[Ids] = [stop]
        for _, ids in pieces:
            parts += [ids[::-1], stop]
        backwards = np.concatenate(parts)
        self.size = len(backwards)
        self.sizes = np.array([len(ids) + 1 for _, ids in pieces], np.int64)
        #: Where each piece begins in ``backwards``, and where the last ends.
        self._starts = np.cumsum([1, *self.sizes])
        self._width = kind.itemsize
        #: Big-endian, so that bytes compare as tokens do; padded, so that a slice near the end is as long as any.
        self._bytes = np.pad(backwards, (0, REACH), constant_values=stop[0]).astype(kind).tobytes()
        self._tokens = np.frombuffer(self._bytes, kind)
        #: What stands behind each place. Only asked for equality, which does not depend on the order of bytes, and
        #: numpy is quicker with the machine's own.
        self._windows = sliding_window_view(self._tokens.view(kind.newbyteorder("=")), REACH)
        order = _sorted_suffixes(backwards, vocabulary)
        followed = (backwards[order] < vocabulary) & (backwards[order - 1] < vocabulary)
        self._order = order[followed].astype(np.int32)
        self._view = memoryview(self._order)  # type: ignore[arg-type]

    @property
    def footprint(self) -> int:
        """Bytes that the tokens and their order take."""
        return len(self._bytes) + self._order.nbytes

    def piece(self, index: int) -> Ids:
        """A piece's tokens, as they were given."""
        start, end = int(self._starts[index]), int(self._starts[index + 1])
        return self._tokens[start : end - 1][::-1].astype(np.int64)

    def key(self, context: Sequence[int]) -> bytes:
        """A context as ``matches`` wants it: its last ``REACH`` tokens, backwards."""
        return np.asarray(context[-REACH:][::-1], self._tokens.dtype).tobytes()

    def matches(self, key: bytes) -> tuple[Ids, Ids, Ids]:
        """Where a context stands.

        Returns:
            length of each match in tokens (at least 1), the token behind it, and its place: an index that
            ``pieces_of`` understands. Shapes (n,); among matches of the shortest length some may be missing.
        """
        if not key:
            nowhere = np.empty(0, np.int64)
            return nowhere, nowhere, nowhere
        width, text = self._width, self._bytes
        size = len(key)
        middle = bisect.bisect_left(
            self._view, key, key=lambda place: text[width * place : width * place + size]
        )
        places = self._order[max(0, middle - _NEIGHBOURS) : middle + _NEIGHBOURS]
        wanted = np.frombuffer(key, self._windows.dtype)
        same = self._windows[places][:, : len(wanted)] == wanted
        lengths = np.where(same.all(axis=1), len(wanted), same.argmin(axis=1))
        found = np.flatnonzero(lengths)
        there: Ids = places[found].astype(np.int64)
        return lengths[found].astype(np.int64), self._tokens[there - 1].astype(np.int64), there

    def pieces_of(self, places: Ids) -> Ids:
        """Index of the piece that each place is in."""
        return np.searchsorted(self._starts, places, side="right") - 1


def _sorted_suffixes(tokens: Ids, vocabulary: int) -> Ids:
    """Order the suffixes by their first ``REACH`` tokens at least, by doubling ranks."""
    bits = (vocabulary + 1).bit_length()
    reach = min(REACH, len(tokens))
    depth = min(_KEY_BITS // bits, reach)
    clipped = np.minimum(tokens, vocabulary)
    keys: Ids = np.zeros(len(tokens), np.int64)
    for step in range(depth):
        keys <<= bits
        keys[: len(keys) - step] |= clipped[step:]
    order = np.argsort(keys)
    while depth < reach:
        ordered = keys[order]
        new = np.empty(len(keys), np.int64)
        new[0] = 1
        np.not_equal(ordered[1:], ordered[:-1], out=new[1:], casting="unsafe")
        ranks = np.empty(len(keys), np.int64)
        ranks[order] = np.cumsum(new)
        if ranks[order[-1]] == len(keys):
            break
        keys = ranks << 31
        keys[: len(keys) - depth] |= ranks[depth:]
        order = np.argsort(keys)
        depth *= 2
    return order
