"""An editor, a typist and a server, in virtual time: what they do is chance, what may be shown is not.

The handlers are the server's own, and so is all below them up to the pipe to the worker, whose other end ``understudy``
plays. What is checked, and what follows from it, is said in ``test_truth``.
"""

import asyncio
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any, cast

import msgspec
from lsprotocol import types
from typist import Edit, Page, Typist, model_text
from understudy import MARK, MEMORY, TOLD, Index, Question, Request, Stage, Writing, model_of
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
from lsp_server.models.manifest import Manifest
from lsp_server.workspace.documents import Document

#: As far back as a suggestion may have begun (characters).
BACK = 128

#: What editors insert by themselves behind the cursor: nothing that a prompt shows.
_CLOSERS = " \t)]}>\"'`;:,"

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
        Page("file:///home/one/a/b/c.py", "python", "python", PYTHON),
        Page("file:///home/two/a/b/c.py", "python", "python", PYTHON),
        Page("file:///home/two/a/b/d.py", "python", "python", PYTHON),
        Page("file:///home/one/long.py", "python", "python", LONG),
        Page("file:///home/one/dos.py", "python", "python", (PYTHON * 2).replace("\n", "\r\n")),
        Page("file:///home/one/go.js", "javascript", "javascript", SCRIPT),
        Page(
            "file:///home/one/data.json",
            "json",
            "json",
            '{"all": [' + ", ".join(map(str, range(900))) + "]\n}\n",
        ),
        Page("file:///home/one/notes.txt", "plaintext", "plaintext", NOTES),
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
        config: the settings in force.
        selected: the menu's choice, which would stand from ``start`` on.
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
    start: int
    config: Config
    sent: float

    @property
    def before(self) -> str:
        return self.text[: self.start] + self.selected

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

    def __init__(
        self, seed: int, loop: VirtualLoop, grammars: Grammars, *, filters: bool = False, most: int = 1
    ) -> None:
        """Prepare one; nothing has happened yet.

        Args:
            filters: what is shown goes through the filters.
            most: violations after which it is no use to go on.
        """
        self.loop, self.grammars, self.filters, self.most = loop, grammars, filters, most
        self.chance = random.Random(seed)
        self.typist = Typist(seed + 1)
        self.waste: list[str] = []
        self.stage = Stage(seed + 2, self.waste)
        self.index = Index(("/home/one",), seed + 3)
        self.seen: Counter[str] = Counter()
        self.violations: list[str] = []
        self.slowest = 0.0
        self.pages = pages()
        self.page = self.pages[0]
        self.open: list[Page] = []
        self.asked: dict[asyncio.Task[None], Asked] = {}
        self.newest: dict[str, Asked] = {}
        self.settings: dict[str, Any] = {"model": ("small", "bundled")[seed % 2]}
        self.pieces: list[Gathered] = [NOTHING]
        self.step = 0
        self.last = 0  # suggestion that was shown
        self.server: Server
        typist = self.typist
        #: By name how often they happen, of a hundred times, and what they do: a change to be told, or what it takes.
        self.actions: dict[str, tuple[float, Callable[[Page], Any]]] = {
            "key": (66, typist.key),
            "backspace": (5, typist.backspace),
            "undo": (4, typist.undo),
            "paste": (2, typist.paste),
            "block": (4, typist.block),
            "jump": (3, self.jump),
            "accept": (6, self.accept),
            "elsewhere": (3, typist.elsewhere),
            "import": (1, typist.imports),
            "outside": (1.5, typist.outside),
            "another document": (2, self.other_page),
            "twin": (1.5, self.twin),
            "save": (0.5, self.save),
            "kill": (0.4, self.kill),
            "settings": (0.5, self.other_settings),
            "no blocks": (0.5, self.blocks_unwanted),
            "another server": (0.1, self.another_server),
            "another engine": (0.1, self.another_engine),
            "close": (0.5, self.close),
            "reopen": (0.8, self.reopen),
        }

    @property
    def session(self) -> Session:
        return self.server.session

    # --- the course of it

    async def play(self, keystrokes: int) -> None:
        for self.step in range(keystrokes):
            await self.act()
            if len(self.violations) + len(self.waste) >= self.most:
                return

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

    def told(self) -> str:
        """What was seen, for people."""
        stage, seen = self.stage, ", ".join(f"{name} {self.seen[name]}" for name in sorted(self.seen))
        workers = f"workers {stage.started}, asked {stage.asked}, ahead {stage.ahead}, blocks {stage.blocks}"
        return f"slowest answer {self.slowest:.2f} s; {workers}; {seen}"

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
            self.go_to(chance.choices(self.pages, [2, 2, 2, 4, 2, 1, 1, 1])[0])
        self.foresee(self.page)
        await self.do(self.page)
        early = chance.random() < 0.5
        if early:
            self.cancel_some()
        self.ask()
        if not early:
            self.cancel_some()
        await asyncio.sleep(chance.choice((0.0, 0.001, 0.03, 0.08, 0.12, 0.12, 0.2, 0.3, 1.0)))
        if chance.random() < 0.005:
            await asyncio.sleep(4)

    async def do(self, page: Page) -> None:
        what = self.chance.choices([*self.actions], [weight for weight, _ in self.actions.values()])[0]
        self.seen[what] += 1
        if len(page.text) > 2 * len(page.original) + 2_000:
            self.change(self.typist.outside(page))
            return
        done = self.actions[what][1](page)
        if isinstance(done, types.DidChangeTextDocumentParams):
            self.change(done)
        elif done is not None:
            await done

    def jump(self, page: Page) -> None:
        self.typist.jump(page)
        if self.chance.random() < 0.5:
            self.moved()

    def other_page(self, page: Page) -> None:
        """Something is written in a document that is in the background."""
        other = self.chance.choice(self.open)
        if other is not page:
            self.change(self.typist.elsewhere(other))

    def twin(self, page: Page) -> None:
        """Another document has the same text now, and the user goes there, to the same place."""
        other = self.chance.choice([one for one in self.open if one.eol == page.eol])
        if other is not page:
            cursor, guide = page.cursor, page.guide
            self.change(other.change([Edit(0, len(other.text), page.text)], whole=True))
            self.page, other.cursor, other.guide = other, cursor, guide
            self.moved()

    def save(self, page: Page) -> None:
        document = types.TextDocumentIdentifier(page.uri)
        self.tell(types.TEXT_DOCUMENT_DID_SAVE, types.DidSaveTextDocumentParams(document))

    def accept(self, page: Page) -> None:
        if page.guide:
            self.change(self.typist.accept(page, page.guide))
            if self.chance.random() < 0.5:
                self.server.protocol.fm.commands["offhand.accepted"](self.last)

    def kill(self, page: Page) -> None:
        if self.stage.worker is not None:
            self.stage.worker.kill()

    def other_settings(self, page: Page) -> None:
        every = {
            "multiline": ("auto", "auto", "never"),
            "comments": (True, True, False),
            "mode": ("balanced", "eager"),
            "model": ("small", "small", "bundled"),
            "engine": ("fake", "fake", "fake", "auto", "memory"),
        }
        names = [name for name in every if self.chance.random() < 0.3]
        self.settings |= {name: self.chance.choice(every[name]) for name in names}
        self.configure()

    async def blocks_unwanted(self, page: Page) -> None:
        """A block is asked for, and then one line only."""
        self.change(self.typist.block(page))
        self.ask()
        await asyncio.sleep(self.chance.choice((0.1, 1.0)))
        self.settings["multiline"] = "never" if self.settings.get("multiline") != "never" else "auto"
        self.configure()

    async def another_server(self, page: Page) -> None:
        await self.end()
        await self.start()

    def another_engine(self, page: Page) -> None:
        self.server.spawn(self.server.protocol.fm.commands["offhand.restartWorker"]())

    def close(self, page: Page) -> None:
        """A document is closed, and perhaps opened again at once, with another text."""
        page = self.chance.choice(self.open)
        self.shut(page)
        again = self.chance.random() < 0.7
        self.go_to(page if again else self.chance.choice(self.pages))

    def reopen(self, page: Page) -> None:
        """The user is asked whether to reload a document, or says that it is of another language."""
        self.shut(page)
        if self.chance.random() < 0.5:
            page.text = page.original
        elif page.language == page.usual:
            page.language = "python" if page.usual == "plaintext" else "plaintext"
        else:
            page.language = page.usual
        self.open.append(page)
        self.tell(types.TEXT_DOCUMENT_DID_OPEN, page.open(page.text, page.version))

    def shut(self, page: Page) -> None:
        self.open.remove(page)
        document = types.TextDocumentIdentifier(page.uri)
        self.tell(types.TEXT_DOCUMENT_DID_CLOSE, types.DidCloseTextDocumentParams(document))

    def go_to(self, page: Page) -> None:
        self.page = page
        if page not in self.open:
            self.open.append(page)
            text = page.text if page.opened and self.chance.random() < 0.5 else page.original
            page.language = page.usual
            version = self.chance.choice((0, 1, page.version))
            self.tell(types.TEXT_DOCUMENT_DID_OPEN, page.open(text, version))
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
        selected, start = "", page.cursor
        if (
            kind == "inline" and chance.random() < 0.05
        ):  # the menu is open, and its choice goes on from a word
            word = re.search(r"\w*$", page.typed_line())
            start -= len(word[0]) if word and chance.random() < 0.5 else 0
            selected = page.text[start : page.cursor] + chance.choice(("name", "fo"))
        asked = Asked(
            page=page,
            opened=page.opened,
            version=page.version,
            text=page.text,
            cursor=page.cursor,
            language=page.language,
            kind=kind,
            invoked=kind == "inline" and chance.random() < 0.1,
            selected=selected,
            start=start,
            config=self.session.config,
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
                span = types.Range(page.position(start), position)
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
        text, before = model_text(text), page.text[start : asked.start] + asked.selected
        if not text.startswith(before):
            return f"it takes away what stands before the cursor: {text!r}"
        taken = page.text[asked.cursor : end]
        if end < asked.cursor or taken.strip(_CLOSERS if self.filters else ""):
            return f"it takes away {taken!r}"
        shown = text[len(before) :]
        self.last = item.command.arguments[0]
        source = next(one.source for one in self.session.traces if one.id == self.last)
        self.seen[f"from {source}"] += 1
        if not asked.selected and page is self.page:
            page.guide = shown
        return self.origin(asked, shown, source)

    def origin(self, asked: Asked, shown: str, source: str) -> str:
        """Look for what was written for the text as it was before something of it was typed."""
        library = self.stage.library
        tail = model_text(asked.before)[-BACK:]  # a mark may have been begun there
        mark = next((one for one in MARK.finditer(tail + shown) if one.end() > len(tail)), None)
        if mark is None:  # the end of a text that was cut off
            lengths: Sequence[int] = range(BACK + 1)
        else:
            written, _, alternative = mark.groups()
            if written not in library.origins:
                return f"{shown!r} was never written"
            whole = library.text(written, int(alternative))
            start = whole.index(mark.group()) - (mark.start() - len(tail))
            if self.filters:  # which may have taken something away at either end, before anything was typed
                lengths = [one for one in range(len(tail) + 1) if tail[len(tail) - one :] in whole]
            elif start < 0 or whole[start : start + len(shown)] != shown:
                return f"{shown!r} is no part of what was written: {whole!r}"
            else:
                lengths = [start]
        why = ""
        for length in lengths:
            state = without(asked.before, length) if 0 <= length <= BACK else None
            if state is None:
                break
            before, typed = state
            for what, question in self.questions(asked, before, memory=source in ("memory", "joined")):
                for key in [question.key, *library.alike(question)] if mark is None else [written]:
                    if key != question.key and not library.differs_in_edge(key, question, model_text(before)):
                        why = why or library.differences(key, question)
                        continue
                    found = library.origins.get(key)
                    if found is not None and self.continues(found.writing, typed, shown):
                        self.seen["of it typed: " + ("a part" if typed else "nothing")] += 1
                        self.seen["as it was but for the edge"] += key != question.key
                        self.seen[f"as it was but for {what or 'nothing'}"] += 1
                        return self.extent(asked, key, typed + shown, source)
        return f"{shown!r} was not written for this place: {why}"

    def continues(self, writing: Writing, typed: str, shown: str) -> bool:
        """Whether what was typed and what is shown are of one text; with filters, what was typed."""
        if self.filters:
            return any(typed in one.whole for one in writing.texts)
        return any(one.whole.startswith(typed + shown) for one in writing.texts)

    def extent(self, asked: Asked, key: str, text: str, source: str) -> str:
        """What is wrong with how much is shown of a text. Who waits for it may be shown what there is."""
        library = self.stage.library
        writing = library.origins[key].writing
        if not writing.sure and not asked.invoked:
            return f"nobody is sure of {text!r}"
        if self.filters:
            return ""
        ends = any(one.whole == text or one.whole.startswith(text + "\n") for one in writing.texts)
        cut = key in library.cut and source in ("model", "memory", "joined")
        return "" if ends or cut else f"{text!r} ends in the middle of a line"

    def questions(self, asked: Asked, before: str, *, memory: bool = False) -> Iterator[tuple[str, Question]]:
        """What a worker would be asked from scratch, if the text ended so at the cursor: with the pieces of other files
        that are there now, then with others that there were. Beside it, in a word, what of it is not as it is now.

        Args:
            memory: also what the memory would be asked in the model's place.
        """
        session, uri = self.session, asked.page.uri
        assert session.model is not None
        manifest, project = session.model.manifest, session.project(uri)
        here = session.gathered.get(uri, NOTHING)
        for behind, closed in ((asked.behind, ""), (_without_closers(asked.behind), "closers")):
            if closed and behind == asked.behind:
                return
            view = view_of(self.grammars, asked.page.uri, asked.language, before, behind)
            for config in dict.fromkeys((session.config, asked.config)):
                for gathered in (here, *(one for one in self.pieces if one.snippets != here.snippets)):
                    question = question_at(view, manifest, config, gathered, project)
                    what = [
                        closed,
                        "pieces" * (gathered is not here),
                        "settings" * (config != session.config),
                    ]
                    yield " and ".join(filter(None, what)), question
                    if memory:
                        yield (
                            " and ".join(filter(None, what)),
                            msgspec.structs.replace(question, model=MEMORY),
                        )

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
            if one.arrived < self.loop.time() - TOLD / 2  # of a newer one the worker is told more in a moment
        ]
        if len(wanted) > 1:
            self.waste.append(f"step {self.step}: {len(wanted)} generations of one document")
        for request in wanted:
            if not self.agrees(asked, request):
                self.waste.append(f"step {self.step}: {request.written()!r} is written on")

    def agrees(self, asked: Asked, request: Request) -> bool:
        """Whether a generation is about the text as it is, less what the worker was told that was typed since. What
        else differs (settings, the outline) shows only when the text is looked at more closely."""
        state = without(asked.before, len(request.typed))
        before, behind = request.around
        self.seen["went on"] += 1
        return (
            state is not None
            and state[1] == request.typed
            and model_text(state[0]).endswith(before)
            and model_text(_without_closers(asked.behind)).startswith(behind)
        )


def view_of(grammars: Grammars, uri: str, language: str, before: str, behind: str) -> View:
    """A document with the cursor in it, read as if nothing had been known of it."""
    document = Document(uri, language, 0, before + behind)
    lines, grammar = split_lines(before), grammars.load(language)
    snapshot = snapshots.take(document, grammar, len(lines) - 1, len(lines[-1]))
    return _now(look(snapshot, grammar, (), grammars.without_grammar(language)))


def question_at(
    view: View, manifest: Manifest, config: Config, gathered: Gathered, project: str = ""
) -> Question:
    """What a worker would be asked there."""
    prompt = asking.prompt_of(manifest, asking.capacity_of(manifest), view, gathered, project)
    model = SimpleNamespace(manifest=manifest)
    stop, tokens = cast("Any", asking)._stop(SimpleNamespace(config=config, model=model), view)
    engine = "llama_cpp" if config.engine == "auto" else config.engine
    familiar = not manifest.languages or view.context.language in manifest.languages
    return Question(prompt.parts, stop, tokens, familiar, model_of(engine, manifest.model.sha256))


def _span(item: types.CompletionItem) -> types.Range:
    edit = item.text_edit
    return edit.range if isinstance(edit, types.TextEdit) else cast("Any", edit).insert


def without(text: str, length: int) -> tuple[str, str] | None:
    """Take so many characters away from the end of a text, a line end being one, and return them."""
    end = len(text)
    for _ in range(length):
        if end == 0:
            return None
        end -= 2 if text[:end].endswith("\r\n") else 1
    return text[:end], model_text(text[end:])


def _without_closers(text: str) -> str:
    """A text without the rest of its first line, if that is nothing but what editors insert by themselves."""
    rest = split_lines(text)[0].rstrip("\r\n")
    return text.removeprefix(rest) if not rest.strip(_CLOSERS) else text


def _now(work: Any) -> View:
    """The result of a coroutine that has nothing to wait for."""
    try:
        work.send(None)
    except StopIteration as stop:
        return cast("View", stop.value)
    raise AssertionError("It waits.")
