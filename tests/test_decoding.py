"""The decoding loop over engines without a model: what is reused, healed, stopped, and how sure it says it is."""

import math
import time
from collections.abc import Callable, Sequence

import msgspec
import numpy as np
import pytest
from shipped import MODEL, complete_message, prompt, tokenizer

from lsp_server.base.errors import EngineError
from lsp_server.base.parts import Part
from lsp_server.engine.backends.fake import Fake
from lsp_server.engine.decoder import Decoder
from lsp_server.engine.decoding import complete
from lsp_server.engine.messages import Complete, Partial, Stage, Stop
from lsp_server.engine.protocol import Logits

ENDS = MODEL.manifest.end_tokens
BEGIN = Part("<|fim_prefix|>", special=True)
FILE = """\
def total(values):
    result = 0
    for value in values:
        result += value
    return result


"""


def fake(context: int = 512) -> tuple[Decoder, Fake]:
    engine = Fake(tokenizer().vocabulary, context, end=0)
    return Decoder(engine, tokenizer(), ENDS), engine


class Scripted(Fake):
    """Says a fixed text from the prompt's end on, whatever it was asked; each token as likely as ``scores`` says."""

    def __init__(self, ids: Sequence[int], scores: Callable[[Logits], None] = lambda logits: None) -> None:
        super().__init__(tokenizer().vocabulary, 512, end=0)
        self._script = list(ids)
        self._scores = scores
        self._prompt: int | None = None

    def _predict(self) -> Logits:
        if self._prompt is None:
            self._prompt = len(self._ids)
        logits = np.full(self.vocabulary, -5.0, dtype=np.float32)
        said = len(self._ids) - self._prompt
        logits[self._script[said] if said < len(self._script) else 0] = 5.0
        self._scores(logits)
        return logits


def scripted(said: str | Sequence[int], scores: Callable[[Logits], None] = lambda logits: None) -> Decoder:
    ids = tokenizer().encode(said) if isinstance(said, str) else said
    return Decoder(Scripted(ids, scores), tokenizer(), ENDS)


def spelled(*pieces: bytes) -> list[int]:
    return [tokenizer().bytes.index(piece) for piece in pieces]


def test_it_copies_what_the_file_said_before() -> None:
    """The fake engine is good enough to test everything above it: it goes on as the file did."""
    decoder, _ = fake()
    finished = complete(decoder, complete_message(FILE + "def total(val"))
    assert (finished.text, finished.reason, finished.error) == ("ues):", "line", "")


def test_one_key_costs_a_handful_of_tokens() -> None:
    """Typing only appends: the prompt stays in the KV cache, and at most its last few tokens are evaluated again."""
    decoder, engine = fake()
    typed = "def total(values):\n    result = 0\n    for value in values:\n"
    complete(decoder, complete_message(FILE * 4))
    for count in range(1, len(typed) + 1):
        before = engine.worked
        finished = complete(decoder, complete_message(FILE * 4 + typed[:count]))
        assert finished.prompt_tokens - finished.reused_tokens <= 4
        assert engine.worked - before == finished.prompt_tokens - finished.reused_tokens + finished.tokens - 1


def test_an_early_change_costs_only_what_follows_it() -> None:
    """The common prefix survives, down to the token."""
    decoder, _ = fake()
    complete(decoder, complete_message(FILE + "x = 1"))
    finished = complete(decoder, complete_message(FILE + "y = 1"))
    ids, _ = decoder.prompt_ids(prompt(FILE))
    assert finished.reused_tokens >= len(ids) - 1
    assert finished.reused_tokens < finished.prompt_tokens


def test_the_same_prompt_again_gives_the_same() -> None:
    """Reuse does not change the answer; one token is evaluated again, for its logits."""
    decoder, _ = fake()
    first = complete(decoder, complete_message(FILE + "def tot"))
    second = complete(decoder, complete_message(FILE + "def tot"))
    assert (second.text, second.steps) == (first.text, first.steps)
    assert second.reused_tokens == second.prompt_tokens - 1


def test_healing_spells_what_was_typed_over_several_tokens() -> None:
    """The model wants to say something else; it is held to the typed characters, token by token, then free."""
    wanted = [*spelled(b" re", b"s", b"ult"), *tokenizer().encode(" = 1\n")]
    typed = " resul"
    decoder = scripted(wanted)
    finished = complete(decoder, complete_message("x" + typed))
    assert decoder.cached[-len(wanted) + 1 :] == wanted[:-1]
    assert finished.text == "t = 1"


def test_healing_forbids_what_was_not_typed() -> None:
    """Even a model that is sure of another word cannot bend what stands before the cursor."""
    decoder = scripted([*spelled(b" value"), *tokenizer().encode("\n")])
    ids, rest = decoder.prompt_ids(prompt("x res"))
    complete(decoder, complete_message("x res"))
    assert rest == b" res"
    assert b"".join(tokenizer().bytes[token] for token in decoder.cached[len(ids) :]).startswith(b" res")


def test_a_word_that_cannot_be_spelled_is_answered_with_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A vocabulary without the typed bytes gives an empty completion, not a wrong one."""
    decoder = scripted("abc\n")
    monkeypatch.setattr(decoder.tokenizer, "allowed", lambda remaining: np.array([], dtype=np.int64))
    finished = complete(decoder, complete_message("x res"))
    assert (finished.text, finished.tokens, finished.steps, finished.error) == ("", 0, (), "")


@pytest.mark.parametrize(
    ("said", "stop", "text", "reason"),
    [
        (" + b\n", Stop("line"), " + b", "line"),
        ("\n    return", Stop("line"), "", "line"),
        ("\n    return a\n\nprint", Stop("block", indent=0), "\n    return a", "block"),
        ("\n    a\n    b\n    c\n    d", Stop("block", indent=0, max_lines=2), "\n    a\n    b", "block"),
        (" + b", Stop("line"), " + b", "end"),
        (" + b\n\n", Stop("block"), " + b", "end"),
    ],
)
def test_where_it_ends(said: str, stop: Stop, text: str, reason: str) -> None:
    """At the newline, at the dedent, after so many lines, or where the model says so."""
    message = Complete(1, (BEGIN,), stop, 40, 1000)
    finished = complete(scripted(said), message)
    assert (finished.text, finished.reason) == (text, reason)


@pytest.mark.parametrize("name", ENDS)
def test_each_end_token_ends(name: str) -> None:
    """Any of them, at once."""
    message = Complete(1, (BEGIN,), Stop(), 40, 1000)
    finished = complete(scripted([*tokenizer().encode(" ok"), tokenizer().special[name]]), message)
    assert (finished.text, finished.reason) == (" ok", "end")


@pytest.mark.parametrize("name", sorted(MODEL.manifest.special_tokens.keys() - set(ENDS)))
def test_other_special_tokens_are_never_chosen(name: str) -> None:
    """A model that wants to say one of them has to say something else."""
    token = tokenizer().special[name]
    message = Complete(1, (BEGIN,), Stop(), 3, 1000)
    decoder = scripted([token] * 3)
    complete(decoder, message)
    assert token not in decoder.cached[1:]


def test_logprobs_count_what_was_allowed() -> None:
    """Free tokens are normalised over all that can be said, healed ones over those that agree with the typed text."""
    said = spelled(b" re", b"s")

    def scores(logits: Logits) -> None:
        logits[logits < 0] = -np.inf
        logits[spelled(b" a")] = 5.0 - math.log(3)  # a third as likely, but not what was typed
        logits[spelled(b"t")] = 5.0 - math.log(3)

    finished = complete(scripted(said, scores), complete_message("x re"))
    # " re" alone agrees with " re"; then "s" against " a" and "t": 3/5; then the end against the same: 3/5.
    assert finished.text == "s"
    assert finished.tokens == 3
    assert [step.logprob for step in finished.steps] == pytest.approx(
        [0, math.log(3 / 5), math.log(3 / 5)], abs=1e-5
    )
    assert [step.characters for step in finished.steps] == [0, 1, 1]


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ([b"\xc3", b"\xa9", b"\n"], "é"),
        ([b"a", b"\xc3"], "a"),  # ends inside a character
        ([b"a", b"\xa9", b"b"], "a"),  # no character begins like this
    ],
)
def test_only_whole_characters_come_out(said: list[bytes], text: str) -> None:
    """Bytes that make no character never reach the user's file."""
    finished = complete(scripted(spelled(*said)), Complete(1, (BEGIN,), Stop(), 40, 1000))
    assert finished.text == text


def test_a_block_is_streamed_by_lines() -> None:
    """The first line is there as soon as it is complete; nothing that is streamed is taken back."""
    parts: list[Partial] = []
    message = Complete(1, (BEGIN,), Stop("block", indent=0), 40, 1000)
    finished = complete(scripted("\n    a = 1\n    b = 2\n\nx"), message, on_partial=parts.append)
    assert [part.text for part in parts] == ["\n    a = 1", "\n    a = 1\n    b = 2"]
    assert finished.text == parts[-1].text
    assert finished.steps[: len(parts[0].steps)] == parts[0].steps


def test_cancelled_within_one_token() -> None:
    """After the moment of cancelling no further evaluation begins."""
    decoder, engine = fake()
    seen: list[int] = []

    def cancelled() -> bool:
        seen.append(engine.worked)
        return len(seen) > 3

    finished = complete(decoder, complete_message(FILE * 6 + "def total(val"), cancelled=cancelled)
    assert (finished.text, finished.reason) == ("", "cancelled")
    assert engine.worked == seen[-1]
    assert len(decoder.cached) == engine.worked
    assert complete(decoder, complete_message(FILE * 6 + "def total(val")).text == "ues):"


def test_an_evaluation_that_is_aborted_leaves_the_cache_right() -> None:
    """Stopped in the middle of a prompt, the request is cancelled; the next one goes on from what had been done."""
    decoder, engine = fake()
    message = complete_message(FILE * 6 + "def total(val")
    calls: list[int] = []

    def cancelled() -> bool:  # asked right before an evaluation begins
        calls.append(len(decoder.cached))
        if len(calls) == 2:
            engine.abort()
        return False

    finished = complete(decoder, message, cancelled=cancelled)
    assert (finished.text, finished.reason, finished.error) == ("", "cancelled", "")
    assert 0 < len(decoder.cached) == engine.evaluated == calls[1] < finished.prompt_tokens
    engine.resume()
    again = complete(decoder, message)
    assert (again.text, again.reused_tokens) == ("ues):", calls[1])


def test_a_prefill_brings_the_prompt_into_the_cache_and_writes_nothing() -> None:
    """The request that comes then has one token of it left to evaluate, for its logits; a prefill of what stands there
    costs nothing, not even what stands behind it."""
    decoder, engine = fake()
    message = complete_message(FILE * 4 + "def total(val")
    ahead = msgspec.structs.replace(message, max_tokens=0)
    first = complete(decoder, ahead)
    assert (first.text, first.reason, first.tokens, first.steps) == ("", "length", 0, ())
    assert (first.reused_tokens, first.prompt_tokens, first.branches) == (0, engine.worked, ())
    written = complete(decoder, message)
    assert (written.text, written.reused_tokens) == ("ues):", written.prompt_tokens - 1)
    worked, cached = engine.worked, decoder.cached[:]
    again = complete(decoder, ahead)
    assert (again.reason, again.reused_tokens) == ("length", again.prompt_tokens)
    assert (engine.worked, decoder.cached) == (worked, cached)


def test_a_prefill_that_is_cancelled_was_not_in_vain() -> None:
    """What was evaluated until then is not evaluated again, whether for the same or for what is asked instead."""
    decoder, engine = fake()
    message = complete_message(FILE * 4 + "def total(val")
    ahead = msgspec.structs.replace(message, max_tokens=0)
    stopped = complete(decoder, ahead, cancelled=lambda: engine.worked >= 64)
    assert (stopped.reason, stopped.reused_tokens) == ("cancelled", 0)
    assert len(decoder.cached) == engine.worked == 64
    finished = complete(decoder, message)
    assert (finished.text, finished.reused_tokens) == ("ues):", 64)
    assert engine.worked == finished.prompt_tokens + finished.tokens - 1


def test_a_deadline_gives_what_there_is() -> None:
    """Time over: a line keeps its whole words, and before the first token there is nothing."""
    decoder, _ = fake()
    message = complete_message(FILE + "def total(val")
    assert complete(decoder, message, deadline=time.monotonic()).reason == "deadline"

    slow = scripted(" first second third")
    asked = iter([0.0] * 6 + [math.inf] * 100)
    message = Complete(1, (BEGIN,), Stop(), 40, 1000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lsp_server.engine.decoding.time.monotonic", lambda: next(asked))
        finished = complete(slow, message, deadline=1.0)
    assert finished.reason == "deadline"
    assert finished.text == " first second "


def test_too_many_tokens_end_before_the_last_word() -> None:
    """The limit counts what is written, not what is healed."""
    message = Complete(1, (BEGIN,), Stop(), 3, 1000)
    finished = complete(scripted(spelled(b" a", b".", b"b", b"c")), message)
    assert (finished.text, finished.reason, finished.tokens) == (" a.", "length", 3)


def test_the_context_never_overflows() -> None:
    """A prompt that nearly fills the cache is completed as far as it goes; one that does not fit is an error."""
    decoder, engine = fake(context=64)
    prefix = "def total(values):\n    return values\n"
    finished = complete(decoder, complete_message(prefix * 3 + "d", Stop("block", indent=-1, max_lines=99)))
    assert finished.error == ""
    assert len(decoder.cached) <= engine.context
    assert finished.reason == "length"
    assert "64" in complete(decoder, complete_message(prefix * 9)).error


@pytest.mark.parametrize(
    ("part", "kept"),
    [
        (Part(" a" * 100), (0, 100)),
        (Part(" a" * 100, limit=30), (0, 30)),
        (Part(" a" * 100, limit=30, cut="left"), (70, 100)),
        (Part(" a" * 100, limit=100, cut="left", step=64), (0, 100)),
        (Part(" a" * 101, limit=100, cut="left", step=64), (64, 101)),
        (Part(" a" * 164, limit=100, cut="left", step=64), (64, 164)),
        (Part(" a" * 165, limit=100, cut="left", step=64), (128, 165)),
    ],
)
def test_limits(part: Part, kept: tuple[int, int]) -> None:
    """Texts over their limit lose their end, or their beginning in whole steps."""
    decoder, _ = fake()
    ids, _ = decoder.prompt_ids((part, BEGIN))
    assert ids[:-1] == tokenizer().encode(part.text)[kept[0] : kept[1]]


def test_an_unknown_special_token_is_an_error_not_text() -> None:
    """A template that does not fit the model is told so."""
    decoder, _ = fake()
    finished = complete(decoder, Complete(1, (Part("<|fim|>", special=True), Part("x")), Stop(), 9, 1000))
    assert (finished.text, finished.tokens) == ("", 0)
    assert "<|fim|>" in finished.error


def test_after_a_failure_nothing_is_believed_cached() -> None:
    """An engine that failed may have lost its cache: the next prompt is evaluated from the start."""
    decoder, engine = fake()
    complete(decoder, complete_message(FILE))
    with pytest.MonkeyPatch.context() as patch:

        def fail(ids: Sequence[int], keep: int) -> Logits:
            raise EngineError("broken")

        patch.setattr(engine, "evaluate", fail)
        assert complete(decoder, complete_message(FILE)).error == "broken"
    assert complete(decoder, complete_message(FILE)).reused_tokens == 0


def test_logits_that_are_no_numbers_are_an_error() -> None:
    """A damaged model must not write."""

    def scores(logits: Logits) -> None:
        logits[7] = np.nan
        logits[300] = np.nan

    assert "not numbers" in complete(scripted("abc", scores), complete_message("x")).error


def test_a_tokenizer_of_another_model_is_refused() -> None:
    """Ids that the engine does not have would kill it."""
    with pytest.raises(EngineError, match="do not belong together"):
        Decoder(Fake(100, 64, end=0), tokenizer(), ENDS)
    with pytest.raises(EngineError, match="no special token"):
        Decoder(Fake(5000, 64, end=0), tokenizer(), ("<|stop|>",))


class Branching(Fake):
    """Half-heartedly begins with one word and then knows nothing; another is a little less likely and then sure."""

    def __init__(self, first: int, second: int, rest: Sequence[int]) -> None:
        super().__init__(tokenizer().vocabulary, 512, end=0)
        self._words = (first, second)
        self._rest = list(rest)

    def _predict(self) -> Logits:
        logits = np.full(self.vocabulary, -9.0, dtype=np.float32)
        first, second = self._words
        if second in self._ids:
            said = len(self._ids) - self._ids.index(second) - 1
            logits[self._rest[said] if said < len(self._rest) else 0] = 9.0
        elif first in self._ids:
            logits[spelled(b" a", b" in", b" is", b" not", b" x")] = 1.0
            if self._ids[-1] != first:
                logits[0] = 9.0
        else:
            logits[first], logits[second] = 3.0, 2.7
        return logits


def branching() -> Decoder:
    first, second = spelled(b"self", b"value")
    return Decoder(
        Branching(first, second, [*tokenizer().encode(" + 1"), *spelled(b"\n")]), tokenizer(), ENDS
    )


def test_a_likelier_line_that_begins_with_a_less_likely_word_is_found() -> None:
    """The likeliest first token is not the beginning of the likeliest line; the other one is kept as second choice."""
    message = Complete(1, (BEGIN,), Stop(), 40, 1000)
    finished = complete(branching(), message)
    assert finished.text == "value + 1"
    assert [other.text[:4] for other in finished.others] == ["self"]
    assert sum(step.logprob for step in finished.steps) > sum(
        step.logprob for step in finished.others[0].steps
    )


def test_without_candidates_the_likeliest_token_is_always_taken() -> None:
    """As a benchmark asks for it; blocks are never searched."""
    parts = (BEGIN,)
    for message in (
        Complete(1, parts, Stop(), 40, 1000, without=("candidates",)),
        Complete(1, parts, Stop("block", indent=-1), 40, 1000),
    ):
        finished = complete(branching(), message)
        assert finished.text.startswith("self")
        assert finished.others == ()


def test_the_cache_is_right_after_a_search() -> None:
    """Whatever was tried last, the next prompt is answered as if nothing had been."""
    decoder = branching()
    message = Complete(1, (BEGIN,), Stop(), 40, 1000)
    assert complete(decoder, message).text == complete(decoder, message).text == "value + 1"
    assert decoder.cached == decoder.engine._ids  # type: ignore[attr-defined]


def test_parts_of_decoding_can_be_left_out() -> None:
    """Without healing the half-typed word's own tokens stand; without the memory nothing of it is said."""
    decoder, _ = fake()
    decoder.memory.remember("own", [tokenizer().encode("zebra.graze(1)\n" * 3)])
    decoder.memory.learn([("other", [tokenizer().encode("okapi.hide(2)\n" * 3)])])

    def said(typed: str, *without: Stage) -> str:
        message = msgspec.structs.replace(complete_message(typed), document="own", without=without)
        return complete(decoder, message).text

    assert said("x = zebra.gr") == "aze(1)"
    assert said("x = zebra.gr", "memory") != "aze(1)"
    assert said("x = okapi.hi") == "de(2)"
    assert said("x = okapi.hi", "workspace") != "de(2)"
    assert said("x = zebra.gr", "workspace") == "aze(1)"
    healed, whole = (decoder.prompt_ids(prompt("x resul"), healing=healing) for healing in (True, False))
    assert (healed[1], whole[1]) == (b" resul", b"")
    assert whole[0][-1] != healed[0][-1]
