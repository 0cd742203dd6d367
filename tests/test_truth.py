"""No stale or misplaced suggestion is ever shown: random replays over the real handlers, in virtual time.

``OFFHAND_REPLAY=100000 pytest -s tests/test_truth.py`` does so many keystrokes and prints what it saw.

``replay`` is an editor with eight documents and somebody who types, goes back, undoes, pastes, jumps, accepts all or
a part, changes settings, closes and opens again, while others edit the same documents, files are reloaded, workers die
and the server is started anew with what it kept. ``understudy`` plays the worker: what it writes is a function of what
it was asked, and each line of it ends in a mark. So for whatever is shown it is known what it was written for, and that
is compared with what would be asked now, laid out from scratch on a fresh parse. The checks, for everything that is
shown, on the editor's state at that moment:

1. The document is open and has not changed since the question.
2. With what was typed of the text taken away again before the cursor, the very same question would be asked: every
   part of the prompt (so the document's text, its path and its language as far as a prompt has them, the outline, the
   pieces of other files), where to stop, whether the model knows the language, and the model with its engine.
3. What is shown is the text's rest from there on, to the end of one of its lines; a text that was cut off by the
   deadline or by its length goes to those who waited for it and to nobody else. Nothing before the cursor is replaced,
   nothing behind it but closers.

What may differ, and why that is no untruth:

- The edge. Lines that come and go far above move the line at which the window begins, by less than one step. All that
  the model saw still stands before the cursor, it would only see some lines more or less. (A prompt's outline must be
  the same all the same.)
- The pieces of other files. They are frozen while somebody writes in a definition, and no part of a key: those with
  which a text was written may be any that this server or the one before it had.
- Closers. What editors insert behind the cursor by themselves is no part of a prompt. It is of a document, and where
  nothing but closers stands behind the cursor it decides whether a block may begin there; so the place may have been
  one for a block before the closer came.
- The settings. Those in force when it was asked count as well as those in force when it is answered.
- The memory knows more from key to key, and is no part of a question: what it said alone is told apart and must not
  come from the cache. What the gate learns is none either.
- With filters, which change texts, checks 1 and 2 hold, and that what was typed and the first line of what is shown are
  parts of what was written.

Beside that: every question is answered in time; what disagrees with a question is told so or ended at its arrival; no
two generations of one document are wanted at once; nothing goes on ahead of a question that waits; and in the end no
task, no generation and no error is left.
"""

import asyncio
import gc
import logging
import os
import time
from collections.abc import Callable, Coroutine
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from lsprotocol import types
from replay import Replay
from typist import Edit, Page
from virtual_time import VirtualLoop, run

from lsp_server.base import child
from lsp_server.completion import asking, flight, judge, pipeline, startup
from lsp_server.completion import cache as caching
from lsp_server.completion import snapshot as snapshots
from lsp_server.completion.cache import Cache, Place
from lsp_server.context.languages import Grammar, Grammars
from lsp_server.engine.requests import Typing
from lsp_server.lsp import handlers
from lsp_server.models import choosing
from lsp_server.models.store import Model
from lsp_server.workspace.documents import Document

KEYSTROKES = int(os.environ.get("OFFHAND_REPLAY", "3000"))

#: The longest that an answer may take (s): a generation that was joined and came to nothing, another, and the grace.
PATIENCE = 3.6


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home of its own; model files that nobody opens, of two families."""
    monkeypatch.setenv("OFFHAND_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(startup.store, "verify", lambda model: None)
    find = choosing.find

    def of_two_families(name: str) -> Model:
        model = find(name)
        template = "qwen" if name == "bundled" else model.manifest.template
        return msgspec.structs.replace(
            model, manifest=msgspec.structs.replace(model.manifest, template=template)
        )

    monkeypatch.setattr(choosing, "find", of_two_families)


@cache
def grammars() -> Grammars:
    """Reading their queries takes as long as many keys."""
    return Grammars()


def played(
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
    course: Callable[[Replay], Coroutine[Any, Any, None]],
    *,
    filters: bool = False,
    most: int = 20,
) -> Replay:
    """Play to the end.

    Args:
        most: violations after which that is.
    """
    loop = VirtualLoop(seed)
    playing = Replay(seed, loop, grammars(), filters=filters, most=most)
    syntax = snapshots._syntax

    def sometimes_elsewhere(document: Document, grammar: Grammar | None) -> Any:
        """Parsing takes too long now and then, and is done elsewhere."""
        ours = playing.session.documents.get(document.uri) is document
        if ours and grammar is not None and playing.chance.random() < 0.03:
            return document.unparsed()
        return syntax(document, grammar)

    with monkeypatch.context() as patch:
        patch.setenv("OFFHAND_HOME", f"{os.environ['OFFHAND_HOME']}-{seed}")
        patch.setattr(child, "start", playing.stage.start)
        patch.setattr(snapshots, "_syntax", sometimes_elsewhere)
        patch.setattr(snapshots, "_PARSE_LIMIT", 1e9)
        patch.setattr(judge, "_CHECK_LIMIT", 1e9)
        run(_all_of_it(playing, course), loop)
    assert not loop.faults, loop.faults
    return playing


async def _all_of_it(playing: Replay, course: Callable[[Replay], Coroutine[Any, Any, None]]) -> None:
    await playing.start()
    await course(playing)
    await asyncio.sleep(30)
    playing.nothing_is_left()
    await playing.end()
    await asyncio.sleep(1)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, left


def keys(number: int) -> Callable[[Replay], Coroutine[Any, Any, None]]:
    return lambda playing: playing.play(number)


@pytest.mark.parametrize(
    ("seed", "share", "filters"), [(1, 3, False), (2, 4, False), (3, 4, False), (4, 6, True)]
)
def test_what_is_shown_was_written_for_where_it_is_shown(
    seed: int,
    share: int,
    filters: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """See the module."""
    began = time.process_time()
    playing = played(monkeypatch, seed, keys(KEYSTROKES // share), filters=filters)
    print(
        f"\nseed {seed}: {time.process_time() - began:.1f} s of {playing.loop.time():.0f} s, {playing.told()}"
    )
    assert not playing.violations, "\n".join(playing.violations)
    assert not playing.waste, "\n".join(playing.waste)
    gc.collect()
    assert not playing.loop.faults, playing.loop.faults
    assert playing.slowest < PATIENCE
    assert playing.seen["shown"] > KEYSTROKES // share // 20
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


# --- what was found by it, small


def test_a_document_that_is_opened_again_is_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A question that waits is not answered for the text that has the same version now."""

    async def course(playing: Replay) -> None:
        page = await _at_the_end(playing)
        playing.session.rhythm.pause = lambda: 0.1  # type: ignore[method-assign]
        playing.send("inline")
        await asyncio.sleep(0.05)
        playing.shut(page)
        playing.open.append(page)
        playing.tell(types.TEXT_DOCUMENT_DID_OPEN, page.open("x = 1\n", page.version))

    playing = played(monkeypatch, 1, course)
    assert not playing.violations
    assert not playing.seen["shown"]
    assert not playing.stage.asked


def test_an_older_question_does_not_end_what_is_written_for_a_newer_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The menu's question waits, the next one for ghost text does not: that is answered."""

    async def course(playing: Replay) -> None:
        page = await _at_the_end(playing)
        pauses = iter((0.02, 0.0))
        playing.session.rhythm.pause = lambda: next(pauses)  # type: ignore[method-assign]
        playing.send("popup")
        playing.change(page.change([Edit(page.cursor, page.cursor, "y")]))
        playing.send("inline")

    playing = played(monkeypatch, 1, course)
    assert not playing.waste
    assert playing.seen["shown"] == 1


def test_the_menu_and_ghost_text_share_what_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ask about one place, and neither has begun anything yet: one generation answers both."""

    async def course(playing: Replay) -> None:
        await _at_the_end(playing)
        pauses = iter((0.02, 0.0))
        playing.session.rhythm.pause = lambda: next(pauses)  # type: ignore[method-assign]
        playing.send("popup")
        playing.send("inline")

    playing = played(monkeypatch, 1, course)
    assert not playing.waste
    assert playing.seen["shown"] == 2
    assert playing.stage.asked == 1


@pytest.mark.parametrize("seed", [0, 1])
def test_a_prompt_goes_to_the_model_that_it_was_laid_out_for(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another model is chosen while a question waits, and is there at once."""

    async def course(playing: Replay) -> None:
        await _at_the_end(playing)
        playing.session.rhythm.pause = lambda: 0.9  # type: ignore[method-assign]
        playing.send("inline")
        playing.settings["model"] = "small" if playing.settings["model"] == "bundled" else "bundled"
        playing.configure()

    playing = played(monkeypatch, seed, course)
    assert not playing.violations


async def _at_the_end(playing: Replay) -> Page:
    """Somebody who is about to ask, once there is a model."""
    await asyncio.sleep(5)
    page = playing.pages[0]
    playing.go_to(page)
    page.cursor = len(page.text)
    return page


# --- that it would be seen

Alter = Callable[[Place], Place]


def _with_places(monkeypatch: pytest.MonkeyPatch, alter: Alter) -> None:
    """Have all places altered, before anything is stored or looked for at them."""
    place_of = asking.place_of
    monkeypatch.setattr(asking, "place_of", lambda *arguments: alter(place_of(*arguments)))


def _no_suffix(monkeypatch: pytest.MonkeyPatch) -> None:
    _with_places(monkeypatch, lambda place: msgspec.structs.replace(place, behind=""))


def _no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    _with_places(monkeypatch, lambda place: msgspec.structs.replace(place, setting=""))


def _anything_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching, "_continues", lambda candidate, typed: len(candidate.text) > len(typed))


def _text_moved_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer although the document has changed."""
    answer = handlers._answer

    class Current:
        def __init__(self, document: Document) -> None:
            self._document = document

        @property
        def lines(self) -> tuple[str, ...]:
            return self._document.snapshot_lines()

    async def answer_anyway(ls: Any, snapshot: Any, kind: str, _editors: Any) -> Any:
        now: Any = Current(ls.session.documents.get(snapshot.uri))
        return await answer(ls, snapshot, kind, now)

    monkeypatch.setattr(handlers, "_answer", answer_anyway)


def _other_suffix_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    typed_since = flight.typed_since
    monkeypatch.setattr(
        flight,
        "typed_since",
        lambda older, newer: typed_since(msgspec.structs.replace(older, behind=newer.behind), newer),
    )


def _ahead_stored_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was computed ahead is stored where somebody asked last."""
    put, last = Cache.put, []

    def misplace(self: Cache, place: Place, candidates: Any, *, origin: Any, **more: Any) -> None:
        if origin == "asked" or not last:
            last[:] = [place]
        put(self, last[0], candidates, origin=origin, **more)

    monkeypatch.setattr(Cache, "put", misplace)


def _memory_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    finished = asking._finished

    def as_the_models(*arguments: Any) -> Any:
        *before, answer, trace = arguments
        if answer is not None:
            answer = msgspec.structs.replace(answer, source="model")
        return finished(*before, answer, trace)

    monkeypatch.setattr(asking, "_finished", as_the_models)


def _never_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Typing, "say", lambda *_: None)


def _no_way_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flight.Flights, "make_way", lambda *_: None)


def _outdated_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "_outdated", lambda *_: False)


@pytest.mark.parametrize(
    ("seed", "spoil"),
    [
        (2, _no_suffix),
        (0, _no_setting),
        (10, _anything_typed),
        (4, _text_moved_on),
        (4, _other_suffix_joined),
        (5, _ahead_stored_elsewhere),
        (9, _memory_cached),
        (0, _never_told),
        (0, _no_way_made),
        (10, _outdated_asked),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_it_would_be_seen(
    seed: int, spoil: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of these faults shows after a few keys. It may be others next time: there are some thousands for it."""
    spoil(monkeypatch)
    for more in range(5):
        playing = played(monkeypatch, seed + 100 * more, keys(800), most=1)
        if playing.violations or playing.waste:
            return
    raise AssertionError("nobody saw it")
