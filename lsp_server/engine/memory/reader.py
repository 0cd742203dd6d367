"""Reads the workspace's files into the memory, in a thread of its own that rests while a completion is computed.

Knows paths, and texts only while it turns them into tokens. Which files may be read is decided by whoever names them,
what in them may be is decided by ``base.sourcefile``.
"""

import contextlib
import queue
import threading
from collections.abc import Callable, Iterable, Iterator

from lsp_server.base.priority import give_way
from lsp_server.base.sourcefile import readable_text
from lsp_server.engine.memory.store import Memory
from lsp_server.engine.tokenizer import Tokenizer

#: Tokens that are learnt at once: few enough that the first files are known soon, enough that merging stays cheap.
_FIRST_BATCH, _BATCH = 50_000, 400_000


class Reader:
    """Keeps the memory in step with files."""

    def __init__(self, memory: Memory, tokenizer: Tokenizer, progress: Callable[[int], object]) -> None:
        """Start the thread.

        Args:
            progress: called from the thread whenever more is known, with the number of paths looked at so far.
        """
        self._memory = memory
        self._tokenizer = tokenizer
        self._progress = progress
        self._free = threading.Event()
        self._free.set()
        self._waiting: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._closed = False
        threading.Thread(target=self._run, name="reader", daemon=True).start()

    def learn(self, paths: Iterable[str]) -> None:
        """Read files, in order; what cannot be read, or is no source text, is forgotten."""
        for path in paths:
            self._waiting.put(path)

    def tidy(self) -> None:
        """Let the memory order itself when there is time."""
        if self._waiting.empty():
            self._waiting.put(None)

    @contextlib.contextmanager
    def at_rest(self) -> Iterator[None]:
        """While this lasts no further file is begun."""
        self._free.clear()
        try:
            yield
        finally:
            self._free.set()

    def close(self) -> None:
        """Stop reading."""
        self._closed = True
        self._free.set()
        self._waiting.put(None)

    def _run(self) -> None:
        give_way()
        batch: list[tuple[str, list[list[int]]]] = []
        tokens, read, enough = 0, 0, _FIRST_BATCH
        while True:
            path = self._waiting.get()
            self._free.wait()
            if self._closed:
                return
            if path is not None:
                read += 1
                text = readable_text(path)
                ids = self._tokenizer.encode(text.replace("\r\n", "\n")) if text else []
                batch.append((path, [ids] if ids else []))
                tokens += len(ids)
            if self._waiting.empty() or tokens >= enough:
                gone = [name for name, pieces in batch if not pieces]
                self._memory.forget(gone)
                self._memory.learn((name, pieces) for name, pieces in batch if pieces)
                if self._waiting.empty():
                    self._memory.tidy()
                if batch:
                    self._progress(read)
                batch, tokens, enough = [], 0, _BATCH
