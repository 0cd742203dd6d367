"""Asking the engine: the prompt, where it shall stop, and what is done with a block that is still being written.

Does not know whether what comes of it may be shown.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from lsp_server.base.parts import Part
from lsp_server.base.uri import path_of
from lsp_server.completion import filters
from lsp_server.completion.cache import Place
from lsp_server.completion.look import View
from lsp_server.completion.session import Session
from lsp_server.completion.trace import Trace
from lsp_server.completion.types import Candidate, Gathered
from lsp_server.engine.client import WorkerClient
from lsp_server.engine.messages import Finished, Infill, Partial, Step, Stop
from lsp_server.models.manifest import Manifest
from lsp_server.prompt.families import family
from lsp_server.prompt.render import About, budget, outline, render, short_path
from lsp_server.prompt.window import Window, window

#: Tokens that a completion may have. The prompt leaves room for the larger, so that both share one KV cache.
_LINE_TOKENS, _BLOCK_TOKENS = 48, 96

#: How long a block is waited for before its first lines are shown alone (s): longer is felt as a delay (Nielsen 1993).
_WHOLE_BLOCK_S = 0.1


class Nothing(Exception):
    """The way out when there is nothing to offer; its text is the reason. Never leaves ``pipeline``."""


class Prompt(msgspec.Struct, frozen=True):
    """A prompt, and the part of it that is not the cursor's surroundings.

    Attributes:
        infill: what it is made of, for servers.
    """

    parts: tuple[Part, ...]
    snippet: str
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


def prompt_of(manifest: Manifest, capacity: int, view: View, gathered: Gathered, project: str = "") -> Prompt:
    """What a model is asked about a cursor; other arguments as in ``seen``.

    Args:
        manifest: of the model.
        project: name of the folder of the document's project; empty if it is in none.
    """
    snapshot, template = view.snapshot, manifest.template
    most, shown = budget(template, capacity, gathered.tokens), seen(template, capacity, view, gathered)
    comment = comment_of(view)
    snippet = ""
    if shown.first_line:
        above = "" if view.about.docstrings else next(iter(view.about.line_comments), "")
        snippet = outline(view.context.imports, view.scopes_around(shown.first_line), above)
    snippets = ((snapshot.path, snippet),) if snippet else ()
    pieces = [(one.path, one.text) for one in gathered.snippets]
    about = About(snapshot.path, project, view.context.language, comment)
    extra = tuple((short_path(path), text) for path, text in (*pieces, *snippets))
    parts = render(template, shown, about, snippets, most, pieces, manifest.begin)
    return Prompt(parts, snippet, Infill(shown.prefix, shown.suffix, extra))


def comment_of(view: View) -> str:
    """What begins a comment to the end of the line, in a prompt about a document whose language may have none."""
    return next(iter(view.about.line_comments), "#")


async def ask(
    session: Session, view: View, prompt: Prompt, place: Place, trace: Trace, *, speculative: bool
) -> tuple[Candidate, ...]:
    """Let the model write, and keep what comes to its own end in the cache.

    Where a block takes long its complete lines so far are the answer. The rest is then written all the same, if
    nothing else is asked meanwhile, and ``session.more`` is called when the cache has it.

    Returns:
        what it wrote, the likeliest first; none when it chose to write nothing.

    Raises:
        Nothing: it did not answer.
    """
    worker = session.worker
    if worker is None:
        raise Nothing("no model is loaded")
    early: asyncio.Future[Partial] = asyncio.get_running_loop().create_future()

    def partial(message: Partial) -> None:
        if not early.done():
            early.set_result(message)

    stop, tokens = _stop(session, view)
    writing = asyncio.get_running_loop().create_task(
        worker.complete(
            () if session.laid_out_there else prompt.parts,
            stop,
            tokens,
            session.config.deadline_ms,
            path_of(view.snapshot.uri),
            session.familiar(view.context.language),
            tuple(stage for stage in session.without if stage != "filters" and stage != "retrieval"),
            speculative,
            partial,
            prompt.infill if session.config.engine == "http" else None,
        )
    )
    try:
        if speculative or stop.kind == "line":
            await asyncio.wait({writing})
        else:
            await asyncio.wait({writing}, timeout=_WHOLE_BLOCK_S)
            either: set[asyncio.Future[Any]] = {writing, early}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        writing.cancel()
        raise
    if writing.done():
        return _finished(session, worker, view, place, writing.result(), trace, speculative=speculative)
    so_far = early.result()
    session.streaming = asyncio.get_running_loop().create_task(
        _rest(session, worker, view, place, writing, trace)
    )
    return _candidates(view, [(so_far.text, so_far.steps)], trace, by_memory=False)


async def _rest(
    session: Session,
    worker: WorkerClient,
    view: View,
    place: Place,
    writing: "asyncio.Task[Finished | None]",
    trace: Trace,
) -> None:
    """Wait for the end of a block whose beginning is shown already."""
    try:
        finished = await writing
        _finished(session, worker, view, place, finished, trace, speculative=False)
    except asyncio.CancelledError:
        writing.cancel()
        raise
    except Nothing:
        return
    session.more(view.snapshot.uri)


def _finished(
    session: Session,
    worker: WorkerClient,
    view: View,
    place: Place,
    finished: Finished | None,
    trace: Trace,
    *,
    speculative: bool,
) -> tuple[Candidate, ...]:
    """Read the engine's answer, and keep it if it is whole."""
    if finished is None:
        raise Nothing(worker.last_failure)
    if finished.error:
        raise Nothing(f"the engine failed: {finished.error}")
    _note_trouble(session, finished, trace)
    session.metrics.prompted(finished.prompt_tokens, finished.reused_tokens)
    session.metrics.computed("lookahead" if speculative else "asked", finished.tokens, 0.0)
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
        session.cache.put(place, candidates, speculated=speculative)
    return candidates


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
