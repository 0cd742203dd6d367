"""The process that owns the model: messages come on stdin and go to stdout. ``engine.process`` starts it.

One thread reads, the main thread computes; so a request is cancelled while it runs. Everything that prints, native
libraries included, prints to stderr. Knows nothing of LSP, documents or settings, and ends when its stdin does.
"""

import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from lsp_server.base.digest import sha256
from lsp_server.base.errors import EngineError, ModelError, OffhandError
from lsp_server.engine.decoder import Decoder
from lsp_server.engine.decoding import complete
from lsp_server.engine.framing import LENGTH, frame, length, to_worker
from lsp_server.engine.messages import (
    Cancel,
    Complete,
    Finished,
    Load,
    Loaded,
    LoadFailed,
    Partial,
    Remember,
    ToServer,
    ToWorker,
)
from lsp_server.engine.protocol import Engine
from lsp_server.engine.tokenizer import Tokenizer

#: Exit code after something that was no message.
EXIT_MALFORMED = 2


def main(protocol: BinaryIO) -> None:
    """Serve until stdin ends.

    Args:
        protocol: where messages go; see ``base.stdio``.
    """
    # Ctrl-C in a terminal goes to the whole process group; the server decides when its worker ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    inbox = Inbox()
    threading.Thread(target=inbox.fill, args=(sys.stdin.buffer,), daemon=True).start()

    def send(message: ToServer) -> None:
        try:
            protocol.write(frame(message))
            protocol.flush()
        except OSError:
            os._exit(0)  # nobody listens any more

    serve(inbox, send)


class Inbox:
    """What the server has asked for and is not done yet."""

    def __init__(self) -> None:
        self._messages: queue.SimpleQueue[tuple[float, Load | Complete | Remember]] = queue.SimpleQueue()
        self._cancelled: dict[int, threading.Event] = {}

    def fill(self, stream: BinaryIO) -> None:
        """Read messages until the stream ends, then end the process: at once, even while it computes."""
        try:
            while message := read(stream):
                self.add(message)
        except EngineError as error:
            sys.stderr.write(f"offhand worker: {error}\n")
            sys.stderr.flush()
            os._exit(EXIT_MALFORMED)
        os._exit(0)

    def add(self, message: ToWorker) -> None:
        """Take in a message; a ``Cancel`` overtakes what waits."""
        if isinstance(message, Cancel):
            cancelled = self._cancelled.get(message.id)
            if cancelled is not None:
                cancelled.set()
            return
        if isinstance(message, Complete):
            self._cancelled[message.id] = threading.Event()
        self._messages.put((time.monotonic(), message))

    def next(self) -> tuple[float, Load | Complete | Remember]:
        """Wait for the next thing to do; returns when it arrived (``time.monotonic``) and what it is."""
        return self._messages.get()

    def is_cancelled(self, id: int) -> bool:
        """Whether a request need not be worked on."""
        return self._cancelled[id].is_set()

    def done(self, id: int) -> None:
        """Forget a request."""
        del self._cancelled[id]


def read(stream: BinaryIO) -> ToWorker | None:
    """Read one message; ``None`` at the end of the stream.

    Raises:
        EngineError: it is no message, or the stream ends inside it.
    """
    head = stream.read(LENGTH)
    if not head:
        return None
    body = stream.read(length(head)) if len(head) == LENGTH else b""
    if len(head) < LENGTH or len(body) < length(head):
        raise EngineError("The stream of messages ends inside a message.")
    return to_worker(body)


def serve(inbox: Inbox, send: Callable[[ToServer], None]) -> None:
    """Answer one message after the other, for ever."""
    decoder: Decoder | None = None
    while True:
        arrived, message = inbox.next()
        if isinstance(message, Load):
            if decoder is not None:
                decoder.engine.close()
                decoder = None
            try:
                decoder = load(message)
            except OffhandError as error:
                send(LoadFailed(str(error)))
            except MemoryError:
                send(LoadFailed(f"There is not enough memory for {message.model}. Choose a smaller model."))
            else:
                engine = decoder.engine
                took = (time.monotonic() - arrived) * 1000
                send(Loaded(message.engine, engine.vocabulary, engine.context, engine.parameters, took))
        elif isinstance(message, Remember):
            if decoder is not None:
                tokenizer = decoder.tokenizer
                decoder.memory.remember(
                    message.document, [tokenizer.encode(piece) for piece in message.pieces]
                )
        else:
            send(_answer(decoder, message, arrived, inbox, send))
            inbox.done(message.id)


def _answer(
    decoder: Decoder | None,
    request: Complete,
    arrived: float,
    inbox: Inbox,
    send: Callable[[ToServer], None],
) -> Finished:
    if decoder is None:
        return Finished(request.id, "", "end", error="No model is loaded.")
    return complete(
        decoder,
        request,
        deadline=arrived + request.deadline_ms / 1000,
        cancelled=lambda: inbox.is_cancelled(request.id),
        on_partial=lambda text: send(Partial(request.id, text)),
    )


def load(request: Load) -> Decoder:
    """Load a model and its tokenizer.

    Raises:
        ModelError: a file is missing, is not the expected one, or is refused.
        EngineError: the engine is unknown or does not run here.
    """
    tokenizer = Tokenizer(Path(request.tokenizer), request.special_tokens)
    engine = _open(request, tokenizer)
    try:
        return Decoder(engine, tokenizer, request.end_tokens)
    except EngineError:
        engine.close()
        raise


def _open(request: Load, tokenizer: Tokenizer) -> Engine:
    """Start the engine that is asked for. Imports no other."""
    if request.engine == "fake":
        from lsp_server.engine.backends.fake import Fake

        end = tokenizer.special.get(request.end_tokens[0], 0) if request.end_tokens else 0
        return Fake(tokenizer.vocabulary, request.context, end, request.delay_ms)
    if request.engine == "ctransformers":
        _check(Path(request.model), request.sha256)
        from lsp_server.engine.backends.ctransformers import CTransformers

        return CTransformers(Path(request.model), request.context, request.threads)
    raise EngineError(f"There is no engine '{request.engine}'. Correct the setting 'engine'.")


def _check(model: Path, expected: str) -> None:
    """Native code must see no other file than the one that was validated."""
    try:
        digest = sha256(model)
    except OSError as error:
        raise ModelError(
            f"Model file {model} cannot be read: {error.strerror or error}. Copy it again."
        ) from error
    if digest != expected:
        raise ModelError(
            f"Model file {model} is damaged: its sha256 differs. Copy it again, or install Offhand again."
        )
