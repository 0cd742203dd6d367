"""Computing ahead: which questions, in which order, and when it stops."""

import asyncio
from typing import Any, cast

from lsp_server.base.config import Config
from lsp_server.base.text import content
from lsp_server.completion import snapshot as snapshots
from lsp_server.completion.cache import Entry, Found, Place
from lsp_server.completion.pipeline import complete, heed
from lsp_server.completion.session import Session
from lsp_server.completion.speculation import working
from lsp_server.completion.speculation.ahead import Outcome, Question, Target
from lsp_server.completion.speculation.targets import targets
from lsp_server.completion.trace import Trace
from lsp_server.completion.types import Candidate, Snapshot, Suggestion
from lsp_server.context.languages import Grammars
from lsp_server.engine.messages import Finished, Step
from lsp_server.models import store
from lsp_server.workspace.documents import Documents
from tests.cases import CURSOR, Case, parametrize

URI = "file:///project/sample.py"


def shown(target: Target) -> str:
    """A target as the cases write it."""
    snapshot = target.snapshot
    line = content(snapshot.lines[snapshot.line])
    return f"{target.origin} | {line[: snapshot.column]}{CURSOR}{line[snapshot.column :]}"


def suggestion(text: str, replace: int = 0) -> Suggestion:
    return Suggestion(text, replace, "model", 1)


def question(case: Case) -> tuple[Question, Found | None]:
    text, offset = case.cursor()
    before = text[:offset]
    line, column = before.count("\n"), len(before) - before.rfind("\n") - 1
    if "crlf" in case.sections:
        text = text.replace("\n", "\r\n")
    grammar = Grammars().load("python")
    document = Documents().open(URI, "python", 0, text)
    snapshot: Snapshot = snapshots.take(document, grammar, line, column)
    branches = tuple((name, float(value)) for name, value in case.values("branches").items())
    entry = Entry((Candidate("..."),), "asked", URI, 0, branches)
    found = Found(entry, case.sections.get("typed", ""))
    if "unasked" in case.sections:
        return Question(snapshot), found
    says = case.sections.get("suggestion")
    answer = suggestion(says, int(case.sections.get("replace", "0"))) if says else None
    asked = Question(
        snapshot, Place(before, "", ""), answer, "complete" in case.sections, "unsettled" in case.sections
    )
    return asked, None if "late" in case.sections else found


@parametrize("speculation")
def test_targets(case: Case) -> None:
    """Each case says what is computed, in its order, given what became of what was computed before."""
    asked, found = question(case)
    level = case.sections.get("level", "normal")
    says = [line for line in case.sections.get("next", "").split("\n") if line]
    outcomes: dict[tuple[object, ...], Outcome] = {}
    done: list[str] = []
    while True:
        every = targets(
            asked,
            level,
            lambda target: outcomes.get(target.key),
            found,
            Grammars().load("python"),
            lambda snapshot: snapshot.line // int(case.sections.get("edge", "1000")),
        )
        target = next((one for one in every if one.key not in outcomes), None)
        if target is None:
            break
        done.append(shown(target))
        said = says.pop(0) if says and target.origin == "lookahead" else ""
        complete = said == "(complete)"
        outcomes[target.key] = Outcome(suggestion(said) if said and not complete else None, complete)
    assert done == [line for line in case.sections["expect"].split("\n") if line]


# --- when it works


class Slow:
    """A worker that writes what the text after ``SAYS`` tells, and as fast as the test lets it."""

    loaded = True
    learnt = None

    def __init__(self, says: dict[str, str]) -> None:
        self.says = says
        self.asked: list[tuple[str, bool]] = []
        self.ended: list[str] = []
        self.go = asyncio.Event()

    async def complete(self, parts: Any, *_arguments: Any, speculative: bool, **_named: Any) -> Finished:
        line = parts[-1].text.rpartition("\n")[2]
        self.asked.append((line, speculative))
        try:
            if speculative:
                await self.go.wait()
        except asyncio.CancelledError:
            self.ended.append(line)
            raise
        text = self.says.get(line, "")
        return Finished(1, text, "line", (Step(len(text), -0.01),))

    def remember(self, document: str, pieces: tuple[str, ...]) -> None:
        """Take no notice."""


class At:
    """A session whose user is at the end of a document."""

    def __init__(self, text: str, says: dict[str, str], **settings: Any) -> None:
        self.session = Session(Config(**settings))
        self.session.without = frozenset(("manners", "filters"))
        self.session.model = store.find("small")
        self.session.started.set()
        self.worker = Slow(says)
        self.session.worker = cast("Any", self.worker)
        self.text = text

    def snapshot(self) -> Snapshot:
        document = self.session.documents.open(URI, "python", 0, self.text)
        line = len(document.lines) - 1
        return snapshots.take(document, self.session.grammar("python"), line, len(document.lines[-1]))

    async def type(self, text: str) -> tuple[str | None, str]:
        """Type, ask as the handlers do, and say what was shown and where it came from."""
        self.text += text
        snapshot = self.snapshot()
        trace = Trace(1, snapshot.path, 1, 1, "inline")
        heed(self.session, snapshot)
        answer = await complete(self.session, snapshot, trace)
        working.after(self.session, snapshot, answer, trace)
        await asyncio.sleep(0.02)
        return (answer.text if answer else None), trace.source

    async def rest(self) -> None:
        """Let what is computed ahead come to its end."""
        self.worker.go.set()
        assert self.session.ahead.task is not None
        await self.session.ahead.task


async def test_typing_along_lets_the_work_go_on() -> None:
    """The cache answers and needs no engine; what follows acceptance stays the same, and is computed once."""
    user = At("x = ", {"x = ": "alpha + beta"})
    assert await user.type("") == ("alpha + beta", "model")
    assert await user.type("al") == ("pha + beta", "cache")
    await user.rest()
    ahead = [line for line, speculative in user.worker.asked if speculative]
    assert ahead == ["x = alpha + beta", ""]
    assert user.worker.ended == []
    assert await user.type("pha + beta") == (None, "nothing")
    assert len([line for line, speculative in user.worker.asked if not speculative]) == 1


async def test_a_question_for_the_engine_stops_it() -> None:
    """Before it is asked itself."""
    user = At("x = ", {"x = ": "alpha", "x = y": "z"})
    await user.type("")
    assert await user.type("y") == ("z", "model")
    assert user.worker.ended == ["x = alpha"]


async def test_what_is_computed_ahead_answers_when_it_is_asked_for() -> None:
    """While it still runs the question waits for it, and begins nothing of its own."""
    user = At("x = ", {"x = ": "alpha", "x = alpha": ".beta"})
    await user.type("")
    asking = asyncio.create_task(user.type("alpha"))
    await asyncio.sleep(0.02)
    user.worker.go.set()
    assert await asking == (".beta", "joined")
    assert [line for line, _ in user.worker.asked][:2] == ["x = ", "x = alpha"]
    assert user.worker.ended == []


async def test_where_the_cursor_rests_the_prompt_is_evaluated() -> None:
    """Also where nothing would be suggested; and only if no question comes."""
    user = At("x = ", {"x = ": "alpha"}, speculation="eager")
    snapshot = user.snapshot()
    working.moved(user.session, URI, snapshot.line, snapshot.column)
    await asyncio.sleep(0.3)
    await user.rest()
    assert user.worker.asked[0] == ("x = ", True)
    assert await user.type("") == ("alpha", "prefill")


async def test_where_it_is_off_nothing_is_computed() -> None:
    """The answers stay the same."""
    user = At("x = ", {"x = ": "alpha"}, speculation="off")
    assert await user.type("") == ("alpha", "model")
    working.moved(user.session, URI, 0, 4)
    await asyncio.sleep(0.3)
    assert user.worker.asked == [("x = ", False)]
