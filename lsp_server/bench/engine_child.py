"""The process in which ``bench.engine`` has one engine work: it does what it is told, and tells how long that took."""

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import psutil

from lsp_server.base.errors import Aborted, OffhandError
from lsp_server.base.framing import frame, read
from lsp_server.bench.engine import TO_CHILD, Do, Failed, Open, Ready, Took
from lsp_server.engine.backends.absent import Absent
from lsp_server.engine.decoder import Decoder
from lsp_server.engine.messages import Load
from lsp_server.engine.opening import open_engine
from lsp_server.engine.protocol import Engine
from lsp_server.engine.tokenizer import Tokenizer


def main(protocol: BinaryIO) -> None:
    """Serve until stdin ends.

    Args:
        protocol: where answers go; see ``base.stdio``.
    """
    child = _Child()
    answer: Ready | Took | Failed
    while message := read(sys.stdin.buffer, TO_CHILD):
        try:
            answer = child.open(message.load) if isinstance(message, Open) else child.do(message)
        except OffhandError as error:
            answer = Failed(str(error))
        protocol.write(frame(answer))
        protocol.flush()


class _Child:
    """The engine, and what is asked of it."""

    def __init__(self) -> None:
        self._engine: Engine
        self._load: Load
        self._alone: Decoder
        self._state = b""

    def open(self, load: Load) -> Ready:
        tokenizer = Tokenizer(Path(load.tokenizer), load.special_tokens)
        self._load = load
        self._alone = Decoder(Absent(tokenizer.vocabulary, load.context), tokenizer, load.end_tokens)
        self._engine, name, note = open_engine(load, self._alone)
        able = self._engine.capabilities
        return Ready(name, note, self._engine.parameters, able.all_rows, able.abort, able.snapshots)

    def do(self, message: Do) -> Took:
        steps: dict[str, Callable[[Do], list[float]]] = {
            "load": self._reload,
            "prompt": self._prompt,
            "token": self._token,
            "batch": self._batch,
            "snapshot": self._snapshot,
            "abort": self._abort,
        }
        times = steps[message.step](message)
        return Took(tuple(times), psutil.Process().memory_info().rss / 2**20)

    def _ids(self, count: int) -> list[int]:
        """Some tokens; which ones is no matter for the time they take."""
        return [(7919 * place + 31) % self._alone.tokenizer.vocabulary for place in range(count)]

    def _fill(self, tokens: int) -> None:
        if self._engine.evaluated < tokens:
            self._engine.evaluate(self._ids(tokens), 0)

    def _reload(self, message: Do) -> list[float]:
        self._engine.close()
        begun = time.perf_counter()
        self._engine, _name, _note = open_engine(self._load, self._alone)
        return [_since(begun)]

    def _prompt(self, message: Do) -> list[float]:
        begun = time.perf_counter()
        self._engine.evaluate(self._ids(message.tokens), 0)
        return [_since(begun)]

    def _token(self, message: Do) -> list[float]:
        self._fill(message.tokens)
        times: list[float] = []
        for place, token in enumerate(self._ids(message.times)):
            if sum(times) > message.seconds * 1000:
                break
            begun = time.perf_counter()
            self._engine.evaluate([token], message.tokens + place)
            times.append(_since(begun))
        return times

    def _batch(self, message: Do) -> list[float]:
        self._fill(message.tokens)
        begun = time.perf_counter()
        self._engine.evaluate_all(self._ids(message.times), message.tokens)
        return [_since(begun)]

    def _snapshot(self, message: Do) -> list[float]:
        """How long it takes to make, and to put back."""
        self._engine.evaluate(self._ids(message.tokens), 0)
        begun = time.perf_counter()
        self._state = self._engine.snapshot()
        made = time.perf_counter()
        self._engine.restore(self._state)
        return [(made - begun) * 1000, _since(made), len(self._state) / 2**20]

    def _abort(self, message: Do) -> list[float]:
        """How long an evaluation goes on after it was told to stop, some time after its begin."""
        told = 0.0

        def stop() -> None:
            nonlocal told
            told = time.perf_counter()
            self._engine.abort()

        timer = threading.Timer(message.times / 1000, stop)
        timer.start()
        try:
            self._engine.evaluate(self._ids(message.tokens), 0)
            times = []  # it was done before it was told
        except Aborted:
            times = [_since(told)]
        timer.join()
        self._engine.resume()
        return times


def _since(begun: float) -> float:
    return (time.perf_counter() - begun) * 1000
