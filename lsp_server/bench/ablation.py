"""What each part of completing is worth: the same places, asked with one part more each time.

A place is asked in all steps while its document is open once, so that every step finds the same memory. The first
question there evaluates the prompt; which step that is goes round, and only then its time counts. Does not know how
sessions are started, nor how the outcome is shown.
"""

from collections.abc import AsyncIterator, Sequence

import msgspec

from lsp_server.bench.compare import Change, change
from lsp_server.bench.figures import Gate, Group, Share, gate, group, precision, ranked, share, speed
from lsp_server.bench.files import Workspace
from lsp_server.bench.lines import Case, Without, ask, by_odds, prepare, visit
from lsp_server.bench.report import Measured, Product
from lsp_server.bench.sample import Place
from lsp_server.completion import workspace as workspaces
from lsp_server.completion.session import Session

#: The part of all places, the surest ones, whose precision is told.
SUREST = 0.4

#: The name of the row of all languages.
ALL = "all"


class Step(msgspec.Struct, frozen=True):
    """One way of completing.

    Attributes:
        name: short, for tables; ``meaning`` is longer.
        without: what is left out, see ``Session.without``.
        against: name of the step that it is compared with; empty for none.
        network: the model takes part; else the memory answers alone.
        by_gate: surer is what the gate says is surer; else what the text's own tokens say.
    """

    name: str
    meaning: str
    without: Without
    against: str = ""
    network: bool = True
    by_gate: bool = False


STEPS = (
    Step(
        "network",
        "the model alone: it sees the document, and nothing is mixed in",
        frozenset(("retrieval", "memory", "healing", "candidates", "filters")),
    ),
    Step(
        "memory",
        "the memory of the whole workspace alone, without a model",
        frozenset(("retrieval", "healing", "candidates", "filters")),
        against="network",
        network=False,
    ),
    Step(
        "own document",
        "the model, mixed with the memory of the document that is written in",
        frozenset(("retrieval", "workspace", "healing", "candidates", "filters")),
        against="network",
    ),
    Step(
        "workspace",
        "the model, mixed with the memory of the whole workspace",
        frozenset(("retrieval", "healing", "candidates", "filters")),
        against="own document",
    ),
    Step(
        "+ healing",
        "and the token that the cursor stands in is spelled anew",
        frozenset(("retrieval", "candidates", "filters")),
        against="workspace",
    ),
    Step(
        "+ candidates",
        "and what is nearly as likely is tried too",
        frozenset(("retrieval", "filters")),
        against="+ healing",
    ),
    Step(
        "+ filters",
        "and the filters judge it by what stands around it",
        frozenset(("retrieval",)),
        against="+ candidates",
    ),
    Step("+ retrieval", "and pieces of other files stand in the prompt", frozenset(), against="+ filters"),
    Step(
        "+ gate",
        "the same texts, but the gate says which are the surest",
        frozenset(),
        against="+ retrieval",
        by_gate=True,
    ),
)


class Answer(msgspec.Struct, frozen=True):
    """What came of one place in one step.

    Attributes:
        first: it was the first question there, so its time is that of a whole answer.
    """

    step: str
    case: Case
    first: bool


class Row(msgspec.Struct, frozen=True):
    """The figures of one step in one language.

    Attributes:
        rest: random cursors.
        whole: whole lines that are exactly right.
        surest: exactly right among the surest of all random cursors, see ``SUREST``.
        exact_change, surest_change: against the step that it is compared with, place by place.
        median_ms: of the questions that were the first at their place.
    """

    rest: Group
    whole: Share
    surest: Share
    exact_change: Change | None
    surest_change: Change | None
    median_ms: float | None


class Outcome(msgspec.Struct, frozen=True):
    """What came of one step.

    Attributes:
        against: the step that it is compared with; empty for none.
        rows: by language, all of them first.
        shown: what the gate would show unasked, by language; empty for steps without it.
    """

    step: str
    against: str
    rows: dict[str, Row]
    shown: dict[str, Gate]


class Ablation(msgspec.Struct, frozen=True):
    """A run of ``offhand bench ablation``; attributes as in ``report.Report``."""

    product: Product
    seed: int
    number: int
    workspaces: tuple[Measured, ...]
    steps: tuple[Outcome, ...]


async def measure(
    network: Session, alone: Session, workspace: Workspace, places: Sequence[Place]
) -> AsyncIterator[tuple[Answer, ...]]:
    """Ask at each place in all steps.

    Args:
        network: a session with a model.
        alone: one whose engine is the memory.

    Raises:
        EngineError: there is no engine any more that could answer.
    """
    asked = [step for step in STEPS if step.network and not step.by_gate]
    unaided = [step for step in STEPS if not step.network]
    for session in (network, alone):
        await prepare(session, workspace.root)
    number = 0
    async for place in visit((network, alone), places):
        turn = number % len(asked)
        number += 1
        answers = [
            *await _answers(network, workspace, place, [*asked[turn:], *asked[:turn]]),
            *await _answers(alone, workspace, place, unaided),
        ]
        if len(answers) == len(asked) + len(unaided):  # else the file is gone meanwhile
            yield tuple(answers)
    for session in (network, alone):
        workspaces.leave(session)


async def _answers(
    session: Session, workspace: Workspace, place: Place, steps: Sequence[Step]
) -> list[Answer]:
    cases = await ask(session, workspace, place, [step.without for step in steps])
    return [
        Answer(step.name, case, first=number == 0)
        for number, (step, case) in enumerate(zip(steps, cases, strict=False))
    ]


def outcomes(answers: Sequence[Answer]) -> tuple[Outcome, ...]:
    """Count."""
    answered: dict[str, list[Answer]] = {step.name: [] for step in STEPS}
    for answer in answers:
        answered[answer.step].append(answer)
    for step in STEPS:
        if step.by_gate:  # it changes no text
            answered[step.name] = answered[step.against]
    languages = [ALL, *sorted({answer.case.language for answer in answers})]
    found = []
    for step in STEPS:
        rows, shown = {}, {}
        for language in languages:
            mine = _of(language, answered[step.name])
            before = next((other for other in STEPS if other.name == step.against), None)
            theirs = _of(language, answered[before.name]) if before else []
            rows[language] = _row(step, mine, before, theirs)
            if step.by_gate:
                shown[language] = gate(_rest(mine))
        found.append(Outcome(step.name, step.against, rows, shown))
    return tuple(found)


def _row(step: Step, answers: Sequence[Answer], before: Step | None, older: Sequence[Answer]) -> Row:
    rest = _rest(answers)
    surest = ranked(_claimed(step, rest))
    exact_change = surest_change = None
    if before is not None and rest:
        earlier = _rest(older)
        then = {_key(case): case.exact for case in earlier}
        exact_change = change([(then[_key(case)], case.exact) for case in rest])
        best_then, best_now = _best(ranked(_claimed(before, earlier))), _best(surest)
        scale = len(rest) / _most(rest)
        surest_change = change(
            [(scale * (_key(case) in best_then), scale * (_key(case) in best_now)) for case in rest]
        )
    return Row(
        rest=group(rest),
        whole=share(answer.case.exact for answer in answers if answer.case.kind == "whole"),
        surest=precision(surest, SUREST),
        exact_change=exact_change,
        surest_change=surest_change,
        median_ms=speed([one.case.milliseconds for one in answers if one.first]).p50,
    )


def _claimed(step: Step, cases: Sequence[Case]) -> list[Case]:
    """The cases, ranked by what the step knows of how sure to be."""
    return list(cases) if step.by_gate else by_odds(cases)


def _most(cases: Sequence[Case]) -> int:
    return max(1, round(SUREST * len(cases)))


def _key(case: Case) -> tuple[str, str]:
    """What names a place in all workspaces."""
    return case.workspace, case.place


def _best(surest: Sequence[Case]) -> set[tuple[str, str]]:
    """The places among the surest that are exactly right."""
    return {_key(case) for case in surest[: _most(surest)] if case.exact}


def _of(language: str, answers: Sequence[Answer]) -> list[Answer]:
    return [answer for answer in answers if language in (ALL, answer.case.language)]


def _rest(answers: Sequence[Answer]) -> list[Case]:
    return [answer.case for answer in answers if answer.case.kind == "rest"]
