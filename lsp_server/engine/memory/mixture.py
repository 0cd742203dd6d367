"""How the memory and the network are mixed into one distribution over the next token.

A nested back-off over match lengths k (Hellendoorn and Devanbu 2017, "Are deep neural networks the best choice for
modeling source code?"): p_k = (c + b_k p_(k-1)) / (C + b_k), where c counts each next token among the matches of at
least k tokens, every match with the weight of where it stands, C is the sum of c, and p_0 the network. The mass of
everything shorter, b_k = a_k f_u u (1 + s m), depends on the length, on how many different tokens u followed (their
agreement), and on how sure the network is of its best token (m); it is less where the network
was not trained on the language. The numbers are learnt on workspaces that the model was not trained on, by ``offhand
bench fit-memory``; a model may bring its own, for others there is ``mixture.json``. Knows neither text nor segments.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from lsp_server.base import fitted
from lsp_server.engine.memory.segment import Ids
from lsp_server.engine.memory.store import Matches

#: Matches whose counts are kept: about as many as there are tokens in a draft.
_KEPT = 16

Probabilities = npt.NDArray[np.float64]

#: Numbers for models that bring none of their own.
_SHIPPED = Path(__file__).with_suffix(".json")


class Weights(msgspec.Struct, frozen=True):
    """The numbers of the mixture.

    Attributes:
        lengths: match lengths that are told apart, ascending, in tokens.
        back_off: a_k of each of them.
        agreement: f_u for u = 1, 2, 3 and more different tokens.
        certainty: s.
        unfamiliar: by what b_k is multiplied in a language that the network was not trained on.
        kinds: how much a match counts, by where it stands: ``store.DEAD`` to ``store.ABOVE``.
        origin: how they came about, for people.
    """

    lengths: tuple[int, ...]
    back_off: tuple[float, ...]
    agreement: tuple[float, float, float]
    certainty: float
    unfamiliar: float
    kinds: tuple[float, ...]
    origin: dict[str, Any] = {}


class Mixture:
    """Mixes with certain weights."""

    def __init__(self, weights: Weights) -> None:
        """Prepare the arrays."""
        self._lengths = np.array(weights.lengths)
        self._kinds = np.array(weights.kinds)
        self._back_off = weights.back_off
        self._agreement = (0.0, *weights.agreement)
        self._certainty = weights.certainty
        self._unfamiliar = weights.unfamiliar
        #: The last ones are kept: what is drafted is counted twice.
        self._counted = lru_cache(maxsize=_KEPT)(self._count)

    def mix(self, probabilities: Probabilities, matches: Matches, familiar: bool = True) -> Probabilities:
        """Mix what followed the matches into the network's distribution.

        Args:
            probabilities: of the network, shape (vocabulary,), summing to 1.
            familiar: the network was trained on the language.

        Returns:
            a distribution of the same shape; the same object when nothing matches.
        """
        trust = (1 + self._certainty * float(probabilities.max())) * (1 if familiar else self._unfamiliar)
        tokens, counts = self._counted(matches)
        if not len(tokens):
            return probabilities
        known, others = self._nested(counts, probabilities[tokens], trust)
        mixed = probabilities * others
        mixed[tokens] = known
        return mixed

    def favourite(self, matches: Matches, familiar: bool = True) -> tuple[int, float]:
        """The token that the memory speaks for most, and the probability that this alone gives it in a mixture with
        a network that is sure of something else, which is the least that it can have; -1 and 0 when nothing matches.
        """
        trust = (1 + self._certainty) * (1 if familiar else self._unfamiliar)
        tokens, counts = self._counted(matches)
        if not len(tokens):
            return -1, 0.0
        known, _ = self._nested(counts, np.zeros(len(tokens)), trust)
        best = int(known.argmax())
        return int(tokens[best]), float(known[best])

    def _count(self, matches: Matches) -> tuple[Ids, Probabilities]:
        """The tokens that followed, none if no match is long enough, and ``_counts``."""
        longest = np.searchsorted(self._lengths, matches.lengths, side="right") - 1
        if not len(longest) or longest.max() < 0:
            return np.empty(0, np.int64), np.empty((0, 0))
        tokens, index = np.unique(matches.tokens, return_inverse=True)
        return tokens, self._counts(longest, index, matches.kinds, len(tokens))

    def _nested(
        self, counts: Probabilities, known: Probabilities, trust: float
    ) -> tuple[Probabilities, float]:
        """What is believed of the tokens that followed, shape as ``known``, and what is left of everything else.

        Args:
            known: what the network believes of them.
        """
        others = 1.0
        for order, count in enumerate(counts):
            different = int(np.count_nonzero(count))
            if not different:
                break
            back = self._back_off[order] * self._agreement[min(different, 3)] * different * trust
            total = float(count.sum()) + back
            known = (known * back + count) / total
            others *= back / total
        return known, others

    def _counts(self, longest: Ids, index: Ids, kinds: Ids, tokens: int) -> Probabilities:
        """Weight of each token among the matches of at least each length, shape (lengths, tokens)."""
        lengths = len(self._lengths)
        keep = longest >= 0
        cells = longest[keep] * tokens + index[keep]
        exact = np.bincount(cells, self._kinds[kinds[keep]], minlength=lengths * tokens)
        counts: Probabilities = exact.reshape(lengths, tokens)[::-1].cumsum(axis=0)[::-1]
        return counts


def weights(file: str = "") -> Weights:
    """The weights that a file holds, or those that come with Offhand.

    Raises:
        ModelError: the file cannot be read, or holds something else.
    """
    return fitted.read(Path(file or _SHIPPED), Weights)


def support(matches: Matches, token: int) -> int:
    """Length of the longest match that was followed by ``token``; 0 when none was."""
    lengths: Sequence[int] = matches.lengths[matches.tokens == token]
    return int(max(lengths, default=0))
