"""How much of an accepted text still stands a while later: what was deleted or rewritten soon was not right.

Looked at half a minute, two and ten minutes after the acceptance, and when the document closes; never while a key is
handled, where only line numbers are kept up to date. The measure is like Zed's "kept rate": the share of the accepted
tokens, by length, that are found in the same order in the lines where the text was inserted.
"""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

from lsp_server.completion.session import Session, Shown, Standing
from lsp_server.workspace.documents import Change, Document

#: Seconds after acceptance at which is looked.
LOOKS = (30, 120, 600)

#: Texts that are followed at the same time; the oldest is given up.
_MOST = 50

#: Tokens that are compared.
_TOKENS = 300

#: Less than this share makes a text lost, and no later look is needed.
_LOST = 0.5

#: How much survival says beside the acceptance itself.
_WEIGHT = 0.5

_TOKEN = re.compile(r"\w+|[^\w\s]")


def follow(session: Session, shown: Shown, now: float) -> None:
    """Begin to follow an accepted suggestion."""
    if not session.config.adapt:
        return
    standing = Standing(
        uri=shown.uri,
        language=shown.language,
        odds=shown.odds,
        text=shown.suggestion.text,
        line=shown.line,
        since=now,
    )
    session.standing.append(standing)
    del session.standing[:-_MOST]


def moved(session: Session, uri: str, changes: Sequence[Change]) -> None:
    """Keep the line numbers right."""
    for standing in session.standing:
        for change in changes if standing.uri == uri else ():
            if change.start is not None and change.end is not None and change.start[0] < standing.line:
                grown = change.text.count("\n") - (change.end[0] - change.start[0])
                standing.line = max(change.start[0], standing.line + grown)


def look(session: Session, now: float) -> None:
    """Look at those texts whose time has come."""
    kept = []
    for standing in session.standing:
        document = session.documents.get(standing.uri)
        if document is None:
            continue
        share = 1.0
        due = [after for after in LOOKS[standing.looks :] if now - standing.since >= after]
        if due:
            share = _share(standing, document)
            # What is gone will be gone at the later looks, too.
            for after in due if share >= _LOST else LOOKS[standing.looks :]:
                session.metrics.looked(after, stood=share >= _LOST)
            standing.looks += len(due)
        if share < _LOST or standing.looks == len(LOOKS):
            _learn(session, standing, share, now)
        else:
            kept.append(standing)
    session.standing[:] = kept


def closing(session: Session, uri: str, now: float) -> None:
    """Look for the last time at the texts of a document that is about to be closed."""
    document = session.documents.get(uri)
    for standing in [one for one in session.standing if one.uri == uri]:
        session.standing.remove(standing)
        if document is not None:
            _learn(session, standing, _share(standing, document), now)


def share_of(text: str, lines: Sequence[str]) -> float:
    """The share of a text's tokens, by length, that these lines still hold in order; 1 for a text without tokens."""
    tokens = _TOKEN.findall(text)[:_TOKENS]
    present = _TOKEN.findall("\n".join(lines))[: 2 * _TOKENS]
    total = sum(map(len, tokens))
    blocks = SequenceMatcher(None, tokens, present, autojunk=False).get_matching_blocks()
    return sum(sum(map(len, tokens[one.a : one.a + one.size])) for one in blocks) / total if total else 1.0


def _share(standing: Standing, document: Document) -> float:
    count = standing.text.count("\n") + 1
    return share_of(standing.text, document.lines[standing.line : standing.line + count])


def _learn(session: Session, standing: Standing, share: float, now: float) -> None:
    counts = session.adaptation.counts
    if share < _LOST:
        counts.lost += 1
    else:
        counts.survived += 1
    session.adaptation.learn(standing.language, standing.odds, share, _WEIGHT, now)
