"""The cache's entries on disk, so that what was computed answers after a restart too.

One file for all workspaces, in the user's folder of what can be made again, readable for the user alone. It holds no
source text: each entry is sealed (``sealed`` says what that gives and what not). Each has a checksum of its own, so
that a damaged one is lost by itself. The newest that fit are kept. Of two servers each takes over what the other has
written since, and of two that write in the same moment the later one's file counts: what the other had is in its memory
and goes into the next. Nothing here fails: a file that cannot be written or read costs only what is in it.

Does not know which documents may be kept, nor when it is time to.
"""

import hashlib
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec

import lsp_server
from lsp_server.base import atomic, ownfile
from lsp_server.completion.cache import Cache, Entry, Found, Place, beginnings, typed_behind
from lsp_server.completion.sealed import Line, Sealed

logger = logging.getLogger(__name__)

#: Name of the file, in the folder of what can be made again.
FILE = "completions"

#: What a file begins with. Its own form has a number; what an entry holds, and how it came about, is for this version
#: of Offhand alone.
_FORM = f"offhand completions 1 {lsp_server.__version__}\n".encode()

#: Size of the file (bytes), which is that of some thousands of entries; size up to which one is read at all.
_MOST, _MOST_READ = 2_000_000, 8_000_000

#: In front of each entry: by what one is found behind a damaged one, its length and its checksum. The longest (bytes).
_MARK, _LENGTH, _SUM = b"\xc1\n\xc1\n", 4, 8
_LONGEST = 1 << 15

#: Entries that wait to be written; more come in no minute.
_WAITING = 1_000

#: Lines up to the cursor's of which entries are looked for: those of one block. Each costs a digest.
_LINES = 8

_SEALED = msgspec.msgpack.Decoder(Sealed)


class Keeper:
    """Keeps a cache's entries in a file.

    ``find`` and ``keep`` are for the event loop; ``load`` and ``save`` take their time and are for a thread. What
    both sides use is replaced as a whole. Somebody may remove the file meanwhile (``offhand reset``): then what is
    known of it is forgotten too.
    """

    def __init__(self, path: Path, cache: Cache) -> None:
        """Be a cache's store; nothing is read yet."""
        self._path = path
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Place, Entry]] = deque(maxlen=_WAITING)
        self._lines: dict[bytes, tuple[bytes, ...]] = {}  # the frames of each line, by its name
        self._frames: dict[bytes, bytes] = {}  # the other way round; the oldest first
        self._changed = False
        self._written = time.monotonic()
        self._known: tuple[int, int, int] | None = None  # the file, as it was when it was last the same
        self._troubles: set[str] = set()
        cache.store = self

    # --- on the event loop

    def keep(self, place: Place, entry: Entry) -> None:
        """Take an entry along, at the next ``save``."""
        self._waiting.append((place, entry))

    def find(self, place: Place) -> Found | None:
        """As ``Cache.find``, in what was loaded and saved."""
        for start, end in islice(beginnings(place) if self._lines else (), _LINES):
            line = Line(place.above(start), place.behind, place.setting)
            newest_first = [_SEALED.decode(_body(frame)) for frame in self._lines.get(line.name, ())[::-1]]
            for sealed in sorted(newest_first, key=lambda one: one.column, reverse=True):
                head = place.before[start : start + sealed.column]
                typed = typed_behind(place, start, end, head)
                entry = line.open(sealed, head) if typed is not None else None
                if entry is not None and typed is not None and entry.begins_with(typed):
                    return Found(entry, typed, kept=True)
        return None

    # --- in a thread

    def load(self) -> None:
        """Read the file."""
        with self._lock:
            self._read()

    def save(self, least: float = 0.0) -> None:
        """Write the file, if there is anything new.

        Args:
            least: seconds that must have passed since it was last written.
        """
        with self._lock:
            if self._known is not None and not os.path.exists(self._path):
                self._forget()
            self._changed = self._changed or bool(self._waiting)
            if not self._changed or time.monotonic() - self._written < least:
                return
            self._written = time.monotonic()
            self._read()
            while self._waiting:
                self._seal(*self._waiting.popleft())
            self._trim()
            self._write()

    def _forget(self) -> None:
        self._waiting.clear()
        self._frames.clear()
        self._lines = {}
        self._known, self._changed = None, False

    def _read(self) -> None:
        """Take over what is in the file, if it is another one than before."""
        try:
            with ownfile.opened(self._path, _MOST_READ) as file:
                seen = _stamp(os.fstat(file.fileno()))
                if seen == self._known:
                    return
                data = file.read()
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            self._say(f"The completions that were kept cannot be read: {error}.")
            return
        self._known = seen
        if not data.startswith(_FORM):
            self._say("The completions that were kept are of another version, or damaged; they are left out.")
            return
        for frame, sealed in _entries(data):
            if frame not in self._frames:
                self._hold(sealed.line, frame)
        self._trim()

    def _seal(self, place: Place, entry: Entry) -> None:
        """Add an entry as the newest, in place of an older one of the same place."""
        start, _ = next(beginnings(place))
        line, head = Line(place.above(start), place.behind, place.setting), place.before[start:]
        try:
            frame = _frame(line.seal(head, entry))
        except UnicodeEncodeError:
            return
        for older in self._lines.get(line.name, ()):
            sealed = _SEALED.decode(_body(older))
            if sealed.column == len(head) and line.open(sealed, head) is not None:
                self._drop(older)
        if len(frame) <= _LONGEST:
            self._hold(line.name, frame)

    def _hold(self, name: bytes, frame: bytes) -> None:
        self._frames[frame] = name
        self._lines[name] = (*self._lines.get(name, ()), frame)

    def _drop(self, frame: bytes) -> None:
        name = self._frames.pop(frame)
        left = tuple(one for one in self._lines[name] if one != frame)
        if left:
            self._lines[name] = left
        else:
            del self._lines[name]

    def _trim(self) -> None:
        size = len(_FORM) + sum(map(len, self._frames))
        while size > _MOST:
            oldest = next(iter(self._frames))
            size -= len(oldest)
            self._drop(oldest)

    def _write(self) -> None:
        try:
            atomic.write(self._path, b"".join((_FORM, *self._frames)), private=True)
            self._known, self._changed = _stamp(self._path.stat()), False
        except OSError as error:
            self._say(f"Completions are not kept: {error}.")

    def _say(self, trouble: str) -> None:
        """Log it, once."""
        if trouble not in self._troubles:
            logger.warning("%s", trouble)
        self._troubles.add(trouble)


def count(path: Path) -> int:
    """How many entries a file has that this version of Offhand can use.

    Raises:
        OSError: it cannot be read.
        ValueError: others can write it.
    """
    with ownfile.opened(path, _MOST_READ) as file:
        data = file.read()
    return sum(1 for _ in _entries(data)) if data.startswith(_FORM) else 0


def _stamp(about: os.stat_result) -> tuple[int, int, int]:
    return about.st_ino, about.st_size, about.st_mtime_ns


def _frame(sealed: Sealed) -> bytes:
    """An entry as it stands in the file."""
    body = msgspec.msgpack.encode(sealed)
    return b"".join((_MARK, len(body).to_bytes(_LENGTH, "big"), _sum(body), body))


def _body(frame: bytes) -> bytes:
    return frame[len(_MARK) + _LENGTH + _SUM :]


def _sum(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_SUM).digest()


def _entries(data: bytes) -> Iterator[tuple[bytes, Sealed]]:
    """The entries of a file that are whole: as they stand there, and what they are."""
    front = len(_MARK) + _LENGTH + _SUM
    at = data.find(_MARK)
    while at >= 0:
        end = at + front + int.from_bytes(data[at + len(_MARK) : at + len(_MARK) + _LENGTH], "big")
        frame = data[at:end] if end - at <= _LONGEST else b""
        sealed = _read_frame(frame) if len(frame) > front else None
        if sealed is not None:
            yield frame, sealed
        at = data.find(_MARK, end if sealed is not None else at + 1)


def _read_frame(frame: bytes) -> Sealed | None:
    """An entry, if it is whole."""
    body = _body(frame)
    if _sum(body) != frame[len(_MARK) + _LENGTH : -len(body)]:
        return None
    try:
        return _SEALED.decode(body)
    except msgspec.MsgspecError:
        return None
