"""The KV cache on disk: nobody else's, whole or not there, and only believed where it fits."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from shipped import MODEL, complete_message, load_message, tokenizer

from lsp_server.base.paths import kept_caches
from lsp_server.engine import keptfile, worker
from lsp_server.engine.backends.fake import Fake
from lsp_server.engine.decoder import Decoder
from lsp_server.engine.decoding import complete
from lsp_server.engine.desk import Desk
from lsp_server.engine.inbox import Inbox, Opened
from lsp_server.engine.kept import Kept
from lsp_server.engine.keptfile import KeptFile
from lsp_server.engine.messages import Complete, Forget

IDS = tuple(range(100))
STATE = bytes(range(256)) * 40


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OFFHAND_HOME", str(tmp_path))
    return tmp_path


def path() -> Path:
    (one,) = kept_caches().iterdir()
    return one


@pytest.mark.parametrize(
    ("ids", "common"),
    [(IDS, 96), (IDS[:70], 64), ((*IDS[:64], 7, *IDS[65:]), 64), (IDS[:31], 0), ((5, *IDS[1:]), 0), ((), 0)],
)
def test_it_is_found_by_how_a_prompt_begins(ids: tuple[int, ...], common: int) -> None:
    """As far as whole steps of tokens are the same; a prompt with less in common finds nothing."""
    KeptFile("model").write(IDS, 103, STATE)
    found = KeptFile("model").read(ids)
    assert (found.common if found else 0) == common
    assert found is None or (found.tokens, found.state) == (103, STATE)
    assert KeptFile("other model").read(ids) is None


@pytest.mark.skipif(sys.platform == "win32", reason="no such modes there")
def test_nobody_else_can_read_or_slip_in_anything() -> None:
    """The user's own mode; a file that others may write, or a link, is not read."""
    one = KeptFile("model")
    one.write(IDS, 100, STATE)
    assert path().stat().st_mode & 0o777 == 0o600
    assert path().parent.stat().st_mode & 0o777 == 0o700
    path().chmod(0o666)
    assert one.read(IDS) is None
    one.write(IDS, 100, STATE)
    moved = path().rename(path().parent.parent / "elsewhere")
    (kept_caches() / (KeptFile("model")._path.name)).symlink_to(moved)
    assert one.read(IDS) is None
    assert moved.exists()


def damaged(change: Callable[[bytes], bytes]) -> None:
    path().write_bytes(change(path().read_bytes()))


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-1],
        lambda data: data + b"x",
        lambda data: data[:-9] + b"X" + data[-8:],
        lambda data: data.replace(b"model", b"mode1"),
        lambda data: data.replace(b"kv cache 1", b"kv cache 0"),
        lambda data: data[:60],
        lambda data: b"",
        lambda data: data[:51] + b"\xff" * 4 + data[55:],
    ],
    ids=["cut", "longer", "flipped", "renamed", "old", "head only", "empty", "huge head"],
)
def test_a_damaged_file_is_none(change: Callable[[bytes], bytes]) -> None:
    """Never believed, never an error, and gone."""
    one = KeptFile("model")
    one.write(IDS, 100, STATE)
    damaged(change)
    assert one.read(IDS) is None
    one.write(IDS, 100, STATE)
    assert one.read(IDS) is not None


def test_no_more_than_a_few_models_are_kept() -> None:
    """The one not used for longest goes; what a killed process left half-written too."""
    for number in range(5):
        KeptFile(f"model {number}").write(IDS, 100, STATE)
        os.utime(KeptFile(f"model {number}")._path, (number, number))
    (kept_caches() / "half.123").write_bytes(b"x")
    KeptFile("model 4").write(IDS, 100, STATE)
    assert [bool(KeptFile(f"model {number}").read(IDS)) for number in range(5)] == [
        False,
        False,
        True,
        True,
        True,
    ]


def test_where_nothing_can_be_written_nothing_happens(home: Path) -> None:
    """A full or read-only disk is no trouble for anybody."""
    (home / "state").write_bytes(b"in the way")
    KeptFile("model").write(IDS, 100, STATE)
    assert KeptFile("model").read(IDS) is None


KILLED = """
import sys
from lsp_server.engine.keptfile import KeptFile
number = 0
while True:
    number += 1
    KeptFile("model").write(range(100), 100, bytes([number % 256]) * 3_000_000)
    print(number, flush=True)
"""


@pytest.mark.slow
def test_killed_in_the_middle_it_is_the_one_before_or_the_one_after(home: Path) -> None:
    """Whenever the process dies, what is found is whole."""
    for delay in (0.0, 0.003, 0.007, 0.011):
        with subprocess.Popen(
            [sys.executable, "-c", KILLED],
            stdout=subprocess.PIPE,
            env={**os.environ, "OFFHAND_HOME": str(home)},
        ) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(delay)
            child.kill()
        found = KeptFile("model").read(IDS)
        assert found is not None
        assert len(set(found.state)) == 1
        assert len(found.state) == 3_000_000


# --- in the worker


TEXT = "alpha = 1\n" * 30 + "def total(values):\n    return values\n\n\ndef total(val"


def keeper() -> Decoder:
    one = Decoder(Fake(tokenizer().vocabulary, 512, end=0), tokenizer(), MODEL.manifest.end_tokens)
    one.kept = Kept(0)
    one.kept.file = KeptFile("model")
    return one


def saved(one: Decoder, per_token: float = 1.0) -> bool:
    one.kept.save(one.engine, one.cached, per_token)
    for _ in range(200):
        if kept_caches().exists() and any(file.suffix == ".kv" for file in kept_caches().iterdir()):
            return True
        if per_token < 1.0:
            return False
        time.sleep(0.02)
    return False


def test_the_first_prompt_after_a_restart_is_warm() -> None:
    """Nearly all of it need not be evaluated again, what is said is the same, and it is looked for once."""
    first = keeper()
    said = complete(first, complete_message(TEXT))
    assert saved(first)
    second = keeper()
    again = complete(second, complete_message(TEXT))
    assert (again.text, again.steps) == (said.text, said.steps)
    assert again.prompt_tokens - again.reused_tokens <= keptfile._EVERY
    path().unlink()
    assert complete(second, complete_message(TEXT + "ues")).text == "):"


def test_what_is_cheap_is_not_written() -> None:
    """A small model evaluates a prompt in no time: nothing of the user's code need lie on a disk for that."""
    one = keeper()
    complete(one, complete_message(TEXT))
    assert not saved(one, per_token=0.0002)
    assert saved(one)


def test_a_state_that_is_not_what_it_says_is_not_believed() -> None:
    """One that holds another number of tokens, or that the engine refuses: the prompt is evaluated."""
    ids, _ = keeper().prompt_ids(complete_message(TEXT).parts)
    for tokens, state in ((len(ids), msgspec.msgpack.encode(ids[:50])), (len(ids), b"\xc1")):
        KeptFile("model").write(ids, tokens, state)
        finished = complete(keeper(), complete_message(TEXT))
        assert (finished.text, finished.reused_tokens) == ("ues):", 0)


@pytest.mark.parametrize("keep", [True, False])
def test_the_worker_writes_only_where_the_user_wants_it(keep: bool) -> None:
    """When it has time."""
    inbox = Inbox()
    desk = Desk(inbox, lambda message: None)
    desk.load(load_message("fake", keep=keep), time.monotonic())
    _, news = inbox.next(30.0)
    assert isinstance(news, Opened)
    assert isinstance(news.model, Decoder)
    desk.opened(news)
    question = msgspec.structs.replace(complete_message(TEXT), id=7)
    inbox.add(question)
    assert isinstance(question, Complete)
    desk.answer(question, time.monotonic())
    news.model.drafting.cost.prompt_token = 1.0
    desk.idle()
    assert (news.model.kept.file is not None) == keep
    time.sleep(0.3 if not keep else 0)
    assert saved(news.model) if keep else not kept_caches().exists()


def test_the_worker_has_time_once_after_each_thing_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """A while after the last message, and not again until there was another; none before the first."""
    times: list[int] = []

    class Idler:
        def __init__(self, *_: object) -> None:
            pass

        def forget(self, _message: Forget) -> None:
            pass

        def idle(self) -> None:
            times.append(1)

    monkeypatch.setattr(worker, "Desk", Idler)
    monkeypatch.setattr(worker, "_IDLE_S", 0.01)
    inbox = Inbox()
    threading.Thread(target=worker.serve, args=(inbox, lambda message: None), daemon=True).start()
    for wanted in range(3):
        time.sleep(0.1)
        assert len(times) == wanted
        inbox.add(Forget(()))
        for _ in range(500):
            if len(times) > wanted:
                break
            time.sleep(0.01)
