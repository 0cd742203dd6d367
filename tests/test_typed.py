"""What is typed while a completion is written: what still fits is finished as if nothing had been, the rest ends at
once, and nobody who waits behind it waits longer."""

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shipped import MODEL, complete_message, load_message, tokenizer

from lsp_server.base.parts import Part
from lsp_server.engine import worker
from lsp_server.engine.backends.fake import Fake
from lsp_server.engine.decoder import Decoder
from lsp_server.engine.decoding import complete
from lsp_server.engine.desk import Desk
from lsp_server.engine.inbox import Inbox, Opened
from lsp_server.engine.messages import (
    Cancel,
    Complete,
    Finished,
    Remember,
    Stop,
    ToServer,
    ToWorker,
    Typed,
)
from lsp_server.engine.protocol import Capabilities, Logits, TextEngine
from lsp_server.engine.requests import Typing

ENDS = MODEL.manifest.end_tokens
BEGIN = Part("<|fim_prefix|>", special=True)
ABOVE = "alpha = 1\n" * 30
FILE = "def total(values):\n    return values\n\n\n"


class Plain(Fake):
    """Counts its evaluations, and lets something happen before each; one that runs cannot be stopped."""

    capabilities = Capabilities(all_rows=True)

    def __init__(self) -> None:
        super().__init__(tokenizer().vocabulary, 512, end=0)
        self.evaluations = 0
        self.before: Callable[[int], None] = lambda number: None

    def _take(self, ids: Sequence[int], keep: int) -> None:
        self.before(self.evaluations)
        super()._take(ids, keep)
        self.evaluations += 1

    def abort(self) -> None:
        """Do nothing."""


class Saying(Plain):
    """Says some tokens behind a prompt, without a doubt."""

    def __init__(self, prompt: int, said: Sequence[int]) -> None:
        super().__init__()
        self._prompt, self._said = prompt, said

    def _predict(self) -> Logits:
        logits = np.full(self.vocabulary, -50.0, dtype=np.float32)
        place = len(self._ids) - self._prompt
        logits[self._said[place] if 0 <= place < len(self._said) else 0] = 50.0
        return logits


def untimed(finished: Finished) -> Finished:
    return msgspec.structs.replace(finished, prompt_ms=0.0, decode_ms=0.0, cpu_ms=0.0)


# --- one request


class Said(NamedTuple):
    """What is asked, and the tokens that come of it, those of the characters before the cursor first."""

    prefix: str
    stop: Stop
    tokens: tuple[bytes, ...]


SAID = (
    Said(ABOVE + "x re", Stop(), (b" re", b"s", b"ult", b" =", b" ", b"1", b"\n")),
    Said(ABOVE + "x re", Stop(), (b" re", b"s", b"ult", b" =")),
    Said("x = ", Stop(), (b" ", b"\xc3", b"\xa9", b"t", b"\xc3", b"\xa0", b"\n")),
    Said("if a", Stop("block", 0), (b" a", b":", b"\n", b" ", b" ", b"b", b"\n", b"c", b"\n")),
)

TEXTS = st.one_of(
    st.tuples(
        st.sampled_from([b"".join(said.tokens) for said in SAID]), st.integers(1, 4), st.integers(0, 20)
    ).map(lambda cut: cut[0][cut[1] :][: cut[2]].decode(errors="ignore")),
    st.text("result =1\n\u00e9\u00e0:b", max_size=6),
)


@given(st.sampled_from(SAID), TEXTS, st.sampled_from(("", "x", "\n", " =")), st.integers(0, 14))
@settings(max_examples=60)
def test_what_disagrees_ends_before_the_next_evaluation_and_nothing_else_changes(
    said: Said, beginning: str, end: str, arrival: int
) -> None:
    """For any text that is known from evaluation number ``arrival`` on: the run ends as cancelled before the first
    evaluation, from that one on, before which what it has written and the text are no beginnings of one another; if
    there is none its outcome is that of a run beside which nobody types. The cache is right in either case."""
    typed = beginning + end
    message = complete_message(said.prefix, said.stop)
    ids = [tokenizer().bytes.index(spelling) for spelling in said.tokens]

    def fresh() -> tuple[Decoder, Plain, bytes]:
        made = Decoder(Plain(), tokenizer(), ENDS)
        prompt, rest = made.prompt_ids(message.parts)
        engine = Saying(len(prompt), ids)
        return Decoder(engine, tokenizer(), ENDS), engine, rest

    alone, engine, rest = fresh()
    undisturbed = complete(alone, message)
    chunks = -(-undisturbed.prompt_tokens // 64)
    written = [b""] * chunks + [
        b"".join(said.tokens[: count + 1])[len(rest) :] for count in range(engine.evaluations - chunks)
    ]
    data = typed.encode()
    stops_at = next(
        (
            number
            for number, text in enumerate(written)
            if number >= arrival and not text.startswith(data) and not data.startswith(text)
        ),
        None,
    )

    decoder, engine, _ = fresh()
    finished = complete(decoder, message, typed=lambda: typed if engine.evaluations >= arrival else "")
    if stops_at is None:
        assert untimed(finished) == untimed(undisturbed)
    else:
        assert (finished.text, finished.reason, finished.others) == ("", "cancelled", ())
        assert engine.evaluations == stops_at
    assert complete(decoder, message).text == undisturbed.text


class Torn(Plain):
    """Begins with one word and then knows nothing; another is a little less likely, and sure of what follows."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.rest, self.end = (
            tokenizer().bytes.index(spelling) for spelling in (b"self", b"value", b" x", b"\n")
        )

    def _predict(self) -> Logits:
        logits = np.full(self.vocabulary, -9.0, dtype=np.float32)
        last = self._ids[-1]
        if last == self.first:
            logits[200:300] = 3.0
        elif last == self.second:
            logits[self.rest] = 9.0
        elif last in (self.rest, *range(200, 300)):
            logits[self.end] = 9.0
        else:
            logits[self.first], logits[self.second] = 3.0, 2.7
        return logits


@pytest.mark.parametrize(
    ("typed", "early", "text"),
    [
        ("self", False, "value x"),
        ("value", False, "value x"),
        ("v", False, "value x"),
        ("other", False, None),
        ("", True, "value x"),
        ("value", True, None),
    ],
)
def test_a_line_that_is_tried_again_is_given_up_when_no_text_agrees(
    typed: str, early: bool, text: str | None
) -> None:
    """The first, which is finished, or the one that is tried: one is enough to go on, and the likeliest is the answer
    as ever. While the first is written it is the only one (``early``)."""

    def run(alone: bool, typed: str, arrival: int) -> tuple[Finished, int]:
        engine = Torn()
        message = Complete(1, (BEGIN,), Stop(), 40, 1000, without=("candidates",) if alone else ())
        decoder = Decoder(engine, tokenizer(), ENDS)
        said = complete(decoder, message, typed=lambda: typed if engine.evaluations >= arrival else "")
        return said, engine.evaluations

    first, evaluations = run(True, "", 0)
    assert first.text.startswith("self")
    finished, all_evaluations = run(False, typed, 0 if early else evaluations)
    if text is None:
        assert (finished.text, finished.reason) == ("", "cancelled")
        assert all_evaluations == (1 if early else evaluations)
    else:
        assert (finished.text, [other.text for other in finished.others]) == (text, [first.text])


# --- the worker


class Over(Exception):
    """Everything that was asked is answered."""


def serve(
    engine: Plain, *messages: ToWorker, monkeypatch: pytest.MonkeyPatch, inbox: Inbox | None = None
) -> list[Finished]:
    """Have a worker with this model work until it has answered so many requests as there are in ``messages`` and in
    what ``engine.before`` adds to ``inbox``."""
    inbox = inbox or Inbox()
    answers: list[Finished] = []

    def send(message: ToServer) -> None:
        if isinstance(message, Finished):
            answers.append(message)
            if not inbox._requests.keys() - {message.id}:
                raise Over

    desk = desk_with(engine, inbox, send)
    monkeypatch.setattr(worker, "Desk", lambda *_: desk)
    for message in messages:
        inbox.add(message)
    with pytest.raises(Over):
        worker.serve(inbox, send)
    return answers


def desk_with(
    engine: Plain | None, inbox: Inbox, send: Callable[[ToServer], None] = lambda message: None
) -> Desk:
    """A desk with this model, or without one."""
    desk = Desk(inbox, send)
    desk.load(load_message("memory"), 0.0)
    _, news = inbox.next(30.0)
    assert isinstance(news, Opened)
    if engine is not None:
        desk.opened(msgspec.structs.replace(news, model=Decoder(engine, tokenizer(), ENDS)))
    return desk


def speculative(id: int) -> Complete:
    return msgspec.structs.replace(complete_message(FILE + "def total(val", id=id), speculative=True)


def test_who_waits_behind_what_was_joined_is_answered_right_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A real request does not stop what runs: that may be what somebody waits for by now. The server says what it has
    no use for."""
    inbox, engine = Inbox(), Plain()

    def ask(number: int) -> None:
        if number == 1:
            inbox.add(complete_message(FILE + "def total(values):\n    ret", id=2))

    engine.before = ask
    answers = serve(engine, speculative(1), inbox=inbox, monkeypatch=monkeypatch)
    assert [(one.id, one.text) for one in answers] == [(1, "ues):"), (2, "urn values")]


@pytest.mark.parametrize("news", [Cancel(1), Typed(1, "other"), Typed(1, "uex")])
def test_what_nobody_waits_for_ends_within_a_token(news: ToWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the engine cannot be stopped, and whoever waits behind it is next."""
    inbox, engine = Inbox(), Plain()
    begun: list[int] = []

    def tell(number: int) -> None:
        begun.append(number)
        if number == 1:
            inbox.add(complete_message(FILE + "def total(val", id=2))
            inbox.add(news)

    engine.before = tell
    answers = serve(engine, speculative(1), inbox=inbox, monkeypatch=monkeypatch)
    assert [(one.id, one.reason) for one in answers] == [(1, "cancelled"), (2, "line")]
    # The evaluation during which it was said is the last one for it; the other has its prompt already but for a token.
    assert answers[1].reused_tokens == answers[1].prompt_tokens - 1
    assert len(begun) == 2 + answers[1].tokens


def test_the_prompt_is_evaluated_in_any_case() -> None:
    """What was typed before the request was begun: whatever is asked next needs nearly the same prompt."""
    inbox, engine = Inbox(), Plain()
    desk = desk_with(engine, inbox)
    question = complete_message(ABOVE + "x = be")
    inbox.add(question)
    inbox.add(Typed(1, "th"))
    inbox.add(Typed(1, "other"))
    assert desk.answer(question, 1e9).reason == "cancelled"
    again = complete_message(ABOVE + "x = be", id=2)
    inbox.add(again)
    finished = desk.answer(again, 1e9)
    assert (finished.reason, finished.reused_tokens) == ("end", finished.prompt_tokens - 1)


def test_word_of_what_is_unknown_or_done_is_nothing() -> None:
    """The server may be a little late with it, or speak of a request of another kind. What was said last counts."""
    inbox = Inbox()
    desk = desk_with(Plain(), inbox)
    question = complete_message(FILE + "def total(val")
    for message in (Typed(1, "x"), Cancel(1), question, Typed(9, "x"), Typed(1, "x"), Typed(1, "ue")):
        inbox.add(message)
    assert desk.answer(question, 1e9).text == "ues):"
    inbox.done(1)
    inbox.add(Typed(1, "x"))
    inbox.add(Cancel(1))
    inbox.add(question)
    assert desk.answer(question, 1e9).text == "ues):"


@pytest.mark.parametrize(
    ("typed", "text", "reason"), [("ze(mea", "ze(meadow)", "line"), ("bra", "", "cancelled")]
)
def test_the_memory_alone_follows_too(typed: str, text: str, reason: str) -> None:
    """While there is no model."""
    inbox = Inbox()
    desk = desk_with(None, inbox)
    desk.remember(Remember("d", ("zebra.graze(meadow)\n",)))
    question = complete_message("x = zebra.gra")
    inbox.add(question)
    inbox.add(Typed(1, typed))
    finished = desk.answer(question, 1e9)
    assert (finished.text, finished.reason, finished.source) == (text, reason, "memory")


def test_an_answer_says_what_it_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole process' time, whoever answered."""
    clock = itertools.count(1.0, 0.25)
    for engine in (Plain(), None):
        inbox = Inbox()
        desk = desk_with(engine, inbox)
        question = complete_message(FILE + "def total(val")
        inbox.add(question)
        with monkeypatch.context() as patch:
            patch.setattr("lsp_server.engine.desk.time.process_time", lambda: next(clock))
            assert desk.answer(question, 1e9).cpu_ms == 250.0


class Served:
    """A server that must not be asked."""

    served = None


@pytest.mark.parametrize(
    ("model", "arrived", "reason", "source"),
    [
        ("tokens", 1e9, "length", "model"),
        ("tokens", -1e9, "deadline", "model"),
        ("text", 1e9, "length", "memory"),
        ("none", 1e9, "length", "memory"),
        ("memory", 1e9, "length", "memory"),
    ],
)
def test_a_prefill_needs_a_cache(model: str, arrived: float, reason: str, source: str) -> None:
    """It says so where it came to nothing: the memory has no cache that a prompt could be brought into, and a server
    that others wait for is not asked for what nobody waits for."""
    inbox = Inbox()
    desk = desk_with(Plain() if model == "tokens" else None, inbox)
    if model == "text":
        desk._model = cast("TextEngine", Served())
    elif model == "memory":
        desk._model = desk._alone
    question = complete_message(FILE, max_tokens=0)
    inbox.add(question)
    finished = desk.answer(question, arrived)
    assert (finished.reason, finished.source, finished.text) == (reason, source, "")
    assert (finished.prompt_tokens > 0) == (source == "model")


# --- the server


def test_typing_may_be_told_at_any_time() -> None:
    """Before the worker is asked, which then hears the newest; while it works; and afterwards, when nobody listens."""
    told: list[str] = []
    typing = Typing()
    for text in ("a", "ab"):
        typing.say(text)
    with typing.telling(told.append):
        for text in ("ab", "abc", "abc", "ab", ""):
            typing.say(text)
    typing.say("abcd")
    assert told == ["ab", "abc", "ab", ""]
    with Typing().telling(told.append):
        pass
    assert len(told) == 4
