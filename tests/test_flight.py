"""Generations that outlive their question: who gets what they come to, and when they end."""

import asyncio
from typing import Any

import pytest

from lsp_server.completion.cache import Place
from lsp_server.completion.flight import Flight, Flights, Nothing
from lsp_server.completion.types import Candidate

URI = "file:///a.py"
WRITTEN = (Candidate("bcd"),)


def place(before: str, behind: str = "\n") -> Place:
    return Place(before, behind, "setting")


class Writing:
    """The work of a flight: ends when the test says so."""

    def __init__(
        self, flights: Flights, before: str = "a", origin: Any = "asked", *, block: bool = False
    ) -> None:
        self.said: list[str] = []
        self.ended = False
        self.end = asyncio.Event()
        self.flight = Flight(URI, place(before), origin, block=block)
        self.flight.typing.say = self.said.append  # type: ignore[method-assign]
        flights.add(self.flight, self._work())

    async def _work(self) -> tuple[Candidate, ...]:
        try:
            await self.end.wait()
        except asyncio.CancelledError:
            self.ended = True
            raise
        return WRITTEN


async def test_a_newer_question_takes_over_what_agrees() -> None:
    """It is told what was typed since; the worker too; the one who asked first may go."""
    flights = Flights()
    writing = Writing(flights)
    first = asyncio.create_task(writing.flight.lands(5))
    await asyncio.sleep(0)
    first.cancel()
    flights.heed(URI, place("ab"))
    found = flights.find(place("ab"))
    assert found == (writing.flight, "b")
    second = asyncio.create_task(writing.flight.lands(5))
    await asyncio.sleep(0.2)  # longer than anybody waits for a new one who wants it
    assert writing.said == ["b"]
    assert not writing.ended
    writing.end.set()
    assert await second == WRITTEN
    assert flights.find(place("ab")) is None


@pytest.mark.parametrize(
    "newer", [place("x"), place("ab", "\nmore"), place("")], ids=["other text", "other suffix", "gone back"]
)
async def test_what_disagrees_ends_at_the_next_question(newer: Place) -> None:
    """At its arrival, before anything else is done."""
    flights = Flights()
    writing = Writing(flights)
    waiting = asyncio.create_task(writing.flight.lands(5))
    await asyncio.sleep(0)
    flights.heed(URI, newer)
    assert not writing.flight.running
    assert flights.find(newer) is None
    with pytest.raises(Nothing):
        await waiting
    assert writing.ended


async def test_a_prompt_that_is_evaluated_answers_nothing() -> None:
    """It comes to no completions, which does not mean that there are none."""
    flights = Flights()
    flight = Flight(URI, place("a"), "prefill", block=False, writes=False)
    flights.add(flight, asyncio.sleep(0.01, ()))
    assert flights.find(place("a")) is None
    await flights.landed()


async def test_other_documents_are_no_matter() -> None:
    """A question about one does not end what is written for a person in another."""
    flights = Flights()
    writing = Writing(flights)
    flights.heed("file:///b.py", place("x"))
    flights.make_way("file:///b.py")
    assert writing.flight.running
    flights.make_way(URI)
    assert not writing.flight.running


async def test_nobody_wants_it_any_more() -> None:
    """A question that was cancelled has its generation ended, if no other comes for it at once."""
    flights = Flights()
    writing = Writing(flights)
    waiting = asyncio.create_task(writing.flight.lands(5))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.sleep(0.2)
    assert writing.ended


async def test_what_is_computed_ahead_ends_with_who_began_it() -> None:
    """Unless a real question waits for it."""
    for joined in (False, True):
        flights = Flights()
        writing = Writing(flights, origin="lookahead")
        ahead = asyncio.create_task(writing.flight.lands(5))
        await asyncio.sleep(0)
        asked = asyncio.create_task(writing.flight.lands(5)) if joined else None
        await asyncio.sleep(0)
        ahead.cancel()
        await asyncio.sleep(0.01)
        assert writing.ended is not joined
        writing.end.set()
        if asked is not None:
            assert await asked == WRITTEN


async def test_a_block_that_takes_long_is_shown_in_part() -> None:
    """And goes on without anybody who waits, until it is whole."""
    flights = Flights()
    writing = Writing(flights, block=True)
    waiting = asyncio.create_task(writing.flight.lands(5))
    await asyncio.sleep(0)
    writing.flight.so_far((Candidate("b"),))
    assert await waiting == (Candidate("b"),)
    await asyncio.sleep(0.2)
    assert writing.flight.running
    assert writing.flight.partly
    writing.end.set()
    await flights.landed()
    assert not flights.asked()


async def test_patience_ends() -> None:
    """Whoever waits for something slow gets an answer in time, and it is that there is none."""
    flights = Flights()
    writing = Writing(flights, origin="lookahead", block=True)
    with pytest.raises(Nothing, match="too long"):
        await writing.flight.lands(0.01)
