"""The pipeline over a worker that says what a test wants: which of several candidates is shown, and how much of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from lsp_server.base.config import Config
from lsp_server.completion import snapshot as snapshots
from lsp_server.completion import startup
from lsp_server.completion.cachefile import Keeper
from lsp_server.completion.pipeline import complete, speculate
from lsp_server.completion.session import Session
from lsp_server.completion.trace import Trace
from lsp_server.completion.types import Gathered, Snippet
from lsp_server.engine.messages import Finished, Step, Stop, Written
from lsp_server.models import store
from lsp_server.models.manifest import Pieces

URI = "file:///a/b.py"


class Saying:
    """A worker that has one answer."""

    def __init__(self, finished: Finished) -> None:
        self.finished = finished
        self.asked = 0
        self.stop: Stop | None = None
        self.speculative: list[bool] = []

    async def complete(self, _parts: Any, stop: Stop, *_arguments: Any, **named: Any) -> Finished:
        self.asked += 1
        self.stop = stop
        self.speculative.append(named["speculative"])
        named["on_end"](self.finished)
        return self.finished

    def remember(self, document: str, pieces: tuple[str, ...]) -> None:
        """Take no notice."""


def written(text: str, *logprobs: float) -> Written:
    """A text of as many tokens as there are log-probabilities, all at its end but for the lines."""
    ends = [at + 1 for at, character in enumerate(text) if character == "\n"][1:]
    ends = (ends + [len(text)] * len(logprobs))[: len(logprobs)]
    return Written(text, tuple(Step(end, logprob) for end, logprob in zip(ends, logprobs, strict=True)))


def session(*candidates: Written, **settings: Any) -> Session:
    first, *others = candidates
    session = Session(Config(**settings))
    session.model = store.find("small")
    session.started.set()
    finished = Finished(1, first.text, "line", first.steps, tuple(others), tokens=3)
    session.worker = cast("Any", Saying(finished))
    return session


async def ask(session: Session, text: str, *, invoked: bool = False) -> tuple[str | None, Trace]:
    """What is suggested at the end of a text, and the request's course."""
    document = session.documents.open(URI, "python", 0, text)
    line = len(document.lines) - 1
    snapshot = snapshots.take(
        document, session.grammar("python"), line, len(document.lines[-1]), invoked=invoked
    )
    trace = Trace(1, snapshot.path, line + 1, 1, "inline")
    suggestion = await complete(session, snapshot, trace)
    return suggestion.text if suggestion else None, trace


async def test_speculation_says_so() -> None:
    """The worker computes at low priority what nobody waits for, and only that; what it wrote is counted apart."""
    one = session(written("values)", -0.1))
    await ask(one, "def f(values):\n    return len(")
    document = one.documents.open(URI + "2", "python", 0, "def g(values):\n    return len(")
    snapshot = snapshots.take(document, one.grammar("python"), 1, 15, invoked=False)
    await speculate(one, snapshot, "lookahead")
    assert cast("Any", one.worker).speculative == [False, True]
    assert one.metrics.counts.tokens == {"asked": 3, "lookahead": 3}


async def test_the_likeliest_that_passes_the_filters_is_shown() -> None:
    """What breaks the syntax or names what does not exist gives way to the next, whose own probability counts."""
    better, worse = written("values))", -0.1), written("values)", -0.5)
    text, trace = await ask(session(better, worse), "def f(values):\n    return len(")
    assert text == "values)"
    assert any(step["outcome"] == "dropped" or step["filter"] == "closers" for step in trace.filters)

    text, trace = await ask(session(written("vlaues)", -0.1), worse), "def f(values):\n    return len(")
    assert (text, trace.features["worst"]) == ("values)", -0.5)
    assert [step["filter"] for step in trace.filters if step["outcome"] == "dropped"] == ["names"]


async def test_of_a_block_only_the_sure_lines_are_shown() -> None:
    """The first lines may be certain where the last is a guess; asked for explicitly the sure ones are shown, too."""
    text = "\n    first = value\n    second = value\n    third = value"
    block = written(text, -0.01, -0.02, -9.0)
    for invoked in (False, True):
        shown, trace = await ask(session(block), "def f(value):", invoked=invoked)
        assert shown == "\n    first = value\n    second = value"
        assert trace.sure


@pytest.mark.parametrize("mode", ["quiet", "balanced", "eager"])
async def test_what_nobody_is_sure_of_is_shown_only_when_asked_for(mode: str) -> None:
    """In every mode; the reason says how sure one was."""
    unsure = written("values)", -7.0)
    text, trace = await ask(session(unsure, mode=mode), "def f(values):\n    return len(")
    assert text is None
    assert f"'{mode}' shows from" in trace.reason
    text, _ = await ask(session(unsure, mode=mode), "def f(values):\n    return len(", invoked=True)
    assert text == "values)"


async def test_typing_along_the_second_best_asks_the_model() -> None:
    """Only the likeliest is taken for what the user is writing; where he writes something else it is asked anew."""
    both = session(written("alpha)", -0.2), written("beta)", -1.0))
    head = "def f(alpha, beta):\n    return len("
    assert (await ask(both, head))[0] == "alpha)"
    worker = cast("Saying", both.worker)
    assert (await ask(both, head + "al"))[0] == "pha)"
    assert worker.asked == 1
    await ask(both, head + "be")
    assert worker.asked == 2


@pytest.mark.parametrize(
    ("said", "before", "typed", "left"),
    [
        (("    return len(values)",), "def f(values):\n    ", "ret", "urn len(values)"),
        ((" len(values)",), "def f(values):\n    return ", "le", "n(values)"),
        (("vlaues)", "values)"), "def f(values):\n    return len(", "val", "ues)"),
        (("\n        return values",), "class A:\n\tdef f(values):", "\n\t\tret", "urn values"),
    ],
)
async def test_what_is_shown_is_typed_through(
    said: tuple[str, ...], before: str, typed: str, left: str
) -> None:
    """Also where filters have taken away its front, or have dropped what was likelier; as sure as before."""
    one = session(*(written(text, -0.1) for text in said))
    shown, first = await ask(one, before)
    again, second = await ask(one, before)
    assert shown == again == typed + left
    assert (first.confidence, second.source) == (second.confidence, "cache")
    assert (await ask(one, before + typed))[0] == left
    assert cast("Saying", one.worker).asked == 1


async def test_a_users_model_is_asked_in_its_own_way() -> None:
    """One that was not trained to fill in the middle writes no blocks; one that names no languages knows all."""
    asking = session(written(" return value", -0.1))
    assert asking.model is not None
    for template, kind in (("offhand", "block"), ("plain", "line")):
        manifest = msgspec.structs.replace(asking.model.manifest, template=template, languages=())
        asking.model = msgspec.structs.replace(asking.model, manifest=manifest)
        asking.cache.clear()
        _, trace = await ask(asking, "def f(value):", invoked=True)
        stop = cast("Saying", asking.worker).stop
        assert stop is not None
        assert stop.kind == kind
        assert trace.features["known_language"] == 1.0


async def test_a_model_of_an_unknown_family_is_said_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, with what to do, and not at every key; the memory then answers alone."""
    monkeypatch.setattr(startup, "WorkerClient", lambda load, **_more: load)
    starting = Session(Config())
    model = store.find("small")
    strange = msgspec.structs.replace(
        model, manifest=msgspec.structs.replace(model.manifest, template="gwen")
    )
    await startup.start_engine(starting, lambda: None, strange)
    assert "template 'gwen' is unknown" in starting.trouble
    assert cast("Any", starting.worker).engine == "memory"


HEAD = "import decimal\n\n\ndef f(values):\n    return len("


async def test_what_an_earlier_session_computed_answers(tmp_path: Path) -> None:
    """As it did then: the same text, and the gate is as sure of it; no model is asked."""
    first = session(written("values)", -0.1))
    keeper = Keeper(tmp_path / "completions", first.cache)
    before, then = await ask(first, HEAD)
    keeper.save()
    second = session(written("nothing)", -0.1))
    Keeper(tmp_path / "completions", second.cache).load()
    after, now = await ask(second, HEAD)
    assert (before, then.source) == ("values)", "model")
    assert (after, now.source) == (before, "disk")
    assert (now.confidence, now.features) == (then.confidence, then.features)
    assert (await ask(second, HEAD + "val"))[0] == "ues)"
    assert cast("Saying", second.worker).asked == 0


@pytest.mark.parametrize(("ignored", "engine"), [(True, "auto"), (False, "http"), (False, "auto")])
async def test_what_must_not_be_kept_is_not(tmp_path: Path, ignored: bool, engine: str) -> None:
    """Nothing of a file that is ignored or holds secrets, nor what a server wrote, whose model has no fingerprint."""
    one = session(written("values)", -0.1), engine=engine)
    keeper = Keeper(tmp_path / "completions", one.cache)
    one.ignored[URI] = ignored
    await ask(one, HEAD)
    keeper.save()
    assert (tmp_path / "completions").exists() == (not ignored and engine == "auto")


def other_model(one: Session, **about: Any) -> None:
    """Another manifest than before."""
    assert one.model is not None
    one.model = msgspec.structs.replace(
        one.model, manifest=msgspec.structs.replace(one.model.manifest, **about)
    )


def other_file(one: Session) -> None:
    assert one.model is not None
    other_model(one, model=msgspec.structs.replace(one.model.manifest.model, sha256="0" * 64))


def settings(one: Session, **settings: Any) -> None:
    one.config = msgspec.structs.replace(one.config, **settings)


PIECE = Snippet("/a/c.py", "x = 1\n" * 20, "names", 1.0, 150)

#: A text of which no prompt shows the first lines, nor the last.
LONG = "import decimal\n\n\ndef first(values):\n" + "    values.append(decimal)\n" * 200 + "    return len("


@pytest.mark.parametrize(
    ("change", "text", "asked"),
    [
        (lambda one: None, HEAD, 1),
        (other_file, HEAD, 2),
        (lambda one: other_model(one, template="plain"), HEAD, 2),
        (lambda one: other_model(one, prompt_tokens=500), HEAD, 2),
        (lambda one: other_model(one, pieces=Pieces(0.0, 0.0)), HEAD, 1),
        (lambda one: settings(one, engine="ctransformers"), HEAD, 2),
        (lambda one: settings(one, multiline="never"), HEAD, 2),
        (lambda one: settings(one, mode="eager", comments=False), HEAD, 1),
        (lambda one: one.gathered.update({URI: Gathered(snippets=(PIECE,))}), HEAD, 1),
        (lambda one: one.gathered.update({URI: Gathered(snippets=(PIECE,))}), LONG, 1),
        (lambda one: None, LONG, 1),
        (lambda one: None, LONG.replace("import decimal", "import deximal", 1), 2),
        (lambda one: None, LONG.replace("first(values)", "fixed(values)", 1), 2),
        (lambda one: None, LONG.replace("decimal)\n", "deximal)\n", 1), 1),
    ],
)
async def test_an_answer_counts_where_nothing_is_different_that_shaped_it(
    change: Callable[[Session], None], text: str, asked: int
) -> None:
    """The model, how much it sees, what the prompt says of what lies above; not what only decides what is shown, not
    the pieces of other files, and not what no prompt shows."""
    one = session(written("values)", -0.1))
    await ask(one, LONG if "append" in text else HEAD)
    change(one)
    await ask(one, text)
    assert cast("Saying", one.worker).asked == asked


@pytest.mark.parametrize(("far", "asked"), [(700, 2), (2_000, 1)])
async def test_the_text_behind_counts_as_far_as_it_is_seen(far: int, asked: int) -> None:
    """The bundled model sees 900 characters of it."""
    one = session(written("values)", -0.1))
    for character in "ab":
        behind = "\n" + ("#" * 49 + "\n") * 60
        behind = behind[:far] + character + behind[far + 1 :]
        document = one.documents.open(URI, "python", 0, HEAD + behind)
        snapshot = snapshots.take(document, one.grammar("python"), 4, 15)
        await complete(one, snapshot, Trace(1, snapshot.path, 1, 1, "inline"))
    assert cast("Saying", one.worker).asked == asked
