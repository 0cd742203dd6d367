"""Copying a large file so that an interruption costs nothing and half a copy is never taken for a whole one.

Until it is complete and was read back, the copy's name ends with ``.part``. Does not know what is in it.
"""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from lsp_server.base.digest import sha256
from lsp_server.base.errors import ModelError

PART = ".part"

#: Read and written at a time (bytes).
_BLOCK = 4 << 20


def copy(source: Path, target: Path, on_progress: Callable[[int, int], None] = lambda done, all: None) -> str:
    """Copy a file, going on where an interrupted copy of it ended.

    What is there of one is compared with the source, not trusted.

    Args:
        target: in a folder that exists.
        on_progress: called with the bytes that are done, of all that are to be copied and read back.

    Returns:
        the sha256 of both.

    Raises:
        ModelError: there is no room, the source cannot be read any more or changed meanwhile, or what was written
            reads otherwise. What can be gone on with stays as ``.part``.
    """
    part = target.with_name(target.name + PART)
    try:
        with source.open("rb") as incoming:
            about = os.fstat(incoming.fileno())
            _check_room(part, about.st_size)
            try:
                with part.open("r+b" if part.exists() else "w+b") as outgoing:
                    digest = _copy(incoming, outgoing, lambda done: on_progress(done, 2 * about.st_size))
            except _SourceGone as error:
                raise ModelError(
                    f"{source} cannot be read any more: {error}. What was copied is kept: plug the drive in again and "
                    "give the same command."
                ) from error
            except OSError as error:
                raise _not_written(part, error) from error
            after = os.fstat(incoming.fileno())
    except OSError as error:
        raise ModelError(f"{source} cannot be read: {error.strerror or error}.") from error
    if (after.st_size, after.st_mtime_ns) != (about.st_size, about.st_mtime_ns):
        part.unlink()
        raise ModelError(f"{source} changed while it was copied. Wait until it is complete, and try again.")
    try:
        read_back = sha256(part, lambda done: on_progress(about.st_size + done, 2 * about.st_size))
        if read_back == digest:
            part.replace(target)
            return digest
        part.unlink()
    except OSError as error:
        raise _not_written(part, error) from error
    raise ModelError(
        f"{target} reads otherwise than it was written: the disk or the memory is faulty. Check them, and try again."
    )


class _SourceGone(Exception):
    """The source cannot be read to its end."""


def _copy(incoming: BinaryIO, outgoing: BinaryIO, on_progress: Callable[[int], None]) -> str:
    """Make the one equal to the other; the blocks that are equal already are only read."""
    digest, done, known = hashlib.sha256(), 0, True
    while block := _read(incoming):
        if known and outgoing.read(len(block)) != block:
            known = False
            outgoing.seek(done)
            outgoing.truncate()
        if not known:
            outgoing.write(block)
        digest.update(block)
        done += len(block)
        on_progress(done)
    outgoing.truncate(done)
    outgoing.flush()
    os.fsync(outgoing.fileno())
    if hasattr(os, "posix_fadvise"):  # so that reading it back asks the disk, not the memory
        os.posix_fadvise(outgoing.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return digest.hexdigest()


def _read(incoming: BinaryIO) -> bytes:
    try:
        return incoming.read(_BLOCK)
    except OSError as error:
        raise _SourceGone(error.strerror or str(error)) from error


def _check_room(part: Path, size: int) -> None:
    there = part.stat().st_size if part.exists() else 0
    free = shutil.disk_usage(part.parent).free
    if free + there < size:
        raise ModelError(
            f"There is not enough room in {part.parent}: {size / 1e6:.0f} MB are needed, {free / 1e6:.0f} MB are free. "
            "Make room, or leave the file where it is with --link."
        )


def _not_written(part: Path, error: OSError) -> ModelError:
    with contextlib.suppress(OSError):  # room for others; a copy onto a full disk cannot be gone on with
        part.unlink()
    return ModelError(
        f"{part} cannot be written: {error.strerror or error}. Make room or set OFFHAND_HOME to another folder, or "
        "leave the file where it is with --link."
    )
