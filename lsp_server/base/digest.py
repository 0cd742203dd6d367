"""The fingerprint of a file. Does not know what it is compared with."""

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from lsp_server.base.notebook import Notebook

#: Read at a time, in bytes: a model of gigabytes must not be held in memory for this.
_BLOCK = 1 << 20

#: Smaller files are read each time; that takes about 0.1 s at most (bytes).
_LARGE = 64 << 20

#: A file that changed so lately might change again without its time becoming another one (s); FAT counts in twos.
_SETTLED_S = 3.0

#: Files that are remembered.
_REMEMBERED = 64

_KEPT = Notebook("hashes.json", str)


def sha256(path: Path, on_progress: Callable[[int], None] = lambda done: None) -> str:
    """SHA-256 of a file's content, lower-case hexadecimal.

    Args:
        on_progress: called with the bytes read so far.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return _sha256(file, on_progress)


def _sha256(file: BinaryIO, on_progress: Callable[[int], None] = lambda done: None) -> str:
    digest, done = hashlib.sha256(), 0
    while block := file.read(_BLOCK):
        digest.update(block)
        done += len(block)
        on_progress(done)
    return digest.hexdigest()


def remembered(path: Path) -> str:
    """The same; a large file that is still the one whose content was read before is not read again.

    Still the same is what has the same path, device, number, size, and times of the last change of its content and of
    its entry. That trusts the file system to note each change, and the user's state directory to be the user's: who can
    set it right after a change, or write there, can as well replace the program. It finds no decay of the disk;
    ``sha256`` does.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        before = os.fstat(file.fileno())
        if before.st_size < _LARGE:
            return _sha256(file)
        entry = _entry(path, before)
        known = _KEPT.read()
        if entry in known:
            return known[entry]
        digest = _sha256(file)
        after = os.fstat(file.fileno())
    settled = time.time() - max(after.st_mtime, after.st_ctime) > _SETTLED_S
    if settled and _entry(path, after) == entry:
        others = [(name, value) for name, value in _KEPT.read().items() if not name.startswith(f"{path}:")]
        _KEPT.write(dict([*others[-_REMEMBERED + 1 :], (entry, digest)]))
    return digest


def _entry(path: Path, about: os.stat_result) -> str:
    parts = (about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns)
    return f"{path}:" + ":".join(map(str, parts))
