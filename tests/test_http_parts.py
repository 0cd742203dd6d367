"""The parts of the HTTP engine that need no server: addresses, messages in bytes, the text that comes of them."""

import itertools
import math

import pytest
from cases import Case, parametrize
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.base.config import Http
from lsp_server.base.errors import EngineError
from lsp_server.engine import stops
from lsp_server.engine.backends.http.address import Address, address, is_loopback, permitted
from lsp_server.engine.backends.http.dialect import Piece, Token
from lsp_server.engine.backends.http.draft import Draft
from lsp_server.engine.backends.http.events import LONGEST_LINE, Events, Overlong
from lsp_server.engine.backends.http.llama_server import grammar
from lsp_server.engine.backends.http.patience import FIRST_PAUSE_S, LONGEST_PAUSE_S, SLOW, Patience
from lsp_server.engine.messages import Stop


@parametrize("http_address")
def test_addresses(case: Case) -> None:
    """Where code may go."""
    texts = case.values("settings")
    settings = Http(
        **{name: text == "true" if name.startswith("allow") else text for name, text in texts.items()}
    )  # type: ignore[arg-type]
    if "refused" in case.sections:
        with pytest.raises(EngineError) as refused:
            address(settings)
        assert case.sections["refused"] in str(refused.value)
        assert "sesame" not in str(refused.value)
    else:
        assert str(address(settings)) == case.sections["expect"]


def test_what_a_name_resolves_to() -> None:
    """A local server's name must lead to this machine and nowhere else; a remote one's may lead anywhere."""
    local = Address("http", "localhost", 1, "", local=True)
    assert permitted(local, ["::1", "127.0.0.1", "::1"]) == ["::1", "127.0.0.1"]
    for elsewhere in ("10.0.0.1", "fe80::1%eth0", "::", "0.0.0.0", "::ffff:10.0.0.1", "localhost"):
        with pytest.raises(EngineError, match="127"):
            permitted(local, ["127.0.0.1", elsewhere])
    remote = Address("https", "coder.example", 1, "", local=False)
    assert permitted(remote, ["10.0.0.1"]) == ["10.0.0.1"]


@given(st.ip_addresses())
def test_loopback(ip: object) -> None:
    """No address but those of the loopback interface passes."""
    text = str(ip)
    assert is_loopback(text) == (text.startswith("127.") or text in ("::1",) or "::ffff:7f" in text)


TEXTS = st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=("Cs",))), max_size=6)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    return [data[start:end] for start, end in itertools.pairwise(places)]


@given(TEXTS, st.lists(st.integers(0, 200)), st.sampled_from([b"\n", b"\r\n"]))
def test_events_come_whole_however_they_are_cut(texts: list[str], cuts: list[int], newline: bytes) -> None:
    """Server-sent events, with comments and other fields between them."""
    data = b"".join(
        b": life" + newline + b"id: 1" + newline + b"data: " + text.encode() + newline + newline
        for text in texts
    )
    events = Events("events")
    found = [message for piece in pieces(data, cuts) for message in events.feed(piece)]
    assert found == [text.encode() for text in texts]


@given(TEXTS, st.lists(st.integers(0, 200)))
def test_lines_come_whole_however_they_are_cut(texts: list[str], cuts: list[int]) -> None:
    """One message a line; blank ones are none."""
    data = b"".join(text.encode() + b"\n" for text in texts)
    lines = Events("lines")
    found = [message for piece in pieces(data, cuts) for message in lines.feed(piece)]
    assert found == [text.encode() for text in texts if text.encode().strip()]


@given(st.binary(max_size=300))
def test_any_bytes_are_read(data: bytes) -> None:
    """Nonsense gives messages or none, never a failure."""
    for kind in ("events", "lines"):
        list(Events(kind).feed(data))


def test_what_is_too_long() -> None:
    """One line, before its end comes."""
    events = Events("events")
    list(events.feed(b"data: " + b"x" * (LONGEST_LINE - 6)))
    with pytest.raises(Overlong):
        list(events.feed(b"x"))


@given(
    st.text(st.sampled_from("ab \n\t)}"), max_size=40),
    st.lists(st.integers(0, 40), max_size=8),
    st.sampled_from([Stop(), Stop("block", 0), Stop("block", 4, (")",), 3)]),
    st.sampled_from(["", "ab", "\n  "]),
)
def test_a_draft_ends_where_a_local_engine_ends(text: str, cuts: list[int], stop: Stop, typed: str) -> None:
    """In whatever pieces the text comes: at the first place where its beginning is complete."""
    whole = typed + text
    places = sorted({min(cut, len(whole)) for cut in cuts} | {0, len(whole)})
    draft = Draft(stop, typed, (), 1_000)
    for start, end in itertools.pairwise(places):
        if draft.reason is None:
            draft.add(Piece(whole[start:end]))
    if draft.reason is None:
        draft.add(Piece(end="end"))
    seen = (stops.cut(whole[len(typed) : end], stop) for end in places if end >= len(typed))
    expected = next((found for found in seen if found is not None), None)
    assert (draft.text, draft.reason) == (expected or (stops.without_blank_end(text), "end"))


def test_what_was_typed_must_come_first() -> None:
    """A server that does not keep to it has nothing to say here."""
    draft = Draft(Stop(), "name", (), 40)
    draft.add(Piece("na"))
    assert draft.reason is None
    draft.add(Piece("tion"))
    assert (draft.text, draft.reason) == ("", "end")


def test_more_tokens_than_asked_for() -> None:
    """The server's limit is not relied upon."""
    draft = Draft(Stop(), "", (), 3)
    for _ in range(4):
        assert draft.reason is None
        draft.add(Piece("word "))
    assert (draft.text, draft.reason) == ("word word word word ", "length")


def test_shares_among_what_the_typed_characters_allow() -> None:
    """By hand: behind "re", of "result" 0.3, "re" 0.1 and "x" 0.5 the first is three quarters."""
    logs = {name: math.log(value) for name, value in {"result": 0.3, "re": 0.1, "x": 0.5}.items()}
    others = tuple((name.encode(), logprob) for name, logprob in logs.items())
    draft = Draft(Stop(), "re", (), 40)
    draft.add(Piece("result", (Token(b"result", logs["result"], others),)))
    draft.add(Piece(" x", (Token(b" x", math.log(0.5), others),)))
    assert [step.characters for step in draft.steps] == [4, 6]
    assert [math.exp(step.logprob) for step in draft.steps] == pytest.approx([0.75, 0.5])
    guess = Draft(Stop(), "re", (), 40)
    guess.add(Piece("rest", (Token(b"re", -9.0, others[2:]), Token(b"st", -1.0, ()))))
    assert [step.logprob for step in guess.steps] == [0.0, -1.0]


@given(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=12))
def test_a_grammar_holds_its_text_escaped(typed: str) -> None:
    """Nothing of it can end the literal or begin another rule."""
    literal = grammar(typed).removeprefix('root ::= "').removesuffix('" [^\\x00]*')
    assert '"' not in literal
    assert literal.isascii()
    assert literal.encode().decode("unicode_escape") == typed


def test_patience() -> None:
    """Pauses double up to a bound and are forgotten by an answer; slowness counts from the third time on."""
    now = [0.0]
    patience = Patience(lambda: now[0])
    pauses = []
    for _ in range(9):
        patience.failed("down")
        pause = 0.0
        while patience.trouble() is not None:
            now[0] += 0.25
            pause += 0.25
        pauses.append(pause)
    assert pauses[:3] == [FIRST_PAUSE_S, 2 * FIRST_PAUSE_S, 4 * FIRST_PAUSE_S]
    assert pauses[-1] == LONGEST_PAUSE_S
    patience.answered()
    assert [patience.late("slow").lasting for _ in range(SLOW)] == [False, False, True]
    assert patience.trouble() is not None
    patience.answered()
    assert patience.trouble() is None
