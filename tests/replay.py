"""An editor, a typist and a server, in virtual time: what they do is chance, what may be shown is not.

The handlers are the server's own, and so is all below them up to the pipe to the worker, whose other end ``understudy``
plays. What may be shown ``judge`` says; here is what may go on, and what is left in the end.
"""

import asyncio
import random
import re
from collections import Counter
from collections.abc import Callable
from typing import Any, cast

from judge import BACK, Asked, Judge, Verdict, without, without_closers
from lsprotocol import types
from typist import Edit, Page, Typist, model_text
from understudy import TOLD, Index, Request, Stage
from virtual_time import VirtualLoop

from lsp_server.base.uri import path_of
from lsp_server.completion import startup
from lsp_server.completion.gather import NOTHING
from lsp_server.completion.session import Session
from lsp_server.completion.types import Gathered
from lsp_server.context.languages import Grammars
from lsp_server.lsp.server import OffhandServer

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
        self.judge = Judge(self.stage.library, grammars, self.pieces, self.seen, filters=filters)
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
        session = self.judge.session = self.session
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
        page.is_open = False
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
        if kind == "inline" and chance.random() < 0.05:  # the menu is open, its choice goes on from a word
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
        self.seen["shown" if items else "null"] += 1
        verdict = self.judge.item(asked, items[0]) if items else Verdict(self.judge.silence(asked))
        if verdict.problem:
            self.violations.append(f"step {self.step}, {asked.page.uri} {asked.kind}: {verdict.problem}")
        if verdict.id:
            self.last = verdict.id
            if asked.page is self.page and not asked.selected:
                self.page.guide = verdict.shown

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
            self.seen["went on"] += 1
            if not _agrees(asked, request):
                self.waste.append(f"step {self.step}: {request.written()!r} is written on")


def _agrees(asked: Asked, request: Request) -> bool:
    """Whether a generation is about the text as it is, less what the worker was told that was typed since. What
    else differs (settings, the outline) shows only when the text is looked at more closely."""
    state = without(asked.before, len(request.typed))
    before, behind = request.around
    return (
        state is not None
        and state[1] == request.typed
        and model_text(state[0]).endswith(before)
        and model_text(without_closers(asked.behind)).startswith(behind)
    )
