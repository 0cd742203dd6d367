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


class Inbox:
    """What the server has asked for and is not done yet."""

    def __init__(self) -> None:
        self._messages: queue.SimpleQueue[tuple[float, Work]] = queue.SimpleQueue()
        self._cancelled: dict[int, threading.Event] = {}
        self._stops: dict[int, Callable[[], None]] = {}
        self._stopping = threading.Lock()

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
        """Take in a message; a ``Cancel`` overtakes what waits."""
        if isinstance(message, Cancel):
            self._cancel(message.id)
            return
        if isinstance(message, Complete):
            self._cancelled[message.id] = threading.Event()
        self._messages.put((time.monotonic(), message))

    def _cancel(self, id: int) -> None:
        with self._stopping:
            if id in self._cancelled:
                self._cancelled[id].set()
            if id in self._stops:
                self._stops[id]()

    @contextlib.contextmanager
    def stopping(self, id: int, stop: Callable[[], None]) -> Iterator[None]:
        """Have ``stop`` called, by the thread that reads, should a request be cancelled in the meantime, and never
        after it; at once where it is cancelled already."""
        with self._stopping:
            self._stops[id] = stop
            if self._cancelled[id].is_set():
                stop()
        try:
            yield
        finally:
            with self._stopping:
                del self._stops[id]

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
        return self._cancelled[id].is_set()

    def done(self, id: int) -> None:
        """Forget a request."""
        del self._cancelled[id]
