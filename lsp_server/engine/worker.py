"""The process that owns the model: messages come on stdin and go to stdout. ``engine.client`` starts it.

One thread takes in messages, the main thread computes; so a request is cancelled while it runs. Models are loaded, and
the workspace's files read into the memory, in threads beside them. Everything that prints, native libraries included,
prints to stderr. Knows nothing of LSP, documents or settings, and ends when its stdin does.
"""

import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

from lsp_server.base.framing import frame
from lsp_server.base.priority import give_way
from lsp_server.engine.desk import Desk
from lsp_server.engine.inbox import Inbox, Opened
from lsp_server.engine.messages import Fit, Forget, Learn, Load, Remember, ToServer

#: Longest time that a thread which reads files keeps the interpreter from the one that completes (s). Python's default
#: of 5 ms is more than a token takes.
_SWITCH_S = 0.0005

#: When nothing was asked for so long, there is time for what can wait (s).
_IDLE_S = 5.0


def main(protocol: BinaryIO) -> None:
    """Serve until stdin ends.

    Args:
        protocol: where messages go; see ``base.stdio``.
    """
    # Ctrl-C in a terminal goes to the whole process group; the server decides when its worker ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.setswitchinterval(_SWITCH_S)
    inbox = Inbox()
    threading.Thread(target=inbox.fill, args=(sys.stdin.buffer,), daemon=True).start()

    lock = threading.Lock()  # the reader tells of its progress from a thread of its own

    def send(message: ToServer) -> None:
        try:
            with lock:
                protocol.write(frame(message))
                protocol.flush()
        except OSError:
            os._exit(0)  # nobody listens any more

    serve(inbox, send)


def serve(inbox: Inbox, send: Callable[[ToServer], None]) -> None:
    """Answer one message after the other, for ever."""
    desk = Desk(inbox, send)
    # Of low priority for good, as a thread cannot rise again; it and the main thread take turns.
    below = ThreadPoolExecutor(1, "speculation", initializer=give_way)
    patience: float | None = None
    while True:
        try:
            arrived, message = inbox.next(patience)
        except queue.Empty:
            desk.idle()
            patience = None
            continue
        patience = _IDLE_S
        if isinstance(message, Load):
            desk.load(message, arrived)
        elif isinstance(message, Opened):
            desk.opened(message)
        elif isinstance(message, Remember):
            desk.remember(message)
        elif isinstance(message, Learn):
            desk.learn(message)
        elif isinstance(message, Forget):
            desk.forget(message)
        elif isinstance(message, Fit):
            send(desk.fit(message))
        else:
            if message.speculative:
                send(below.submit(desk.answer, message, arrived).result())
            else:
                send(desk.answer(message, arrived))
            inbox.done(message.id)
