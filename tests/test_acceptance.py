"""Acceptance is told by the command or by what the document then holds, and counted once."""

import pytest

from lsp_server.base.config import Config
from lsp_server.completion import acceptance
from lsp_server.completion import snapshot as snapshots
from lsp_server.completion.session import Session
from lsp_server.completion.types import Suggestion
from lsp_server.workspace.documents import Change

URI = "file:///a/b.py"


@pytest.fixture
def session() -> Session:
    session = Session(Config())
    document = session.documents.open(URI, "python", 0, "x = \n")
    snapshot = snapshots.take(document, None, 0, 4)
    session.show(snapshot, Suggestion("first(value)\nnext", 0, "model", 7))
    return session


def counts(session: Session) -> tuple[int, int]:
    return session.metrics.accepted, session.metrics.partly_accepted


@pytest.mark.parametrize(
    ("inserted", "counted"),
    [
        ("first(value)\nnext", (1, 0)),  # all of it
        ("first(value)\r\nnext", (1, 0)),  # in a CRLF document
        ("x = first(value)\nnext", (1, 0)),  # by an editor that replaces from the line's start
        ("first", (0, 1)),  # the first word
        ("first(value)", (0, 1)),  # the first line
        ("f", (0, 0)),  # typed
        ("second", (0, 0)),  # pasted: something else
    ],
)
def test_insertions(session: Session, inserted: str, counted: tuple[int, int]) -> None:
    """What was inserted tells whether it was the suggestion."""
    acceptance.observe(session, URI, [Change(inserted, (0, 4), (0, 4))])
    assert counts(session) == counted


def test_counted_once(session: Session) -> None:
    """The change and the command of one acceptance are one acceptance; unknown numbers are none."""
    acceptance.observe(session, URI, [Change("first(value)\nnext", (0, 4), (0, 4))])
    acceptance.accepted(session, 7)
    acceptance.accepted(session, 7)
    acceptance.accepted(session, 8)
    acceptance.accepted(session, ["7"])
    assert counts(session) == (1, 0)


def test_elsewhere_is_not_here(session: Session) -> None:
    """The same text in another line or document, or a change of the whole text, is no acceptance."""
    acceptance.observe(session, URI, [Change("first(value)\nnext", (1, 0), (1, 0))])
    acceptance.observe(session, "file:///other.py", [Change("first(value)\nnext", (0, 4), (0, 4))])
    acceptance.observe(session, URI, [Change("first(value)\nnext")])
    assert counts(session) == (0, 0)
