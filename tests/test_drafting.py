"""Drafts and kept caches change how much is evaluated, never what is said."""

import time
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shipped import MODEL, complete_message, load_message, prompt, tokenizer

from lsp_server.base.errors import EngineError
from lsp_server.base.machine import Memory, memory
from lsp_server.engine import kept as keeping
from lsp_server.engine.backends.fake import Fake
from lsp_server.engine.decoder import Decoder
from lsp_server.engine.decoding import complete
from lsp_server.engine.drafting import MOST, Cost, Drafting, Trust
from lsp_server.engine.kept import Kept
from lsp_server.engine.messages import Complete, Finished, Partial, Stop
from lsp_server.engine.protocol import Logits

ENDS = MODEL.manifest.end_tokens
BLOCK = Stop("block", indent=0)
SEEN = """\
def total(values):
    result = 0
    for value in values:
        result += value
    return result


def draw(canvas, colour):
    canvas.fill(colour)
    canvas.line(0, 0, canvas.width, canvas.height)
    return canvas


"""
#: What is typed: some of it was seen before, some goes on otherwise, some was never seen.
TYPED = (
    "def total(val",
    "def draw(canvas, colour):",
    "    for value in ",
    "zebra",
    "def total(values):\n",
    "",
)


class Counting(Fake):
    """Remembers how many tokens each evaluation had."""

    def __init__(self) -> None:
        super().__init__(tokenizer().vocabulary, 512, end=0)
        self.batches: list[int] = []

    def _take(self, ids: Sequence[int], keep: int) -> None:
        super()._take(ids, keep)
        self.batches.append(len(ids))


class Eager(Drafting):
    """Drafts as much as it may, whatever it costs."""

    def __init__(self) -> None:
        super().__init__()
        self.trust.of = lambda least: 1.0  # type: ignore[method-assign]
        self.cost.of = lambda tokens: 1.0  # type: ignore[method-assign]


def decoder(engine: Fake | None = None, *, eager: bool = True) -> Decoder:
    made = Decoder(engine or Counting(), tokenizer(), ENDS)
    made.memory.remember("seen", [tokenizer().encode(SEEN)])
    if eager:
        made.drafting = Eager()
    return made


def plain(message: Complete) -> Complete:
    return msgspec.structs.replace(message, without=("drafts",))


def outcome(finished: Finished) -> Finished:
    return msgspec.structs.replace(finished, prompt_ms=0.0, decode_ms=0.0, reused_tokens=0)


# --- drafts


@pytest.mark.parametrize("typed", TYPED)
@pytest.mark.parametrize("stop", [Stop(), BLOCK], ids=["line", "block"])
@pytest.mark.parametrize("most", [3, 9, 40])
def test_drafts_change_nothing_but_the_number_of_evaluations(typed: str, stop: Stop, most: int) -> None:
    """Text, certainty of each token, second choices, what is streamed and how it ends."""
    message = complete_message("x = 1\n" + typed, stop, max_tokens=most)
    said: list[tuple[Finished, list[Partial]]] = []
    for question in (message, plain(message)):
        streamed: list[Partial] = []
        said.append((outcome(complete(decoder(), question, on_partial=streamed.append)), streamed))
    assert said[0] == said[1]


def test_what_is_copied_takes_few_evaluations() -> None:
    """A body that was seen before is evaluated in a few batches, and the cache then holds what was said."""
    engine = Counting()
    drafting = decoder(engine)
    finished = complete(drafting, complete_message("x = 1\ndef draw(canvas, colour):", BLOCK))
    assert finished.text.startswith("\n    canvas.fill(colour)\n    canvas.line(0, 0,")
    assert finished.tokens > 20
    assert len(engine.batches) < 10
    assert max(engine.batches[1:]) <= MOST + 1
    assert drafting.drafting.taken > 15
    assert drafting.cached == engine._ids[: len(drafting.cached)]


def test_a_draft_ends_where_the_completion_does() -> None:
    """Nothing is evaluated that cannot be said any more: behind the line's end, the block's, and the limit."""
    for stop, most in ((Stop(), 40), (BLOCK, 40), (BLOCK, 5)):
        one = decoder()
        complete(one, complete_message("x = 1\ndef draw(canvas, colour", stop, max_tokens=most))
        assert one.drafting.drafted == one.drafting.taken > 0


def test_what_is_typed_is_not_drafted_over() -> None:
    """While the typed characters are not spelled they decide, not the memory."""
    for end in range(1, len("canvas.fill")):
        message = complete_message("    " + "canvas.fill"[:end])
        assert outcome(complete(decoder(), message)) == outcome(complete(decoder(), plain(message)))


def test_a_cancel_between_drafted_tokens_ends_it() -> None:
    """It is asked before each token, evaluated or drafted; the next request is answered as if nothing had been."""
    one, calls = decoder(), 0

    def cancelled() -> bool:
        nonlocal calls
        calls += 1
        return calls > 6

    message = complete_message("x = 1\ndef draw(canvas, colour):", BLOCK)
    assert complete(one, message, cancelled=cancelled).reason == "cancelled"
    assert (calls, one.drafting.drafted > one.drafting.taken) == (7, True)
    assert outcome(complete(one, message)) == outcome(complete(decoder(), plain(message)))


def test_an_abort_within_a_draft_leaves_the_cache_right() -> None:
    """As with any other evaluation."""
    engine = Counting()
    one, message = decoder(engine), complete_message("x = 1\ndef draw(canvas, colour):", BLOCK)

    def rows(ids: Sequence[int], keep: int) -> Logits:
        engine.abort()
        return Fake.evaluate_all(engine, ids, keep)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "evaluate_all", rows)
        assert complete(one, message).reason == "cancelled"
    assert one.cached == engine._ids
    engine.resume()
    assert outcome(complete(one, message)) == outcome(complete(decoder(), plain(message)))


def test_an_engine_without_rows_gets_none() -> None:
    """Where only the last row is to be had, tokens come one by one."""
    engine = Counting()
    engine.capabilities = msgspec.structs.replace(Fake.capabilities, all_rows=False)
    finished = complete(decoder(engine), complete_message("x = 1\ndef draw(canvas, colour):", BLOCK))
    assert len(engine.batches) >= finished.tokens


def sure(further: float) -> Drafting:
    """One that has measured that a batch costs hardly more than a single token up to a size, or much more."""
    drafting = Drafting()
    for tokens in (1, 1, 1, 4, 8, 16) * 8:
        drafting.cost.note(tokens, tokens, 1.0 if tokens == 1 else 1.0 + further * (tokens - 1))
    return drafting


def certain(_tokens: Sequence[int]) -> tuple[int, float]:
    return 7, 0.9


def test_it_drafts_only_where_that_was_measured_to_pay() -> None:
    """Batches that cost as much as their tokens one by one are not made, cheap ones are as long as they may be."""
    assert sure(1).draft(5, certain, 9) == []
    cheap = sure(0)
    assert cheap.cost.of(8) < 1.5
    assert cheap.draft(5, certain, 9) == [7] * 9
    assert cheap.draft(5, certain, 0) == []
    assert cheap.draft(5, lambda tokens: (7, 0.9) if len(tokens) < 2 else (-1, 0.0), 9) == [7] * 2


def test_it_learns_whom_to_believe() -> None:
    """What turned out wrong again and again is drafted no more, what turned out right is."""
    drafting = sure(0.2)
    doubtful = 0.1
    before = drafting.trust.of(doubtful)
    for place in range(200):
        drafting.draft(place, lambda tokens: (7, doubtful), 1)
        drafting.chosen(place, 8)
    assert drafting.trust.of(doubtful) < 0.1 < before
    assert drafting.draft(0, lambda tokens: (7, doubtful), 3) == []
    for place in range(2000):
        drafting.draft(place, lambda tokens: (7, doubtful), 1)
        drafting.chosen(place, 7)
    assert drafting.trust.of(doubtful) > 0.8


def test_a_token_at_another_place_teaches_nothing() -> None:
    """A path that was given up for another says nothing about what was expected of it."""
    drafting = sure(0)
    before = [drafting.trust.of(least) for least in (0.0, 0.9)]
    drafting.draft(10, certain, 5)
    drafting.chosen(4, 7)
    drafting.chosen(10, 8)
    assert [drafting.trust.of(least) for least in (0.0, 0.9)] == before


def test_the_usual_trust_grows_with_what_the_memory_gives() -> None:
    """The numbers to begin with are in order."""
    values = [Trust().of(least) for least in (0.0, 0.03, 0.1, 0.25, 0.4, 0.6)]
    assert values == sorted(values)


def test_what_a_batch_costs_is_measured() -> None:
    """From prompts alone, which give one row, and better from drafts, which give all."""
    cost = Cost()
    cost.note(8, 8, 0.1)  # before a single token was timed nothing can be said
    assert cost.of(8) == Cost().of(8)
    for _ in range(20):
        for tokens in (1, 3, 6, 12):
            cost.note(tokens, 1, 0.01 if tokens == 1 else 0.01 * (0.5 + 0.2 * tokens))
    assert 1.5 < cost.of(8) < 4
    for _ in range(20):
        for tokens in (1, 3, 6, 12):
            cost.note(tokens, tokens, 0.01 if tokens == 1 else 0.01 * (0.5 + 0.4 * tokens))
    assert cost.of(8) == pytest.approx(0.5 + 0.4 * 8, rel=0.1)
    cost.note(100, 1, 0.5)
    assert cost.prompt_token == 0.005


@pytest.mark.slow
def test_with_a_real_network_drafts_change_no_text() -> None:
    """The model that ships, in llama.cpp: kernels round a batch differently, which is less than what decides."""
    from lsp_server.engine import opening
    from lsp_server.engine.backends.absent import Absent

    message = load_message("llama_cpp")
    alone = Decoder(Absent(tokenizer().vocabulary, 512), tokenizer(), ENDS)
    engine, name, _ = opening.open_engine(message, alone)
    assert name == "llama_cpp"
    one = decoder(engine)  # type: ignore[arg-type]
    for typed in TYPED:
        for stop in (Stop(), BLOCK):
            question = complete_message("import os\n\n" + typed, stop)
            drafted, single = complete(one, question), complete(one, plain(question))
            assert drafted.text == single.text
            assert [step.logprob for step in drafted.steps] == pytest.approx(
                [step.logprob for step in single.steps], abs=0.1
            )
    assert one.drafting.taken > 20
    engine.close()


# --- kept caches


ROOMY = Memory(16 << 30, 8 << 30)


def keeper(engine: Fake, budget: int = 1 << 20) -> Decoder:
    """Keeps whatever is more than a few tokens."""
    one = decoder(engine, eager=False)
    one.kept = Kept(budget, lambda: ROOMY)
    pays(one, 1.0)
    return one


def pays(one: Decoder, per_token: float) -> None:
    """Have it believe that a token of a prompt takes so many seconds, whatever it measures."""
    one.drafting.cost.prompt_token = per_token
    one.drafting.cost.note = lambda tokens, rows, seconds: None  # type: ignore[method-assign]


def about(document: str, text: str) -> Complete:
    return msgspec.structs.replace(complete_message(text, max_tokens=12), document=document)


def test_going_back_to_a_file_costs_no_evaluation() -> None:
    """Its prompt is taken up where it was left, though another document's stood in the cache meanwhile."""
    one = keeper(Counting())
    first, second = "alpha = 1\n" * 20 + "def total(val", "beta = 2\n" * 20 + "def draw(canvas, col"
    complete(one, about("a", first))
    assert complete(one, about("b", second)).reused_tokens < 10
    assert one.kept.documents == ("a",)
    back = complete(one, about("a", first + "ues"))
    assert back.prompt_tokens - back.reused_tokens <= 3
    assert one.kept.documents == ("b",)
    again = complete(one, about("b", second))
    assert again.prompt_tokens - again.reused_tokens == 1
    assert one.kept.restored == 2


@pytest.mark.parametrize("cancelled", [False, True])
def test_to_prefill_another_file_costs_the_first_nothing(cancelled: bool) -> None:
    """What a tab that only came to the front would need takes no cache away from the file that is written in, nor does
    it lose what was evaluated before somebody typed again."""
    engine = Counting()
    one = keeper(engine)
    texts = {"a": "alpha = 1\n" * 20 + "def total(val", "b": "beta = 2\n" * 20 + "def draw(canvas, col"}
    complete(one, about("a", texts["a"]))
    begun = len(engine.batches)
    ahead = msgspec.structs.replace(about("b", texts["b"]), max_tokens=0)
    done = complete(one, ahead, cancelled=lambda: cancelled and len(engine.batches) > begun)
    evaluated = sum(engine.batches[begun:])
    assert 0 < evaluated <= done.prompt_tokens
    back = complete(one, about("a", texts["a"] + "u"))
    assert back.prompt_tokens - back.reused_tokens <= 3
    there = complete(one, about("b", texts["b"]))
    assert there.reused_tokens >= min(evaluated, there.prompt_tokens - 1)


def test_looking_ahead_in_a_file_keeps_nothing() -> None:
    """Prompts about one document follow one another in one cache, as long as what they drop is what was written."""
    one = keeper(Counting())
    for text in ("alpha = 1\n" * 20, "alpha = 1\n" * 20 + "beta = 2\n" * 9, "alpha = 1\n" * 10):
        complete(one, about("a", text))
    assert one.kept.documents == ()


def test_a_prompt_that_begins_otherwise_takes_the_other_nothing() -> None:
    """Where the window moves on, work ahead evaluates the new one; back and forth between both costs copies only, and
    two of the same are not kept."""
    one = keeper(Counting())
    first, second = "alpha = 1\n" * 50, "beta = 2\n" * 50
    complete(one, about("a", first))
    complete(one, about("a", second))
    for text in (first + "al", second + "be", first + "alp", second + "bet"):
        back = complete(one, about("a", text))
        assert back.prompt_tokens - back.reused_tokens <= 3
        assert one.kept.documents == ("a",)


def test_a_cache_is_kept_only_where_that_pays() -> None:
    """Not for a few tokens, not before it is known what a token takes, and not where copying takes as long."""
    for per_token, kept in ((0.0, ()), (1e-7, ()), (1.0, ("a",))):
        one = keeper(Counting())
        pays(one, per_token)
        complete(one, about("a", "alpha = 1\n" * 20))
        complete(one, about("b", "beta = 2\n"))
        assert one.kept.documents == kept


def test_what_was_left_longest_ago_goes_first() -> None:
    """Within the budget, which what does not fit into by itself never enters."""
    one = keeper(Counting())
    for name in "abcdefghijkl":
        complete(one, about(name, f"{name} = 1\n" * 20))
    assert one.kept.documents == tuple("defghijk")
    size = one.kept.size // 8
    small = keeper(Counting(), budget=int(size * 2.5))
    for name in "abcde":
        complete(small, about(name, f"{name} = 1\n" * 20))
    assert small.kept.documents == ("c", "d")
    none = keeper(Counting(), budget=size // 2)
    for name in "abc":
        complete(none, about(name, f"{name} = 1\n" * 20))
    assert none.kept.documents == ()


def test_where_memory_is_short_nothing_is_kept() -> None:
    """What was kept goes as soon as the machine needs its memory."""
    one, left = keeper(Counting()), ROOMY
    one.kept = Kept(1 << 20, lambda: left)
    complete(one, about("a", "alpha = 1\n" * 20))
    complete(one, about("b", "beta = 2\n" * 20))
    assert one.kept.documents == ("a",)
    left = Memory(16 << 30, 1 << 20)
    complete(one, about("b", "beta = 2\n" * 20))
    assert one.kept.documents == ()
    complete(one, about("c", "gamma = 3\n" * 20))
    assert one.kept.documents == ()


def test_a_snapshot_that_is_refused_costs_an_evaluation_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither taking nor giving it back may fail a request."""
    engine = Counting()
    one = keeper(engine)

    def refuse(*_: object) -> bytes:
        raise EngineError("damaged")

    texts = {"a": "alpha = 1\n" * 20 + "def total(val", "b": "beta = 2\n" * 20}
    complete(one, about("a", texts["a"]))
    complete(one, about("b", texts["b"]))
    monkeypatch.setattr(engine, "restore", refuse)
    assert complete(one, about("a", texts["a"])).text == "ues):"
    monkeypatch.setattr(engine, "snapshot", refuse)
    assert complete(one, about("b", texts["b"])).error == ""


def test_the_budget_follows_the_machine() -> None:
    """A share of its memory, within bounds; where that is unknown the least."""
    sizes = [
        Kept(None, lambda total=total: Memory(total))._budget >> 20
        for total in (0, 1 << 32, 1 << 33, 1 << 40)
    ]  # type: ignore[misc]
    assert sizes == [32, 64, 128, 256]
    now = memory()
    assert now.total == 0 or now.total > 1 << 26
    assert now.available is None or now.available <= now.total
    assert keeping.common((1, 2, 3), (1, 2, 4)) == 2


WORDS = st.sampled_from(
    ("alpha = 1\n", "def total(val", "ues):\n", "    canvas.fill(col", "zebra", "\n", " ")
)
TEXTS = st.lists(WORDS, min_size=1, max_size=8).map("".join)
REQUESTS = st.tuples(
    st.sampled_from("abcd"), TEXTS, st.sampled_from(("whole", "cancel", "late", "abort", "block"))
)


@given(st.lists(REQUESTS, min_size=1, max_size=10), st.sampled_from((0, 600, 1 << 20)))
@settings(max_examples=40, deadline=None)
def test_whatever_was_asked_before_the_text_is_the_same(
    requests: list[tuple[str, str, str]], budget: int
) -> None:
    """Documents in any order, edits, cancels, time that is over, aborts, caches kept and restored, drafts: what is
    said is what a decoder says that was never asked anything."""
    engine = Counting()
    one = keeper(engine, budget)
    one.drafting.trust.of = lambda least: 1.0  # type: ignore[method-assign]
    one.drafting.cost.of = lambda tokens: 1.0  # type: ignore[method-assign]
    for document, text, how in requests:
        message = msgspec.structs.replace(about(document, text), stop=BLOCK if how == "block" else Stop())
        asked = iter(range(1000))
        if how == "cancel":
            complete(one, message, cancelled=lambda asked=asked: next(asked) > 2)  # type: ignore[misc]
        elif how == "late":
            complete(one, message, deadline=time.monotonic())
        elif how == "abort":
            engine.abort()
            complete(one, message)
            engine.resume()
        else:
            fresh = Decoder(Fake(engine.vocabulary, engine.context, end=0), tokenizer(), ENDS, one.memory)
            assert outcome(complete(one, message)) == outcome(complete(fresh, plain(message)))
        assert one.cached == engine._ids[: len(one.cached)]


def test_the_prompt_is_what_a_snapshot_is_found_by() -> None:
    """Another document whose prompt begins alike takes a copy; the first keeps its own."""
    one = keeper(Counting())
    ids, _ = one.prompt_ids(prompt("alpha = 1\n" * 20))
    complete(one, about("a", "alpha = 1\n" * 20))
    complete(one, about("b", "beta = 2\n" * 20))
    third = complete(one, about("c", "alpha = 1\n" * 20 + "gamma"))
    assert third.reused_tokens >= len(ids) - 1
    assert one.kept.documents == ("a", "b")
