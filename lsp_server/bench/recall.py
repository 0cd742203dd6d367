"""Context recall: of how many answers do all names stand in the prompt that the engine would be given?

Needs no model that is any good: what is measured is whether the names that an answer uses are there to be copied. Names
are identifiers without keywords, built-in names and the insides of strings (identifier match of amazon-science/cceval,
over sets). Cases are holes of CrossCodeEval, asked in the repositories they come from, or random rests of lines of
which the file itself does not hold every name. Does not know how sessions are started.
"""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import msgspec

from lsp_server.base.text import content, split_lines
from lsp_server.bench import lines as asking
from lsp_server.bench.figures import Share, share
from lsp_server.bench.files import Source, Workspace, read, sources
from lsp_server.bench.infilling import Hole
from lsp_server.bench.languages import Spoken, names
from lsp_server.bench.sample import Place, sample, spread
from lsp_server.bench.sample import hole as without_answer
from lsp_server.bench.table import percent
from lsp_server.completion import snapshot as snapshots
from lsp_server.completion import workspace as workspaces
from lsp_server.completion.indexing import closed, opened
from lsp_server.completion.look import look
from lsp_server.completion.picture import picture
from lsp_server.completion.session import Session

#: Sizes of prompts (tokens).
BUDGETS = (512, 1024, 2048)

#: Random rests that are looked at to find one whose names the file does not hold.
_TRIES = 40

_WORD = re.compile(r"[^\W\d]\w*")


class Case(msgspec.Struct, frozen=True):
    """A cursor, and what belongs there.

    Attributes:
        path: of the file, absolute; its text is ``before`` and ``behind``, whatever is on disk.
        needed: the answer's names.
    """

    name: str
    path: Path
    language: Spoken
    before: str
    behind: str
    needed: frozenset[str]


#: Sources that are left out; ``None`` for no pieces of other files at all.
Without = frozenset[str] | None


class Asked(msgspec.Struct, frozen=True):
    """One prompt.

    Attributes:
        missing: names that it does not have.
        tokens: of the whole prompt.
        milliseconds: that looking for pieces and counting their tokens took.
    """

    missing: tuple[str, ...]
    tokens: int
    milliseconds: float


class Answer(msgspec.Struct, frozen=True):
    """What came of one case; names, no other code.

    Attributes:
        needed: how many names the answer has.
        nowhere: those that no other file of the workspace has.
        asked: by the way of asking and the prompt's size.
    """

    case: str
    needed: int
    nowhere: tuple[str, ...]
    asked: dict[str, dict[int, Asked]]


class Row(msgspec.Struct, frozen=True):
    """What came of some cases in one way and size.

    Attributes:
        recall: share of cases all of whose names stand in the prompt.
        names: share of the names that stand in it.
        tokens: mean of the prompts.
        milliseconds: median, and that which 95 % do not exceed.
    """

    recall: Share
    names: float
    tokens: float
    milliseconds: tuple[float, float]


class Recall(msgspec.Struct, frozen=True):
    """A run of ``offhand bench recall``.

    Attributes:
        sets: by the names of workspaces or of files of cases.
        lacking: cases that lack names in the largest prompt with all sources, and how many of them lack only such as
            no other file of the workspace has.
        missing: those names, case by case: that the workspace holds, and that it does not.
    """

    sets: dict[str, dict[str, dict[int, Row]]]
    cases: dict[str, int]
    left_out: dict[str, int]
    lacking: dict[str, tuple[int, int]]
    missing: dict[str, dict[str, tuple[tuple[str, ...], tuple[str, ...]]]]


def cross_file(sources: Sequence[Source], number: int, seed: int) -> list[Case]:
    """Random rests of lines that need a name which the rest of their own file does not hold, and another file does."""
    held = {source.name: set(_WORD.findall("".join(read(source.path) or []))) for source in sources}
    files: dict[str, int] = {}
    for words in held.values():
        for word in words:
            files[word] = files.get(word, 0) + 1
    found = []
    for place in sample(sources, number * _TRIES, 0, seed):
        case = _case(place)
        own = set(_WORD.findall(case.before)) | set(_WORD.findall(case.behind))
        foreign = case.needed - own
        if foreign and all(files.get(name, 0) > 1 for name in foreign):
            found.append(case)
    return spread(found, number)


def of_hole(hole: Hole, root: Path) -> Case:
    """A case of CrossCodeEval in its repository."""
    line = hole.before.rpartition("\n")[2]
    needed = frozenset(names(hole.language, line, hole.answer))
    return Case(hole.name, root / hole.path, hole.language, hole.before, hole.behind, needed)


def _case(place: Place) -> Case:
    """A random rest, moved to the beginning of the word that it begins in."""
    before = read(place.source.path) or []
    line = content(before[place.line])
    column = place.column
    while column and line[column - 1].isidentifier() and line[column : column + 1].isidentifier():
        column -= 1
    moved = msgspec.structs.replace(place, column=column, truth=line[column : place.column] + place.truth)
    cut = without_answer(before, moved)
    needed = frozenset(names(place.source.language, line[:column], moved.truth))
    head = "".join(cut[: place.line]) + line[:column]
    return Case(place.id, place.source.path, place.source.language, head, "".join(cut)[len(head) :], needed)


async def measure(
    session: Session, workspace: Workspace, cases: Sequence[Case], ways: Mapping[str, Without]
) -> AsyncIterator[Answer]:
    """Make the prompts for each case, and look for the names.

    Args:
        ways: by their names, what is left out.

    Raises:
        EngineError: the worker does not answer.
    """
    await asking.prepare(session, workspace.root)
    words = {
        source.path: set(_WORD.findall("".join(read(source.path) or [])))
        for source in sources(workspace.root, session.grammars)
    }
    for case in cases:
        elsewhere = [held for path, held in words.items() if path != case.path]
        yield await _ask(session, case, ways, elsewhere)
    workspaces.leave(session)


async def _ask(
    session: Session, case: Case, ways: Mapping[str, Without], elsewhere: Sequence[set[str]]
) -> Answer:
    assert session.model is not None
    uri, text = case.path.as_uri(), case.before + case.behind
    document = session.documents.open(uri, case.language.editors_id, 0, text)
    opened(session, document)
    await workspaces.settled(session)
    above = split_lines(case.before)
    grammar = session.grammar(case.language.editors_id)
    snapshot = snapshots.take(document, grammar, len(above) - 1, len(above[-1]))
    view = await look(snapshot, grammar, ())
    asked: dict[str, dict[int, Asked]] = {}
    manifest = session.model.manifest
    for way, without in ways.items():
        for budget in BUDGETS:
            drawn = await picture(session, view, manifest, budget, without=without)
            missing = case.needed - set(_WORD.findall(drawn.prompt))
            asked.setdefault(way, {})[budget] = Asked(
                tuple(sorted(missing)), drawn.tokens, round(drawn.milliseconds, 2)
            )
    session.documents.close(uri)
    closed(session, uri)
    nowhere = {name for name in case.needed if not any(name in held for held in elsewhere)}
    return Answer(case.name, len(case.needed), tuple(sorted(nowhere)), asked)


def rows(answers: Sequence[Answer]) -> dict[str, dict[int, Row]]:
    """Count, by way and size."""
    found: dict[str, dict[int, Row]] = {}
    for way in answers[0].asked if answers else ():
        for budget in BUDGETS:
            asked = [answer.asked[way][budget] for answer in answers]
            needed = sum(answer.needed for answer in answers)
            times = sorted(one.milliseconds for one in asked)
            found.setdefault(way, {})[budget] = Row(
                recall=share(not one.missing for one in asked),
                names=round(1 - sum(len(one.missing) for one in asked) / max(needed, 1), 4),
                tokens=round(sum(one.tokens for one in asked) / len(asked), 1),
                milliseconds=(times[len(times) // 2], times[min(len(times) - 1, int(0.95 * len(times)))]),
            )
    return found


def lacking(answers: Sequence[Answer], way: str) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Of each case that lacks names in the largest prompt: those that the workspace holds, and those that it does
    not."""
    found = {}
    for answer in answers:
        missing = answer.asked[way][BUDGETS[-1]].missing
        if missing:
            there = tuple(name for name in missing if name not in answer.nowhere)
            found[answer.case] = (there, tuple(name for name in missing if name in answer.nowhere))
    return found


def table(run: Recall) -> str:
    """For a terminal."""
    shown = []
    for name, ways in run.sets.items():
        left = f", {run.left_out[name]} left out: no workspace" if run.left_out.get(name) else ""
        shown.append(f"{name}: {run.cases[name]} cases{left}")
        titles = "".join(f"{f'{budget} tokens':>16}" for budget in BUDGETS)
        shown.append(
            f"  {'all names in the prompt, percent':<40}{titles}{'mean size':>12}{'ms p50':>9}{'p95':>7}"
        )
        for way, sizes in ways.items():
            cells = "".join(f"{percent(sizes[budget].recall).removesuffix(' %'):>16}" for budget in BUDGETS)
            last = sizes[BUDGETS[-1]]
            times = "".join(
                f"{value:>{width}.1f}" for value, width in zip(last.milliseconds, (9, 7), strict=True)
            )
            shown.append(f"  {way:<40}{cells}{last.tokens:>12.0f}{times}")
        cases, unreachable = run.lacking[name]
        shown.append(
            f"  lacking names at {BUDGETS[-1]} tokens: {cases} cases, of which {unreachable} need only names that no "
            "other file of the workspace has"
        )
        shown.append("")
    for name, missing in run.missing.items():
        shown.append(f"{name}, missing: in the workspace | nowhere else")
        shown += [
            f"  {case}: {' '.join(there)} | {' '.join(nowhere)}" for case, (there, nowhere) in missing.items()
        ]
        shown.append("")
    return "\n".join(shown).rstrip()
