"""llama.cpp's own server with the bundled model, started for a test and ended with it."""

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lsp_server.models import store

ROOT = Path(__file__).resolve().parent.parent.parent
MODEL = store.find("small")


def find_server() -> Path | None:
    named = os.environ.get("OFFHAND_LLAMA_SERVER") or shutil.which("llama-server")
    unpacked = sorted((ROOT / ".cache" / "servers").glob("*/bin/llama-server"))
    return Path(named) if named else next(iter(unpacked), None)


SERVER = find_server()
HOW = "no llama-server: run make editors, or set OFFHAND_LLAMA_SERVER"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """A running server."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def ask(self, path: str, **body: Any) -> dict[str, Any]:
        data = json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=120) as reply:
            answer: dict[str, Any] = json.load(reply)
            return answer

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=120) as reply:
            return json.load(reply)

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(self.url + "/health", timeout=5):
                return True
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False


@contextmanager
def started(log: Path, *options: str, port: int = 0, model: Path = MODEL.model_file) -> Iterator[Server]:
    """A server that answers, while the context lasts.

    Args:
        log: file for what it prints.
        options: beside those that every test wants.
    """
    assert SERVER is not None
    # Debian's server looks for its builds for different processors where it was installed and in the current folder.
    builds = sorted(SERVER.parent.parent.rglob("libggml-cpu-*.so"))
    port = port or free_port()
    usual = ["-t", "1", "-c", str(MODEL.manifest.context_length), "--no-webui"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                str(SERVER),
                "-m",
                str(model),
                *usual,
                "--host",
                "127.0.0.1",
                "--port",
                str(port),
                *options,
            ],
            cwd=builds[0].parent if builds else None,
            env={**os.environ, "OMP_WAIT_POLICY": "passive"},
            stdout=output,
            stderr=output,
        )
    try:
        running = Server(port)
        until = time.monotonic() + 120
        while not running.ready():
            assert process.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < until, log.read_text(errors="replace")
            time.sleep(0.1)
        yield running
    finally:
        process.terminate()
        process.wait(timeout=30)
