"""What the indexer has still to do, the most urgent first: open texts, files near them, other files, order, keeping.

One ``step`` does at most one file, or joins at most one segment, so that a question never waits for more. Knows the
index and when to keep it; no messages, no pipes.
"""

import faulthandler
import threading
import time
from collections.abc import Callable, Iterable
from os.path import dirname
from pathlib import Path

from lsp_server.workspace.index import kept
from lsp_server.workspace.index.contents import Contents
from lsp_server.workspace.index.index import Index
from lsp_server.workspace.index.messages import Override

#: Names of units that are put into the index at once: few at first, so that the first files are known soon.
_FIRST_BATCH, _BATCH = 2_000, 50_000

#: Segments with which order is brought in before anything else is done: each question asks all of them.
_CROWDED = 20

#: Seconds between two times that the index is kept, and for how long nothing must have happened before.
_EVERY, _QUIET = 300.0, 5.0

#: Seconds after which a file has hung the process in native code, which nothing else could end; and how late the clock
#: may be set on, since that starts a thread.
_HANGS, _ARM = 30.0, 5.0


class Work:
    """See the module.

    Args:
        reading: called with a file's path before it is looked into, and with an empty one when nothing waits any
        more. fingerprint: of the grammars, for the index that is kept.
    """

    def __init__(self, index: Index, fingerprint: str, reading: Callable[[str], object]) -> None:
        self.index = index
        self._fingerprint = fingerprint
        self._reading = reading
        self._kept: Path | None = None
        self._refused: frozenset[str] = frozenset()
        self._texts: dict[str, Override] = {}
        self._near: dict[str, None] = {}
        self._far: dict[str, None] = {}
        self._told: set[str] = set()
        self._open: dict[str, None] = {}
        self._listed = False
        self._fresh: list[Contents] = []
        self._names, self._enough = 0, _FIRST_BATCH
        self._changed = False  # since it was kept
        self._kept_at = self._touched = 0.0
        self._keeping: threading.Thread | None = None
        self._armed = 0.0

    # --- told

    def begin(self, file: Path, refused: Iterable[str]) -> None:
        """Begin a workspace with what was kept of it, or of what is known of the one before."""
        if self._kept is not None:
            self.keep()
        self._put()
        for path in self._open:
            self.index.release(path)
        self._kept, self._refused = file, frozenset(refused)
        self.index.sleep(kept.load(file, self._fingerprint))
        for queue in (self._texts, self._near, self._far, self._told, self._open):
            queue.clear()
        self._listed, self._changed, self._kept_at = False, False, 0.0
        self._enough = _FIRST_BATCH

    def tell(self, paths: Iterable[str]) -> None:
        """Have files looked at."""
        near = {dirname(path) for path in self._open}
        for path in paths:
            self._told.add(path)
            if path not in self._near and path not in self._far:
                (self._near if dirname(path) in near else self._far)[path] = None

    def listed(self) -> None:
        """All that is there was told."""
        self._listed = True

    def override(self, message: Override) -> None:
        """Have a text taken in; of several for one path the last counts."""
        self._texts[message.path] = message
        self._open[message.path] = None
        folder = dirname(message.path)
        for path in [path for path in self._far if dirname(path) == folder]:
            del self._far[path]
            self._near[path] = None

    def release(self, path: str) -> None:
        """Let a text go; its file is looked at if it was told of."""
        self._texts.pop(path, None)
        self._open.pop(path, None)
        self.index.release(path)
        if path in self._told:
            self._far.pop(path, None)
            self._near[path] = None

    # --- doing

    @property
    def waiting(self) -> int:
        """Texts and files that are to be looked at."""
        return len(self._texts) + len(self._near) + len(self._far)

    def step(self) -> float | None:
        """Do a little; the seconds until there is more to do, ``None`` when only a message can bring some."""
        if self.index.size.segments > _CROWDED and self.index.tidy():
            return 0.0
        if self._texts:
            path = next(iter(self._texts))
            self._look(path)
            del self._texts[path]
        elif self._near or self._far:
            queue = self._near or self._far
            path = next(iter(queue))
            if not self.index.current(path):
                self._look(path)
            del queue[path]
        else:
            return self._settle()
        if not self.waiting:
            self._put()
            self._reading("")
        return 0.0

    def _look(self, path: str) -> None:
        """Look into a file, or into the text that is open in its place."""
        now = time.monotonic()
        if now - self._armed > _ARM:
            self._armed = now
            faulthandler.dump_traceback_later(_HANGS, exit=True)
        self._touched, self._changed = now, True
        self._reading(path)
        text = self._texts.get(path)
        if path in self._refused:
            self.index.refuse(path)
        elif text is not None:
            self.index.override(path, text.text, text.language)
        elif (contents := self.index.look(path)) is not None:
            self._fresh.append(contents)
            self._names += sum(len(unit.names) for unit in contents.units)
            if self._names >= self._enough:
                self._put()
                self._enough = _BATCH

    def _put(self) -> None:
        """Let what was read count."""
        self.index.put(self._fresh)
        self._fresh, self._names = [], 0

    def _settle(self) -> float | None:
        """Nothing is urgent: bring order in, and keep what is there, both now and then."""
        if self._armed:
            faulthandler.cancel_dump_traceback_later()
            self._armed = 0.0
        if self._listed:
            self._listed = False
            self._changed |= self.index.forget_dormant()
            return 0.0
        if self.index.tidy():
            return 0.0
        if not self._changed or self._kept is None:
            return None
        now = time.monotonic()
        due = max(self._touched + _QUIET, self._kept_at + _EVERY if self._kept_at else 0.0)
        if now < due:
            return due - now
        self._keep_beside()
        return None

    def _keep_beside(self) -> None:
        """Keep the index in a thread of its own: a disk may take seconds, and questions must not wait for it."""
        assert self._kept is not None
        self._wait()
        self._changed, self._kept_at = False, time.monotonic()
        arguments = (self._kept, self._fingerprint, self.index.snapshot(self._open))
        self._keeping = threading.Thread(target=kept.save, args=arguments)
        self._keeping.start()

    def keep(self) -> None:
        """Keep the index here and now, if it has changed since the last time; for the end."""
        self._put()
        self._wait()
        if self._changed and self._kept is not None:
            self._changed = False
            kept.save(self._kept, self._fingerprint, self.index.snapshot(self._open))

    def _wait(self) -> None:
        if self._keeping is not None:
            self._keeping.join()
            self._keeping = None
