"""The commands of ``workspace/executeCommand``."""

import time
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from lsp_server.base.errors import EngineError
from lsp_server.completion import acceptance
from lsp_server.completion.picture import picture_at
from lsp_server.lsp import convert

if TYPE_CHECKING:
    from lsp_server.lsp.server import OffhandServer


class _Position(msgspec.Struct):
    line: int
    character: int


class _Place(msgspec.Struct):
    """LSP's ``TextDocumentPositionParams``."""

    textDocument: dict[Literal["uri"], str]
    position: _Position


def register(server: "OffhandServer") -> None:
    """Tell pygls the commands; extra arguments are ignored, as clients add some."""

    @server.command("offhand.status")
    def _status(ls: "OffhandServer", *_arguments: Any) -> dict[str, Any]:
        return ls.session.status()

    @server.command("offhand.why")
    def _why(ls: "OffhandServer", *_arguments: Any) -> list[dict[str, Any]]:
        return [trace.as_json() for trace in reversed(ls.session.traces)]

    @server.command("offhand.context")
    async def _context(ls: "OffhandServer", place: Any = None, *_arguments: Any) -> dict[str, Any]:
        try:
            at = msgspec.convert(place, _Place)
        except msgspec.ValidationError as error:
            return {
                "error": f"offhand.context needs {{textDocument: {{uri}}, position: {{line, character}}}}: {error}."
            }
        document = ls.session.documents.get(at.textDocument["uri"])
        if document is None:
            return {"error": f"The document {at.textDocument['uri']} is not open."}
        line, column = document.column(at.position.line, at.position.character, ls.encoding)
        try:
            found: dict[str, Any] = msgspec.to_builtins(await picture_at(ls.session, document, line, column))
        except EngineError as error:
            return {"error": str(error)}
        return found

    @server.command("offhand.toggle")
    def _toggle(ls: "OffhandServer", *_arguments: Any) -> dict[str, bool]:
        ls.session.enabled = not ls.session.enabled
        ls.on_state()
        return {"enabled": ls.session.enabled}

    @server.command("offhand.restartWorker")
    async def _restart(ls: "OffhandServer", *_arguments: Any) -> None:
        await ls.restart_worker()

    @server.command(convert.ACCEPTED)
    def _accepted(ls: "OffhandServer", suggestion_id: Any = None, *_arguments: Any) -> None:
        acceptance.accepted(ls.session, suggestion_id, time.time())

    @server.command("offhand.resetLearning")
    def _reset_learning(ls: "OffhandServer", *_arguments: Any) -> dict[str, int]:
        forgotten: dict[str, int] = msgspec.to_builtins(ls.session.adaptation.counts)
        ls.forget_learnt()
        return forgotten
