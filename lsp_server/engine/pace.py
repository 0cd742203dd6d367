"""The clock around evaluations, and the threads that each of them gets.

What the times mean is for ``engine.load`` to say.
"""

import contextlib
import time
from collections.abc import Callable, Iterator

from lsp_server.engine.load import Governor, Lowered, most_threads
from lsp_server.engine.messages import Threads
from lsp_server.engine.protocol import Engine


class Pace:
    """Sets an engine's threads before each evaluation, and learns from how long it took.

    Attributes:
        heed: learn from evaluations. Not while they run at low priority: then it is no wonder that they take long.
    """

    def __init__(
        self,
        least: int,
        most: int,
        set_threads: Callable[[int], None],
        note: str = "",
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Begin with the most threads.

        Args:
            set_threads: of the engine.
            note: why these are the bounds, for people; empty if there is nothing to say.
        """
        self.heed = True
        self._single, self._prompt = Governor(least, most), Governor(least, most)
        self._set_threads, self._clock, self._note = set_threads, clock, note
        self._now = 0

    @contextlib.contextmanager
    def timed(self, tokens: int) -> Iterator[None]:
        """Around one evaluation; one that raises teaches nothing."""
        governor = self._single if tokens == 1 else self._prompt
        threads = governor.threads if self.heed else governor.settled
        if threads != self._now:
            self._set_threads(threads)
            self._now = threads
        begun = self._clock()
        yield
        if self.heed:
            governor.observe(tokens, self._clock() - begun, threads)

    def threads(self) -> Threads:
        """What is in use."""
        lowered = self._single.lowered or self._prompt.lowered
        return Threads(self._single.settled, self._prompt.settled, _why(lowered) if lowered else self._note)


def pace_of(engine: Engine, wanted: int, cores: int) -> Pace:
    """The pace of a loaded model.

    Args:
        wanted: threads that the user has set; 0 for as many as are good.
        cores: that may be used.
    """
    if not engine.capabilities.sleeps:
        note = "This engine's threads spin while they wait for one another: there is only one." * (wanted > 1)
        return Pace(1, 1, engine.set_threads, note)
    if wanted:
        return Pace(wanted, wanted, engine.set_threads)
    return Pace(1, most_threads(engine.parameters, cores), engine.set_threads)


def _why(lowered: Lowered) -> str:
    if lowered.slower:
        return (
            f"Other programs keep the processor busy: with {lowered.threads} threads a token took {lowered.slower:g} "
            "times as long as usual."
        )
    return f"{lowered.threads} threads are not faster on this machine at present."
