"""Runs of the same subject in several workspaces, told as one run. Pure; does not know how it is shown.

Counts add up, and shares are of all keys. Percentiles of several workspaces come from bins, see ``base.histogram``.
What was measured in each is independent of the others, so the distances of a range's ends from its value add up as
squares (Zou and Donner, Statistics in Medicine 2008).
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from lsp_server.base.histogram import percentile
from lsp_server.bench.typing.figures import NOTHING, Figures, Range, Times
from lsp_server.bench.typing.run import Others, Run, Typing
from lsp_server.bench.typing.screen import Shows

Pick = Callable[[Figures], float | None]
Weight = Callable[[Figures], float]


def together(typing: Typing) -> tuple[Run, ...]:
    """One run for each typist, subject and step, in the order in which they came first. One that failed anywhere has no
    figures: the others would be of other keys."""
    runs: dict[tuple[str, str, str], list[Run]] = {}
    for one in typing.runs:
        runs.setdefault((one.profile, called(one.subject), one.step), []).append(one)
    return tuple(_run(some) for some in runs.values())


def called(subject: str) -> str:
    """A subject's name without what it says of itself in brackets, which may differ from place to place."""
    return subject.partition(" (")[0]


def summed(bins: Iterable[Mapping[int, int]]) -> dict[int, int]:
    """Histograms as one."""
    total: Counter[int] = Counter()
    for one in bins:
        total.update(one)
    return dict(sorted(total.items()))


def _run(runs: Sequence[Run]) -> Run:
    first, found = runs[0], [one.figures for one in runs if one.figures is not None]
    if len(runs) == 1:
        return first
    seconds = sum(one.seconds for one in runs)
    names = list(dict.fromkeys(one.subject for one in runs))
    before, during, after = (
        sum(getattr(one.others, when) * one.seconds for one in runs) / max(seconds, 1e-9)
        for when in Others.__struct_fields__
    )
    return msgspec.structs.replace(
        first,
        workspace=", ".join(one.workspace for one in runs),
        subject=names[0] if len(names) == 1 else called(first.subject),
        seconds=seconds,
        others=Others(before, during, after),
        figures=_figures(found) if len(found) == len(runs) else None,
        fault=" ".join(f"{one.workspace}: {one.fault}" for one in runs if one.fault),
    )


def _figures(found: Sequence[Figures]) -> Figures:
    sources = dict.fromkeys(name for one in found for name in one.by_source)
    waits = {name: summed(one.waits.get(name, {}) for one in found) for name in (*sources, NOTHING)}
    text = summed(bins for name, bins in waits.items() if name != NOTHING)
    by_source = {
        name: _times(waits[name], sum(one.by_source[name].n for one in found if name in one.by_source))
        for name in sources
    }
    keys, shows = sum(one.keys for one in found), _shows(found)
    accepts = sum(one.accepts for one in found)
    return Figures(
        keys=keys,
        script_keys=sum(one.script_keys for one in found),
        jumps=sum(one.jumps for one in found),
        accepts=accepts,
        fresh=_range(found, lambda one: one.fresh),
        shown=_range(found, lambda one: one.shown),
        right=_range(found, lambda one: one.right),
        right_word=_range(found, lambda one: one.right_word),
        text=_times(text, sum(one.text.n for one in found)),
        by_source=dict(sorted(by_source.items(), key=lambda item: -item[1].n)),
        answer=_times(summed(waits.values()), keys),
        median=Range(percentile(text, 0.50), None, None),
        slow=Range(percentile(text, 0.95), None, None),
        without_model=_mean(found, lambda one: one.without_model),
        reused=_mean(found, lambda one: one.reused),
        saved=_range(found, lambda one: one.saved, lambda one: one.script_keys),
        shows=shows,
        wrong_shows=shows.wrong / accepts if accepts else None,
        flicker=1_000 * shows.flicker / max(1, keys),
        cpu_s=_mean(found, lambda one: one.cpu_s) or 0.0,
        rss_mb=max(one.rss_mb for one in found),
        computed=sum(one.computed for one in found),
        unshown=_mean(found, lambda one: one.unshown, lambda one: one.computed),
        stale=sum(one.stale for one in found),
        stale_ms=max(one.stale_ms for one in found),
        late_ms=max(one.late_ms for one in found),
        waits=waits,
        gaps=summed(one.gaps for one in found),
    )


def _times(bins: Mapping[int, int], whole: int) -> Times:
    """Percentiles of so many, of which those that are in no bin never came."""
    count = sum(bins.values())
    p50, p95, p99 = (
        percentile(bins, share * whole / count) if 0 < share * whole <= count else None
        for share in (0.50, 0.95, 0.99)
    )
    return Times(p50, p95, p99, whole)


def _keys(one: Figures) -> float:
    return one.keys


def _mean(found: Sequence[Figures], pick: Pick, weigh: Weight = _keys) -> float | None:
    known = [(value, weigh(one)) for one in found for value in (pick(one),) if value is not None]
    weight = sum(weight for _, weight in known)
    return sum(value * weight for value, weight in known) / weight if weight else None


def _range(found: Sequence[Figures], pick: Callable[[Figures], Range], weigh: Weight = _keys) -> Range:
    value = _mean(found, lambda one: pick(one).value, weigh)
    if value is None:
        return Range(None, None, None)
    known = [(pick(one), weigh(one)) for one in found]
    weight = sum(weight for one, weight in known if one.value is not None)

    def away(end: str) -> float:
        return math.hypot(
            *(
                share / weight * (getattr(one, end) - one.value)
                for one, share in known
                if one.value is not None
            )
        )

    return Range(value, max(0.0, value - away("low")), min(1.0, value + away("high")))


def _shows(found: Sequence[Figures]) -> Shows:
    return Shows(**{name: sum(getattr(one.shows, name) for one in found) for name in Shows.__struct_fields__})
