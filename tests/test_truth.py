"""No stale or misplaced suggestion is ever shown: a random replay over the real handlers, in virtual time.

``OFFHAND_REPLAY=100000 pytest -s tests/test_truth.py`` does so many keystrokes and prints what it saw.
"""

import asyncio
import gc
import logging
import os
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from lsprotocol import types
from typist import Page, Typist
from understudy import MARK, Question, Stage, Writing, now
from virtual_time import VirtualLoop, run

from lsp_server.base import child
from lsp_server.base.text import split_lines
from lsp_server.base.uri import path_of
from lsp_server.completion import asking, snapshot as snapshots, startup
from lsp_server.completion.gather import NOTHING
from lsp_server.completion.look import View, look
from lsp_server.context.languages import Grammars
from lsp_server.lsp.server import OffhandServer
from lsp_server.workspace.documents import Document

KEYSTROKES = int(os.environ.get("OFFHAND_REPLAY", "3000"))

#: As far back as a suggestion may have begun (characters).
BACK = 128

PYTHON = '''import os
from typing import Any


class Basket:
    """Things and what they cost."""

    def __init__(self, items: list[float]) -> None:
        self.items = items

    def total(self) -> float:
        result = 0.0
        for item in self.items:
            result += item
        return result


def main(argument: str) -> Any:
    basket = Basket([1.0, 2.0])
    if argument:
        print(basket.total())
    return basket
'''

LONG = "".join(
    f"def function_{n}(first, second):\n    result = first + second * {n}  # \u00e9\U0001f600\n"
    f"    if result > {n}:\n        return None\n    return result\n\n\n"
    for n in range(32)
)

SCRIPT = "function go(a, b) {\n    if (a) {\n        return b;\n    }\n    return [a, b];\n}\n\nlet x = go(1, 2);\n"

NOTES = "Things to do:\n\n- buy milk\n- write a language server\n\nThat is all.\n" * 3


def pages() -> list[Page]:
    """Two with the same text and the same short path, one with the same text elsewhere; long; CRLF; no grammar."""
    return [
        Page("file:///home/one/a/b/c.py", "python", PYTHON),
        Page("file:///home/two/a/b/c.py", "python", PYTHON),
        Page("file:///home/two/a/b/d.py", "python", PYTHON),
        Page("file:///home/one/long.py", "python", LONG),
        Page("file:///home/one/dos.py", "python", (PYTHON * 2).replace("\n", "\r\n")),
        Page("file:///home/one/go.js", "javascript", SCRIPT),
        Page("file:///home/one/notes.txt", "plaintext", NOTES),
    ]


class Server(OffhandServer):
    """The real server, without a client at the other end."""

    def __init__(self, told: Counter[str]) -> None:
        super().__init__()
        self._told = told
        cast("Any", self.protocol).notify = lambda method, _params=None: None

    @property
    def client_capabilities(self) -> types.ClientCapabilities:
        return types.ClientCapabilities()

    @property
    def encoding(self) -> Any:
        return "utf-16"

    def warn(self, text: str) -> None:
        self._told["warnings"] += 1

    def more(self, uri: str) -> None:
        self._told["more"] += 1

    def keep_traces(self) -> None:
        """Not to disk."""


class Asked(msgspec.Struct):
    """A request, and the editor's state when it was sent.

    Attributes:
        before, behind: the text around the cursor, the menu's choice inserted if there is one.
    """

    page: Page
    opened: int
    version: int
    text: str
    cursor: int
    language: str
    kind: str
    invoked: bool
    selected: str
    config: Any
    sent: float


class Replay:
    """One editor, one server after the other."""

    def __init__(self, seed: int, loop: VirtualLoop, *, filters: bool = False) -> None:
        self.loop, self.filters = loop, filters
        self.chance = random.Random(seed)
        self.typist = Typist(seed + 1)
        self.stage = Stage(seed + 2)
        self.seen: Counter[str] = Counter()
        self.violations: list[str] = []
        self.pages = pages()
        self.page = self.pages[0]
        self.open: list[Page] = []
        self.asked: dict[asyncio.Task[None], Asked] = {}
        self.settings: dict[str, Any] = {}
        self.step = 0
        self.last = 0  # suggestion that was shown
        self.slowest = 0.0
        self.grammars = Grammars()
        self.server: Server

    # --- the script

    async def play(self, keystrokes: int) -> None:
        await self.start()
        for self.step in range(keystrokes):
            await self.act()
            if len(self.violations) > 20:
                break
        await self.settle()
        await self.end()

    async def start(self) -> None:
        self.server = Server(self.seen)
        self.server.session.without = frozenset({"manners"} if self.filters else {"filters", "manners"})
        self.server.session.grammars = self.grammars  # reading them again would take long
        cast("Any", self.server.session.rhythm).pause = lambda: self.chance.choice((0.0, 0.0, 0.0, 0.1))
        self.configure()
        self.loop.run_in_executor(None, cast("Any", self.server)._computed_before.load)
        self.server.spawn(startup.start_engine(self.server.session, self.server.on_state))
        for page in self.open:
            self.tell(types.TEXT_DOCUMENT_DID_OPEN, page.open(page.text, page.version))

    def configure(self) -> None:
        settings = {"engine": "fake", "popup": "always", "comments": True, "speculation": "eager"}
        settings |= self.settings
        self.tell(
            types.WORKSPACE_DID_CHANGE_CONFIGURATION, types.DidChangeConfigurationParams({"offhand": settings})
        )

    async def end(self) -> None:
        for task in list(self.asked):
            task.cancel()
        await self.server.end()
        counts = self.server.session.metrics.counts
        self.seen.update({f"computed for {kind}": n for kind, n in counts.computed.items()})

    async def settle(self) -> None:
        """Everything comes to its end."""
        await asyncio.sleep(30)
        assert not self.asked, "a request was never answered"
        flights = cast("Any", self.server.session.flights)._all
        assert not flights, "a generation has no end"

    def tell(self, method: str, params: Any) -> Any:
        return self.server.protocol.fm.features[method](params)

    def change(self, params: types.DidChangeTextDocumentParams | None) -> None:
        if params is not None:
            self.tell(types.TEXT_DOCUMENT_DID_CHANGE, params)

    async def act(self) -> None:
        """One keystroke, or something else that happens, and perhaps a question."""
        chance, typist = self.chance, self.typist
        if chance.random() < 0.02 or self.page not in self.open:
            self.go_to(chance.choice(self.pages))
        page, what = self.page, chance.random()
        guided = page.guide
        self.foresee(page)
        if what < 0.72:
            self.change(typist.key(page))
        elif what < 0.78:
            self.change(typist.backspace(page))
        elif what < 0.82:
            self.change(typist.undo(page))
        elif what < 0.83:
            self.change(typist.paste(page))
        elif what < 0.86:
            typist.jump(page)
        elif what < 0.92 and guided:
            self.accept(page, guided)
        elif what < 0.95:
            self.change(typist.elsewhere(page))
        elif what < 0.96 or len(page.text) > 2 * len(page.original) + 2_000:
            self.change(typist.outside(page))
        elif what < 0.98:
            other = chance.choice(self.open)
            if other is not page:
                self.change(typist.elsewhere(other))
        elif what < 0.99:
            self.tell(
                types.TEXT_DOCUMENT_DID_SAVE,
                types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(page.uri)),
            )
        else:
            await self.upset()
        self.ask()
        self.cancel_some()
        await asyncio.sleep(chance.choice((0.0, 0.001, 0.03, 0.08, 0.12, 0.12, 0.2, 0.3, 1.0)))
        if chance.random() < 0.005:
            await asyncio.sleep(4)

    def go_to(self, page: Page) -> None:
        self.page = page
        if page not in self.open:
            self.open.append(page)
            text = page.text if page.opened and self.chance.random() < 0.5 else page.original
            version = self.chance.choice((0, 1, page.version))
            if self.chance.random() < 0.1:
                page.language = "python" if page.language == "plaintext" else "plaintext"
            self.tell(types.TEXT_DOCUMENT_DID_OPEN, page.open(text, version))
            self.seen["opened"] += 1
        moved = self.server.protocol.fm.features.get("offhand/cursor")
        if moved is not None:
            moved(types.TextDocumentPositionParams(types.TextDocumentIdentifier(page.uri), page.here()))

    def foresee(self, page: Page) -> None:
        """The typist knows what is being written."""
        worker = self.stage.worker
        running = worker.running if worker else None
        if page.guide or running is None or running.asked.document != path_of(page.uri):
            return
        text, typed = running.writing.texts[0].whole, model_text(page.text[: page.cursor])[-BACK:]
        page.guide = next((text[k:] for k in range(len(text), -1, -1) if typed.endswith(text[:k])), "")

    def accept(self, page: Page, shown: str) -> None:
        self.change(self.typist.accept(page, shown))
        self.seen["accepted"] += 1
        if self.chance.random() < 0.5:
            self.server.protocol.fm.commands["offhand.accepted"](self.last)

    async def upset(self) -> None:
        """What happens seldom."""
        what = self.chance.random()
        if what < 0.25:
            if self.stage.worker is not None:
                self.stage.worker.kill()
            self.seen["kills"] += 1
        elif what < 0.5:
            self.settings = {
                "multiline": self.chance.choice(("auto", "never")),
                "comments": self.chance.random() < 0.7,
                "mode": self.chance.choice(("balanced", "eager")),
                "model": self.chance.choice(("small", "small", "bundled")),
                "engine": self.chance.choice(("fake", "fake", "fake", "auto")),
            }
            self.configure()
            self.seen["settings"] += 1
        elif what < 0.6:
            await self.end()
            await self.start()
            self.seen["server restarts"] += 1
        elif what < 0.7:
            self.server.spawn(self.server.protocol.fm.commands["offhand.restartWorker"]())
            self.seen["engine restarts"] += 1
        else:
            page = self.chance.choice(self.open)
            self.open.remove(page)
            document = types.TextDocumentIdentifier(page.uri)
            self.tell(types.TEXT_DOCUMENT_DID_CLOSE, types.DidCloseTextDocumentParams(document))
            self.go_to(page if self.chance.random() < 0.7 else self.chance.choice(self.pages))

    # --- questions

    def ask(self) -> None:
        if self.chance.random() < 0.85:
            self.send("inline")
        if self.chance.random() < 0.15:
            self.send("popup")

    def send(self, kind: str) -> None:
        page, chance = self.page, self.chance
        asked = Asked(
            page=page,
            opened=page.opened,
            version=page.version,
            text=page.text,
            cursor=page.cursor,
            language=page.language,
            kind=kind,
            invoked=kind == "inline" and chance.random() < 0.1,
            selected=chance.choice(("name", "fo")) if kind == "inline" and chance.random() < 0.03 else "",
            config=self.server.session.config,
            sent=self.loop.time(),
        )
        document, position = types.TextDocumentIdentifier(page.uri), page.here()
        self.seen["requests"] += 1
        if kind == "popup":
            answer = self.tell(types.TEXT_DOCUMENT_COMPLETION, types.CompletionParams(document, position))
        else:
            kinds = types.InlineCompletionTriggerKind
            context = types.InlineCompletionContext(kinds.Invoked if asked.invoked else kinds.Automatic)
            if asked.selected:
                span = types.Range(position, position)
                context.selected_completion_info = types.SelectedCompletionInfo(span, asked.selected)
            answer = self.tell(
                types.TEXT_DOCUMENT_INLINE_COMPLETION, types.InlineCompletionParams(context, document, position)
            )
        task = self.loop.create_task(self.answered(asked, answer))
        self.asked[task] = asked
        task.add_done_callback(lambda done: self.asked.pop(done))
        task.add_done_callback(lambda _done: answer.close())  # it may have been cancelled before it began

    def cancel_some(self) -> None:
        """Some editors cancel what they do not wait for any more, before the next question or after it."""
        for task in list(self.asked):
            if self.chance.random() < 0.04:
                task.cancel()
                self.seen["cancelled"] += 1

    async def answered(self, asked: Asked, answer: Any) -> None:
        try:
            found = await answer
        finally:
            self.slowest = max(self.slowest, self.loop.time() - asked.sent)
        items = found.items if found is not None else []
        if not items:
            self.seen["null"] += 1
            return
        self.seen["shown"] += 1
        problem = self.judge(asked, items[0])
        if problem:
            self.violations.append(f"step {self.step}, {asked.page.uri} {asked.kind}: {problem}")

    # --- the truth

    def judge(self, asked: Asked, item: Any) -> str:
        """What is wrong with an item that is about to be shown; empty if nothing is."""
        page = asked.page
        if (page.opened, page.version, page.text) != (asked.opened, asked.version, asked.text) or page not in self.open:
            return "it belongs to an older text"
        span, text = (
            (item.range, item.insert_text) if asked.kind == "inline" else (_span(item), item.text_edit.new_text)
        )
        start, end = page.offset(span.start), page.offset(span.end)
        before = page.text[start : asked.cursor]
        if "\n" in text.replace(page.eol, ""):
            return f"it has other line ends than the document: {text!r}"
        text = text.replace("\r\n", "\n")
        if not text.startswith(before + asked.selected):
            return f"it takes away what stands before the cursor: {text!r}"
        shown = text[len(before + asked.selected) :]
        if not self.filters and end != asked.cursor:
            return f"it takes away {page.text[asked.cursor : end]!r}"
        self.last = item.command.arguments[0]
        self.seen["from " + next(one.source for one in self.server.session.traces if one.id == self.last)] += 1
        if not asked.selected and asked.page is self.page:
            page.guide = shown
        return self.origin(asked, shown)

    def origin(self, asked: Asked, shown: str) -> str:
        """Look for what was written for the text as it was before something of it was typed."""
        text, behind, library = asked.text[: asked.cursor] + asked.selected, asked.text[asked.cursor :], self.stage.library
        tail = model_text(text)[-BACK:]  # a mark may have been begun there
        mark = next((one for one in MARK.finditer(tail + shown) if one.end() > len(tail)), None)
        if mark is None:  # the end of a text that was cut off
            lengths: Sequence[int] = range(BACK + 1)
        else:
            key, _, alternative = mark.groups()
            whole = library.text(key, int(alternative))
            start = whole.index(mark.group()) - (mark.start() - len(tail))
            if not self.filters and (start < 0 or whole[start : start + len(shown)] != shown):
                return f"{shown!r} is no part of what was written: {whole!r}"
            lengths = [start]
        why = ""
        for length in lengths:
            state = _without(text, length) if 0 <= length <= BACK else None
            if state is None:
                break
            before, typed = state
            question = self.question(asked, before, behind)
            for key in [question.key, *library.alike(question)] if mark is None else [key]:
                same = key == question.key or library.differs_in_edge(key, question, model_text(before))
                origin = library.origins.get(key)
                if not same:
                    why = library.differences(key, question)
                elif origin is not None and any(one.whole.startswith(typed + shown) for one in origin.writing.texts):
                    self.seen["typed of it: " + ("nothing" if not typed else "a part")] += 1
                    self.seen["other edge"] += key != question.key
                    return self.extent(asked, key, origin.writing, typed + shown)
        return f"{shown!r} was not written for this place: {why}"

    def extent(self, asked: Asked, key: str, writing: Writing, text: str) -> str:
        """What is wrong with how much is shown of a text."""
        if not writing.sure and not asked.invoked:
            return f"nobody is sure of {text!r}"
        ends = any(one.whole == text or one.whole.startswith(text + "\n") for one in writing.texts)
        return "" if ends or key in self.stage.library.cut else f"{text!r} ends in the middle of a line"

    def question(self, asked: Asked, before: str, behind: str) -> Question:
        """What a worker would be asked at this place, from scratch."""
        session, page = self.server.session, asked.page
        assert session.model is not None
        document = Document(page.uri, asked.language, 0, before + behind)
        lines = split_lines(before)
        grammar = self.grammars.load(asked.language)
        snapshot = snapshots.take(document, grammar, len(lines) - 1, len(lines[-1]))
        view = _now(look(snapshot, grammar, (), self.grammars.without_grammar(asked.language)))
        manifest = session.model.manifest
        prompt = asking.prompt_of(manifest, asking.capacity_of(manifest), view, NOTHING, "")
        stop = cast("Any", asking)._stop(session, view)[0]
        return Question(prompt.parts, stop, session.familiar(view.context.language), manifest.model.sha256)


def _span(item: types.CompletionItem) -> types.Range:
    edit = item.text_edit
    return edit.range if isinstance(edit, types.TextEdit) else cast("Any", edit).insert


def _without(text: str, length: int) -> tuple[str, str] | None:
    """Take so many characters away from the end of a text, a line end being one, and return them."""
    end = len(text)
    for _ in range(length):
        if end == 0:
            return None
        end -= 2 if text[:end].endswith("\r\n") else 1
    return text[:end], model_text(text[end:])


def model_text(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _now(work: Any) -> View:
    """The result of a coroutine that has nothing to wait for."""
    try:
        work.send(None)
    except StopIteration as stop:
        return cast("View", stop.value)
    raise AssertionError("It waits.")


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own home, and model files that nobody opens."""
    monkeypatch.setenv("OFFHAND_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(startup.store, "verify", lambda model: None)
    monkeypatch.setattr(snapshots, "_PARSE_LIMIT", 1e9)


def replay(
    seed: int, keystrokes: int, monkeypatch: pytest.MonkeyPatch, *, filters: bool = False
) -> Replay:
    loop = VirtualLoop(seed)
    playing = Replay(seed, loop, filters=filters)
    monkeypatch.setattr(child, "start", playing.stage.start)
    began = now()

    async def all_of_it() -> None:
        await playing.play(keystrokes)
        await asyncio.sleep(1)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, left

    run(all_of_it(), loop)
    gc.collect()
    assert not loop.faults, loop.faults
    print(f"\nseed {seed}: {now() - began:.1f} s, {loop.time():.0f} s played, slowest {playing.slowest:.2f} s")
    print({name: playing.seen[name] for name in sorted(playing.seen)}, playing.stage.asked, playing.stage.ahead)
    return playing


@pytest.mark.parametrize("seed", range(3))
def test_what_is_shown_was_written_for_where_it_is_shown(
    seed: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """See the module."""
    playing = replay(seed, KEYSTROKES // 3, monkeypatch)
    assert not playing.violations, "\n".join(playing.violations)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
