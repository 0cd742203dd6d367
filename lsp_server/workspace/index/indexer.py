"""The process that holds the index: messages come on stdin and go to stdout. ``index.client`` starts it.

One thread takes messages in, the main thread does everything else, a question first. A file that kills the process
kills nothing else. Ends when its stdin does, after it has kept the index. Knows nothing of LSP, documents or
settings.
"""

import contextlib
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import psutil

from lsp_server.base import framing
from lsp_server.base.errors import ProtocolError
from lsp_server.context.languages import Grammars
from lsp_server.workspace.index import answering, reading
from lsp_server.workspace.index.index import Index
from lsp_server.workspace.index.messages import (
    TO_INDEXER,
    Answer,
    Ask,
    Begin,
    FromIndexer,
    Listed,
    Override,
    Progress,
    Release,
    Tell,
    ToIndexer,
)
from lsp_server.workspace.index.work import Work

#: How much the system prefers other processes to this one (Unix nice).
_NICENESS = 10


def main(protocol: BinaryIO) -> None:
    """Serve until stdin ends.

    Args:
        protocol: where messages go; see ``base.stdio``.
    """
    # Ctrl-C in a terminal goes to the whole process group; the server decides when its indexer ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(psutil.Error, OSError):
        psutil.Process().nice(getattr(psutil, "BELOW_NORMAL_PRIORITY_CLASS", _NICENESS))
    messages: queue.SimpleQueue[ToIndexer | None] = queue.SimpleQueue()
    threading.Thread(target=_fill, args=(messages, sys.stdin.buffer), daemon=True).start()

    def send(message: FromIndexer) -> None:
        try:
            protocol.write(framing.frame(message))
            protocol.flush()
        except OSError:
            messages.put(None)  # nobody listens any more

    serve(messages, send, answering.answer)
    os._exit(0)  # the thread may be reading


def serve(
    messages: "queue.SimpleQueue[ToIndexer | None]",
    send: Callable[[FromIndexer], None],
    answer: Callable[[Index, bytes], bytes],
) -> None:
    """Do what messages say, and the work that is left in between, until there is a ``None`` among them.

    Args:
        answer: to ``Ask``; gets the index and what is wanted.
    """
    grammars = Grammars()
    index = Index(grammars)
    work = Work(
        index,
        reading.fingerprint(grammars),
        lambda path: send(Progress(path, work.waiting, heard, index.size)),
    )
    heard = 0
    left: float | None = None
    while True:
        try:
            message = messages.get(timeout=left) if left != 0.0 else messages.get_nowait()
        except queue.Empty:
            left = work.step()
            continue
        left = 0.0
        if message is None:
            break
        if isinstance(message, Ask):
            send(_answered(index, message, answer))
            continue
        heard += 1
        if isinstance(message, Begin):
            work.begin(Path(message.kept), message.refused)
        elif isinstance(message, Tell):
            work.tell(message.paths)
        elif isinstance(message, Listed):
            work.listed()
        elif isinstance(message, Override):
            work.override(message)
        elif isinstance(message, Release):
            work.release(message.path)
        if not work.waiting:
            send(Progress("", 0, heard, index.size))
    work.keep()


def _answered(index: Index, question: Ask, answer: Callable[[Index, bytes], bytes]) -> Answer:
    try:
        return Answer(question.id, answer(index, question.wants))
    except Exception as error:  # a fault in answering costs the answer, not the index
        return Answer(question.id, b"", type(error).__name__)


def _fill(messages: "queue.SimpleQueue[ToIndexer | None]", stream: BinaryIO) -> None:
    try:
        while (message := framing.read(stream, TO_INDEXER)) is not None:
            messages.put(message)
    except ProtocolError as error:
        sys.stderr.write(f"offhand indexer: {error}\n")
        sys.stderr.flush()
    messages.put(None)
