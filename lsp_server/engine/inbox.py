"""What the worker was told and has not done yet: messages of the server, and word from its own threads.

Knows how messages are read from a stream, not what is done about them.
"""

import contextlib
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import BinaryIO, TypeAlias

import msgspec

from lsp_server.base.errors import ProtocolError
from lsp_server.base.framing import read
from lsp_server.engine.decoder import Decoder
from lsp_server.engine.messages import (
    TO_WORKER,
    Cancel,
    Complete,
    Fit,
    Forget,
    Learn,
    Load,
    Loaded,
    LoadFailed,
    Remember,
    ToWorker,
    Typed,
)
from lsp_server.engine.protocol import TextEngine

#: Exit code after something that was no message.
EXIT_MALFORMED = 2


class Opened(msgspec.Struct, frozen=True):
    """The loading thread's word to the main one.

    Attributes:
        alone: what it was loaded beside.
        model: ``None`` when it was refused.
        answer: for the server.
    """

    alone: Decoder
    model: Decoder | TextEngine | None
    answer: Loaded | LoadFailed


Work: TypeAlias = Load | Complete | Fit | Remember | Learn | Forget | Opened


class _Request(msgspec.Struct):
    """What became known of a request since it was asked.

    Attributes:
        cancelled: nobody waits for it any more.
        typed: behind its cursor.
        stop: ends what is being evaluated for it.
    """

    cancelled: bool = False
    typed: str = ""
    stop: Callable[[], None] | None = None


class Inbox:
    """What the server has asked for and is not done yet."""

    def __init__(self) -> None:
        self._messages: queue.SimpleQueue[tuple[float, Work]] = queue.SimpleQueue()
        self._requests: dict[int, _Request] = {}  # those that wait, and the one that runs
        self._changing = threading.Lock()

    def fill(self, stream: BinaryIO) -> None:
        """Read messages until the stream ends, then end the process: at once, even while it computes."""
        try:
            while message := read(stream, TO_WORKER):
                self.add(message)
        except ProtocolError as error:
            sys.stderr.write(f"offhand worker: {error}\n")
            sys.stderr.flush()
            os._exit(EXIT_MALFORMED)
        os._exit(0)

    def add(self, message: ToWorker) -> None:
        """Take in a message; ``Cancel`` and ``Typed`` overtake what waits, and are nothing where the request is
        unknown or done."""
        if isinstance(message, Cancel | Typed):
            self._change(message)
            return
        if isinstance(message, Complete):
            self._requests[message.id] = _Request()
        self._messages.put((time.monotonic(), message))

    def _change(self, message: Cancel | Typed) -> None:
        with self._changing:
            request = self._requests.get(message.id)
            if request is None:
                return
            if isinstance(message, Typed):
                request.typed = message.text
                return
            request.cancelled = True
            if request.stop is not None:
                request.stop()

    @contextlib.contextmanager
    def stopping(self, id: int, stop: Callable[[], None]) -> Iterator[None]:
        """Have ``stop`` called, by the thread that reads, should a request be cancelled in the meantime, and never
        after it; at once where it is cancelled already."""
        request = self._requests[id]
        with self._changing:
            request.stop = stop
            if request.cancelled:
                stop()
        try:
            yield
        finally:
            with self._changing:
                request.stop = None

    def post(self, news: Opened) -> None:
        """Take in what a thread of the worker's own has to say."""
        self._messages.put((time.monotonic(), news))

    def next(self, patience: float | None = None) -> tuple[float, Work]:
        """Wait for the next thing to do; returns when it arrived (``time.monotonic``) and what it is.

        Args:
            patience: seconds; without end if not given.

        Raises:
            queue.Empty: nothing came for so long.
        """
        return self._messages.get(timeout=patience)

    def is_cancelled(self, id: int) -> bool:
        """Whether a request need not be worked on."""
        return self._requests[id].cancelled

    def typed(self, id: int) -> str:
        """What was typed behind a request's cursor since it was asked."""
        return self._requests[id].typed

    def done(self, id: int) -> None:
        """Forget a request."""
        with self._changing:
            del self._requests[id]
