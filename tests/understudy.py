"""A worker process that is played: what it writes is a function of what it was asked, when it writes it is chance.

Takes the place of ``base.child.Process``, so that the real ``WorkerClient`` is asked; ``origins`` says what is written.
It is as nasty as a real worker may be: a message takes a moment, it hears late or never that the text disagrees,
finishes although it was just cancelled, stops at its deadline in the middle of a word, has nothing to say, fails, and
can be killed at any time.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec
from origins import MEMORY, Library, Question, Text, Writing, grows, model_of

from lsp_server.engine import messages
from lsp_server.engine.messages import Step, Written
from lsp_server.workspace.retrieval.piece import Piece

#: Two messages are never at the same time: an event loop would not keep their order (s).
_APART = 1e-6

#: The key that parts from what is written.
PARTS = "q"

#: So long it takes at most until a worker has heard what there is to stop (s).
TOLD = 0.01


class Request:
    """One that was asked, until it is answered."""

    def __init__(
        self, asked: messages.Complete, writing: Writing, arrived: float, key: str, by_memory: bool
    ) -> None:
        self.asked, self.writing, self.key = asked, writing, key
        self.arrived, self.deadline = arrived, arrived + asked.deadline_ms / 1000
        self.by_memory = by_memory
        self.cancelled = False
        self.typed = ""
        self.tokens = 0

    def so_far(self) -> Text:
        return Text(self.writing.texts[0].tokens[: self.tokens])

    def written(self) -> str:
        return self.so_far().whole

    def disagrees(self) -> bool:
        return not _agree(self.written(), self.typed)

    @property
    def around(self) -> tuple[str, str]:
        """The text before the cursor and behind it that the prompt shows."""
        before = "".join(part.text for part in self.asked.parts if grows(part))
        return before, self.asked.parts[-3].text  # in both families that are played

    @property
    def wanted(self) -> bool:
        """Nobody has told to stop."""
        return not self.cancelled and not self.disagrees()


def _agree(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


class Stage:
    """Where workers are started, one after the other. Its ``start`` takes the place of ``child.start``."""

    def __init__(self, seed: int, waste: list[str]) -> None:
        """Nothing is started yet.

        Args:
            waste: is told what went on beside a question.
        """
        self.waste = waste
        self.chance = random.Random(seed)
        self.library = Library()
        self.worker: Understudy | None = None
        self.started = 0
        self.asked = 0  # generations begun, for a question and ahead of it
        self.ahead = 0
        self.blocks = 0  # of them those that may have several lines
        self.tokens = 0

    async def start(
        self, command: Any, environment: Any, decoder: Any, on_message: Callable[[Any], None]
    ) -> "Understudy":
        await asyncio.sleep(self.chance.choice((0.0, 0.01, 0.3)))
        self.started += 1
        self.worker = Understudy(self, on_message)
        return self.worker


class Understudy:
    """One worker process, see the module."""

    pid = 0
    failure = ""

    def __init__(self, stage: Stage, on_message: Callable[[Any], None]) -> None:
        self._stage, self._chance, self._on_message = stage, stage.chance, on_message
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self.exit_code = 0
        self.model = ""
        self._loaded = self._memory_alone = False
        self._waiting: deque[Request | messages.Fit] = deque()
        self.running: Request | None = None
        self._last_in = self._last_out = 0.0

    # --- the pipe

    def send(self, message: Any) -> None:
        """From the server: it takes a moment, and nothing overtakes."""
        self._last_in = max(
            self._last_in + _APART, self._loop.time() + self._chance.choice((0.0, 0.0005, 0.003))
        )
        self._loop.call_at(self._last_in, self._hear, message)

    def _say(self, message: Any) -> None:
        self._last_out = max(
            self._last_out + _APART, self._loop.time() + self._chance.choice((0.0, 0.0005, 0.003))
        )
        self._loop.call_at(self._last_out, self._arrives, message)

    def _arrives(self, message: Any) -> None:
        if not self.ended.done():
            self._on_message(message)

    def hang_up(self) -> None:
        self.kill()

    def kill(self) -> None:
        if not self.ended.done():
            self.exit_code = -9
            self.ended.set_result(None)

    async def gone(self) -> None:
        self.kill()
        await asyncio.sleep(0)

    # --- the worker

    def requests(self) -> list[Request]:
        """All that are asked, also those that wait."""
        waiting = [one for one in self._waiting if isinstance(one, Request)]
        return ([self.running] if self.running else []) + waiting

    def _hear(self, message: Any) -> None:
        if self.ended.done():
            return
        if isinstance(message, messages.Load):
            self.model, self._memory_alone = (
                model_of(message.engine, message.sha256),
                message.engine == "memory",
            )
            self._say(messages.Learnt(0, 0, 0))
            self._loop.call_later(self._chance.choice((0.01, 0.2, 1.5)), self._is_loaded)
        elif isinstance(message, messages.Complete):
            by_memory = self._memory_alone or not self._loaded
            model = MEMORY if by_memory else self.model
            question = Question(message.parts, message.stop, message.max_tokens, message.familiar, model)
            key, writing = self._stage.library.write(question)
            self._stage.asked += not message.speculative
            self._stage.blocks += message.stop.kind == "block"
            self._stage.ahead += message.speculative
            request = Request(message, writing, self._loop.time(), key, by_memory)
            self._take(request)
            if not message.speculative:
                self._loop.call_later(TOLD, self._look_around, request)
        elif isinstance(message, messages.Fit):
            self._take(message)
        else:
            self._change(message)

    def _change(self, message: Any) -> None:
        for request in self.requests():
            if isinstance(message, messages.Cancel) and message.id == request.asked.id:
                request.cancelled = True
            elif isinstance(message, messages.Typed) and message.id == request.asked.id:
                request.typed = message.text

    def _look_around(self, request: Request) -> None:
        """A question has come that nothing answered which was being written: all that was must have been ended, what
        was written ahead and what was written in the same document."""
        requests = self.requests()
        older = requests[: requests.index(request)] if request in requests else []
        for other in older:
            speculative, same = other.asked.speculative, other.asked.document == request.asked.document
            if other.wanted and request.wanted and (speculative or same):
                self._stage.waste.append(f"written on: {'ahead' if speculative else 'for an older question'}")

    def _is_loaded(self) -> None:
        self._loaded = True
        self._say(messages.Loaded("fake", 4096, 1024, 0, 1.0))

    def _take(self, one: "Request | messages.Fit") -> None:
        self._waiting.append(one)
        if self.running is None and len(self._waiting) == 1:
            self._next()

    def _next(self) -> None:
        while self._waiting and not self.ended.done():
            one = self._waiting.popleft()
            if isinstance(one, messages.Fit):
                self._say(_fitted(one))
                continue
            self.running = one
            self._loop.call_later(self._chance.choice((0.002, 0.02, 0.08, 0.25)), self._read, one)
            return

    def _read(self, request: Request) -> None:
        """The prompt is evaluated."""
        if self.ended.done():
            return
        fate = self._chance.random()
        if fate < 0.005:
            self._finish(request, "end", error="It failed.")
        elif request.cancelled:
            self._finish(request, "cancelled")
        elif request.asked.max_tokens == 0:
            self._finish(request, "length")
        else:
            # Some do not hear what is typed, some hear it late, most with the next token.
            deaf = self._chance.choice((0, 0, 0, 0, 4, 1_000))
            pace = self._chance.choice((0.001, 0.005, 0.02, 0.02, 0.06))
            self._write(request, deaf, pace)

    def _write(self, request: Request, deaf: int, pace: float) -> None:
        """One token, and so on."""
        if self.ended.done():
            return
        tokens = request.writing.texts[0].tokens
        if request.cancelled or (request.disagrees() and deaf <= 0):
            self._finish(request, "cancelled")
        elif self._loop.time() >= request.deadline:
            self._finish(request, "deadline")
        elif request.tokens == len(tokens):
            self._finish(
                request, "block" if request.asked.stop.kind == "block" else "line" if tokens else "end"
            )
        elif request.tokens == request.asked.max_tokens:
            self._finish(request, "length")
        else:
            if tokens[request.tokens] == "\n" and request.written().strip() and not request.by_memory:
                self._say(
                    messages.Partial(request.asked.id, request.written(), _steps(request, request.so_far()))
                )
            request.tokens += 1
            self._loop.call_later(pace, self._write, request, deaf - request.disagrees(), pace)

    def _finish(self, request: Request, reason: messages.FinishReason, error: str = "") -> None:
        whole = reason in ("end", "line", "block") and not error
        texts = request.writing.texts
        others = [Written(text.whole, _steps(request, text)) for text in texts[1:]] if whole else []
        branches = _branches(request) if whole else ()
        self._stage.tokens += request.tokens
        if reason in ("length", "deadline"):
            self._stage.library.cut.add(request.key)
        self._say(
            messages.Finished(
                request.asked.id,
                "" if error else request.written(),
                reason,
                _steps(request, request.so_far()),
                tuple(others),
                source="memory" if request.by_memory else "model",
                prompt_tokens=sum(len(part.text) for part in request.asked.parts) // 4,
                tokens=request.tokens,
                error=error,
                cpu_ms=5.0,
                branches=branches,
            )
        )
        self.running = None
        self._next()


def _fitted(fit: messages.Fit) -> messages.Fitted:
    """A token has four characters."""
    texts = tuple(part.text for part in fit.parts)
    return messages.Fitted(fit.id, texts, tuple(len(text) // 4 + 1 for text in texts))


def _branches(request: Request) -> tuple[tuple[str, float], ...]:
    """Texts that part from what was written, the likeliest first; all with the same key."""
    chance, text = random.Random(request.key), request.writing.texts[0].whole
    ends = sorted({0, *(chance.randrange(len(text)) for _ in range(3))}) if text else []
    return tuple((text[:end] + PARTS, 0.3 / (1 + number)) for number, end in enumerate(ends))


def _steps(request: Request, text: Text) -> tuple[Step, ...]:
    logprob = -0.005 if request.writing.sure else -8.0
    steps, length = [], 0
    for token in text.tokens:
        length += len(token)
        steps.append(Step(length, logprob))
    return tuple(steps)


class Index:
    """An index that is played, in the place of ``IndexClient``: it has something for some cursors, and that in time for
    some."""

    def __init__(self, roots: tuple[str, ...], seed: int) -> None:
        self.roots, self.pid = roots, None
        self._chance = random.Random(seed)

    async def ask(self, wants: bytes, timeout: float) -> bytes | None:
        delay = self._chance.choice((0.0, 0.005, 0.02, 0.05))
        await asyncio.sleep(min(delay, timeout))
        if delay > timeout:
            return None
        names = self._chance.choice(((), ("alpha",), ("beta",), ("beta", "alpha")))
        pieces = [
            Piece(f"/home/one/{name}.py", f"def {name}(x):\n    return x\n\n\n{name}(1)", "own", 1.0)
            for name in names
        ]
        return msgspec.msgpack.encode(pieces)

    def override(self, path: str, text: str, language: str) -> None:
        """Take no notice."""

    def release(self, path: str) -> None:
        """Take no notice."""

    def status(self) -> dict[str, Any]:
        return {}

    async def close(self) -> None:
        """Nothing runs."""
