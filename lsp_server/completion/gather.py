"""Pieces of other files for the prompt: asked of the index, fitted to the budget, and kept while somebody types.

What stands at the prompt's beginning must not change from key to key, or nothing behind it can be reused. So a
document's pieces are frozen: they are looked for anew when the cursor is in another definition, or behind a name whose
members they do not show; and even then the old ones stay if they hold most of what was found. Does not know how pieces
are found, nor when it is time to take new ones: with them nearly the whole prompt is another.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from lsp_server.base.parts import Part
from lsp_server.base.text import byte_length
from lsp_server.base.uri import path_of
from lsp_server.completion.asking import comment_of, seen
from lsp_server.completion.look import View
from lsp_server.completion.session import Session
from lsp_server.completion.types import Gathered, Snapshot, Snippet
from lsp_server.context.receiver import member_of
from lsp_server.context.wants import Wants
from lsp_server.engine.client import WorkerClient
from lsp_server.models.manifest import Pieces
from lsp_server.prompt.render import around, room, short_path, written
from lsp_server.prompt.window import Window
from lsp_server.workspace.index.client import IndexClient
from lsp_server.workspace.retrieval.piece import Piece, Question

#: How long a question waits for the index, and for the tokens to be counted: shares of its deadline. Later answers are
#: of no use to it.
_WAIT, _COUNT = 0.03, 0.1

#: Characters of pieces that are counted for each token they may have, twice what fits; share of the tokens that the
#: first piece may have.
_CHARACTERS, _LARGEST = 7, 0.8

#: Rows that must be left of a piece, if it had so many.
_FEWEST = 3

#: Tokens in which no piece has room.
_LEAST = 40

#: Tokens of a piece's path that a heading shows.
_HEADING = 24

#: Share of what was found now that the old pieces must show to stay.
_ENOUGH = 0.6

#: Lines of code outside of any definition that count as one place.
_STRETCH = 64

NOTHING = Gathered()

_ANSWER = msgspec.msgpack.Decoder(tuple[Piece, ...])


def settled(session: Session, view: View) -> bool:
    """Whether nothing but the pieces that the document has would be looked for."""
    old = session.gathered.get(view.snapshot.uri)
    if old is None or view.context.cursor in ("comment", "docstring"):
        return old is not None
    receiver = _receiver(view)
    return old.place == _place(view) and (not receiver or receiver in old.receivers)


async def gather(session: Session, view: View, template: str, capacity: int, share: Pieces) -> Gathered:
    """The pieces for a prompt about a view; waits for the index where they have to be looked for. They are the
    document's once they are in ``Session.gathered``.

    Args:
        template: as in ``prompt.render.render``.
        capacity: tokens that the prompt may have.
        share: of it that they may have.
    """
    uri = view.snapshot.uri
    old = session.gathered.get(uri, NOTHING)
    if session.index is None or session.worker is None or "retrieval" in session.without:
        return NOTHING
    if view.context.cursor in ("comment", "docstring"):
        return old  # prose needs no names
    deadline = session.config.deadline_ms / 1_000
    shown = seen(template, capacity, view, NOTHING)
    wants, place = wants_of(view, shown, tuple(map(path_of, session.recent))), _place(view)
    if settled(session, view):
        return old
    tokens = room(template, capacity, shown, share.always, share.most)
    if tokens < _LEAST:
        return old
    found = await look_for(session.index, Question(wants), _WAIT * deadline)
    if found is None:
        return old
    receivers = old.receivers if old.place == place else frozenset()
    receivers |= {wants.receiver} if wants.receiver else set()
    if old.snippets and _shows(old, found):
        new = msgspec.structs.replace(old, place=place, receivers=receivers)
    else:
        fitted = await fit(session.worker, found, tokens, _COUNT * deadline, template, comment_of(view))
        if fitted is None:
            return old
        new = Gathered(place, receivers, fitted)
    return new


async def look_for(index: IndexClient, question: Question, wait: float) -> tuple[Piece, ...] | None:
    """The pieces that the index has for a cursor, the most needed first; ``None`` when it does not say in time.

    Args:
        wait: in seconds.
    """
    answer = await index.ask(msgspec.msgpack.encode(question), wait)
    return None if answer is None else _ANSWER.decode(answer)


def wants_of(view: View, shown: Window, recent: tuple[str, ...] = ()) -> Wants:
    """What a view may want from other files.

    Args:
        shown: what the prompt shows of the document.
        recent: paths of the files opened or edited lately.
    """
    snapshot, scopes = view.snapshot, view.context.scopes
    return Wants(
        path=path_of(snapshot.uri),
        language=view.context.language,
        offset=_offset(snapshot),
        before=shown.prefix,
        after=shown.suffix,
        receiver=_receiver(view),
        function=next((scope.name for scope in reversed(scopes) if scope.kind == "function"), ""),
        classes=tuple(scope.name for scope in scopes if scope.kind == "class"),
        recent=recent,
    )


def _offset(snapshot: Snapshot) -> int:
    line = snapshot.lines[snapshot.line][: snapshot.column]
    return sum(map(byte_length, snapshot.lines[: snapshot.line])) + byte_length(line)


def _receiver(view: View) -> str:
    """What stands in front of the dot before the cursor; empty where there is none."""
    access = member_of(view.about, view.tree, _offset(view.snapshot)) if view.tree else None
    return access.receiver if access else ""


def _place(view: View) -> tuple[str, ...]:
    """What stays the same while somebody writes in one definition: its name, or a stretch of lines outside of any."""
    scopes = view.context.scopes
    if scopes:
        return tuple(scope.name for scope in scopes)
    return (str(view.snapshot.line // _STRETCH),)


def _shows(old: Gathered, found: Sequence[Piece]) -> bool:
    """Whether the old pieces hold what matters of those found now."""
    if not found:
        return True
    shown = {(one.path, line) for one in old.snippets for line in one.text.split("\n")}
    there = [(one.path, one.text.partition("\n")[0]) in shown for one in found[:8]]
    return there[0] and sum(there) >= _ENOUGH * len(there)


async def fit(
    worker: WorkerClient,
    pieces: Sequence[Piece],
    tokens: int,
    wait: float,
    template: str,
    comment: str = "#",
) -> tuple[Snippet, ...] | None:
    """As many pieces as the tokens allow, the most needed first; a long one is cut at the end of a line.

    Args:
        tokens: that all of them, with their headings, may have.
        wait: for the tokens to be counted, in seconds.
        template: as in ``prompt.render.render``.
        comment: what begins a comment, in case the pieces are written as such.

    Returns:
        the most needed last, nearest to the cursor; ``None`` when nobody counted.
    """
    some = list(_enough(pieces, tokens * _CHARACTERS))
    paths = [Part(short_path(piece.path), limit=_HEADING) for piece in some]
    rows = [text.split("\n") for piece in some for text in (piece.text, piece.brief)]
    shown = [written(template, "\n".join(text), comment).split("\n") for text in rows]
    parts = [Part(row + "\n") for text in shown for row in text]
    counted = await worker.fit((*paths, *parts), wait)
    if counted is None:
        return None
    counts = iter(counted.tokens)
    headings = [next(counts) + around(template) for _ in some]
    lengths = [[next(counts) for _ in text] for text in rows]
    chosen: list[Snippet] = []
    left, largest = tokens, int(tokens * _LARGEST)
    for index, piece in enumerate(some):
        most = min(left, largest) - headings[index]
        whole, brief = 2 * index, 2 * index + 1
        which = brief if sum(lengths[whole]) > most and piece.brief else whole
        text, used = _cut(rows[which], lengths[which], most)
        if text and all(text != one.text for one in chosen):
            left -= used + headings[index]
            chosen.append(Snippet(piece.path, text, piece.source, piece.score, used + headings[index]))
    return tuple(reversed(chosen))


def _enough(pieces: Iterable[Piece], characters: int) -> Iterator[Piece]:
    """The first pieces, until they have so many characters; a long one counts as its brief form."""
    for piece in pieces:
        if characters <= 0:
            return
        yield piece
        characters -= len(piece.brief or piece.text)


def _cut(rows: Sequence[str], lengths: Sequence[int], most: int) -> tuple[str, int]:
    """The first rows that have no more tokens than that, and how many they have; nothing where those are too few to
    say anything."""
    used = count = 0
    while count < len(rows) and used + lengths[count] <= most:
        used += lengths[count]
        count += 1
    if count < min(_FEWEST, len(rows)):
        return "", 0
    return "\n".join(rows[:count]).rstrip(), used
