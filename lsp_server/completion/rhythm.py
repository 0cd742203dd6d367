"""How long the model waits for the next key before it is asked: usually not at all.

The cache never waits, nor does a question that the user asked for by hand. A model that answers before the next key
does not wait either. A slow one is started in vain at many keys; but what it is writing goes on while the typed
characters agree with it, so a start is often of use even though keys follow. It waits only where that is unlikely,
and then for a short time. Pure: the times are given to it. Knows no clock, no text and no engine.

Chosen by a simulation of typists whose gaps between keys are log-normal (medians 115, 170 and 300 ms, sigma 0.45 to
0.5, with 4 to 8 % pauses of 2 s in the median), of which each character agrees with what is being written with a
chance of 0.75. Where the median is 170 ms, an engine of 400 ms answers 64 % of the keys before the next one if it
never waits, as the rule has it, for 88 s of work per 1,000 keys; after waits of 100 or 350 ms it is 57 or 28 %, for 78
or 33 s. One of 1,000 ms answers 35 % for 161 s without waiting; the rule's 200 ms make that 28 % for 117 s.
"""

import statistics
from collections import deque

#: Gaps between keys that are remembered, and those that are needed to say anything.
_GAPS, _ENOUGH = 64, 16

#: A gap that is as long as this or longer is a pause (s): how long it was says nothing of the typing.
_PAUSE = 2.0

#: Answers whose time is remembered.
_ANSWERS = 15

#: The chance that a typed character is the one that the model is writing.
_AGREES = 0.75

#: A start shall be of use with this chance. Less than even odds: one in time is worth more than one in vain costs.
_OF_USE = 0.4

#: Waits that are tried (s); none is longer than this part of the time that the engine takes itself.
_STEP, _LONGEST, _PART = 0.025, 0.2, 0.25


class Rhythm:
    """The typist's gaps, the engine's times, and the wait that follows from both."""

    def __init__(self) -> None:
        self._gaps: deque[float] = deque(maxlen=_GAPS)  # s, no longer than a pause
        self._took: deque[float] = deque(maxlen=_ANSWERS)  # s
        self._last: float | None = None
        self._found: float | None = None  # the wait, as long as nothing new is known

    def key(self, now: float) -> None:
        """A key was pressed.

        Args:
            now: in seconds, by a clock that goes forward.
        """
        if self._last is not None and now >= self._last:
            self._gaps.append(min(now - self._last, _PAUSE))
            self._found = None
        self._last = now

    def answered(self, milliseconds: float) -> None:
        """The model was asked and has answered; not for what was speculated, joined or cancelled.

        Args:
            milliseconds: from the question to the answer.
        """
        self._took.append(max(milliseconds, 0.0) / 1_000)
        self._found = None

    def pause(self) -> float:
        """The shortest wait after which a start is of use, in seconds; 0 while too little is known."""
        if self._found is None:
            known = len(self._gaps) >= _ENOUGH and self._took
            self._found = _wait(sorted(self._gaps), statistics.median(self._took)) if known else 0.0
        return self._found


def _wait(gaps: list[float], takes: float) -> float:
    """``Rhythm.pause`` for known gaps, in ascending order, and the time that an answer takes."""
    most = min(_LONGEST, _PART * takes)
    waits = [step * _STEP for step in range(int(_LONGEST / _STEP)) if step * _STEP < most]
    return next((wait for wait in waits if _use(gaps, wait, takes) >= _OF_USE), most)


def _use(gaps: list[float], wait: float, takes: float) -> float:
    """The chance that an answer is of use which is begun when no key has come for a time.

    It is, if no key comes before it is there, or if all that come agree with it: the first when the gap is over, then
    one every usual gap.
    """
    usual = max(statistics.median(gaps), _STEP)
    chances = [
        1.0 if gap >= min(wait + takes, _PAUSE) else _AGREES ** (1 + (wait + takes - gap) / usual)
        for gap in gaps
        if gap > wait
    ]
    return statistics.fmean(chances) if chances else 1.0
