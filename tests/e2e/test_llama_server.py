"""The bundled model in llama.cpp's own server, asked as llama.vim and llama.vscode do: ``/infill``, suffix first."""

import json
import os
import random
import shutil
import socket
import subprocess
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lsp_server.models import store

ROOT = Path(__file__).resolve().parent.parent.parent
MODEL = store.find("bundled")

#: Real places, in files that Python brings along; characters around them that fit into the context, if they are code
#: and not tables of numbers.
SOURCES = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
PLACES, ABOVE, BELOW = 40, 3 * MODEL.manifest.context_length // 2, MODEL.manifest.context_length // 2


def find_server() -> Path | None:
    named = os.environ.get("OFFHAND_LLAMA_SERVER") or shutil.which("llama-server")
    unpacked = sorted((ROOT / ".cache" / "servers").glob("*/bin/llama-server"))
    return Path(named) if named else next(iter(unpacked), None)


SERVER = find_server()
HOW = "no llama-server: run make editors, or set OFFHAND_LLAMA_SERVER"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(SERVER is None, reason=HOW),
    pytest.mark.skipif(
        "<|fim_suffix|>" not in MODEL.manifest.special_tokens,
        reason="the bundled model was not trained on llama.cpp's special tokens",
    ),
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """A running server."""

    def __init__(self, port: int) -> None:
        self._address = f"http://127.0.0.1:{port}"

    def ask(self, path: str, **body: Any) -> dict[str, Any]:
        data = json.dumps(body).encode()
        request = urllib.request.Request(self._address + path, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=120) as reply:
            answer: dict[str, Any] = json.load(reply)
            return answer

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(self._address + "/health", timeout=5):
                return True
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    assert SERVER is not None
    log = tmp_path_factory.mktemp("llama") / "log"
    # Debian's server looks for its builds for different processors where it was installed and in the current folder.
    builds = sorted(SERVER.parent.parent.rglob("libggml-cpu-*.so"))
    port = free_port()
    options = ["-t", "1", "-c", str(MODEL.manifest.context_length), "--spm-infill", "--no-webui"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(SERVER), "-m", str(MODEL.model_file), *options, "--host", "127.0.0.1", "--port", str(port)],
            cwd=builds[0].parent if builds else None,
            env={**os.environ, "OMP_WAIT_POLICY": "passive"},
            stdout=output,
            stderr=output,
        )
    running = Server(port)
    until = time.monotonic() + 120
    while not running.ready():
        assert process.poll() is None, log.read_text(errors="replace")
        assert time.monotonic() < until, log.read_text(errors="replace")
        time.sleep(0.1)
    yield running
    process.terminate()
    process.wait(timeout=30)


def places() -> Iterator[tuple[dict[str, str], str]]:
    """Questions as llama.vim puts them, and the true rest of the line: in the middle of lines that go on."""
    chance = random.Random(1)
    texts = [path.read_text("utf-8") for path in SOURCES]
    code = [text for text in texts if sum(map(str.isdigit, text)) < 0.03 * len(text)]
    for text in chance.sample(code, PLACES):
        lines = text.splitlines(keepends=True)
        row = chance.choice([number for number, line in enumerate(lines) if len(line.strip()) > 20])
        line = lines[row].rstrip()
        column = chance.randint(len(line) - len(line.lstrip()) + 4, len(line) - 4)
        above, below = "".join(lines[:row])[-ABOVE:], ("\n" + "".join(lines[row + 1 :]))[:BELOW]
        yield {"input_prefix": above, "prompt": line[:column], "input_suffix": below}, line[column:]


def test_most_replies_say_something(server: Server) -> None:
    """A model that was not trained on this order says at once that nothing is missing; this one was. How many replies
    are right depends on how long it was trained: that is printed, not judged."""
    said, right, begun = 0, 0, 0
    for question, truth in places():
        reply = server.ask("/infill", **question, n_predict=24, temperature=0, cache_prompt=False)["content"]
        first = reply.split("\n")[0].rstrip()
        said += bool(reply.strip())
        right += first == truth
        begun += bool(first) and truth.startswith(first[:3])
    print(f"{PLACES} places: {said} replies, {right} exact rests of lines, {begun} begin right")
    assert said > PLACES / 2, f"{said} of {PLACES} replies"


def test_the_server_reads_text_as_the_model_was_taught(server: Server) -> None:
    """The special tokens have their roles, and a newline is an ordinary token."""
    question = {"input_prefix": "a = 1\n", "prompt": "b = ", "input_suffix": "\nc = 3\n"}
    reply = server.ask("/infill", **question, n_predict=1, temperature=0)
    assert reply["prompt"] == "<|fim_suffix|>\nc = 3\n<|fim_prefix|>a = 1\nb = <|fim_middle|>"
    ids = server.ask("/tokenize", content="a\n\n    b")["tokens"]
    assert min(ids) >= len(MODEL.manifest.special_tokens)
