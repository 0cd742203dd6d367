"""The worker as a child process: how it is started, its pipes, and what its end means. Knows messages, not requests."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import lsp_server
from lsp_server.base.errors import EngineError
from lsp_server.engine.framing import LENGTH, frame, length, to_server
from lsp_server.engine.messages import ToServer, ToWorker

#: ``python -m`` would put the current folder first on the path, and a user's ``numpy.py`` would become ours;
#: ``-I`` would hide packages installed for the user alone, and ``-P`` needs Python 3.11. The package's own parent
#: folder comes last: in a checkout nothing else leads to it. Stdout is claimed before a native library is loaded.
_START = (
    "import sys; sys.path[:] = [*filter(None, sys.path), sys.argv[1]]; "
    "from lsp_server.base.stdio import claim_stdout; protocol = claim_stdout(); "
    "from lsp_server.engine.worker import main; main(protocol)"
)

#: Longest wait for a killed process to be gone (s).
_GONE_S = 2.0

_CRASHES = frozenset(
    getattr(signal, name)
    for name in ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL")
    if hasattr(signal, name)
)
#: Windows reports a crash as an NTSTATUS of severity "error"; this one of them is Ctrl-C.
_NTSTATUS_ERROR, _NTSTATUS_CTRL_C = 0xC0000000, 0xC000013A


def default_command() -> tuple[str, ...]:
    """The command line of a worker."""
    package = Path(lsp_server.__file__).resolve().parent
    return (sys.executable, "-c", _START, str(package.parent))


def default_environment(threads: int) -> dict[str, str]:
    """The server's environment, and what the worker's libraries must find in theirs before they are loaded."""
    return {
        **os.environ,
        # Spinning threads cost seconds a token when other programs want the CPU too (measured).
        "OMP_WAIT_POLICY": "passive",
        "OMP_NUM_THREADS": str(threads),
        "TOKENIZERS_PARALLELISM": "false",
        # Nothing in the worker knows how to reach a network; these say so to libraries that could learn it.
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TRANSFORMERS_OFFLINE": "1",
    }


class Process(asyncio.SubprocessProtocol):
    """A running worker.

    Attributes:
        ended: done when the process and its pipes are gone.
        failure: what it did against the protocol, if that is why it was killed.
    """

    def __init__(self, on_message: Callable[[ToServer], None]) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.failure = ""
        self._on_message = on_message
        self._buffer = bytearray()
        self._transport: asyncio.SubprocessTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See ``asyncio``."""
        assert isinstance(transport, asyncio.SubprocessTransport)
        self._transport = transport

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Pass on the messages that are complete."""
        self._buffer += data
        try:
            while len(self._buffer) >= LENGTH:
                end = LENGTH + length(bytes(self._buffer[:LENGTH]))
                if len(self._buffer) < end:
                    return
                message = to_server(bytes(self._buffer[LENGTH:end]))
                del self._buffer[:end]
                self._on_message(message)
        except EngineError as error:
            self.failure = str(error)
            self.kill()

    def connection_lost(self, exc: Exception | None) -> None:
        """See ``asyncio``: called once, when the process has ended and its pipes are closed."""
        if not self.ended.done():
            self.ended.set_result(None)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._transport.get_pid()

    @property
    def exit_code(self) -> int:
        """How it ended, as ``subprocess`` has it; 0 while it runs."""
        return self._transport.get_returncode() or 0

    def send(self, message: ToWorker) -> None:
        """Send a message; it is lost if the worker has ended.

        Raises:
            EngineError: it is too long.
        """
        data = frame(message)
        pipe = self._transport.get_pipe_transport(0)
        if isinstance(pipe, asyncio.WriteTransport) and not pipe.is_closing():
            pipe.write(data)

    def kill(self) -> None:
        """End it. A worker has nothing to lose."""
        self._transport.close()

    async def gone(self) -> None:
        """End it and wait until it is gone, for two seconds at most."""
        self.kill()
        await asyncio.wait((self.ended,), timeout=_GONE_S)


async def start(
    command: Sequence[str], environment: Mapping[str, str], on_message: Callable[[ToServer], None]
) -> Process:
    """Start a worker.

    Raises:
        OSError: the command cannot be run.
    """
    _transport, process = await asyncio.get_running_loop().subprocess_exec(
        lambda: Process(on_message),
        *command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=None,  # the server's own: its log shows what the worker has to say
        env=dict(environment),
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    return process


def crashed(exit_code: int) -> bool:
    """Whether native code ended a process: not a kill, not an exit, not an exception."""
    return -exit_code in _CRASHES or (exit_code >= _NTSTATUS_ERROR and exit_code != _NTSTATUS_CTRL_C)


def describe(exit_code: int) -> str:
    """An exit code for people."""
    if exit_code < 0:
        try:
            return f"signal {signal.Signals(-exit_code).name}"
        except ValueError:
            return f"signal {-exit_code}"
    return f"exit code {exit_code:#x}" if exit_code >= _NTSTATUS_ERROR else f"exit code {exit_code}"
