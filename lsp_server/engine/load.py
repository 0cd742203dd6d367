"""How many threads an evaluation shall have, by how long evaluations took: fewer while the machine is busy.

Threads wait for one another at every step of the network, so the slowest of them is what counts: where another program
takes a core, two threads may be slower than one, by far. And where memory is what limits, they are no faster. So
counts are compared by trial, and the faster one is kept. Knows no clock and no engine: it is told what was measured.
"""

import math
import statistics
from collections import deque

import msgspec

#: A model with fewer weights has one thread: its tokens take less time than waking a second thread is worth, and one
#: thread is hardly slowed by other programs.
SMALL = 100_000_000

#: Most threads that are used unasked: more are seldom faster, since memory is what limits, and the user works too.
_MOST = 4

#: Evaluations that are remembered of a count, by their size: what is usual is the tenth percentile of them.
_REMEMBERED, _USUAL = 128, 0.1

#: Of these the latest, which say what a count costs now; those by which it is slow now.
_LATEST, _LAST = 16, 8

#: Evaluations that a trial takes: where its count is clearly better or worse, and where it is not.
_TRIAL, _LONG_TRIAL = 6, 24

#: What is clearly better and clearly worse; a trial that is bad at a glance is not gone on with.
_BETTER, _WORSE, _BAD, _GLANCE = 0.7, 1.3, 1.5, 2

#: More threads are kept only if they take less than this of the time; fewer if they take less than that. In between
#: nothing changes, whatever was there.
_WORTH, _AS_GOOD = 0.85, 1.1

#: No clock tells less time from none (s).
_CLOCK = 1e-9

#: So many times its usual time is slow: then fewer threads are tried at once.
_SLOW = 2.0

#: Evaluations between two trials: at first, and in the long run; each trial doubles it. And after a trial that was in
#: vain so many times the evaluations that it cost: no more than this part of the time goes into trials.
_PAUSE, _LONGEST_PAUSE, _PRICE = 8, 512, 20

#: The same between trials because evaluations are slow.
_SLOW_PAUSE = 4


def most_threads(parameters: int, cores: int) -> int:
    """Threads that are tried with a model.

    Args:
        parameters: its weights; 0 if that is not known.
        cores: that may be used.
    """
    return 1 if parameters <= SMALL else max(1, min(cores, _MOST))


class Lowered(msgspec.Struct, frozen=True):
    """Why there are fewer threads than could be.

    Attributes:
        threads: that were tried.
        slower: how many times their own usual time they took; 0 where they were only no faster than fewer.
    """

    threads: int
    slower: float


class Governor:
    """Chooses the threads for evaluations of one kind: single tokens have one of their own, prompts another.

    Attributes:
        lowered: why it is not the most; ``None`` while it is.
        changes: how often another count was kept.
    """

    def __init__(self, least: int, most: int) -> None:
        """Begin with the most; with no choice nothing is measured."""
        self._counts = [count for count in (1, 2, 4, 8, 16, 32) if least <= count < most] + [most]
        self._at = len(self._counts) - 1
        self._tried: int | None = None  # place in the counts
        self._because_slow = False
        self._known: dict[tuple[int, int], deque[float]] = {}
        self._latest: dict[tuple[int, int], deque[float]] = {}
        self._ratios: deque[float] = deque(maxlen=_LAST)
        self._waited = self._trial = 0
        self._spent = 0.0  # on this trial, in evaluations with the present count
        self._pause, self._slow_pause = _PAUSE, _SLOW_PAUSE
        self._wait = float(_PAUSE)
        self._downwards = True
        self.lowered: Lowered | None = None
        self.changes = 0

    @property
    def threads(self) -> int:
        """For the next evaluation."""
        return self._counts[self._at if self._tried is None else self._tried]

    @property
    def settled(self) -> int:
        """The count that was found to be the best so far, whatever is being tried."""
        return self._counts[self._at]

    def observe(self, tokens: int, seconds: float, threads: int) -> None:
        """Take note of an evaluation.

        Args:
            tokens: at once, 1 or more; only evaluations of about the same size are compared.
            threads: that it had; it counts only if they are those that were asked for.
        """
        if len(self._counts) == 1 or threads != self.threads:
            return
        place, size = self._counts.index(threads), min(tokens.bit_length(), 6)
        cost = max(seconds, _CLOCK) / tokens
        known = self._known.setdefault((place, size), deque(maxlen=_REMEMBERED))
        if self._tried is None:
            self._settle(place, size, cost)
            known.append(cost)
            self._look()
        else:
            self._trial += 1
            present = self._latest.get((self._at, size))
            self._spent += cost / statistics.median_low(present) if present else 1.0
            if self._trial == 1:
                return  # threads are being started
            self._note(place, size, cost)
            known.append(cost)
            self._judge()

    def _note(self, place: int, size: int, cost: float) -> None:
        self._latest.setdefault((place, size), deque(maxlen=_LATEST)).append(cost)

    def _settle(self, place: int, size: int, cost: float) -> None:
        self._waited += 1
        self._note(place, size, cost)
        usual = self._usual(place, size)
        if usual:
            self._ratios.append(cost / usual)

    def _usual(self, place: int, size: int) -> float:
        """What is usual for a count while the machine is idle (s a token); 0 if too little is known."""
        known = sorted(self._known[place, size])
        return known[int(len(known) * _USUAL)] if len(known) >= _LAST else 0.0

    # --- when something else is tried

    def _look(self) -> None:
        """Begin a trial when it is time for one."""
        slow = False
        if len(self._ratios) >= _LAST // 2:
            slow = statistics.median_low(self._ratios) > _SLOW
            self._slow_pause = self._slow_pause if slow else _SLOW_PAUSE
        if slow and self._at > 0 and self._waited >= self._slow_pause:
            self._begin(0, because_slow=True)
        elif self._waited >= self._wait:
            if self._at == 0 or self._at == len(self._counts) - 1:
                self._downwards = self._at > 0
            self._begin(self._at + (-1 if self._downwards else 1), because_slow=False)

    def _begin(self, place: int, *, because_slow: bool) -> None:
        self._tried, self._trial, self._spent, self._because_slow = place, 0, 0.0, because_slow
        for size in range(7):
            self._latest.pop((place, size), None)

    # --- what comes of it

    def _judge(self) -> None:
        """End a trial that has shown enough."""
        assert self._tried is not None
        compared = self._compared(self._tried)
        upwards = self._tried > self._at
        if compared is None:  # none was of a size that the present count has had
            if self._trial > _LONG_TRIAL:
                self._end(keep=False)
        elif self._trial > _GLANCE and compared > _BAD:
            self._end(keep=False)
        elif self._trial > (_LONG_TRIAL if _BETTER < compared < _WORSE else _TRIAL):
            self._end(keep=compared < (_WORTH if upwards else _AS_GOOD))

    def _compared(self, place: int) -> float | None:
        """The time of a count in terms of the present one's; ``None`` while there is nothing to compare."""
        logs = weight = 0.0
        for (other, size), costs in self._latest.items():
            present = self._latest.get((self._at, size))
            if other == place and present:
                count = min(len(costs), len(present))
                logs += count * math.log(statistics.median_low(costs) / statistics.median_low(present))
                weight += count
        return math.exp(logs / weight) if weight else None

    def _end(self, *, keep: bool) -> None:
        assert self._tried is not None
        upwards, slower = self._tried > self._at, 0.0
        if self._because_slow:
            slower = statistics.median_low(self._ratios)
            self._slow_pause = _SLOW_PAUSE if keep else min(2 * self._slow_pause, _LONGEST_PAUSE)
        if not (keep and self._because_slow):
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        else:
            self._pause = 4 * _PAUSE  # the machine has changed, and will again
        self._wait = float(self._pause) if keep else max(self._pause, _PRICE * self._spent)
        if keep:
            tried_before = self._counts[self._at]
            self._at = self._tried
            self.changes += 1
            if not upwards:
                self.lowered = Lowered(tried_before, round(slower, 1))
            elif self._at == len(self._counts) - 1:
                self.lowered = None
        further = keep and 0 < self._at < len(self._counts) - 1
        self._downwards = upwards != further  # on that way, or back
        if further:
            self._wait = _PAUSE
        self._tried, self._waited = None, 0
        self._ratios.clear()
