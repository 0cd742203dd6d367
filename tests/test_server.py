"""The server over stdio, asked by a raw client: the protocol, its odd corners, and everything that must not break."""

import asyncio
import os
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, get_args

import psutil
import pytest
import pytest_asyncio
from shipped import MODEL

from lsp_server.base.metrics import Counts
from lsp_server.completion.history import read
from lsp_server.completion.types import Source
from tests.rawclient import PATIENCE, URI, RawClient, RpcError

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

#: The fake engine copies what followed the longest earlier match, so a repeated line is completed as before.
CODE = "def first(value):\n    result = compute(value)\n    return result\n\n\ndef second(value):\n    result = comp"
CURSOR = (6, len("    result = comp"))
FAKE = {"engine": "fake", "deadline_ms": 60_000}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def _shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RawClient]:
    # It works ahead however busy the machine is.
    client = await RawClient.start(tmp_path_factory.mktemp("home"), OFFHAND_WITHOUT="manners")
    await client.initialize(FAKE)
    await client.ready()
    yield client
    await client.close()


@pytest.fixture
def shared(_shared: RawClient) -> RawClient:
    """A server for tests that leave it as they found it."""
    return _shared


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def at(*position: int) -> dict[str, int]:
    return {"line": position[0], "character": position[1]}


# --- capabilities and settings


async def test_capabilities_are_what_editors_look_for(home: Path) -> None:
    """Inline completion is advertised statically, completion with triggers, and every command by its name."""
    client = await RawClient.start(home)
    capabilities = (await client.initialize(FAKE))["capabilities"]
    await client.close()
    assert capabilities["inlineCompletionProvider"] == {}
    assert "." in capabilities["completionProvider"]["triggerCharacters"]
    assert capabilities["textDocumentSync"]["change"] == 2
    assert set(capabilities["executeCommandProvider"]["commands"]) >= {
        "offhand.status",
        "offhand.why",
        "offhand.toggle",
        "offhand.restartWorker",
        "offhand.accepted",
        "offhand.resetLearning",
    }


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [(["utf-8", "utf-16"], "utf-8"), (["utf-32", "utf-16"], "utf-32"), (None, "utf-16")],
)
async def test_position_encoding(home: Path, offered: list[str] | None, chosen: str) -> None:
    """The client's first choice counts, and positions behind an astral character mean the right place in each."""
    client = await RawClient.start(home)
    general = {"positionEncodings": offered} if offered else {}
    result = await client.initialize(FAKE, capabilities={"general": general})
    assert result["capabilities"].get("positionEncoding", "utf-16") == chosen
    await client.ready()
    head = 'x = "😀é"; '
    units = {"utf-8": len(head.encode()), "utf-16": len(head) + 1, "utf-32": len(head)}[chosen]
    client.open(CODE.replace("    result = comp", f"    {head}result = comp"))
    await client.until(lambda: client.states())
    column = 4 + units + len("result = comp")
    # pytest's point: the CODE's first body line matches too, so the cursor's line is the last one
    item = await client.inline(6, column)
    assert item is not None
    assert item["insertText"] == "ute(value)"
    assert item["range"] == {"start": at(6, column), "end": at(6, column)}
    await client.close()


async def test_settings_come_from_file_options_and_configuration(home: Path) -> None:
    """Each source lies over the one before; an unknown setting is named once and ignored, the others count."""
    (home / "config").mkdir(parents=True)
    (home / "config" / "config.toml").write_text('engine = "fake"\nthreads = 3\nspeling = 1\n')
    client = await RawClient.start(home)
    client.configuration = {"threads": 2, "model": "bundled", "nonsense": True}
    await client.initialize({"offhand": {"threads": 0}}, capabilities={"workspace": {"configuration": True}})
    await client.ready()
    await client.until(lambda: len(client.messages()) >= 3)
    status = await client.command("offhand.status")
    await client.close()
    assert status["engine"] == "fake"
    assert status["threads"] == 2
    assert [
        name for name in ("speling", "threads", "nonsense") if any(name in m for m in client.messages())
    ] == [
        "speling",
        "threads",
        "nonsense",
    ]


async def test_settings_file_is_read_again_when_it_changes(home: Path) -> None:
    """Saving config.toml is enough."""
    (home / "config").mkdir(parents=True)
    (home / "config" / "config.toml").write_text('engine = "fake"\n')
    client = await RawClient.start(home)
    await client.initialize()
    await client.ready()
    (home / "config" / "config.toml").write_text('engine = "fake"\nenabled = false\n')
    await client.until(lambda: client.states()[-1]["state"] == "disabled")
    await client.close()


async def test_an_unknown_model_is_named(home: Path) -> None:
    """A model that is not there makes one message that lists those that are; the one that ships answers until then."""
    client = await RawClient.start(home)
    await client.initialize({"engine": "fake", "model": "no-such-model"})
    await client.until(lambda: client.messages())
    client.open(CODE)
    answer = await client.inline(*CURSOR)
    assert answer is not None
    assert answer["insertText"] == "ute(value)"
    status = await client.command("offhand.status")
    assert (status["state"], status["answered_from"]["model"]) == ("error", 1)
    assert await client.goodbye() == 0
    await client.close()
    assert len(client.messages()) == 1
    assert "no-such-model" in client.messages()[0]
    assert "bundled" in client.messages()[0]


# --- answers


async def test_ghost_text(shared: RawClient) -> None:
    """An inline item has a text, a one-line range at the cursor, and a command that tells of its acceptance."""
    shared.open(CODE)
    item = await shared.inline(*CURSOR)
    assert item is not None
    assert item["insertText"] == "ute(value)"
    assert item["range"] == {"start": at(*CURSOR), "end": at(*CURSOR)}
    before = (await shared.command("offhand.status"))["accepted"]
    await shared.command(item["command"]["command"], *item["command"]["arguments"])
    await shared.command(
        item["command"]["command"], *item["command"]["arguments"]
    )  # clients may say it twice
    assert (await shared.command("offhand.status"))["accepted"] == before + 1


async def test_typed_through_comes_from_the_cache(shared: RawClient) -> None:
    """What was shown answers its own beginnings without the model."""
    uri = URI + "typed"
    shared.open(CODE, uri)
    assert await shared.inline(*CURSOR, uri=uri) is not None
    for typed, key in enumerate("ute"):
        shared.change(typed + 1, CURSOR[0], CURSOR[1] + typed, CURSOR[1] + typed, key, uri)
        item = await shared.inline(CURSOR[0], CURSOR[1] + typed + 1, uri=uri)
        assert item is not None
        assert item["insertText"] == "ute(value)"[typed + 1 :]
        assert (await shared.command("offhand.why"))[0]["source"] == "cache"


async def test_a_key_costs_a_handful_of_tokens(home: Path) -> None:
    """Deep in a long file, through Enter, empty lines and new names, a key re-evaluates only what it added."""
    # The next window's prompt is not evaluated ahead: of this engine's cache, which evaluates in no time, no copy would
    # be worth making, and going back would cost it again.
    client = await RawClient.start(home, OFFHAND_WITHOUT="manners,prefill")
    await client.initialize(FAKE)
    await client.ready()
    uri = URI + "handful"
    method = (
        "    def method_{0}(self, value):\n        result = compute(value, {0})\n        return result\n\n"
    )
    text = "import os\n\n\nclass Thing:\n" + "".join(method.format(number) for number in range(100))
    client.open(text, uri)
    line, column, spent = text.count("\n"), 0, []
    for version, key in enumerate(
        "    def other(self, name):\n        here = compute(name, 7)\n\n        return he"
    ):
        client.change(version + 1, line, column, column, key, uri)
        line, column = (line + 1, 0) if key == "\n" else (line, column + 1)
        await client.inline(line, column, uri=uri)
        tokens = (await client.command("offhand.why"))[0]["tokens"]
        if tokens:
            spent.append(tokens["prompt"] - tokens["reused"])
    await client.close()
    assert len(spent) > 20
    assert spent[0] > 200, "the first prompt is evaluated whole"
    # The window's left edge moves once in eight lines, the limit in tokens may cut 64 more, and a suggestion's
    # look-ahead may stand where the key goes on.
    assert sorted(spent[1:])[-3] <= 24, spent
    assert sorted(spent)[len(spent) // 2] <= 4, spent


async def test_lookahead_answers_what_follows_acceptance(shared: RawClient) -> None:
    """The position after an accepted suggestion was computed before it is asked for."""
    uri = URI + "ahead"
    shared.open(CODE, uri)
    before = (await shared.command("offhand.status"))["speculation"]["runs"].get("lookahead", 0)
    item = await shared.inline(*CURSOR, uri=uri)
    await shared.worked_ahead("lookahead", before)
    assert item is not None
    shared.change(1, *CURSOR, CURSOR[1], item["insertText"] + "\n    ", uri)
    item = await shared.inline(CURSOR[0] + 1, 4, uri=uri, kind=1)
    assert item is not None
    assert item["insertText"] == "return result"
    assert (await shared.command("offhand.why"))[0]["source"] == "lookahead"
    assert (await shared.command("offhand.status"))["threads_used"] == {"token": 1, "prompt": 1, "why": ""}


async def test_the_rest_of_the_file_is_remembered(shared: RawClient) -> None:
    """A line far above what the prompt shows is completed as it stood there, once an answer was given."""
    uri = URI + "remembered"
    filler = "".join(f"value_{number} = other[{number}]\n" for number in range(400))
    shared.open("zebra.graze(meadow, hours=7)\n" + filler + "zebra.gra", uri)
    await shared.inline(401, 9, uri=uri)  # the document is learnt after this answer
    for column, key in enumerate("ze("):
        shared.change(column + 1, 401, 9 + column, 9 + column, key, uri)
        await asyncio.sleep(0.05)
        item = await shared.inline(401, 10 + column, uri=uri, kind=1)
    assert item is not None
    assert item["insertText"] == "meadow, hours=7)"


async def test_a_closed_document_is_forgotten(shared: RawClient) -> None:
    """What stood in a closed document is copied nowhere, even though its look-ahead was still running."""
    uri = URI + "closed"
    shared.open("okapi.drink(river, hours=9)\nother()\nokapi.dri", uri)
    item = await shared.inline(2, 9, uri=uri, kind=1)
    assert item is not None
    assert item["insertText"] == "nk(river, hours=9)"
    shared.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    shared.open("okapi.drink(", uri + "next")
    for column in range(3):
        item = await shared.inline(0, 12 + column, uri=uri + "next", kind=1)
        assert item is None or "river" not in item["insertText"]
        shared.change(column + 1, 0, 12 + column, 12 + column, "r", uri + "next")


async def test_popup_item(shared: RawClient) -> None:
    """The completion menu gets the same suggestion behind the typed word, so that clients keep the item."""
    home_uri = URI + "popup"
    shared.open(CODE, home_uri)
    client = shared
    answer = await client.request(
        "textDocument/completion", {"textDocument": {"uri": home_uri}, "position": at(*CURSOR)}
    )
    if answer is None:  # this client asked for ghost text before, and popup is 'auto'
        assert (await client.command("offhand.status"))["requests"] > 0
        return
    assert answer["isIncomplete"] is True


async def test_popup_item_for_editors_without_ghost_text(home: Path) -> None:
    """textEdit over the typed word, filterText that begins with it, and no InsertReplaceEdit unasked."""
    client = await RawClient.start(home)
    await client.initialize(FAKE)
    await client.ready()
    client.open(CODE)
    params = {"textDocument": {"uri": URI}, "position": at(*CURSOR)}
    answer = await client.request("textDocument/completion", params)
    assert answer["isIncomplete"] is True
    (item,) = answer["items"]
    assert item["textEdit"]["newText"] == "compute(value)"
    assert item["textEdit"]["range"] == {"start": at(6, 13), "end": at(*CURSOR)}
    assert item["filterText"].startswith("comp")
    assert item["insertTextFormat"] == 1
    # once ghost text was asked for, 'auto' leaves the menu alone
    assert await client.inline(*CURSOR) is not None
    assert await client.request("textDocument/completion", params) is None
    await client.close()


async def test_selected_popup_item_is_gone_on_from(shared: RawClient) -> None:
    """With an item chosen in the menu the answer begins with that item's text and replaces what it replaces."""
    uri = URI + "selected"
    shared.open(CODE, uri)
    info = {"range": {"start": at(6, 13), "end": at(*CURSOR)}, "text": "compute"}
    item = await shared.inline(*CURSOR, uri=uri, selectedCompletionInfo=info)
    assert item is not None
    assert item["insertText"] == "compute(value)"
    assert item["range"] == {"start": at(6, 13), "end": at(*CURSOR)}


async def test_crlf_stays_crlf(shared: RawClient) -> None:
    """The model sees \\n; what is inserted has the document's own line ends."""
    uri = URI + "crlf"
    body = "    if value:\n        go(value)\n        stop(value)\n"
    text = f"def first(value):\n{body}\n\ndef second(value):\n    if value:\n"
    shared.open((text + "        ").replace("\n", "\r\n"), uri)
    item = await shared.inline(8, 8, uri=uri, kind=1)
    assert item is not None
    assert "\n" not in item["insertText"].replace("\r\n", "")


async def test_silent_in_comments(shared: RawClient) -> None:
    """Comments are left alone by default, and why says so; an explicit request is answered all the same."""
    uri = URI + "comment"
    shared.open("# result = compute(value)\n# other\n# result = comp", uri)
    assert await shared.inline(2, 13, uri=uri) is None
    assert "comment" in (await shared.command("offhand.why"))[0]["reason"]
    assert await shared.inline(2, 13, uri=uri, kind=1) is not None


async def test_accepts_and_rejects_are_learnt(home: Path) -> None:
    """Both move the gate, a server started later knows of them, and a command forgets them; no code is kept."""
    client = await RawClient.start(home)
    await client.initialize(FAKE)
    await client.ready()
    assert (await client.command("offhand.status"))["learnt"]["shift"] == {}
    client.open(CODE)
    item = await client.inline(*CURSOR)
    assert item is not None
    client.change(1, *CURSOR, CURSOR[1], item["insertText"])
    await client.command(item["command"]["command"], *item["command"]["arguments"])
    learnt = (await client.command("offhand.status"))["learnt"]
    assert (learnt["accepted"], learnt["rejected"]) == (1, 0)
    raised = learnt["shift"]["python"]
    assert raised > 0
    uri = URI + "rejected"
    client.open(CODE, uri)
    assert await client.inline(*CURSOR, uri=uri) is not None
    client.change(1, *CURSOR, CURSOR[1], "z", uri)
    learnt = (await client.command("offhand.status"))["learnt"]
    assert (learnt["accepted"], learnt["rejected"]) == (1, 1)
    assert learnt["shift"]["python"] < raised
    assert await client.goodbye() == 0
    await client.close()
    kept = home / "state" / "learnt.json"
    assert "value" not in kept.read_text()
    (share,) = (home / "state" / "history").iterdir()
    counts = Counts()
    for quarter in read(share.parent, time.time()).quarters.values():
        counts.add(quarter)
    assert (counts.suggestions, counts.accepted, counts.rejected) == (2, 1, 1)
    assert counts.accepted_characters == len(item["insertText"])
    assert counts.written_characters == len(item["insertText"]) + 1
    assert "value" not in share.read_text()
    assert b"compute" not in (home / "cache" / "completions").read_bytes()

    client = await RawClient.start(home)
    await client.initialize(FAKE)
    await client.ready()
    client.open(CODE, uri)
    assert await client.inline(*CURSOR, uri=uri) is not None
    assert (await client.command("offhand.why"))[0]["source"] == "disk"
    learnt = (await client.command("offhand.status"))["learnt"]
    assert (learnt["accepted"], learnt["rejected"]) == (1, 1)
    assert (await client.command("offhand.resetLearning"))["accepted"] == 1
    learnt = (await client.command("offhand.status"))["learnt"]
    assert (learnt["accepted"], learnt["rejected"], learnt["shift"]) == (0, 0, {})
    assert not kept.exists()
    assert await client.goodbye() == 0
    await client.close()
    assert not kept.exists()


async def test_why_tells_of_the_gate(shared: RawClient) -> None:
    """The verdict with what led to it."""
    uri = URI + "why"
    shared.open(CODE, uri)
    assert await shared.inline(*CURSOR, uri=uri) is not None
    row = (await shared.command("offhand.why"))[0]
    assert row["mode"] == "balanced"
    assert row["sure"]
    assert row["confidence"] >= row["threshold"] > 0
    assert row["features"]["odds"] > 0
    assert all(reason.keys() == {"feature", "odds", "words"} for reason in row["reasons"])
    assert {"context", "filters", "gate"} <= row["stages_ms"].keys()


async def test_toggle(shared: RawClient) -> None:
    """Off is off, and the client is told."""
    uri = URI + "toggle"
    shared.open(CODE, uri)
    assert await shared.command("offhand.toggle") == {"enabled": False}
    assert await shared.inline(*CURSOR, uri=uri) is None
    assert shared.states()[-1]["state"] == "disabled"
    assert await shared.command("offhand.toggle") == {"enabled": True}
    assert await shared.inline(*CURSOR, uri=uri) is not None


async def test_disabled_languages(home: Path) -> None:
    """A language is switched off by the editor's id for it, whatever grammar reads it."""
    client = await RawClient.start(home)
    await client.initialize({**FAKE, "disabled_languages": ["jupyter-thing", "python"]})
    await client.ready()
    client.open(CODE, URI + "1", language="python")
    client.open(CODE, URI + "2", language="jupyter-thing")
    client.open(CODE, URI + "3", language="plaintext")
    assert await client.inline(*CURSOR, uri=URI + "1") is None
    assert await client.inline(*CURSOR, uri=URI + "2") is None
    assert "jupyter-thing" in (await client.command("offhand.why"))[0]["reason"]
    assert await client.inline(*CURSOR, uri=URI + "3") is not None
    await client.close()


async def test_status_is_one_object(shared: RawClient) -> None:
    """All that the issue of status promises, with the right types."""
    status = await shared.command("offhand.status")
    assert status["state"] == "ready"
    assert status["engine"] == "fake"
    assert set(status["answered_from"]) == set(get_args(Source))
    assert set(status["kv"]) == {"prompt_tokens", "reused_tokens"}
    assert set(status["latency_ms"]) == {"p50", "p95"}
    assert psutil.pid_exists(status["worker"]["pid"])
    assert status["worker"]["rss_mb"] > 10


# --- odd input


async def test_malformed_params_are_answered(shared: RawClient) -> None:
    """A request that cannot be decoded gets an error, a completion null; none is left waiting, none pops up."""
    before = len(shared.messages())
    assert await shared.request("textDocument/inlineCompletion", {"position": 7}) is None
    assert await shared.request("textDocument/completion", {"position": {"line": "x"}}) is None
    with pytest.raises(RpcError) as error:
        await shared.request("workspace/executeCommand", {"command": 5, "arguments": "x"})
    assert error.value.code == -32602
    with pytest.raises(RpcError):
        await shared.command("offhand.no_such_command")
    with pytest.raises(RpcError) as error:
        await shared.request("textDocument/noSuchThing", {})
    assert error.value.code == -32601
    shared.notify("textDocument/didChange", {"contentChanges": 3})
    shared.write_body(b"this is not JSON")
    assert (await shared.command("offhand.status"))["state"] == "ready"
    assert len(shared.messages()) == before


async def test_the_cursor_is_followed(shared: RawClient) -> None:
    """A move is taken with its place inside the document; one of a document that is not open, or malformed, is not."""
    uri = URI + "cursor"
    shared.open("one = 1\nx = '😀' + one\n", uri)
    shared.notify("workspace/didChangeConfiguration", {"settings": {"offhand": {"log_level": "debug"}}})
    begun = len(shared.stderr)
    for place in (at(1, 8), at(1, 99), at(99, 99)):
        shared.notify("offhand/cursor", {"textDocument": {"uri": uri}, "position": place, "more": 1})
    document = {"uri": uri}
    for odd in (None, [], {}, {"textDocument": document}, {"textDocument": document, "position": at(-1, 0)}):
        shared.notify("offhand/cursor", odd)
    shared.notify(
        "offhand/cursor", {"textDocument": {"uri": "file:///never/opened.py"}, "position": at(0, 0)}
    )
    shared.notify("workspace/didChangeConfiguration", {"settings": {"offhand": {"log_level": "warning"}}})
    assert (await shared.command("offhand.status"))["state"] == "ready"

    def logged(text: str) -> list[str]:
        said = shared.stderr[begun:].decode(errors="replace").splitlines()
        return [line.partition(text)[2] for line in said if text in line]

    async def all_logged() -> None:
        while len(logged("malformed message: offhand/cursor")) < 5:
            await shared.command("offhand.status")

    await asyncio.wait_for(all_logged(), PATIENCE)
    assert logged("the cursor moved to ") == ["2:8", "2:14", "3:1"]


async def test_where_the_cursor_rests_the_answer_is_ready(shared: RawClient) -> None:
    """Nothing was asked in a document yet; the editor said where the cursor is."""
    uri = URI + "rest"
    shared.open(CODE, uri)
    before = (await shared.command("offhand.status"))["speculation"]["runs"].get("prefill", 0)
    shared.cursor(*CURSOR, uri=uri)
    await shared.worked_ahead("prefill", before)
    assert await shared.inline(*CURSOR, uri=uri) is not None
    assert (await shared.command("offhand.why"))[0]["source"] == "prefill"


async def test_a_fault_of_ours_is_null(home: Path) -> None:
    """Whatever breaks inside, a completion is answered null: editors show errors of these requests as pop-ups."""
    broken = "import lsp_server.completion.snapshot as s\ndef take(*a, **k): raise RuntimeError('broken')\n"
    broken += "s.take = take\n"
    broken += "from lsp_server.cli.main import main\nmain(['serve'])\n"
    client = await RawClient.start(home, command=[sys.executable, "-c", broken])
    await client.initialize(FAKE)
    client.open(CODE)
    assert await client.inline(*CURSOR) is None
    params = {"textDocument": {"uri": URI}, "position": at(*CURSOR)}
    assert await client.request("textDocument/completion", params) is None
    assert await client.goodbye() == 0
    await client.close()
    assert client.messages() == []
    assert b"broken" in client.stderr


async def test_unknown_documents_and_wild_positions(shared: RawClient) -> None:
    """A document that was never opened, positions beyond every end, half a surrogate pair, an empty file."""
    assert await shared.inline(3, 3, uri="file:///never/opened.py") is None
    shared.change(4, 0, 0, 0, "x", uri="file:///never/opened.py")
    uri = URI + "wild"
    shared.open(CODE, uri)
    await shared.inline(10_000, 10_000, uri=uri)
    shared.change(1, 6, 0, 0, "half = '\ud83d' ", uri)
    await shared.inline(6, 10, uri=uri)
    shared.open("", uri + "empty")
    await shared.inline(0, 0, uri=uri + "empty")
    shared.open(CODE, uri + "plain", language="no-such-language")
    assert await shared.inline(*CURSOR, uri=uri + "plain") is not None
    shared.notify("textDocument/didClose", {"textDocument": {"uri": "file:///never/opened.py"}})
    assert (await shared.command("offhand.status"))["worker"]["restarts"] == 0


async def test_a_very_large_document(shared: RawClient) -> None:
    """20 MB are followed without a tree and still answered."""
    uri = URI + "large"
    line = "value = compute(value)  # " + "x" * 70 + "\n"
    count = 20_000_000 // len(line)
    shared.open(line * count + "value = comp", uri)
    shared.change(1, count, 12, 12, "u", uri)
    item = await shared.inline(count, 13, uri=uri, kind=1)
    assert item is not None
    assert item["insertText"].startswith("te(value)")
    shared.notify("textDocument/didClose", {"textDocument": {"uri": uri}})


# --- concurrency


async def test_snapshot_is_taken_at_arrival(shared: RawClient) -> None:
    """A change that follows a request in the same breath never mixes into its answer: the answer is for the text
    that was asked about, or null."""
    for round_ in range(20):
        uri = f"{URI}arrival{round_}"
        shared.open(CODE, uri)
        number = shared.send("textDocument/inlineCompletion", shared.inline_params(*CURSOR, uri=uri))
        shared.change(1, 6, 4, CURSOR[1], "", uri)
        answer = await shared.answer(number)
        assert answer is None or answer["items"][0]["insertText"] == "ute(value)"


async def test_newer_request_supersedes_the_older(home: Path) -> None:
    """Of many requests for a document the last is answered, the others get null; nobody had to cancel."""
    client = await RawClient.start(home, OFFHAND_FAKE_DELAY_MS="100")
    await client.initialize(FAKE)
    await client.ready()
    client.open(CODE)
    numbers = [
        client.send("textDocument/inlineCompletion", client.inline_params(*CURSOR, kind=1)) for _ in range(11)
    ]
    answers = [await client.answer(number) for number in numbers]
    await client.close()
    assert answers[:-1] == [None] * 10
    assert answers[-1] is not None


async def test_cancel_is_quick(home: Path) -> None:
    """$/cancelRequest is answered with -32800 and frees the engine within one token."""
    client = await RawClient.start(home, OFFHAND_FAKE_DELAY_MS="300")
    await client.initialize(FAKE)
    await client.ready()
    client.open(CODE)
    number = client.send("textDocument/inlineCompletion", client.inline_params(*CURSOR))
    await client.command("offhand.status")  # the request is under way
    client.notify("$/cancelRequest", {"id": number})
    with pytest.raises(RpcError) as error:
        await client.answer(number)
    assert error.value.code == -32800
    assert (await client.command("offhand.status"))["state"] == "ready"
    await client.close()


async def test_killed_worker_costs_one_suggestion(home: Path) -> None:
    """kill -9 of the worker, twenty times while typing: no error reaches the client, and completion comes back."""
    client = await RawClient.start(home)
    await client.initialize(FAKE)
    await client.ready()
    client.open(CODE)
    for round_ in range(1, 21):
        status = await client.command("offhand.status")
        number = client.send(
            "textDocument/inlineCompletion", client.inline_params(CURSOR[0] + round_ - 1, CURSOR[1])
        )
        client.notifications.clear()
        os.kill(status["worker"]["pid"], signal.SIGKILL)
        await client.answer(number)  # null or a suggestion, never an error
        client.change(round_, 0, 0, 0, f"# {round_}\n")
        await client.until(lambda: [state["state"] for state in client.states()][-1:] == ["ready"])
        item = await client.inline(CURSOR[0] + round_, CURSOR[1])
        assert item is not None, (await client.command("offhand.why"))[0]
        assert client.messages() == []
    status = await client.command("offhand.status")
    assert status["worker"]["restarts"] == 20
    assert await client.goodbye() == 0
    await client.close()


# --- life and death


async def test_exit_after_shutdown(home: Path) -> None:
    """shutdown, exit: status 0, and the worker is gone."""
    client = await RawClient.start(home)
    await client.initialize(FAKE)
    await client.ready()
    pid = (await client.command("offhand.status"))["worker"]["pid"]
    assert await client.goodbye() == 0
    await _gone(pid)
    await client.close()


async def test_exit_on_end_of_stdin(home: Path) -> None:
    """An editor that just closes the pipe leaves nothing behind."""
    client = await RawClient.start(home)
    await client.initialize(FAKE)
    await client.ready()
    pid = (await client.command("offhand.status"))["worker"]["pid"]
    assert client.process.stdin is not None
    client.process.stdin.close()
    assert await asyncio.wait_for(client.process.wait(), PATIENCE) == 0
    await _gone(pid)
    await client.close()


async def test_exit_when_the_editor_dies(home: Path) -> None:
    """An editor that dies while something else holds the pipe open is noticed by its process id."""
    editor = await asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(600)")
    client = await RawClient.start(home)
    await client.initialize(FAKE, processId=editor.pid)
    await client.ready()
    editor.kill()
    await editor.wait()
    assert await asyncio.wait_for(client.process.wait(), PATIENCE) == 0
    await client.close()


async def test_nothing_but_frames_on_stdout(home: Path) -> None:
    """Even a library that prints cannot break the protocol: its output goes to stderr."""
    noisy = "import os, sys; sys.argv = ['offhand', 'serve']\n"
    noisy += "from lsp_server.base import stdio\nclaim = stdio.claim_stdout\n"
    noisy += "def loud():\n    stream = claim()\n    print('noise')\n    os.write(1, b'more noise\\n')\n"
    noisy += "    return stream\n"
    noisy += "stdio.claim_stdout = loud\nfrom lsp_server.cli.main import main\nmain()\n"
    client = await RawClient.start(home, command=[sys.executable, "-c", noisy])
    await client.initialize(FAKE)
    await client.ready()
    client.open(CODE)
    assert await client.inline(*CURSOR) is not None
    assert await client.goodbye() == 0
    await client.close()
    assert b"more noise" in client.stderr


async def test_progress_while_loading(home: Path) -> None:
    """A client that shows progress is told that the model loads, and when it is done."""
    client = await RawClient.start(home)
    await client.initialize(FAKE, capabilities={"window": {"workDoneProgress": True}})
    await client.ready()

    def kinds() -> list[Any]:
        return [n["params"]["value"]["kind"] for n in client.notifications if n["method"] == "$/progress"]

    await client.until(lambda: "end" in kinds() or not client.requests)
    await client.close()
    assert kinds() in (["begin", "end"], [])
    assert all(request["method"] == "window/workDoneProgress/create" for request in client.requests)


async def test_no_memory_is_lost_per_key(shared: RawClient) -> None:
    """pygls keeps a future of every notification; we do not: 20,000 changes cost less than 10 MB."""
    uri = URI + "leak"
    shared.open("x = 1\n", uri)
    await shared.command("offhand.status")
    process = psutil.Process(shared.process.pid)
    before = process.memory_info().rss
    for version in range(1, 20_001):
        shared.change(version, 0, 0, 1, "x", uri)
        if version % 500 == 0:
            await shared.command("offhand.status")
    assert process.memory_info().rss - before < 10_000_000


async def _gone(pid: int) -> None:
    for _ in range(int(PATIENCE * 20)):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"process {pid} is still there")


async def test_a_model_that_is_copied_later_is_loaded_on_restart(home: Path) -> None:
    """While it is missing another answers; once it is there the command that restarts the worker finds it."""
    client = await RawClient.start(home)
    await client.initialize({"engine": "fake", "model": "later", "deadline_ms": 60_000})
    await client.until(lambda: client.messages())
    folder = home / "data" / "models" / "later"
    shutil.copytree(MODEL.model_file.parent, folder)
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"name": "small"', '"name": "later"'))
    await client.command("offhand.restartWorker")
    await client.ready()
    assert (await client.command("offhand.status"))["model"] == "later"
    await client.close()
