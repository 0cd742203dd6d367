"""What a worker was asked and has not answered yet. Knows no worker."""

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from lsp_server.engine.messages import Finished, Fitted, Partial

logger = logging.getLogger(__name__)

Answer = Finished | Fitted | None


class Typing:
    """What is typed behind the cursor of a request while it is under way: its asker says it here.

    That may be at any time: before the worker was asked, which is told then, and after it has answered, which is
    nothing to it any more.
    """

    def __init__(self) -> None:
        """Nothing was typed yet."""
        self._text = ""
        self._tell: Callable[[str], None] | None = None

    def say(self, text: str) -> None:
        """Tell all that was typed since the request was made. The worker goes on while what it writes agrees with that,
        and gives up otherwise.

        Args:
            text: as in ``Typed``.
        """
        if text == self._text:
            return
        self._text = text
        if self._tell is not None:
            self._tell(text)

    @contextlib.contextmanager
    def telling(self, tell: Callable[[str], None]) -> Iterator[None]:
        """While the worker works on the request.

        Args:
            tell: sends it what was typed.
        """
        self._tell = tell
        if self._text:
            tell(self._text)
        try:
            yield
        finally:
            self._tell = None


class _Request(msgspec.Struct):
    answer: "asyncio.Future[Answer]"
    on_partial: Callable[[Partial], None] | None
    on_end: Callable[[Finished], None] | None


class Requests:
    """See the module; needs a running event loop."""

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._open: dict[int, _Request] = {}

    def __len__(self) -> int:
        return len(self._open)

    def add(
        self,
        on_partial: Callable[[Partial], None] | None = None,
        on_end: Callable[[Finished], None] | None = None,
    ) -> tuple[int, "asyncio.Future[Answer]"]:
        """A number for a request, and the answer to wait for.

        Args:
            on_partial: called with what there is before the answer.
            on_end: called with the answer, also of a request that was given up.
        """
        id = next(self._ids)
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._open[id] = _Request(answer, on_partial, on_end)
        return id, answer

    def give_up(self, id: int) -> bool:
        """Wait for an answer no more; its place is kept until it has come. Whether there was any to wait for."""
        request = self._open.get(id)
        return request is not None and request.answer.cancel()

    def forget(self, id: int) -> None:
        """Drop a request that was never sent."""
        self._open.pop(id, None)

    def partly(self, message: Partial) -> None:
        """Pass on what there is before an answer."""
        request = self._open.get(message.id)
        if request is not None and request.on_partial is not None and not request.answer.done():
            guarded(request.on_partial, message)

    def answered(self, message: Finished | Fitted) -> None:
        """Pass on an answer."""
        request = self._open.pop(message.id, None)
        if request is None:
            return
        if request.on_end is not None and isinstance(message, Finished):
            guarded(request.on_end, message)
        if not request.answer.done():
            request.answer.set_result(message)

    def none_will_come(self) -> None:
        """Answer all with nothing."""
        requests, self._open = self._open, {}
        for request in requests.values():
            if not request.answer.done():
                request.answer.set_result(None)


def guarded(callback: Callable[..., Any], *arguments: Any) -> None:
    """Call back; a fault there must not close the worker's pipe."""
    try:
        callback(*arguments)
    except Exception:
        logger.exception("A listener to the worker failed.")
