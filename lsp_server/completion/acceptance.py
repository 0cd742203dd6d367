"""What became of a suggestion: accepted by command, or as the editor's changes show; typed by hand; contradicted.

LSP has no message for "dismissed", so what is typed at the place tells. One suggestion has one outcome: what is shown
again after a key, shorter by that key, and what ghost text and menu show at the same place, is one suggestion. The
adaptation learns from each outcome. Shows nothing, and knows nothing of time but what it is told.
"""

import itertools
from collections.abc import Iterator, Sequence

from lsp_server.base.text import content
from lsp_server.completion import survival
from lsp_server.completion.session import Outcome, Session, Shown
from lsp_server.workspace.documents import Change

#: How much each outcome says of whether the suggestion was right, 0 to 1, and what it says. An acceptance may be
#: regretted: the other half of its weight is survival's. Whoever goes elsewhere may not have looked.
_SAYS: dict[Outcome, tuple[float, float]] = {
    "accepted": (0.5, 1.0),
    "typed": (1.0, 1.0),
    "rejected": (1.0, 0.0),
    "ignored": (0.1, 0.0),
}

#: What editors insert behind the cursor by themselves when its partner is typed.
_CLOSERS = ")]}>\"'`"


def accepted(session: Session, suggestion_id: object, now: float) -> None:
    """The client says that it inserted a suggestion. An unknown number is no matter: it may be long ago.

    Args:
        now: seconds since 1970, as everywhere here.
    """
    shown = session.shown.get(suggestion_id) if isinstance(suggestion_id, int) else None
    if shown is not None:
        _accept(session, shown, now)


def observe(session: Session, uri: str, changes: Sequence[Change], now: float) -> None:
    """Tell acceptance by what is about to be inserted: LSP has no message for a part of a suggestion, and VS Code runs
    no command for one (microsoft/vscode#172384).

    An insertion of more than one character that begins the newest suggestion of the document is one: a person types
    single characters.
    """
    survival.moved(session, uri, changes)
    _count(session, uri, changes)
    newest = next((shown for shown in reversed(session.shown.values()) if shown.uri == uri), None)
    if newest is None or newest.first.outcome == "accepted":
        return
    text = newest.suggestion.text
    for change in changes:
        inserted = change.text.replace("\r\n", "\n")
        if change.start is None or change.start[0] != newest.line or len(inserted) < 2:
            continue
        if inserted == text or inserted.endswith(text):
            _accept(session, newest, now)
        elif text.startswith(inserted):
            session.metrics.inserted(len(inserted), newest.language, whole=False)
            newest.first.taken += len(inserted)


def settle(session: Session, uri: str, changes: Sequence[Change], now: float) -> None:
    """Find out what the document, as it is after some changes, says of the suggestions that are open in it."""
    document = session.documents.get(uri)
    for shown in list(_open(session, uri)) if document is not None else ():
        line = document.lines[shown.line] if document and shown.line < len(document.lines) else ""
        _settle(session, shown, content(line), changes, now)


def closing(session: Session, uri: str, now: float) -> None:
    """A document is about to be closed: nothing more will be known of what was suggested in it."""
    survival.closing(session, uri, now)
    for shown in _open(session, uri):
        shown.outcome = "unknown"


def _count(session: Session, uri: str, changes: Sequence[Change]) -> None:
    """Count what is written. A change of the whole text says nothing of that."""
    document = session.documents.get(uri)
    for change in changes:
        if document is not None and change.start is not None:
            session.metrics.wrote(len(change.text), document.language_id)


def _open(session: Session, uri: str) -> Iterator[Shown]:
    return (
        shown
        for shown in session.shown.values()
        if shown.uri == uri and shown.first is shown and not shown.outcome
    )


def _settle(session: Session, shown: Shown, line: str, changes: Sequence[Change], now: float) -> None:
    """Give a suggestion its outcome, if the line where it was shown and the changes tell it."""
    expected = shown.suggestion.text.split("\n")[0]
    if any(change.start is not None and change.start[0] != shown.line for change in changes):
        _end(session, shown, "ignored", now)
    elif not expected.strip() or not line.startswith(shown.before):
        shown.outcome = "unknown"
    else:
        typed = line[len(shown.before) :].removesuffix(shown.after)
        same = _in_common(typed, expected)
        if same == len(expected):
            _end(session, shown, "typed", now)
        elif typed[same:].strip(_CLOSERS) or any("\n" in change.text for change in changes):
            _end(session, shown, "rejected", now)


def _in_common(one: str, other: str) -> int:
    """Characters that two texts begin with alike."""
    alike = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return sum(1 for _ in alike)


def _accept(session: Session, shown: Shown, now: float) -> None:
    if shown.first.outcome != "accepted":
        session.metrics.inserted(len(shown.suggestion.text), shown.language, whole=True)
        session.metrics.ended("accepted", shown.language)
        survival.follow(session, shown, now)
    if not shown.first.outcome:
        _end(session, shown.first, "accepted", now)
    shown.first.outcome = "accepted"


def _end(session: Session, shown: Shown, outcome: Outcome, now: float) -> None:
    """Note an outcome and learn from it. Of a suggestion that was taken in part, that part was right."""
    shown.outcome = outcome
    if outcome == "typed" or outcome == "rejected" or outcome == "ignored":
        session.metrics.ended("partly" if shown.taken else outcome, shown.language)
    if not session.config.adapt:
        return
    adaptation = session.adaptation
    counts = adaptation.counts
    if outcome == "accepted" or (shown.taken and outcome != "typed"):
        counts.accepted += 1
    elif outcome == "typed":
        counts.typed += 1
    elif outcome == "rejected":
        counts.rejected += 1
    else:
        counts.ignored += 1
    weight, right = _SAYS[outcome]
    if shown.taken:
        right = max(right, min(1.0, shown.taken / len(shown.suggestion.text)))
    adaptation.learn(shown.language, shown.odds, right, weight, now)
