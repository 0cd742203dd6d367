"""Asks the real pipeline for lines that were cut out of real files, and compares.

Each place is asked as the first question in a document that was just opened: nothing stands in the caches, and the
line's rest is neither in the document nor in the memory. Does not know how a session is started, nor what is made of
the cases.
"""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec

from lsp_server.base.errors import EngineError
from lsp_server.base.text import byte_length, content
from lsp_server.bench.files import Workspace, read
from lsp_server.bench.sample import Kind, Place, hole
from lsp_server.bench.score import length_class, place_class, score
from lsp_server.completion import snapshot as snapshots
from lsp_server.completion import workspace as workspaces
from lsp_server.completion.pipeline import complete
from lsp_server.completion.remember import forget
from lsp_server.completion.session import Session
from lsp_server.completion.trace import Trace
from lsp_server.completion.types import Snapshot
from lsp_server.context.syntax import new_errors


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
        length: of the true rest, in characters.
        length_class: see ``score.length_class``.
        bare: the true rest has no letter and no digit.
        predicted: characters of the first line that was offered; 0 when there was nothing.
        lines: that were offered.
        exact, similarity, identifiers, first_word, so_far: as in ``score.Score``.
        confidence: ``None`` when there was nothing to be sure of.
        source: where the text came from.
        filters: those that changed or dropped the text.
        reason: why there was nothing.
        new_errors: parse errors that the text adds; ``None`` without a grammar.
        milliseconds: from the question to the answer.
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
    for place in places:
        case = await _ask(session, workspace, place)
        if case is not None:
            yield case
    workspaces.leave(session)


async def _ask(session: Session, workspace: Workspace, place: Place) -> Case | None:
    """One question in a document of its own; ``None`` when the file is gone meanwhile."""
    lines = read(place.source.path)
    if lines is None or place.line >= len(lines):
        return None
    if session.state() in ("error", "disabled"):
        raise EngineError(f"The engine stopped: {session.status()['message'] or session.state()}")
    uri = place.source.path.as_uri()
    language = place.source.language
    document = session.documents.open(uri, language.editors_id, 0, "".join(hole(lines, place)))
    try:
        grammar = session.grammar(language.editors_id)
        # Asked for explicitly: then the verdict on showing it unasked is noted and not applied.
        snapshot = snapshots.take(document, grammar, place.line, place.column, invoked=True)
        trace = Trace(session.next_id(), snapshot.path, place.line + 1, place.column + 1, "bench")
        suggestion = await complete(session, snapshot, trace)
        text = suggestion.text if suggestion else ""
        tree = document.parse(grammar) if grammar and text else None
        errors = (
            new_errors(grammar, tree, *_bytes(snapshot, suggestion.replace), text)
            if grammar and tree and suggestion
            else None
        )
    finally:
        session.documents.close(uri)
        forget(session, uri)
        await workspaces.settled(session)
        session.cache.clear()
    before = content(lines[place.line])[: place.column]
    result = score(language, before, text, place.truth)
    offered = [line for line in text.split("\n") if line.strip()]
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
        source=trace.source,
        filters=tuple(step["filter"] for step in trace.filters),
        reason=trace.reason,
        new_errors=errors,
        milliseconds=round(trace.total_ms, 2),
    )


def confidence(trace: Trace) -> Confidence:
    """How sure the pipeline was of what it offered: the one place that knows how that is told."""
    return Confidence(
        rank=trace.confidence,
        probability=trace.confidence,
        shown=trace.unasked,
        features={name: round(value, 4) for name, value in trace.features.items()},
    )


def _bytes(snapshot: Snapshot, replace: int) -> tuple[int, int]:
    """Where the text would go, in bytes of the document."""
    line = snapshot.lines[snapshot.line]
    start = sum(map(byte_length, snapshot.lines[: snapshot.line])) + byte_length(line[: snapshot.column])
    return start, start + byte_length(line[snapshot.column : snapshot.column + replace])
