"""Pieces of other files in the prompt: when they are looked for, when they stay, and how they are fitted."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from lsp_server.base.config import Config
from lsp_server.base.parts import Part
from lsp_server.base.text import split_lines
from lsp_server.completion import snapshot as snapshots
from lsp_server.completion.gather import NOTHING, fit, gather
from lsp_server.completion.look import look
from lsp_server.completion.session import Session
from lsp_server.engine.messages import Fitted
from lsp_server.models.manifest import Pieces
from lsp_server.workspace.documents import Document
from lsp_server.workspace.retrieval.piece import Piece, Question

URI = "file:///project/main.py"
CAPACITY = 900


class Index:
    """Answers every question with the pieces that it was given, and keeps the questions."""

    def __init__(self) -> None:
        self.pieces: tuple[Piece, ...] | None = ()
        self.asked: list[Question] = []

    async def ask(self, wants: bytes, timeout: float) -> bytes | None:
        assert 0 < timeout < 1
        self.asked.append(msgspec.msgpack.decode(wants, type=Question))
        return None if self.pieces is None else msgspec.msgpack.encode(self.pieces)


class Worker:
    """Counts a token for each word."""

    async def fit(self, parts: Sequence[Part], seconds: float) -> Fitted | None:
        return Fitted(1, tuple(part.text for part in parts), tuple(len(part.text.split()) for part in parts))


@pytest.fixture
def session() -> Any:
    async def made() -> Session:
        return Session(Config())

    found = asyncio.run(made())
    found.index, found.worker = Index(), Worker()  # type: ignore[assignment]
    return found


def at(session: Session, text: str, share: Pieces = Pieces()) -> tuple[str, ...]:  # noqa: B008, a frozen value
    """The texts that are gathered for a cursor (``|``)."""
    before, behind = text.split("|")
    document = Document(URI, "python", 0, before + behind)
    above = split_lines(before)
    grammar = session.grammar("python")
    snapshot = snapshots.take(document, grammar, len(above) - 1, len(above[-1]))
    view = asyncio.run(look(snapshot, grammar, ()))
    found = asyncio.run(gather(session, view, "offhand", CAPACITY, share))
    session.gathered[URI] = found
    return tuple(one.text for one in found.snippets)


def piece(text: str, path: str = "/project/other.py", brief: str = "") -> Piece:
    return Piece(path, text, "definition", 1.0, brief)


def test_typing_asks_once(session: Any) -> None:
    """In one definition the pieces are looked for at its first key and stay the same, whatever is found later."""
    session.index.pieces = (piece("def make(): ..."),)
    assert at(session, "def one():\n    |\n") == ("def make(): ...",)
    session.index.pieces = (piece("def other(): ..."),)
    for typed in ("v", "value", "value = 1\n    "):
        assert at(session, f"def one():\n    {typed}|\n") == ("def make(): ...",)
    assert len(session.index.asked) == 1


def test_prose_asks_nothing(session: Any) -> None:
    """In a comment what stands there stays."""
    session.index.pieces = (piece("def make(): ..."),)
    assert at(session, "def one():\n    # about cart.|\n") == ()
    assert session.index.asked == []


def test_a_new_receiver_is_looked_for(session: Any) -> None:
    """Behind a name whose members were not asked for the index is asked, once."""
    session.index.pieces = (piece("def make(): ..."),)
    at(session, "def one():\n    |\n")
    session.index.pieces = (piece("class Cart:\n    def add(self): ..."),)
    assert at(session, "def one():\n    cart.|\n") == ("class Cart:\n    def add(self): ...",)
    assert session.index.asked[-1].wants.receiver == "cart"
    at(session, "def one():\n    cart.ad|\n")
    assert len(session.index.asked) == 2


def test_what_shows_enough_stays(session: Any) -> None:
    """Pieces that hold most of what another definition needs are kept as they are, so that the prompt is too."""
    session.index.pieces = (piece("class Cart: ..."), piece("def make(): ..."), piece("def sell(): ..."))
    first = at(session, "def one():\n    |\n")
    session.index.pieces = (piece("class Cart: ..."), piece("def sell(): ..."), piece("def new(): ..."))
    assert at(session, "def two():\n    |\n") == first
    session.index.pieces = (piece("class Shop: ..."), piece("def open(): ..."))
    assert at(session, "def three():\n    |\n") == ("def open(): ...", "class Shop: ...")


def test_without_room_nothing_is_asked(session: Any) -> None:
    """A small model sees nothing of other files beside a document that fills its prompt; what stands there stays."""
    session.index.pieces = (piece("def make(): ..."),)
    small, long = Pieces(always=0.0, most=0.25), "x = 1\n" * 1000
    assert at(session, f"{long}def one():\n    |\n", small) == ()
    assert session.index.asked == []
    assert at(session, "def one():\n    |\n", small) == ("def make(): ...",)
    assert at(session, f"{long}def two():\n    |\n", small) == ("def make(): ...",)
    assert len(session.index.asked) == 1


def test_a_late_answer_changes_nothing(session: Any) -> None:
    """Without an answer in time the old pieces stay; the next key asks again."""
    session.index.pieces = (piece("def make(): ..."),)
    at(session, "def one():\n    |\n")
    session.index.pieces = None
    assert at(session, "def two():\n    |\n") == ("def make(): ...",)
    session.index.pieces = (piece("def late(): ..."),)
    assert at(session, "def two():\n    v|\n") == ("def late(): ...",)


def test_without_an_index_there_is_nothing(session: Any) -> None:
    """A benchmark may leave it out; and there may be none."""
    session.index.pieces = (piece("def make(): ..."),)
    session.without = frozenset({"retrieval"})
    assert at(session, "def one():\n    |\n") == ()
    session.without, session.index = frozenset(), None
    assert at(session, "def one():\n    |\n") == ()
    assert session.gathered.get(URI, NOTHING) is NOTHING


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        (100, ["second", "a b\nc d\ne f\ng h"]),
        (17, ["second", "a b\nc d\ne f\ng h"]),
        (14, ["a b\nc d\ne f"]),
        (12, ["second"]),
        (4, []),
    ],
)
def test_pieces_are_cut_at_line_ends(tokens: int, expected: list[str]) -> None:
    """As many lines as the tokens allow, the most needed piece nearest to the cursor; none that is cut to nothing."""
    some = (piece("a b\nc d\ne f\ng h", "/p/a.py"), piece("second", "/p/b.py"))
    found = asyncio.run(fit(Worker(), some, tokens, 1.0, "offhand"))  # type: ignore[arg-type]
    assert found is not None
    assert [one.text for one in found] == expected
    assert sum(one.tokens for one in found) <= tokens


def test_what_is_too_long_is_shown_in_brief() -> None:
    """A class of many members gives their names rather than the first few of them."""
    long = "class A:\n" + "\n".join(f"    def m{n}(self): ..." for n in range(50))
    found = asyncio.run(fit(Worker(), (piece(long, brief="class A:\n    # m0, m1, m2"),), 40, 1.0, "offhand"))  # type: ignore[arg-type]
    assert found is not None
    assert [one.text for one in found] == ["class A:\n    # m0, m1, m2"]
