"""Computing ahead, one question after the other, while nobody asks: called after an answer, and when the cursor moves.

A question that really comes is answered first. One that the cache or a running generation answers lets the work go on,
as it needs no engine; any other stops it within one token (``Session.stop_speculation``). What is done for a target
that can no longer come is ended by the next word about where the user is.
"""

import asyncio

from lsp_server.completion import snapshot as snapshots
from lsp_server.completion.asking import begins
from lsp_server.completion.pipeline import speculate
from lsp_server.completion.session import Session
from lsp_server.completion.speculation.ahead import Outcome, Question, Target
from lsp_server.completion.speculation.targets import targets
from lsp_server.completion.trace import Trace
from lsp_server.completion.types import Snapshot, Suggestion

#: How long the cursor rests, and how long a changed text, until the prompt is evaluated (s). A question that is asked
#: meanwhile does it.
_MOVED_S, _CHANGED_S = 0.1, 0.3


def after(session: Session, snapshot: Snapshot, suggestion: Suggestion | None, trace: Trace) -> None:
    """A question was answered, and the answer is out."""
    session.ahead.at(snapshot.uri, snapshot.line, snapshot.column)
    if session.ahead.place is None:  # nothing is suggested there, and so nothing follows from it
        _soon(session, snapshot.uri, _CHANGED_S)
        return
    ahead = session.ahead
    ahead.question = Question(snapshot, ahead.place, suggestion, trace.complete, ahead.unsettled)
    _go_on(session)


def moved(session: Session, uri: str, line: int, column: int) -> None:
    """The cursor went there, or the document came to the front."""
    session.ahead.at(uri, line, column)
    _soon(session, uri, _MOVED_S)


def rested(session: Session, uri: str) -> None:
    """A document was changed, opened or saved, or there is a model now: wherever the cursor was last in it."""
    if uri in session.ahead.cursors:
        _soon(session, uri, _CHANGED_S)


def ready(session: Session) -> None:
    """There is a model now, which has evaluated nothing yet: wherever the cursor was last."""
    session.ahead.outcomes.clear()
    if session.ahead.cursors:
        rested(session, next(reversed(session.ahead.cursors)))


def _soon(session: Session, uri: str, seconds: float) -> None:
    ahead = session.ahead
    if ahead.timer is not None:
        ahead.timer.cancel()
    ahead.timer = asyncio.get_running_loop().call_later(seconds, _at_rest, session, uri)


def _at_rest(session: Session, uri: str) -> None:
    """Nothing was asked for a moment: have the prompt stand in the KV cache before it is."""
    session.ahead.timer = None
    document = session.documents.get(uri)
    if document is None or "prefill" in session.without or session.config.engine == "http":
        return
    line, column = session.ahead.cursors[uri]
    snapshot = snapshots.take(document, session.grammar(document.language_id), line, column)
    session.ahead.question = Question(snapshot)
    _go_on(session)


def _go_on(session: Session) -> None:
    """Begin, or go on with what is still of use."""
    ahead = session.ahead
    if ahead.working:
        if ahead.target is not None and any(ahead.target.key == target.key for target in _targets(session)):
            return
        ahead.stop()
    ahead.task = asyncio.get_running_loop().create_task(_work(session))


async def _work(session: Session) -> None:
    ahead = session.ahead
    while (target := _next(session)) is not None:
        ahead.target = target
        suggestion, trace = await speculate(
            session, target.snapshot, target.origin, only_prompt=target.only_prompt
        )
        ahead.note(target, Outcome(suggestion, trace.complete))
        ahead.target = None


def _next(session: Session) -> Target | None:
    """What to compute now; ``None`` if nothing, or if there are better things to do."""
    if session.flights.asked() or session.worker is None or session.worker.loaded is None:
        return None
    known = session.ahead.outcomes
    return next((target for target in _targets(session) if target.key not in known), None)


def _targets(session: Session) -> list[Target]:
    ahead, level = session.ahead, session.may_work_ahead()
    question = ahead.question
    if level == "off" or question is None:
        return []
    found = session.cache.find(question.place) if question.place is not None else None
    grammar = session.grammar(question.snapshot.language)
    spared = {"lookahead": "lookahead", "branch": "branches", "prefill": "prefill"}
    every = targets(
        question,
        level,
        lambda target: ahead.outcomes.get(target.key),
        found,
        grammar,
        lambda snapshot: begins(session, snapshot),
    )
    return [target for target in every if spared[target.origin] not in session.without]
