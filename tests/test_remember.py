"""What the memory is told of a document: everything but the line that is being written, and only when that changed."""

import os
from pathlib import Path
from typing import Any, cast

import pytest

from lsp_server.base.config import Config
from lsp_server.completion import snapshot as snapshots
from lsp_server.completion.allowance import Allowance
from lsp_server.completion.remember import deletions, forget, learn, remember
from lsp_server.completion.session import Session
from lsp_server.engine.messages import DELETED_LINES
from lsp_server.workspace.documents import Change
from lsp_server.workspace.filetypes import FileTypes
from lsp_server.workspace.tree import WorkspaceTree

URI = "file:///a/b.py"
PATH = os.path.normpath("/a/b.py")


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
    assert ear.heard == [(PATH, ("one\ntwo", "\nfour"))]


def test_told_once(session: Session, ear: Ear) -> None:
    """Typing on the line tells nothing new; moving to another line, or a change elsewhere, does."""
    write(session, 3)
    write(session, 3, Change("x", (3, 0), (3, 0)))
    assert len(ear.heard) == 1
    write(session, 3, Change("y", (0, 0), (0, 0)))
    assert ear.heard[1:] == [(PATH, ("yone\ntwo", "\nfour"))]
    write(session, 4)
    assert ear.heard[2:] == [(PATH, ("yone\ntwo\n\nxthree", "\n"))]


def test_opened_and_closed(session: Session, ear: Ear) -> None:
    """An opened document is learnt whole, a closed one forgotten."""
    document = session.documents.get(URI)
    assert document is not None
    learn(session, document)
    forget(session, URI)
    assert ear.heard == [(PATH, ("one\ntwo\n\nthree\nfour",)), (PATH, ())]


def test_without_a_worker_nothing_is_kept(session: Session) -> None:
    """What no worker heard is told to the next one."""
    session.worker = None
    write(session, 3)
    assert not session.remembered


@pytest.mark.parametrize(
    ("change", "heard"),
    [
        (Change("", (0, 0), (2, 0)), ["one\ntwo\n"]),
        (Change("", (0, 2), (0, 3)), []),  # a character
        (Change("one\nnew", (0, 0), (0, 3)), []),  # nothing is gone
        (Change("    one\n    two\n", (0, 0), (2, 0)), []),  # only indented
        (Change("two\n\nthree\nfour"), ["one\n"]),  # the whole document anew, as formatters do
        (Change("", (2, 0), (3, 0)), []),  # a blank line is nothing to remember
    ],
)
def test_deleted_lines_stay_known(session: Session, ear: Ear, change: Change, heard: list[str]) -> None:
    """Whole lines that nothing in their place says again, whatever the indentation, are told as a text of their own."""
    document = session.documents.get(URI)
    assert document is not None
    before = document.snapshot_lines()
    document.apply([change], 1, "utf-16")
    deletions(session, document, before, [change])
    assert ear.heard == [(DELETED_LINES, tuple(heard))] * bool(heard)


def test_secrets_are_not_told_without_a_workspace(session: Session, ear: Ear) -> None:
    """A single file that was opened by itself is judged by its name."""
    document = session.documents.open("file:///a/.env", "shellscript", 0, "KEY=1\n")
    learn(session, document)
    remember(session, snapshots.take(document, None, 0, 0))
    assert ear.heard == []


def test_ignored_and_secret_documents_are_not_told(session: Session, ear: Ear, tmp_path: Path) -> None:
    """What git or the user ignores, and what is for keys by its name, is no memory, though it may be open."""
    (tmp_path / ".gitignore").write_text("/private/\n")
    (tmp_path / "private").mkdir()
    session.workspace = WorkspaceTree([str(tmp_path)], FileTypes(session.grammars), print, print)
    try:
        for name in ("private/a.py", "secrets.py", "b.py"):
            path = tmp_path / name
            document = session.documents.open(path.as_uri(), "python", 0, "one\ntwo\n")
            learn(session, document)
            remember(session, snapshots.take(document, None, 0, 0))
        assert {name for name, _ in ear.heard} == {str(tmp_path / "b.py")}
    finally:
        session.workspace.close()


def test_the_memory_learns_no_more_than_it_holds() -> None:
    """What is told first is taken; what goes, or grows too large, makes room again, and is told once more."""
    allowance = Allowance(100)
    assert allowance.admits("a", 60)
    assert not allowance.admits("b", 60)
    assert allowance.admits("c", 40)
    assert not allowance.admits("unknown", None)
    assert allowance.holds("a")
    assert allowance.admits("a", 61)  # the memory has it, and must look
    assert not allowance.holds("a")
    assert allowance.admits("b", 60)
    assert allowance.admits("c", None)
    assert not allowance.holds("c")
    assert allowance.admits("a", 40)
