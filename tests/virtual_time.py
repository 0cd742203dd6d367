"""An event loop whose clock jumps: whoever sleeps an hour has slept it at once. One thread, no files, no processes."""

import asyncio
import random
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")

#: How long work in another thread takes (s): nothing, or longer than some keys are apart.
_ELSEWHERE = (0.0, 0.0, 0.002, 0.02, 0.15)


class _Jumping(selectors.SelectSelector):
    """Instead of waiting for anything it has the clock jump to the next time that somebody has set."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise AssertionError("Everything waits for something that will never come.")
        self.now += max(timeout, 0.0)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """See the module.

    Attributes:
        faults: what would have been logged of tasks that failed or were forgotten.
    """

    def __init__(self, seed: int = 0) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)
        self.faults: list[str] = []
        self._chance = random.Random(seed)
        self.set_exception_handler(lambda _loop, context: self.faults.append(repr(context)))

    def time(self) -> float:
        return self._jumping.now

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Result], *args: Any
    ) -> "asyncio.Future[Result]":
        """Work that a thread would do: here, all at once, a random time later."""
        done: asyncio.Future[Result] = self.create_future()

        def work() -> None:
            try:
                result = func(*args)
            except Exception as error:
                if not done.done():
                    done.set_exception(error)
            else:
                if not done.done():
                    done.set_result(result)

        self.call_later(self._chance.choice(_ELSEWHERE), work)
        return done

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:
        return self.call_soon(callback, *args, context=context)


def run(work: Coroutine[Any, Any, Result], loop: VirtualLoop) -> Result:
    """Run to the end, with everything that was begun meanwhile; the loop is closed then."""
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(work)
    finally:
        asyncio.set_event_loop(None)
        loop.close()
