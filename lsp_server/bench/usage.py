"""What the counts of a span say: shares, percentiles, sums. Knows no page, and not how the counts came about."""

import time
from collections.abc import Iterable
from datetime import date, datetime, timedelta

import msgspec

from lsp_server.base.histogram import percentile
from lsp_server.base.metrics import Counts
from lsp_server.completion.history import QUARTER, Record

#: Answers that somebody waited for, and none at all; every other source had it ready.
_WAITED = ("model", "memory", "joined")
_NOTHING = "nothing"

#: Days that are shown by the hour.
_BY_HOUR = 2


class Slice(msgspec.Struct, frozen=True):
    """An hour or a day.

    Attributes:
        begin: in local time, ISO 8601.
        name, label: for people, whole and short.
    """

    begin: str
    name: str
    label: str
    counts: Counts


class Span(msgspec.Struct, frozen=True):
    """A row of slices, the oldest first, without a gap; it begins where anything was counted.

    Attributes:
        by: what they are.
    """

    by: str
    slices: tuple[Slice, ...]

    @property
    def total(self) -> Counts:
        """All of it."""
        return summed(one.counts for one in self.slices)

    def words(self) -> str:
        """From when to when."""
        days = sorted({one.begin[:10] for one in self.slices})
        return _day(days[0]) if len(days) == 1 else f"{_day(days[0])} to {_day(days[-1])}"


class Latency(msgspec.Struct, frozen=True):
    """From a request to its suggestion, in milliseconds; ``None`` where there was none."""

    p50: float | None
    p95: float | None


class OneLanguage(msgspec.Struct, frozen=True):
    """A language's suggestions, those taken whole or in part, and the share of its text that came from them."""

    language: str
    suggestions: int
    taken: int
    share_of_code: float | None


class Figures(msgspec.Struct, frozen=True):
    """The numbers of a span.

    Attributes:
        suggestions: shown; one that goes on after a key is one.
        taken: accepted, whole or in part; ``endings`` has each.
        taken_share: of the suggestions.
        share_of_code: characters accepted, of those written in all.
        ready_share: answers that were there before they were asked for, of those with a suggestion.
        wait, wait_ready, wait_asked: of all with a suggestion; of those ready or begun; of the others.
        saved_s: waiting that ready answers saved, seconds.
        cpu_asked_s, cpu_ahead_s: processor time of the worker, while somebody waited and before.
        cpu_per_1000_keys_s: both, by 1,000 keys.
        tokens_asked, tokens_ahead: computed; ``used_share``: of both, those that were shown.
        reused_share: of the prompts' tokens, those that did not have to be evaluated.
        stood: share of the accepted texts that were still there, by seconds after acceptance.
        sources: answers by source.
    """

    requests: int
    suggestions: int
    taken: int
    taken_share: float | None
    endings: dict[str, int]
    accepted_characters: int
    written_characters: int
    share_of_code: float | None
    keys: int
    sources: dict[str, int]
    ready_share: float | None
    wait: Latency
    wait_ready: Latency
    wait_asked: Latency
    saved_s: float
    cpu_asked_s: float
    cpu_ahead_s: float
    cpu_per_1000_keys_s: float | None
    tokens_asked: int
    tokens_ahead: int
    used_share: float | None
    reused_share: float | None
    stood: dict[int, float]
    languages: tuple[OneLanguage, ...]


def summed(counts: Iterable[Counts]) -> Counts:
    """All of them in one."""
    total = Counts()
    for one in counts:
        total.add(one)
    return total


def span(record: Record, days: int, now: float) -> Span:
    """The last days, today included; by the hour where nothing is older than two days, else by the day.

    Args:
        days: at most so many.
        now: seconds since 1970.
    """
    today = date.fromtimestamp(now)
    first = today - timedelta(days=days - 1)
    by_day: dict[date, Counts] = {}
    for name, counts in record.days.items():
        by_day.setdefault(date.fromisoformat(name), Counts()).add(counts)
    for quarter, counts in record.quarters.items():
        by_day.setdefault(date.fromtimestamp(quarter * QUARTER), Counts()).add(counts)
    seen = sorted(day for day in by_day if first <= day <= today)
    if not seen:
        return Span("day", ())
    hours = tuple(_hours(record, seen[0], now)) if (today - seen[0]).days < _BY_HOUR else ()
    if hours:
        return Span("hour", hours)
    every = (seen[0] + timedelta(days=number) for number in range((today - seen[0]).days + 1))
    return Span(
        "day",
        tuple(
            Slice(day.isoformat(), f"{day:%A}, {_day(day.isoformat())}", _day(day.isoformat()), counts)
            for day in every
            for counts in (by_day.get(day, Counts()),)
        ),
    )


def _hours(record: Record, first: date, now: float) -> Iterable[Slice]:
    """The hours in which anything was counted and those between."""
    by_hour: dict[int, Counts] = {}
    for quarter, counts in record.quarters.items():
        begin = datetime.fromtimestamp(quarter * QUARTER)
        if begin.date() >= first and quarter * QUARTER <= now:
            hour = begin.replace(minute=0, second=0)
            by_hour.setdefault(int(time.mktime(hour.timetuple())), Counts()).add(counts)
    for at in range(min(by_hour), max(by_hour) + 1, 3_600) if by_hour else ():
        begin = datetime.fromtimestamp(at)
        name = f"{begin:%A}, {_day(begin.date().isoformat())}, {begin:%H}:00"
        yield Slice(begin.isoformat(), name, f"{begin:%H}:00", by_hour.get(at, Counts()))


def figures(counts: Counts) -> Figures:
    """What is told of a span."""
    asked, ahead = counts.cpu_ms.get("asked", 0.0), sum(counts.cpu_ms.values())
    ahead -= asked
    tokens, tokens_asked = sum(counts.tokens.values()), counts.tokens.get("asked", 0)
    given = {name: number for name, number in counts.answers.items() if name != _NOTHING}
    ready = sum(number for name, number in given.items() if name not in _WAITED)
    taken = counts.accepted + counts.partly
    every = dict(counts.waited_ms)
    for number, count in counts.ready_ms.items():
        every[number] = every.get(number, 0) + count
    return Figures(
        requests=counts.requests,
        suggestions=counts.suggestions,
        taken=taken,
        taken_share=_share(taken, counts.suggestions),
        endings={
            name: getattr(counts, name) for name in ("accepted", "partly", "typed", "rejected", "ignored")
        },
        accepted_characters=counts.accepted_characters,
        written_characters=counts.written_characters,
        share_of_code=_share(counts.accepted_characters, counts.written_characters),
        keys=counts.keys,
        sources=counts.answers,
        ready_share=_share(ready, sum(given.values())),
        wait=_latency(every),
        wait_ready=_latency(counts.ready_ms),
        wait_asked=_latency(counts.waited_ms),
        saved_s=counts.saved_ms / 1_000,
        cpu_asked_s=asked / 1_000,
        cpu_ahead_s=ahead / 1_000,
        cpu_per_1000_keys_s=(asked + ahead) / counts.keys if counts.keys else None,
        tokens_asked=tokens_asked,
        tokens_ahead=tokens - tokens_asked,
        used_share=_share(counts.tokens_used, tokens),
        reused_share=_share(counts.reused_tokens, counts.prompt_tokens),
        stood={after: counts.stood.get(after, 0) / looked for after, looked in sorted(counts.looked.items())},
        languages=tuple(
            OneLanguage(
                name, one.suggestions, one.taken, _share(one.accepted_characters, one.written_characters)
            )
            for name, one in sorted(counts.languages.items(), key=lambda pair: -pair[1].suggestions)
        ),
    )


def _latency(bins: dict[int, int]) -> Latency:
    return Latency(percentile(bins, 0.5), percentile(bins, 0.95))


def _share(part: float, whole: float) -> float | None:
    """``None`` where it would be of nothing, or of less than itself: then the whole was not seen."""
    return part / whole if whole and part <= whole else None


def _day(name: str) -> str:
    day = date.fromisoformat(name)
    return f"{day.day} {day:%b}"
