"""What the memory is told of a document: everything but the line that is being written, and only when that changed."""

from typing import Any, cast

import pytest

from lsp_server.base.config import Config
from lsp_server.completion import snapshot as snapshots
from lsp_server.completion.remember import forget, learn, remember
from lsp_server.completion.session import Session
from lsp_server.workspace.documents import Change

URI = "file:///a/b.py"


class Ear:
    """A worker that only listens."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, tuple[str, ...]]] = []

    def remember(self, document: str, pieces: tuple[str, ...]) -> None:
        self.heard.append((document, pieces))


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def session(ear: Ear) -> Session:
    session = Session(Config())
    session.worker = cast("Any", ear)
    session.documents.open(URI, "python", 0, "one\r\ntwo\r\n\r\nthree\r\nfour")
    return session


def write(session: Session, line: int, change: Change | None = None) -> None:
    document = session.documents.get(URI)
    assert document is not None
    if change:
        document.apply([change], document.version + 1, "utf-16")
    remember(session, snapshots.take(document, None, line, 0))


def test_the_line_being_written_is_left_out(session: Session, ear: Ear) -> None:
    """Two pieces; the first without its last line ends, or the memory would take the line for an empty one."""
    write(session, 3)
    assert ear.heard == [(URI, ("one\ntwo", "\nfour"))]


def test_told_once(session: Session, ear: Ear) -> None:
    """Typing on the line tells nothing new; moving to another line, or a change elsewhere, does."""
    write(session, 3)
    write(session, 3, Change("x", (3, 0), (3, 0)))
    assert len(ear.heard) == 1
    write(session, 3, Change("y", (0, 0), (0, 0)))
    assert ear.heard[1:] == [(URI, ("yone\ntwo", "\nfour"))]
    write(session, 4)
    assert ear.heard[2:] == [(URI, ("yone\ntwo\n\nxthree", "\n"))]


def test_opened_and_closed(session: Session, ear: Ear) -> None:
    """An opened document is learnt whole, a closed one forgotten."""
    document = session.documents.get(URI)
    assert document is not None
    learn(session, document)
    forget(session, URI)
    assert ear.heard == [(URI, ("one\ntwo\n\nthree\nfour",)), (URI, ())]


def test_without_a_worker_nothing_is_kept(session: Session) -> None:
    """What no worker heard is told to the next one."""
    session.worker = None
    write(session, 3)
    assert not session.remembered
