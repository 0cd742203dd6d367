"""pygls' protocol without its traps. Knows JSON-RPC and nothing of completion.

What differs from pygls 2.1 and why:

- Documents are not kept here: pygls splits lines where LSP does not and so loses sync (form feed, U+2028 ...).
- A handler may be a plain function that does its synchronous part when the message arrives and returns an awaitable
  for the rest. So a snapshot is taken before any later change is applied.
- A request whose params are malformed is answered; pygls leaves the client waiting for ever.
- Futures of notifications are forgotten once done; pygls keeps each of them (2 KiB a key).
- No error pops up in the user's editor; it is logged.

And one message that is not LSP's, so that it is decoded and checked like the others.
"""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInternalError, JsonRpcInvalidParams
from pygls.protocol import JsonRPCNotification, LanguageServerProtocol, lsp_method

logger = logging.getLogger(__name__)

#: Stands for a message that was dealt with while it was decoded.
_DONE = JsonRPCNotification(method="$/done", jsonrpc="2.0", params=None)

#: Requests that are answered with null rather than an error: editors show errors of these as pop-ups.
_QUIET = {types.TEXT_DOCUMENT_INLINE_COMPLETION, types.TEXT_DOCUMENT_COMPLETION}

#: The cursor was moved without an edit, or the document came to the front.
CURSOR_MOVED = "offhand/cursor"


@dataclass
class CursorMoved:
    """The notification ``offhand/cursor``: where the cursor is now."""

    params: types.TextDocumentPositionParams
    method: str = CURSOR_MOVED
    jsonrpc: str = "2.0"


class Protocol(LanguageServerProtocol):
    """JSON-RPC over stdio, as editors need it."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._quiet_ids: set[int | str] = set()

    def structure_message(self, data: dict[str, Any]) -> Any:
        """Decode a message; a malformed one is answered here if it is a request, and dropped otherwise."""
        try:
            return super().structure_message(data)
        except JsonRpcException as error:
            method = data.get("method")
            logger.warning("malformed message: %s", method)
            if "id" in data and method is not None:
                answer = None if method in _QUIET else error.to_response_error()
                self._send_response(data["id"], error=answer)
            return _DONE

    def get_message_type(self, method: str) -> type[Any] | None:  # type: ignore[override]
        """What a message is decoded to; ``None`` for one that is not known."""
        return CursorMoved if method == CURSOR_MOVED else super().get_message_type(method)

    def handle_message(self, message: Any) -> None:
        """Dispatch a message. After shutdown a request is refused, as the specification has it; pygls is mute."""
        if message is _DONE:
            return
        if self._shutdown and hasattr(message, "id") and hasattr(message, "method"):
            error = types.ResponseError(types.ErrorCodes.InvalidRequest.value, "The server was shut down.")
            self._send_response(message.id, error=error)
            return
        super().handle_message(message)

    def _handle_request(self, msg_id: int | str, method_name: str, params: Any) -> None:
        if method_name in _QUIET:
            self._quiet_ids.add(msg_id)
        super()._handle_request(msg_id, method_name, params)

    def _execute_handler(
        self,
        msg_id: int | str,
        handler: Callable[..., Any],
        callback: Callable[[Any], None],
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
    ) -> None:
        def finished(future: Any) -> None:
            self._request_futures.pop(msg_id, None)
            callback(future)

        if inspect.isgeneratorfunction(handler) or inspect.iscoroutinefunction(handler):
            super()._execute_handler(msg_id, handler, finished, args, kwargs)
            return
        future: Any
        try:
            result = handler(*(args or ()), **(kwargs or {}))
        except Exception as error:
            future = Future()
            future.set_exception(error)
        else:
            if isinstance(result, Awaitable):
                future = asyncio.ensure_future(result)
                self._request_futures[msg_id] = future
            else:
                future = Future()
                future.set_result(result)
        future.add_done_callback(finished)

    def _send_handler_result(self, future: Any, *, msg_id: int | str) -> None:
        quiet = msg_id in self._quiet_ids
        self._quiet_ids.discard(msg_id)
        if not future.cancelled() and (error := future.exception()) is not None:
            logger.error("request failed", exc_info=error)
            if quiet:
                self._send_response(msg_id)
                return
            if not isinstance(error, JsonRpcException):
                error = JsonRpcInternalError(str(error))
            self._send_response(msg_id, error=error.to_response_error())
            return
        super()._send_handler_result(future, msg_id=msg_id)

    @lsp_method(types.SHUTDOWN)
    async def lsp_shutdown(self, *params: Any) -> None:  # type: ignore[override]
        """Let the registered handler clean up. (pygls changes a dict while it iterates over it here.)"""
        if (handler := self.fm.features.get(types.SHUTDOWN)) is not None:
            await handler(*params)
        self._shutdown = True

    # pygls' own store is bypassed: the handlers in ``handlers`` keep the documents.

    @lsp_method(types.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(self, params: types.DidOpenTextDocumentParams) -> None:
        """Hand over to the registered handler."""
        self._pass_on(types.TEXT_DOCUMENT_DID_OPEN, params)

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: types.DidChangeTextDocumentParams) -> None:
        """Hand over to the registered handler."""
        self._pass_on(types.TEXT_DOCUMENT_DID_CHANGE, params)

    @lsp_method(types.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(self, params: types.DidCloseTextDocumentParams) -> None:
        """Hand over to the registered handler."""
        self._pass_on(types.TEXT_DOCUMENT_DID_CLOSE, params)

    def _pass_on(self, method: str, params: Any) -> None:
        handler = self.fm.features.get(method)
        if handler is not None:
            handler(params)

    @lsp_method(types.WORKSPACE_EXECUTE_COMMAND)
    def lsp_workspace__execute_command(self, params: types.ExecuteCommandParams) -> Any:
        """Run a command with its arguments as the client sent them.

        Raises:
            JsonRpcInvalidParams: there is no such command.
        """
        handler = self.fm.commands.get(params.command)
        if handler is None:
            raise JsonRpcInvalidParams(f"There is no command '{params.command}'.")
        return handler(*(params.arguments or []))
