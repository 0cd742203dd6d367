"""The KV cache of the last prompt on disk, where the user wants that: the first completion after a restart needs no
evaluation then.

One file for each model, in the user's own folder and readable by nobody else: a cache can be turned back into the text
it was made from. The tokens themselves are not in it, only digests of how they begin, by which a prompt finds it. What
native code is given of it was written by us: the file is the user's own, bounded in size, of this version, model and
build of the engine, and its digest is right. Whoever can change files in that folder can change the settings too.
Nothing here fails: a file that cannot be written or does not fit is as good as none. Knows no engine and no document.
"""

import contextlib
import hashlib
import os
from collections.abc import Sequence

import msgspec
import numpy as np

from lsp_server.base import ownfile
from lsp_server.base.paths import kept_caches

#: Begins every file; the number is the version.
_MAGIC = b"offhand kv cache 1\n"

#: A digest is kept of the first so many tokens, twice as many, and so on: a prompt is compared by these.
_EVERY = 32

#: Bounds of a file (bytes) and of what describes it.
_MOST, _HEAD = 256 << 20, 1 << 20

#: Models of which a cache is kept.
_FILES = 3

_SUFFIX = ".kv"

#: Where the system has it: line ends are not translated.
_BINARY = getattr(os, "O_BINARY", 0)


class _Head(msgspec.Struct, frozen=True):
    """What stands before the cache.

    Attributes:
        model: what it belongs to.
        tokens: that it holds.
        marks: digest of the first ``_EVERY`` tokens, of twice as many, and so on.
    """

    model: str
    tokens: int
    marks: tuple[bytes, ...]


class Found(msgspec.Struct, frozen=True):
    """A cache that fits.

    Attributes:
        common: tokens that it has in common with the prompt at its beginning, at least.
        tokens: that it holds.
    """

    common: int
    tokens: int
    state: bytes


class KeptFile:
    """The file of one model."""

    def __init__(self, model: str) -> None:
        """Name it; nothing is read yet.

        Args:
            model: all that decides whether a cache fits: the model's hash, the engine and its build.
        """
        self._model = model
        self._path = kept_caches() / (hashlib.sha256(model.encode()).hexdigest()[:32] + _SUFFIX)

    def write(self, ids: Sequence[int], tokens: int, state: bytes) -> None:
        """Put a cache in place of the one before, as a whole or not at all.

        Args:
            ids: of the tokens at its beginning.
            tokens: that it holds.
        """
        described = msgspec.msgpack.encode(_Head(self._model, tokens, _marks(ids)))
        if len(state) > _MOST or len(described) > _HEAD:
            return
        temporary = self._path.with_suffix(f".{os.getpid()}")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._tidy()
            with open(
                os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o600), "wb"
            ) as file:
                size = len(described).to_bytes(4, "big")
                file.writelines((_MAGIC, _digest(described, state), size, described, state))
            temporary.replace(self._path)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink()

    def _tidy(self) -> None:
        """Remove what was left half-written by a process that was killed, and what was not used for longest."""
        others = [path for path in self._path.parent.iterdir() if path != self._path]
        whole = sorted(
            (path for path in others if path.suffix == _SUFFIX), key=lambda path: path.stat().st_mtime
        )
        for path in [path for path in others if path.suffix != _SUFFIX] + whole[: -(_FILES - 1)]:
            path.unlink(missing_ok=True)

    def read(self, ids: Sequence[int]) -> Found | None:
        """The cache, if it begins as a prompt does; a file that is damaged is removed."""
        try:
            with ownfile.opened(self._path, 2 * _HEAD + _MOST) as file:
                if file.read(len(_MAGIC)) != _MAGIC:
                    raise ValueError
                digest, size = file.read(32), int.from_bytes(file.read(4), "big")
                if size > _HEAD:
                    raise ValueError
                described = file.read(size)
                head = msgspec.msgpack.decode(described, type=_Head)
                shared = _shared(head.marks, _marks(ids))
                if head.model != self._model or not shared:
                    return None
                state = file.read(_MOST)
            if _digest(described, state) != digest:
                raise ValueError
        except FileNotFoundError:
            return None
        except (OSError, ValueError):  # what msgspec raises is a ValueError too
            with contextlib.suppress(OSError):
                self._path.unlink()
            return None
        return Found(shared, head.tokens, state)


def _digest(described: bytes, state: bytes) -> bytes:
    whole = hashlib.sha256(described)
    whole.update(state)
    return whole.digest()


def _marks(ids: Sequence[int]) -> tuple[bytes, ...]:
    """See ``_Head.marks``."""
    running, marks = hashlib.sha256(), []
    data = np.asarray(ids, "<u4").tobytes()
    for start in range(0, len(ids) - _EVERY + 1, _EVERY):
        running.update(data[4 * start : 4 * (start + _EVERY)])
        marks.append(running.copy().digest()[:16])
    return tuple(marks)


def _shared(some: Sequence[bytes], others: Sequence[bytes]) -> int:
    """Tokens that two rows of marks say are in common."""
    same = 0
    for one, other in zip(some, others, strict=False):
        if one != other:
            break
        same += _EVERY
    return same
