"""One request, straight down: snapshot, context, prompt, cache, engine, filters, gate, suggestion.

``complete`` is the whole of it. Nothing here knows LSP, and nothing waits before the cache was asked.
"""

import asyncio
import contextlib
from collections.abc import Iterator, Sequence

import msgspec

from lsp_server.completion import filters, gate
from lsp_server.completion.asking import Nothing, ask, capacity_of, note, place_at, prompt_of
from lsp_server.completion.gather import NOTHING, gather
from lsp_server.completion.look import View, look
from lsp_server.completion.remember import may_be_remembered, remember
from lsp_server.completion.session import Session
from lsp_server.completion.trace import Stopwatch, Trace
from lsp_server.completion.types import Candidate, Snapshot, Source, Suggestion
from lsp_server.context.syntax import Unparsed
from lsp_server.models.store import Model
from lsp_server.prompt.families import family


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
    template = model.manifest.template
    special_tokens = (*model.manifest.special_tokens, *family(template).stops)
    about = session.grammars.without_grammar(snapshot.language)
    view = await look(snapshot, session.grammar(snapshot.language), special_tokens, about)
    _keep_tree(session, view)
    trace.cursor = view.context.cursor
    silence = _silence(session, view)
    if silence and not snapshot.invoked:
        raise Nothing(silence)
    watch.stage("context")

    # 2. The cache: computed before, or typed through.
    project = session.project(snapshot.uri)
    place = place_at(session, view, model.manifest, project)
    source: Source
    found = session.cache.find(place)
    watch.stage("cache")
    if found is not None:
        source, candidates = found.source, found.candidates()
    else:
        # 3. The engine. The only wait of an ordinary request.
        if not speculative and snapshot.uri not in session.remembered:
            remember(session, snapshot)
        capacity = capacity_of(model.manifest)
        gathered = session.gathered.get(snapshot.uri, NOTHING)
        if not speculative:
            gathered = await gather(session, view, template, capacity, model.manifest.pieces)
            watch.stage("retrieval")
        prompt = prompt_of(model.manifest, capacity, view, gathered, project)
        watch.stage("prompt")
        candidates = await ask(session, view, prompt, place, trace, speculative=speculative)
        source = "memory" if any(candidate.by_memory for candidate in candidates) else "model"
        watch.stage("engine")
    if not candidates:
        raise Nothing("the model has nothing to add here")

    # 4. What may be shown of it here and now: the likeliest that passes the filters, if it is sure enough.
    candidate, passed = _filtered(session, candidates, view, trace)
    session.cache.shown(place, candidate, passed)
    watch.stage("filters")
    shown = _judged(session, candidate, passed, view, trace)
    trace.unasked = trace.sure and not silence
    watch.stage("gate")
    if not snapshot.invoked and not trace.sure:
        raise Nothing(
            f"not sure enough: right with probability {int(100 * trace.confidence) / 100:.2f}, "
            f"'{trace.mode}' shows from {trace.threshold:.2f} on"
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
    if session.config.engine == "http" and not may_be_remembered(session, snapshot.uri):
        raise Nothing("the file is ignored or holds secrets, so nothing of it is sent to the server")


def _silence(session: Session, view: View) -> str:
    """Why a suggestion is not wanted here unless it is asked for explicitly; empty where it is."""
    if view.context.cursor in ("comment", "docstring") and not session.config.comments:
        return f"the cursor is in a {view.context.cursor}; the setting 'comments' is off"
    after = view.surroundings.after[:1]
    if after.isalnum() or after == "_":
        return "a word stands right behind the cursor"
    return ""


def _filtered(
    session: Session, candidates: Sequence[Candidate], view: View, trace: Trace
) -> tuple[Candidate, Candidate]:
    """The likeliest candidate that the filters leave something of: as it was computed, and what they left."""
    verdicts: tuple[filters.Verdict, ...] = ()
    chain = () if "filters" in session.without else filters.AFTER_CACHE
    for candidate in candidates:
        shown, verdicts = filters.run(chain, candidate, view.surroundings)
        note(trace, verdicts)
        if shown is not None:
            return candidate, shown
    raise Nothing(f"filter {verdicts[-1].filter}: {verdicts[-1].reason}")


def _judged(session: Session, candidate: Candidate, passed: Candidate, view: View, trace: Trace) -> Candidate:
    """Ask the gate, for this user, how sure it is, and of how many lines of a block: only so many are shown."""
    known = session.familiar(view.context.language)
    trace.shift = session.shift(view.snapshot.language)
    trace.mode = session.config.mode
    trace.threshold = session.gate.thresholds[session.config.mode]
    shown = passed
    for shorter in _shorter(passed):
        steps = gate.supporting(candidate, shorter)
        trace.features = gate.features(shorter, steps, view.context.cursor, known)
        trace.odds = session.gate.odds(trace.features)
        trace.confidence = gate.probability(trace.odds + trace.shift)
        trace.reasons = session.gate.reasons(trace.features)
        trace.sure = trace.confidence >= trace.threshold
        shown = shorter
        if trace.sure:
            return shown
    return passed if view.snapshot.invoked else shown


def _shorter(candidate: Candidate) -> Iterator[Candidate]:
    """The candidate, then without its last line, and so on to the first line that says anything."""
    lines = candidate.text.split("\n")
    while True:
        yield msgspec.structs.replace(candidate, text="\n".join(lines))
        lines.pop()
        while lines and not lines[-1].strip():
            lines.pop()
        if not lines:
            return
