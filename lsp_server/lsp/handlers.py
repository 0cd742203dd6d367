"""What the editor asks and tells: decode, call the core, encode. No decision about completion is made here."""

import asyncio
import logging
import time
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

import msgspec
from lsprotocol import types

from lsp_server.base.text import to_column
from lsp_server.base.uri import path_of
from lsp_server.completion import acceptance, indexing
from lsp_server.completion import snapshot as snapshots
from lsp_server.completion.pipeline import complete, heed
from lsp_server.completion.remember import deletions, forget, learn, remember
from lsp_server.completion.session import Session
from lsp_server.completion.speculation import working as speculation
from lsp_server.completion.trace import Trace
from lsp_server.completion.types import Snapshot, Suggestion
from lsp_server.lsp import commands, convert
from lsp_server.lsp.protocol import CURSOR_MOVED
from lsp_server.workspace.documents import Document

if TYPE_CHECKING:
    from lsp_server.lsp.server import OffhandServer

logger = logging.getLogger(__name__)

#: Seconds after an answer until work begins that must not delay it: writing the answer out takes less.
_AFTERWARDS = 0.005

#: Characters after which clients ask for the completion menu, beside letters. Ghost text needs none.
_TRIGGERS = [".", "(", "[", "{", ",", "=", " ", ":", "\n"]


def register(server: "OffhandServer") -> None:
    """Tell pygls who handles what; this also makes the capabilities."""
    feature = server.feature

    @feature(types.INITIALIZE)
    def _initialize(ls: "OffhandServer", params: types.InitializeParams) -> None:
        ls.settings.initialize(params.initialization_options)
        ls.spawn(ls.begin(params))

    @feature(types.INITIALIZED)
    def _initialized(ls: "OffhandServer", _params: types.InitializedParams) -> None:
        ls.spawn(ls.pull_settings())

    @feature(types.SHUTDOWN)
    async def _shutdown(ls: "OffhandServer", *_params: Any) -> None:
        await ls.end()

    @feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
    def _did_change_configuration(ls: "OffhandServer", params: types.DidChangeConfigurationParams) -> None:
        if params.settings:
            ls.settings.configure(params.settings)
            ls.reconfigure()
        else:  # clients that can be asked say only that something changed
            ls.spawn(ls.pull_settings())

    @feature(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    def _did_change_folders(ls: "OffhandServer", params: types.DidChangeWorkspaceFoldersParams) -> None:
        gone = {path_of(folder.uri) for folder in params.event.removed}
        new = [path_of(folder.uri) for folder in params.event.added]
        ls.roots = [root for root in ls.roots if root not in gone] + new
        ls.follow()

    @feature(types.TEXT_DOCUMENT_DID_OPEN)
    def _did_open(ls: "OffhandServer", params: types.DidOpenTextDocumentParams) -> None:
        opened = params.text_document
        session = ls.session
        document = session.documents.open(opened.uri, opened.language_id, opened.version, opened.text)
        session.grammar(opened.language_id)
        learn(session, document)
        indexing.opened(session, document)
        speculation.rested(session, opened.uri)

    @feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def _did_change(ls: "OffhandServer", params: types.DidChangeTextDocumentParams) -> None:
        changed, changes = params.text_document, convert.changes(params)
        session, now = ls.session, time.time()
        acceptance.observe(session, changed.uri, changes, now)
        document = session.documents.get(changed.uri)
        if document is not None:
            before = document.snapshot_lines()
            document.apply(changes, changed.version, ls.encoding)
            deletions(session, document, before, changes)
            acceptance.settle(session, changed.uri, changes, now)
            indexing.changed(session, document)
            session.rhythm.key(now)
            speculation.rested(session, changed.uri)

    @feature(types.TEXT_DOCUMENT_DID_SAVE)
    def _did_save(ls: "OffhandServer", params: types.DidSaveTextDocumentParams) -> None:
        speculation.rested(ls.session, params.text_document.uri)

    @feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def _did_close(ls: "OffhandServer", params: types.DidCloseTextDocumentParams) -> None:
        ls.session.stop_speculation()
        ls.session.flights.make_way(params.text_document.uri)
        ls.session.dismiss(params.text_document.uri)
        acceptance.closing(ls.session, params.text_document.uri, time.time())
        ls.session.documents.close(params.text_document.uri)
        forget(ls.session, params.text_document.uri)
        indexing.closed(ls.session, params.text_document.uri)

    @feature(CURSOR_MOVED)
    def _cursor_moved(ls: "OffhandServer", params: types.TextDocumentPositionParams) -> None:
        place = _place(ls, params)
        if place is not None:
            document, line, column = place
            logger.debug("the cursor moved to %d:%d", line + 1, column + 1)
            speculation.moved(ls.session, document.uri, line, column)

    @feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, types.InlineCompletionOptions())
    def _inline_completion(
        ls: "OffhandServer", params: types.InlineCompletionParams
    ) -> Awaitable[types.InlineCompletionList | None]:
        ls.asked_inline = True
        context = params.context
        invoked = context.trigger_kind == types.InlineCompletionTriggerKind.Invoked
        snapshot = _snapshot(ls, params, invoked)
        if snapshot is None:
            return _inline(ls, None)
        asked = _asked(ls, snapshot, context.selected_completion_info)
        heed(ls.session, asked.snapshot)
        return _inline(ls, asked)

    @feature(types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(trigger_characters=_TRIGGERS))
    def _completion(
        ls: "OffhandServer", params: types.CompletionParams
    ) -> Awaitable[types.CompletionList | None]:
        wanted = ls.session.config.popup
        snapshot = _snapshot(ls, params, False)
        if snapshot is None or wanted == "never" or (wanted == "auto" and ls.asked_inline):
            return _popup(ls, None)
        heed(ls.session, snapshot)
        return _popup(ls, snapshot)

    commands.register(server)


def _place(ls: "OffhandServer", params: Any) -> tuple[Document, int, int] | None:
    """The document, and line and column inside of it, of params that name a place. ``None`` when it is not open."""
    document = ls.session.documents.get(params.text_document.uri)
    if document is None:
        return None
    return document, *document.column(params.position.line, params.position.character, ls.encoding)


def _snapshot(ls: "OffhandServer", params: Any, invoked: bool) -> Snapshot | None:
    """Freeze the document now, before any later change is applied. ``None`` when it is not open."""
    place = _place(ls, params)
    if place is None:
        return None
    document, line, column = place
    return snapshots.take(document, ls.session.grammar(document.language_id), line, column, invoked=invoked)


class _Asked(msgspec.Struct, frozen=True):
    """An inline request.

    Attributes:
        editors: the document as the editor has it.
        snapshot: what is asked about: a pop-up's choice counts as typed, the answer has to go on from it.
        selected: that choice; it would stand from column ``start`` on.
    """

    editors: Snapshot
    snapshot: Snapshot
    selected: str
    start: int


def _asked(ls: "OffhandServer", editors: Snapshot, popup: types.SelectedCompletionInfo | None) -> _Asked:
    if popup is None or popup.range.start.line != editors.line:
        return _Asked(editors, editors, "", editors.column)
    start = to_column(editors.lines[editors.line], popup.range.start.character, ls.encoding)
    return _Asked(editors, snapshots.insert(editors, popup.text, start, 0), popup.text, start)


async def _inline(ls: "OffhandServer", asked: _Asked | None) -> types.InlineCompletionList | None:
    if asked is None:
        return None
    suggestion = await _answer(ls, asked.snapshot, "inline", asked.editors)
    if suggestion is None:
        return None
    ending = snapshots.line_ending(asked.editors)
    item = convert.inline_item(suggestion, asked.editors, ls.encoding, ending, asked.selected, asked.start)
    return types.InlineCompletionList(items=[item])


async def _popup(ls: "OffhandServer", snapshot: Snapshot | None) -> types.CompletionList | None:
    if snapshot is None:
        return None
    suggestion = await _answer(ls, snapshot, "popup", snapshot)
    if suggestion is None:
        return types.CompletionList(is_incomplete=True, items=[])
    capabilities = ls.client_capabilities.text_document
    completion = capabilities.completion if capabilities else None
    item = completion.completion_item if completion else None
    insert_replace = bool(item and item.insert_replace_support)
    made = convert.completion_item(
        suggestion, snapshot, ls.encoding, snapshots.line_ending(snapshot), insert_replace
    )
    return types.CompletionList(is_incomplete=True, items=[made])


async def _answer(ls: "OffhandServer", snapshot: Snapshot, kind: str, editors: Snapshot) -> Suggestion | None:
    """Run the core for one request. A newer request of the same document and kind ends it: the answer is then null.

    Args:
        editors: the document as the editor had it.
    """
    session = ls.session
    trace = Trace(session.next_id(), snapshot.path, snapshot.line + 1, snapshot.column + 1, kind)
    session.traces.append(trace)
    session.metrics.asked()
    task = asyncio.get_running_loop().create_task(complete(session, snapshot, trace))
    session.supersede(snapshot.uri, kind, task)
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:  # the client cancelled
        trace.reason = "cancelled by the editor"
        task.cancel()
        raise
    if task.cancelled():
        trace.reason = "superseded by a newer request, or the document was closed"
        session.metrics.answered("nothing", trace.total_ms)
        return None
    ls.keep_traces()
    suggestion = task.result()
    document = session.documents.get(snapshot.uri)
    if suggestion is not None and (document is None or document.snapshot_lines() is not editors.lines):
        # The text moved on while the model was thinking. The cache has the answer for the request that follows. (The
        # version does not tell: a document that was closed and opened again may have that of another text.)
        trace.source, trace.reason = "nothing", "the document changed meanwhile"
        suggestion = None
    session.metrics.answered(trace.source, trace.total_ms)
    if suggestion is not None:
        session.show(snapshot, suggestion, trace.odds)
    asyncio.get_running_loop().call_later(_AFTERWARDS, _afterwards, session, snapshot, suggestion, trace)
    return suggestion


def _afterwards(session: Session, snapshot: Snapshot, suggestion: Suggestion | None, trace: Trace) -> None:
    """What is done once the answer is out, unless there is a newer question already."""
    if session.traces[-1] is trace and session.documents.get(snapshot.uri) is not None:
        remember(session, snapshot)
        speculation.after(session, snapshot, suggestion, trace)
