"""What the real server shows is what its engine would say from scratch: typing, going back, two documents, deaths.

A small replay over the real processes, with the ``fake`` engine, whose answer is a function of the prompt once the
memory is left out. So an answer can be computed again, in this process, for the text as it was when it may have been
begun: the text that was typed since is not known, so all its lengths are tried.

``OFFHAND_REPLAY=100000`` makes it a few minutes long.
"""

import asyncio
import contextlib
import os
import random
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from judge import BACK, question_at, view_of, without, without_closers
from rawclient import RawClient
from replay import PYTHON
from shipped import MODEL, tokenizer
from typist import Page, Typist

from lsp_server.base.config import Config
from lsp_server.completion import snapshot as snapshots
from lsp_server.completion.gather import NOTHING
from lsp_server.context.languages import Grammars
from lsp_server.engine.backends.fake import Fake
from lsp_server.engine.decoder import Decoder
from lsp_server.engine.decoding import complete
from lsp_server.engine.messages import Complete

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals"),
]

KEYSTROKES = max(300, int(os.environ.get("OFFHAND_REPLAY", "0")) // 40)

#: Of the answers that show something so many are checked: each costs as much as some keys.
_CHECKED = 0.25

#: Without what makes an answer depend on more than the prompt, and without what changes it afterwards.
ENVIRONMENT = {"OFFHAND_WITHOUT": "memory,filters,manners", "OFFHAND_FAKE_DELAY_MS": "0.5"}
SETTINGS = {"engine": "fake", "mode": "eager", "comments": True, "speculation": "eager"}


class Oracle:
    """The fake engine, asked without a server."""

    def __init__(self) -> None:
        engine = Fake(tokenizer().vocabulary, MODEL.manifest.context_length, end=0)
        self._decoder = Decoder(engine, tokenizer(), MODEL.manifest.end_tokens)
        self._grammars = Grammars()

    def explains(self, page: Page, before: str, behind: str, shown: str) -> bool:
        """Whether a text is what is said at some place where it may have been begun, less what was typed of it."""
        for length in range(BACK + 1):
            state = without(before, length)
            if state is None:
                return False
            earlier, typed = state
            for rest in dict.fromkeys(
                (behind, without_closers(behind))
            ):  # they may have come with what was typed
                if any(text.startswith(typed + shown) for text in self._says(page, earlier, rest)):
                    return True
        return False

    def _says(self, page: Page, before: str, behind: str) -> list[str]:
        view = view_of(self._grammars, page.uri, page.language, before, behind)
        question = question_at(view, MODEL.manifest, Config(engine="fake"), NOTHING)
        asked = Complete(1, question.parts, question.stop, question.tokens, 60_000, without=("memory",))
        finished = complete(self._decoder, asked)
        return [finished.text, *(other.text for other in finished.others)]


class Editor:
    """Somebody who types into the real server."""

    def __init__(self, home: Path, seed: int) -> None:
        self.home = home
        self.chance, self.typist, self.oracle = random.Random(seed), Typist(seed + 1), Oracle()
        text = PYTHON + "\n\n" + PYTHON.replace("Basket", "Box").replace("result", "amount")
        self.pages = [
            Page(f"file:///home/{name}.py", "python", "python", text) for name in ("a/b/c", "a/b/d")
        ]
        self.page = self.pages[0]
        self.seen: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.answers: set[asyncio.Task[None]] = set()
        self.client: RawClient

    async def start(self) -> None:
        self.client = await RawClient.start(self.home, **ENVIRONMENT)
        await self.client.initialize(SETTINGS)
        for page in self.pages:
            params = page.open(page.text or page.original, page.version)
            item = params.text_document
            self.client.open(item.text, item.uri, item.language_id)
            page.version = 0
        await self.client.ready()

    async def stop(self) -> None:
        await asyncio.gather(*self.answers)
        status = await self.client.command("offhand.status")
        self.seen.update(
            {f"answered from {name}": number for name, number in status["answered_from"].items()}
        )
        assert await self.client.goodbye() == 0
        await self.client.close()
        assert b"Traceback" not in self.client.stderr, self.client.stderr.decode()

    async def kill(self) -> None:
        for answer in self.answers:
            answer.cancel()
        await self.client.close()

    async def play(self, keystrokes: int) -> None:
        await self.start()
        restart, death = keystrokes // 3, 2 * keystrokes // 3
        for step in range(keystrokes):
            self.act()
            self.ask()
            if self.answers and self.chance.random() < 0.3:  # a look at what is shown
                await asyncio.wait(self.answers)
            await asyncio.sleep(self.chance.choice((0, 0.002, 0.01, 0.02)))
            if step in (restart, death):
                await (self.stop() if step == restart else self.kill())
                await self.start()
            elif self.chance.random() < 4 / keystrokes:
                await self.kill_worker()
        await self.stop()

    def act(self) -> None:
        page, what = self.page, self.chance.random()
        if (
            not page.guide and self.chance.random() < 0.5
        ):  # people say again what was said, as the engine does
            page.guide = page.original[self.chance.randrange(len(page.original)) :][:40]
        if what < 0.05:
            self.page = self.chance.choice(self.pages)
        elif what < 0.10:
            self.typist.jump(page)
        else:
            do = (
                self.typist.undo
                if what < 0.15
                else self.typist.backspace
                if what < 0.20
                else self.typist.outside
                if what < 0.22 or len(page.text) > 1_800
                else self.typist.block
                if what < 0.25
                else self.typist.key
            )
            params = do(page)
            if params is not None:
                self.client.notify("textDocument/didChange", _plain(params))

    def ask(self) -> None:
        page = self.page
        position = page.here()
        params = RawClient.inline_params(
            position.line, position.character, page.uri, kind=self.chance.choice((1, 1, 1, 2))
        )
        number = self.client.send("textDocument/inlineCompletion", params)
        answer = asyncio.create_task(self.answered(number, page, page.version, page.text, page.cursor))
        self.answers.add(answer)
        answer.add_done_callback(self.answers.discard)

    async def answered(self, number: int, page: Page, version: int, text: str, cursor: int) -> None:
        answer = await self.client.answer(number)
        if answer is None:
            self.seen["null"] += 1
            return
        self.seen["shown"] += 1
        item = answer["items"][0]
        shown = item["insertText"]
        if (page.version, page.text) == (version, text):
            page.guide = shown
        else:
            self.seen["crossed a change"] += 1  # an editor drops it
        if self.chance.random() < _CHECKED:
            self.seen["checked"] += 1
            if not self.oracle.explains(page, text[:cursor], text[cursor:], shown):
                self.wrong.append(f"{page.uri}: {shown!r} behind {text[:cursor][-60:]!r}")

    async def kill_worker(self) -> None:
        status = await self.client.command("offhand.status")
        if status["worker"]["pid"]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(status["worker"]["pid"], signal.SIGKILL)
            self.seen["kills"] += 1


def _plain(params: Any) -> dict[str, Any]:
    """As JSON has it."""
    changes = []
    for change in params.content_changes:
        plain: dict[str, Any] = {"text": change.text}
        if hasattr(change, "range"):
            start, end = change.range.start, change.range.end
            plain["range"] = {
                "start": {"line": start.line, "character": start.character},
                "end": {"line": end.line, "character": end.character},
            }
        changes.append(plain)
    document = {"uri": params.text_document.uri, "version": params.text_document.version}
    return {"textDocument": document, "contentChanges": changes}


async def test_what_is_shown_is_what_the_engine_says_from_scratch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """See the module."""
    monkeypatch.setattr(snapshots, "_PARSE_LIMIT", 1e9)
    editor = Editor(tmp_path / "home", seed=1)
    await editor.play(KEYSTROKES)
    print(dict(sorted(editor.seen.items())))
    assert not editor.wrong, "\n".join(editor.wrong)
    assert editor.seen["checked"] > 10
