"""Pieces of other files for the prompt: asked of the index, fitted to the budget, and kept while somebody types.

What stands at the prompt's beginning must not change from key to key, or nothing behind it can be reused. So a document's
pieces are frozen: they are looked for anew when the cursor is in another definition, or behind a name whose members they
do not show; and even then the old ones stay if they hold most of what was found. Does not know how pieces are found.
"""

import msgspec

from lsp_server.base.parts import Part
from lsp_server.base.text import byte_length
from lsp_server.base.uri import path_of
from lsp_server.completion.asking import capacity_of, seen
from lsp_server.completion.look import View
from lsp_server.completion.session import Session
from lsp_server.completion.types import Gathered, Snippet
from lsp_server.context.wants import Wants, receiver
from lsp_server.models.manifest import Manifest
from lsp_server.prompt.render import room
from lsp_server.prompt.window import Window
from lsp_server.workspace.retrieval.piece import Piece, Found

#: How long a question waits for the index, and for the tokens to be counted (s). Later answers are of no use to it.
_WAIT_S, _COUNT_S = 0.03, 0.1

#: Pieces that are fitted at most, and share of the tokens that the first of them may have.
_MOST, _LARGEST = 24, 0.8

#: Tokens of a piece's path that are counted.
_HEADING = 24

#: Share of what was found now that the old pieces must show to stay.
_ENOUGH = 0.6

#: Lines of code outside of any definition that count as one place.
_STRETCH = 64

_ANSWER = msgspec.msgpack.Decoder(Found)


async def gather(session: Session, view: View, manifest: Manifest) -> Gathered:
    """The pieces for a prompt about a view; waits for the index where they have to be looked for."""
    uri = view.snapshot.uri
    old = session.gathered.get(uri, Gathered())
    if session.index is None or "retrieval" in session.without:
        return Gathered()
    shown = seen(manifest, view)
    wants = wants_of(view, shown)
    place = _place(view)
    if old.place == place and (not wants.receiver or wants.receiver in old.receivers):
        return old
    answer = await session.index.ask(msgspec.msgpack.encode(wants), _WAIT_S)
    if answer is None:
        return old
    found = _ANSWER.decode(answer)
    receivers = ({wants.receiver} | (set(old.receivers) if old.place == place else set())) - {""}
    if old.tokens and _shows(old, found.pieces):
        new = msgspec.structs.replace(old, place=place, receivers=frozenset(receivers))
    else:
        fitted = await _fit(session, found.pieces, room(capacity_of(manifest), shown))
        if fitted is None:
            return old
        new = Gathered(place, frozenset(receivers), fitted)
    session.gathered[uri] = new
    return new


def wants_of(view: View, seen: Window) -> Wants:
    """What a view may want from other files."""
    snapshot, scopes = view.snapshot, view.context.scopes
    line = snapshot.lines[snapshot.line][: snapshot.column]
    access = view.grammar.about.member_access if view.grammar else (".",)
    inside = view.context.cursor in ("comment", "docstring", "string")
    return Wants(
        path=path_of(snapshot.uri),
        language=view.context.language,
        offset=sum(map(byte_length, snapshot.lines[: snapshot.line])) + byte_length(line),
        before=seen.prefix,
        after=seen.suffix,
        receiver="" if inside else receiver(line, access),
        function=next((scope.name for scope in reversed(scopes) if scope.kind == "function"), ""),
        classes=tuple(scope.name for scope in scopes if scope.kind == "class"),
    )


def _place(view: View) -> tuple[str, ...]:
    """What stays the same while somebody writes in one definition: its name, or a stretch of lines outside of any."""
    scopes = view.context.scopes
    if scopes:
        return tuple(scope.name for scope in scopes)
    return (str(view.snapshot.line // _STRETCH),)


def _shows(old: Gathered, found: tuple[Piece, ...]) -> bool:
    """Whether the old pieces hold what matters of those found now."""
    if not found:
        return True
    shown = {(one.path, line) for one in old.snippets for line in one.text.split("\n")}
    there = [(one.path, one.text.partition("\n")[0]) in shown for one in found[:8]]
    return there[0] and sum(there) >= _ENOUGH * len(there)


async def _fit(
    session: Session, pieces: tuple[Piece, ...], tokens: int
) -> tuple[Snippet, ...] | None:
    """As many pieces as the tokens allow, the most needed first; a long one is cut at the end of a line.

    Returns:
        the most needed last, nearest to the cursor; ``None`` when nobody counted.
    """
    assert session.worker is not None
    some = pieces[:_MOST]
    texts = [text for piece in some for text in (piece.text, piece.brief)]
    parts = tuple(Part(line + "\n") for text in texts for line in text.split("\n"))
    paths = tuple(Part(piece.path, limit=_HEADING) for piece in some)
    counted = await session.worker.fit((*paths, *parts), _COUNT_S)
    if counted is None:
        return None
    counts = iter(counted.tokens)
    headings = [next(counts) + 3 for _ in some]
    lengths = [[next(counts) for _ in text.split("\n")] for text in texts]
    chosen: list[Snippet] = []
    shown: set[str] = set()
    left = tokens
    for index, piece in enumerate(some):
        most = min(left, int(tokens * _LARGEST)) - headings[index]
        text, lines = piece.text, lengths[2 * index]
        if sum(lines) > most and piece.brief:
            text, lines = piece.brief, lengths[2 * index + 1]
        used, rows = 0, []
        for row, length in zip(text.split("\n"), lines, strict=True):
            if used + length > most:
                break
            used += length
            rows.append(row)
        cut = "\n".join(rows)
        if not cut.strip() or cut in shown:
            continue
        shown.add(cut)
        left -= used + headings[index]
        chosen.append(Snippet(piece.path, cut, piece.source, piece.score, used + headings[index]))
    return tuple(reversed(chosen))
