"""An editor, a typist and a server, in virtual time: what they do is chance, what may be shown is not.

The handlers are the server's own, and so is all below them up to the pipe to the worker, whose other end ``understudy``
plays. What is checked, and what follows from it, is said in ``test_truth``.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, cast

import msgspec
from lsprotocol import types
from typist import Page, Typist
from understudy import MARK, TOLD, Index, Question, Request, Stage, Writing, model_of
from virtual_time import VirtualLoop

from lsp_server.base.config import Config
from lsp_server.base.text import split_lines
from lsp_server.base.uri import path_of
from lsp_server.completion import asking, startup
from lsp_server.completion import snapshot as snapshots
from lsp_server.completion.gather import NOTHING
from lsp_server.completion.look import View, look
from lsp_server.completion.session import Session
from lsp_server.completion.types import Gathered
from lsp_server.context.languages import Grammars
from lsp_server.lsp.server import OffhandServer
from lsp_server.workspace.documents import Document

#: As far back as a suggestion may have begun (characters).
BACK = 128

#: Violations after which it is no use to go on.
_ENOUGH = 20

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

    def __init__(self, replay: "Replay") -> None:
        super().__init__()
        self._replay = replay
        cast("Any", self.protocol).notify = lambda method, _params=None: None

    @property
    def client_capabilities(self) -> types.ClientCapabilities:
        return types.ClientCapabilities()

    @property
    def encoding(self) -> Any:
        return "utf-16"

    def warn(self, text: str) -> None:
        self._replay.seen["warnings"] += 1

    def more(self, uri: str) -> None:
        self._replay.more(uri)

    def follow(self) -> None:
        """The workspace's files are played, too."""
        self.session.index = cast("Any", self._replay.index)

    def keep_traces(self) -> None:
        """Not to disk."""


class Asked(msgspec.Struct, frozen=True):
    """A request, and the editor's state when it was sent.

    Attributes:
        opened, version, text, cursor, language: of the page.
        selected: the menu's choice, which would stand at the cursor.
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
    sent: float

    @property
    def before(self) -> str:
        return self.text[: self.cursor] + self.selected

    @property
    def behind(self) -> str:
        return self.text[self.cursor :]


class _Recorded(dict[str, Gathered]):
    """A session's pieces of other files, and all that it ever had."""

    def __init__(self, every: list[Gathered]) -> None:
        super().__init__()
        self._every = every

    def __setitem__(self, uri: str, gathered: Gathered) -> None:
        super().__setitem__(uri, gathered)
        if all(one.snippets != gathered.snippets for one in self._every):
            self._every.append(gathered)


class Replay:
    """See the module.

    Attributes:
        seen: how often what happened.
        violations: what was wrong with something that was shown.
        waste: generations that went on although the text had left them.
        slowest: the longest that an answer took (s).
    """

    def __init__(self, seed: int, loop: VirtualLoop, *, filters: bool = False, most: int = _ENOUGH) -> None:
        self.loop, self.filters, self.most = loop, filters, most
        self.chance = random.Random(seed)
        self.typist = Typist(seed + 1)
        self.stage = Stage(seed + 2)
        self.index = Index(("/home/one",), seed + 3)
        self.seen: Counter[str] = Counter()
        self.violations: list[str] = []
        self.waste: list[str] = []
        self.slowest = 0.0
        self.pages = pages()
        self.page = self.pages[0]
        self.open: list[Page] = []
        self.asked: dict[asyncio.Task[None], Asked] = {}
        self.newest: dict[str, Asked] = {}
        self.settings: dict[str, Any] = {}
        self.pieces: list[Gathered] = [NOTHING]
        self.step = 0
        self.last = 0  # suggestion that was shown
        self.grammars = Grammars()
        self.server: Server

    @property
    def session(self) -> Session:
        return self.server.session

    # --- the course of it

    async def play(self, keystrokes: int) -> None:
        await self.start()
        for self.step in range(keystrokes):
            await self.act()
            if len(self.violations) + len(self.waste) + len(self.stage.waste) >= self.most:
                break
        await asyncio.sleep(30)
        self.nothing_is_left()
        await self.end()

    async def start(self) -> None:
        self.server = Server(self)
        session = self.session
        session.without = frozenset({"manners"} if self.filters else {"filters", "manners"})
        session.grammars = self.grammars  # reading them again would take long
        session.gathered = _Recorded(self.pieces)
        cast("Any", session.rhythm).pause = lambda: self.chance.choice((0.0, 0.0, 0.0, 0.1))
        self.configure()
        self.loop.run_in_executor(None, cast("Any", self.server)._computed_before.load)
        self.server.spawn(startup.start_engine(session, self.server.on_state))
        self.server.follow()
        for page in self.open:
            self.tell(types.TEXT_DOCUMENT_DID_OPEN, page.open(page.text, page.version))

    def configure(self) -> None:
        settings = {"engine": "fake", "popup": "always", "comments": True, "speculation": "eager"}
        params = types.DidChangeConfigurationParams({"offhand": settings | self.settings})
        self.tell(types.WORKSPACE_DID_CHANGE_CONFIGURATION, params)

    async def end(self) -> None:
        for task in list(self.asked):
            task.cancel()
        await self.server.end()
        counts = self.session.metrics.counts
        self.seen.update({f"computed: {kind}": n for kind, n in counts.computed.items()})

    def nothing_is_left(self) -> None:
        """All requests are answered, all generations at their end, and what is remembered has its bounds."""
        session = self.session
        assert not self.asked, "a request was never answered"
        assert not cast("Any", session.flights)._all, "a generation has no end"
        assert session.worker is None or not cast("Any", session.worker)._requests, (
            "the worker was not heard out"
        )
        assert len(session.cache) <= 1_000
        assert len(session.ahead.outcomes) <= 64
        assert len(session.traces) <= 50
        assert {*session.remembered, *session.gathered} <= {page.uri for page in self.open}

    def tell(self, method: str, params: Any) -> Any:
        return self.server.protocol.fm.features[method](params)

    def change(self, params: types.DidChangeTextDocumentParams | None) -> None:
        if params is not None:
            self.tell(types.TEXT_DOCUMENT_DID_CHANGE, params)

    # --- what happens

    async def act(self) -> None:
        """One keystroke, or something else that happens, and perhaps a question."""
        chance = self.chance
        if chance.random() < 0.02 or self.page not in self.open:
            self.go_to(chance.choice(self.pages))
        self.foresee(self.page)
        await self.do(self.page, chance.random())
        early = chance.random() < 0.5
        if early:
            self.cancel_some()
        self.ask()
        if not early:
            self.cancel_some()
        await asyncio.sleep(chance.choice((0.0, 0.001, 0.03, 0.08, 0.12, 0.12, 0.2, 0.3, 1.0)))
        if chance.random() < 0.005:
            await asyncio.sleep(4)

    async def do(self, page: Page, what: float) -> None:
        typist = self.typist
        if what < 0.70:
            self.change(typist.key(page))
        elif what < 0.76:
            self.change(typist.backspace(page))
        elif what < 0.80:
            self.change(typist.undo(page))
        elif what < 0.82:
            self.change(typist.paste(page))
        elif what < 0.85:
            typist.jump(page)
            if self.chance.random() < 0.5:
                self.moved()
        elif what < 0.92:
            self.accept(page)
        elif what < 0.95:
            self.change(typist.elsewhere(page))
        elif what < 0.96 or len(page.text) > 2 * len(page.original) + 2_000:
            self.change(typist.outside(page))
        elif what < 0.98:
            other = self.chance.choice(self.open)
            if other is not page:
                self.change(typist.elsewhere(other))
        elif what < 0.99:
            document = types.TextDocumentIdentifier(page.uri)
            self.tell(types.TEXT_DOCUMENT_DID_SAVE, types.DidSaveTextDocumentParams(document))
        else:
            await self.upset(self.chance.random())

    def go_to(self, page: Page) -> None:
        self.page = page
        if page not in self.open:
            self.open.append(page)
            text = page.text if page.opened and self.chance.random() < 0.5 else page.original
            if self.chance.random() < 0.1:
                page.language = "python" if page.language == "plaintext" else "plaintext"
            version = self.chance.choice((0, 1, page.version))
            self.tell(types.TEXT_DOCUMENT_DID_OPEN, page.open(text, version))
            self.seen["opened"] += 1
        self.moved()

    def moved(self) -> None:
        document = types.TextDocumentIdentifier(self.page.uri)
        self.tell("offhand/cursor", types.TextDocumentPositionParams(document, self.page.here()))

    def foresee(self, page: Page) -> None:
        """The typist knows what is being written."""
        worker = self.stage.worker
        running = worker.running if worker else None
        if page.guide or running is None or running.asked.document != path_of(page.uri):
            return
        text, typed = running.writing.texts[0].whole, model_text(page.text[: page.cursor])[-BACK:]
        page.guide = next((text[k:] for k in range(len(text), -1, -1) if typed.endswith(text[:k])), "")

    def accept(self, page: Page) -> None:
        if page.guide:
            self.change(self.typist.accept(page, page.guide))
            self.seen["accepted"] += 1
            if self.chance.random() < 0.5:
                self.server.protocol.fm.commands["offhand.accepted"](self.last)

    async def upset(self, what: float) -> None:
        """What happens seldom."""
        if what < 0.25:
            if self.stage.worker is not None:
                self.stage.worker.kill()
            self.seen["kills"] += 1
        elif what < 0.5:
            choose = self.chance.choice
            self.settings = {
                "multiline": choose(("auto", "auto", "never")),
                "comments": choose((True, True, False)),
                "mode": choose(("balanced", "eager")),
                "model": choose(("small", "small", "bundled")),
                "engine": choose(("fake", "fake", "fake", "auto", "memory")),
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

    def more(self, uri: str) -> None:
        """A suggestion has got more lines: who still shows it asks again."""
        self.seen["more"] += 1
        if uri == self.page.uri and self.page in self.open:
            self.loop.call_later(0.002, lambda: self.page in self.open and self.send("inline"))

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
            sent=self.loop.time(),
        )
        self.seen["requests"] += 1
        self.newest[page.uri] = asked
        document, position = types.TextDocumentIdentifier(page.uri), page.here()
        if kind == "popup":
            answer = self.tell(types.TEXT_DOCUMENT_COMPLETION, types.CompletionParams(document, position))
        else:
            kinds = types.InlineCompletionTriggerKind
            context = types.InlineCompletionContext(kinds.Invoked if asked.invoked else kinds.Automatic)
            if asked.selected:
                span = types.Range(position, position)
                context.selected_completion_info = types.SelectedCompletionInfo(span, asked.selected)
            params = types.InlineCompletionParams(context, document, position)
            answer = self.tell(types.TEXT_DOCUMENT_INLINE_COMPLETION, params)
        task = self.loop.create_task(self.answered(asked, answer))
        self.asked[task] = asked
        task.add_done_callback(lambda done: self.asked.pop(done))
        task.add_done_callback(lambda _done: answer.close())  # it may have been cancelled before it began
        self.loop.call_later(TOLD, self.thrift, asked)

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

    # --- what may be shown

    def judge(self, asked: Asked, item: Any) -> str:
        """What is wrong with an item that is about to be shown; empty if nothing is."""
        page = asked.page
        if (page.opened, page.version, page.text) != (asked.opened, asked.version, asked.text):
            return "it is about an older text"
        if page not in self.open:
            return "it is about a document that was closed"
        inline = asked.kind == "inline"
        span, text = (item.range, item.insert_text) if inline else (_span(item), item.text_edit.new_text)
        start, end = page.offset(span.start), page.offset(span.end)
        if "\n" in text.replace(page.eol, ""):
            return f"it has other line ends than the document: {text!r}"
        text, before = model_text(text), page.text[start : asked.cursor] + asked.selected
        if not text.startswith(before):
            return f"it takes away what stands before the cursor: {text!r}"
        if not self.filters and end != asked.cursor:
            return f"it takes away {page.text[asked.cursor : end]!r}"
        shown = text[len(before) :]
        self.last = item.command.arguments[0]
        source = next(one.source for one in self.session.traces if one.id == self.last)
        self.seen[f"from {source}"] += 1
        if not asked.selected and page is self.page:
            page.guide = shown
        return self.origin(asked, shown, memory=source == "memory")

    def origin(self, asked: Asked, shown: str, *, memory: bool) -> str:
        """Look for what was written for the text as it was before something of it was typed."""
        library = self.stage.library
        tail = model_text(asked.before)[-BACK:]  # a mark may have been begun there
        mark = next((one for one in MARK.finditer(tail + shown) if one.end() > len(tail)), None)
        if mark is None:  # the end of a text that was cut off
            lengths: Sequence[int] = range(BACK + 1)
        else:
            written, _, alternative = mark.groups()
            whole = library.text(written, int(alternative))
            start = whole.index(mark.group()) - (mark.start() - len(tail))
            if not self.filters and (start < 0 or whole[start : start + len(shown)] != shown):
                return f"{shown!r} is no part of what was written: {whole!r}"
            lengths = [start]
        why = ""
        for length in lengths:
            state = _without(asked.before, length) if 0 <= length <= BACK else None
            if state is None:
                break
            before, typed = state
            for number, question in enumerate(self.questions(asked, before, memory=memory)):
                for key in [question.key, *library.alike(question)] if mark is None else [written]:
                    if key != question.key and not library.differs_in_edge(key, question, model_text(before)):
                        why = why or library.differences(key, question)
                        continue
                    found = library.origins.get(key)
                    if found is not None and any(
                        one.whole.startswith(typed + shown) for one in found.writing.texts
                    ):
                        self.seen["of it typed: " + ("a part" if typed else "nothing")] += 1
                        self.seen["another edge"] += key != question.key
                        self.seen["other pieces"] += number > 0
                        return self.extent(asked, key, found.writing, typed + shown)
        return f"{shown!r} was not written for this place: {why}"

    def extent(self, asked: Asked, key: str, writing: Writing, text: str) -> str:
        """What is wrong with how much is shown of a text."""
        if not writing.sure and not asked.invoked:
            return f"nobody is sure of {text!r}"
        ends = any(one.whole == text or one.whole.startswith(text + "\n") for one in writing.texts)
        return "" if ends or key in self.stage.library.cut else f"{text!r} ends in the middle of a line"

    def questions(self, asked: Asked, before: str, *, memory: bool = False) -> Iterator[Question]:
        """What a worker would be asked from scratch, if the text ended so at the cursor: with the pieces of other files
        that are there now; then with others that there were."""
        session, page = self.session, asked.page
        assert session.model is not None
        document = Document(page.uri, asked.language, 0, before + asked.behind)
        lines = split_lines(before)
        grammar = self.grammars.load(asked.language)
        snapshot = snapshots.take(document, grammar, len(lines) - 1, len(lines[-1]))
        view = _now(look(snapshot, grammar, (), self.grammars.without_grammar(asked.language)))
        manifest, project = session.model.manifest, session.project(page.uri)
        stop = cast("Any", asking)._stop(session, view)[0]
        familiar = session.familiar(view.context.language)
        here = session.gathered.get(page.uri, NOTHING)
        model = _model(session.config, manifest.model.sha256)
        for gathered in (here, *(one for one in self.pieces if one.snippets != here.snippets)):
            prompt = asking.prompt_of(manifest, asking.capacity_of(manifest), view, gathered, project)
            question = Question(prompt.parts, stop, familiar, model)
            yield question
            if memory:  # which answers without the model if that is refused
                yield msgspec.structs.replace(question, model=model_of("memory", ""))

    # --- what may go on

    def thrift(self, asked: Asked) -> None:
        """A moment after a question: what is written for a person in its document agrees with the text, or has been
        told that it does not."""
        page, worker = asked.page, self.stage.worker
        if worker is None or worker.ended.done() or self.newest[page.uri] is not asked:
            return
        wanted = [
            one
            for one in worker.requests()
            if one.wanted and not one.asked.speculative and one.asked.document == path_of(page.uri)
        ]
        if len(wanted) > 1:
            self.waste.append(f"step {self.step}: {len(wanted)} generations of one document")
        for request in wanted:
            if not self.agrees(asked, request):
                self.waste.append(f"step {self.step}: {request.written()!r} is written on")

    def agrees(self, asked: Asked, request: Request) -> bool:
        state = _without(asked.before, len(request.typed))
        if state is None or state[1] != request.typed:
            return False
        self.seen["went on"] += 1
        library = self.stage.library
        return any(
            request.key == question.key
            or library.differs_in_edge(request.key, question, model_text(state[0]))
            for question in self.questions(asked, state[0])
        )


def _model(config: Config, sha256: str) -> str:
    return model_of("llama_cpp" if config.engine == "auto" else config.engine, sha256)


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
