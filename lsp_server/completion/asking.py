"""Asking the engine: the prompt, where it shall stop, and what is kept of what it wrote.

Does not know whether what comes of it may be shown.
"""

from collections.abc import Sequence
from typing import get_args

import msgspec

from lsp_server.base.parts import Part
from lsp_server.base.uri import path_of
from lsp_server.completion import filters
from lsp_server.completion.cache import Origin, Place, place_of
from lsp_server.completion.flight import Flight, Nothing
from lsp_server.completion.look import View
from lsp_server.completion.remember import may_be_remembered
from lsp_server.completion.session import Session
from lsp_server.completion.trace import Trace
from lsp_server.completion.types import Candidate, Gathered, Snapshot
from lsp_server.engine.client import WorkerClient
from lsp_server.engine.messages import Finished, Infill, Partial, Stage, Step, Stop
from lsp_server.models.manifest import Manifest
from lsp_server.prompt.families import family
from lsp_server.prompt.render import About, budget, outline, render, short_path
from lsp_server.prompt.window import Window, edge, reach, window

#: Tokens that a completion may have. The prompt leaves room for the larger, so that both share one KV cache.
_LINE_TOKENS, _BLOCK_TOKENS = 48, 96

#: How long work may take that nobody waits for (ms): a slow model's prompt takes several seconds.
_AHEAD_MS = 10_000

#: The worker tells of the end itself; so much later it is not waited for any more (s).
_GRACE_S = 1.5


class Prompt(msgspec.Struct, frozen=True):
    """A prompt.

    Attributes:
        infill: what it is made of, for servers.
    """

    parts: tuple[Part, ...]
    infill: Infill


def capacity_of(manifest: Manifest) -> int:
    """Tokens that a model's prompt may have."""
    room = manifest.context_length - _BLOCK_TOKENS
    return min(room, manifest.prompt_tokens) if manifest.prompt_tokens else room


def context_of(manifest: Manifest) -> int:
    """Tokens that the KV cache must hold: a prompt and a completion. Large models could hold far more than is asked."""
    return capacity_of(manifest) + _BLOCK_TOKENS


def seen(template: str, capacity: int, view: View, gathered: Gathered) -> Window:
    """What a prompt shows of the document itself.

    Args:
        template: as in ``prompt.render.render``.
        capacity: tokens that the prompt may have.
        gathered: what else stands in it.
    """
    snapshot, most = view.snapshot, budget(template, capacity, gathered.tokens)
    return window(snapshot.lines, snapshot.line, snapshot.column, most.prefix, most.suffix)


def begins(session: Session, snapshot: Snapshot) -> int:
    """The line on which the document's part in a prompt begins; 0 without a model, too."""
    if session.model is None:
        return 0
    gathered = session.gathered.get(snapshot.uri)
    before, _ = _reach(session.model.manifest, gathered.tokens if gathered else 0)
    return edge(snapshot.lines, snapshot.line, snapshot.column, before)


def _reach(manifest: Manifest, pieces: int = 0) -> tuple[int, int]:
    """The most that a model sees before and behind a cursor, in characters, beside so many tokens of other files."""
    most = budget(manifest.template, capacity_of(manifest), pieces)
    return reach(most.prefix, most.suffix)


def prompt_of(manifest: Manifest, capacity: int, view: View, gathered: Gathered, project: str = "") -> Prompt:
    """What a model is asked about a cursor; other arguments as in ``seen``.

    Args:
        manifest: of the model.
        project: name of the folder of the document's project; empty if it is in none.
    """
    snapshot, template = view.snapshot, manifest.template
    most, shown = budget(template, capacity, gathered.tokens), seen(template, capacity, view, gathered)
    comment = comment_of(view)
    snippet = outline_of(view, shown.first_line)
    snippets = ((snapshot.path, snippet),) if snippet else ()
    pieces = [(one.path, one.text) for one in gathered.snippets]
    about = About(snapshot.path, project, view.context.language, comment)
    extra = tuple((short_path(path), text) for path, text in (*pieces, *snippets))
    parts = render(template, shown, about, snippets, most, pieces, manifest.begin)
    return Prompt(parts, Infill(shown.prefix, shown.suffix, extra))


def outline_of(view: View, first_line: int) -> str:
    """What a prompt says of the document in front of the line on which its window begins."""
    if not first_line:
        return ""
    above = "" if view.about.docstrings else next(iter(view.about.line_comments), "")
    return outline(view.context.imports, view.scopes_around(first_line), above)


def place_at(session: Session, view: View, manifest: Manifest, project: str = "") -> Place:
    """Where what a model writes at a cursor belongs; arguments as in ``prompt_of``.

    What shapes an answer beside the text that the model may see is part of the place: the path, the language and the
    project, which prompts name; the model by its file's hash, its family and the length of its prompts; the engine that
    the user has chosen, by which a server's answers and the memory's are told from ours; whether blocks are written;
    and the outline of what lies above the window. That is taken of the widest window there can be: the headers that
    a narrower one needs beside it stand in the text.

    No part of it are the pieces of other files, nor what the memory knows: both are found out after the cache was
    asked, and what was written beside other pieces, or none, is still an answer to this very text. Neither are settings
    that decide what is shown and not what is written (``mode``, ``comments``), nor the deadline, as what it cuts off
    does not go into the cache. Where a block is expected follows from the text.
    """
    snapshot, template, capacity = view.snapshot, manifest.template, capacity_of(manifest)
    characters = _reach(manifest)
    setting = (
        snapshot.path,
        snapshot.language,
        project if "{repository}" in family(template).prompt else "",
        f"{manifest.name} {manifest.version} {manifest.model.sha256} {template} {capacity}",
        session.config.engine,
        session.config.multiline,
        outline_of(view, edge(snapshot.lines, snapshot.line, snapshot.column, characters[0])),
    )
    return place_of(snapshot.lines, snapshot.line, snapshot.column, characters, "\0".join(setting))


def text_around(snapshot: Snapshot, manifest: Manifest) -> Place:
    """The same without all that takes more than a look at the text: no ``setting``."""
    return place_of(snapshot.lines, snapshot.line, snapshot.column, _reach(manifest), "")


def comment_of(view: View) -> str:
    """What begins a comment to the end of the line, in a prompt about a document whose language may have none."""
    return next(iter(view.about.line_comments), "#")


async def ask(
    session: Session,
    view: View,
    prompt: Prompt,
    place: Place,
    trace: Trace,
    *,
    origin: Origin,
    only_prompt: bool = False,
) -> tuple[Candidate, ...]:
    """Let the model write, and keep what comes to its own end in the cache.

    Where a block takes long its complete lines so far are the answer. The rest is then written all the same, as long as
    the text does not disagree, and ``session.more`` is called when the cache has it.

    Args:
        origin: who wants it; what is not asked for gives way to everything, and may take longer.
        only_prompt: write nothing, only have the prompt stand in the KV cache.

    Returns:
        what it wrote, the likeliest first; none when it chose to write nothing.

    Raises:
        Nothing: it did not answer.
    """
    if session.worker is None:
        raise Nothing("no model is loaded")
    stop, tokens = _stop(session, view)
    deadline_ms = (
        session.config.deadline_ms if origin == "asked" else max(_AHEAD_MS, session.config.deadline_ms)
    )
    flight = Flight(view.snapshot.uri, place, origin, block=stop.kind == "block", writes=not only_prompt)
    request = _Request(prompt, stop, 0 if only_prompt else tokens, deadline_ms)
    session.flights.add(flight, _write(session, session.worker, view, flight, request, trace))
    return await flight.lands(deadline_ms / 1_000 + _GRACE_S)


class _Request(msgspec.Struct, frozen=True):
    """What the engine is asked: tokens at most, milliseconds at most."""

    prompt: Prompt
    stop: Stop
    tokens: int
    deadline_ms: int


async def _write(
    session: Session, worker: WorkerClient, view: View, flight: Flight, request: _Request, trace: Trace
) -> tuple[Candidate, ...]:
    """The work of a flight."""

    def partial(message: Partial) -> None:
        written = [(message.text, message.steps)]
        flight.so_far(_candidates(view, written, trace, by_memory=False))

    prompt = request.prompt
    finished = await worker.complete(
        () if session.laid_out_there else prompt.parts,
        request.stop,
        request.tokens,
        request.deadline_ms,
        path_of(view.snapshot.uri),
        session.familiar(view.context.language),
        without=tuple(stage for stage in get_args(Stage) if stage in session.without),
        speculative=flight.origin != "asked",
        on_partial=partial,
        infill=prompt.infill if session.config.engine == "http" else None,
        typing=flight.typing,
        on_end=lambda end: _account(session, flight.origin, end),
    )
    candidates = _finished(session, worker, view, flight, finished, trace)
    if flight.partly:
        session.more(view.snapshot.uri)
    return candidates


def _account(session: Session, origin: Origin, end: Finished) -> None:
    """Count what the worker did, also for what nobody waits for any more."""
    session.metrics.computed(origin, end.tokens, end.cpu_ms)
    if origin != "asked":
        session.manners.spent(end.cpu_ms / 1_000)
        return
    session.metrics.prompted(end.prompt_tokens, end.reused_tokens)
    if end.reason != "cancelled" and end.source == "model":
        session.rhythm.answered(end.prompt_ms + end.decode_ms)


def _finished(
    session: Session,
    worker: WorkerClient,
    view: View,
    flight: Flight,
    finished: Finished | None,
    trace: Trace,
) -> tuple[Candidate, ...]:
    """Read the engine's answer, and keep it if it is whole."""
    if finished is None:
        raise Nothing(worker.last_failure)
    if finished.error:
        raise Nothing(f"the engine failed: {finished.error}")
    snapshot = view.snapshot
    _note_trouble(session, finished, trace)
    session.threads = finished.threads or session.threads
    trace.tokens = {
        "prompt": finished.prompt_tokens,
        "reused": finished.reused_tokens,
        "generated": finished.tokens,
    }
    if finished.reason == "cancelled" or (finished.reason == "deadline" and not finished.text):
        raise Nothing(f"the engine stopped early: {finished.reason}")
    by_memory = finished.source == "memory"
    written = [(finished.text, finished.steps), *((one.text, one.steps) for one in finished.others)]
    candidates = _candidates(view, written, trace, by_memory=by_memory)
    if finished.reason not in ("deadline", "length") and not by_memory:
        session.cache.put(
            flight.place,
            candidates,
            origin=flight.origin,
            uri=snapshot.uri,
            version=snapshot.version,
            keep=may_be_kept(session, snapshot.uri),
            branches=finished.branches,
        )
    return candidates


def may_be_kept(session: Session, uri: str) -> bool:
    """Whether completions of a document may outlive the process. A server's may not: its model has a name only, which
    does not tell whether it is still the same."""
    return session.config.engine != "http" and may_be_remembered(session, uri)


def _note_trouble(session: Session, finished: Finished, trace: Trace) -> None:
    """Tell the user once that the engine cannot be asked, and remember when it can be again."""
    trouble = finished.trouble
    if trouble is None:
        if finished.reason != "cancelled" and finished.source == "model":
            session.outage = ""
        return
    trace.trouble = trouble.text
    if trouble.lasting and not session.outage:
        session.outage = trouble.text
        session.warn(f"{trouble.text} Until that is over the memory of what you wrote completes alone.")


def _candidates(
    view: View, written: Sequence[tuple[str, tuple[Step, ...]]], trace: Trace, *, by_memory: bool
) -> tuple[Candidate, ...]:
    """What is left of texts by the filters that judge a text alone."""
    candidates: list[Candidate] = []
    for text, steps in written:
        candidate, verdicts = filters.run(
            filters.BEFORE_CACHE, Candidate(text, steps=steps, by_memory=by_memory), view.surroundings
        )
        note(trace, verdicts)
        if candidate is not None and candidate.text:
            candidates.append(candidate)
    return tuple(candidates)


def _stop(session: Session, view: View) -> tuple[Stop, int]:
    """Where to stop, and the most tokens: a block where the syntax expects its first statement, else a line."""
    context = view.context
    one_line = session.model is not None and family(session.model.manifest.template).one_line
    if context.cursor == "block_start" and session.config.multiline == "auto" and not one_line:
        return Stop("block", context.block_indent, view.about.block_closers), _BLOCK_TOKENS
    return Stop("line"), _LINE_TOKENS


def note(trace: Trace, verdicts: tuple[filters.Verdict, ...]) -> None:
    """Keep what filters did, for ``offhand why``."""
    trace.filters += [
        {"filter": verdict.filter, "outcome": verdict.outcome, "reason": verdict.reason}
        for verdict in verdicts
        if verdict.outcome != "kept"
    ]
