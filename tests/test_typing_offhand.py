"""The server as what is typed into, over a made-up connection: what it is told, and what is made of what it tells."""

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from lsp_server.base.errors import EngineError
from lsp_server.bench.typing.offhand import Offhand
from lsp_server.bench.typing.subject import Answer, Document, Explains

STATUS = {
    "state": "ready",
    "message": "",
    "memory": {"reading": False},
    "index": {"files": 2, "waiting": 0},
    "kv": {"prompt_tokens": 100, "reused_tokens": 90},
    "speculation": {"tokens": {"asked": 5, "lookahead": 7}},
}


class Wire:
    """Answers as it is told, and keeps what it was told."""

    pid = os.getpid()

    def __init__(
        self, *answers: tuple[str, int, int] | None, why: list[dict[str, Any]] | None = None
    ) -> None:
        self.on_more: Callable[[str], None] = lambda uri: None
        self.message = "no model"
        self.alive = True
        self.said: list[tuple[Any, ...]] = []
        self.started: tuple[Any, ...] = ()
        self.ended = False
        self.state = dict(STATUS)
        self._answers = list(answers)
        self._why = why or []

    async def start(
        self, settings: dict[str, Any], folder: Path | None, environment: Mapping[str, str] | None
    ) -> None:
        self.started = (settings, folder, environment, os.listdir((environment or {})["OFFHAND_HOME"]))

    async def stop(self) -> None:
        self.ended = True

    def open(self, *what: Any) -> None:
        self.said.append(("open", *what))

    def replace(self, *what: Any) -> None:
        self.said.append(("replace", *what))

    def cursor(self, *what: Any) -> None:
        self.said.append(("cursor", *what))

    async def suggestion(self, uri: str, line: int, character: int) -> tuple[str, int, int] | None:
        return self._answers.pop(0)

    async def command(self, name: str, *arguments: Any) -> Any:
        self.said.append((name, *arguments))
        return {"offhand.status": self.state, "offhand.why": self._why}.get(name)


def there(folder: str) -> bool:
    return os.path.exists(folder)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OFFHAND_HOME", str(tmp_path))
    monkeypatch.setattr("lsp_server.bench.typing.offhand._LOOK", 0.0)
    return tmp_path


async def test_it_starts_in_a_home_of_its_own(home: Path) -> None:
    """With the settings, nothing learnt from use, the parts left out by name, and the user's models at hand."""
    (home / "data").mkdir()
    wire = Wire()
    subject = Offhand(wire, {"mode": "eager"}, ("disk", "branches"))
    await subject.start(Path("/shop"))
    settings, folder, environment, lent = wire.started
    assert settings == {"mode": "eager", "adapt": False}
    assert folder == Path("/shop")
    assert environment["OFFHAND_WITHOUT"] == "disk,branches"
    assert environment["OFFHAND_HOME"] != str(home)
    assert lent == ["data"]
    await subject.stop()
    assert wire.ended
    assert not there(environment["OFFHAND_HOME"])
    assert (home / "data").is_dir()


async def test_what_an_editor_says(home: Path) -> None:
    """Documents, changes and movements go on as they are; an accept runs the suggestion's command with its number."""
    wire = Wire(("text", 1, 9), None)
    subject = Offhand(wire, {})
    await subject.start(Path("/shop"))
    del wire.said[:]
    await subject.open(Document("u", "/shop/a", "go", "x"))
    await subject.change("u", 1, 2, 3, 4, "y")
    await subject.cursor("u", 5, 6)
    answer = await subject.ask("u", 5, 6)
    assert answer == Answer("text", 1)
    assert await subject.ask("u", 5, 6) is None
    await subject.accepted("u", answer)
    assert wire.said == [
        ("open", "u", "go", "x"),
        ("replace", "u", 1, 2, 4, "y", 3),
        ("cursor", "u", 5, 6),
        ("offhand.accepted", 9),
    ]
    await subject.stop()


async def test_what_it_tells_afterwards(home: Path) -> None:
    """Questions by their number; which of them needed the model; tokens of answers and of speculation."""
    why = [
        {
            "id": 5,
            "source": "nothing",
            "reason": "superseded by a newer request",
            "stages_ms": {"context": 1.0},
        },
        {
            "id": 4,
            "source": "nothing",
            "reason": "not sure enough",
            "stages_ms": {"engine": 9.0},
            "tokens": {},
        },
        {"id": 3, "source": "nothing", "reason": "in a comment", "stages_ms": {"context": 1.0}, "more": 1},
        {"id": 2, "source": "model", "tokens": {"prompt": 9, "reused": 3, "generated": 5}},
        {"id": 1, "source": "lookahead"},
    ]
    wire = Wire(*[None] * 6, why=why)
    subject = Offhand(wire, {})
    await subject.start(Path("/shop"))
    for _ in range(6):
        await subject.ask("u", 0, 0)
    await subject.look()
    assert subject.sources() == [""] * 6  # too few to look
    await subject.look(all=True)
    assert isinstance(subject, Explains)
    assert subject.sources() == ["lookahead", "model", "nothing", "nothing", "nothing", ""]
    usage = subject.usage()
    assert (usage.requests, usage.model_calls, usage.computed_tokens) == (5, 3, 12)
    assert (usage.prompt_tokens, usage.reused_tokens) == (100, 90)
    assert usage.cpu_s > 0
    assert usage.rss_mb > 1
    await subject.stop()


async def test_a_server_that_is_not_there(home: Path) -> None:
    """Not ready, in error, ended: one sentence each, and its home is removed."""

    class Slow(Wire):
        async def start(self, *what: Any) -> None:
            await super().start(*what)
            raise asyncio.TimeoutError

    class Dead(Wire):
        async def start(self, *what: Any) -> None:
            await super().start(*what)
            raise RuntimeError("code 1")

    broken = Wire()
    broken.state.update(state="error", message="no such model")
    for wire, message in ((Slow(), "ready: no model"), (Dead(), "ready: code 1"), (broken, "no such model")):
        subject = Offhand(wire, {})
        with pytest.raises(EngineError, match=message):
            await subject.start(Path("/shop"))
        await subject.stop()
        assert not there(wire.started[2]["OFFHAND_HOME"])
    wire = Wire(None)
    subject = Offhand(wire, {})
    await subject.start(Path("/shop"))
    wire.alive = False
    with pytest.raises(EngineError, match="has ended"):
        await subject.ask("u", 0, 0)
    await subject.stop()
