"""The workspace's source files, listed and kept up to date in the background. Holds paths, never text.

Does not know who wants the files; that one reads them itself, with ``base.sourcefile.readable_text``.
"""

import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence

from lsp_server.workspace.files import Entry, Limits, files, look
from lsp_server.workspace.filetypes import FileTypes
from lsp_server.workspace.ignore import IgnoreRules, user_ignore_file
from lsp_server.workspace.watch import Changes, TreeWatch

_log = logging.getLogger(__name__)

#: Files told of at once: a few at first, so that what lies around the open file is known at once.
_FIRST_BATCH, _BATCH = 32, 256

#: Seconds of work after which the thread sleeps, and for how long: the editor's requests come first.
_WORK, _REST = 0.004, 0.004


class WorkspaceTree:
    """Tells which source files the roots hold, and what becomes of them. Calls back from one thread of its own.

    Every file is told of once as changed, then whenever it was written, and as removed when it went or is
    ignored by now. A callback may take its time: the thread waits for it.

    Args:
        roots: absolute paths of folders; one may lie in another.
        changed, removed: called with absolute paths, never with none.
        near: a file whose surroundings come first.
        go: while it is not set, listing pauses, and so do the callbacks.
        all_told: called when every file that there is has been told of, and again after each new listing.
    """

    def __init__(
        self,
        roots: Sequence[str],
        types: FileTypes,
        changed: Callable[[list[str]], object],
        removed: Callable[[list[str]], object],
        near: str | None = None,
        go: threading.Event | None = None,
        limits: Limits = Limits(),  # noqa: B008 - it is frozen
        all_told: Callable[[], object] = lambda: None,
    ) -> None:
        self.rules = IgnoreRules(roots, user_ignore_file())
        self._types = types
        self._tell_changed = changed
        self._tell_removed = removed
        self._near = near
        self._go = go
        self._all_told = all_told
        self._limits = limits
        self._known: dict[str, tuple[int, int]] = {}  # path to size and time of change
        self._bytes = 0
        self._listed = False
        self._closed = threading.Event()
        self._rested = time.monotonic()
        self._news: queue.SimpleQueue[Changes | None] = queue.SimpleQueue()
        self._watch = TreeWatch(self.rules, types, self._news.put)
        self._thread = threading.Thread(target=self._run, name="workspace", daemon=True)
        self._thread.start()

    @property
    def fault(self) -> str:
        """Why changes are not, or not all, noticed; empty when they are."""
        return self._watch.fault

    @property
    def count(self) -> int:
        """How many files are known by now."""
        return len(self._known)

    @property
    def listed(self) -> bool:
        """Whether every file that there is has been told of once."""
        return self._listed

    def knows(self, path: str) -> bool:
        """Whether a file was told of and is there, as far as anybody noticed."""
        return path in self._known

    def size(self, path: str) -> int | None:
        """Bytes of a file that was told of and is there, as far as anybody noticed; ``None`` otherwise."""
        known = self._known.get(path)
        return known[0] if known else None

    @property
    def watches(self) -> int:
        """How many watches the system holds for this."""
        return len(self._watch)

    def close(self) -> None:
        """Stop; nothing is called back afterwards."""
        self._closed.set()
        self._watch.close()
        self._news.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        try:
            relist = True
            while not self._closed.is_set():
                if relist:
                    relist = self._list()
                    self._listed = not relist
                    if self._listed and not self._closed.is_set():
                        self._all_told()
                else:
                    news = self._news.get()
                    relist = news is not None and self._take(news)
        except Exception:
            _log.exception("The workspace's files are not followed any more")
            self._watch.close()

    def _list(self) -> bool:
        """Tell of all files there are, and of those that are no more; whether that is to be done again."""
        before = set(self._known)
        entered: set[str] = set()
        batch: list[str] = []
        size = _FIRST_BATCH
        again = False

        def entering(folder: str) -> None:
            self._pause()
            entered.add(folder)
            self._watch.add(folder)

        for entry in files(self.rules, self._types, self._near, self._limits, entering):
            self._pause()
            if self._closed.is_set():
                return False
            before.discard(entry.path)
            if self._admit(entry):
                batch.append(entry.path)
            if len(batch) >= size:
                self._tell(self._tell_changed, batch)
                batch, size = [], _BATCH
                while not self._news.empty() and (news := self._news.get()) is not None:
                    again |= self._take(news)
        self._tell(self._tell_changed, batch)
        # A file that came back after its folder was read is not gone.
        gone = [path for path in before if path in self._known and not look(path, self.rules, self._types)]
        self._forget(gone)
        if not again:
            self._watch.keep(entered)
        return again

    def _take(self, news: Changes) -> bool:
        """Pass on what happened; whether all must be listed anew."""
        self._pause()
        self._forget([path for removed in news.removed for path in self._held(removed)])
        self._tell(self._tell_changed, [entry.path for entry in news.changed if self._admit(entry, True)])
        return news.relist

    def _held(self, path: str) -> list[str]:
        """The known files at a path, or below it."""
        if path in self._known:
            return [path]
        below = path + os.sep
        return [known for known in self._known if known.startswith(below)]

    def _admit(self, entry: Entry, written: bool = False) -> bool:
        """Note a file; whether there is anything to tell of it."""
        old = self._known.get(entry.path)
        new = (entry.size, entry.modified)
        if old == new and not written:
            return False
        size = self._bytes + entry.size - (old[0] if old else 0)
        if old is None and (len(self._known) >= self._limits.files or size > self._limits.bytes):
            return False
        self._known[entry.path] = new
        self._bytes = size
        return True

    def _forget(self, paths: list[str]) -> None:
        for path in paths:
            self._bytes -= self._known.pop(path, (0, 0))[0]
        self._tell(self._tell_removed, paths)

    def _tell(self, call: Callable[[list[str]], object], paths: list[str]) -> None:
        if paths and not self._closed.is_set():
            call(paths)

    def _pause(self) -> None:
        """Leave the processor to others: at regular times, and as long as it is said."""
        while self._go is not None and not self._go.is_set() and not self._closed.is_set():
            self._go.wait(0.2)
        if time.monotonic() - self._rested > _WORK:
            self._closed.wait(_REST)
            self._rested = time.monotonic()
