"""What a worker was told for its memory, so that the one that takes its place can be told again. Knows no worker."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator

from lsp_server.engine.messages import Forget, Learn, Remember

#: Open documents that a new worker is told again.
_REMEMBERED = 32


class Told:
    """See the module; each method returns the message that tells it.

    Attributes:
        paths: of files that the present worker was told to read, those that it was told twice counted twice.
    """

    def __init__(self) -> None:
        """Nothing was told."""
        self.paths = 0
        self._documents: OrderedDict[str, Remember] = OrderedDict()
        self._files: dict[str, None] = {}

    def remember(self, document: str, pieces: tuple[str, ...]) -> Remember:
        """See ``WorkerClient.remember``."""
        message = self._documents[document] = Remember(document, pieces)
        self._documents.move_to_end(document)
        while len(self._documents) > _REMEMBERED:
            self._documents.popitem(last=False)
        return message

    def learn(self, paths: Iterable[str]) -> Learn:
        """See ``WorkerClient.learn``."""
        told = tuple(paths)
        self._files.update(dict.fromkeys(told))
        self.paths += len(told)
        return Learn(told)

    def keep(self, wanted: Callable[[str], bool]) -> Forget | None:
        """See ``WorkerClient.keep``; ``None`` if nothing need be forgotten."""
        gone = tuple(path for path in self._files if not wanted(path))
        for path in gone:
            del self._files[path]
        return Forget(gone) if gone else None

    def again(self) -> Iterator[Remember | Learn]:
        """What a new worker must be told."""
        self.paths = len(self._files)
        yield from self._documents.values()
        if self._files:
            yield Learn(tuple(self._files))
