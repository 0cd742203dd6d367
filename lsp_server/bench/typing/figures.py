"""From the keys of a played script to figures. Pure; does not know how they are shown.

Keys of one visit are alike, so ranges come from visits drawn anew (a block bootstrap; Efron and Tibshirani 1993).
"""

import math
import random
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import msgspec

from lsp_server.base.histogram import bin_of
from lsp_server.bench.typing.player import Played, Stroke
from lsp_server.bench.typing.screen import Shows
from lsp_server.bench.typing.subject import Usage

#: How often visits are drawn anew, and what lies between the ends of a range.
_DRAWS, _WITHIN = 400, 0.90

#: The source of an answer that says that there is nothing to show.
NOTHING = "nothing"

#: Characters of code in a token of the bundled model, indentation left out: 2.5 in Go to 3.2 in TypeScript.
_CHARACTERS = 3.0


class Times(msgspec.Struct, frozen=True):
    """Percentiles of ``n`` times in ms, by nearest rank; ``None`` where there is none, or it never came."""

    p50: float | None
    p95: float | None
    p99: float | None
    n: int


class Range(msgspec.Struct, frozen=True):
    """A figure, and where it lies in nine of ten sets of visits like these; ``None`` where there is none."""

    value: float | None
    low: float | None
    high: float | None


class Figures(msgspec.Struct, frozen=True):
    """What one script showed of one subject; shares are 0 to 1, and of keys unless another word is there.

    Attributes:
        keys: pressed; ``script_keys`` had it been without ghost text.
        fresh: the answer, text or nothing, was out before the next key.
        shown: ghost text was on the screen when the next key came; of all keys ``right`` had one that was what is
            written next, as a whole, ``right_word`` one whose next word was.
        text: key to text, of answers that were out before the next key; ``by_source`` the same by where it came from.
        answer: key to answer, of all keys; what was not out before the next key never came.
        median, slow: the median and 95th percentile of ``text`` with their ranges (ms).
        sources: how many texts came from where.
        without_model: of the questions, needed no model after the key.
        reused: of the prompts' tokens, came from the KV cache.
        saved: of the keys, by accepting.
        wrong_shows: displays that were neither accepted nor typed to their end, per accept.
        flicker: changes on the screen in spite of a key that agreed, per 1,000 keys.
        cpu_s: processor seconds per 1,000 keys; ``rss_mb`` memory in the end.
        computed: tokens; ``unshown`` is about which share of them never reached the screen.
        stale, stale_ms: as in ``Played``.
        late_ms: 95th percentile of how late keys were pressed: more than a few ms mean a machine too busy to measure.
        waits: key to answer, of those that were out before the next key, counted by bins of ``base.histogram``, by
            source; ``NOTHING`` where there was no text. ``gaps`` the same from each key to the next one. Both are
            empty in results of earlier versions.
    """

    keys: int
    script_keys: int
    jumps: int
    accepts: int
    fresh: Range
    shown: Range
    right: Range
    right_word: Range
    text: Times
    by_source: dict[str, Times]
    answer: Times
    median: Range
    slow: Range
    without_model: float | None
    reused: float | None
    saved: Range
    shows: Shows
    wrong_shows: float | None
    flicker: float
    cpu_s: float
    rss_mb: float
    computed: int
    unshown: float | None
    stale: int
    stale_ms: float
    late_ms: float
    waits: dict[str, dict[int, int]] = {}
    gaps: dict[int, int] = {}


def figures(played: Played, before: Usage, after: Usage) -> Figures:
    """Count.

    Args:
        before, after: what the subject had cost before the first key and behind the last.
    """
    strokes = played.strokes
    accepts = sum(one.accept for one in strokes)
    computed = after.computed_tokens - before.computed_tokens
    seen = played.shows.characters / _CHARACTERS
    texts = [one for one in strokes if one.text]
    sources = sorted({one.source for one in texts}, key=lambda name: -_count(texts, name))
    per_thousand = 1_000 / max(1, len(strokes))
    return Figures(
        keys=len(strokes),
        script_keys=played.keys,
        jumps=played.jumps,
        accepts=accepts,
        fresh=_range(strokes, lambda some: _share(one.answer_ms is not None for one in some)),
        shown=_range(strokes, lambda some: _share(one.shown for one in some)),
        right=_range(strokes, lambda some: _share(one.right for one in some)),
        right_word=_range(strokes, lambda some: _share(one.right_word for one in some)),
        text=times(_to_text(strokes)),
        by_source={name: times(_to_text(texts, name)) for name in sources},
        answer=times([math.inf if one.answer_ms is None else one.answer_ms for one in strokes]),
        median=_range(strokes, lambda some: _rank(_to_text(some), 0.50)),
        slow=_range(strokes, lambda some: _rank(_to_text(some), 0.95)),
        without_model=_part(before.model_calls, after.model_calls, before.requests, after.requests, of=1.0),
        reused=_part(before.reused_tokens, after.reused_tokens, before.prompt_tokens, after.prompt_tokens),
        saved=_range(strokes, _saved),
        shows=played.shows,
        wrong_shows=played.shows.wrong / accepts if accepts else None,
        flicker=played.shows.flicker * per_thousand,
        cpu_s=(after.cpu_s - before.cpu_s) * per_thousand,
        rss_mb=after.rss_mb,
        computed=computed,
        unshown=max(0.0, 1 - seen / computed) if computed else None,
        stale=played.stale,
        stale_ms=played.stale_ms,
        late_ms=_rank([one.late_ms for one in strokes], 0.95) or 0.0,
        waits={
            name: _binned(one.answer_ms for one in strokes if name == (one.source if one.text else NOTHING))
            for name in (*sources, NOTHING)
        },
        gaps=_binned(one.gap_ms for one in strokes),
    )


def times(milliseconds: Sequence[float]) -> Times:
    """The percentiles; infinite times are told as ``None``."""
    ranked = [_rank(milliseconds, part) for part in (0.50, 0.95, 0.99)]
    p50, p95, p99 = (one if one is not None and math.isfinite(one) else None for one in ranked)
    return Times(p50, p95, p99, len(milliseconds))


def _to_text(strokes: Sequence[Stroke], source: str | None = None) -> list[float]:
    return [
        one.answer_ms
        for one in strokes
        if one.text and one.answer_ms is not None and source in (None, one.source)
    ]


def _count(strokes: Sequence[Stroke], source: str) -> int:
    return sum(one.source == source for one in strokes)


def _rank(values: Sequence[float], part: float) -> float | None:
    return sorted(values)[max(0, math.ceil(part * len(values)) - 1)] if values else None


def _binned(times: Iterable[float | None]) -> dict[int, int]:
    return dict(sorted(Counter(bin_of(one) for one in times if one is not None).items()))


def _share(outcomes: Iterable[bool]) -> float:
    return statistics.fmean(outcomes)


def _saved(strokes: Sequence[Stroke]) -> float:
    return 1 - len(strokes) / sum(one.keys for one in strokes)


def _part(before: int, after: int, all_before: int, all_after: int, *, of: float = 0.0) -> float | None:
    """The share that grew of what grew; with ``of`` 1 the share that did not."""
    grown = all_after - all_before
    return abs(of - (after - before) / grown) if grown else None


def _range(strokes: Sequence[Stroke], figure: Callable[[Sequence[Stroke]], float | None]) -> Range:
    """A figure of all keys, and its range over sets of visits."""
    if not strokes:
        return Range(None, None, None)
    visits: dict[int, list[Stroke]] = {}
    for one in strokes:
        visits.setdefault(one.visit, []).append(one)
    groups, chance = list(visits.values()), random.Random(len(strokes))
    drawn = []
    for _ in range(_DRAWS):
        found = figure([one for group in chance.choices(groups, k=len(groups)) for one in group])
        if found is not None:
            drawn.append(found)
    low, high = (1 - _WITHIN) / 2, (1 + _WITHIN) / 2
    return Range(figure(strokes), _rank(drawn, low), _rank(drawn, high))
