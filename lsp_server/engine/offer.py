"""What may come next: tokens with their probabilities, and the characters that these would put behind the cursor.

Knows no engine, and nothing of how the probabilities came about.
"""

import math
from collections import defaultdict
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from lsp_server.engine.memory import mixture
from lsp_server.engine.memory.mixture import Probabilities
from lsp_server.engine.memory.store import Matches

#: Tokens that are less likely count for no character: a loop over the others takes 0.05 ms on average, 0.15 with a
#: vocabulary of 152,000. At 60 places of this repository's code the bundled model had 24 such tokens on average (336 at
#: most), and the likeliest characters came out 0.0006 too low (0.008 at most).
_RARE = 3e-4

#: Longest character in UTF-8 (bytes).
_CHARACTER = 4


class Choice(msgspec.Struct, frozen=True):
    """A token that may come next.

    Attributes:
        logprob: natural log-probability among all tokens.
        share: the same among those that the typed characters allow.
        match: tokens of the longest match in the memory that it followed.
        memory: share of its probability that the memory gave, 0 to 1.
    """

    token: int
    logprob: float
    share: float
    match: int
    memory: float


class Offer:
    """All that may come next."""

    def __init__(
        self,
        tokens: npt.NDArray[np.int64],
        offered: Probabilities,
        total: float,
        network: Probabilities,
        matches: Matches,
    ) -> None:
        """Join what is known of it.

        Args:
            tokens: that are allowed.
            offered: how likely each of them is, shape as ``tokens``.
            total: sum of that.
            network: what the network alone believes, shape (vocabulary,).
            matches: what the memory found.
        """
        self._tokens = tokens
        self._offered = offered
        self._total = total
        self._network = network
        self._matches = matches

    def best(self, most: int) -> list[Choice]:
        """The likeliest tokens, the likeliest first; so many at most."""
        offered = self._offered
        most = min(most, len(offered))
        if not most:
            return []
        best = np.argpartition(offered, -most)[-most:]
        best = best[np.lexsort((best, -offered[best]))]
        return [self._choice(index) for index in best.tolist() if offered[index] > 0]

    def _choice(self, index: int) -> Choice:
        token, probability = int(self._tokens[index]), float(self._offered[index])
        match = mixture.support(self._matches, token)
        by_network = min(float(self._network[token]), probability) if match else probability
        return Choice(
            token,
            math.log(probability),
            math.log(min(probability / self._total, 1.0)),
            match,
            1 - by_network / probability,
        )

    def characters(self, spellings: Sequence[bytes], typed: bytes) -> tuple[dict[str, float], float]:
        """How likely each character is to come first behind the cursor.

        Args:
            spellings: of each token id.
            typed: what was typed and has no token yet, as it constrained the tokens.

        Returns:
            the probabilities, without those of rare tokens; and the probability that the next token spells nothing but
            what was typed, so that the one behind it decides. A character of which a token has a part only is in
            neither, and no more is an end.
        """
        shares: dict[str, float] = defaultdict(float)
        undecided = 0.0
        likely = np.flatnonzero(self._offered > _RARE * self._total)
        for token, probability in zip(
            self._tokens[likely].tolist(), self._offered[likely].tolist(), strict=True
        ):
            behind = spellings[token][len(typed) :]
            if behind:
                shares[_first(behind)] += probability / self._total
            elif typed:
                undecided += probability / self._total
        shares.pop("", None)
        return shares, undecided


def _first(spelled: bytes) -> str:
    """The first character of some bytes; nothing if they have no whole one there."""
    if spelled[0] < 0x80:
        return chr(spelled[0])
    for length in range(2, _CHARACTER + 1):
        try:
            return spelled[:length].decode()
        except UnicodeDecodeError:
            continue
    return ""
