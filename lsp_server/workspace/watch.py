"""Being told when files change. The only module that knows watchdog."""

import contextlib
import errno
import logging
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec
from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from lsp_server.workspace.files import Entry, below, look
from lsp_server.workspace.filetypes import FileTypes
from lsp_server.workspace.ignore import RULE_FILES, IgnoreRules
from lsp_server.workspace.inotify import Inotify

_log = logging.getLogger(__name__)

#: Seconds without an event after which what happened is told, and after which it is told at the latest.
QUIET = 0.3
LATEST = 3.0


class FileWatch:
    """Watches one file, which may not exist yet; its folder must. Calls back from a thread of its own."""

    def __init__(self, path: Path, changed: Callable[[], object]) -> None:
        self._observer = None
        if not path.parent.is_dir():
            return
        observer = Observer()
        # No inotify left (a common limit on shared machines) costs the automatic reload, nothing else.
        with contextlib.suppress(OSError):
            observer.schedule(_Handler(path, changed), str(path.parent))
            observer.start()
            self._observer = observer

    def close(self) -> None:
        """Stop watching."""
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()
            self._observer = None


class _Handler(FileSystemEventHandler):
    def __init__(self, path: Path, changed: Callable[[], object]) -> None:
        self._path = os.fspath(path)
        self._changed = changed

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Pass on what writes, replaces or removes the file; editors replace files by renaming over them."""
        if event.event_type in ("modified", "created", "deleted", "moved") and self._path in (
            event.src_path,
            event.dest_path,
        ):
            self._changed()


class Changes(msgspec.Struct, frozen=True):
    """What happened since the last time.

    Attributes:
        changed: source files that are there, new or written since.
        removed: paths of what is not there, or no source file, any more. A folder stands for all that was in it.
        relist: ignore files changed or events were lost, so that only a new listing tells what there is.
    """

    changed: tuple[Entry, ...] = ()
    removed: tuple[str, ...] = ()
    relist: bool = False


class FolderEvents(Protocol):
    """What tells of single events: ``inotify.Inotify`` on Linux, ``Recursive`` elsewhere."""

    def __len__(self) -> int: ...

    def add(self, folder: str) -> None:
        """Watch a folder, not what is below it; ``OSError`` when that cannot be."""

    def keep(self, folders: set[str]) -> None:
        """Watch none but these any more."""

    def close(self) -> None:
        """Stop watching."""


class Recursive(FileSystemEventHandler):
    """Watches the roots with all that is below them, by watchdog.

    On macOS and Windows the system itself watches recursively: a root costs the same whatever is in it.

    Args:
        touched: called with the path of what appeared, was written, moved or went, and whether it is a folder.

    Raises:
        OSError: a root cannot be watched.
    """

    def __init__(self, roots: tuple[str, ...], touched: Callable[[str, bool], object]) -> None:
        self._touched = touched
        self._roots = roots
        self._observer = Observer()
        self._observer.start()
        try:
            for root in roots:
                self._observer.schedule(self, root, recursive=True)
        except OSError:
            self.close()
            raise

    def __len__(self) -> int:
        return len(self._roots)

    def add(self, folder: str) -> None:
        """It is watched already."""

    def keep(self, folders: set[str]) -> None:
        """All are watched always."""

    def close(self) -> None:
        """Stop watching."""
        self._observer.stop()
        if threading.current_thread() is not self._observer:
            self._observer.join()

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Pass on what changes a file or moves a folder; a folder is also "modified" when something in it is."""
        kinds = (
            ("created", "deleted", "moved")
            if event.is_directory
            else ("created", "deleted", "moved", "modified")
        )
        if event.event_type in kinds:
            # Windows does not know whether what went was a folder.
            folder = event.is_directory or event.event_type == "deleted"
            self._touched(os.fsdecode(event.src_path), folder)
            if event.dest_path:
                self._touched(os.fsdecode(event.dest_path), folder)


class TreeWatch:
    """Watches source files below the roots, and tells of many events at once. Calls back from a thread of its own.

    Whatever fails costs only the watching; ``fault`` then says why in one sentence.

    Args:
        rules: refreshed here when ignore files change.
        changed: called with each ``Changes``; what it raises is logged.
        recursive: use watchdog's recursive watch; by default everywhere but on Linux.
    """

    def __init__(
        self,
        rules: IgnoreRules,
        types: FileTypes,
        changed: Callable[[Changes], object],
        recursive: bool = sys.platform != "linux",
    ) -> None:
        self.fault = ""
        self._rules = rules
        self._types = types
        self._changed = changed
        self._touches: queue.SimpleQueue[tuple[str, bool] | None] = queue.SimpleQueue()
        self._relist = False
        self._closed = False
        self._events: FolderEvents | None = None
        try:
            self._events = (
                Recursive(rules.roots, self._touched) if recursive else Inotify(self._touched, self._lost)
            )
        except OSError as error:
            self._give_up(error)
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        """How many watches the system holds for it."""
        return len(self._events) if self._events is not None else 0

    def add(self, folder: str) -> None:
        """Watch a folder from now on, not what is below it. To be called before the folder is read."""
        if self._events is None:
            return
        try:
            self._events.add(folder)
        except OSError as error:
            if error.errno == errno.ENOSPC or folder in self._rules.roots:
                self._give_up(error)

    def keep(self, folders: set[str]) -> None:
        """Watch none but these any more."""
        if self._events is not None:
            self._events.keep(folders)

    def close(self) -> None:
        """Stop watching; nothing is called back afterwards."""
        self._closed = True
        if self._events is not None:
            self._events.close()
        self._touches.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _give_up(self, error: OSError) -> None:
        """Say why changes are not seen; the first reason is kept."""
        if self.fault:
            return
        if error.errno == errno.ENOSPC:
            reason = "The system's limit of watched folders is reached (sysctl fs.inotify.max_user_watches)"
        elif error.errno == errno.EMFILE:
            reason = "The system's limit of watchers is reached (sysctl fs.inotify.max_user_instances)"
        else:
            reason = f"Watching failed ({error})"
        self.fault = f"{reason}: changes made outside of the editor are not all noticed."
        _log.warning("%s", self.fault)

    def _lost(self) -> None:
        self._relist = True
        self._touches.put(("", True))

    def _touched(self, path: str, folder: bool) -> None:
        """Take an event, unless nobody is interested. Many thousand of them may come in a second."""
        name = os.path.basename(path)
        if name in RULE_FILES:
            self._relist = True
        elif (not folder and self._types.language(name) is None) or self._rules.ignored(path, folder):
            return
        if folder and path in self._rules.roots and not os.path.isdir(path) and not self.fault:
            self.fault = f"The folder {path} is gone: nothing in it is watched any more."
            _log.warning("%s", self.fault)
        self._touches.put((path, folder))

    def _run(self) -> None:
        while True:
            touched = self._burst()
            if touched is None:
                return
            try:
                changes = self._sum_up(touched)
                if changes != Changes() and not self._closed:
                    self._changed(changes)
            except Exception:
                _log.exception("What changed in the workspace could not be told")

    def _burst(self) -> dict[str, None] | None:
        """Wait for events until they pause, and give their paths in order; ``None`` after ``close``."""
        touched: dict[str, None] = {}
        end = 0.0
        while True:
            try:
                wait = min(QUIET, end - time.monotonic()) if touched else None
                touch = self._touches.get(timeout=None if wait is None else max(wait, 0))
            except queue.Empty:
                return touched
            if touch is None:
                return None
            if not touched:
                end = time.monotonic() + LATEST
            touched[touch[0]] = None
            if time.monotonic() >= end:
                return touched

    def _sum_up(self, touched: dict[str, None]) -> Changes:
        """What there is now at the paths; which events led to it does not matter."""
        relist, self._relist = self._relist, False
        if relist:
            self._rules.refresh()
        changed: dict[str, Entry] = {}
        removed: list[str] = []
        seen: set[tuple[int, int]] = set()
        for path in filter(None, touched):
            if os.path.isdir(path) and (path in self._rules.roots or not os.path.islink(path)):
                self._rules.refresh(path)
                found = below(path, self._rules, self._types, self.add, seen)
                changed.update((entry.path, entry) for entry in found)
            elif (entry := look(path, self._rules, self._types)) is not None:
                changed[path] = entry
            else:
                removed.append(path)
        return Changes(tuple(changed.values()), tuple(removed), relist)
