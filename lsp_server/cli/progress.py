"""How far something is that may take long: a line on stderr."""

import sys
import time

#: Progress is shown of what takes longer than the first, and so often (s).
_SILENT_S, _PACE_S = 1.0, 0.5


class Progress:
    """A line on stderr for what takes long, and nothing for what does not."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._begun = self._shown = time.monotonic()
        self._written = False

    def __enter__(self) -> "Progress":
        return self

    def show(self, done: int, all: int) -> None:
        """Say how far it is, not too often.

        Args:
            done, all: bytes.
        """
        now = time.monotonic()
        if now - self._begun < _SILENT_S or now - self._shown < _PACE_S:
            return
        self._shown, self._written = now, True
        left = (now - self._begun) * (all - done) / max(done, 1)
        end = "\r" if sys.stderr.isatty() else "\n"
        text = f"{self._what}: {done / max(all, 1):4.0%}, about {left:.0f} s left"
        print(f"{text:<50}", end=end, file=sys.stderr, flush=True)

    def __exit__(self, *exception: object) -> None:
        if self._written and sys.stderr.isatty():
            print(" " * 50, end="\r", file=sys.stderr, flush=True)
