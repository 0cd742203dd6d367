"""The index over files on disk and texts that are open in the editor: the store, kept in step with both.

Knows when a file is read, not what for. For one thread.
"""

from collections import OrderedDict

from lsp_server.base.sourcefile import readable_text
from lsp_server.context.languages import Grammars
from lsp_server.context.syntax import to_source
from lsp_server.workspace.filetypes import FileTypes
from lsp_server.workspace.index.contents import Contents
from lsp_server.workspace.index.reading import Reader
from lsp_server.workspace.index.store import Store

#: Bytes of the sources that are held because they were asked for last.
_SOURCES = 4_000_000


class Index(Store):
    """See the module. While a text is open its file does not count, whatever becomes of that."""

    def __init__(self, grammars: Grammars) -> None:
        """Know nothing.

        Raises:
            ResourceError: Offhand's own tables are missing or damaged.
        """
        super().__init__()
        self.reader = Reader(grammars, FileTypes(grammars))
        self._open: dict[str, bytes] = {}
        self._sources: OrderedDict[str, tuple[tuple[int, int], bytes]] = OrderedDict()
        self._held = 0

    def current(self, path: str) -> bool:
        """Whether there is nothing to read: a file is known as it is, its text is open, or it is gone, and dropped."""
        if path in self._open:
            return True
        status = self.reader.status(path)
        if status is None:
            self.drop((path,))
            return True
        return self.status(path) == status or self.wake(path, *status)

    def look(self, path: str) -> Contents | None:
        """Read a file; the outcome must be ``put``. One that is no source file any more is dropped."""
        contents = self.reader.read(path)
        if contents is None:
            self.drop((path,))
        return contents

    def update(self, path: str) -> None:
        """Know a file as it is now, at once."""
        contents = None if self.current(path) else self.look(path)
        if contents is not None:
            self.put((contents,))

    def refuse(self, path: str) -> None:
        """Know that a file is there, and do not look into it."""
        contents = self.reader.refused(path)
        if contents is not None:
            self.put((contents,))

    def override(self, path: str, text: str, language: str) -> None:
        """Let a text count in the place of a file."""
        self._open[path] = to_source((text,))
        self.put((self.reader.of_text(path, text, language),))

    def release(self, path: str) -> None:
        """Forget an open text; its file, if there is one, is to be looked at."""
        if self._open.pop(path, None) is not None:
            self.drop((path,))

    def text(self, path: str, start: int, end: int) -> str:
        """A piece of a file, by offsets of an earlier answer; empty if the file has changed since.

        Then it has been read anew, and the next answers are of what it holds now.
        """
        source = self._source(path)
        return "" if source is None else source[start:end].decode(errors="replace")

    def _source(self, path: str) -> bytes | None:
        if path in self._open:
            return self._open[path]
        status = self.reader.status(path)
        if self.status(path) is None:
            return None
        if status is None or status != self.status(path):
            self.update(path)
            return None
        known = self._sources.get(path)
        if known is not None and known[0] == status:
            self._sources.move_to_end(path)
            return known[1]
        text = readable_text(path)
        if text is None or self.reader.status(path) != status:
            return None
        source = to_source((text,))
        self._hold(path, status, source)
        return source

    def _hold(self, path: str, status: tuple[int, int], source: bytes) -> None:
        before = self._sources.pop(path, None)
        self._held += len(source) - (len(before[1]) if before else 0)
        self._sources[path] = (status, source)
        while self._held > _SOURCES and len(self._sources) > 1:
            _, (_, oldest) = self._sources.popitem(last=False)
            self._held -= len(oldest)
