"""A process of our own that speaks in messages: how it is started, its pipes, and what its end means.

Does not know what it is for, nor which messages there are.
"""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Generic

import msgspec
import psutil

import lsp_server
from lsp_server.base.errors import ProtocolError
from lsp_server.base.framing import LENGTH, Message, decode, frame, length

#: ``python -m`` would put the current folder first on the path, and a user's ``numpy.py`` would become ours;
#: ``-I`` would hide packages installed for the user alone, and ``-P`` needs Python 3.11. The package's own parent
#: folder comes last: in a checkout nothing else leads to it. Stdout is claimed before a native library is loaded.
_START = (
    "import sys; sys.path[:] = [*filter(None, sys.path), sys.argv[1]]; "
    "from lsp_server.base.stdio import claim_stdout; protocol = claim_stdout(); "
    "from importlib import import_module; import_module(sys.argv[2]).main(protocol)"
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


def command(module: str) -> tuple[str, ...]:
    """The command line that calls a module's ``main`` with the stream that its messages go to."""
    package = Path(lsp_server.__file__).resolve().parent
    return (sys.executable, "-c", _START, str(package.parent), module)


class Process(asyncio.SubprocessProtocol, Generic[Message]):
    """A running process.

    Attributes:
        ended: done when the process and its pipes are gone.
        failure: what it did against the protocol, if that is why it was killed.
    """

    def __init__(
        self, decoder: msgspec.msgpack.Decoder[Message], on_message: Callable[[Message], None]
    ) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.failure = ""
        self._decoder = decoder
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
                message = decode(self._decoder, bytes(self._buffer[LENGTH:end]))
                del self._buffer[:end]
                self._on_message(message)
        except ProtocolError as error:
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

    def send(self, message: msgspec.Struct) -> None:
        """Send a message; it is lost if the process has ended.

        Raises:
            ProtocolError: it is too long.
        """
        data = frame(message)
        pipe = self._transport.get_pipe_transport(0)
        if isinstance(pipe, asyncio.WriteTransport) and not pipe.is_closing():
            pipe.write(data)

    def hang_up(self) -> None:
        """Close its stdin: to say that nothing more will be asked of it."""
        pipe = self._transport.get_pipe_transport(0)
        if isinstance(pipe, asyncio.WriteTransport):
            pipe.close()

    def kill(self) -> None:
        """End it, whatever it is doing."""
        self._transport.close()

    async def gone(self) -> None:
        """End it and wait until it is gone, for two seconds at most."""
        self.kill()
        await asyncio.wait((self.ended,), timeout=_GONE_S)


async def start(
    command: Sequence[str],
    environment: Mapping[str, str],
    decoder: msgspec.msgpack.Decoder[Message],
    on_message: Callable[[Message], None],
) -> Process[Message]:
    """Start a process.

    Args:
        decoder: of what it says.

    Raises:
        OSError: the command cannot be run.
    """
    _transport, process = await asyncio.get_running_loop().subprocess_exec(
        lambda: Process(decoder, on_message),
        *command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=None,  # the server's own: its log shows what the other one has to say
        env=dict(environment),
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    return process


def rss_mb(pid: int | None) -> float:
    """Memory that a process has resident, in MiB; 0 when there is none."""
    try:
        return float(psutil.Process(pid).memory_info().rss) / 2**20 if pid else 0.0
    except psutil.Error:
        return 0.0


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
