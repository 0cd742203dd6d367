"""The copy model: what followed in the user's own code the last time these tokens stood there.

For the tokens before the cursor it finds where the same tokens stand in what it remembers, the longer the match the
better, and mixes what came next into the network's distribution. It costs no training and knows the user's names.

The mixture is a nested back-off over match lengths k (Hellendoorn and Devanbu 2017, "Are deep neural networks the best
choice for modeling source code?"): p_k = (c + a_k u p_(k-1)) / (C + a_k u), where c counts each next token among the
matches of at least k tokens, C is their sum, u the number of different ones, and p_0 the network.

Knows token ids only: no text, no files, no time.
"""

from collections import OrderedDict
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

#: Match lengths that are told apart, and the weight a_k of everything shorter: a long match is nearly certain. One
#: factor over all of them was chosen on 300 places of graphql-core, with the document's own text as memory: exact rest
#: of line, all / the surest half: factor 1/8: 37.7 / 62.0 %, 3/8: 38.3 / 64.7, 1: 39.7 / 70.7, 2.5: 36.7 / 68.0.
_WEIGHTS = {2: 160.0, 3: 64.0, 4: 24.0, 5: 12.0, 6: 8.0, 8: 5.6, 10: 4.0, 13: 3.2, 16: 2.4, 24: 1.6}

#: Tokens before the cursor that are looked at.
REACH = max(_WEIGHTS)

#: How much more a match in the same document counts.
_OWN = 3.6

#: Matches of one document that are looked at; the last ones, where there are more.
_MATCHES = 256

#: Documents that are remembered; the one not touched for longest goes.
_DOCUMENTS = 16

#: Stands where a text begins or ends: no token, so nothing matches across it.
_BREAK = -1

Ids = npt.NDArray[np.int64]


class _Document(msgspec.Struct, frozen=True):
    """A remembered text.

    Attributes:
        ids: its tokens, breaks in front, between its pieces, and behind.
        keys: of each pair of neighbouring tokens, sorted.
        after: for each key, where the token behind the pair is.
    """

    ids: Ids
    keys: Ids
    after: Ids


class Memory:
    """The remembered documents."""

    def __init__(self) -> None:
        self._documents: OrderedDict[str, _Document] = OrderedDict()

    def remember(self, name: str, pieces: Sequence[Sequence[int]]) -> None:
        """Keep a document, in place of what was known of it.

        Args:
            pieces: token ids; nothing is taken to follow from the end of one to the beginning of the next. Without
                any the document is forgotten.
        """
        if not pieces:
            self._documents.pop(name, None)
            return
        parts: list[Ids] = [np.full(REACH, _BREAK, np.int64)]
        for piece in pieces:
            parts += [np.asarray(piece, np.int64), np.full(1, _BREAK, np.int64)]
        ids = np.concatenate(parts)
        keys = _keys(ids[:-2], ids[1:-1])
        order = np.argsort(keys, kind="stable")
        self._documents[name] = _Document(ids, keys[order], order + 2)
        self._documents.move_to_end(name)
        while len(self._documents) > _DOCUMENTS:
            self._documents.popitem(last=False)

    def mix(
        self, probabilities: npt.NDArray[np.float64], context: Sequence[int], own: str
    ) -> npt.NDArray[np.float64]:
        """Mix what is remembered into a distribution.

        Args:
            probabilities: of the network, shape (vocabulary,), summing to 1.
            context: ids before the token in question; the last ``REACH`` count.
            own: name of the document that is being written.

        Returns:
            a distribution of the same shape; the same object when nothing matches.
        """
        found = [
            self._matches(document, context, _OWN if name == own else 1.0)
            for name, document in self._documents.items()
        ]
        found = [matches for matches in found if len(matches[0])]
        if not found:
            return probabilities
        lengths, tokens, weights = (np.concatenate(column) for column in zip(*found, strict=True))
        for order, share in _WEIGHTS.items():
            long_enough = lengths >= order
            if not long_enough.any():
                break
            different, index = np.unique(tokens[long_enough], return_inverse=True)
            counts = np.bincount(index, weights[long_enough])
            shorter = share * len(different)
            total = counts.sum() + shorter
            probabilities = probabilities * (shorter / total)
            probabilities[different] += counts / total
        return probabilities

    @staticmethod
    def _matches(
        document: _Document, context: Sequence[int], weight: float
    ) -> tuple[Ids, Ids, npt.NDArray[np.float64]]:
        """Where the context stands in a document: length of each match (at least 2), token behind it, weight."""
        recent = np.asarray(context[-REACH:][::-1], np.int64)
        if len(recent) < 2:
            return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
        key = _keys(recent[1:2], recent[:1])[0]
        low, high = np.searchsorted(document.keys, (key, key + 1))
        places = document.after[max(low, high - _MATCHES) : high]
        places = places[document.ids[places] != _BREAK]
        before = document.ids[places[:, None] - 1 - np.arange(len(recent))]
        lengths = np.cumprod(before == recent, axis=1).sum(axis=1)
        return lengths, document.ids[places], np.full(len(places), weight)


def _keys(first: Ids, second: Ids) -> Ids:
    """One number for a pair of tokens."""
    keys: Ids = (first << 32) + second
    return keys
