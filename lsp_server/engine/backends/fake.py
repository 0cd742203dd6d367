"""An engine without a model, for tests: it predicts that what was said before is said again.

The token that followed the longest earlier match of the context gets the highest logit, those of shorter matches get
less, and where nothing matches the end token wins. Its logits are a pure function of the tokens before.
"""

import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lsp_server.base.errors import EngineError
from lsp_server.engine.protocol import Capabilities, Logits

#: Nothing in the context speaks for a token.
_UNSEEN = -20.0


class Fake:
    """See the module.

    Attributes:
        evaluated: tokens that were evaluated so far, for tests that count.
    """

    capabilities = Capabilities()
    parameters = 0

    def __init__(self, vocabulary: int, context: int, end: int, delay_ms: float = 0.0) -> None:
        """Make one.

        Args:
            end: id of the token that ends a completion.
            delay_ms: how long each evaluation takes.
        """
        self.vocabulary = vocabulary
        self.context = context
        self.evaluated = 0
        self._end = end
        self._delay = delay_ms / 1000
        self._ids: list[int] = []

    def evaluate(self, ids: Sequence[int], keep: int) -> Logits:
        """See ``Engine.evaluate``."""
        if not 0 <= keep <= len(self._ids) or not ids or keep + len(ids) > self.context:
            raise EngineError(f"Cannot evaluate {len(ids)} tokens behind {keep}.")
        if min(ids) < 0 or max(ids) >= self.vocabulary:
            raise EngineError("A token id is out of range.")
        time.sleep(self._delay)
        self._ids = [*self._ids[:keep], *ids]
        self.evaluated += len(ids)
        return self._predict()

    def _predict(self) -> Logits:
        seen = np.array(self._ids)
        logits = np.full(self.vocabulary, _UNSEEN, dtype=np.float32)
        logits[self._end] = 0.5
        # Candidates: the token at each place, by how the tokens before it agree.
        places: npt.NDArray[np.int64] = np.arange(1, len(seen))
        matched = 0
        while len(places):
            logits[seen[places]] = matched * 2
            matched += 1
            places = places[places >= matched]
            places = places[seen[places - matched] == seen[-matched]]
        return logits

    def set_threads(self, threads: int) -> None:
        """Do nothing."""

    def abort(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Forget everything."""
        self._ids = []
