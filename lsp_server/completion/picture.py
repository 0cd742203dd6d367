"""The prompt that would be asked at a cursor, piece by piece: what stands in it, where it is from, and why.

Makes the same prompt as ``pipeline`` by the same functions, and has the worker cut it as it would. Does not ask the
model, and leaves nothing behind in the session.
"""

import time

import msgspec

from lsp_server.base.errors import EngineError
from lsp_server.base.uri import path_of
from lsp_server.completion import snapshot as snapshots
from lsp_server.completion.asking import capacity_of, comment_of, prompt_of, seen
from lsp_server.completion.gather import NOTHING, fit, look_for, wants_of
from lsp_server.completion.look import View, look
from lsp_server.completion.session import Session
from lsp_server.completion.types import Gathered, Snippet
from lsp_server.models.manifest import Manifest, Pieces
from lsp_server.prompt.render import room
from lsp_server.workspace.documents import Document
from lsp_server.workspace.retrieval.piece import Question

#: Nobody waits for the picture at the keyboard: longest waits for the index and the tokenizer (s).
_WAIT_S = 5.0

_USUAL = Pieces()


class Shown(msgspec.Struct, frozen=True):
    """A part of the prompt.

    Attributes:
        text: as the engine would be given it; of a special token its name.
    """

    text: str
    tokens: int
    special: bool


class Picture(msgspec.Struct, frozen=True):
    """A prompt.

    Attributes:
        prompt: the exact text, special tokens by their names.
        tokens: of the whole.
        parts: of it, in order.
        snippets: the pieces of other files in it, in order.
        receiver: what the cursor is behind a member access of; empty when it is behind none.
        milliseconds: that looking for the pieces and counting their tokens took.
    """

    prompt: str
    tokens: int
    parts: tuple[Shown, ...]
    snippets: tuple[Snippet, ...]
    receiver: str
    milliseconds: float


async def picture_at(
    session: Session, document: Document, line: int, column: int, capacity: int = 0
) -> Picture:
    """The prompt about a cursor in an open document.

    Args:
        line, column: as in ``snapshot.take``.
        capacity: tokens that it may have; 0 for as many as the model takes.

    Raises:
        EngineError: there is no model, or the worker does not answer.
    """
    if session.model is None:
        raise EngineError("There is no model whose prompt could be shown. Run 'offhand doctor'.")
    manifest, grammar = session.model.manifest, session.grammar(document.language_id)
    snapshot = snapshots.take(document, grammar, line, column)
    view = await look(snapshot, grammar, (), session.grammars.without_grammar(document.language_id))
    return await picture(session, view, manifest, capacity or capacity_of(manifest), manifest.pieces)


async def picture(
    session: Session,
    view: View,
    manifest: Manifest,
    capacity: int,
    share: Pieces = _USUAL,
    without: frozenset[str] | None = frozenset(),
) -> Picture:
    """Make the prompt about a view as if nothing had been asked before.

    Args:
        manifest, capacity: as in ``asking.prompt_of``.
        share: of the prompt that pieces of other files may have.
        without: sources of pieces that are left out, see ``workspace.retrieval``; ``None`` for all of them.

    Raises:
        EngineError: the worker does not answer.
    """
    if session.worker is None:
        raise EngineError("There is no engine that could count tokens. Run 'offhand doctor'.")
    gathered, took = NOTHING, 0.0
    template = manifest.template
    shown = seen(template, capacity, view, NOTHING)
    wants = wants_of(view, shown, tuple(map(path_of, session.recent)))
    if session.index is not None and without is not None:
        began = time.perf_counter()
        question = Question(wants, tuple(sorted(without)))
        found = await look_for(session.index, question, _WAIT_S) or ()
        tokens = room(template, capacity, shown, share.always, share.most)
        fitted = await fit(session.worker, found, tokens, _WAIT_S, template, comment_of(view)) or ()
        gathered = Gathered(snippets=fitted)
        took = (time.perf_counter() - began) * 1_000
    prompt = prompt_of(manifest, capacity, view, gathered, session.project(view.snapshot.uri))
    cut = await session.worker.fit(prompt.parts, _WAIT_S)
    if cut is None:
        raise EngineError(f"The prompt's tokens could not be counted: {session.worker.last_failure}")
    parts = tuple(
        Shown(text, tokens, part.special)
        for part, text, tokens in zip(prompt.parts, cut.texts, cut.tokens, strict=True)
    )
    return Picture(
        prompt="".join(cut.texts),
        tokens=sum(cut.tokens),
        parts=parts,
        snippets=gathered.snippets,
        receiver=wants.receiver,
        milliseconds=took,
    )
