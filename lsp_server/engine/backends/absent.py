"""An engine without a network: every token is as likely as any other, so that the memory alone decides.

The end is a little likelier, so that a completion ends where the memory knows nothing. Evaluating costs nothing.
"""

from collections.abc import Sequence

import numpy as np

from lsp_server.base.errors import EngineError
from lsp_server.engine.protocol import Capabilities, Logits

#: How much likelier than any other token the end is, in nats.
_END = 3.0


class Absent:
    """See the module."""

    capabilities = Capabilities()
    parameters = 0

    def __init__(self, vocabulary: int, context: int, ends: Sequence[int]) -> None:
        """Make one.

        Args:
            ends: ids of the tokens that end a completion.
        """
        self.vocabulary = vocabulary
        self.context = context
        self._logits = np.zeros(vocabulary, np.float32)
        self._logits[list(ends)] = _END

    def evaluate(self, ids: Sequence[int], keep: int) -> Logits:
        """See ``Engine.evaluate``: the same for any tokens."""
        if keep + len(ids) > self.context:
            raise EngineError(f"{keep + len(ids)} tokens do not fit into the context of {self.context}.")
        return self._logits

    def set_threads(self, threads: int) -> None:
        """Do nothing."""

    def abort(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""
