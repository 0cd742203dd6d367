"""Reading what this user alone can have written. Does not know what it is."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

#: Where the system has them: a link is not followed, a pipe not waited for, line ends are not translated.
_HOW = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))


def opened(path: Path, most: int) -> BinaryIO:
    """Open a file for reading.

    Args:
        most: bytes that it may have.

    Raises:
        OSError: it cannot be opened, or is a link.
        ValueError: it is no plain file, not the user's, others may write it, or it is larger.
    """
    number = os.open(path, _HOW)
    about = os.fstat(number)
    if about.st_size > most or not stat.S_ISREG(about.st_mode) or not _ours(about):
        os.close(number)
        raise ValueError("it is larger than it may be, no plain file, or others can write it")
    return os.fdopen(number, "rb")


def _ours(about: os.stat_result) -> bool:
    """Whether a file is the user's, and nobody else may write it. Windows keeps others out of the folder itself."""
    if not hasattr(os, "getuid"):
        return True
    return about.st_uid == os.getuid() and not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
