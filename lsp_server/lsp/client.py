"""An editor's side of the protocol, for the demo and a bench: starts the real server as an editor would and asks it.

Columns are code points: the first encoding that this client offers is UTF-32.
"""

import asyncio
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.lsp.client import LanguageClient

import lsp_server

#: Longest wait for the server to be ready, in seconds.
_READY_LIMIT = 60.0


class _Client(LanguageClient):
    """pygls' client, which tells what process it started, and reads what that writes to stderr so that it never waits
    for that."""

    process: asyncio.subprocess.Process | None = None

    async def start_io(self, cmd: str, *arguments: Any, **more: Any) -> None:
        """Start the server."""
        await super().start_io(cmd, *arguments, **more)
        self.process = self._server
        self._async_tasks.append(asyncio.create_task(self._drain()))

    async def _drain(self) -> None:
        if self.process is not None and self.process.stderr is not None:
            while await self.process.stderr.read(65_536):
                pass


class Editor:
    """A connection to a server process of its own.

    Attributes:
        message: what the server said of its state last.
        on_more: told the uri of a document whose suggestion has got more lines than were shown.

    Raises:
        TimeoutError: from ``start``, when the server does not become ready.
    """

    def __init__(self) -> None:
        self._client = _Client("offhand-client", lsp_server.__version__)
        self._ready = asyncio.Event()
        self._versions: dict[str, int] = {}
        self.message = ""
        self.on_more: Callable[[str], None] = lambda uri: None

        self._client.feature("offhand/status")(lambda params: self._on_status(params))
        self._client.feature("offhand/more")(lambda params: self.on_more(params.uri))
        for unheard in (types.WINDOW_SHOW_MESSAGE, types.WINDOW_LOG_MESSAGE):
            self._client.feature(unheard)(lambda params: None)

    def _on_status(self, params: Any) -> None:
        self.message = params.message
        if params.state in ("ready", "error"):
            self._ready.set()

    async def start(
        self,
        settings: dict[str, Any],
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start the server and wait until its model is loaded.

        Args:
            settings: as an editor's initialization options.
            folder: the workspace, absolute.
            environment: variables of the server's process, beside our own.
        """
        command = (sys.executable, "-m", "lsp_server.cli.main", "serve")
        await self._client.start_io(*command, env={**os.environ, **(environment or {})})
        folders = [types.WorkspaceFolder(folder.as_uri(), folder.name)] if folder else None
        await self._client.initialize_async(
            types.InitializeParams(
                process_id=os.getpid(),
                capabilities=types.ClientCapabilities(
                    general=types.GeneralClientCapabilities(
                        position_encodings=[types.PositionEncodingKind.Utf32]
                    )
                ),
                workspace_folders=folders,
                initialization_options=settings,
            )
        )
        self._client.initialized(types.InitializedParams())
        await asyncio.wait_for(self._ready.wait(), _READY_LIMIT)

    @property
    def pid(self) -> int:
        """The server's process."""
        assert self._client.process is not None
        return self._client.process.pid

    @property
    def alive(self) -> bool:
        """Whether that process is still there."""
        return self._client.process is not None and self._client.process.returncode is None

    async def stop(self) -> None:
        """Say goodbye as editors do."""
        await self._client.shutdown_async(None)
        self._client.exit(None)
        await self._client.stop()  # type: ignore[no-untyped-call]

    def open(self, uri: str, language: str, text: str) -> None:
        """Open a document."""
        self._versions[uri] = 0
        item = types.TextDocumentItem(uri=uri, language_id=language, version=0, text=text)
        self._client.text_document_did_open(types.DidOpenTextDocumentParams(item))

    def close(self, uri: str) -> None:
        """Close a document."""
        self._client.text_document_did_close(
            types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(uri))
        )

    def replace(
        self, uri: str, line: int, start: int, end: int, text: str, end_line: int | None = None
    ) -> None:
        """Change a part of one line, or up to another one."""
        self._versions[uri] += 1
        last = line if end_line is None else end_line
        where = types.Range(types.Position(line, start), types.Position(last, end))
        self._client.text_document_did_change(
            types.DidChangeTextDocumentParams(
                types.VersionedTextDocumentIdentifier(uri=uri, version=self._versions[uri]),
                [types.TextDocumentContentChangePartial(range=where, text=text)],
            )
        )

    def cursor(self, uri: str, line: int, character: int) -> None:
        """The cursor moved without an edit, or another document came to the front."""
        position = {"line": line, "character": character}
        self._client.protocol.notify("offhand/cursor", {"textDocument": {"uri": uri}, "position": position})

    async def inline_completion(
        self, uri: str, line: int, character: int
    ) -> types.InlineCompletionItem | None:
        """Ask for ghost text."""
        answer = await self._client.text_document_inline_completion_async(
            types.InlineCompletionParams(
                context=types.InlineCompletionContext(types.InlineCompletionTriggerKind.Automatic),
                text_document=types.TextDocumentIdentifier(uri),
                position=types.Position(line, character),
            )
        )
        items = answer.items if isinstance(answer, types.InlineCompletionList) else answer
        return items[0] if items else None

    async def suggestion(self, uri: str, line: int, character: int) -> tuple[str, int, int] | None:
        """Ask for ghost text: its text, how many characters behind the cursor it takes the place of, its number."""
        item = await self.inline_completion(uri, line, character)
        if item is None:
            return None
        replaced = item.range.end.character - character if item.range else 0
        arguments = (item.command.arguments if item.command else None) or (0,)
        return str(item.insert_text), replaced, int(str(arguments[0]))

    async def command(self, name: str, *arguments: Any) -> Any:
        """Run one of the server's commands."""
        return await self._client.workspace_execute_command_async(
            types.ExecuteCommandParams(command=name, arguments=list(arguments))
        )
