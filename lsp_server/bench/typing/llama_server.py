"""llama.cpp's own server, started for a bench on this machine's loopback and ended with it.

It is asked through ``engine.backends.http.connection``, the one module that may connect to anything, and with settings
that allow it no other machine. What of it is counted: its processor time, memory and tokens. Does not know who asks.
"""

import asyncio
import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import psutil

from lsp_server.base.child import rss_mb
from lsp_server.base.config import Http
from lsp_server.base.errors import EngineError

_LOOPBACK = "127.0.0.1"

#: Longest wait for it to load its model, and to end (s).
_LOADING_S, _ENDING_S = 120.0, 10.0

#: Time between two looks at whether it is ready (s).
_LOOK_S = 0.05


#: The parts of a reply that are read. llama.vim asks for more of them, and shows those it has.
FIELDS = ("content", "timings/prompt_n", "timings/cache_n", "timings/predicted_n")


class Reply(
    msgspec.Struct,
    frozen=True,
    rename={
        "evaluated": "timings/prompt_n",
        "reused": "timings/cache_n",
        "generated": "timings/predicted_n",
    },
):
    """What ``/infill`` says.

    Attributes:
        content: none where it was not asked for, or the reply is none.
        evaluated: tokens of the prompt that were not in the KV cache; ``reused`` are those that were.
        generated: tokens of the content.
    """

    content: str | None = None
    evaluated: int = 0
    reused: int = 0
    generated: int = 0


_DECODER = msgspec.json.Decoder(Reply)


class Unusable(Exception):
    """It gave no reply that can be used."""


class Client:
    """Asks a server that runs.

    Attributes:
        evaluated, reused, generated: tokens of all replies, see ``Reply``.
    """

    def __init__(self, port: int) -> None:
        # As late as this: who imports the bench has no code in memory that reaches a network.
        from lsp_server.engine.backends.http.connection import Connection, Unanswered

        self.evaluated = self.reused = self.generated = 0
        self._unanswered = Unanswered
        self._connection = Connection(Http(url=f"http://{_LOOPBACK}:{port}", timeout_ms=60_000))

    async def infill(self, body: Mapping[str, Any]) -> Reply:
        """Ask ``/infill``.

        Raises:
            Unusable: there was no reply, or it is none.
        """
        try:
            said = await self._connection.ask("/infill", msgspec.json.encode(body))
            reply = _DECODER.decode(said)
        except (self._unanswered, msgspec.DecodeError) as error:
            raise Unusable(str(error)) from error
        self.evaluated += reply.evaluated
        self.reused += reply.reused
        self.generated += reply.generated
        return reply

    async def ready(self) -> bool:
        """Whether it has loaded its model."""
        try:
            await self._connection.ask("/health")
        except self._unanswered:
            return False
        return True

    async def close(self) -> None:
        """Close what is open."""
        await self._connection.close()


class Server:
    """A running server, and its client."""

    def __init__(self, process: asyncio.subprocess.Process, client: Client) -> None:
        self.client = client
        self._process = process
        self._cpu_s = 0.0

    @property
    def alive(self) -> bool:
        """Whether it is still there."""
        return self._process.returncode is None

    @property
    def cpu_s(self) -> float:
        """Its processor time; what was last known of it once it has ended."""
        with contextlib.suppress(psutil.Error):
            times = psutil.Process(self._process.pid).cpu_times()
            self._cpu_s = times.user + times.system
        return self._cpu_s

    @property
    def rss_mb(self) -> float:
        """Its memory (MiB)."""
        return rss_mb(self._process.pid)

    async def stop(self) -> None:
        """End it."""
        await self.client.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), _ENDING_S)
        except asyncio.TimeoutError:
            self._process.kill()
            await self._process.wait()


async def start(executable: Path, model: Path, options: Sequence[str]) -> Server:
    """Start a server, which computes on the processor, and wait until it has loaded its model.

    Raises:
        EngineError: it does not run here, or not with this model.
    """
    port = await _free_port()
    where = ("--host", _LOOPBACK, "--port", str(port), "--no-webui", "--device", "none")
    with tempfile.TemporaryFile() as log:
        try:
            process = await asyncio.create_subprocess_exec(
                *(*_command(executable, model), *where, *options),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=_builds(executable),
                # Threads that wait by spinning hold up whatever else wants their cores: a token of milliseconds then
                # takes seconds.
                env={"OMP_WAIT_POLICY": "passive", **os.environ},
            )
        except OSError as error:
            raise EngineError(f"{executable} cannot be started: {error.strerror}.") from error
        server = Server(process, Client(port))
        try:
            if not await _loaded(server):
                log.seek(0)
                said = log.read().decode(errors="replace").strip().splitlines() or ["nothing"]
                raise EngineError(f"{executable} does not run with {model}. It said last: {said[-1].strip()}")
        except BaseException:  # also where we are stopped: it would outlive us
            await server.stop()
            raise
    return server


async def _loaded(server: Server) -> bool:
    """Wait until it has loaded its model, as long as it is there and there is hope."""
    until = time.monotonic() + _LOADING_S
    while server.alive and time.monotonic() < until:
        if await server.client.ready():
            return True
        await asyncio.sleep(_LOOK_S)
    return False


def _command(executable: Path, model: Path) -> tuple[str, ...]:
    return (str(executable.absolute()), "-m", str(model.absolute()))  # it does not run in the current folder


async def _free_port() -> int:
    """A port that nobody listens at; somebody may by the time it is used, as with every way to choose one."""
    listening = await asyncio.start_server(lambda _reader, writer: writer.close(), _LOOPBACK, 0)
    async with listening:
        port: int = listening.sockets[0].getsockname()[1]
    return port


def _builds(executable: Path) -> Path | None:
    """Where a Debian package that was unpacked, not installed, has its builds for different processors: the server
    looks for them where they would be installed, and in its current folder."""
    unpacked = executable.absolute().parent.parent / "root" / "usr" / "lib"
    found = unpacked.glob("*/ggml/backends*/libggml-cpu-*.so")
    return next((path.parent for path in found), None)
