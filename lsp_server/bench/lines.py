"""Asks the real pipeline for lines that were cut out of real files, and compares.

Each place is asked as the first question in a document that was just opened: nothing stands in the caches, and the
line's rest is neither in the document nor in the memory. Does not know how a session is started, nor what is made of
the cases.
"""

import itertools
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from lsp_server.base.errors import EngineError
from lsp_server.base.text import byte_length, content
from lsp_server.bench.files import Workspace, read
from lsp_server.bench.languages import Spoken
from lsp_server.bench.openings import endings
from lsp_server.bench.sample import Kind, Place, hole
from lsp_server.bench.score import Score, length_class, place_class, score, score_block, score_hole
from lsp_server.completion import indexing
from lsp_server.completion import snapshot as snapshots
from lsp_server.completion import workspace as workspaces
from lsp_server.completion.look import look
from lsp_server.completion.pipeline import complete
from lsp_server.completion.remember import forget
from lsp_server.completion.session import Part, Session
from lsp_server.completion.trace import Trace
from lsp_server.completion.types import Snapshot, Suggestion
from lsp_server.context.syntax import new_errors
from lsp_server.engine.messages import Stage
from lsp_server.workspace.documents import Document

#: What is left out of the pipeline for a question, see ``Session.without``.
Without = frozenset[Stage | Part]

#: Left out of every question: which tokens are evaluated in one batch depends on the clock, and near ties on that.
_TIMED: Without = frozenset(("drafts",))

#: How what was asked for is compared with what came.
_COMPARE: Mapping[Kind, Callable[[Spoken, str, str, str], Score]] = {
    "rest": score,
    "whole": score,
    "block": score_block,
    "hole": score_hole,
}


class Confidence(msgspec.Struct, frozen=True):
    """How sure the pipeline was.

    Attributes:
        rank: the number that the gate decides by; larger is surer.
        probability: that the text is right, as far as anybody claims to know.
        shown: whether it would have been shown unasked.
        features: what the gate looked at.
    """

    rank: float
    probability: float
    shown: bool
    features: dict[str, float]


class Case(msgspec.Struct, frozen=True):
    """One question and what came of it. Holds no code.

    Attributes:
        place: stands for the place, see ``sample.Place.id``.
        kind: as in ``sample``.
        cursor: what the syntax says the cursor is in.
        stands: what the text says it stands behind, see ``score.place_class``.
        length: of the true rest or block, in characters.
        length_class: see ``score.length_class``.
        bare: the true rest has no letter and no digit.
        predicted: characters of the first line that was offered; 0 when there was nothing.
        lines: that were offered.
        exact, first_line, similarity, identifiers, first_word, so_far: as in ``score.Score``.
        confidence: ``None`` when there was nothing to be sure of.
        source: where the text came from.
        filters: those that changed or dropped the text.
        reason: why there was nothing.
        new_errors: parse errors that the text adds; ``None`` without a grammar.
        milliseconds: from the question to the answer.
        lasting_errors: the same as ``new_errors``, once the brackets and strings of several lines that stand open
            at the text's end are closed there.
    """

    workspace: str
    language: str
    place: str
    kind: Kind
    cursor: str
    stands: str
    length: int
    length_class: str
    bare: bool
    predicted: int
    lines: int
    exact: bool
    similarity: float
    identifiers: bool
    first_word: bool
    so_far: bool
    confidence: Confidence | None
    source: str
    filters: tuple[str, ...]
    reason: str
    new_errors: int | None
    milliseconds: float
    lasting_errors: int | None = None
    first_line: bool = False


async def prepare(session: Session, root: Path) -> None:
    """Let the session get ready for a workspace, as it does when an editor opens the folder. No document is open yet.

    An open document's text counts as its file's, so the memory does not know the answers.
    """
    workspaces.follow(session, [str(root)])
    await workspaces.settled(session)


async def measure(session: Session, workspace: Workspace, places: Sequence[Place]) -> AsyncIterator[Case]:
    """Ask at each place.

    Raises:
        EngineError: there is no engine any more that could answer.
    """
    await prepare(session, workspace.root)
    async for place in visit((session,), places):
        for case in await ask(session, workspace, place, (session.without,)):
            yield case
    workspaces.leave(session)


async def visit(sessions: Sequence[Session], places: Iterable[Place]) -> AsyncIterator[Place]:
    """The places in order; behind those in a row in one file, the sessions know that file's text again.

    In between nothing need be read: each question tells the memory what its document holds.
    """
    for source, those in itertools.groupby(places, lambda place: place.source):
        for place in those:
            yield place
        for session in sessions:
            forget(session, source.path.as_uri())
        for session in sessions:
            await workspaces.settled(session)


async def ask(
    session: Session, workspace: Workspace, place: Place, ways: Sequence[Without]
) -> tuple[Case, ...]:
    """Ask at one place that ``visit`` came to, in a document that is open only for that, once in each of some ways.

    The first question evaluates the whole prompt; those after it find most of it evaluated, and take less time.

    Args:
        session: prepared for the workspace.

    Returns:
        a case for each of the ways; none when the file is gone meanwhile.

    Raises:
        EngineError: there is no engine any more that could answer.
    """
    lines = read(place.source.path)
    if lines is None or place.line >= len(lines):
        return ()
    return await ask_in("".join(hole(lines, place)), session, workspace, place, ways)


async def ask_in(
    text: str, session: Session, workspace: Workspace, place: Place, ways: Sequence[Without]
) -> tuple[Case, ...]:
    """The same as ``ask`` in a document that holds a text, whatever its file holds.

    Args:
        text: without what is asked for.

    Raises:
        EngineError: there is no engine any more that could answer.
    """
    uri = place.source.path.as_uri()
    document = session.documents.open(uri, place.source.language.editors_id, 0, text)
    indexing.opened(session, document)
    await workspaces.settled(session)
    usual = session.without
    try:
        cases = []
        for without in ways:
            session.without = without | _TIMED
            cases.append(await _question(session, workspace, place, document))
        return tuple(cases)
    finally:
        session.without = usual
        session.documents.close(uri)
        indexing.closed(session, uri)
        session.remembered.pop(uri, None)


async def _question(session: Session, workspace: Workspace, place: Place, document: Document) -> Case:
    if session.state() in ("error", "disabled"):
        raise EngineError(f"The engine stopped: {session.status()['message'] or session.state()}")
    language = place.source.language
    grammar = session.grammar(language.editors_id)
    # Asked for explicitly: then the verdict on showing it unasked is noted and not applied.
    snapshot = snapshots.take(document, grammar, place.line, place.column, invoked=True)
    try:
        trace, suggestion = await _answer(session, snapshot)
        first = trace
        if session.flights.asked():
            # These were a block's first lines. What counts is what stands there in the end.
            await session.flights.landed()
            trace, suggestion = await _answer(session, snapshot)
    finally:
        session.stop_speculation()
        session.cache.clear()
        session.gathered.clear()
    text = suggestion.text if suggestion else ""
    before = content(document.lines[place.line])[: place.column]
    result = _COMPARE[place.kind](language, before, text, place.truth)
    offered = [line for line in text.split("\n") if line.strip()]
    errors, lasting = await _errors(session, document, snapshot, suggestion)
    return Case(
        workspace=workspace.name,
        language=language.name,
        place=place.id,
        kind=place.kind,
        cursor=trace.cursor,
        stands=place_class(before, place.truth),
        length=len(place.truth.strip()),
        length_class=length_class(place.truth),
        bare=not any(map(str.isalnum, place.truth)),
        predicted=len(offered[0]) if offered else 0,
        lines=len(offered),
        exact=result.exact,
        similarity=round(result.similarity, 2),
        identifiers=result.identifiers,
        first_word=result.first_word,
        so_far=result.so_far,
        confidence=confidence(trace) if offered else None,
        source=first.source,
        filters=tuple(step["filter"] for step in trace.filters),
        reason=trace.reason,
        new_errors=errors,
        milliseconds=round(first.total_ms, 2),
        lasting_errors=lasting,
        first_line=result.first_line,
    )


async def _answer(session: Session, snapshot: Snapshot) -> tuple[Trace, Suggestion | None]:
    trace = Trace(session.next_id(), snapshot.path, snapshot.line + 1, snapshot.column + 1, "bench")
    return trace, await complete(session, snapshot, trace)


async def _errors(
    session: Session, document: Document, snapshot: Snapshot, suggestion: Suggestion | None
) -> tuple[int | None, int | None]:
    """Parse errors that a suggestion adds: as it is, and with what it leaves open closed behind it."""
    grammar = session.grammar(snapshot.language)
    tree = document.parse(grammar) if grammar and suggestion and suggestion.text else None
    if grammar is None or suggestion is None or tree is None:
        return None, None
    text, place = suggestion.text, _bytes(snapshot, suggestion.replace)
    errors = new_errors(grammar, tree, *place, text)
    if errors is None or errors <= 0:
        return errors, errors
    around = (await look(snapshot, grammar, ())).surroundings
    tries = [new_errors(grammar, tree, *place, text + ending) for ending in endings(around, text)]
    return errors, min([errors, *(found for found in tries if found is not None)])


def confidence(trace: Trace) -> Confidence:
    """How sure the pipeline was of what it offered: the one place that knows how that is told."""
    return Confidence(
        rank=trace.confidence,
        probability=trace.confidence,
        shown=trace.unasked,
        features={name: round(value, 4) for name, value in trace.features.items()},
    )


def by_odds(cases: Iterable[Case]) -> list[Case]:
    """The cases, as sure as the text's own tokens are, whatever the gate makes of them."""
    return [
        msgspec.structs.replace(
            case,
            confidence=case.confidence
            and msgspec.structs.replace(case.confidence, rank=case.confidence.features["odds"]),
        )
        for case in cases
    ]


def _bytes(snapshot: Snapshot, replace: int) -> tuple[int, int]:
    """Where the text would go, in bytes of the document."""
    line = snapshot.lines[snapshot.line]
    start = sum(map(byte_length, snapshot.lines[: snapshot.line])) + byte_length(line[: snapshot.column])
    return start, start + byte_length(line[snapshot.column : snapshot.column + replace])
