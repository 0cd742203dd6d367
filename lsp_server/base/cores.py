"""How many processor cores this process may really use: what the machine has, less what it was not given.

Knows nothing of who asks, and not who is using them.
"""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import msgspec
import psutil

#: Where Linux mounts control groups, and where it says in which of them a process is.
_GROUPS, _MINE = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


class Group(msgspec.Struct, frozen=True):
    """A control group that allows a part of the machine's processor time only, as a container's does.

    Attributes:
        processors: worth of time that it allows.
        folder: its files.
    """

    processors: float
    folder: Path

    def used(self) -> float | None:
        """Seconds of processor time that all of its processes have had; ``None`` where it does not say."""
        try:
            lines = (line.split() for line in (self.folder / "cpu.stat").read_text("ascii").splitlines())
            for words in lines:
                if words[0] == "usage_usec":
                    return int(words[1]) / 1e6
            return int((self.folder / "cpuacct.usage").read_text("ascii")) / 1e9  # the first version
        except (OSError, ValueError, IndexError):
            return None


def usable() -> int:
    """Physical cores, 1 at least: two threads on one core wait for each other more than they win.

    Of a machine of which this process was given a part of the logical processors (``taskset``, a container's cpuset)
    it is that part of the cores, and not more than the processor time that a container may have.
    """
    logical = psutil.cpu_count() or 1
    physical = psutil.cpu_count(logical=False) or logical
    given = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else logical
    return max(1, int(min(physical * given / logical, quota(_GROUPS, _MINE), physical)))


def quota(groups: Path, mine: Path) -> float:
    """Processors' worth of time that the control groups of a process allow it; infinite where none says so.

    Args:
        groups: the folder of all groups, ``/sys/fs/cgroup``.
        mine: the file that names the groups of the process, ``/proc/self/cgroup``.
    """
    group = narrowest(groups, mine)
    return group.processors if group else float("inf")


def narrowest(groups: Path = _GROUPS, mine: Path = _MINE) -> Group | None:
    """The control group of this process that allows the least; ``None`` where none limits it."""
    return min(_limiting(groups, mine), key=lambda group: group.processors, default=None)


def _limiting(groups: Path, mine: Path) -> Iterator[Group]:
    try:
        lines = mine.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return  # not on Linux
    for line in lines:
        _number, _, rest = line.partition(":")
        controllers, _, name = rest.partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        top = groups / controllers if controllers else groups
        # A group has no more than any group around it. In a container the name may be one outside, which is not there.
        inside = PurePosixPath(name.lstrip("/"))
        for folder in (top / inside, *(top / parent for parent in inside.parents)):
            found = _quota(folder)
            if found:
                yield Group(found, folder)


def _quota(folder: Path) -> float:
    """Of one group, in the second or the first version's files; 0 if it has none."""
    try:
        try:
            most, period = (folder / "cpu.max").read_text("ascii").split()
        except FileNotFoundError:
            most = (folder / "cpu.cfs_quota_us").read_text("ascii")
            period = (folder / "cpu.cfs_period_us").read_text("ascii")
        return max(0.0, float(most) / float(period))
    except (OSError, ValueError, ZeroDivisionError):  # "max" is no number: no limit
        return 0.0
