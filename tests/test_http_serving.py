"""A team's server behind the worker and the pipeline: who answers when it does not, and what the user is told."""

import math
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from rawclient import RawClient
from shipped import MODEL, load_message, prompt
from test_http_engine import ANSWER, MODELS, Clock
from test_pipeline import URI, ask, session, written
from webserver import Reply, WebServer, serving

from lsp_server.base.config import Config, Http
from lsp_server.base.errors import ModelError
from lsp_server.completion import gate, served
from lsp_server.completion.startup import load_message as made_load
from lsp_server.completion.types import Candidate
from lsp_server.engine.backends.http.engine import HttpEngine
from lsp_server.engine.backends.http.patience import Patience
from lsp_server.engine.desk import Desk
from lsp_server.engine.inbox import Inbox, Opened
from lsp_server.engine.messages import (
    Complete,
    Finished,
    Infill,
    Loaded,
    LoadFailed,
    Remember,
    Served,
    Step,
    Stop,
    ToServer,
    Trouble,
)
from lsp_server.prompt.families import marks

SEEN = "def total(values):\n    result = sum(values)\n    return result\n"


def desk(url: str, **settings: Any) -> tuple[Desk, Inbox, list[ToServer]]:
    """One that has opened the engine, and remembers ``SEEN``."""
    sent: list[ToServer] = []
    inbox = Inbox()
    made = Desk(inbox, sent.append)
    http = Http(**{"url": url, "api": "openai", "template": "offhand", **settings})
    made.load(load_message("http", http=http, ask=marks()), 0.0)
    _, opened = inbox.next()
    assert isinstance(opened, Opened)
    made.opened(opened)
    made.remember(Remember("seen", (SEEN,)))
    return made, inbox, sent


def complete(made: Desk, inbox: Inbox) -> Finished:
    before = "def total(values):\n    result = su"
    # The parts name a token that the model beside the server does not have, as those of another family do.
    parts = (*prompt(before), msgspec.structs.replace(prompt("")[0], text="<|other_middle|>"))
    request = Complete(1, parts, Stop(), 40, 20_000, "new", infill=Infill(before, ""))
    inbox.add(request)
    arrived, _ = inbox.next()
    finished = made.answer(request, arrived)
    inbox.done(1)
    return finished


def test_the_memory_answers_for_a_server_that_is_down() -> None:
    """With the reason; the server's answer counts again once it is back, and the news of it is told once."""
    with serving({}) as gone:
        url = gone.url
    made, inbox, sent = desk(url)
    loaded = next(one for one in sent if isinstance(one, Loaded))
    assert (loaded.engine, loaded.served) == ("http", None)
    found = complete(made, inbox)
    assert (found.source, found.text) == ("memory", "m(values)")
    assert found.trouble is not None
    assert "cannot be reached" in found.trouble.text

    clock = Clock()
    engine = cast("HttpEngine", made._model)
    engine._patience = Patience(clock)
    with serving({"/v1/models": [MODELS], "/v1/completions": [ANSWER]}) as server:
        engine._connection = type(engine._connection)(Http(url=server.url))
        for _ in range(2):
            found = complete(made, inbox)
            assert (found.source, found.text, found.trouble) == ("model", "x + 1", None)
    assert [one.served for one in sent if isinstance(one, Loaded)] == [None, Served("openai", "m")]


def test_settings_that_cannot_be_used_refuse_the_model() -> None:
    """As a bad model file is refused; nothing is sent."""
    for settings, complaint in (
        (Http(), "needs a server"),
        (Http(url="https://192.0.2.1"), "allow_remote"),
        (Http(url="http://127.0.0.1:1", token_file="/nowhere"), "cannot be read"),
    ):
        sent: list[ToServer] = []
        inbox = Inbox()
        made = Desk(inbox, sent.append)
        made.load(load_message("http", http=settings), 0.0)
        _, opened = inbox.next()
        assert isinstance(opened, Opened)
        made.opened(opened)
        assert [complaint in one.message for one in sent if isinstance(one, LoadFailed)] == [True]


async def test_the_user_is_told_once() -> None:
    """One warning an outage, not one a key; each request keeps its reason. A single late answer is none."""
    told: list[str] = []
    text = written("values)", -0.1)
    made = session(text, engine="http")
    made.warn = told.append
    worker = cast("Any", made.worker)
    fine = worker.finished
    down = msgspec.structs.replace(fine, source="memory", trouble=Trouble("The server is down."))
    late = msgspec.structs.replace(
        fine, source="memory", trouble=Trouble("The server is late.", lasting=False)
    )
    for finished, warnings in ((late, 0), (down, 1), (down, 1), (fine, 1), (down, 2)):
        worker.finished = finished
        made.cache.clear()
        _, trace = await ask(made, "def f(values):\n    return len(", invoked=True)
        assert len(told) == warnings
        assert trace.trouble == (finished.trouble.text if finished.trouble else "")
        assert made.outage == ("The server is down." if finished is down else "")
    assert "memory of what you wrote" in told[0]


async def test_a_server_without_probabilities_can_be_shown() -> None:
    """What the gate does not know counts as usual: a short text passes, and none is certain."""
    unknown = written("values)")
    assert unknown.steps == ()
    text, trace = await ask(session(unknown, engine="http"), "def f(values):\n    return len(")
    assert text == "values)"
    assert "odds" not in trace.features
    assert 0.3 < trace.confidence < 0.9


def test_features_without_steps_are_those_of_the_text() -> None:
    """The others are left out, not taken for the worst."""
    step = (Step(4, math.log(0.5)),)
    with_steps = gate.features(Candidate("x(", steps=step), step, "call", True)
    without = gate.features(Candidate("x("), (), "call", True)
    assert without.items() < with_steps.items()
    assert without.keys() >= {"characters", "open_end", "only_signs"}


async def test_secrets_are_not_sent() -> None:
    """A file that would not be learnt from is not shown to a server either; a local model completes in it."""
    for settings, asked in ({"engine": "http"}, 0), ({}, 1):
        made = session(written("values)", -0.1), **settings)
        made.ignored[URI] = True
        _, trace = await ask(made, "def f(values):\n    return len(")
        assert cast("Any", made.worker).asked == asked
        assert ("is sent to the server" in trace.reason) == (not asked)


class Ear:
    """A worker that keeps what it is asked."""

    def __init__(self) -> None:
        self.asked: tuple[Any, ...] = ()
        self.infill: Any = None

    async def complete(self, *arguments: Any, infill: Any, **_named: Any) -> Finished:
        self.asked, self.infill = arguments, infill
        return Finished(1, "x", "line")

    def remember(self, document: str, pieces: tuple[str, ...]) -> None:
        """Take no notice."""


QWEN = (
    "<|fim_prefix|>",
    "<|fim_suffix|>",
    "<|fim_middle|>",
    "<|repo_name|>",
    "<|file_sep|>",
    "<|endoftext|>",
)


@pytest.mark.parametrize(
    ("settings", "tokens", "template", "there"),
    [
        (Http(), (), "offhand", True),
        (Http(), (*QWEN, "<|reserved_0|>"), "offhand", False),
        (Http(), QWEN, "qwen", False),
        (Http(), ("</s>",), "plain", False),
        (Http(template="codestral"), (), "codestral", False),
        (Http(template=served.INFILL), QWEN, "offhand", True),
    ],
)
async def test_what_the_worker_is_asked(
    settings: Http, tokens: tuple[str, ...], template: str, there: bool
) -> None:
    """Laid out where the family is known, else only what the prompt is made of."""
    made = session(written("x"), engine="http", http=settings)
    known = Served(
        "llama-server", "coder", 1_024, {text: 3 + n for n, text in enumerate(tokens)}, lays_out=True
    )
    made.model = served.as_model(MODEL, settings, known, ("python",))
    made.laid_out_there = served.lays_out(settings, known)
    assert made.model.manifest.template == template
    assert made.model.manifest.context_length == 1_024
    ear = Ear()
    made.worker = cast("Any", ear)
    await ask(made, "x = 1\ny =")
    parts, infill = ear.asked[0], ear.infill
    assert infill == Infill("x = 1\ny =", "")
    assert (parts == ()) == there
    assert there or parts[-1].text.endswith("y =")


def test_a_family_that_is_unknown() -> None:
    """A slip in the settings is said at once."""
    with pytest.raises(ModelError, match="'qwn' is unknown"):
        served.as_model(MODEL, Http(template="qwn"), None, ())


def test_the_worker_is_told_the_server() -> None:
    """And a context for the memory alone that holds the longer prompts; another engine is told nothing."""
    made = session(written("x"), engine="http", http=Http(url="http://127.0.0.1:1", context=4_096))
    load = made_load(made, MODEL)
    assert (load.engine, load.context, load.http) == ("http", 4_096, made.config.http)
    assert "<|fim_suffix|>" in load.ask
    made.config = msgspec.structs.replace(Config(), http=made.config.http)
    assert made_load(made, MODEL).http is None


@pytest.mark.slow
async def test_an_editor_and_a_server(tmp_path: Path) -> None:
    """The whole way: the settings file names the server; its text is shown; when it is gone the user hears it once."""
    (tmp_path / "config").mkdir()
    with serving({"/v1/models": [MODELS], "/v1/completions": [ANSWER, ANSWER, Reply(500)]}) as server:
        client = await with_server(tmp_path, server)
        client.open("def f(x):\n    other = \n    return x\n")
        item = await client.inline(1, 12)
        assert item is not None, (await client.command("offhand.why"))[0]["reason"]
        assert item["insertText"] == "x + 1"
        server.replies["/v1/completions"] = [Reply(500)]
        client.change(2, 1, 4, 9, "another")
        await client.inline(1, 14)
        client.change(3, 1, 4, 11, "a_third")
        await client.inline(1, 14)
        rows = await client.command("offhand.why")
        assert "status 500" in rows[0]["trouble"]
        assert len([text for text in client.messages() if "status 500" in text]) == 1
        await client.close()


async def with_server(home: Path, server: WebServer) -> RawClient:
    (home / "config" / "config.toml").write_text(
        f'engine = "http"\n[http]\nurl = "{server.url}"\napi = "openai"\ntemplate = "offhand"\n'
    )
    client = await RawClient.start(home)
    await client.initialize()
    await client.ready()
    return client
