"""A session without an editor, for commands that ask the core directly."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

from lsp_server.base import paths
from lsp_server.base.config import Config, merge, read_file
from lsp_server.base.errors import EngineError, OffhandError
from lsp_server.completion import snapshot as snapshots
from lsp_server.completion import workspace
from lsp_server.completion.session import Session
from lsp_server.completion.startup import start_engine, stop_engine
from lsp_server.completion.types import Snapshot
from lsp_server.models.store import Model

#: Longest wait for a model to load, in seconds.
_LOAD_LIMIT = 60.0


def settings() -> Config:
    """The settings file, laid over the defaults.

    Raises:
        ConfigError: the file cannot be used.
    """
    path = paths.config_file()
    config, _warnings = merge(Config(), read_file(path), str(path), own_file=True)
    return config


@contextlib.asynccontextmanager
async def engine(config: Config, named: Model | None = None) -> AsyncIterator[Session]:
    """A session whose model is loaded.

    Args:
        named: a model to take in place of the settings' own.

    Raises:
        EngineError: it could not be; the text says why.
    """
    session = Session(config)
    try:
        await start_engine(session, lambda: None, named)
        deadline = time.monotonic() + _LOAD_LIMIT
        while session.state() not in ("ready", "error"):
            if time.monotonic() > deadline:
                raise EngineError(f"The model did not load within {_LOAD_LIMIT:.0f} s. Run 'offhand doctor'.")
            await asyncio.sleep(0.01)
        if session.state() == "error":
            raise EngineError(str(session.status()["message"]))
        yield session
    finally:
        await workspace.end(session)
        await stop_engine(session)


def place(session: Session, argument: str) -> Snapshot:
    """Open the document of a ``FILE:LINE:COLUMN`` argument and freeze it with the cursor there.

    Args:
        argument: line and column count from 1, the column in characters.

    Raises:
        OffhandError: it has another form, or the file cannot be read.
    """
    name, line, column = _split(argument)
    path = Path(name)
    try:
        text = path.read_bytes().decode("utf-8", "replace")
    except OSError as error:
        raise OffhandError(f"{name} cannot be read: {error.strerror}.") from error
    language = session.grammars.name_of_file(name) or ""
    document = session.documents.open(path.resolve().as_uri(), language, 0, text)
    if line > len(document.lines):
        raise OffhandError(f"{name} has {len(document.lines)} lines; line {line} does not exist.")
    return snapshots.take(document, session.grammar(language), line - 1, column - 1)


def _split(argument: str) -> tuple[str, int, int]:
    name, line, column = ("", "", "", *argument.rsplit(":", 2))[-3:]
    if not name or not line.isdecimal() or not column.isdecimal() or "0" in (line, column):
        raise OffhandError(f"'{argument}' is not a place: write FILE:LINE:COLUMN, counted from 1.")
    return name, int(line), int(column)
