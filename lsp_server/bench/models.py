"""Models side by side: each asked at the same places, its network alone and all of the product around it.

``network``: everything but the memory, so that the text comes from the network, healed, filtered, the likeliest of a
few. ``whole``: everything, as an editor gets it. The memory without a network has only the latter. Does not know how
sessions are started, nor how the outcome is shown.
"""

from collections.abc import AsyncIterator, Mapping, Sequence

import msgspec

from lsp_server.bench.figures import Share, blocks, group, inside, precision, ranked, share
from lsp_server.bench.files import Workspace
from lsp_server.bench.lines import Case, Without, ask, by_odds, prepare, visit
from lsp_server.bench.report import Measured, Product
from lsp_server.bench.sample import Place
from lsp_server.completion import workspace as workspaces
from lsp_server.completion.session import Session

#: The name of the row of all languages.
ALL = "all"

#: The parts of all random cursors, the surest ones, whose precision is told.
SUREST = (0.2, 0.4)

#: What is left out in each way of asking.
WAYS: Mapping[str, Without] = {"network": frozenset(("memory",)), "whole": frozenset()}

#: The engine that has no network.
ALONE = "memory"


class Row(msgspec.Struct, frozen=True):
    """The figures of one model, asked in one way, in one language.

    Attributes:
        n: random cursors.
        exact: of these, the rest of the line exactly right.
        similarity: mean edit similarity there, 0 to 100.
        inside, word: of those inside a word: the rest of the line, and the rest of the word, exactly right.
        line: of whole lines, exactly right.
        blocks, first_line: of blocks, all of it exactly right, and the first line.
        surest: exactly right among the surest part of all random cursors; the part is the key. Surer is, with the
            whole product, what the gate says, and of the network alone, what its text's own tokens say.
    """

    n: int
    exact: Share
    similarity: float | None
    inside: Share
    word: Share
    line: Share
    blocks: Share
    first_line: Share
    surest: dict[str, Share]


class Answered(msgspec.Struct, frozen=True):
    """What came of one model.

    Attributes:
        label: as it was named.
        ways: by the way of asking: rows by language, all of them first, then the one with the most places.
    """

    label: str
    product: Product
    ways: dict[str, dict[str, Row]]


class Models(msgspec.Struct, frozen=True):
    """A run of ``offhand bench models``; attributes as in ``report.Report``.

    Attributes:
        blocks: asked for in each workspace.
    """

    seed: int
    number: int
    blocks: int
    workspaces: tuple[Measured, ...]
    models: tuple[Answered, ...]


def ways_of(engine: str) -> tuple[str, ...]:
    """In which ways an engine can be asked."""
    return ("whole",) if engine == ALONE else tuple(WAYS)


async def measure(
    session: Session, workspace: Workspace, places: Sequence[Place], ways: Sequence[str]
) -> AsyncIterator[dict[str, Case]]:
    """Ask at each place in some ways.

    Raises:
        EngineError: there is no engine any more that could answer.
    """
    await prepare(session, workspace.root)
    async for place in visit((session,), places):
        cases = await ask(session, workspace, place, [WAYS[way] for way in ways])
        if cases:  # else the file is gone meanwhile
            yield dict(zip(ways, cases, strict=True))
    workspaces.leave(session)


def answered(label: str, product: Product, cases: Mapping[str, Sequence[Case]]) -> Answered:
    """Count.

    Args:
        cases: by the way of asking.
    """
    return Answered(label, product, {way: _rows(way, mine) for way, mine in cases.items()})


def _rows(way: str, cases: Sequence[Case]) -> dict[str, Row]:
    counts = {case.language: 0 for case in cases}
    for case in cases:
        counts[case.language] += case.kind == "rest"
    names = sorted(counts, key=lambda name: (-counts[name], name))
    return {ALL: _row(way, cases)} | {
        name: _row(way, [case for case in cases if case.language == name]) for name in names
    }


def _row(way: str, cases: Sequence[Case]) -> Row:
    rest = [case for case in cases if case.kind == "rest"]
    halves = group(inside(rest))
    found = blocks(cases)
    surest = ranked(rest if way == "whole" else by_odds(rest))
    return Row(
        n=len(rest),
        exact=share(case.exact for case in rest),
        similarity=group(rest).similarity,
        inside=halves.exact,
        word=halves.first_word,
        line=share(case.exact for case in cases if case.kind == "whole"),
        blocks=found.exact,
        first_line=found.first_line,
        surest={f"{part:.1f}": precision(surest, part) for part in SUREST},
    )


def together(now: Models, kept: Models | None) -> Models:
    """A run, and before it the models of a kept one that were not asked again; none of them where other places were."""

    def places(models: Models) -> tuple[int, int, int, tuple[Measured, ...]]:
        return models.seed, models.number, models.blocks, models.workspaces

    if kept is None or places(kept) != places(now):
        return now
    again = {one.label for one in now.models}
    older = (one for one in kept.models if one.label not in again)
    return msgspec.structs.replace(now, models=(*older, *now.models))
