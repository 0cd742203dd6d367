"""Offhand itself as what is typed into: the real server in a process of its own, spoken to as editors speak to it.

Where answers came from it tells afterwards (``offhand.why``), between two keys. The speaking is somebody else's
(``Connection``): the bench knows no LSP.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec

from lsp_server.base import paths
from lsp_server.base.errors import EngineError
from lsp_server.bench.typing.processes import Processes
from lsp_server.bench.typing.subject import Answer, Document, Usage
from lsp_server.completion.session import WITHOUT, Part

Answered = TypeVar("Answered")

#: Parts of speculation that can be left out, in the order in which the ablation adds them.
PARTS: tuple[Part, ...] = (
    "cache",
    "typed_through",
    "joined",
    "prefill",
    "lookahead",
    "branches",
    "disk",
    "manners",
)

#: Questions that ``offhand.why`` is asked after: it remembers the last 50.
_BEHIND = 20

#: Longest wait for the workspace to be read, for the first of its files to be known (it may hold none that is indexed),
#: and between two looks (s).
_READ_LIMIT, _BEGIN_LIMIT, _LOOK = 600.0, 15.0, 0.2

#: Longest wait for its end (s).
_GOODBYE = 30.0

#: Sources that say that the model had to run after the key.
_BY_MODEL = ("model", "memory")


class Connection(Protocol):
    """An editor's connection to a server of its own; ``lsp.client.Editor`` is one."""

    on_more: Callable[[str], None]
    message: str

    @property
    def pid(self) -> int:
        """The server's process."""

    @property
    def alive(self) -> bool:
        """Whether that is still there."""

    async def start(
        self, settings: dict[str, Any], folder: Path | None, environment: Mapping[str, str] | None
    ) -> None:
        """Start the server and wait until it is ready."""

    async def stop(self) -> None:
        """End it."""

    def open(self, uri: str, language: str, text: str) -> None:
        """Open a document."""

    def replace(
        self, uri: str, line: int, start: int, end: int, text: str, end_line: int | None = None
    ) -> None:
        """Change a part of a document."""

    def cursor(self, uri: str, line: int, character: int) -> None:
        """The cursor moved without an edit."""

    async def suggestion(self, uri: str, line: int, character: int) -> tuple[str, int, int] | None:
        """Text, replaced characters and number of a suggestion."""

    async def command(self, name: str, *arguments: Any) -> Any:
        """Run a command."""


class Told(msgspec.Struct):
    """What ``offhand.why`` tells of a question, as far as it matters here; see ``completion.trace.Trace``."""

    id: int
    source: str = "nothing"
    reason: str = ""
    stages_ms: dict[str, float] = {}
    tokens: dict[str, int] = {}

    @property
    def ran(self) -> bool:
        """Whether the model had to run for it. An answer that did not come in time may have been under way anywhere
        behind the cache."""
        if self.source != "nothing":
            return self.source in _BY_MODEL
        waited = not self.stages_ms.keys().isdisjoint(("retrieval", "engine"))
        return waited or self.reason.startswith("superseded")


class Offhand:
    """The server with some settings.

    Args:
        settings: as an editor would give them.
        without: of ``PARTS``.
    """

    def __init__(
        self, connection: Connection, settings: Mapping[str, Any], without: Sequence[str] = ()
    ) -> None:
        self.name = "Offhand"
        self.grown: Callable[[str], None] = lambda uri: None
        self._connection = connection
        self._settings = {**settings, "adapt": False}
        self._without = without
        self._home = tempfile.TemporaryDirectory(prefix="offhand-typing-", ignore_cleanup_errors=True)
        self._numbers: dict[str, int] = {}  # of the suggestion that each document shows
        self._asked = 0
        self._told: dict[int, Told] = {}
        self._status: dict[str, Any] = {}
        self._looking = asyncio.Lock()
        self._processes: Processes | None = None

    async def start(self, folder: Path) -> None:
        """Start it in a home of its own, and wait until it has read the folder.

        Raises:
            EngineError: it does not become ready.
        """
        self._lend_models()
        environment = {"OFFHAND_HOME": self._home.name, WITHOUT: ",".join(self._without)}
        self._connection.on_more = lambda uri: self.grown(uri)
        try:
            await self._connection.start(self._settings, folder, environment)
        except asyncio.TimeoutError as error:
            self._processes = Processes(self._connection.pid)
            raise EngineError(f"The server did not become ready: {self._connection.message}") from error
        except RuntimeError as error:
            raise EngineError(f"The server ended before it was ready: {error}") from error
        self._processes = Processes(self._connection.pid)
        await self._read()

    def _lend_models(self) -> None:
        """The user's models and what was measured of them are there, though nothing else of his."""
        own = paths.data_dir()
        if own.is_dir():
            try:
                os.symlink(own, Path(self._home.name, "data"), target_is_directory=True)
            except OSError:
                return  # not allowed here: then only the models that ship

    async def _read(self) -> None:
        """Wait until the workspace's files are known."""
        begun, quiet = time.monotonic(), 0
        while quiet < 3:  # one look may fall between two messages
            passed = time.monotonic() - begun
            if passed > _READ_LIMIT:
                raise EngineError("The server did not get through the workspace's files.")
            await asyncio.sleep(_LOOK)
            status = await self._command("offhand.status")
            if status["state"] == "error":
                raise EngineError(str(status["message"]))
            index = status["index"]
            begins = bool(index) and not index["files"] and passed < _BEGIN_LIMIT
            busy = begins or status["memory"]["reading"] or (index and index["waiting"])
            quiet = 0 if busy else quiet + 1

    async def open(self, document: Document) -> None:
        """Open a document."""
        self._connection.open(document.uri, document.language, document.text)

    async def change(self, uri: str, line: int, start: int, end_line: int, end: int, text: str) -> None:
        """Replace a range."""
        self._connection.replace(uri, line, start, end, text, end_line)

    async def cursor(self, uri: str, line: int, column: int) -> None:
        """Say where it is, as our plugins do."""
        self._connection.cursor(uri, line, column)

    async def ask(self, uri: str, line: int, column: int) -> Answer | None:
        """Ask for ghost text; where it came from is told later.

        Raises:
            EngineError: the server is gone.
        """
        self._asked += 1
        found = await self._alive(self._connection.suggestion(uri, line, column))
        if found is None:
            return None
        text, replaced, self._numbers[uri] = found
        return Answer(text, replaced)

    async def accepted(self, uri: str, answer: Answer) -> None:
        """Run the suggestion's command, as editors do."""
        await self._command("offhand.accepted", self._numbers[uri])

    async def look(self, *, all: bool = False) -> None:
        """See ``Explains``."""
        async with self._looking:
            if all or self._asked - len(self._told) >= _BEHIND:
                for told in msgspec.convert(await self._command("offhand.why"), list[Told]):
                    self._told[told.id] = told
            if all:
                self._status = await self._command("offhand.status")

    async def _command(self, name: str, *arguments: Any) -> Any:
        return await self._alive(self._connection.command(name, *arguments))

    async def _alive(self, question: Coroutine[Any, Any, Answered]) -> Answered:
        """The answer of a server that is there; one that has gone answers nothing for ever."""
        if not self._connection.alive:
            question.close()
            raise EngineError("The server has ended.")
        try:
            return await question
        except RuntimeError as error:
            raise EngineError(f"The server has ended: {error}") from error

    def sources(self) -> list[str]:
        """See ``Explains``. The server counts questions as they come, and nobody else asks it."""
        known = (self._told.get(number) for number in range(1, self._asked + 1))
        return [told.source if told is not None else "" for told in known]

    def usage(self) -> Usage:
        """What it cost up to now; tokens up to the last look at everything."""
        assert self._processes is not None
        kv = self._status.get("kv", {})
        return Usage(
            cpu_s=self._processes.cpu_s(),
            rss_mb=self._processes.rss_mb(),
            prompt_tokens=kv.get("prompt_tokens", 0),
            reused_tokens=kv.get("reused_tokens", 0),
            computed_tokens=sum(self._status.get("speculation", {}).get("tokens", {}).values()),
            requests=len(self._told),
            model_calls=sum(told.ran for told in self._told.values()),
        )

    async def stop(self) -> None:
        """End it, and remove its home."""
        try:
            if self._processes is not None:
                await asyncio.wait_for(self._connection.stop(), _GOODBYE)
        except (asyncio.TimeoutError, RuntimeError, OSError):  # it is gone already, or does not go by itself
            assert self._processes is not None
            self._processes.kill()
        finally:
            self._home.cleanup()
