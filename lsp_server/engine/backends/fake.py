"""An engine without a model, for tests: it predicts that what was said before is said again.

The token that followed the longest earlier match of the context gets the highest logit, those of shorter matches get
less, and where nothing matches the end token wins. Its logits are a pure function of the tokens before.
"""

import threading
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from lsp_server.base.errors import Aborted, EngineError
from lsp_server.engine.protocol import Capabilities, Logits

#: Nothing in the context speaks for a token.
_UNSEEN = -20.0


class Fake:
    """See the module.

    Attributes:
        worked: tokens that were evaluated so far, for tests that count.
    """

    capabilities = Capabilities(all_rows=True, abort=True, snapshots=True)
    parameters = 0

    def __init__(self, vocabulary: int, context: int, end: int, delay_ms: float = 0.0) -> None:
        """Make one.

        Args:
            end: id of the token that ends a completion.
            delay_ms: how long each evaluation takes.
        """
        self.vocabulary = vocabulary
        self.context = context
        self.worked = 0
        self._end = end
        self._delay = delay_ms / 1000
        self._stop = threading.Event()
        self._ids: list[int] = []

    @property
    def evaluated(self) -> int:
        """See ``Engine.evaluated``."""
        return len(self._ids)

    def evaluate(self, ids: Sequence[int], keep: int) -> Logits:
        """See ``Engine.evaluate``."""
        self._take(ids, keep)
        return self._predict()

    def evaluate_all(self, ids: Sequence[int], keep: int) -> Logits:
        """See ``Engine.evaluate_all``."""
        self._take(ids, keep)
        rows, every = [], self._ids
        for length in range(keep + 1, len(every) + 1):
            self._ids = every[:length]
            rows.append(self._predict())
        return np.stack(rows)

    def _take(self, ids: Sequence[int], keep: int) -> None:
        if not 0 <= keep <= len(self._ids) or not ids or keep + len(ids) > self.context:
            raise EngineError(f"Cannot evaluate {len(ids)} tokens behind {keep}.")
        if min(ids) < 0 or max(ids) >= self.vocabulary:
            raise EngineError("A token id is out of range.")
        del self._ids[keep:]
        if self._stop.wait(self._delay):
            raise Aborted(f"Stopped after {keep} tokens.")
        self._ids += ids
        self.worked += len(ids)

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

    def snapshot(self) -> bytes:
        """See ``Engine.snapshot``."""
        return msgspec.msgpack.encode(self._ids)

    def restore(self, state: bytes) -> None:
        """See ``Engine.restore``."""
        self._ids = []
        try:
            self._ids = msgspec.msgpack.decode(state, type=list[int])
        except msgspec.DecodeError as error:
            raise EngineError(f"This is no snapshot: {error}.") from error

    def set_threads(self, threads: int) -> None:
        """Do nothing."""

    def abort(self) -> None:
        """See ``Engine.abort``."""
        self._stop.set()

    def resume(self) -> None:
        """See ``Engine.resume``."""
        self._stop.clear()

    def close(self) -> None:
        """Forget everything."""
        self._ids = []
