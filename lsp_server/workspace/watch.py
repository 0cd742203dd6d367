"""Being told when files change. The only module that knows watchdog."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer


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
