"""The index's process and the server's side of it: whatever kills the one, the other goes on."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lsp_server.context.wants import Wants
from lsp_server.workspace.index.client import IndexClient
from lsp_server.workspace.retrieval.piece import Piece, Question

pytestmark = pytest.mark.slow

posix = pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFHAND_HOME", str(tmp_path / "home"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    for name in ("lion", "zebra", "okapi"):
        (folder / f"{name}.py").write_text(f"def {name}_sleeps(): ...\n")
    return folder


@asynccontextmanager
async def running(project: Path, told: bool = True, **arguments: Any) -> AsyncIterator[IndexClient]:
    index = IndexClient([str(project)], **arguments)
    try:
        if told:
            index.tell(files(project))
            index.listed()
        yield index
    finally:
        await index.close()


def files(project: Path) -> list[str]:
    return sorted(map(str, project.rglob("*.py")))


async def until(condition: Callable[[], object]) -> None:
    for _ in range(3000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen")


async def definitions(index: IndexClient, name: str, timeout: float = 30.0) -> list[str] | None:
    """Paths of the files that define a name, by what the index shows of it; ``None`` without an answer."""
    wants = Wants("/elsewhere.py", "python", 0, f"{name}.", "", receiver=name)
    answer = await index.ask(msgspec.msgpack.encode(Question(wants, ("similar",))), timeout)
    if answer is None:
        return None
    return sorted(one.path for one in msgspec.msgpack.decode(answer, type=list[Piece]))


def stand_in(tmp_path: Path, *lines: str) -> tuple[str, ...]:
    """An indexer in which ``lines`` have changed something before it begins."""
    script = tmp_path / "stand_in.py"
    start = (
        "from lsp_server.base.stdio import claim_stdout",
        "protocol = claim_stdout()",
        "import os, time",
        "from lsp_server.workspace.index import indexer, work",
        "from lsp_server.workspace.index.reading import Reader",
        "read = Reader.read",
    )
    script.write_text("\n".join((*start, *lines, "indexer.main(protocol)")))
    return (sys.executable, str(script))


async def test_files_are_known_and_followed(project: Path) -> None:
    """As they come, change and go; what is asked before there is an indexer gets no answer."""
    async with running(project) as index:
        assert await definitions(index, "zebra_sleeps") is None
        await until(lambda: index.settled)
        assert await definitions(index, "zebra_sleeps") == [str(project / "zebra.py")]
        assert index.progress.size.files == 3
        assert index.rss_mb > 1
        (project / "zebra.py").write_text("def zebra_grazes(): ...\n")
        (project / "lion.py").unlink()
        (project / "new.py").write_text("def zebra_sleeps(): ...\n")
        index.tell([str(project / name) for name in ("zebra.py", "lion.py", "new.py")])
        assert not index.settled
        await until(lambda: index.settled)
        assert await definitions(index, "zebra_sleeps") == [str(project / "new.py")]
        assert await definitions(index, "zebra_grazes") == [str(project / "zebra.py")]
        assert await definitions(index, "lion_sleeps") == []
        assert index.status()["files"] == 3
    assert (index.pid, index.rss_mb, index.restarts) == (None, 0.0, 0)
    assert await definitions(index, "zebra_sleeps") is None


async def test_open_documents_count_more_than_their_files(project: Path) -> None:
    """Also for another indexer; released, the file counts again, as it does when a text is too long."""
    path = str(project / "zebra.py")
    async with running(project) as index:
        await until(lambda: index.settled)
        index.override(path, "def in_editor(): ...\n", "python")
        index.override("untitled:1", "def unsaved(): ...\n", "python")
        await until(lambda: index.settled)
        for _ in range(2):
            assert await definitions(index, "in_editor") == [path]
            assert await definitions(index, "unsaved") == ["untitled:1"]
            assert await definitions(index, "zebra_sleeps") == []
            await killed(index)
        index.release(path)
        index.override("untitled:1", "x = 1\n" * 400_000, "python")
        await until(lambda: index.settled)
        assert await definitions(index, "zebra_sleeps") == [path]
        assert await definitions(index, "in_editor") == await definitions(index, "unsaved") == []


async def killed(index: IndexClient) -> None:
    """Kill the indexer and wait for the next one to know everything."""
    assert index.pid is not None
    before, pid = index.restarts, index.pid
    os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    await until(lambda: index.restarts > before and index.settled)


@posix
async def test_one_that_is_killed_is_replaced(project: Path) -> None:
    """Whoever waits for its answer gets none, at once; the next one knows what it knew."""
    async with running(project) as index:
        await until(lambda: index.settled)
        assert index.pid is not None
        os.kill(index.pid, signal.SIGSTOP)
        question = asyncio.create_task(definitions(index, "zebra_sleeps", timeout=60.0))
        await asyncio.sleep(0.1)
        await killed(index)
        assert await question is None
        assert await definitions(index, "zebra_sleeps") == [str(project / "zebra.py")]
        assert not index.refused


@posix
async def test_an_answer_that_is_late_is_dropped(project: Path) -> None:
    """Nobody waits longer than he said, and the next answer is not mistaken for it."""
    async with running(project) as index:
        await until(lambda: index.settled)
        assert index.pid is not None
        os.kill(index.pid, signal.SIGSTOP)
        assert await definitions(index, "zebra_sleeps", timeout=0.05) is None
        os.kill(index.pid, signal.SIGCONT)
        assert await definitions(index, "lion_sleeps") == [str(project / "lion.py")]
        assert index._questions == {}


@posix
@pytest.mark.parametrize("fate", ["os.abort()", "time.sleep(99)"])
async def test_a_file_that_kills_twice_is_left_out(tmp_path: Path, project: Path, fate: str) -> None:
    """By a crash, or because it takes for ever: the others are known all the same, and it is known to be there."""
    hostile = str(project / "okapi.py")
    command = stand_in(
        tmp_path,
        "work._HANGS = 3.0",  # long enough for the other files on a busy machine
        f"Reader.read = lambda self, path: {fate} if path == {hostile!r} else read(self, path)",
    )
    async with running(project, command=command) as index:
        await until(lambda: index.settled)
        assert list(index.refused) == [hostile]
        assert index.restarts == 2
        assert index.progress.size.files == 3
        assert await definitions(index, "lion_sleeps") == [str(project / "lion.py")]
        assert await definitions(index, "okapi_sleeps") == []
    async with running(project, command=command) as index:  # that is kept
        await until(lambda: index.settled)
        assert index.restarts == 0


async def test_a_restart_reads_what_has_changed_only(project: Path) -> None:
    """What is on disk counts for files that are the same and were told of; the others are gone."""
    async with running(project) as index:
        await until(lambda: index.settled)
    (project / "zebra.py").write_text("def zebra_grazes(): ...\n")
    (project / "lion.py").unlink()
    read: list[str] = []

    def progress() -> None:
        read.append(index.progress.reading)

    async with running(project, told=False, on_progress=progress) as index:
        await until(lambda: index.settled)
        assert await definitions(index, "okapi_sleeps") == []
        index.tell(files(project))
        index.listed()
        await until(lambda: index.settled)
        assert set(read) == {"", str(project / "zebra.py")}
        assert await definitions(index, "okapi_sleeps") == [str(project / "okapi.py")]
        assert await definitions(index, "zebra_grazes") == [str(project / "zebra.py")]
        assert await definitions(index, "lion_sleeps") == []


async def test_a_damaged_index_is_made_anew(tmp_path: Path, project: Path) -> None:
    """Nobody notices but the clock."""
    async with running(project) as index:
        await until(lambda: index.settled)
    (path,) = (tmp_path / "home" / "cache" / "index").iterdir()
    path.write_bytes(path.read_bytes()[:-9])
    async with running(project) as index:
        await until(lambda: index.settled)
        assert await definitions(index, "okapi_sleeps") == [str(project / "okapi.py")]
        assert index.restarts == 0


async def test_questions_overtake_files(project: Path) -> None:
    """A branch is switched: thousands of files wait, told of many times, and a question waits for one at most.

    What lies beside an open document comes first.
    """
    branch = project / "branch"
    branch.mkdir()
    for number in range(1500):
        functions = [f"def name{number}_{one}():\n    return {number}\n" for one in range(30)]
        (branch / f"f{number}.py").write_text("".join(functions))
    async with running(project) as index:
        for _ in range(5):
            index.tell(files(branch))
        index.override(str(project / "new.py"), "def near(): ...\n", "python")
        (project / "zebra.py").write_text("def zebra_grazes(): ...\n")
        index.tell([str(project / "zebra.py")])
        await until(lambda: index.progress.size.files > 3)
        assert await definitions(index, "lion_sleeps") == [str(project / "lion.py")]
        assert index.progress.waiting > 500
        most = index.progress.waiting
        assert most <= 1504
        await until(lambda: index.settled)
        assert await definitions(index, "name1499_7") == [str(branch / "f1499.py")]
        assert await definitions(index, "zebra_grazes") == [str(project / "zebra.py")]
        assert index.progress.size.files == 1504


async def test_prose_needs_no_code(project: Path) -> None:
    """A language whose files offer nothing to others gets nothing of theirs either."""
    async with running(project) as index:
        index.tell(files(project))
        await until(lambda: index.settled)
        for language, found in (("python", True), ("markdown", False), ("yaml", False)):
            wants = Wants("/elsewhere", language, 0, "lion_sleeps", "", receiver="lion_sleeps")
            answer = await index.ask(msgspec.msgpack.encode(Question(wants)), 30.0)
            assert answer is not None
            assert bool(msgspec.msgpack.decode(answer, type=list[Piece])) is found, language


async def test_nonsense_costs_the_answer_only(project: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A question that cannot be read is answered with nothing, and said in the log."""
    async with running(project) as index:
        await until(lambda: index.settled)
        assert await index.ask(b"\xc1", 30.0) is None
        assert "failed to answer: DecodeError" in caplog.text
        assert await definitions(index, "lion_sleeps") == [str(project / "lion.py")]
        assert index.restarts == 0


async def test_one_that_cannot_be_started_is_no_matter(project: Path) -> None:
    """There is no index then; it is tried again now and then."""
    async with running(project, command=("/nonexistent/offhand",)) as index:
        await until(lambda: index.restarts > 1)
        assert await definitions(index, "lion_sleeps") is None
        assert index.pid is None
        assert not index.settled


@posix
async def test_one_that_speaks_another_language_is_ended(project: Path) -> None:
    """What it says is not waited for, nor believed."""
    command = (
        sys.executable,
        "-c",
        "import time; print('hello world', flush=True); time.sleep(99)",
    )
    async with running(project, command=command) as index:
        await until(lambda: index.restarts > 1)
        assert index.progress.size.files == 0


async def test_it_ends_with_the_server(tmp_path: Path, project: Path) -> None:
    """A server that was killed leaves nobody behind: the end of the pipe ends the indexer, which keeps its index."""
    index = IndexClient([str(project)])
    index.tell(files(project))
    await until(lambda: index.settled)
    process = index._process
    assert process is not None
    index._supervisor.cancel()
    process.hang_up()
    await asyncio.wait_for(asyncio.shield(process.ended), 30.0)
    await process.gone()
    assert list((tmp_path / "home" / "cache" / "index").iterdir())
