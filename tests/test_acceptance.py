"""What becomes of a suggestion is told by the command or by what the document then holds, and is counted once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.base.config import Config
from lsp_server.base.metrics import OfLanguage
from lsp_server.completion import acceptance, survival
from lsp_server.completion import snapshot as snapshots
from lsp_server.completion.session import Session
from lsp_server.completion.survival import share_of
from lsp_server.completion.types import Suggestion
from lsp_server.workspace.documents import Change

URI = "file:///a/b.py"
NOW = 1_700_000_000.0


def start(text: str, suggested: str, line: int, column: int) -> Session:
    """A session that shows a suggestion, number 7."""
    session = Session(Config())
    session.documents.open(URI, "python", 0, text)
    show(session, suggested, line, column, 7)
    return session


def show(session: Session, suggested: str, line: int, column: int, number: int) -> None:
    document = session.documents.get(URI)
    assert document is not None
    snapshot = snapshots.take(document, None, line, column)
    session.show(snapshot, Suggestion(suggested, 0, "model", number), 0.0)


def edit(session: Session, *changes: Change) -> None:
    """What the server does for one didChange."""
    acceptance.observe(session, URI, changes, NOW)
    session.documents.change(URI, list(changes), 1, "utf-16")
    acceptance.settle(session, URI, changes, NOW)


def write(session: Session, text: str, line: int, column: int) -> None:
    """Type, a key at a time."""
    for key in text:
        edit(session, Change(key, (line, column), (line, column)))
        line, column = (line + 1, 0) if key == "\n" else (line, column + 1)


def outcomes(session: Session) -> dict[str, int]:
    """Those that were seen at all."""
    counts = session.adaptation.status(NOW)
    return {name: number for name, number in counts.items() if name != "shift" and number}


@pytest.fixture
def session() -> Session:
    return start("x = \n", "first(value)\nnext", 0, 4)


def counts(session: Session) -> tuple[int, int]:
    return session.metrics.counts.accepted, session.metrics.counts.parts


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
    acceptance.observe(session, URI, [Change(inserted, (0, 4), (0, 4))], NOW)
    assert counts(session) == counted


def test_counted_once(session: Session) -> None:
    """The change and the command of one acceptance are one acceptance; unknown numbers are none."""
    edit(session, Change("first(value)\nnext", (0, 4), (0, 4)))
    acceptance.accepted(session, 7, NOW)
    acceptance.accepted(session, 7, NOW)
    acceptance.accepted(session, 8, NOW)
    acceptance.accepted(session, ["7"], NOW)
    assert counts(session) == (1, 0)
    assert outcomes(session) == {"accepted": 1}


def test_elsewhere_is_not_here(session: Session) -> None:
    """The same text in another line or document, or a change of the whole text, is no acceptance."""
    for uri, change in (
        (URI, Change("first(value)\nnext", (1, 0), (1, 0))),
        ("file:///other.py", Change("first(value)\nnext", (0, 4), (0, 4))),
        (URI, Change("first(value)\nnext")),
    ):
        acceptance.observe(session, uri, [change], NOW)
    assert counts(session) == (0, 0)


# --- outcomes


@pytest.mark.parametrize(
    ("typed", "seen"),
    [
        ("f", {}),  # not yet
        ("first(value", {}),
        ("first(value)", {"typed": 1}),
        ("first(value).more", {"typed": 1}),  # it went on, and nothing had to be taken back
        ("g", {"rejected": 1}),
        ("fire", {"rejected": 1}),  # after a good beginning
        ("fi\n", {"rejected": 1}),  # the line ended earlier
        ("\n", {"rejected": 1}),
    ],
)
def test_typing_tells(typed: str, seen: dict[str, int]) -> None:
    """Typed through, or something else, or not known yet."""
    session = start("x = \n", "first(value)", 0, 4)
    write(session, typed, 0, 4)
    assert outcomes(session) == seen


def test_the_first_line_of_several_counts() -> None:
    """Typing a block's first line by hand makes the suggestion right as far as can be told."""
    session = start("x = \n", "first(value)\nnext", 0, 4)
    write(session, "first(value)", 0, 4)
    assert outcomes(session) == {"typed": 1}


def test_closers_that_editors_add_are_nobodys_word() -> None:
    """An editor that writes ")" behind every "(" contradicts nothing."""
    session = start("x = \n", "first(value)", 0, 4)
    write(session, "first", 0, 4)
    edit(session, Change("()", (0, 9), (0, 9)))
    assert outcomes(session) == {}
    edit(session, Change("o", (0, 10), (0, 10)))
    assert outcomes(session) == {"rejected": 1}


def test_what_stands_behind_the_cursor_is_not_typed() -> None:
    """The rest of the line that was there before."""
    session = start("call(x, y)\n", "first", 0, 5)
    write(session, "fir", 0, 5)
    assert outcomes(session) == {}
    write(session, "st", 0, 8)
    assert outcomes(session) == {"typed": 1}


def test_going_elsewhere() -> None:
    """An edit on another line leaves the suggestion behind."""
    session = start("x = \ny = 1\n", "first(value)", 0, 4)
    edit(session, Change("2", (1, 5), (1, 5)))
    assert outcomes(session) == {"ignored": 1}


@pytest.mark.parametrize(
    "change", [Change("", (0, 2), (0, 4)), Change("y = 1\n")], ids=["deleted", "replaced"]
)
def test_what_cannot_be_told(change: Change) -> None:
    """The text in front of the suggestion is not what it was: nothing is learnt."""
    session = start("x = \n", "first(value)", 0, 4)
    edit(session, change)
    write(session, "z", 0, 2)
    assert outcomes(session) == {}


def test_one_suggestion_has_one_outcome() -> None:
    """Shown again after each key, in ghost text and menu, it is one; accepted at last, it is one acceptance."""
    session = start("x = \n", "first(value)", 0, 4)
    show(session, "first(value)", 0, 4, 8)  # the menu's
    for count, key in enumerate("firs"):
        write(session, key, 0, 4 + count)
        show(session, "first(value)"[count + 1 :], 0, 5 + count, 9 + count)
    acceptance.accepted(session, 12, NOW)
    edit(session, Change("t(value)", (0, 8), (0, 8)))
    assert outcomes(session) == {"accepted": 1}
    assert counts(session) == (1, 0)
    session = start("x = \n", "first(value)", 0, 4)
    write(session, "fi", 0, 4)
    show(session, "rst(value)", 0, 6, 8)
    write(session, "x", 0, 6)
    assert outcomes(session) == {"rejected": 1}


def test_a_block_that_grows_is_one() -> None:
    """Its first line is shown while the rest is written; then all of it, which is accepted."""
    session = start("if x:\n    \n", "first(value)", 1, 4)
    show(session, "first(value)\n    second()", 1, 4, 8)
    edit(session, Change("first(value)\n    second()", (1, 4), (1, 4)))
    acceptance.accepted(session, 8, NOW)
    assert outcomes(session) == {"accepted": 1}
    assert [standing.text for standing in session.standing] == ["first(value)\n    second()"]
    session = start("if x:\n    \n", "first", 1, 4)
    show(session, "first(value)\n    second()", 1, 4, 8)  # not the same line: the model thought again
    write(session, "first(value)", 1, 4)
    assert outcomes(session) == {"typed": 2}


def test_two_suggestions_have_two() -> None:
    """A key contradicts the first; what is shown then is judged by itself."""
    session = start("x = \n", "first(value)", 0, 4)
    write(session, "s", 0, 4)
    show(session, "econd", 0, 5, 8)
    write(session, "econd", 0, 5)
    assert outcomes(session) == {"rejected": 1, "typed": 1}


def test_taken_in_part() -> None:
    """What was taken in part and then written on differently was right in that part, and counts as accepted."""
    session = start("x = \n", "first(value)", 0, 4)
    edit(session, Change("first", (0, 4), (0, 4)))
    assert outcomes(session) == {}
    write(session, "[", 0, 9)
    assert outcomes(session) == {"accepted": 1}
    whole = start("x = \n", "first(value)", 0, 4)
    write(whole, "[", 0, 4)
    assert whole.shift("python") < session.shift("python") < 0.01


def test_the_gate_moves() -> None:
    """Rejections make suggestions less probable, acceptances more; only where the user wants it."""
    session = start("x = \n", "first(value)", 0, 4)
    write(session, "g", 0, 4)
    assert session.shift("python") < 0
    session = start("x = \n", "first(value)", 0, 4)
    acceptance.accepted(session, 7, NOW)
    assert session.shift("python") > 0
    session = Session(Config(adapt=False))
    session.documents.open(URI, "python", 0, "x = \n")
    show(session, "first(value)", 0, 4, 7)
    acceptance.accepted(session, 7, NOW)
    assert session.shift("python") == 0
    assert (outcomes(session), session.standing) == ({}, [])


def test_what_is_counted() -> None:
    """Characters by how they came, endings whether or not they are learnt from, and looks at what was accepted."""
    session = start("x = \n\n", "first(value)", 0, 4)
    edit(session, Change("first(value)", (0, 4), (0, 4)))
    write(session, "y = ", 1, 0)
    show(session, "two", 1, 4, 8)
    edit(session, Change("tw", (1, 4), (1, 4)))
    show(session, "o", 1, 6, 9)
    write(session, "i", 1, 6)
    survival.look(session, NOW + 31)
    edit(session, Change("", (0, 4), (0, 16)))
    survival.look(session, NOW + 130)
    counted = session.metrics.counts
    assert (counted.suggestions, counted.shown, counted.parts) == (2, 3, 1)
    assert (counted.accepted, counted.partly, counted.rejected) == (1, 1, 0)
    assert (counted.accepted_characters, counted.written_characters, counted.keys) == (14, 19, 6)
    assert counted.languages == {"python": OfLanguage(2, 2, 14, 19)}
    assert (counted.looked, counted.stood) == ({30: 1, 120: 1, 600: 1}, {30: 1})
    session = start("x = \n", "first(value)", 0, 4)
    session.config = Config(adapt=False)
    write(session, "g", 0, 4)
    assert session.metrics.counts.rejected == 1


#: What an editor may do: show, type, delete, open a line, accept, replace everything, close and open.
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["show", "type", "delete", "enter", "accept", "replace", "look"]),
        st.integers(0, 3),
        st.integers(0, 12),
        st.text(alphabet="ab(\n", max_size=6),
    ),
    max_size=30,
)


@given(STEPS)
def test_whatever_an_editor_does(steps: list[tuple[str, int, int, str]]) -> None:
    """Nothing raises, and no suggestion has more than one outcome."""
    session = Session(Config())
    session.documents.open(URI, "python", 0, "x = \na(b)\n\nb\n")
    shows = 0
    for number, (step, line, column, text) in enumerate(steps):
        document = session.documents.get(URI)
        assert document is not None
        line = min(line, len(document.lines) - 1)
        if step == "show" and text:
            shows += 1
            show(session, text, line, column, number)
        elif step == "accept":
            acceptance.accepted(session, line, NOW + number)
        elif step == "look":
            survival.look(session, NOW + 40 * number)
        elif step == "replace":
            edit(session, Change(text))
        else:
            end = (line, column + 1) if step == "delete" else (line, column)
            added = {"delete": "", "enter": "\n"}.get(step, text)
            edit(session, Change(added, (line, column), end))
    counts = session.adaptation.counts
    assert counts.accepted + counts.typed + counts.rejected + counts.ignored <= shows
    counted = session.metrics.counts
    assert counts.survived + counts.lost <= counted.accepted <= counted.suggestions <= counted.shown == shows
    assert counted.partly + counted.typed + counted.rejected + counted.ignored <= counted.suggestions
    assert all(counted.stood.get(after, 0) <= looked for after, looked in counted.looked.items())
    acceptance.closing(session, URI, NOW)
    assert session.standing == []


# --- survival


@pytest.mark.parametrize(
    ("text", "lines", "share"),
    [
        ("first(value)", ["x = first(value)"], 1.0),
        ("first(value)", ["x = first( value )  # so"], 1.0),
        ("first(value)", ["x = first(other)"], 7 / 12),
        ("first(value)", [""], 0.0),
        ("first(value)", [], 0.0),
        ("a\nb", ["a", "b"], 1.0),
        ("  \n", ["x"], 1.0),
    ],
)
def test_share_by_hand(text: str, lines: list[str], share: float) -> None:
    """Letters of the tokens that are still there, in order; white space does not count."""
    assert share_of(text, lines) == pytest.approx(share)


def accepted_text() -> Session:
    """A session in which "first(value)" was accepted on line 1."""
    session = start("import a\nx = \ny = 1\n", "first(value)", 1, 4)
    edit(session, Change("first(value)", (1, 4), (1, 4)))
    return session


def test_what_stands_survives() -> None:
    """Nothing is known before ten minutes have gone; then it is, once."""
    session = accepted_text()
    for seconds in (1, 29, 31, 125, 500):
        survival.look(session, NOW + seconds)
        assert outcomes(session) == {"accepted": 1}
    before = session.adaptation.shift("python", NOW)
    for seconds in (601, 602):
        survival.look(session, NOW + seconds)
        assert outcomes(session) == {"accepted": 1, "survived": 1}
    assert session.adaptation.shift("python", NOW) > before


def test_what_is_deleted_soon_is_lost() -> None:
    """Half a minute later, at the first look; it takes back what the acceptance said."""
    session = accepted_text()
    edit(session, Change("other", (1, 4), (1, 16)))
    survival.look(session, NOW + 20)
    assert outcomes(session) == {"accepted": 1}
    before = session.adaptation.shift("python", NOW)
    survival.look(session, NOW + 31)
    assert outcomes(session) == {"accepted": 1, "lost": 1}
    assert session.adaptation.shift("python", NOW) < before
    assert session.standing == []


def test_lines_move() -> None:
    """Lines that come and go above take the place along; those below do not."""
    session = accepted_text()
    edit(session, Change("import b\nimport c\n", (0, 0), (0, 0)))
    edit(session, Change("", (0, 0), (1, 0)))
    edit(session, Change("z = 2\n", (4, 0), (4, 0)))
    assert session.standing[0].line == 2
    survival.look(session, NOW + 1_000)
    assert outcomes(session)["survived"] == 1


def test_closing_looks_for_the_last_time() -> None:
    """A document that is closed tells what it held."""
    session = accepted_text()
    acceptance.closing(session, URI, NOW + 5)
    assert outcomes(session) == {"accepted": 1, "survived": 1}
    session.documents.close(URI)
    survival.look(session, NOW + 1_000)
    assert outcomes(session) == {"accepted": 1, "survived": 1}


def test_followed_texts_are_bounded() -> None:
    """Whoever accepts all day is followed for the newest fifty."""
    session = start("x = \n", "first(value)", 0, 4)
    for number in range(200):
        session.shown[7].outcome = ""
        survival.follow(session, session.shown[7], NOW + number)
    assert len(session.standing) == 50
    assert session.standing[-1].since == NOW + 199
