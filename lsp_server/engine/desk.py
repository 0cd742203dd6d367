"""What the worker has, and what it does with a message: a model or none yet, the memory, the thread that reads files.

A model is one of tokens, which is decoded here, or a server that is given text; what that cannot answer the memory
does.

Knows nothing of pipes; of LSP, documents or settings neither.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from lsp_server.base.errors import OffhandError
from lsp_server.base.parts import Part
from lsp_server.engine.backends.absent import Absent
from lsp_server.engine.decoder import Decoder
from lsp_server.engine.decoding import complete
from lsp_server.engine.inbox import Inbox, Opened
from lsp_server.engine.keptfile import KeptFile
from lsp_server.engine.memory import mixture
from lsp_server.engine.memory.lines import LineTokens
from lsp_server.engine.memory.reader import Reader
from lsp_server.engine.memory.store import Memory
from lsp_server.engine.messages import (
    Complete,
    Finished,
    Fit,
    Fitted,
    Forget,
    Learn,
    Learnt,
    Load,
    Loaded,
    LoadFailed,
    Remember,
    Served,
    ToServer,
)
from lsp_server.engine.opening import identity, open_engine, open_http
from lsp_server.engine.pace import pace_of
from lsp_server.engine.protocol import Engine, TextEngine
from lsp_server.engine.tokenizer import Tokenizer

#: Tokens before the cursor by which the memory alone answers a request that was laid out for another model.
_ALONE = 512


class Desk:
    """See the module."""

    def __init__(self, inbox: Inbox, send: Callable[[ToServer], None]) -> None:
        self._inbox = inbox
        self._send = send
        self._model: Decoder | TextEngine | None = None
        self._told: Loaded | None = None
        self._alone: Decoder | None = None  # without a network
        self._reader: Reader | None = None
        self._lines: LineTokens | None = None

    def load(self, request: Load, arrived: float) -> None:
        """Load a model in place of another: its tokenizer here and now, its weights in a thread, for minutes maybe.

        Until they are there the memory answers alone.
        """
        self._close()
        try:
            tokenizer = Tokenizer(Path(request.tokenizer), request.special_tokens)
            alone = Absent(tokenizer.vocabulary, request.context)
            memory = Memory(tokenizer.vocabulary)
            weights = mixture.weights(request.mixture)
            self._alone = Decoder(alone, tokenizer, request.end_tokens, memory, weights)
        except OffhandError as error:
            self._send(LoadFailed(str(error)))
            return
        self._lines = LineTokens(tokenizer)
        self._reader = Reader(memory, tokenizer, lambda read: self._send(_learnt(memory, read)))
        self._send(_learnt(memory, 0))
        threading.Thread(target=self._load, args=(request, self._alone, arrived), daemon=True).start()

    def _load(self, request: Load, alone: Decoder, arrived: float) -> None:
        model: Decoder | TextEngine
        engine: Engine | TextEngine
        try:
            note = ""
            if request.engine == "http":
                name, model = request.engine, open_http(request, alone)
                engine = model
            else:
                engine, name, note = open_engine(request, alone)
                model = Decoder(engine, alone.tokenizer, request.end_tokens, alone.memory, alone.weights)
                model.pace = pace_of(engine, request.threads, request.cores)
        except OffhandError as error:
            answer = Opened(alone, None, LoadFailed(str(error)))
        except MemoryError:
            failure = f"There is not enough memory for {request.model}. Choose a smaller model."
            answer = Opened(alone, None, LoadFailed(failure))
        else:
            if request.keep and isinstance(model, Decoder):
                model.kept.file = KeptFile(identity(request.sha256, name))
            took = (time.monotonic() - arrived) * 1000
            size = (engine.vocabulary, engine.context, engine.parameters)
            answer = Opened(alone, model, Loaded(name, *size, took, note, _served(model)))
        self._inbox.post(answer)

    def opened(self, news: Opened) -> None:
        """Take a model that was loaded; one that was replaced meanwhile goes."""
        if news.alone is not self._alone:
            if news.model is not None:
                news.model.close()
            return
        self._model = news.model
        self._told = news.answer if isinstance(news.answer, Loaded) else None
        self._send(news.answer)

    def _close(self) -> None:
        if self._model is not None:
            self._model.close()
        if self._reader is not None:
            self._reader.close()
        self._model = self._alone = self._reader = self._told = None

    def remember(self, message: Remember) -> None:
        """Learn an open document."""
        if self._alone is not None and self._reader is not None and self._lines is not None:
            pieces = [self._lines.encode(piece) for piece in message.pieces]
            self._alone.memory.remember(message.document, pieces)
            self._reader.tidy()

    def learn(self, message: Learn) -> None:
        """Have files read."""
        if self._reader is not None:
            self._reader.learn(message.paths)

    def forget(self, message: Forget) -> None:
        """Drop documents."""
        if self._alone is not None and self._reader is not None:
            self._alone.memory.forget(message.documents)
            self._reader.tidy()

    def fit(self, request: Fit) -> Fitted:
        """Count tokens, and cut what has too many."""
        if self._alone is None:
            return Fitted(request.id, error="No model is loaded.")
        fitted = [self._alone.fit(part) for part in request.parts]
        return Fitted(request.id, tuple(text for text, _ in fitted), tuple(tokens for _, tokens in fitted))

    def idle(self) -> None:
        """Nothing was asked for a while."""
        if isinstance(self._model, Decoder):
            self._model.save()

    def answer(self, request: Complete, arrived: float) -> Finished:
        """Complete, and say what it cost."""
        begun = time.process_time()
        finished = self._answer(request, arrived)
        return msgspec.structs.replace(finished, cpu_ms=(time.process_time() - begun) * 1000)

    def _answer(self, request: Complete, arrived: float) -> Finished:
        """Complete; with the memory alone while there is no model, or where the time was over before it said a word."""
        if self._alone is None or self._reader is None:
            return Finished(request.id, "", "end", error="No model is loaded.")
        if not request.max_tokens and not _caches(self._model):
            return Finished(request.id, "", "length", source="memory")

        def cancelled() -> bool:
            return self._inbox.is_cancelled(request.id)

        def typed() -> str:
            return self._inbox.typed(request.id)

        with self._reader.at_rest():
            deadline = arrived + request.deadline_ms / 1000
            trouble = None
            if isinstance(self._model, Decoder):
                self._model.engine.resume()
                if self._model.pace is not None:
                    self._model.pace.heed = not request.speculative
                with self._inbox.stopping(request.id, self._model.engine.abort):
                    finished = complete(
                        self._model,
                        request,
                        deadline=deadline,
                        cancelled=cancelled,
                        typed=typed,
                        on_partial=self._send,
                    )
                if finished.reason != "deadline" or finished.text or not request.max_tokens:
                    return finished
            elif self._model is not None:
                finished = self._model.complete(
                    request, deadline=deadline, cancelled=cancelled, typed=typed, on_partial=self._send
                )
                self._tell(self._model)
                trouble = finished.trouble
                if trouble is None:
                    return finished
            by_memory = complete(self._alone, _for_memory(request), cancelled=cancelled, typed=typed)
            return msgspec.structs.replace(by_memory, trouble=trouble)

    def _tell(self, model: TextEngine) -> None:
        """Say so when a server turns out to be another than was said."""
        if model.served is None or self._told is None or model.served == self._told.served:
            return
        self._told = msgspec.structs.replace(self._told, served=model.served, context=model.context)
        self._send(self._told)


def _learnt(memory: Memory, read: int) -> Learnt:
    return Learnt(memory.documents, memory.size, read)


def _served(model: Decoder | TextEngine) -> Served | None:
    return None if isinstance(model, Decoder) else model.served


def _caches(model: Decoder | TextEngine | None) -> bool:
    """Whether there is any use in a prompt that comes before its question. A server may have one, but others ask it
    too: it is not made to read what nobody waits for."""
    return isinstance(model, Decoder) and model.engine.capabilities.network


def _for_memory(request: Complete) -> Complete:
    """A request as the memory alone can answer it: the parts may name tokens of a served model, which it lacks."""
    if request.infill is None:
        return request
    part = Part(request.infill.prefix, limit=_ALONE, cut="left")
    return msgspec.structs.replace(request, parts=(part,))
