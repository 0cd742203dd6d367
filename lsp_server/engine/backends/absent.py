"""An engine without a network: every token is as likely as any other, so that the memory alone decides.

Evaluating costs nothing, and is never wrong about what it keeps.
"""

from collections.abc import Sequence

import numpy as np

from lsp_server.base.errors import EngineError
from lsp_server.engine.protocol import Capabilities, Logits


class Absent:
    """See the module."""

    capabilities = Capabilities(network=False)
    parameters = 0
    evaluated = 0

    def __init__(self, vocabulary: int, context: int) -> None:
        """Make one."""
        self.vocabulary = vocabulary
        self.context = context
        self._logits = np.zeros(vocabulary, np.float32)

    def evaluate(self, ids: Sequence[int], keep: int) -> Logits:
        """See ``Engine.evaluate``: the same for any tokens."""
        if keep + len(ids) > self.context:
            raise EngineError(f"{keep + len(ids)} tokens do not fit into the context of {self.context}.")
        return self._logits

    def evaluate_all(self, ids: Sequence[int], keep: int) -> Logits:
        """Not there: nothing is drafted where evaluating costs nothing."""
        raise EngineError("Without a network there are no rows of logits.")

    def snapshot(self) -> bytes:
        """Not there."""
        raise EngineError("Without a network there is no cache.")

    def restore(self, state: bytes) -> None:
        """Not there."""
        raise EngineError("Without a network there is no cache.")

    def set_threads(self, threads: int) -> None:
        """Do nothing."""

    def abort(self) -> None:
        """Do nothing."""

    def resume(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""
