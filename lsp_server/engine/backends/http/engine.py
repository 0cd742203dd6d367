"""The engine itself: one request at a time to one server, within its time, and never in vain for long.

The next request waits here until the one before has its end, as with any engine. The server cancels what it has no use
for any more; then the stream is closed, by which the other side learns of it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from lsp_server.base.config import Http
from lsp_server.engine import stops
from lsp_server.engine.backends.http import llama_server, ollama, openai
from lsp_server.engine.backends.http.connection import Connection, Unanswered
from lsp_server.engine.backends.http.dialect import Dialect, Greeting
from lsp_server.engine.backends.http.draft import Draft
from lsp_server.engine.backends.http.events import Events, Overlong
from lsp_server.engine.backends.http.layout import Layout
from lsp_server.engine.backends.http.patience import Patience
from lsp_server.engine.decoder import Decoder
from lsp_server.engine.messages import Complete, Finished, FinishReason, Partial, Served
from lsp_server.engine.protocol import Capabilities

#: Questions that tell the APIs apart, in this order: llama-server has /v1/models too, and so has Ollama.
_GREETINGS: dict[str, Greeting] = {
    "llama-server": llama_server.greet,
    "ollama": ollama.greet,
    "openai": openai.greet,
}

_CONTENT = {"events": "text/event-stream", "lines": "application/x-ndjson"}

#: Pauses before a question that got no answer is asked again (s), while its time lasts.
_PAUSES_S = (0.05, 0.2)

#: How often it is looked whether a request was cancelled (s).
_LOOK_S = 0.005

#: Longest wait for the first greeting, and for a cancelled stream to be closed (s).
_GREETING_S, _CLOSING_S = 5.0, 1.0


class HttpEngine:
    """A server that is given text, see ``engine.protocol.TextEngine``.

    Attributes:
        served: what is known of the server; ``None`` while it has not answered.
    """

    capabilities = Capabilities(logits=False)
    parameters = 0

    def __init__(
        self,
        settings: Http,
        ask: tuple[str, ...],
        alone: Decoder,
        *,
        patience: Patience | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Get to know the server; one that is down may come later.

        Args:
            ask: as in ``engine.messages.Load``.
            alone: has the tokenizer that cuts prompts, and that healing goes by.
            patience, sleep: for tests.

        Raises:
            EngineError: the settings cannot be used.
        """
        self.served: Served | None = None
        self.vocabulary = alone.engine.vocabulary
        self.context = settings.context
        self._settings = settings
        self._ask = ask if settings.template == "auto" else ()
        self._layout = Layout(alone)
        self._patience = patience or Patience()
        self._sleep = sleep
        self._connection = Connection(settings)
        self._draft: Draft | None = None
        # Its own, and run by whichever thread has something to ask: the one that loads, then the one that answers.
        self._loop = asyncio.new_event_loop()
        try:
            self._loop.run_until_complete(asyncio.wait_for(self._greeted(), _GREETING_S))
        except Unanswered as error:
            self._patience.failed(str(error))
        except asyncio.TimeoutError:
            self._patience.failed(f"The server {self._connection.address} is silent.")

    async def _greeted(self) -> Served:
        """What the server is; asks it if that is not known."""
        if self.served is None:
            self.served = await self._greet()
            if self.served.context:
                self.context = min(self._settings.context, self.served.context)
        return self.served

    async def _greet(self) -> Served:
        wanted = self._settings.api
        if wanted != "auto":
            return await _GREETINGS[wanted](self._connection, self._settings.model, self._ask)
        for greeting in _GREETINGS.values():
            try:
                return await greeting(self._connection, self._settings.model, self._ask)
            except Unanswered as error:
                if not error.stranger:
                    raise
        raise Unanswered(
            f"The server {self._connection.address} speaks none of the known APIs. Correct http.url, or set http.api."
        )

    def complete(
        self,
        request: Complete,
        *,
        deadline: float,
        cancelled: Callable[[], bool],
        typed: Callable[[], str] = lambda: "",
        on_partial: Callable[[Partial], None],
    ) -> Finished:
        """See ``TextEngine.complete``."""
        trouble = self._patience.trouble()
        if trouble is not None:
            return Finished(request.id, "", "end", trouble=trouble)
        return self._loop.run_until_complete(self._complete(request, deadline, cancelled, typed, on_partial))

    async def _complete(
        self,
        request: Complete,
        deadline: float,
        cancelled: Callable[[], bool],
        typed: Callable[[], str],
        on_partial: Callable[[Partial], None],
    ) -> Finished:
        self._draft, started = None, time.monotonic()
        writing = asyncio.get_running_loop().create_task(self._write(request, deadline, on_partial))
        early: FinishReason | None = None
        while early is None and not writing.done():
            await asyncio.wait({writing}, timeout=min(_LOOK_S, max(deadline - time.monotonic(), 0)))
            if cancelled() or not self._agrees(typed()):
                early = "cancelled"
            elif time.monotonic() >= deadline:
                early = "deadline"
        if writing.done():
            try:
                return self._finished(request, writing.result(), started)
            except Unanswered as error:
                self.served = None  # who comes back may be another
                return Finished(request.id, "", "end", trouble=self._patience.failed(str(error)))
        writing.cancel()
        await asyncio.wait({writing}, timeout=_CLOSING_S)
        return self._early(request, early, started)

    def _agrees(self, typed: str) -> bool:
        """Whether what is written so far goes where typing goes."""
        return self._draft is None or stops.agree(self._draft.text, typed)

    def _early(self, request: Complete, reason: FinishReason | None, started: float) -> Finished:
        """What there is of a request that was given up."""
        draft: Draft | None = self._draft
        if reason == "cancelled":
            return Finished(request.id, "", "cancelled")
        if draft is not None and draft.tokens:
            draft.stop("deadline")
            return self._finished(request, draft, started)
        why = f"The server {self._connection.address} did not answer in time (setting 'deadline_ms')."
        return Finished(request.id, "", "deadline", trouble=self._patience.late(why))

    def _finished(self, request: Complete, draft: Draft, started: float) -> Finished:
        self._patience.answered()
        first, now = draft.began or started, time.monotonic()
        return Finished(
            id=request.id,
            text=draft.text,
            reason=draft.reason or "end",
            steps=draft.steps,
            prompt_tokens=draft.last.prompt_tokens,
            reused_tokens=draft.last.reused_tokens,
            tokens=draft.last.written or draft.tokens,
            prompt_ms=(first - started) * 1000,
            decode_ms=(now - first) * 1000,
        )

    async def _write(
        self, request: Complete, deadline: float, on_partial: Callable[[Partial], None]
    ) -> Draft:
        """Ask, and ask again where that may help and nothing was said yet."""
        for pause in (*_PAUSES_S, 0.0):
            try:
                return await self._ask_once(request, deadline, on_partial)
            except Unanswered as error:
                said = self._draft is not None and self._draft.tokens
                if said or not error.again or not pause or time.monotonic() + pause >= deadline:
                    raise
            await self._sleep(pause)
        raise AssertionError("the last time is not followed by another")

    async def _ask_once(
        self, request: Complete, deadline: float, on_partial: Callable[[Partial], None]
    ) -> Draft:
        served = await self._greeted()
        dialect = _dialect(served, lays_out=not request.parts)
        left = max(int((deadline - time.monotonic()) * 1000), 1)
        question = self._layout.question(request, served, dialect.heals, left, self.context)
        draft = self._draft = Draft(request.stop, question.typed, question.special, question.max_tokens)
        shown = ""
        events = Events(dialect.kind)
        body = dialect.body(question)
        async with self._connection.stream(dialect.path, body, _CONTENT[dialect.kind]) as pieces:
            async for data in pieces:
                for message in _messages(events, data):
                    if draft.last.end is not None:
                        continue  # to the end of the stream, so that the connection can be kept
                    piece = dialect.read(message)
                    if piece is None:
                        continue
                    draft.add(piece)
                    if draft.reason is None and draft.lines != shown:
                        shown = draft.lines
                        on_partial(Partial(request.id, shown, draft.steps))
                if draft.reason is not None and draft.last.end is None:
                    break  # the server would go on
        if draft.reason is None:
            raise Unanswered(f"The server {self._connection.address} broke off in the middle of its answer.")
        return draft

    def close(self) -> None:
        """Close what is open."""
        self._loop.run_until_complete(self._connection.close())
        self._loop.close()


def _messages(events: Events, data: bytes) -> list[bytes]:
    try:
        return list(events.feed(data))
    except Overlong:
        raise Unanswered("The server sends more than makes sense.") from None


def _dialect(served: Served, *, lays_out: bool) -> Dialect:
    """How to ask.

    Raises:
        Unanswered: nobody can lay out the prompt.
    """
    if lays_out and not served.lays_out:
        raise Unanswered(
            "How the server's model wants its prompt laid out is not known: name its family with http.template."
        )
    if served.api == "llama-server":
        return llama_server.LlamaServer(lays_out=lays_out)
    if served.api == "ollama":
        return ollama.Ollama(served, lays_out=lays_out)
    return openai.OpenAi(served)
