"""An editor's side of the protocol, for the demo: starts the real server as an editor would and asks it."""

import asyncio
import sys
from typing import Any

from lsprotocol import types
from pygls.lsp.client import LanguageClient

import lsp_server

#: Longest wait for the server to be ready, in seconds.
_READY_LIMIT = 60.0


class Editor:
    """A connection to a server process of its own.

    Raises:
        TimeoutError: from ``start``, when the server does not become ready.
    """

    def __init__(self) -> None:
        self._client = LanguageClient("offhand-demo", lsp_server.__version__)
        self._ready = asyncio.Event()
        self._versions: dict[str, int] = {}
        self.message = ""

        self._client.feature("offhand/status")(lambda params: self._on_status(params))

    def _on_status(self, params: Any) -> None:
        self.message = params.message
        if params.state in ("ready", "error"):
            self._ready.set()

    async def start(self, settings: dict[str, Any]) -> None:
        """Start the server and wait until its model is loaded."""
        await self._client.start_io(sys.executable, "-m", "lsp_server.cli.main", "serve")
        await self._client.initialize_async(
            types.InitializeParams(capabilities=types.ClientCapabilities(), initialization_options=settings)
        )
        self._client.initialized(types.InitializedParams())
        await asyncio.wait_for(self._ready.wait(), _READY_LIMIT)

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

    def replace(self, uri: str, line: int, start: int, end: int, text: str) -> None:
        """Change a part of one line; columns in UTF-16 units."""
        self._versions[uri] += 1
        where = types.Range(types.Position(line, start), types.Position(line, end))
        self._client.text_document_did_change(
            types.DidChangeTextDocumentParams(
                types.VersionedTextDocumentIdentifier(uri=uri, version=self._versions[uri]),
                [types.TextDocumentContentChangePartial(range=where, text=text)],
            )
        )

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

    async def command(self, name: str) -> Any:
        """Run one of the server's commands."""
        return await self._client.workspace_execute_command_async(types.ExecuteCommandParams(command=name))
