"""The server's side of the index: keeps an indexer alive, tells it what there is, and asks it. Never raises for what
it does.

An indexer may die at any instant. Another is started and told everything again, the file that it died of first: if
that kills it once more, it is left out. Knows messages, not what questions mean.
"""

import asyncio
import contextlib
import itertools
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lsp_server.base import child
from lsp_server.base.errors import ProtocolError
from lsp_server.base.sourcefile import MAX_BYTES
from lsp_server.workspace.index import where
from lsp_server.workspace.index.contents import Size
from lsp_server.workspace.index.messages import (
    FROM_INDEXER,
    Answer,
    Ask,
    Begin,
    FromIndexer,
    Listed,
    Override,
    Progress,
    Release,
    Tell,
    ToIndexer,
)

logger = logging.getLogger(__name__)

#: Pause before the next indexer after one died (s); it doubles until one has got through its work.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 30.0

#: A file that so many indexers died of is left out.
_TOO_MANY_DEATHS = 2

#: Longest wait for an indexer to keep its index and end (s).
_LAST_WORDS_S = 5.0

#: Paths in one message: a frame has room for more, but the first shall be there soon.
_PATHS = 5_000


class IndexClient:
    """Keeps an indexer for the folders of one workspace.

    Attributes:
        roots: as they were given.
        progress: what it said last.
        restarts: indexers started so far, less the first.
        refused: paths of the files that are left out because they killed indexers.
    """

    def __init__(
        self,
        roots: Sequence[str],
        *,
        on_progress: Callable[[], None] = lambda: None,
        file: Path | None = None,
        command: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start an indexer; needs a running event loop. The client must be closed.

        Args:
            roots: the workspace's folders; they name the file that the index is kept in.
            on_progress: called whenever ``progress`` has changed.
            file: that the index is kept in, in the place of the usual one.
            command: what to run instead of the indexer.
            environment: variables for the indexer, beside the server's.
        """
        self.progress = Progress("", 0, 0, Size())
        self.restarts = -1
        self.refused: dict[str, None] = {}
        self.roots = tuple(roots)
        self._kept = str(file or where.place(roots))
        self._on_progress = on_progress
        self._command = tuple(command) or child.command("lsp_server.workspace.index.indexer")
        # One thread: it works beside somebody who types.
        self._environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            **(environment or {}),
        }
        self._process: child.Process[FromIndexer] | None = None
        self._questions: dict[int, asyncio.Future[bytes | None]] = {}
        self._ids = itertools.count(1)
        self._told: dict[str, None] = {}
        self._listed = False
        self._texts: dict[str, Override] = {}
        self._deaths: Counter[str] = Counter()
        self._said = 0  # to this indexer, questions not counted
        self._pause = _FIRST_PAUSE_S
        self._supervisor = asyncio.get_running_loop().create_task(self._supervise())

    # --- for the server

    def tell(self, paths: Iterable[str]) -> None:
        """Have files looked at that are there, have changed, or are gone."""
        paths = tuple(paths)
        self._told.update(dict.fromkeys(paths))
        self._tell(paths)

    def listed(self) -> None:
        """Say that all files that there are have been told."""
        self._listed = True
        self._send(Listed())

    def override(self, path: str, text: str, language: str) -> None:
        """Let the text of an open document count in the place of its file.

        Args:
            language: name of its grammar, or the editor's id.
        """
        if len(text) > MAX_BYTES:  # nor would its file be read
            self.release(path)
            return
        self._texts[path] = Override(path, text, language)
        self._send(self._texts[path])

    def release(self, path: str) -> None:
        """Let what is on disk count again."""
        if self._texts.pop(path, None) is not None:
            self._send(Release(path))

    async def ask(self, wants: bytes, timeout: float) -> bytes | None:
        """Ask; ``None`` when there is no answer in time. A late one is dropped.

        Args:
            timeout: in seconds.
        """
        if self._process is None:
            return None
        question = Ask(next(self._ids), wants)
        answer: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        self._questions[question.id] = answer
        try:
            self._send(question)
            await asyncio.wait((answer,), timeout=timeout)
            return answer.result() if answer.done() else None
        finally:
            self._questions.pop(question.id, None)

    async def close(self) -> None:
        """End the indexer, which keeps its index first; five seconds at most."""
        process = self._process
        self._supervisor.cancel()
        await asyncio.wait((self._supervisor,))
        if process is not None:
            process.hang_up()
            await asyncio.wait((process.ended,), timeout=_LAST_WORDS_S)
            await process.gone()

    @property
    def settled(self) -> bool:
        """Whether everything that was told is known."""
        return self._said > 0 and self.progress.heard == self._said and not self.progress.waiting

    def status(self) -> dict[str, Any]:
        """What ``offhand.status`` says of it."""
        size = self.progress.size
        return {
            "files": size.files,
            "definitions": size.definitions,
            "units": size.units,
            "waiting": self.progress.waiting,
            "refused": len(self.refused),
            "pid": self.pid,
            "restarts": self.restarts,
            "rss_mb": self.rss_mb,
        }

    @property
    def pid(self) -> int | None:
        """Of the indexer, while there is one."""
        return self._process.pid if self._process else None

    @property
    def rss_mb(self) -> float:
        """Memory that the indexer has resident, in MiB; 0 while there is none."""
        return child.rss_mb(self.pid)

    # --- one indexer after the other

    async def _supervise(self) -> None:
        while True:
            self.restarts += 1
            trouble = await self._live()
            logger.warning("%s", trouble)
            pause, self._pause = self._pause, min(self._pause * 2, _LONGEST_PAUSE_S)
            await asyncio.sleep(pause)

    async def _live(self) -> str:
        """Start an indexer and return when it is gone, with the reason."""
        try:
            process = await child.start(self._command, self._environment, FROM_INDEXER, self._receive)
        except OSError as error:
            return f"the indexer cannot be started: {error}"
        self._process, self._said = process, 0
        self._tell_all()
        try:
            await asyncio.wait((process.ended,))
        finally:
            self._process = None
        await process.gone()
        self._blame()
        for answer in self._questions.values():
            if not answer.done():
                answer.set_result(None)
        return process.failure or f"the indexer died: {child.describe(process.exit_code)}"

    def _tell_all(self) -> None:
        """Tell a new indexer what the one before it knew, the file that it died of first."""
        self._send(Begin(self._kept, tuple(self.refused)))
        self._tell(tuple(path for path in self._deaths if path in self._told))
        for text in self._texts.values():
            self._send(text)
        self._tell(tuple(self._told))
        if self._listed:
            self._send(Listed())

    def _blame(self) -> None:
        """Leave a file out that too many indexers died of."""
        suspect = self.progress.reading
        self.progress = Progress("", 0, 0, Size())
        if suspect:
            self._deaths[suspect] += 1
            if self._deaths[suspect] >= _TOO_MANY_DEATHS:
                logger.error("A file that the indexer died of %d times is left out.", self._deaths[suspect])
                del self._deaths[suspect]
                self.refused[suspect] = None

    def _tell(self, paths: Sequence[str]) -> None:
        for start in range(0, len(paths), _PATHS):
            self._send(Tell(tuple(paths[start : start + _PATHS])))

    def _send(self, message: ToIndexer) -> None:
        if self._process is not None:
            with contextlib.suppress(ProtocolError):  # too long: a path or a text that nobody misses
                self._process.send(message)
                self._said += not isinstance(message, Ask)

    # --- what it says

    def _receive(self, message: FromIndexer) -> None:
        if isinstance(message, Answer):
            answer = self._questions.get(message.id)
            if message.error:
                logger.warning("The indexer failed to answer: %s", message.error)
            if answer is not None and not answer.done():
                answer.set_result(None if message.error else message.found)
        else:
            self.progress = message
            if not message.waiting:
                self._pause = _FIRST_PAUSE_S
            try:
                self._on_progress()
            except Exception:
                logger.exception("A listener to the indexer failed.")
