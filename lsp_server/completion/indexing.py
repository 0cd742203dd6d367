"""Telling the index what open documents hold: when they are opened, and whenever somebody stops writing in them."""

import asyncio

from lsp_server.base.uri import path_of
from lsp_server.completion.remember import may_be_remembered
from lsp_server.completion.session import Session
from lsp_server.workspace.documents import Document

#: Documents that count as opened or edited lately.
_RECENT = 8

#: Seconds without a change after which a document is told.
_PAUSE = 0.5


def opened(session: Session, document: Document) -> None:
    """Have a document's text count in the place of its file."""
    session.pauses.pop(document.uri, None)
    _touched(session, document.uri)
    if session.index is not None and may_be_remembered(session, document.uri):
        session.index.override(path_of(document.uri), document.text, document.language_id)


def changed(session: Session, document: Document) -> None:
    """Tell the document's text once nobody writes in it."""
    _cancel(session, document.uri)
    _touched(session, document.uri)
    if session.index is not None:
        loop = asyncio.get_running_loop()
        session.pauses[document.uri] = loop.call_later(_PAUSE, opened, session, document)


def closed(session: Session, uri: str) -> None:
    """Let what is on disk count again."""
    _cancel(session, uri)
    session.gathered.pop(uri, None)
    if session.index is not None:
        session.index.release(path_of(uri))


def _touched(session: Session, uri: str) -> None:
    session.recent[uri] = None
    session.recent.move_to_end(uri)
    while len(session.recent) > _RECENT:
        session.recent.popitem(last=False)


def _cancel(session: Session, uri: str) -> None:
    pause = session.pauses.pop(uri, None)
    if pause is not None:
        pause.cancel()
