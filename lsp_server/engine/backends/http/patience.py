"""When a server that failed is asked again: not every key waits for one that is down. Pure but for its clock."""

import time
from collections.abc import Callable

from lsp_server.engine.messages import Trouble

#: Pause after a failure (s); it doubles with each until the server answers.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0

#: A server that was too slow for so many requests in a row counts as failing. The first ones are forgiven: it may be
#: reading a long prompt, of which it knows more each time.
SLOW = 3


class Patience:
    """What a server's last answers say about its next."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until = 0.0
        self._pause = FIRST_PAUSE_S
        self._late = 0
        self._trouble: Trouble | None = None

    def trouble(self) -> Trouble | None:
        """Why it should not be asked just now; ``None`` where it may be."""
        return self._trouble if self._clock() < self._until else None

    def answered(self) -> None:
        """It answered."""
        self._pause, self._late, self._trouble, self._until = FIRST_PAUSE_S, 0, None, 0.0

    def failed(self, why: str) -> Trouble:
        """It failed: leave it alone for a while."""
        self._trouble = Trouble(why)
        self._until = self._clock() + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE_S)
        return self._trouble

    def late(self, why: str) -> Trouble:
        """It said nothing before the time was up."""
        self._late += 1
        return self.failed(why) if self._late >= SLOW else Trouble(why, lasting=False)
