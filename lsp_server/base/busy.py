"""What other programs leave of this machine's processor, and whether it runs on its battery.

Two looks a few seconds apart give the load between them. The load average would not do: it lags by a minute, counts
what waits for disks, and Windows has none. Asks the system, with psutil; what the system does not say counts as
nothing known, never as an error. Knows nothing of what follows from it.
"""

import contextlib
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import psutil

from lsp_server.base import cores

#: Where Linux lists batteries and chargers.
_SUPPLIES = Path("/sys/class/power_supply")

#: What the processor does for programs, or for other virtual machines; of these psutil has what the system has. A
#: guest's time is part of its host's ``user``.
_BUSY = ("user", "nice", "system", "irq", "softirq", "steal")

#: Looks that are closer together say nothing, since clocks tick every 10 ms; those further apart nothing of now (s).
_CLOSEST, _FURTHEST = 0.2, 10.0


class Look(msgspec.Struct, frozen=True):
    """One look at the machine. Times are in seconds, processor times since some moment in the past.

    Attributes:
        at: when, by a clock that goes forward.
        busy: processor time that all programs have had, on the processors that this process was given; ``None`` where
            unknown.
        processors: how many these are, hardware threads counted.
        group: as ``busy``, of the container that this process is in; ``None`` without one that is limited.
        allowed: processors' worth of time that the container may have.
        own: as ``busy``, of each of our own processes, by its number.
        on_battery: a battery is what it runs on.
    """

    at: float
    busy: float | None
    processors: float
    own: Mapping[int, float]
    group: float | None = None
    allowed: float = 0.0
    on_battery: bool = False


class Looker:
    """Looks at the machine; one look takes about 0.15 ms."""

    def __init__(self) -> None:
        self._group = cores.narrowest()
        self._given = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []

    def look(self, pids: Iterable[int]) -> Look:
        """Look now.

        Args:
            pids: of our own processes, this one is known.
        """
        own: dict[int, float] = {}
        for pid in (os.getpid(), *pids):
            with contextlib.suppress(psutil.Error, OSError):
                times = psutil.Process(pid).cpu_times()
                own[pid] = times.user + times.system
        busy, processors = self._busy()
        group = self._group
        return Look(
            at=time.monotonic(),
            busy=busy,
            processors=processors,
            own=own,
            group=group.used() if group else None,
            allowed=group.processors if group else 0.0,
            on_battery=on_battery(),
        )

    def _busy(self) -> tuple[float | None, float]:
        """Of the processors that this process was given, and how many these are."""
        count = psutil.cpu_count() or 1
        try:
            if 0 < len(self._given) < count:
                each = psutil.cpu_times(percpu=True)
                given = [each[number] for number in self._given if number < len(each)]
                return sum(map(_worked, given)), len(given) or 1
            return _worked(psutil.cpu_times()), count
        except (psutil.Error, OSError, ValueError, IndexError):  # on Android, and where /proc is hidden
            return None, count


def _worked(times: Any) -> float:
    """Seconds that a processor was busy, of psutil's times."""
    return sum(getattr(times, name, 0.0) for name in _BUSY)


def on_battery(supplies: Path = _SUPPLIES) -> bool:
    """Whether the machine runs on a battery, as far as the system says.

    Args:
        supplies: the folder in which Linux lists batteries.
    """
    battery = None
    # Not every platform has the function, some raise NotImplementedError, and odd hardware has made it raise anything.
    with contextlib.suppress(Exception):
        battery = psutil.sensors_battery()
    return battery is not None and battery.power_plugged is False and not _only_of_devices(supplies)


def _only_of_devices(supplies: Path) -> bool:
    """Whether all batteries that Linux lists are those of a wireless mouse and the like, whose scope is "Device"
    (power_supply_sysfs.c). psutil takes such a one for the machine's where there is no other."""
    batteries = [kind.parent for kind in supplies.glob("*/type") if _word(kind) == "Battery"]
    return bool(batteries) and all(_word(battery / "scope") == "Device" for battery in batteries)


def _word(file: Path) -> str:
    try:
        return file.read_text("utf-8", errors="replace").strip()
    except OSError:
        return ""


def taken_by_others(before: Look, after: Look) -> float | None:
    """The part of the processor that other programs had between two looks, 0 to 1: of the processors that this
    process was given or of what its container may have, whichever is more.

    Returns:
        ``None`` if the looks do not say: too close together or too far apart, or a count that went backwards, as it
        does when a virtual machine is moved.
    """
    elapsed = after.at - before.at
    if not _CLOSEST <= elapsed <= _FURTHEST:
        return None
    # A process that is new was started in between; one that is gone has taken its last share with it.
    own = sum(max(0.0, had - before.own.get(pid, 0.0)) for pid, had in after.own.items())
    parts = [
        min(1.0, max(0.0, now - then - own) / (elapsed * most))
        for then, now, most in (
            (before.busy, after.busy, after.processors),
            (before.group, after.group, after.allowed),
        )
        if then is not None and now is not None and now >= then and most > 0
    ]
    return max(parts, default=None)
