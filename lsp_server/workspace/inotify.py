"""Linux's inotify(7): being told of what happens in single folders. Knows nothing of ignore files or sources.

Why not watchdog here, as everywhere else. Its recursive watch also covers what is ignored; a watch for each
folder costs it a thread each (version 7) or an inotify instance each (version 6; 128 are the usual limit). It
tells no listener when the watches run out below a root, nor when the kernel's queue overflows.
"""

import ctypes
import errno
import os
import select
import struct
import threading
from collections.abc import Callable

# linux/inotify.h
_CLOSE_WRITE, _MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x8, 0x40, 0x80, 0x100, 0x200
_DELETE_SELF, _MOVE_SELF, _UNMOUNT, _OVERFLOW, _IGNORED = 0x400, 0x800, 0x2000, 0x4000, 0x8000
_ONLYDIR, _EXCL_UNLINK, _ISDIR = 0x1000000, 0x4000000, 0x40000000

_MASK = (
    _CLOSE_WRITE
    | _MOVED_FROM
    | _MOVED_TO
    | _CREATE
    | _DELETE
    | _DELETE_SELF
    | _MOVE_SELF
    | _ONLYDIR
    | _EXCL_UNLINK
)
_HEAD = struct.Struct("iIII")
_CLOEXEC = 0x80000


class Inotify:
    """Watches folders, each by itself. Calls back from a thread of its own.

    Args:
        touched: called with the path of what appeared, was written, moved or went, and whether it is a folder.
            A file that is being written is reported when it is closed.
        lost: called when the kernel dropped events, so that anything may have happened.

    Raises:
        OSError: there is no inotify, or no instance left (EMFILE).
    """

    def __init__(self, touched: Callable[[str, bool], object], lost: Callable[[], object]) -> None:
        self._touched = touched
        self._lost = lost
        try:
            self._libc = ctypes.CDLL(None, use_errno=True)
            self._fd = self._libc.inotify_init1(_CLOEXEC)
        except (AttributeError, TypeError) as error:
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from error
        if self._fd < 0:
            raise _last_error()
        self._wake_read, self._wake_write = os.pipe()
        self._lock = threading.Lock()  # of the two below, and of the descriptor against being closed
        self._paths: dict[int, str] = {}
        self._open = True
        self._thread = threading.Thread(target=self._run, name="inotify", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        return len(self._paths)

    def add(self, folder: str) -> None:
        """Watch a folder, not what is below it. Once is as good as twice.

        Raises:
            OSError: it is not there, it may not be read, or there are no watches left (ENOSPC).
        """
        with self._lock:
            if not self._open:
                return
            descriptor = self._libc.inotify_add_watch(self._fd, os.fsencode(folder), _MASK)
            if descriptor < 0:
                raise _last_error(folder)
            self._paths[descriptor] = folder

    def keep(self, folders: set[str]) -> None:
        """Watch none but these any more."""
        self._remove(lambda path: path not in folders)

    def close(self) -> None:
        """Stop; nothing is called back afterwards, unless it is the calling thread."""
        with self._lock:
            if not self._open:
                return
            self._open = False
            os.write(self._wake_write, b"\0")
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _remove(self, unwanted: Callable[[str], bool]) -> None:
        with self._lock:
            for descriptor in [number for number, path in self._paths.items() if unwanted(path)]:
                del self._paths[descriptor]
                if self._open:
                    self._libc.inotify_rm_watch(self._fd, descriptor)  # fails when the kernel was quicker

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        poll.register(self._wake_read, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in poll.poll()}
            if self._wake_read in ready:
                break
            data = os.read(self._fd, 1 << 16)
            place = 0
            while place < len(data) and self._open:
                descriptor, mask, _cookie, length = _HEAD.unpack_from(data, place)
                place += _HEAD.size + length
                self._event(descriptor, mask, data[place - length : place].rstrip(b"\0"))
        with self._lock:
            for descriptor in (self._fd, self._wake_read, self._wake_write):
                os.close(descriptor)

    def _event(self, descriptor: int, mask: int, name: bytes) -> None:
        if mask & _OVERFLOW:
            self._lost()
            return
        with self._lock:
            if mask & _IGNORED:  # the folder is gone, and its watch with it
                self._paths.pop(descriptor, None)
                return
            folder = self._paths.get(descriptor)
        if folder is None:
            return
        if mask & (_DELETE_SELF | _MOVE_SELF | _UNMOUNT):
            self._touched(folder, True)  # also said by the folder above, where that is watched
            return
        path = os.path.join(folder, os.fsdecode(name))
        is_folder = bool(mask & _ISDIR)
        if is_folder and mask & _MOVED_FROM:
            # Watches move with their folders. At the new place they are made anew, under the new names.
            below = path + os.sep
            self._remove(lambda watched: watched == path or watched.startswith(below))
        if is_folder or not mask & _CREATE:
            self._touched(path, is_folder)
        elif _is_complete(path):
            self._touched(path, False)


def _is_complete(path: str) -> bool:
    """Whether a file that just appeared is never going to be closed by a writer: a hard link."""
    try:
        return os.lstat(path).st_nlink > 1
    except OSError:
        return False


def _last_error(path: str | None = None) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number), path)
