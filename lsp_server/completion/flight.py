"""Generations that run, and which of them a newer question can still use.

Most programs throw away what the model is writing when the next key comes; but most keys are what it was about to
write. So a generation belongs to nobody in particular: a question waits for it, the next one may take it over, and it
is ended when the text disagrees with it, or when nobody has wanted it for a moment. (Continue lets a request go on from
a stream that runs, Cody tests what was written against all requests that wait: continuedev/continue, sourcegraph/cody.)

Knows places and tasks; no prompt, no model and no editor.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from lsp_server.completion.cache import Origin, Place, typed_since
from lsp_server.completion.types import Candidate
from lsp_server.engine.requests import Typing

#: How long a generation goes on that nobody waits for (s). VS Code cancels a question before it sends the next one.
_GRACE_S = 0.1

#: How long a block is waited for before its first lines are shown alone (s): longer is felt as a delay (Nielsen 1993).
_WHOLE_BLOCK_S = 0.1


class Nothing(Exception):
    """The way out when there is nothing to offer; its text is the reason. Never leaves ``pipeline``."""


class Flight:
    """One generation.

    Attributes:
        uri: of the document.
        place: that it was begun for.
        origin: what for; "asked" means that somebody waits, or did.
        writes: as given.
        typing: tells the worker what is typed meanwhile.
        partly: somebody was content with its first lines, and is to be told when the rest is there.
        work: what runs.
    """

    def __init__(self, uri: str, place: Place, origin: Origin, *, block: bool, writes: bool = True) -> None:
        """Describe one that is to be begun; needs a running event loop.

        Args:
            block: it may have several lines.
            writes: it comes to completions; otherwise only a prompt is evaluated, which answers no question.
        """
        self.uri, self.place, self.origin, self.writes = uri, place, origin, writes
        self.typing = Typing()
        self.partly = False
        self._block = block
        self._early: asyncio.Future[tuple[Candidate, ...]] = asyncio.get_running_loop().create_future()
        self._waiting = 0
        self._ended = False
        self.work: asyncio.Task[tuple[Candidate, ...]]

    def begin(self, work: Coroutine[Any, Any, tuple[Candidate, ...]], done: Callable[[], None]) -> None:
        """Run ``work``: it writes, keeps in the cache what is whole, and returns the completions of ``place``.

        Args:
            done: called at the end of it.
        """

        def landed(task: "asyncio.Task[tuple[Candidate, ...]]") -> None:
            if not task.cancelled():
                task.exception()  # whoever waits hears of it; and that nobody may is no fault
            done()

        self.work = asyncio.get_running_loop().create_task(work)
        self.work.add_done_callback(landed)

    @property
    def running(self) -> bool:
        """Whether it is under way, and not being ended."""
        return not self.work.done() and not self._ended

    def end(self) -> None:
        """Stop it, within one token."""
        self._ended = True
        self.work.cancel()

    def so_far(self, candidates: tuple[Candidate, ...]) -> None:
        """Note the complete lines of a block that goes on."""
        if not self._early.done():
            self._early.set_result(candidates)

    async def lands(self, patience: float) -> tuple[Candidate, ...]:
        """Wait for what is written; of a block that takes long for its first lines.

        Args:
            patience: seconds.

        Returns:
            the completions of ``place``, the likeliest first.

        Raises:
            Nothing: there is none, or none in time.
        """
        self._waiting += 1
        try:
            await asyncio.wait(
                {self.work}, timeout=min(patience, _WHOLE_BLOCK_S) if self._block else patience
            )
            if self._block and not self.work.done():
                either: set[asyncio.Future[Any]] = {self.work, self._early}
                await asyncio.wait(either, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._waiting -= 1
            if self.origin == "asked":
                asyncio.get_running_loop().call_later(_GRACE_S, self._drop)
            else:
                self._drop()
        if self.work.cancelled():
            raise Nothing("the text took another course than the model")
        if self.work.done():
            return self.work.result()
        if self._early.done():
            self.partly = True
            return self._early.result()
        raise Nothing("the engine takes too long")

    def _drop(self) -> None:
        """End what nobody wants any more."""
        if not self._waiting and not self.partly:
            self.end()


class Flights:
    """All that run: one of the document that is written in, seldom a second."""

    def __init__(self) -> None:
        self._all: list[Flight] = []

    def add(self, flight: Flight, work: Coroutine[Any, Any, tuple[Candidate, ...]]) -> None:
        """Begin one."""
        self._all.append(flight)
        flight.begin(work, lambda: self._all.remove(flight))

    def find(self, place: Place) -> tuple[Flight, str] | None:
        """One that writes what a question about ``place`` wants, and what was typed of it since it began."""
        for flight in reversed(self._all):
            typed = typed_since(flight.place, place) if flight.running and flight.writes else None
            if typed is not None:
                return flight, typed
        return None

    def heed(self, uri: str, place: Place) -> None:
        """A question about ``place`` has come. Whatever is written for a person in that document goes on if it may be
        what is asked for now, and ends otherwise; the worker is told what was typed.

        Args:
            place: its ``setting`` does not count.
        """
        for flight in self._all:
            if flight.uri != uri or not flight.running:
                continue
            here = msgspec.structs.replace(place, setting=flight.place.setting)
            typed = typed_since(flight.place, here)
            if typed is not None:
                flight.typing.say(typed)
            elif flight.origin == "asked":
                flight.end()

    def make_way(self, uri: str) -> None:
        """End all that stands before a question in ``uri`` which none of them answers: what is written ahead, and what
        was written for an earlier question in that document."""
        for flight in self._all:
            if flight.origin != "asked" or flight.uri == uri:
                flight.end()

    def asked(self) -> bool:
        """Whether anything is written that somebody wants now."""
        return any(flight.running and flight.origin == "asked" for flight in self._all)

    async def landed(self) -> None:
        """Wait until none runs."""
        while self._all:
            await asyncio.wait([flight.work for flight in self._all])

    def end(self) -> None:
        """End all: the settings or the model are others."""
        for flight in self._all:
            flight.end()
