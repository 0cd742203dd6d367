"""What the editor asks and tells: decode, call the core, encode. No decision about completion is made here."""

import asyncio
import time
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from lsp_server.base.text import to_column
from lsp_server.base.uri import path_of
from lsp_server.completion import acceptance, indexing, lookahead
from lsp_server.completion import snapshot as snapshots
from lsp_server.completion.pipeline import complete
from lsp_server.completion.remember import deletions, forget, learn, remember
from lsp_server.completion.session import Session
from lsp_server.completion.trace import Trace
from lsp_server.completion.types import Snapshot, Suggestion
from lsp_server.lsp import commands, convert

if TYPE_CHECKING:
    from lsp_server.lsp.server import OffhandServer

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

    @feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def _did_close(ls: "OffhandServer", params: types.DidCloseTextDocumentParams) -> None:
        ls.session.stop_speculation()
        acceptance.closing(ls.session, params.text_document.uri, time.time())
        ls.session.documents.close(params.text_document.uri)
        forget(ls.session, params.text_document.uri)
        indexing.closed(ls.session, params.text_document.uri)

    @feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, types.InlineCompletionOptions())
    def _inline_completion(
        ls: "OffhandServer", params: types.InlineCompletionParams
    ) -> Awaitable[types.InlineCompletionList | None]:
        ls.asked_inline = True
        context = params.context
        invoked = context.trigger_kind == types.InlineCompletionTriggerKind.Invoked
        snapshot = _snapshot(ls, params, invoked)
        return _inline(ls, snapshot, context.selected_completion_info)

    @feature(types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(trigger_characters=_TRIGGERS))
    def _completion(
        ls: "OffhandServer", params: types.CompletionParams
    ) -> Awaitable[types.CompletionList | None]:
        return _popup(ls, _snapshot(ls, params, False))

    commands.register(server)


def _snapshot(ls: "OffhandServer", params: Any, invoked: bool) -> Snapshot | None:
    """Freeze the document now, before any later change is applied. ``None`` when it is not open."""
    session = ls.session
    document = session.documents.get(params.text_document.uri)
    if document is None:
        return None
    session.stop_speculation()
    line, column = document.column(params.position.line, params.position.character, ls.encoding)
    return snapshots.take(document, session.grammar(document.language_id), line, column, invoked=invoked)


async def _inline(
    ls: "OffhandServer", asked: Snapshot | None, popup: types.SelectedCompletionInfo | None
) -> types.InlineCompletionList | None:
    if asked is None:
        return None
    snapshot, selected, start = asked, "", asked.column
    if popup is not None and popup.range.start.line == asked.line:
        # The pop-up's choice counts as typed; the answer has to go on from it.
        start = to_column(asked.lines[asked.line], popup.range.start.character, ls.encoding)
        selected = popup.text
        snapshot = snapshots.insert(asked, selected, start, 0)
    suggestion = await _answer(ls, snapshot, "inline")
    if suggestion is None:
        return None
    item = convert.inline_item(suggestion, asked, ls.encoding, snapshots.line_ending(asked), selected, start)
    return types.InlineCompletionList(items=[item])


async def _popup(ls: "OffhandServer", snapshot: Snapshot | None) -> types.CompletionList | None:
    wanted = ls.session.config.popup
    if snapshot is None or wanted == "never" or (wanted == "auto" and ls.asked_inline):
        return None
    suggestion = await _answer(ls, snapshot, "popup")
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


async def _answer(ls: "OffhandServer", snapshot: Snapshot, kind: str) -> Suggestion | None:
    """Run the core for one request. A newer request of the same document and kind ends it: the answer is then null."""
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
        trace.reason = "superseded by a newer request"
        session.metrics.answered("nothing", trace.total_ms)
        return None
    ls.keep_traces()
    suggestion = task.result()
    document = session.documents.get(snapshot.uri)
    if suggestion is not None and (document is None or document.version != snapshot.version):
        # The text moved on while the model was thinking. The cache has the answer for the request that follows.
        trace.source, trace.reason = "nothing", "the document changed meanwhile"
        suggestion = None
    session.metrics.answered(trace.source, trace.total_ms)
    if suggestion is not None:
        session.show(snapshot, suggestion, trace.odds)
    asyncio.get_running_loop().call_later(_AFTERWARDS, _afterwards, session, snapshot, suggestion, trace.id)
    return suggestion


def _afterwards(session: Session, snapshot: Snapshot, suggestion: Suggestion | None, request: int) -> None:
    """What is done once the answer is out, unless there is a newer question already."""
    if session.traces[-1].id == request and session.documents.get(snapshot.uri) is not None:
        remember(session, snapshot)
        if suggestion is not None:
            lookahead.after(session, snapshot, suggestion)
