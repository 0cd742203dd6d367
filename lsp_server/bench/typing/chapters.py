"""The parts of the page of ``offhand bench typing``, each about one typist: what is told, in words and charts."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence

from lsp_server.base.histogram import edge, percentile
from lsp_server.bench.page.charts import Stack, bars, shares, stacks
from lsp_server.bench.page.curves import Curve, Dot, Hill, curves, dots
from lsp_server.bench.page.document import beside, folded, gain, section, table
from lsp_server.bench.page.frame import Tone
from lsp_server.bench.page.html import Html, join, tag
from lsp_server.bench.page.words import amount, count, difference, in_seconds, milliseconds, percent
from lsp_server.bench.typing.cast import Cast, Member
from lsp_server.bench.typing.figures import Figures, Range
from lsp_server.bench.typing.together import summed
from lsp_server.bench.typing.versus import versus

_SPACE = "\N{NO-BREAK SPACE}"

#: Where suggestions came from, in words, their colours, and what is gathered in them; ``typed`` and ``speculated`` are
#: llama.vim's. Others are told by their own names.
_SOURCES: tuple[tuple[str, Tone, tuple[str, ...]], ...] = (
    ("computed before, or typed along", "deep", ("cache", "typed")),
    ("kept from an earlier session", "deep", ("disk",)),
    ("look-ahead: what follows a suggestion", "sea", ("lookahead", "speculated")),
    ("branches: another beginning", "mid", ("branch",)),
    ("computed when the cursor came", "sky", ("prefill",)),
    ("already being computed", "light", ("joined",)),
    ("the memory alone", "sand", ("memory",)),
    ("the model, after the key", "warm", ("model",)),
    ("not known", "grey", ("",)),
)

#: What each step of the ablation adds.
_ADDS = {
    "no speculation": "each key asks the model anew",
    "+ typed through": "what is shown answers the keys that agree",
    "+ joined": "a key waits for what is being written already",
    "+ prefill": "the prompt is read when the cursor comes",
    "+ look-ahead": "what follows a suggestion, before it is taken",
    "+ branches": "other beginnings, while there is time",
}

#: What the steps are compared by.
_PICKS: tuple[Callable[[Figures], float | None], ...] = (
    lambda one: one.fresh.value,
    lambda one: one.without_model,
    lambda one: one.saved.value,
)

_TOKENS = "Tokens that were computed"

#: What became of suggestions on the screen.
_ENDINGS: dict[str, tuple[str, Tone]] = {
    "accepted": ("accepted", "deep"),
    "typed": ("typed by hand to the end", "mid"),
    "contradicted": ("another key came", "warm"),
    "withdrawn": ("taken back", "sand"),
    "left": ("the cursor went elsewhere", "grey"),
}


def chapters(cast: Cast, of: str) -> Iterator[Html]:
    """All of them that have something to tell.

    Args:
        of: behind the headings: whose they are, if there are others.
    """
    if not cast.steps:
        return
    yield from _race(cast, of)
    yield from versus(cast, of)
    yield _keys(cast, of)
    yield from _steps(cast, of)
    yield from _price(cast, of)
    yield from _seen(cast, of)


def spread(found: Range) -> str:
    """A share's range, in words."""
    if found.low is None or found.high is None:
        return ""
    return f"{100 * found.low:.0f} to {100 * found.high:.0f}{_SPACE}%"


# --- when the answers come


def _race(cast: Cast, of: str) -> Iterator[Html]:
    runs = [_curve(one, cast) for one in cast.all if one.figures.waits]
    gaps = summed(one.figures.gaps for one in cast.all)
    if not runs:
        return
    chart = curves(
        "How many keys are answered within which time, and when the next key comes",
        runs,
        milliseconds,
        unit="keys answered within",
        shares=(0.25, 0.5, 0.75, 0.9, 0.95),
        hill=Hill(
            "when the next key comes",
            f"the next key, median {milliseconds(percentile(gaps, 0.5))}",
            [(edge(at), edge(at + 1), gaps.get(at, 0)) for at in _every(gaps)],
        ),
    )
    yield section(
        f"Before the next key{of}",
        chart,
        note="How many of all keys are answered within which time, on a logarithmic scale. The hill is when the next "
        "key comes; a key whose answer was not there by then is never answered, so a curve that ends at "
        f"70{_SPACE}% left three keys of ten without one.",
    )


def _curve(member: Member, cast: Cast) -> Curve:
    figures = member.figures
    bins = summed(figures.waits.values())
    every = list(_every(bins))
    grown = itertools.accumulate(bins.get(at, 0) for at in every)
    points = [(edge(at + 1), below / figures.keys) for at, below in zip(every, grown, strict=True)]
    first = [(edge(at), 0.0) for at in every[:1]]
    if member is cast.steps[-1]:
        return Curve(member.name, member.tone, [*first, *points], "strong")
    ends = member in cast.peers or member is cast.steps[0]
    return Curve(member.name, member.tone, [*first, *points], "dashed" if ends else "thin")


def _every(bins: Mapping[int, int]) -> range:
    return range(min(bins), max(bins) + 1) if bins else range(0)


# --- what the answers are


def _keys(cast: Cast, of: str) -> Html:
    last = cast.steps[-1]
    got = [
        Stack(one.name, _answered(one.figures), percent(one.figures.fresh.value), one is last)
        for one in cast.all
    ]
    known = {name for _, _, names in _SOURCES for name in names}
    others = dict.fromkeys(name for one in cast.all for name in one.figures.by_source if name not in known)
    groups = (*_SOURCES, *((name, "grey", (name,)) for name in others))
    from_ = [
        Stack(
            one.name,
            [_from(one.figures, names) for _, _, names in groups],
            count(one.figures.text.n),
            one is last,
        )
        for one in cast.all
    ]
    lines = (
        (words, count(found.n), milliseconds(found.p50), milliseconds(found.p95))
        for words, _, names in groups
        for found in (last.figures.by_source.get(name) for name in names)
        if found is not None
    )
    waits = table((f"{last.name}, from", "suggestions", "median", f"95{_SPACE}% within"), lines)
    return section(
        f"What a key gets{of}",
        stacks(
            "What each key got",
            (("a suggestion", "deep"), ("the answer that there is none", "light")),
            got,
            rest="no answer before the next key",
        ),
        tag("h3", "Where the suggestions came from"),
        stacks(
            "Where the suggestions came from",
            [(words, tone) for words, tone, _ in groups],
            from_,
        ),
        folded("How long each took", waits),
        note="Where nothing is sure enough to be shown, to know that in time is an answer too. Behind the bars: "
        "answered before the next key, and the number of suggestions.",
    )


def _answered(figures: Figures) -> tuple[float, float]:
    """Shares of the keys that got text, and that got nothing, before the next key."""
    text = figures.text.n / max(1, figures.keys)
    return text, max(0.0, (figures.fresh.value or 0.0) - text)


def _from(figures: Figures, sources: Sequence[str]) -> float:
    """The share of the texts that came from some sources."""
    found = sum(figures.by_source[name].n for name in sources if name in figures.by_source)
    return found / figures.text.n if figures.text.n else 0.0


# --- what each part brings, and costs


def _steps(cast: Cast, of: str) -> Iterator[Html]:
    if len(cast.steps) == 1:
        return
    lines = []
    for before, one in zip((None, *cast.steps), cast.steps, strict=False):
        old, new = before.figures if before is not None else None, one.figures
        added = _ADDS.get(one.run.step, "")
        cells: list[str] = [join((one.name, tag("small", added)) if added else (one.name,))]
        for pick in _PICKS:
            was, now = None if old is None else pick(old), pick(new)
            cells.append(join((_change(was, now), gain(now if old is None else was, now))))
        dearer = "" if old is None else f"{difference(new.cpu_s - old.cpu_s)} "
        cells += (milliseconds(new.text.p50), join((tag("small", dearer), in_seconds(new.cpu_s))))
        lines.append(cells)
    head = ("step", "answered in time", "no model needed", "keys saved", "key to text", "CPU, 1,000 keys")
    yield section(
        f"What each part brings{of}",
        table(head, lines),
        note="Each step has what the one above it has, and one part more. The strong end of a bar is what that part "
        "brought, an orange one what it lost; small numbers say it in points of a hundred, and in seconds. Differences "
        "smaller than the ranges in the tables below are chance.",
    )


def _change(was: float | None, now: float | None) -> Html:
    """A share, and by how many points of a hundred it is more than before."""
    more = "" if was is None or now is None else f"{difference(100 * (now - was))} "
    return join((tag("small", more), percent(now)))


def _price(cast: Cast, of: str) -> Iterator[Html]:
    points = [
        Dot(
            one.name,
            one.tone,
            one.figures.cpu_s,
            found.value,
            None if found.low is None or found.high is None else (found.low, found.high),
            alone=one in cast.peers,
        )
        for one in cast.all
        for found in (one.figures.fresh,)
        if found.value is not None
    ]
    tokens = [
        Stack(one.name, _tokens(one.figures), count(one.figures.computed), one is cast.steps[-1])
        for one in cast.all
    ]
    computed = stacks(
        "Tokens computed, and about how many of them were shown",
        (("shown, about", "deep"), ("never shown", "grey")),
        tokens,
        whole=max(one.figures.computed for one in cast.all),
        form=count,
    )
    if len(points) > 1:
        chart = dots(
            "Processor time per 1,000 keys against the share answered before the next key",
            points,
            in_seconds,
            cost="processor time per 1,000 keys",
            share="answered before the next key",
        )
        yield section(
            f"What it costs{of}",
            chart,
            tag("h3", _TOKENS),
            computed,
            note="Up: answered before the next key. To the right: processor time for 1,000 keys. The upper left corner "
            "is best. The faint bars are ranges, as in the tables below.",
        )
    else:
        yield section(f"{_TOKENS}{of}", computed)


def _tokens(figures: Figures) -> tuple[float, float]:
    """How many were shown, about, and how many were not."""
    never = figures.computed * (figures.unshown or 0.0)
    return figures.computed - never, never


# --- what is seen


def _seen(cast: Cast, of: str) -> Iterator[Html]:
    found = cast.whole
    if found is None:
        return
    rows = [
        (words, share.value or 0.0, percent(share.value), spread(share))
        for words, share in (
            ("answered before the next key", found.fresh),
            ("a suggestion on the screen when it comes", found.shown),
            ("its next word is right", found.right_word),
            ("all of it is right", found.right),
        )
    ]
    parts = [
        section(
            f"What you see{of}",
            bars("What is on the screen when the next key comes", rows),
            note="Of all keys.",
        )
    ]
    if found.shows.count:
        parts.append(
            section(
                "What became of it",
                shares(
                    "What became of the suggestions on the screen",
                    [(words, tone, getattr(found.shows, name)) for name, (words, tone) in _ENDINGS.items()],
                ),
                note=f"Flicker, a change in spite of a key that agreed: {amount(found.flicker)} per 1,000 keys.",
            )
        )
    yield beside(*parts)
