"""What processes cost: those of one subject, and everything else that runs on the machine."""

import contextlib
import time
from collections.abc import Iterator

import psutil


class Processes:
    """A process and all that it started.

    Raises:
        psutil.NoSuchProcess: there is no such process.
    """

    def __init__(self, pid: int) -> None:
        self._first = psutil.Process(pid)

    def cpu_s(self) -> float:
        """Processor seconds since their start, also of children that have ended, as far as the system adds these to
        their parents' (Linux does)."""
        total = 0.0
        for one in self._all():
            with contextlib.suppress(psutil.Error):
                spent = one.cpu_times()
                total += spent.user + spent.system + spent.children_user + spent.children_system
        return total

    def rss_mb(self) -> float:
        """Their memory now, in MiB."""
        total = 0
        for one in self._all():
            with contextlib.suppress(psutil.Error):
                total += one.memory_info().rss
        return total / 2**20

    def kill(self) -> None:
        """End those that are still there."""
        for one in list(self._all()):
            with contextlib.suppress(psutil.Error):
                one.kill()

    def _all(self) -> Iterator[psutil.Process]:
        yield self._first
        with contextlib.suppress(psutil.Error):
            yield from self._first.children(recursive=True)


class Machine:
    """The machine's processor time from now on."""

    def __init__(self) -> None:
        self._begun, self._busy, self._own = time.monotonic(), _busy(), time.process_time()

    def others(self, subject_s: float = 0.0) -> float:
        """How many cores other programs kept busy since then, on average.

        Args:
            subject_s: processor seconds that the subject took meanwhile.
        """
        passed = max(1e-3, time.monotonic() - self._begun)
        theirs = _busy() - self._busy - (time.process_time() - self._own) - subject_s
        return max(0.0, theirs / passed)


def _busy() -> float:
    """Seconds that all cores together have computed since the machine's start."""
    now = psutil.cpu_times()
    return float(sum(getattr(now, name, 0.0) for name in ("user", "nice", "system")))
