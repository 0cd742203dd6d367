"""Snapshots of the KV cache, of each document that was left for another, and of a document's prompts that begin
otherwise, so that to go back to a file, or to where one was before something was computed ahead, costs a copy and no
evaluation.

Knows token ids, bytes and names of documents; no text, no request. Where the user wants that, the cache that stands is
written to disk when there is time (``keptfile``).
"""

import threading
import time
from collections.abc import Callable, Sequence

import msgspec

from lsp_server.base import machine
from lsp_server.base.errors import EngineError
from lsp_server.engine.keptfile import KeptFile
from lsp_server.engine.protocol import Engine

#: Of the machine's memory, how much all snapshots together may take, and the bounds of that in bytes. The bundled model
#: needs 2 MB for a prompt, a 0.5B 12 MB for a thousand tokens.
_SHARE, _LEAST, _MOST = 1 / 64, 32 << 20, 256 << 20

#: Snapshots that are kept: more files are seldom gone back to.
_SNAPSHOTS = 8

#: Tokens that a prompt about the same document may drop without the cache being kept: what was written behind the one
#: before is no more than that. Where a prompt drops more, its beginning is another: the window has moved on, which work
#: ahead sees before the user does.
_WRITTEN = 128

#: Memory that must be available to other programs (bytes); below that nothing is kept.
_SPARE = 512 << 20

#: How many times as long evaluating must take as copying, for a copy to be made: it may never be asked for.
_TIMES = 3.0

#: How long a copy takes until one was made (s).
_UNMEASURED = 0.005


#: What evaluating must take for a cache to be written to disk (s), and how long no other is written then.
_WORTH_A_FILE, _REST = 0.5, 120.0


class _Snapshot(msgspec.Struct, frozen=True, eq=False):
    """What stood in the cache, for a document: these tokens at its beginning."""

    document: str
    ids: Sequence[int]
    state: bytes


class Kept:
    """The snapshots of one model's cache.

    Attributes:
        restored: how often one was used.
        file: on disk, if the user wants that.
    """

    def __init__(
        self, budget: int | None = None, memory: Callable[[], machine.Memory] = machine.memory
    ) -> None:
        """Keep nothing yet.

        Args:
            budget: bytes that all of them may take; a share of the machine's memory if none is given.
            memory: asked how much is left.
        """
        total = memory().total
        self._budget = max(_LEAST, min(_MOST, int(total * _SHARE))) if budget is None else budget
        self._memory = memory
        self._snapshots: list[_Snapshot] = []  # the one left longest ago first
        self._document = ""
        self._copying, self._token_bytes = _UNMEASURED, 0.0
        self.restored = 0
        self.file: KeptFile | None = None
        self._begun = False
        self._written = -_REST

    @property
    def size(self) -> int:
        """Bytes that they take."""
        return sum(len(snapshot.state) for snapshot in self._snapshots)

    @property
    def documents(self) -> Sequence[str]:
        """Whose caches are kept, the one left longest ago first."""
        return tuple(snapshot.document for snapshot in self._snapshots)

    def bring(
        self, engine: Engine, cached: list[int], ids: Sequence[int], document: str, evaluating: float
    ) -> list[int]:
        """Have the cache that has most in common with a prompt in the engine, and keep the one that goes.

        Args:
            cached: ids of the tokens in the engine's cache.
            ids: the prompt.
            document: that it is about.
            evaluating: seconds that a token of a prompt takes.

        Returns:
            ids of the tokens that are in the engine's cache now.
        """
        left, self._document = self._document, document
        if self._snapshots and self._in_need(0):
            self._snapshots.clear()
        if self.file is not None and not self._begun:
            self._begun = True
            cached = self._from_file(engine, cached, ids, self.file)
        here = common(ids, cached)
        nearest = max(self._snapshots, key=lambda snapshot: common(ids, snapshot.ids), default=None)
        there = common(ids, nearest.ids) if nearest is not None else 0
        better = nearest if self._worth(there - here, evaluating) else None
        if better is not None and better.document == document:  # another document's it may need again
            self._snapshots.remove(better)
        lost = len(cached) - (common(cached, better.ids) if better else here)
        if self._worth(lost, evaluating) and (document != left or lost > _WRITTEN):
            self._keep(engine, cached, left)
        if better is None:
            return cached
        begun = time.thread_time()
        try:
            engine.restore(better.state)
        except EngineError:
            return []
        self._copying = max(self._copying, time.thread_time() - begun)
        self.restored += 1
        return list(better.ids[: engine.evaluated])

    def _from_file(self, engine: Engine, cached: list[int], ids: Sequence[int], file: KeptFile) -> list[int]:
        """As ``bring``, before the first prompt."""
        found = file.read(ids)
        if found is None or found.common <= common(ids, cached):
            return cached
        try:
            engine.restore(found.state)
        except EngineError:
            return []
        if engine.evaluated != found.tokens:  # it is not what it says it is: nothing of it is believed
            return []
        self.restored += 1
        return list(ids[: found.common])

    def save(self, engine: Engine, cached: Sequence[int], evaluating: float) -> None:
        """Write the cache that stands to disk, in the background, where that is wanted and worth it.

        Args:
            cached, evaluating: as in ``bring``.
        """
        now = time.monotonic()
        if self.file is None or len(cached) * evaluating < _WORTH_A_FILE or now - self._written < _REST:
            return
        try:
            state = engine.snapshot()
        except (EngineError, MemoryError):
            return
        self._written = now
        # Behind them stands what was drafted in vain.
        work = threading.Thread(
            target=self.file.write, args=(tuple(cached), engine.evaluated, state), daemon=True
        )
        work.start()

    def _worth(self, tokens: int, evaluating: float) -> bool:
        return tokens * evaluating > _TIMES * self._copying

    def _keep(self, engine: Engine, cached: Sequence[int], document: str) -> None:
        # What it goes on from, or is the beginning of, is of no use beside it.
        self._snapshots = [one for one in self._snapshots if not _nearly(one, document, cached)]
        if self._token_bytes * len(cached) > self._budget:
            return
        begun = time.thread_time()
        try:
            state = engine.snapshot()
        except (EngineError, MemoryError):
            return
        self._copying = time.thread_time() - begun
        self._token_bytes = len(state) / len(cached)
        if len(state) > self._budget or self._in_need(len(state)):
            return
        while self.size + len(state) > self._budget or len(self._snapshots) >= _SNAPSHOTS:
            del self._snapshots[0]
        self._snapshots.append(_Snapshot(document, tuple(cached), state))

    def _in_need(self, size: int) -> bool:
        """Whether the machine needs its memory for something else, if so many bytes were taken."""
        available = self._memory().available
        return available is not None and available - size < _SPARE


def _nearly(snapshot: _Snapshot, document: str, ids: Sequence[int]) -> bool:
    """Whether a snapshot is of the same document, and of the same prompt but for what was written at its end."""
    shorter = min(len(snapshot.ids), len(ids))
    return snapshot.document == document and common(snapshot.ids, ids) >= shorter - _WRITTEN


def common(first: Sequence[int], second: Sequence[int]) -> int:
    """Length of the longest common beginning."""
    for index, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return index
    return min(len(first), len(second))
