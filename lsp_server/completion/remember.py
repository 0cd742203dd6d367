"""Telling the worker's copy memory what the user's documents hold.

A document is learnt when it is opened. Once somebody writes in it, the line that is being written is left out and the
text is cut in two there: the memory shall neither copy half-typed words nor take the line below for what follows the
line above. Learning takes the worker time, so it happens after an answer, but for a document's first question.
"""

from lsp_server.completion.session import Session
from lsp_server.completion.types import Snapshot
from lsp_server.prompt.window import model_text
from lsp_server.workspace.documents import Document

#: Lines above and below the cursor that are remembered. Learning 2,000 lines takes the worker 22 ms (measured).
_REACH = 1_000


def learn(session: Session, document: Document) -> None:
    """Have a document learnt that was just opened."""
    if session.worker is not None:
        text = "".join(document.lines[: 2 * _REACH])
        session.worker.remember(document.uri, (model_text(text),))


def remember(session: Session, snapshot: Snapshot) -> None:
    """Have a document learnt, if anything but the cursor's line has changed since the last time."""
    if session.worker is None:
        return
    line = snapshot.line
    pieces = snapshot.lines[max(0, line - _REACH) : line], snapshot.lines[line + 1 : line + 1 + _REACH]
    if session.remembered.get(snapshot.uri) == pieces:
        return
    session.remembered[snapshot.uri] = pieces
    above, below = (model_text("".join(piece)) for piece in pieces)
    # Without its last line end: what follows that line is being written and must not be known as "an empty line".
    session.worker.remember(snapshot.uri, (above.rstrip(), "\n" + below))


def forget(session: Session, uri: str) -> None:
    """Drop a document that was closed."""
    session.remembered.pop(uri, None)
    if session.worker is not None:
        session.worker.remember(uri, ())
