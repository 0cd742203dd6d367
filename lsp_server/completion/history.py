"""What was counted over time, kept on this machine across restarts: quarters of an hour for two days, then days.

Each server counts in a file of its own, so that two editors at once can neither lose nor double anything; whoever asks
adds them up. A file is named for its process; when that is gone, the next server that starts takes the file over by
renaming it, which only one can do, and goes on in it. So there are as many files as there were servers at the same
time, of at most some 100 kB each. A file that cannot be read, or is of a later version, is left alone.

Holds numbers and the names of languages: no text, no path. Does not know what is counted (``base.metrics``) nor how
it is shown.
"""

import logging
import platform
import threading
import time
import zlib
from datetime import date
from pathlib import Path

import msgspec
import psutil

from lsp_server.base import atomic
from lsp_server.base.metrics import Counts

logger = logging.getLogger(__name__)

#: Name of the folder, in the one of what can be lost.
FOLDER = "history"

#: Of the files' form; a file of another version is not read.
_VERSION = 1

#: Seconds of the finest span, and days before today of which these are kept; days that are kept at all.
QUARTER = 900
_FINE_DAYS = 2
DAYS = 90

#: Seconds between writes.
_PAUSE = 60.0

_DAY = 86_400.0

#: A number of quarters that no clock shows; some systems know no date behind the year 3000.
_LAST = 30_000_000

#: How often the shares are read again because there are others meanwhile.
_TRIES = 3


class Record(msgspec.Struct):
    """What was counted, by when.

    Attributes:
        quarters: by the number of quarters of an hour since 1970.
        days: by date where the user was, ISO 8601. What is in ``quarters`` is not in here.
    """

    version: int = _VERSION
    quarters: dict[int, Counts] = {}
    days: dict[str, Counts] = {}

    def count(self, counts: Counts, now: float) -> None:
        """Add what was just counted."""
        self.quarters.setdefault(int(now // QUARTER), Counts()).add(counts)

    def add(self, other: "Record") -> None:
        """Add what another record holds."""
        for quarter, counts in other.quarters.items():
            self.quarters.setdefault(quarter, Counts()).add(counts)
        for day, counts in other.days.items():
            self.days.setdefault(day, Counts()).add(counts)

    def compact(self, now: float) -> None:
        """Make days of the quarters that are old enough, and drop the days that are too old."""
        today = date.fromtimestamp(now)
        for quarter in list(self.quarters):
            day = date.fromtimestamp(quarter * QUARTER)
            if (today - day).days > _FINE_DAYS:
                self.days.setdefault(day.isoformat(), Counts()).add(self.quarters.pop(quarter))
        for name in list(self.days):
            if (today - date.fromisoformat(name)).days >= DAYS:
                del self.days[name]


class History:
    """One server's share.

    Args:
        folder: of all shares; made when something is written.
        process: number of the process that counts.
    """

    def __init__(self, folder: Path, process: int) -> None:
        self._path = folder / f"{_machine()}-{process}.json"
        self._kept: Record | None = None  # what the file has, when it is known
        self._new = Record()  # what it does not have yet
        self._saved = time.monotonic()
        self._lock = threading.Lock()

    def add(self, counts: Counts, now: float) -> None:
        """Count; it is written with the next ``save``.

        Args:
            now: seconds since 1970.
        """
        if counts != Counts():
            with self._lock:
                self._new.count(counts, now)

    def save(self, now: float, *, at_once: bool = False) -> None:
        """Write what is new, but not more than once a minute unless ``at_once``. May take long: not for the event loop.

        Where nothing can be written it is tried again the next time. A file that somebody removed meanwhile
        (``offhand reset``) begins anew.
        """
        with self._lock:
            if not self._new.quarters or (time.monotonic() - self._saved < _PAUSE and not at_once):
                return
            self._saved = time.monotonic()
            try:
                self._write(now)
            except OSError as error:
                logger.warning("what was counted cannot be written: %s", error.strerror)

    def _write(self, now: float) -> None:
        if self._kept is None:
            self._kept = _take_over(self._path)
        elif not self._path.exists():
            self._kept = Record()
        merged = Record()
        merged.add(self._kept)
        merged.add(self._new)
        merged.compact(now)
        atomic.write(self._path, msgspec.json.encode(merged), private=True)
        self._kept, self._new = merged, Record()


def read(folder: Path, now: float) -> Record:
    """All shares together; the record is empty where there are none."""
    paths, records = _shares(folder), []
    for _ in range(_TRIES):
        records = [_load(path) for path in paths]
        again = _shares(folder)
        if again == paths:
            break
        paths = again  # a server has just begun, or taken a share over
    joined = Record()
    for record in records:
        joined.add(record or Record())
    joined.compact(now)
    return joined


def _take_over(own: Path) -> Record:
    """What a share begins with: that of a server that is gone, which is no longer there then; else nothing."""
    if own.exists():  # of a process that had the same number
        return _load(own) or Record()
    found = Record()
    for path in _shares(own.parent):
        if _is_old(path):
            path.unlink(missing_ok=True)
        elif not found.quarters and not found.days and _is_left(path):
            left = _load(path)
            if left is not None and _renamed(path, own):
                found = left
    return found


def _renamed(path: Path, own: Path) -> bool:
    try:
        path.rename(own)
    except OSError:  # another server was quicker
        return False
    return True


def _is_left(path: Path) -> bool:
    """Whether a share is of this machine, and its process gone."""
    machine, _, process = path.stem.partition("-")
    return machine == _machine() and process.isdecimal() and not psutil.pid_exists(int(process))


def _is_old(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > DAYS * _DAY
    except OSError:
        return False


def _shares(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.json"))


def _load(path: Path) -> Record | None:
    """What a share holds; ``None``, and a line in the log, where it cannot be believed."""
    try:
        record = msgspec.json.decode(path.read_bytes(), type=Record)
        believable = record.version == _VERSION and all(0 <= one < _LAST for one in record.quarters)
        for day in record.days:
            date.fromisoformat(day)
    except FileNotFoundError:  # taken over since it was listed: it is there under another name
        return None
    except (OSError, ValueError):  # msgspec's errors are among these
        believable = False
    if not believable:
        logger.warning("%s in %s holds nothing that can be read", path.name, FOLDER)
        return None
    return record


def _machine() -> str:
    """A number for this machine: a home may be shared by several, whose processes have the same numbers."""
    return f"{zlib.crc32(platform.node().encode()):08x}"
