"""When work ahead of the user is welcome: not on battery, not where other programs need the processor, not beyond
what the settings allow it.

``judge`` decides, from values alone; ``loaded`` says when the machine counts as busy; ``base.busy`` looks at it;
``Manners`` joins them. It looks when it is asked, in a thread, every two seconds at most, and once more after a pause:
nothing of this keeps a machine awake on which nobody works. Processor time is counted over a sliding minute, so that
what the setting says is never exceeded by more than the step that reaches it. Knows nothing of what is computed ahead.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import msgspec

from lsp_server.base.busy import Look, Looker, taken_by_others
from lsp_server.base.config import Config

logger = logging.getLogger(__name__)

#: How much may be done: nothing; only the cheapest, one step; what the setting says.
Level = Literal["off", "low", "normal", "eager"]

#: What other programs take of the processor: little, a good part, nearly all.
Load = Literal["little", "part", "all"]

#: Seconds between two looks at the machine; between the first two of them, which make the first load; after one that
#: failed.
_EVERY, _SECOND, _FAILED = 2.0, 0.5, 60.0

#: From which part on each load begins, and below which it ends: lower, so that it does not come and go.
_BEGINS: dict[Load, float] = {"all": 0.85, "part": 0.5}
_ENDS: dict[Load, float] = {"all": 0.7, "part": 0.35}

#: Looks in a row that must say so before a load ends. It begins with one.
_CALM = 2

#: Seconds of which the processor time is counted, all together and in one entry.
_MINUTE, _ENTRY = 60.0, 1.0

#: Once all time is used up, work goes on when it is below this part of what it may be.
_RECOVERED = 0.8


class State(msgspec.Struct, frozen=True):
    """All that decides.

    Attributes:
        setting: what the user wants.
        known: the machine has been looked at.
        on_battery: it runs on its battery.
        load: by other programs.
        used_up: speculation has had all the processor time that it may have.
        seconds: how much that is, in a minute.
    """

    setting: Literal["off", "normal", "eager"]
    known: bool = True
    on_battery: bool = False
    load: Load = "little"
    used_up: bool = False
    seconds: int = 20


def judge(state: State) -> tuple[Level, str]:
    """What may be done now, and why it is less than the setting says; nothing to say if it is not less."""
    if state.setting == "off":
        return "off", ""
    if not state.known:
        return "off", "the machine has not been looked at yet"
    if state.on_battery:
        return "off", "on battery"
    if state.used_up:
        return "off", f"it has had its {state.seconds} s of processor time in the last minute"
    if state.load == "all":
        return "off", "other programs use nearly all of the processor"
    if state.load == "part":
        return "low", "other programs use a good part of the processor"
    return state.setting, ""


def loaded(before: Load, parts: Sequence[float]) -> Load:
    """The load after another look.

    Args:
        before: what it was.
        parts: of the processor that others had, 0 to 1, between the latest looks, the last one last.
    """
    now: Load = next((load for load in _BEGINS if parts[-1] >= _BEGINS[load]), "little")
    heavier: list[Load] = ["all", "part", "little"]
    if heavier.index(now) <= heavier.index(before):
        return now
    lately = parts[-_CALM:]
    if len(lately) < _CALM or max(lately) >= _ENDS[before]:
        return before
    return "part" if before == "all" and max(lately) >= _ENDS["part"] else "little"


def used_up(before: bool, seconds: float, most: float) -> bool:
    """Whether all processor time is used up.

    Args:
        before: it was, when last asked.
        seconds: that were taken in the last minute.
        most: that may be taken.
    """
    return seconds >= (most * _RECOVERED if before else most)


class Manners:
    """How much may be computed ahead, now.

    Args:
        settings: those in force.
        processes: the numbers of our own processes, beside this one.
        look: takes one look at the machine, given those numbers; called in a thread.
    """

    def __init__(
        self,
        settings: Callable[[], Config],
        processes: Callable[[], Iterable[int]],
        look: Callable[[Iterable[int]], Look] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._processes, self._clock = settings, processes, clock
        self._take = look or Looker().look
        self._looking = False
        self._next = clock()  # time of the next look, at the earliest
        self._last: Look | None = None
        self._parts: deque[float] = deque(maxlen=_CALM)
        self._load: Load = "little"
        self._spent: deque[tuple[float, float]] = deque()  # since when, seconds of processor time
        self._total = 0.0
        self._used_up = False

    def level(self) -> Level:
        """How much may be done now. Looks at the machine again, if it is time, for the next time that this is asked;
        so whoever works for long asks now and then.

        Must be called in the event loop.
        """
        self.look()
        return judge(self._state())[0]

    @property
    def why(self) -> str:
        """Why it is less than the setting says; empty if it is not less."""
        return judge(self._state())[1]

    def spent(self, cpu_seconds: float) -> None:
        """Count processor time that speculation took."""
        now, seconds = self._clock(), max(cpu_seconds, 0.0)
        self._total += seconds
        if self._spent and now - self._spent[-1][0] < _ENTRY:
            since, before = self._spent.pop()
            self._spent.append((since, before + seconds))
        else:
            self._spent.append((now, seconds))

    def status(self) -> dict[str, Any]:
        """What ``offhand.status`` answers; a level that is lower than the setting says why."""
        level, why = judge(self._state())
        return {
            "setting": self._settings().speculation,
            "level": level,
            "why": why,
            "cpu_seconds_last_minute": round(self._in_the_last_minute(), 2),
            "cpu_seconds_total": round(self._total, 2),
            "cpu_seconds_a_minute": self._settings().speculation_seconds,
        }

    def look(self) -> None:
        """Look at the machine in a thread, if it is time and the setting makes it worth it.

        Must be called in the event loop.
        """
        if self._looking or self._clock() < self._next or self._settings().speculation == "off":
            return
        self._looking = True
        loop = asyncio.get_running_loop()
        try:
            looked = loop.run_in_executor(None, self._take, tuple(self._processes()))
        except RuntimeError:  # the server is ending
            return
        looked.add_done_callback(self._looked)

    def _looked(self, done: "asyncio.Future[Look]") -> None:
        self._looking, self._next = False, self._clock() + _EVERY
        if done.cancelled():
            return
        error = done.exception()
        if error is not None:
            logger.warning("the machine could not be looked at: %s", type(error).__name__)
            self._next = self._clock() + _FAILED
            return
        look, before = done.result(), self._last
        self._last = look
        part = taken_by_others(before, look) if before else None
        if part is not None:
            self._parts.append(part)
            self._load = loaded(self._load, tuple(self._parts))
        else:  # the first one, or the first one in a while: another tells what goes on now
            self._next = self._clock() + _SECOND
            asyncio.get_running_loop().call_later(_SECOND, self.look)

    def _state(self) -> State:
        settings = self._settings()
        most = settings.speculation_seconds
        self._used_up = used_up(self._used_up, self._in_the_last_minute(), most)
        return State(
            setting=settings.speculation,
            known=self._last is not None,
            on_battery=self._last is not None and self._last.on_battery,
            load=self._load,
            used_up=self._used_up,
            seconds=most,
        )

    def _in_the_last_minute(self) -> float:
        """Seconds of processor time; what was taken first leaves all at once, with the second that it was taken in."""
        oldest = self._clock() - _MINUTE - _ENTRY
        while self._spent and self._spent[0][0] <= oldest:
            self._spent.popleft()
        return sum(seconds for _, seconds in self._spent)
