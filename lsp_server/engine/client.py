"""The server's side of the worker: keeps one alive and asks it. Never raises for what the worker does.

Knows no prompt and no model, only messages. A worker may die at any instant: what was under way is answered with
nothing, another is started, and a model file that keeps killing workers is refused.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, cast

from lsp_server.base import child
from lsp_server.base.errors import ProtocolError
from lsp_server.base.parts import Part
from lsp_server.engine import process, quarantine
from lsp_server.engine.messages import (
    TO_SERVER,
    Cancel,
    Complete,
    Finished,
    Fit,
    Fitted,
    Forget,
    Infill,
    Learn,
    Learnt,
    Load,
    Loaded,
    LoadFailed,
    Partial,
    Remember,
    Stage,
    Stop,
    ToServer,
    Typed,
    without_model,
)
from lsp_server.engine.requests import Requests, Typing, guarded
from lsp_server.engine.told import Told

logger = logging.getLogger(__name__)

State = Literal["starting", "loading", "ready", "backing_off", "refused", "stopped"]

#: In these there is nothing to wait for.
_SETTLED: frozenset[State] = frozenset(("ready", "refused", "stopped"))

#: Pause before the next worker after one died (s); it doubles until a request succeeds.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 30.0

#: A model file is refused when it has killed so many workers without a success in between.
_TOO_MANY_DEATHS = 2

#: The worker looks at the clock between evaluations only; so long it may be late (s).
_GRACE_S = 1.0

#: A worker that owes answers and has been silent for so long hangs, and is replaced (s).
_HANGS_S = 10.0

#: Exit codes of a worker that failed before it touched the model: a Python exception, a bad message.
_NOT_THE_FILE = (1, 2)

#: How long a question waits for a model that is being loaded; then the memory answers alone (s).
_PATIENCE_S = 0.5


class WorkerClient:
    """Keeps a worker with one model.

    Attributes:
        state: what the worker is up to.
        loaded: what it said about the model, while it has one.
        learnt: what it said about its memory last.
        refusal: why the model is refused, for the user; empty unless ``state`` is ``refused``.
        last_failure: why the last request that got nothing got nothing.
        restarts: workers started so far, less the first.
    """

    def __init__(
        self,
        load: Load,
        *,
        on_state: Callable[[], None] = lambda: None,
        command: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start a worker; needs a running event loop. The client must be closed.

        Args:
            on_state: called whenever ``state`` has changed.
            command: what to run instead of the worker.
            environment: variables for the worker, beside those it needs.
        """
        self.state: State = "starting"
        self.loaded: Loaded | None = None
        self.learnt = Learnt(0, 0, 0)
        self._has_memory = False  # of this worker's it was said that it can answer
        self.refusal = ""
        self.last_failure = ""
        self._trouble = ""  # why there is no worker just now
        self.restarts = -1
        self._load = load
        self._on_state = on_state
        self._command = tuple(command) or process.default_command()
        self._environment = {**process.default_environment(load.threads), **(environment or {})}
        self._process: child.Process[ToServer] | None = None
        self._requests = Requests()
        self._told = Told()
        self._deaths = 0
        self._pause = _FIRST_PAUSE_S
        self._heard = 0.0
        self._changing = asyncio.Lock()
        loop = asyncio.get_running_loop()
        self._change: asyncio.Future[None] = loop.create_future()
        self._supervisor = loop.create_task(self._supervise())

    # --- for the server

    async def complete(
        self,
        parts: tuple[Part, ...],
        stop: Stop,
        max_tokens: int,
        deadline_ms: int,
        document: str = "",
        familiar: bool = True,
        without: tuple[Stage, ...] = (),
        speculative: bool = False,
        on_partial: Callable[[Partial], None] | None = None,
        infill: Infill | None = None,
        typing: Typing | None = None,
        on_end: Callable[[Finished], None] | None = None,
    ) -> Finished | None:
        """Complete a prompt; waits for a worker that is still starting.

        Cancelling the task that waits here cancels the work within one token.

        Args:
            deadline_ms: for all of it, waiting included.
            document: that is being written, as ``remember`` has it.
            familiar: the model was trained on the document's language.
            without: only for benchmarks.
            speculative: nobody waits for it.
            on_partial: called with what there is of a running block, whenever a line is complete.
            infill: as in ``Complete``.
            typing: tells what is typed meanwhile; where it goes another way than what is written the answer is
                ``cancelled``.
            on_end: told of the work's end, also when nobody waits for it any more.

        Returns:
            ``None`` when no worker answered; ``last_failure`` then says why.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + deadline_ms / 1000
        worker = await self._answering(deadline)
        if worker is None:
            self.last_failure = self.refusal or self._trouble or f"the worker is not ready ({self.state})"
            return None
        left = max(1, int((deadline - loop.time()) * 1000))
        if not self._requests:
            self._heard = loop.time()
        id, answer = self._requests.add(on_partial, on_end)
        try:
            worker.send(
                Complete(id, parts, stop, max_tokens, left, document, familiar, without, speculative, infill)
            )
        except ProtocolError as error:
            self._requests.forget(id)
            self.last_failure = str(error)
            return None
        try:
            with (typing or Typing()).telling(lambda text: self._tell(Typed(id, text))):
                await asyncio.wait((answer,), timeout=left / 1000 + _GRACE_S)
        except asyncio.CancelledError:
            self._abandon(id)
            raise
        if answer.done():
            return cast("Finished | None", answer.result())
        self._abandon(id)
        self.last_failure = "the worker did not answer in time"
        if loop.time() - self._heard > _HANGS_S:
            logger.warning("The worker hangs and is replaced.")
            worker.kill()
        return None

    async def fit(self, parts: tuple[Part, ...], seconds: float) -> Fitted | None:
        """Count the tokens of some parts, and cut those that are over their limits.

        Args:
            seconds: longest wait, for a worker that is still starting too.

        Returns:
            ``None`` when no worker answered in time.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        worker = await self._answering(deadline)
        if worker is None:
            return None
        id, answer = self._requests.add()
        try:
            worker.send(Fit(id, parts))
        except ProtocolError:
            self._requests.forget(id)
            return None
        try:
            await asyncio.wait((answer,), timeout=deadline - loop.time())
        finally:
            self._requests.give_up(id)
        found = None if answer.cancelled() else cast("Fitted | None", answer.result())
        return None if found is None or found.error else found

    async def _answering(self, deadline: float) -> child.Process[ToServer] | None:
        """The worker, once it can answer; ``None`` if there is none by the deadline (the loop's clock)."""
        loop, limit = asyncio.get_running_loop(), deadline
        while self.state not in _SETTLED:
            if self._has_memory:
                limit = min(limit, loop.time() + _PATIENCE_S)
            if loop.time() >= limit:
                break
            await asyncio.wait((self._change,), timeout=limit - loop.time())
        return self._process if self._has_memory else None

    def remember(self, document: str, pieces: tuple[str, ...]) -> None:
        """Have the worker learn a document for its copy memory, now and whenever it is started anew.

        Args:
            pieces: texts that do not follow from one another; without any the document is forgotten.
        """
        self._tell(self._told.remember(document, pieces))

    def learn(self, paths: Iterable[str]) -> None:
        """Have the worker keep its memory in step with files, now and whenever it is started anew.

        Args:
            paths: files that are there, have changed, or are gone: it looks.
        """
        self._tell(self._told.learn(paths))

    def keep(self, wanted: Callable[[str], bool]) -> None:
        """Have the worker forget the files that are not wanted any more.

        Args:
            wanted: asked of each path.
        """
        message = self._told.keep(wanted)
        if message is not None:
            self._tell(message)

    @property
    def reading(self) -> bool:
        """Whether files that it was told of are still to be read."""
        return self._told.paths > self.learnt.read

    def _tell(self, message: Remember | Learn | Forget | Typed) -> None:
        if self._process is not None:
            with contextlib.suppress(ProtocolError):  # it died just now: the next one is told
                self._process.send(message)

    async def restart(self, *, forget_quarantine: bool = False) -> None:
        """Replace the worker, also one that was refused.

        Args:
            forget_quarantine: give a model file that killed workers another chance.
        """
        async with self._changing:
            self.refusal = ""
            self._enter("starting")
            await self._end()
            if forget_quarantine:
                quarantine.remove(self._load.sha256)
            self._deaths, self._pause = 0, _FIRST_PAUSE_S
            self._supervisor = asyncio.get_running_loop().create_task(self._supervise())

    async def close(self) -> None:
        """End the worker, within two seconds. Requests under way are answered with nothing."""
        async with self._changing:
            self._enter("stopped")
            await self._end()
            self._trouble = ""

    @property
    def pid(self) -> int | None:
        """Of the worker, while there is one."""
        return self._process.pid if self._process else None

    @property
    def rss_mb(self) -> float:
        """Memory that the worker has resident, in MiB; 0 while there is none."""
        return child.rss_mb(self.pid)

    # --- one worker after the other

    async def _supervise(self) -> None:
        while True:
            self.restarts += 1
            self._enter("starting")
            if self._model_file and not self.refusal and (reason := quarantine.reason(self._load.sha256)):
                self._refuse(reason)
            await self._live(without_model(self._load) if self.refusal else self._load)
            logger.warning("%s", self._trouble)
            pause, self._pause = self._pause, min(self._pause * 2, _LONGEST_PAUSE_S)
            self._enter("backing_off")  # not yet if the worker never started
            await asyncio.sleep(pause)

    def _refuse(self, reason: str) -> None:
        """Do without the model from now on: the memory answers alone."""
        logger.error("%s", reason)
        self.refusal = reason
        self._enter("refused")

    async def _live(self, load: Load) -> None:
        """Start a worker and return when it is gone; ``_trouble`` then says why."""
        try:
            worker = await child.start(self._command, self._environment, TO_SERVER, self._receive)
        except OSError as error:
            self._trouble = f"the worker cannot be started: {error}"
            return
        self._process = worker
        try:
            worker.send(load)
            self.learnt = Learnt(0, 0, 0)
            for message in self._told.again():
                worker.send(message)
            self._enter("loading")
            await asyncio.wait((worker.ended,))
            self._enter("backing_off")
        finally:
            self._process = None
            was_loading, self.loaded, self._has_memory = self.loaded is None, None, False
            await worker.gone()
            self._trouble = worker.failure or f"the worker died: {child.describe(worker.exit_code)}"
            self.last_failure = self.refusal or self._trouble
            self._requests.none_will_come()
        self._blame(worker.exit_code, was_loading)

    def _blame(self, exit_code: int, was_loading: bool) -> None:
        """Refuse the model file if too many workers died of it."""
        died_loading = was_loading and exit_code not in _NOT_THE_FILE
        if self.refusal or not self._model_file or not (child.crashed(exit_code) or died_loading):
            return
        self._deaths += 1
        if self._deaths < _TOO_MANY_DEATHS:
            return
        reason = (
            f"The model file {self._model_file} made the engine crash {self._deaths} times "
            f"({child.describe(exit_code)}) and is not loaded any more. Choose another model, or copy this one "
            "again and restart the worker from the editor to give it another chance."
        )
        quarantine.add(self._load.sha256, reason)
        self._refuse(reason)

    @property
    def _model_file(self) -> str:
        """The file that may be to blame; some engines read none."""
        return "" if self._load.engine in ("fake", "http", "memory") else self._load.model

    async def _end(self) -> None:
        self._supervisor.cancel()
        await asyncio.wait((self._supervisor,))

    # --- what the worker says

    def _receive(self, message: ToServer) -> None:
        self._heard = asyncio.get_running_loop().time()
        if isinstance(message, Finished):
            self._finish(message)
        elif isinstance(message, Fitted):
            self._requests.answered(message)
        elif isinstance(message, Partial):
            self._requests.partly(message)
        elif isinstance(message, Loaded):
            self.loaded, self._trouble = message, ""
            self._enter("ready")
            guarded(self._on_state)
        elif isinstance(message, Learnt):
            self.learnt = message
            if not self._has_memory:
                self._has_memory = True
                self._changed()
            guarded(self._on_state)
        elif isinstance(message, LoadFailed):
            self._refuse(message.message)

    def _finish(self, finished: Finished) -> None:
        if not finished.error and finished.reason != "cancelled":
            self._deaths, self._pause = 0, _FIRST_PAUSE_S
        self._requests.answered(finished)

    def _abandon(self, id: int) -> None:
        """Cancel a request that nobody waits for."""
        if self._requests.give_up(id) and self._process is not None:
            self._process.send(Cancel(id))

    def _changed(self) -> None:
        """Wake who waits for a worker that can answer."""
        if not self._change.done():
            self._change.set_result(None)
        self._change = asyncio.get_running_loop().create_future()

    def _enter(self, state: State) -> None:
        if state == self.state or (self.refusal and state not in ("refused", "stopped")):
            return  # without its model a worker has no states of its own
        self.state = state
        self._changed()
        guarded(self._on_state)
