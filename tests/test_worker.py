"""The worker process, spoken to byte by byte: clean pipes, clean ends, nothing imported that it must not have."""

import json
import os
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from shipped import MODEL, complete_message, load_message, tokenizer

from lsp_server.base.framing import LENGTH, MAX_FRAME, decode, frame, length
from lsp_server.engine import process
from lsp_server.engine.messages import (
    TO_SERVER,
    Cancel,
    Finished,
    Learn,
    Learnt,
    Load,
    Loaded,
    LoadFailed,
    Partial,
    Remember,
    Stop,
    ToServer,
    ToWorker,
)

pytestmark = pytest.mark.slow

FILE = "def total(values):\n    result = sum(values)\n    return result\n\n\n"


class Worker:
    def __init__(self, child: "subprocess.Popen[bytes]") -> None:
        self.child = child

    def send(self, *messages: ToWorker) -> None:
        self.write(b"".join(map(frame, messages)))

    def write(self, data: bytes) -> None:
        assert self.child.stdin is not None
        self.child.stdin.write(data)
        self.child.stdin.flush()

    def receive(self) -> ToServer:
        assert self.child.stdout is not None
        return decode(TO_SERVER, self.child.stdout.read(length(self.child.stdout.read(LENGTH))))

    def load(self, message: Load) -> Loaded:
        """Have it load a model, and wait until it is there."""
        self.send(message)
        assert isinstance(self.receive(), Learnt)
        loaded = self.receive()
        assert isinstance(loaded, Loaded)
        return loaded

    def refused(self, message: Load) -> LoadFailed:
        """Have it load a model, and wait until it says that it does not."""
        self.send(message)
        while not isinstance(refused := self.receive(), LoadFailed):
            assert isinstance(refused, Learnt)
        return refused

    def finished(self) -> Finished:
        while isinstance(message := self.receive(), Partial | Learnt):
            pass
        assert isinstance(message, Finished)
        return message

    def end(self) -> tuple[int, bytes, bytes]:
        """Close its stdin; returns exit code, stdout and stderr that were left."""
        out, err = self.child.communicate(timeout=30)
        return self.child.returncode, out, err


@contextmanager
def started(folder: Path | None = None, **environment: str) -> Iterator[Worker]:
    with subprocess.Popen(
        process.default_command(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env={**process.default_environment(1), **environment},
    ) as child:
        try:
            yield Worker(child)
        finally:
            child.kill()


def test_load_complete_end() -> None:
    """The whole life: load, answer in order, end with stdin, and not one stray byte on stdout."""
    with started() as worker:
        loaded = worker.load(load_message("fake"))
        assert (loaded.engine, loaded.vocabulary) == ("fake", tokenizer().vocabulary)
        assert loaded.context == MODEL.manifest.context_length
        worker.send(*(complete_message(FILE + "def total(val", id=id) for id in (1, 2)))
        answers = [worker.finished(), worker.finished()]
        assert [(answer.id, answer.text) for answer in answers] == [(1, "ues):"), (2, "ues):")]
        assert answers[1].reused_tokens == answers[1].prompt_tokens - 1
        assert worker.end() == (0, b"", b"")


def test_a_block_comes_line_by_line() -> None:
    """The server can show the first line before the last is there."""
    with started() as worker:
        worker.load(load_message("fake"))
        worker.send(complete_message(FILE + "def total(values):", Stop("block", indent=0)))
        first = worker.receive()
        assert isinstance(first, Partial)
        assert first.text == "\n    result = sum(values)"
        assert worker.finished().text == "\n    result = sum(values)\n    return result"


def test_cancel_reaches_running_and_waiting_requests() -> None:
    """A request of half a minute ends at once, the one behind it too, and the next one is answered."""
    slow = load_message("fake", delay_ms=100.0)
    endless = complete_message(
        FILE * 4 + "x = ", Stop("block", indent=-1, max_lines=1000), id=1, max_tokens=400
    )
    with started() as worker:
        worker.load(slow)
        worker.send(endless, complete_message(FILE, id=2), complete_message(FILE + "def total(val", id=3))
        worker.send(Cancel(2), Cancel(1), Cancel(99))
        answers = [worker.finished() for _ in range(3)]
        assert [(answer.id, answer.reason, answer.text) for answer in answers] == [
            (1, "cancelled", ""),
            (2, "cancelled", ""),
            (3, "line", "ues):"),
        ]
        assert answers[0].tokens < 50
        assert answers[1].tokens == 0


def test_cancelling_stops_what_is_being_evaluated() -> None:
    """An evaluation of a minute ends too, and the next request is not hit by it."""
    with started() as worker:
        worker.load(load_message("fake", delay_ms=60_000.0))
        worker.send(complete_message(FILE, id=1))
        time.sleep(0.2)  # until it is being evaluated; if it is not yet, the request ends all the same
        worker.send(Cancel(1), complete_message(FILE, id=2))
        stopped = worker.finished()
        assert (stopped.id, stopped.reason) == (1, "cancelled")
        assert stopped.prompt_ms + stopped.decode_ms < 30_000
        worker.send(Cancel(1), Cancel(2))
        assert (worker.finished().id, worker.end()[0]) == (2, 0)


def test_it_ends_with_its_stdin_even_while_it_computes() -> None:
    """A server that was killed leaves no process behind."""
    with started() as worker:
        endless = complete_message(FILE, Stop("block", indent=-1, max_lines=1000), max_tokens=400)
        worker.load(load_message("fake", delay_ms=60_000.0))
        worker.send(endless)
        assert worker.end()[0] == 0


@pytest.mark.parametrize(
    "junk",
    [
        b"Content-Length: 2\r\n\r\n{}",
        struct.pack(">I", MAX_FRAME + 1),
        struct.pack(">I", 3) + b"abc",
        struct.pack(">I", 1) + b"\x80",
        struct.pack(">I", 10) + b"abc",
        b"\0\0",
        frame(Loaded("fake", 1, 1, 1, 1.0)),
    ],
    ids=["lsp", "too long", "no msgpack", "no message", "cut off", "half a length", "other direction"],
)
def test_what_is_no_message_ends_it_with_a_sentence(junk: bytes) -> None:
    """It cannot know where the next message begins, so it says so and goes; the client starts another."""
    with started() as worker:
        worker.write(junk)
        code, out, err = worker.end()
        assert (code, out) == (2, b"")
        assert err.startswith(b"offhand worker: ")
        assert err.count(b"\n") == 1


def test_the_memory_answers_alone_while_there_is_no_model(tmp_path: Path) -> None:
    """While a model is loaded, when it was refused, and when the time was over before it said a word; what nobody
    wrote before it does not say."""
    ask = [complete_message("x = " + text, id=id) for id, text in enumerate(("zebra.gra", "something.el"))]
    seen = Remember("d", ("zebra.graze(meadow)\n",))

    def answers(worker: Worker) -> list[tuple[str, str]]:
        return [(answer.source, answer.text) for answer in (worker.finished(), worker.finished())]

    with started() as worker:
        worker.refused(load_message("ctransformers", model=str(tmp_path / "absent")))
        worker.send(seen, *ask)
        assert answers(worker) == [("memory", "ze(meadow)"), ("memory", "")]
    with started() as worker:
        worker.load(load_message("memory"))
        worker.send(seen, *ask)
        assert answers(worker) == [("memory", "ze(meadow)"), ("memory", "")]
    with started() as worker:
        worker.load(load_message("fake", delay_ms=200.0))
        worker.send(seen, *(msgspec.structs.replace(question, deadline_ms=50) for question in ask))
        assert answers(worker) == [("memory", "ze(meadow)"), ("memory", "")]


def test_files_are_read_into_the_memory(tmp_path: Path) -> None:
    """Once a file was read its text is copied; when it has changed the new text is, when it is gone nothing is."""
    file, binary = tmp_path / "seen.py", tmp_path / "image.py"
    file.write_text("zebra.graze(meadow)\n")
    binary.write_bytes(bytes(100))

    def told(worker: Worker, times: int) -> tuple[int, str]:
        worker.send(Learn((str(file), str(binary), str(tmp_path / "absent.py"))))
        while not isinstance(learnt := worker.receive(), Learnt) or learnt.read < 3 * times:
            assert isinstance(learnt, Learnt)
        worker.send(complete_message("x = zebra.gra"))
        return learnt.documents, worker.finished().text

    with started() as worker:
        worker.load(load_message("memory"))
        assert told(worker, 1) == (1, "ze(meadow)")
        file.write_text("zebra.graze(hill)\n")
        assert told(worker, 2) == (1, "ze(hill)")
        file.unlink()
        assert told(worker, 3) == (0, "")


def test_a_request_without_a_model_is_answered() -> None:
    """Nothing waits for ever."""
    with started() as worker:
        worker.send(complete_message("x"))
        assert worker.finished().error == "No model is loaded."


def bad_loads(folder: Path) -> dict[str, tuple[Load, str]]:
    damaged = folder / "damaged.gguf"
    damaged.write_bytes(b"GGUF" + bytes(100))
    real = load_message("ctransformers")
    return {
        "other content": (load_message("ctransformers", model=str(damaged)), "sha256 differs"),
        "absent": (load_message("ctransformers", model=str(folder / "absent.gguf")), "cannot be read"),
        "no tokenizer": (load_message("ctransformers", tokenizer=str(folder / "absent.json")), "absent.json"),
        "other engine": (load_message("onnx"), "no engine 'onnx'"),
        "other hash": (load_message("ctransformers", sha256="0" * 64), Path(real.model).name),
    }


@pytest.mark.parametrize("name", ["other content", "absent", "no tokenizer", "other engine", "other hash"])
def test_a_bad_model_is_refused_and_the_worker_lives(tmp_path: Path, name: str) -> None:
    """The reason comes as a message; another load can follow."""
    load, complaint = bad_loads(tmp_path)[name]
    with started() as worker:
        assert complaint in worker.refused(load).message
        worker.load(load_message("fake"))


def test_nothing_of_the_users_folder_is_imported(tmp_path: Path) -> None:
    """A project with a file called like one of our libraries is the normal case, not an attack only."""
    for name in ("msgspec", "numpy", "tokenizers", "queue", "lsp_server", "ctransformers"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong file was imported')")
    with started(tmp_path) as worker:
        worker.load(load_message("ctransformers"))
        assert worker.end() == (0, b"", b"")


def test_what_prints_does_not_reach_the_protocol(tmp_path: Path) -> None:
    """Python code and native code find stderr where stdout was, from the first library that is loaded."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "def hook(event, args):\n"
        "    if event == 'import' and args[0] == 'tokenizers':\n"
        "        os.write(1, b'native '); print('python', flush=True)\n"
        "sys.addaudithook(hook)\n"
    )
    with started(PYTHONPATH=str(tmp_path)) as worker:
        worker.load(load_message("fake"))
        worker.send(complete_message(FILE + "def total(val"))
        assert worker.finished().text == "ues):"
        assert worker.end() == (0, b"", b"native python\n")


def modules_after(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; import json, sys; print(json.dumps(list(sys.modules)))"],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    return set(json.loads(done.stdout))


def test_the_worker_imports_no_server_and_no_network() -> None:
    """Its start is quick, and it has no code that could talk to anyone."""
    loaded = modules_after(
        "from lsp_server.engine import inbox, worker, desk; from shipped import load_message; "
        "box = inbox.Inbox(); desk.Desk(box, lambda message: None).load(load_message('ctransformers'), 0.0); box.next()"
    )
    forbidden = {
        "pygls",
        "lsprotocol",
        "asyncio",
        "socket",
        "ssl",
        "http",
        "urllib.request",
        "huggingface_hub",
        "httpcore2",
        "lsp_server.engine.backends.http",
    }
    assert "ctransformers.llm" in loaded
    assert not forbidden & loaded


def test_the_client_imports_no_engine() -> None:
    """The server's process never holds a model library."""
    loaded = modules_after("import lsp_server.engine.client")
    assert not {"numpy", "tokenizers", "ctransformers", "lsp_server.engine.worker"} & loaded
