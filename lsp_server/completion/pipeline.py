"""One request, straight down: snapshot, context, prompt, cache, engine, filters, gate, suggestion.

``complete`` is the whole of it. Nothing here knows LSP, and nothing waits before the cache was asked. ``speculate`` is
the same for a question that may come.
"""

import asyncio
import contextlib
from collections.abc import Iterator, Sequence

import msgspec

from lsp_server.completion import filters, gate
from lsp_server.completion.asking import ask, capacity_of, note, place_at, prompt_of, text_around
from lsp_server.completion.cache import Found, Origin, continued
from lsp_server.completion.flight import Nothing
from lsp_server.completion.gather import NOTHING, gather, settled
from lsp_server.completion.look import View, look
from lsp_server.completion.remember import may_be_remembered, remember
from lsp_server.completion.session import Session
from lsp_server.completion.trace import Stopwatch, Trace
from lsp_server.completion.types import Candidate, Gathered, Snapshot, Source, Suggestion
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
        return await _complete(session, snapshot, trace, watch, "asked")
    except Nothing as nothing:
        trace.source = "nothing"
        trace.reason = str(nothing)
        return None
    finally:
        watch.stop()


def heed(session: Session, snapshot: Snapshot) -> None:
    """A question has come: what is written for an earlier one of that document goes on if it may answer this one too,
    and else ends within one token. Called at its arrival, before anything else can happen."""
    session.ahead.await_answer()
    session.ahead.place, session.ahead.unsettled = None, False
    session.newest[snapshot.uri] = _moment(snapshot)
    if "joined" in session.without:
        session.stop_speculation()
        session.flights.make_way(snapshot.uri)
    elif session.model is not None:
        session.flights.heed(snapshot.uri, text_around(snapshot, session.model.manifest))


async def speculate(
    session: Session, snapshot: Snapshot, origin: Origin, *, only_prompt: bool = False
) -> tuple[Suggestion | None, Trace]:
    """Do the work of a request that nobody has asked yet, and leave the answer in the cache.

    Args:
        origin: what for. "prefill" looks for pieces of other files too, as the question will, and has the prompt stand
            in the KV cache even where nothing would be suggested.
        only_prompt: that is all that is wanted.
    """
    trace = Trace(id=0, path=snapshot.path, line=0, column=0, kind=origin)
    try:
        watch = Stopwatch(trace)
        return await _complete(session, snapshot, trace, watch, origin, only_prompt=only_prompt), trace
    except Nothing as nothing:
        trace.reason = str(nothing)
        return None, trace


async def _complete(
    session: Session,
    snapshot: Snapshot,
    trace: Trace,
    watch: Stopwatch,
    origin: Origin,
    *,
    only_prompt: bool = False,
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
    if silence and not snapshot.invoked and origin != "prefill":
        raise Nothing(silence)
    watch.stage("context")

    # 2. What is known already, or being written; else the engine: the only wait of an ordinary request.
    only_prompt = only_prompt or bool(silence and not snapshot.invoked)
    writer = _Writer(session, view, model, trace, watch, origin, only_prompt=only_prompt)
    candidates, source = await writer.candidates()
    if writer.only_prompt:
        raise Nothing("only the prompt was wanted")
    if not candidates:
        trace.complete = True
        raise Nothing("the model has nothing to add here")

    # 3. What may be shown of it here and now: the likeliest that passes the filters, if it is sure enough.
    candidate, passed = _filtered(session, candidates, view, trace)
    session.cache.shown(writer.place, candidate, passed)
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
    return Suggestion(shown.text, shown.replace, source, trace.id, len(candidate.steps))


class _Writer:
    """Gets the candidates for one view: from the cache, from what is being written, from the engine.

    Attributes:
        place: of the view, as the cache has it.
        only_prompt: nothing is written.
    """

    def __init__(
        self,
        session: Session,
        view: View,
        model: Model,
        trace: Trace,
        watch: Stopwatch,
        origin: Origin,
        *,
        only_prompt: bool,
    ) -> None:
        self._session, self._view, self._trace, self._watch = session, view, trace, watch
        self._model, self._project = model, session.project(view.snapshot.uri)
        self._origin, self.only_prompt = origin, only_prompt
        self.place = place_at(session, view, model.manifest, self._project)

    async def candidates(self) -> tuple[tuple[Candidate, ...], Source]:
        """See the class.

        Raises:
            Nothing: there are none to be had.
        """
        session, asked = self._session, self._origin == "asked"
        if asked:
            session.ahead.place = self.place
        found = self._found()
        self._watch.stage("cache")
        if found is not None and self._origin != "prefill":
            return found.candidates(), found.source
        # What is known there says nothing of the KV cache: the server or the worker may have been started since.
        self.only_prompt = self.only_prompt or found is not None
        joined = await self._joined()
        if joined is not None:
            return joined, "joined"
        if asked:
            session.stop_speculation()
            await self._pause()
        return await self._asked_afresh()

    def _found(self) -> Found | None:
        without = self._session.without
        found = None if "cache" in without else self._session.cache.find(self.place)
        return None if found is not None and found.typed and "typed_through" in without else found

    async def _joined(self) -> tuple[Candidate, ...] | None:
        """What a generation that runs already comes to; ``None`` where none does that is of use."""
        session = self._session
        flying = None if "joined" in session.without else session.flights.find(self.place)
        if flying is None:
            return None
        flight, typed = flying
        try:
            candidates = await flight.lands(session.config.deadline_ms / 1_000)
        except Nothing:
            return None
        finally:
            self._watch.stage("engine")
        if not typed:
            return candidates
        return continued(candidates, typed) if continued(candidates[:1], typed) else None

    async def _pause(self) -> None:
        """Wait for the next key, where the model is slow; an answer from the cache never waits."""
        pause = 0.0 if self._view.snapshot.invoked else self._session.rhythm.pause()
        if pause:
            await asyncio.sleep(pause)
            self._watch.stage("pause")

    async def _asked_afresh(self) -> tuple[tuple[Candidate, ...], Source]:
        session, view, manifest = self._session, self._view, self._model.manifest
        first = self._origin in ("asked", "prefill")  # the others follow from what was asked before
        if first and view.snapshot.uri not in session.remembered:
            remember(session, view.snapshot)
        capacity = capacity_of(manifest)
        gathered = await self._pieces(capacity) if first else session.gathered.get(view.snapshot.uri, NOTHING)
        prompt = prompt_of(manifest, capacity, view, gathered, self._project)
        self._watch.stage("prompt")
        if self._origin == "asked":
            joined = await self._joined()  # the menu and ghost text ask about one place at once
            if joined is not None:
                return joined, "joined"
        if session.model is not self._model:  # the engine that would be asked has another, laid out otherwise
            raise Nothing("another model was chosen meanwhile")
        if self._origin == "asked":
            if _outdated(session, view.snapshot):
                raise Nothing("there is a newer question")
            session.flights.make_way(view.snapshot.uri)
            self._take(gathered)
        candidates = await ask(
            session,
            view,
            prompt,
            self.place,
            self._trace,
            origin=self._origin,
            only_prompt=self.only_prompt,
        )
        self._watch.stage("engine")
        if self._origin == "prefill":  # not before a prompt with them has been evaluated
            self._take(gathered)
        by_memory = any(candidate.by_memory for candidate in candidates)
        return candidates, "memory" if by_memory else "model"

    async def _pieces(self, capacity: int) -> Gathered:
        """Those of other files. With new ones nearly the whole prompt has to be evaluated, so a question is asked with
        those that the document has, and work ahead takes the new ones."""
        session, view, manifest = self._session, self._view, self._model.manifest
        old = session.gathered.get(view.snapshot.uri)
        later = self._origin == "asked" and not view.snapshot.invoked and "prefill" not in session.without
        if old is not None and later and session.may_work_ahead() != "off":
            session.ahead.unsettled = not settled(session, view)
            return old
        gathered = await gather(session, view, manifest.template, capacity, manifest.pieces)
        self._watch.stage("retrieval")
        return gathered

    def _take(self, gathered: Gathered) -> None:
        if gathered is not NOTHING:
            self._session.gathered[self._view.snapshot.uri] = gathered


async def _model(session: Session) -> Model:
    """The model; a question that comes while the server is still starting waits for it."""
    if not session.started.is_set():
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(session.started.wait(), session.config.deadline_ms / 1_000)
    if session.model is None:
        raise Nothing(session.trouble or "the model is not loaded yet")
    return session.model


def _moment(snapshot: Snapshot) -> tuple[int, int, int]:
    return snapshot.version, snapshot.line, snapshot.column


def _outdated(session: Session, snapshot: Snapshot) -> bool:
    """Whether another place of the document was asked about meanwhile, in the menu or beside the cursor: what is
    written for that must not be ended."""
    return session.newest.get(snapshot.uri, _moment(snapshot)) != _moment(snapshot)


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
