"""The server's side of the worker: whatever the worker does, a request gets an answer or nothing, and soon."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from shipped import load_message, prompt

from lsp_server.base import child
from lsp_server.base.paths import state_dir
from lsp_server.engine import client
from lsp_server.engine.client import WorkerClient
from lsp_server.engine.messages import Finished, Load, Partial, Stop
from lsp_server.engine.requests import Typing

pytestmark = pytest.mark.slow

FILE = "def total(values):\n    result = sum(values)\n    return result\n\n\n"
PATIENCE_MS = 30_000
posix = pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFHAND_HOME", str(tmp_path / "home"))


@asynccontextmanager
async def running(load: Load | None = None, **arguments: Any) -> AsyncIterator[WorkerClient]:
    worker = WorkerClient(load or load_message("fake"), **arguments)
    try:
        yield worker
    finally:
        await worker.close()


async def until(condition: Callable[[], object]) -> None:
    for _ in range(3000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen")


async def ask(worker: WorkerClient, prefix: str = "def total(val", **changes: Any) -> Finished | None:
    arguments = {"stop": Stop(), "max_tokens": 40, "deadline_ms": PATIENCE_MS, **changes}
    return await worker.complete(prompt(FILE + prefix), **arguments)


def endless(worker: WorkerClient) -> "asyncio.Task[Finished | None]":
    """A request that a slow fake engine works on for minutes."""
    return asyncio.create_task(
        ask(
            worker, "x = ", stop=Stop("block", indent=-1, max_lines=1000), max_tokens=400, deadline_ms=600_000
        )
    )


def stand_in(tmp_path: Path, *lines: str) -> dict[str, Any]:
    """A worker that is no worker: it notes that it was started, reads what it is sent, and does ``lines``."""
    script = tmp_path / "stand_in.py"
    script.write_text(
        "import os, signal, sys, time\n"
        f"with open({str(tmp_path / 'starts')!r}, 'a') as file: file.write('x')\n" + "\n".join(lines)
    )
    return {"command": (sys.executable, str(script)), "load": load_message("ctransformers")}


def starts(tmp_path: Path) -> int:
    path = tmp_path / "starts"
    return len(path.read_text()) if path.exists() else 0


async def test_a_request_waits_for_the_model() -> None:
    """The first request may come before the worker is up; it is answered all the same."""
    states: list[str] = []
    async with running(on_state=lambda: states.append(worker.state)) as worker:
        finished = await ask(worker)
        assert finished is not None
        assert finished.text == "ues):"
        assert worker.state == "ready"
        assert worker.loaded is not None
        assert worker.rss_mb > 1
        assert worker.pid is not None
    assert list(dict.fromkeys(states)) == ["loading", "ready", "stopped"]
    assert (worker.pid, worker.rss_mb, worker.restarts) == (None, 0.0, 0)
    assert await ask(worker) is None
    assert "stopped" in worker.last_failure


async def test_what_is_remembered_is_copied_also_after_a_restart() -> None:
    """A text that no prompt shows is known to the worker, and to the one that takes its place."""
    async with running() as worker:
        await until(lambda: worker.state == "ready")
        before = await ask(worker, "zebra.graze(")
        worker.remember("", ("zebra.graze(meadow, hours=7)\n",))
        after = await ask(worker, "zebra.graze(")
        await worker.restart()
        again = await ask(worker, "zebra.graze(")
    assert before is not None
    assert before.text != "meadow, hours=7)"
    assert after is not None
    assert after.text == "meadow, hours=7)"
    assert again is not None
    assert again.text == after.text


async def test_lines_of_a_block_are_passed_on() -> None:
    """Also when the listener fails: that is its own affair."""
    seen: list[str] = []

    def listen(partial: Partial) -> None:
        seen.append(partial.text)
        raise RuntimeError("listener")

    async with running() as worker:
        finished = await ask(worker, "def total(values):", stop=Stop("block"), on_partial=listen)
        assert finished is not None
        assert seen[0] == "\n    result = sum(values)"
        assert finished.text == "\n    result = sum(values)\n    return result"


async def test_cancelling_the_task_frees_the_worker() -> None:
    """The next request does not wait for one that nobody wants any more."""
    async with running(load_message("fake", delay_ms=50.0)) as worker:
        abandoned = endless(worker)
        await until(lambda: worker.state == "ready")
        await asyncio.sleep(0.2)
        abandoned.cancel()
        finished = await ask(worker)
        assert finished is not None
        assert finished.text == "ues):"
        with pytest.raises(asyncio.CancelledError):
            await abandoned
        assert len(worker._requests) == 0


async def test_typing_ends_what_it_contradicts() -> None:
    """The worker hears of it at any time: what was typed before it was asked, and what is typed while it works."""
    async with running(load_message("fake", delay_ms=20.0)) as worker:
        along, astray = Typing(), Typing()
        along.say("ue")
        finished = await ask(worker, typing=along)
        assert finished is not None
        assert finished.text == "ues):"
        block = Stop("block", indent=-1, max_lines=1000)
        begun = asyncio.Event()
        writing = asyncio.create_task(
            ask(worker, "x = ", stop=block, max_tokens=400, on_partial=lambda _: begun.set(), typing=astray)
        )
        await begun.wait()
        astray.say("something else")
        stopped = await writing
        assert stopped is not None
        assert (stopped.text, stopped.reason) == ("", "cancelled")
        astray.say("and more")
        assert (await ask(worker)) is not None


async def test_the_deadline_counts_from_the_request() -> None:
    """A slow engine gives what it has; a worker that is not up yet gives nothing, but on time."""
    async with running(load_message("fake", delay_ms=100.0)) as worker:
        await ask(worker)
        finished = await ask(worker, "x = ", stop=Stop("block", indent=-1, max_lines=99), deadline_ms=300)
        assert finished is not None
        assert finished.reason == "deadline"
    async with running() as worker:
        assert await ask(worker, deadline_ms=1) is None
        assert "not ready" in worker.last_failure


@posix
async def test_killed_twenty_times_in_the_middle_of_a_request() -> None:
    """Out of memory, kill -9: the request gets nothing, the next one is answered, and the model is not to blame."""
    answered = 0
    async with running(load_message("ctransformers")) as worker:
        for count in range(20):
            abandoned = endless(worker)
            await until(lambda: worker.state == "ready" and worker._requests)
            pid = worker.pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            answered += await abandoned is not None  # it was quicker than the kill
            assert await ask(worker) is not None
            assert worker.restarts == count + 1
        assert answered < 20
        assert worker.state == "ready"
        assert not (state_dir() / "quarantine.json").exists()


@posix
@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGFPE"])
async def test_a_file_that_crashes_the_worker_twice_is_refused(tmp_path: Path, name: str) -> None:
    """No third worker is given the file: not now, not in the next session, until the user says so. Those that are
    started afterwards have the memory only."""
    loads = tmp_path / "loads"
    loads.write_text("")
    crash = stand_in(
        tmp_path,
        "if b'memory' in sys.stdin.buffer.read(100): time.sleep(60)",
        f"with open({str(loads)!r}, 'a') as file: file.write('x')",
        f"os.kill(os.getpid(), signal.{name})",
    )
    async with running(**crash) as worker:
        await until(lambda: worker.state == "refused" and starts(tmp_path) == 3)
        assert loads.read_text() == "xx"
        assert name in worker.refusal
        assert worker._load.model in worker.refusal
        assert await ask(worker) is None
        assert worker.last_failure == worker.refusal
    async with running(**crash) as worker:
        await until(lambda: worker.state == "refused" and starts(tmp_path) == 4)
        assert loads.read_text() == "xx"
        await worker.restart(forget_quarantine=True)
        await until(lambda: worker.state == "refused" and starts(tmp_path) == 7)
        assert loads.read_text() == "xxxx"
    async with running(load_message("ctransformers")) as worker:
        await until(lambda: worker.state == "refused" and worker._has_memory)
        answer = await ask(worker)
        assert answer is not None
        assert answer.source == "memory"


async def test_a_worker_that_dies_while_loading_counts_too(tmp_path: Path) -> None:
    """A model too large for the memory is killed each time: no crash, but no use either."""
    async with running(**stand_in(tmp_path, "os._exit(77)")) as worker:
        await until(lambda: worker.state == "refused")
        assert "exit code 77" in worker.refusal


async def test_a_broken_installation_is_not_the_models_fault(tmp_path: Path) -> None:
    """A Python exception at the start says nothing about the file; the pauses between attempts grow."""
    async with running(**stand_in(tmp_path, "sys.exit(1)")) as worker:
        await until(lambda: worker._pause >= 8 * client._FIRST_PAUSE_S)
        assert worker.state != "refused"
        assert starts(tmp_path) == 3
        assert await ask(worker, deadline_ms=1) is None
        assert "exit code 1" in worker.last_failure


async def test_a_command_that_does_not_exist_is_tried_again() -> None:
    """A virtual environment that was deleted must not take the server with it."""
    async with running(command=("/nonexistent/python",)) as worker:
        await until(lambda: worker.restarts >= 1)
        assert await ask(worker, deadline_ms=1) is None
        assert "cannot be started" in worker.last_failure


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[1]", b'{"a": 1}'])
async def test_a_damaged_quarantine_list_is_ignored(content: bytes) -> None:
    """It can be lost; it must not stop anything."""
    state_dir().mkdir(parents=True)
    (state_dir() / "quarantine.json").write_bytes(content)
    async with running(load_message("ctransformers")) as worker:
        assert await ask(worker) is not None


async def test_a_home_that_cannot_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal then lasts as long as the server."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("OFFHAND_HOME", str(tmp_path / "file"))
    async with running(**stand_in(tmp_path, "os._exit(77)")) as worker:
        await until(lambda: worker.state == "refused")


async def test_a_refused_load_is_final_until_restart(tmp_path: Path) -> None:
    """The worker says why; no second one is started for it."""
    bad = load_message("ctransformers", model=str(tmp_path / "absent.gguf"))
    async with running(bad) as worker:
        answer = await ask(worker)
        assert answer is not None
        assert (answer.source, answer.text) == ("memory", "")
        assert worker.state == "refused"
        assert "absent.gguf cannot be read" in worker.refusal
        assert worker.restarts == 0
        await worker.restart()
        await until(lambda: worker.state == "refused")
        assert worker.restarts == 1


async def test_noise_on_the_pipe_is_a_dead_worker(tmp_path: Path) -> None:
    """What does not speak the protocol is ended and replaced, and nobody waits for it."""
    noisy = stand_in(tmp_path, "print('hello' * 10, flush=True)", "time.sleep(60)")
    async with running(**noisy) as worker:
        await until(lambda: "does not speak this protocol" in worker._trouble)
        await until(lambda: starts(tmp_path) >= 2)


@posix
async def test_a_worker_that_hangs_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frozen process answers nothing and does not end; requests come back empty, and soon there is another."""
    monkeypatch.setattr(client, "_HANGS_S", 0.3)
    monkeypatch.setattr(client, "_GRACE_S", 0.2)
    async with running() as worker:
        assert await ask(worker) is not None
        pid = worker.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        for _ in range(3):
            await ask(worker, deadline_ms=300)
        assert await ask(worker) is not None
        assert worker.pid != pid


async def test_close_leaves_nothing_behind(tmp_path: Path) -> None:
    """Not even a worker that would not end by itself, and not the requests that wait for it."""
    stubborn = stand_in(
        tmp_path, "signal.signal(signal.SIGTERM, signal.SIG_IGN)", "while True: time.sleep(1)"
    )
    worker = WorkerClient(stubborn["load"], command=stubborn["command"])
    await until(lambda: starts(tmp_path))
    waiting = asyncio.create_task(ask(worker))
    await asyncio.sleep(0)
    pid = worker.pid
    assert pid is not None
    await worker.close()
    assert await waiting is None
    assert not psutil.pid_exists(pid)
    await worker.close()


async def test_close_at_any_moment() -> None:
    """A session can end while the worker starts, loads or works."""
    for pause in (0.0, 0.0, 0.01, 0.05, 0.2, 0.4):
        worker = WorkerClient(load_message("fake", delay_ms=50.0))
        waiting = endless(worker)
        await asyncio.sleep(pause)
        await worker.close()
        assert await waiting is None


@pytest.mark.parametrize(
    ("code", "crash"),
    [
        (-11, True),
        (-6, True),
        (-9, False),
        (-15, False),
        (0, False),
        (1, False),
        (0xC0000005, True),
        (0xC000013A, False),
    ],
)
def test_what_counts_as_a_crash(code: int, crash: bool) -> None:
    """Signals of native code, and what Windows has instead."""
    assert child.crashed(code) is crash
    assert child.describe(code)
