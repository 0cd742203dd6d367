"""One request, straight down: snapshot, context, prompt, cache, engine, filters, gate, suggestion.

``complete`` is the whole of it. Nothing here knows LSP, and nothing waits before the cache was asked.
"""

import asyncio
import contextlib
from collections.abc import Sequence

import msgspec

from lsp_server.base.parts import Part
from lsp_server.base.uri import path_of
from lsp_server.completion import filters, gate
from lsp_server.completion.cache import BEFORE, BEHIND, TYPED_THROUGH, Place
from lsp_server.completion.look import View, look
from lsp_server.completion.remember import remember
from lsp_server.completion.session import Session
from lsp_server.completion.trace import Stopwatch, Trace
from lsp_server.completion.types import Candidate, Snapshot, Source, Suggestion
from lsp_server.context.syntax import Unparsed
from lsp_server.context.types import Context
from lsp_server.engine.messages import Stop
from lsp_server.models.manifest import Manifest
from lsp_server.models.store import Model
from lsp_server.prompt.render import budget, outline, render
from lsp_server.prompt.window import window

#: Tokens that a completion may have. The prompt leaves room for the larger, so that both share one KV cache.
_LINE_TOKENS, _BLOCK_TOKENS = 48, 96


class Nothing(Exception):
    """The way out of the pipeline when there is nothing to offer; its text is the reason. Never leaves this module."""


async def complete(session: Session, snapshot: Snapshot, trace: Trace) -> Suggestion | None:
    """Answer one request.

    Returns:
        a suggestion, or ``None``; ``trace`` then says why.
    """
    watch = Stopwatch(trace)
    try:
        return await _complete(session, snapshot, trace, watch, speculative=False)
    except Nothing as nothing:
        trace.source = "nothing"
        trace.reason = str(nothing)
        return None
    finally:
        watch.stop()


async def speculate(session: Session, snapshot: Snapshot) -> Suggestion | None:
    """Do the work of a request that nobody has asked yet, and leave the answer in the cache."""
    trace = Trace(id=0, path=snapshot.path, line=0, column=0, kind="speculation")
    try:
        return await _complete(session, snapshot, trace, Stopwatch(trace), speculative=True)
    except Nothing:
        return None


async def _complete(
    session: Session, snapshot: Snapshot, trace: Trace, watch: Stopwatch, *, speculative: bool
) -> Suggestion:
    # 1. What the cursor is in, and whether anything belongs there.
    _wanted(session, snapshot)
    model = await _model(session)
    special_tokens = tuple(model.manifest.special_tokens)
    view = await look(snapshot, session.grammar(snapshot.language), special_tokens)
    _keep_tree(session, view)
    trace.cursor = view.context.cursor
    silence = _silence(session, view)
    if silence and not snapshot.invoked:
        raise Nothing(silence)
    watch.stage("context")

    # 2. The cache: computed before, or typed through.
    prompt = prompt_of(model.manifest, view)
    watch.stage("prompt")
    place = _place(session, view, prompt)
    source: Source
    found = session.cache.find(place)
    watch.stage("cache")
    if found is not None:
        source = "speculated" if found.entry.speculated else "cache"
        candidates = found.candidates()
    else:
        # 3. The engine. The only wait of an ordinary request.
        if not speculative and snapshot.uri not in session.remembered:
            remember(session, snapshot)
        candidates, whole = await _ask(session, view, prompt, trace)
        source = "memory" if any(candidate.by_memory for candidate in candidates) else "model"
        watch.stage("engine")
        if whole:
            session.cache.put(place, candidates, speculated=speculative)
    if not candidates:
        raise Nothing("the model has nothing to add here")

    # 4. What may be shown of it here and now: the likeliest that passes the filters, if it is sure enough.
    candidate, shown = _filtered(session, candidates, view, trace)
    watch.stage("filters")
    _judge(session, candidate, shown, view, trace)
    trace.unasked = trace.sure and not silence
    watch.stage("gate")
    if not snapshot.invoked and not trace.sure:
        raise Nothing(
            f"not sure enough: right with probability {trace.confidence:.2f}, shown from {trace.threshold:.2f} on"
        )
    trace.source = source
    trace.shown = len(shown.text)
    return Suggestion(text=shown.text, replace=shown.replace, source=source, id=trace.id)


async def _model(session: Session) -> Model:
    """The model; a question that comes while the server is still starting waits for it."""
    if not session.started.is_set():
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(session.started.wait(), session.config.deadline_ms / 1_000)
    if session.model is None:
        raise Nothing(session.trouble or "the model is not loaded yet")
    return session.model


def _keep_tree(session: Session, view: View) -> None:
    """A tree that had to be made elsewhere is what the next key's parse starts from."""
    document = session.documents.get(view.snapshot.uri)
    made_elsewhere = isinstance(view.snapshot.syntax, Unparsed) and view.snapshot.syntax.revision >= 0
    if document is not None and view.tree is not None and made_elsewhere:
        document.keep(view.tree)


def _wanted(session: Session, snapshot: Snapshot) -> None:
    if not session.enabled:
        raise Nothing("Offhand is switched off")
    document = session.documents.get(snapshot.uri)
    editors_name = document.language_id if document else ""
    for name in (snapshot.language, editors_name):
        if name in session.config.disabled_languages:
            raise Nothing(f"the setting 'disabled_languages' has '{name}'")


def _silence(session: Session, view: View) -> str:
    """Why a suggestion is not wanted here unless it is asked for explicitly; empty where it is."""
    if view.context.cursor in ("comment", "docstring") and not session.config.comments:
        return f"the cursor is in a {view.context.cursor}; the setting 'comments' is off"
    after = view.surroundings.after[:1]
    if after.isalnum() or after == "_":
        return "a word stands right behind the cursor"
    return ""


class Prompt(msgspec.Struct, frozen=True):
    """A prompt, and the part of it that is not the cursor's surroundings."""

    parts: tuple[Part, ...]
    snippet: str


def prompt_of(manifest: Manifest, view: View) -> Prompt:
    snapshot, most = view.snapshot, budget(manifest.context_length - _BLOCK_TOKENS)
    seen = window(snapshot.lines, snapshot.line, snapshot.column, most.prefix, most.suffix)
    snippet = outline(view.context.imports, view.scopes_around(seen.first_line)) if seen.first_line else ""
    parts = render(
        manifest.template,
        seen,
        snippet,
        snapshot.path,
        view.context.language,
        manifest.language_tokens,
        most,
    )
    return Prompt(parts, snippet)


def _place(session: Session, view: View, prompt: Prompt) -> Place:
    snapshot, reach = view.snapshot, BEFORE + TYPED_THROUGH
    wide = window(snapshot.lines, snapshot.line, snapshot.column, reach, BEHIND)
    setting = (
        snapshot.path,
        snapshot.language,
        session.config.model,
        session.config.multiline,
        prompt.snippet,
    )
    return Place(before=wide.prefix, behind=wide.suffix, setting="\0".join(setting))


def _stop(session: Session, context: Context) -> tuple[Stop, int]:
    """Where to stop, and the most tokens: a block where the syntax expects its first statement, else a line."""
    if context.cursor == "block_start" and session.config.multiline == "auto":
        return Stop("block", indent=context.block_indent), _BLOCK_TOKENS
    return Stop("line"), _LINE_TOKENS


def _filtered(
    session: Session, candidates: Sequence[Candidate], view: View, trace: Trace
) -> tuple[Candidate, Candidate]:
    """The likeliest candidate that the filters leave something of: as it was computed, and what they left."""
    verdicts: tuple[filters.Verdict, ...] = ()
    chain = () if "filters" in session.without else filters.AFTER_CACHE
    for candidate in candidates:
        shown, verdicts = filters.run(chain, candidate, view.surroundings)
        _note(trace, verdicts)
        if shown is not None:
            return candidate, shown
    raise Nothing(f"filter {verdicts[-1].filter}: {verdicts[-1].reason}")


def _judge(session: Session, candidate: Candidate, shown: Candidate, view: View, trace: Trace) -> None:
    """Ask the gate how sure it is."""
    steps = gate.supporting(candidate, shown)
    known = session.model is not None and view.context.language in session.model.manifest.languages
    trace.features = gate.features(shown, steps, view.context.cursor, known)
    trace.confidence = gate.probability(session.gate.odds(trace.features))
    trace.threshold = session.gate.thresholds[session.config.mode]
    trace.sure = trace.confidence >= trace.threshold


async def _ask(
    session: Session, view: View, prompt: Prompt, trace: Trace
) -> tuple[tuple[Candidate, ...], bool]:
    """Let the model write.

    Returns:
        what it wrote, the likeliest first, none when it chose to write nothing; and whether it came to its own end.
    """
    if session.worker is None:
        raise Nothing("no model is loaded")
    stop, tokens = _stop(session, view.context)
    finished = await session.worker.complete(
        prompt.parts,
        stop,
        tokens,
        session.config.deadline_ms,
        path_of(view.snapshot.uri),
        tuple(stage for stage in session.without if stage != "filters"),
    )
    if finished is None:
        raise Nothing(session.worker.last_failure)
    if finished.error:
        raise Nothing(f"the engine failed: {finished.error}")
    session.metrics.prompted(finished.prompt_tokens, finished.reused_tokens)
    trace.tokens = {
        "prompt": finished.prompt_tokens,
        "reused": finished.reused_tokens,
        "generated": finished.tokens,
    }
    if finished.reason == "cancelled" or (finished.reason == "deadline" and not finished.text):
        raise Nothing(f"the engine stopped early: {finished.reason}")
    candidates: list[Candidate] = []
    by_memory = finished.source == "memory"
    for text, steps in ((finished.text, finished.steps), *((one.text, one.steps) for one in finished.others)):
        candidate, verdicts = filters.run(
            filters.BEFORE_CACHE, Candidate(text, steps=steps, by_memory=by_memory), view.surroundings
        )
        _note(trace, verdicts)
        if candidate is not None and candidate.text:
            candidates.append(candidate)
    return tuple(candidates), finished.reason not in ("deadline", "length") and not by_memory


def _note(trace: Trace, verdicts: tuple[filters.Verdict, ...]) -> None:
    trace.filters += [
        {"filter": verdict.filter, "outcome": verdict.outcome, "reason": verdict.reason}
        for verdict in verdicts
        if verdict.outcome != "kept"
    ]
