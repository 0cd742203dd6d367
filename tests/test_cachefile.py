"""Completions on disk: found again after a restart, nobody else's to read, and never wrong or in the way."""

import math
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.completion import cachefile
from lsp_server.completion.cache import Cache, Entry, Place
from lsp_server.completion.cachefile import Keeper, count
from lsp_server.completion.sealed import Line
from lsp_server.completion.types import Candidate
from lsp_server.engine.messages import Step

URI = "file:///home/somebody/project/secret_plan.py"

ABOVE = "import decimal\n\n\ndef total_price(customers, discount):\n"
HEADS = ("    result = ", "    # what ", "    return ", "    for customer in ", "\t")
TEXTS = ("decimal.Decimal(0)", "is owed", "sum(customers) * discount", "customers:\n        pass", "überall")


def place(head: str, above: str = ABOVE, behind: str = "\n\nprint(total_price)\n") -> Place:
    return Place(above + head, behind, "plan.py\0python")


def entry(text: str) -> tuple[Candidate, ...]:
    steps = tuple(Step(at, math.log(1 / (at + 2)), at, 0.125) for at in range(len(text)))
    return Candidate(text, steps=steps), Candidate(text[:2] + "other", by_memory=True)


def opened(path: Path) -> tuple[Cache, Keeper]:
    """A cache after a start."""
    cache = Cache()
    keeper = Keeper(path, cache)
    keeper.load()
    return cache, keeper


def put(cache: Cache, where: Place, text: str, *, keep: bool = True) -> None:
    cache.put(where, entry(text), origin="lookahead", uri=URI, version=7, keep=keep)


def written(path: Path, heads: Sequence[str] = HEADS) -> bytes:
    """What a file with some entries holds."""
    cache, keeper = opened(path)
    for head, text in zip(heads, TEXTS, strict=False):
        put(cache, place(head), text)
    keeper.save()
    return path.read_bytes()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "completions"


def test_after_a_restart_everything_is_as_it_was(path: Path) -> None:
    """The texts, the log-probabilities that the gate judges by, the origin; exactly, and typed through."""
    written(path)
    cache, _ = opened(path)
    assert len(cache) == 0
    for head, text in zip(HEADS, TEXTS, strict=True):
        found = cache.find(place(head))
        assert found is not None
        assert found.entry == Entry(entry(text), "lookahead", URI, 7)
        assert (found.typed, found.kept, found.source) == ("", True, "disk")
        through = cache.find(place(head + text[:3]))
        assert through is not None
        assert (through.typed, through.candidates()[0].text) == (text[:3], text[3:])
        assert cache.find(place(head + text[:3] + "~")) is None
        assert cache.find(place(head + text)) is None
    assert cache.find(place("    for customer in customers:\n        pa")) is not None, "in the next line"


@pytest.mark.parametrize(
    "other",
    [
        place("    resalt = "),
        place("    result = ", above=ABOVE.replace("decimal", "fractio")),
        place("    result = ", behind="\n"),
        Place(ABOVE + HEADS[0], place("").behind, "plan.py\0go"),
        Place(ABOVE + HEADS[0], place("").behind, "plan.py\0python", reach=4),
    ],
)
def test_only_the_same_place_opens_an_entry(path: Path, other: Place) -> None:
    """Another text of the same length is another place, too."""
    written(path)
    cache, _ = opened(path)
    assert cache.find(other) is None


def test_no_source_text_is_written(path: Path) -> None:
    """No eight characters of any text, path or setting stand in the file."""
    data = written(path)
    secret = [ABOVE, place("").behind, URI, "plan.py\0python", *HEADS, *TEXTS]
    runs = {text.encode()[at : at + 8] for text in secret for at in range(max(len(text) - 7, 1))}
    assert not [run for run in runs if len(run) > 2 and run in data]
    assert len(data) < 6_000


def test_two_contents_of_one_place_share_no_key_stream() -> None:
    """Otherwise two states of the file together would tell their difference."""
    line = Line(ABOVE, "", "")
    one, other = (Entry((Candidate(text),), "asked", "", 0) for text in ("aaaa", "bbbb"))
    sealed = [line.seal("x", each).content for each in (one, other)]
    plain = [msgspec.msgpack.encode(each) for each in (one, other)]
    assert sum(bytes(map(int.__xor__, *sealed))) != sum(bytes(map(int.__xor__, *plain)))
    assert line.seal("x", one) == line.seal("x", one), "the same is told from what is new"
    assert line.open(line.seal("x", one), "y") is None


@given(at=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_a_damaged_byte_costs_one_entry(
    tmp_path_factory: pytest.TempPathFactory, at: float, flip: int
) -> None:
    """The others are found, and nothing wrong ever; only in front of them all it costs everything."""
    path = tmp_path_factory.mktemp("one") / "completions"
    data = bytearray(written(path))
    where = int(at * len(data))
    data[where] ^= flip
    path.write_bytes(data)
    lost = missing(path)
    assert lost <= (1 if where >= len(cachefile._FORM) else len(HEADS))


@given(left=st.floats(0, 1, exclude_max=True), garbage=st.binary(max_size=40))
def test_a_cut_file_has_what_is_whole(
    tmp_path_factory: pytest.TempPathFactory, left: float, garbage: bytes
) -> None:
    """Whatever stands behind."""
    path = tmp_path_factory.mktemp("cut") / "completions"
    data = written(path)
    length = int(left * len(data))
    path.write_bytes(data[:length] + garbage)
    whole = count(path)
    assert whole >= data[:length].count(cachefile._MARK) - 1
    assert missing(path) == len(HEADS) - whole


def missing(path: Path) -> int:
    """How many entries a file has lost; the others are right, and it can be written again."""
    cache, keeper = opened(path)
    lost = 0
    for head, text in zip(HEADS, TEXTS, strict=True):
        found = cache.find(place(head))
        lost += found is None
        assert found is None or found.entry.candidates == entry(text)
    put(cache, place("a"), "b")
    keeper.save()
    assert opened(path)[0].find(place("a")) is not None
    return lost


def test_what_is_no_entry_is_left_out(path: Path) -> None:
    """Also where its checksum is right: a file that another program made up breaks nothing."""
    for body in (
        b"\xc0",
        msgspec.msgpack.encode([b"line", 3]),
        msgspec.msgpack.encode([b"a", -1, b"b", b"c"]),
    ):
        path.parent.mkdir(exist_ok=True)
        frame = cachefile._MARK + len(body).to_bytes(4, "big") + cachefile._sum(body) + body
        path.write_bytes(cachefile._FORM + frame)
        assert missing(path) == len(HEADS)


def test_the_newest_are_kept(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as the file may have bytes; an entry that is put again takes the place of the older one."""
    size = len(written(path))
    path.unlink()
    monkeypatch.setattr(cachefile, "_MOST", size - 1)
    written(path)
    cache, keeper = opened(path)
    assert [cache.find(place(head)) is not None for head in HEADS] == [False, True, True, True, True]
    put(cache, place(HEADS[1]), "was")
    put(cache, place("a"), "b" * 30)
    keeper.save()
    cache, _ = opened(path)
    assert [cache.find(place(head)) is not None for head in HEADS] == [False, True, False, True, True]
    found = cache.find(place(HEADS[1]))
    assert found is not None
    assert found.candidates()[0].text == "was"


def test_what_must_not_be_kept_is_not(path: Path) -> None:
    """It answers as long as the process lives."""
    cache, keeper = opened(path)
    put(cache, place(HEADS[0]), TEXTS[0], keep=False)
    keeper.save()
    assert not path.exists()
    assert cache.find(place(HEADS[0])) is not None


def test_what_this_process_computed_comes_first(path: Path) -> None:
    """A suggestion that is typed through is not replaced by one of an earlier session on the way."""
    written(path, heads=["    result = d"])
    cache, _ = opened(path)
    put(cache, place("    result = "), "discount", keep=False)
    found = cache.find(place("    result = d"))
    assert found is not None
    assert (found.kept, found.candidates()[0].text) == (False, "iscount")


def test_another_version_is_left_alone_until_there_is_something_to_write(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is nobody's fault, so the log says it, once."""
    data = written(path)
    path.write_bytes(data.replace(b"completions 1", b"completions 9"))
    cache, keeper = opened(path)
    assert cache.find(place(HEADS[0])) is None
    assert count(path) == 0
    keeper.save()
    assert path.read_bytes() != data
    put(cache, place("a"), "b")
    keeper.save()
    keeper.load()
    assert count(path) == 1
    assert len(caplog.records) == 1
    assert "another version" in caplog.text


def test_two_servers_keep_what_both_have(path: Path) -> None:
    """Whoever writes takes over what the other one wrote since."""
    (one, keeper_of_one), (other, keeper_of_other) = opened(path), opened(path)
    put(one, place(HEADS[0]), TEXTS[0])
    put(other, place(HEADS[1]), TEXTS[1])
    keeper_of_one.save()
    keeper_of_other.save()
    put(one, place(HEADS[2]), TEXTS[2])
    keeper_of_one.save()
    assert count(path) == 3
    assert one.find(place(HEADS[1])) is not None
    assert other.find(place(HEADS[2])) is None


def test_a_reset_is_noticed(path: Path) -> None:
    """Whoever removes the file wants nothing of it written again."""
    written(path)
    cache, keeper = opened(path)
    put(cache, place("a"), "b")
    path.unlink()
    keeper.save()
    assert not path.exists()
    assert cache.find(place(HEADS[0])) is None
    put(cache, place("c"), "d")
    keeper.save()
    assert count(path) == 1


def test_it_is_not_written_all_the_time(path: Path) -> None:
    """Only where there is something new, and the last time was long enough ago; a reset is noticed at once."""
    cache, keeper = opened(path)
    keeper.save()
    assert not path.exists()
    put(cache, place("a"), "b")
    keeper.save(least=1_000)
    assert not path.exists()
    keeper.save()
    before = path.stat()
    keeper.save()
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    path.unlink()
    keeper.save(least=1_000)
    put(cache, place("c"), "d")
    keeper.save()
    assert count(path) == 1


def test_a_home_that_cannot_be_written_to_costs_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One line in the log; later it may be possible."""
    folder = tmp_path / "cache"
    folder.write_bytes(b"in the way")
    cache, keeper = opened(folder / "completions")
    put(cache, place(HEADS[0]), TEXTS[0])
    keeper.save()
    keeper.save()
    assert caplog.text.count("are not kept") == 1
    folder.unlink()
    keeper.save()
    assert count(folder / "completions") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="no such modes there")
def test_it_is_the_users_alone(path: Path, tmp_path: Path) -> None:
    """Nobody else can read it; one that others could write, a link, a pipe and a folder are not read."""
    data = written(path)
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o666)
    assert opened(path)[0].find(place(HEADS[0])) is None
    written(path)
    assert path.stat().st_mode & 0o777 == 0o600
    moved = path.rename(tmp_path / "elsewhere")
    path.symlink_to(moved)
    assert opened(path)[0].find(place(HEADS[0])) is None
    for make in (os.mkfifo, os.mkdir):
        path.unlink()
        make(path)
        opened(path)
    assert moved.read_bytes() == data


def test_half_a_surrogate_pair_breaks_nothing(path: Path) -> None:
    """JSON may bring one along."""
    cache, keeper = opened(path)
    put(cache, place("a = '\ud800"), TEXTS[0])
    put(cache, place("b = "), "'\ud800'")
    keeper.save()
    cache, _ = opened(path)
    assert cache.find(place("a = '\ud800")) is not None
    assert cache.find(place("b = ")) is None


SERVER = """
import sys
from pathlib import Path
from lsp_server.completion.cache import Cache, Place
from lsp_server.completion.cachefile import Keeper
from lsp_server.completion.types import Candidate
cache = Cache()
keeper = Keeper(Path(sys.argv[1]), cache)
for number in range(40):
    place = Place(f"{sys.argv[2]}{number} = ", "", "")
    cache.put(place, (Candidate("x" * 200),), origin="asked", uri="", version=0, keep=True)
    keeper.save()
"""


@pytest.mark.slow
def test_servers_that_write_at_the_same_time(path: Path) -> None:
    """The file is whole whenever it is looked at, and the last one to write has all that it computed in it."""
    children = [subprocess.Popen([sys.executable, "-c", SERVER, path, name]) for name in "ab"]
    while any(child.poll() is None for child in children):
        data = path.read_bytes() if path.exists() else b""
        assert len(list(cachefile._entries(data))) == data.count(cachefile._MARK)
    cache, _ = opened(path)
    found = [[cache.find(Place(f"{name}{number} = ", "", "")) for number in range(40)] for name in "ab"]
    assert any(all(each) for each in found)
    assert all(one is None or one.candidates()[0].text == "x" * 200 for each in found for one in each)
