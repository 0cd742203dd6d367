"""Charts along a scale of numbers: how a share grows, and what something brings for its price.

Knows numbers and names, not what they mean.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from lsp_server.bench.page.axes import Axis, linear, logarithmic
from lsp_server.bench.page.document import table
from lsp_server.bench.page.frame import ABOVE, UNITS, Form, Tone, framed, path, stretched, strip, y_of
from lsp_server.bench.page.html import Html, join, lone, tag
from lsp_server.bench.page.words import NONE, percent

#: Pixels of these charts' areas; higher than those over time, since their curves lie close together.
_AREA = 300

#: Part of the area that a hill takes up, and strips of a decade that tell their numbers.
_HILL, _STRIPS = 0.42, 10

#: Pixels from one number at the end of a curve to the next, and those of a dot with its number and of its touch.
_APART, _DOT = 16, 11

#: Lines across: shares.
_SHARES = Axis(0.0, 1.0, (0.0, 0.25, 0.5, 0.75, 1.0))


class Curve(NamedTuple):
    """How a share grows.

    Attributes:
        points: a value and the share of all that lies below it; both rise. The last share need not be all.
        kind: how its line is drawn.
    """

    name: str
    tone: Tone
    points: Sequence[tuple[float, float]]
    kind: Literal["strong", "thin", "dashed"] = "strong"

    def below(self, value: float) -> float:
        """The share that lies below a value."""
        before = (0.0, 0.0)
        for at, share in self.points:
            if at >= value:
                part = (value - before[0]) / (at - before[0]) if at > before[0] else 1.0
                return before[1] + part * (share - before[1])
            before = (at, share)
        return before[1]

    def reaches(self, share: float) -> float | None:
        """The value that a share lies below; ``None`` where it never grows so far."""
        before = (0.0, 0.0)
        for at, grown in self.points:
            if grown >= share:
                part = (share - before[1]) / (grown - before[1]) if grown > before[1] else 1.0
                return before[0] + part * (at - before[0])
            before = (at, grown)
        return None


class Hill(NamedTuple):
    """Where other values lie, drawn behind curves.

    Attributes:
        half: what is said above it where half of them are reached.
        bins: from where to where, and how many lie there, in order, without a gap.
    """

    name: str
    half: str
    bins: Sequence[tuple[float, float, float]]

    def curve(self) -> Curve:
        """How its share grows."""
        whole = sum(size for _, _, size in self.bins) or 1.0
        grown = itertools.accumulate(size for _, _, size in self.bins)
        points = ((high, size / whole) for (_, high, _), size in zip(self.bins, grown, strict=True))
        return Curve(self.name, "grey", tuple(points))


class Dot(NamedTuple):
    """What something costs and brings, a share, with the ends of its range if that is known.

    Attributes:
        alone: no line leads to it.
    """

    name: str
    tone: Tone
    cost: float
    share: float
    range: tuple[float, float] | None = None
    alone: bool = False


def curves(
    label: str,
    runs: Sequence[Curve],
    form: Form,
    *,
    unit: str,
    shares: Sequence[float],
    hill: Hill | None = None,
) -> Html:
    """One rising line for each run along a logarithmic scale; where it ends is written behind it.

    Args:
        unit: what the values are.
        shares: to be read off in the table, such as 0.5 and 0.95.
    """
    behind = [hill.curve()] if hill is not None else []
    seen = [value for run in (*runs, *behind) for value, _ in run.points]
    axis = logarithmic(seen)
    drawn = [_hill(axis, hill)] if hill is not None else []
    for run in runs:
        points = [(0.0, 0.0), *run.points, (axis.high, run.points[-1][1])] if run.points else []
        places = [(UNITS * axis.at(value), _AREA * (1 - share)) for value, share in points]
        drawn.append(lone("polyline", points=path(places), class_=f"line {run.tone} {run.kind}"))
    strips = _strips(axis, [*runs[::-1], *behind], form)
    told = _half(axis, hill) if hill is not None else ()
    marks = [(100 * axis.at(tick), form(tick)) for tick in axis.ticks]
    rows = []
    for run in (*runs, *behind):
        values = [run.reaches(share) for share in shares]
        cells = [NONE if value is None else form(value) for value in values]
        rows.append((run.name, *cells, percent(run.points[-1][1] if run.points else None)))
    numbers = table((unit, *(f"{percent(share)} below" for share in shares), "in all"), rows)
    key = tag(
        "figcaption",
        *(tag("span", _sample(run.tone, run.kind), run.name) for run in runs),
        *(tag("span", tag("i", class_="swatch hill", aria_hidden="true"), one.name) for one in behind),
        class_="legend",
    )
    inside = [*told, stretched(drawn, _AREA), *_ends(runs), *strips]
    return framed(label, key, _SHARES, percent, inside, marks, numbers, area=_AREA, ends=True)


def dots(label: str, points: Sequence[Dot], form: Form, *, cost: str, share: str) -> Html:
    """Numbered dots, each joined to the one before: to the right is dearer, higher is better.

    The scale of shares begins where they do.

    Args:
        form: writes a cost.
        cost, share: what these are.
    """
    axis = linear(one.cost for one in points)
    up = _zoomed([end for one in points for end in (one.range or (one.share,))])
    places = [(UNITS * axis.at(one.cost), _AREA * (1 - up.at(one.share))) for one in points if not one.alone]
    drawn: list[Html] = [
        stretched([lone("polyline", points=path(places), class_="line grey thin")], _AREA),
    ]
    for number, one in enumerate(points, 1):
        x, y = f"{100 * axis.at(one.cost):.3f}%", y_of(up, one.share, _AREA)
        told = f"{one.name}\n{share}: {percent(one.share)}\n{cost}: {form(one.cost)}"
        if one.range is not None:
            low, high = (y_of(up, end, _AREA) for end in one.range)
            drawn.append(lone("line", x1=x, x2=x, y1=low, y2=high, class_=f"line {one.tone} whisker"))
        drawn.append(lone("circle", cx=x, cy=y, r=_DOT, class_=f"fill dot {one.tone}"))
        drawn.append(tag("text", str(number), x=x, y=y + 4.5, class_=f"middle in {one.tone}"))
        drawn.append(_touch(x, y, told))
    marks = [(100 * axis.at(tick), form(tick)) for tick in axis.ticks]
    key = tag(
        "figcaption",
        *(
            tag("span", tag("i", str(number), class_=f"number {one.tone}"), one.name)
            for number, one in enumerate(points, 1)
        ),
        class_="legend",
    )
    rows = ((one.name, form(one.cost), percent(one.share)) for one in points)
    return framed(label, key, up, percent, drawn, marks, table(("", cost, share), rows), area=_AREA)


def _zoomed(shares: Sequence[float]) -> Axis:
    """A scale of shares that ends at all of them and begins below the least of these."""
    least = min(shares, default=0.0)
    step = next((step for step in (0.05, 0.1) if 1 - least <= 5 * step), 0.25)
    low = step * math.floor(round(least / step, 6))
    return Axis(low, 1.0, tuple(low + step * number for number in range(round((1 - low) / step) + 1)))


def _touch(x: str, y: float, told: str) -> Html:
    """A place that a touch shows the numbers of."""
    return tag("circle", tag("title", told), cx=x, cy=y, r=_DOT, class_="strip")


def _sample(tone: Tone, kind: str) -> Html:
    """A piece of a line, for the legend."""
    line = lone("line", x1="1", x2="21", y1="5", y2="5", class_=f"line {tone} {kind}")
    return tag("svg", line, width="22", height="10", class_="sample", aria_hidden="true")


def _hill(axis: Axis, hill: Hill) -> Html:
    """Its outline through the middles of its bins, each weighed with its neighbours: few values make a rough one."""
    sizes = [0.0, 0.0, *(size for _, _, size in hill.bins), 0.0, 0.0]
    smooth = [
        (one + 2 * two + three) / 4 for one, two, three in zip(sizes, sizes[1:], sizes[2:], strict=False)
    ]
    highest = max(smooth, default=0.0) or 1.0
    edges = [low for low, _, _ in hill.bins] + [high for _, high, _ in hill.bins[-1:]]
    if not edges:
        return Html()
    ratio = edges[1] / edges[0]
    middles = [edges[0] / ratio**0.5 * ratio**number for number in range(len(smooth))]
    points = [
        (UNITS * axis.at(value), _AREA * (1 - _HILL * size / highest))
        for value, size in zip(middles, smooth, strict=True)
    ]
    halves = [((x + x2) / 2, (y + y2) / 2, x, y) for (x, y), (x2, y2) in itertools.pairwise(points)]
    first, last = points[0], points[-1]
    bends = join((f"Q {x:.1f},{y:.1f} {to_x:.1f},{to_y:.1f}" for to_x, to_y, x, y in halves), " ")
    outline = f"M {first[0]:.1f},{_AREA} {bends} L {last[0]:.1f},{_AREA} Z"
    return lone("path", d=outline, class_="fill hill")


def _half(axis: Axis, hill: Hill) -> Iterator[Html]:
    """A line through the middle of the hill."""
    half = hill.curve().reaches(0.5)
    if half is not None:
        x = f"{100 * axis.at(half):.3f}%"
        yield lone("line", x1=x, x2=x, y1=ABOVE, y2=ABOVE + _AREA, class_="mark")
        yield tag("text", hill.half, x=x, y=ABOVE - 8, class_="middle told")


def _ends(runs: Sequence[Curve]) -> Iterator[Html]:
    """Where the curves end, written behind them, moved apart where they would touch."""
    ends = sorted(
        ((y_of(_SHARES, run.points[-1][1], _AREA) + 4, run) for run in runs if run.points),
        key=lambda end: end[0],
    )
    places = [y for y, _ in ends]
    for _ in range(len(places) * 4):
        for above, below in itertools.pairwise(range(len(places))):
            close = _APART - (places[below] - places[above])
            if close > 0:
                places[above] -= close / 2
                places[below] += close / 2
    for y, (_, run) in zip(places, ends, strict=True):
        tone = "" if run.kind == "thin" else f" {run.tone}"
        yield tag("text", percent(run.points[-1][1]), x="100%", dx="8", y=y, class_=f"start name{tone}")


def _strips(axis: Axis, runs: Sequence[Curve], form: Form) -> Iterator[Html]:
    """Places along the scale that tell the share of each curve below them."""
    number = round(_STRIPS * math.log10(axis.high / axis.low))
    for at in range(number):
        value = axis.low * (axis.high / axis.low) ** ((at + 1) / number)
        told = "\n".join(
            (f"within {form(value)}", *(f"{run.name}: {percent(run.below(value))}" for run in runs))
        )
        yield strip(100 * at / number, 100 / number, told, _AREA)
