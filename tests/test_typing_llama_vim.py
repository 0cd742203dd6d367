"""llama.vim's way, which Offhand is measured beside: what it asks, keeps and shows, and its server."""

import asyncio
import random
import re
import string
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from cases import Case, parametrize
from e2e.llama import HOW, MODEL, SERVER
from webserver import Reply as Page
from webserver import serving

from lsp_server.base.errors import EngineError
from lsp_server.bench.typing import llama_server, llama_vim_plugin
from lsp_server.bench.typing.llama_server import Client, Reply, Unusable
from lsp_server.bench.typing.llama_vim import LlamaVim, choices, fitting
from lsp_server.bench.typing.llama_vim_local import Cache, Hit, Kept, Reach, hint, question
from lsp_server.bench.typing.llama_vim_plugin import Plugin
from lsp_server.bench.typing.llama_vim_ring import Ring, similarity
from lsp_server.bench.typing.subject import Answer, Document

REACH = Reach(3, 2, 0)


def place(text: str) -> tuple[list[str], int, int]:
    """Lines and cursor of a text with a bar at the cursor."""
    before, _, behind = text.partition("|")
    return (before + behind).split("\n"), before.count("\n"), len(before.rpartition("\n")[2])


@parametrize("llama_vim")
def test_what_is_shown_of_a_reply(case: Case) -> None:
    """Nothing that stands there already."""
    text, offset = case.cursor()
    lines, row, column = place(text[:offset] + "|" + text[offset:])
    found = hint(lines, row, column, case.sections["reply"])
    assert (found.text if found.acceptable else "") == case.sections["expect"]


@pytest.mark.parametrize(
    ("text", "shown", "asked"),
    [
        ("a\nb\nc\nd\n  e|f\ng\nh\ni", (), ("b\nc\nd\n", "  e", "f\ng\nh\n", 2)),
        ("|a", (), ("\n", "", "a\n\n", 0)),
        ("a\n   |  \nb", (), ("a\n", "", "\nb\n", 0)),
        ("a\nb|\nc", (" = 1",), ("a\n", "b = 1", "\nc\n", 7)),
        ("a\nb\nc\nd|\ne", (" = 1", "  x", " y"), ("c\nd = 1\n  x\n", " y", "\ne\n", 7)),
        ("b(|)\nc", ("x)",), ("\n", "b()x)", "\nc\n", 7)),
    ],
)
def test_what_is_asked(text: str, shown: tuple[str, ...], asked: tuple[str, str, str, int]) -> None:
    """Three lines above and two below; blanks do not count; behind a suggestion as if it stood there."""
    found = question(*place(text), REACH, shown, 7)
    assert (found.prefix, found.middle, found.suffix, found.indent) == asked


def test_a_reply_is_found_again_after_scrolling() -> None:
    """By up to three lines, which have left the prefix at its top; not by four."""
    lines = [f"line {number}" for number in range(12)]
    cache = Cache()
    cache.put(question(lines, 6, 3, Reach(6, 2)).keys(), Kept("text"))
    found = [cache.find(question(lines, 6, 3, Reach(6 - gone, 2))) for gone in range(5)]
    assert found == [Hit("text", 0, False)] * 4 + [None]
    assert len(cache) == 4
    assert len(question(["x|"], 0, 1, REACH).keys()) == 1


def test_the_look_back() -> None:
    """What was typed since must be what the reply said; 128 bytes back, no further; characters may be long."""
    cache = Cache()
    reply = "é" * 60 + "=" * 20
    cache.put(question(["x"], 0, 1, REACH).keys(), Kept(reply, speculated=True))

    def find(typed: str) -> Hit | None:
        return cache.find(question(["x" + typed], 0, 1 + len(typed), REACH))

    assert find("é") == Hit(reply[1:], 2, True)
    assert find(reply[:68]) == Hit(reply[68:], 128, True)
    assert find(reply[:69]) is None
    assert find("e") is None
    assert find("éé=") is None
    cache.put(question(["x="], 0, 2, REACH).keys(), Kept("y"))
    assert find("=y") is None, "all of the reply is typed"


def test_of_several_replies_the_second_nearest_counts_before_the_nearest() -> None:
    """As in the original, where the first one's length is not kept; from the third on the longer one does."""
    cache = Cache()
    for before, reply in (("a", "bcd"), ("ab", "cdefg"), ("abc", "defgh")):
        cache.put(question([before], 0, len(before), REACH).keys(), Kept(reply))
    assert cache.find(question(["abcd"], 0, 4, REACH)) == Hit("efg", 2, False)


def test_the_cache_forgets_what_was_not_used_for_longest() -> None:
    """It has 250 keys; a look counts as use."""
    cache = Cache()
    keys = [question([f"x{number}"], 0, 9, REACH).keys() for number in range(251)]
    for key in keys[:250]:
        cache.put(key, Kept("y"))
    assert cache.has(keys[0])
    cache.put(keys[250], Kept("y"))
    assert [cache.has(key) for key in (keys[0], keys[1], keys[2], keys[250])] == [True, False, True, True]
    assert len(cache) == 250


def words(seed: int, lines: int) -> list[str]:
    chance = random.Random(seed)
    return [
        " ".join("".join(chance.choices(string.ascii_letters, k=6)) for _ in "four") for _ in range(lines)
    ]


def test_what_is_picked_for_the_ring() -> None:
    """Short texts as a whole, 33 lines of long ones; nothing twice, nothing tiny; likes give way, or keep it out."""
    ring = Ring(16)
    ring.pick(["a", "b"], "tiny", evict=True)
    ring.pick(words(1, 62), "whole", evict=True)
    ring.pick(words(1, 62), "again", evict=True)
    ring.pick(words(2, 63), "part", evict=True)
    assert [(one.name, len(one.lines)) for one in ring.waiting] == [("whole", 62), ("part", 33)]
    alike = [*words(1, 61), "another line"]
    ring.pick(alike, "kept out", evict=False)
    assert [one.name for one in ring.waiting] == ["whole", "part"]
    ring.pick(alike, "instead", evict=True)
    assert [one.name for one in ring.waiting] == ["part", "instead"]
    for number in range(20):
        ring.pick(words(100 + number, 9), str(number), evict=True)
    assert [one.name for one in ring.waiting] == [str(number) for number in range(4, 20)]
    off = Ring(0)
    off.pick(words(1, 9), "off", evict=True)
    assert not off.waiting


def test_how_the_ring_turns() -> None:
    """One chunk at a time, the oldest goes; what is like the text at the cursor goes before each question."""
    ring = Ring(2)
    for number in range(3):
        ring.pick(words(number, 9), str(number), evict=True)
    assert [ring.turn() for _ in range(4)] == [True, True, True, False]
    assert [one["filename"] for one in ring.extra()] == ["1", "2"]
    assert ring.extra()[0]["text"] == "\n".join(words(1, 9)) + "\n"
    ring.drop_near([*words(1, 6), "else"])
    assert [one["filename"] for one in ring.extra()] == ["2"]


@pytest.mark.parametrize(
    ("one", "other", "share"),
    [
        ("a b c", "c b a", 1.0),
        ("a b", "c d", 0.0),
        ("a b", "a a a x", 1.0),
        ("", "", 1.0),
        ("é", "é", 1.0),
        ("x", "", 0.0),
    ],
)
def test_similarity(one: str, other: str, share: float) -> None:
    """Of words in ASCII, as the original's; a word that repeats counts each time."""
    assert similarity([one], [other]) == share


class Fake:
    """Replies by what is left of the cursor on its line; while ``open`` is not set, none."""

    def __init__(self, replies: Mapping[str, str]) -> None:
        self.asked: list[Mapping[str, Any]] = []
        self.open = asyncio.Event()
        self.open.set()
        self._replies = replies

    @property
    def prompts(self) -> list[str]:
        return [body["prompt"] for body in self.asked]

    async def infill(self, body: Mapping[str, Any]) -> Reply:
        self.asked.append(body)
        await self.open.wait()
        if body["prompt"] not in self._replies:
            raise Unusable
        return Reply(self._replies[body["prompt"]])


async def until(condition: Callable[[], object]) -> None:
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came")


async def typing(
    text: str, replies: Mapping[str, str], work: Callable[[Plugin, Fake], Awaitable[None]], chunks: int = 0
) -> None:
    fake = Fake(replies)
    plugin = Plugin(fake, Reach(3, 2, chunks))
    plugin.open("a", "a.py", text)
    try:
        await work(plugin, fake)
    finally:
        fake.open.set()
        await plugin.close()


def write(plugin: Plugin, line: int, column: int, text: str) -> "asyncio.Task[Answer | None]":
    plugin.change("a", line, column, line, column, text)
    return asyncio.ensure_future(plugin.ask("a", line, column + len(text)))


async def test_from_the_model_to_the_speculation() -> None:
    """A reply, its rest behind a key, and behind all of it what was asked for while it was shown."""

    async def work(plugin: Plugin, fake: Fake) -> None:
        assert await write(plugin, 0, 1, " =") == Answer(" 1 + 2", source="model")
        assert await write(plugin, 0, 3, " 1") == Answer(" + 2", source="typed")
        await until(lambda: "x = 1 + 2" in fake.prompts)
        speculation = fake.asked[fake.prompts.index("x = 1 + 2")]
        assert (fake.asked[0]["t_max_predict_ms"], speculation["t_max_predict_ms"]) == (250, 1000)
        assert await write(plugin, 0, 5, " + 2") == Answer(" + 3", source="speculated")
        plugin.change("a", 0, 7, 0, 9, "")
        plugin.change("a", 0, 3, 0, 7, "")
        assert await plugin.ask("a", 0, 3) == Answer(" 1 + 2", source="cache")
        assert (plugin.asked, plugin.waited) == (4, 1)

    await typing("x", {"x =": " 1 + 2", "x = 1 + 2": " + 3"}, work)


async def test_a_key_stops_no_request() -> None:
    """It is answered by the one that is under way, if that fits; the older question by nothing."""

    async def work(plugin: Plugin, fake: Fake) -> None:
        fake.open.clear()
        first = write(plugin, 0, 1, "=")
        await until(lambda: fake.asked)
        second = write(plugin, 0, 2, "4")
        assert await first is None
        assert fake.prompts == ["x="]
        fake.open.set()
        assert await second == Answer("2", source="typed")
        assert fake.prompts == ["x="]
        assert (plugin.asked, plugin.waited) == (2, 2)

    await typing("x", {"x=": "42"}, work)


async def test_a_key_that_the_reply_does_not_fit_asks_later() -> None:
    """When the request that was under way is done."""

    async def work(plugin: Plugin, fake: Fake) -> None:
        fake.open.clear()
        write(plugin, 0, 1, "=")
        await until(lambda: fake.asked)
        second = write(plugin, 0, 2, "7")
        fake.open.set()
        assert await second == Answer(" + 1", source="model")
        assert fake.prompts[:2] == ["x=", "x=7"]

    await typing("x", {"x=": "42", "x=7": " + 1"}, work)


async def test_when_there_is_nothing() -> None:
    """No reply, an empty one, one that repeats the text, and too much text right of the cursor, which is not asked for;
    the next key asks again."""

    async def work(plugin: Plugin, fake: Fake) -> None:
        assert await write(plugin, 0, 0, "a") is None
        assert await write(plugin, 0, 1, "b") is None
        assert await write(plugin, 0, 2, "c") is None
        assert await write(plugin, 0, 3, "d") == Answer("e", source="model")
        plugin.change("a", 0, 4, 0, 4, " = 123456")
        assert await plugin.ask("a", 0, 4) is None
        assert not [one for one in fake.asked if one["input_suffix"].startswith(" = ")]

    await typing("\nabcx", {"ab": "\n\n", "abc": "x", "abcd": "e"}, work)


async def test_the_ring_is_fed_and_evaluated(monkeypatch: pytest.MonkeyPatch) -> None:
    """From documents that are entered and left, far away from where it was picked last; one chunk a turn."""
    monkeypatch.setattr(llama_vim_plugin, "_TURN_S", 0.01)
    monkeypatch.setattr(llama_vim_plugin, "_ENTER_S", 0.01)

    async def work(plugin: Plugin, fake: Fake) -> None:
        await until(lambda: fake.asked)
        turn = fake.asked[0]
        assert (turn["n_predict"], turn["input_prefix"], turn["prompt"]) == (0, "", "")
        assert [one["filename"] for one in turn["input_extra"]] == ["a.py"]
        plugin.open("b", "b.py", "\n".join(words(2, 200)))
        plugin.move("b", 100, 99)
        await until(lambda: len(fake.asked[-1]["input_extra"]) == 4)
        names = [one["filename"] for one in fake.asked[-1]["input_extra"]]
        assert names == ["a.py", "b.py", "b.py", "b.py"], "above and below; around the cursor"

    await typing("\n".join(words(1, 9)), {}, work, chunks=16)


async def test_the_client_counts(tmp_path: Path) -> None:
    """Tokens of replies; what is no reply is said to be none."""
    good = b'{"content":"x","timings/prompt_n":3,"timings/cache_n":40,"timings/predicted_n":2}'
    pages = [Page(body=good), Page(body=b"{"), Page(500), Page(body=b'{"error":{}}'), Page(body=good)]
    with serving({"/infill": pages}) as server:
        client = Client(server.server_port)
        assert await client.infill({"prompt": "a"}) == Reply("x", 3, 40, 2)
        for _ in range(2):
            with pytest.raises(Unusable):
                await client.infill({})
        assert (await client.infill({})).content is None
        await client.infill({})
        assert (client.evaluated, client.reused, client.generated) == (6, 80, 4)
        assert server.asked[0].body == {"prompt": "a"}
        await client.close()


@pytest.mark.parametrize(
    ("context", "chunks", "batch"), [(512, 0, 256), (1024, 0, 768), (2048, 1, 1024), (32768, 16, 1024)]
)
def test_what_fits(context: int, chunks: int, batch: int) -> None:
    """The plugin's own numbers, and as much of the ring as the context has room for."""
    assert fitting(context) == (Reach(256, 64, chunks), batch)


def test_threads_that_are_tried() -> None:
    """Each once."""
    assert [choices(cores) for cores in (1, 2, 16)] == [(1,), (1, 2), (1, 8, 16)]


async def test_a_model_that_does_not_fill_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence, and the server is ended."""
    with serving({"/infill": [Page(501)]}) as web:
        server = Stopped(Client(web.server_port))

        async def start(*_: object) -> Stopped:
            return server

        monkeypatch.setattr(llama_server, "start", start)
        peer = LlamaVim(tmp_path / "exe", tmp_path / "model.gguf", context=1024, suffix_first=True)
        with pytest.raises(EngineError, match="does not fill in the middle"):
            await peer.start(tmp_path)
        assert server.ended


class Stopped:
    """In place of a server's process."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.ended = False

    async def stop(self) -> None:
        self.ended = True
        await self.client.close()


async def test_a_server_that_does_not_run(tmp_path: Path) -> None:
    """One sentence says what it said; it can be stopped nevertheless."""
    for executable, complaint in (
        (tmp_path / "none", "cannot be started"),
        (Path(sys.executable), "said last"),
    ):
        peer = LlamaVim(executable, tmp_path / "model.gguf", context=1024, suffix_first=True, threads=1)
        with pytest.raises(EngineError, match=complaint):
            await peer.start(tmp_path)
        assert peer.usage().cpu_s == 0
        await peer.stop()


@pytest.mark.slow
@pytest.mark.skipif(SERVER is None, reason=HOW)
async def test_a_real_server(tmp_path: Path) -> None:
    """With the threads that are quickest it is typed into, answers, and says what that took; its end is an error."""
    assert SERVER is not None
    peer = LlamaVim(SERVER, MODEL.model_file, context=MODEL.manifest.context_length, suffix_first=True)
    try:
        await peer.start(tmp_path)
        assert re.fullmatch(r"llama\.vim \(\d+ threads?\)", peer.name)
        above = "class Point:\n    def __init__(self, x, y, z):\n        self.x = x\n        self.y = y\n        self."
        below = "\n\n    def __repr__(self):\n        return f'{self.x} {self.y} {self.z}'\n"
        await peer.open(Document("a", str(tmp_path / "a.py"), "python", above + below))
        answers = []
        for column, key in enumerate("z = z", start=13):
            await peer.change("a", 4, column, 4, column, key)
            answers.append(await peer.ask("a", 4, column + 1))
        sources = {answer.source for answer in answers if answer is not None}
        assert sources
        assert sources <= {"model", "typed", "speculated", "cache"}
        usage = peer.usage()
        assert usage.requests == 5
        assert 0 < usage.model_calls <= 5
        assert usage.cpu_s > 0
        assert usage.rss_mb > 0
        assert usage.computed_tokens > 0
        assert 0 < usage.reused_tokens < usage.prompt_tokens
        assert peer._server is not None
        await peer._server.stop()
        with pytest.raises(EngineError, match="ended"):
            await peer.ask("a", 4, 3)
    finally:
        await peer.stop()
