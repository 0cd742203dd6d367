"""The index on disk, so that a restart reads only what has changed. It holds names and offsets, no source text.

(Definitions' names, bases and types, imported modules' names, and paths are in it in clear; all other names as
hashes.) A file is written beside the old one and takes its place when it is whole; one that is damaged, cut off, of
another version, or of other grammars and queries is passed over. Does not know when it is worth writing, nor whether
what it says is still true.
"""

import contextlib
import hashlib
import logging
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np

from lsp_server.workspace.index.segment import Columns, Mask, joined

_log = logging.getLogger(__name__)

#: Changed whenever ``Columns``, or what is put into them, means something else.
_FORMAT = 1

#: Bytes in front of each block: its length, and its hash.
_LENGTH, _HASH = 8, 16

#: Longest block that is believed (bytes); a segment takes some megabytes.
_LONGEST = 1 << 28

#: Workspaces whose index is kept, those used last.
_WORKSPACES = 10

#: Seconds after which a file that is being written is not being written any more.
_LONG_AGO = 3_600


class _Head(msgspec.Struct, frozen=True):
    """The first block: what the others are, and how many."""

    format: int
    fingerprint: str
    blocks: int


def save(path: Path, fingerprint: str, parts: Sequence[tuple[Columns, Mask]]) -> None:
    """Keep an index. Where that cannot be, it is said in the log and nothing else happens.

    Args:
        fingerprint: of the grammars that it was made with.
        parts: columns, and which of their files are to be kept.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(
            prefix=".", suffix=".part", dir=path.parent
        )  # for the user alone
        with open(handle, "wb") as file:
            _write(file, _Head(_FORMAT, fingerprint, len(parts)))
            for part in parts:
                _write(file, joined([part]))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        temporary = None
    except OSError as error:
        _log.warning("The workspace's index is not kept: %s", error.strerror or error)
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
    _prune(path.parent)


def load(path: Path, fingerprint: str) -> list[Columns] | None:
    """The index that was kept; ``None`` when there is none that can be used."""
    try:
        with open(path, "rb") as file:
            head = _decode(_block(file), _Head)
            if (head.format, head.fingerprint) != (_FORMAT, fingerprint):
                return None
            found = [_decode(_block(file), Columns) for _ in range(head.blocks)]
            if file.read(1):
                raise ValueError("there is more in it than it says")
        with contextlib.suppress(OSError):
            os.utime(path)  # it was used, see ``_prune``
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:  # msgspec's errors are ValueErrors
        _log.warning("The index that was kept cannot be used: %s", error)
        return None
    return found


def _write(file: BinaryIO, value: msgspec.Struct) -> None:
    body = msgspec.msgpack.encode(value, enc_hook=_plain)
    file.write(len(body).to_bytes(_LENGTH, "big") + hashlib.blake2b(body, digest_size=_HASH).digest())
    file.write(body)


def _block(file: BinaryIO) -> bytes:
    """The next block.

    Raises:
        ValueError: it is not what was written.
    """
    head = file.read(_LENGTH + _HASH)
    size = int.from_bytes(head[:_LENGTH], "big")
    body = file.read(size) if size <= _LONGEST else b""
    if len(body) < size or hashlib.blake2b(body, digest_size=_HASH).digest() != head[_LENGTH:]:
        raise ValueError("it is damaged")
    return body


def _decode(body: bytes, kind: type[Any]) -> Any:
    return msgspec.msgpack.decode(body, type=kind, dec_hook=_array)


def _plain(value: Any) -> Any:
    """Of an array, its kind and its bytes, in the order that all common processors have."""
    if isinstance(value, np.ndarray):
        return (
            value.dtype.newbyteorder("<").str,
            value.astype(value.dtype.newbyteorder("<"), copy=False).tobytes(),
        )
    raise NotImplementedError


def _array(_kind: type, value: Any) -> Any:
    kind, data = value
    return np.frombuffer(data, np.dtype(kind))


def _prune(where: Path) -> None:
    """Remove the indexes of workspaces that were not used for longest, and what interrupted writings left."""
    with contextlib.suppress(OSError):
        for stale in sorted(where.glob("*.index"), key=lambda path: -path.stat().st_mtime)[_WORKSPACES:]:
            stale.unlink()
        for part in where.glob(".*.part"):
            if time.time() - part.stat().st_mtime > _LONG_AGO:
                part.unlink()
