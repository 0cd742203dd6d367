"""Telling the worker's copy memory what the user's documents hold.

A document is learnt when it is opened. Once somebody writes in it, the line that is being written is left out and the
text is cut in two there: the memory shall neither copy half-typed words nor take the line below for what follows the
line above. Learning takes the worker time, so it happens after an answer, but for a document's first question. Lines
that are deleted stay known for a while: they are often written again elsewhere. The files that are not open the worker
reads itself; ``workspace`` tells it which.
"""

import os
from collections.abc import Iterable, Sequence

from lsp_server.base.sourcefile import secret
from lsp_server.base.text import content
from lsp_server.base.uri import path_of
from lsp_server.completion.session import Session
from lsp_server.completion.types import Snapshot
from lsp_server.engine.messages import DELETED_LINES
from lsp_server.prompt.window import model_text
from lsp_server.workspace.documents import Change, Document

#: Lines above and below the cursor that are remembered. Of a longer document the file is no longer known either.
_REACH = 3_000

#: Deleted lines that stay known, the newest.
_DELETED = 300


def learn(session: Session, document: Document) -> None:
    """Have a document learnt that was just opened."""
    if session.worker is not None and may_be_remembered(session, document.uri):
        text = "".join(document.lines[: 2 * _REACH])
        session.worker.remember(path_of(document.uri), (model_text(text),))


def remember(session: Session, snapshot: Snapshot) -> None:
    """Have a document learnt, if anything but the cursor's line has changed since the last time."""
    if session.worker is None or not may_be_remembered(session, snapshot.uri):
        return
    line = snapshot.line
    pieces = snapshot.lines[max(0, line - _REACH) : line], snapshot.lines[line + 1 : line + 1 + _REACH]
    if session.remembered.get(snapshot.uri) == pieces:
        return
    session.remembered[snapshot.uri] = pieces
    above, below = (model_text("".join(piece)) for piece in pieces)
    # Without its last line end: what follows that line is being written and must not be known as "an empty line".
    session.worker.remember(path_of(snapshot.uri), (above.rstrip(), "\n" + below))


def forget(session: Session, uri: str) -> None:
    """Drop a document that was closed; what its file holds is read again."""
    session.remembered.pop(uri, None)
    if session.worker is not None:
        path = path_of(uri)
        session.worker.remember(path, ())
        if session.allowance.holds(path):
            session.worker.learn((path,))


def deletions(session: Session, document: Document, before: Sequence[str], changes: Iterable[Change]) -> None:
    """Note whole lines that changes have deleted and nothing else in their place says again.

    Args:
        document: as it is now.
        before: its lines as they were.
    """
    several_lines = any(change.start is None or change.start[0] != change.end[0] for change in changes)
    if session.worker is None or not several_lines:
        return
    gone = _deleted(before, document.lines)
    if gone and may_be_remembered(session, document.uri):
        session.deleted.append(gone)
        while sum(map(len, session.deleted)) > _DELETED and len(session.deleted) > 1:
            session.deleted.popleft()
        pieces = tuple(model_text("".join(lines[-_DELETED:])) for lines in session.deleted)
        session.worker.remember(DELETED_LINES, pieces)


def _deleted(before: Sequence[str], after: Sequence[str]) -> list[str]:
    """The lines between what begins and what ends alike in both texts, less those that are still there."""
    most = min(len(before), len(after))
    head = next((i for i in range(most) if before[i] != after[i]), most)
    tail = next((i for i in range(most - head) if before[-1 - i] != after[-1 - i]), most - head)
    still = set(map(str.strip, map(content, after[head : len(after) - tail])))
    lines = [line for line in before[head : len(before) - tail] if content(line).strip() not in still]
    return lines if any(map(str.strip, lines)) else []


def may_be_remembered(session: Session, uri: str) -> bool:
    """Whether neither git, nor the user, nor its name wants a document left alone; asked once for each."""
    known = session.ignored.get(uri)
    if known is None:
        workspace, path = session.workspace, path_of(uri)
        known = secret(os.path.basename(path)) if workspace is None else workspace.rules.ignored(path)
        session.ignored[uri] = known
    return not known
