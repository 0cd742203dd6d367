"""Charts as SVG inside a page. They are as wide as the page and their text never shrinks with them: heights are
pixels, places along the width are percent. Each brings its numbers as a table too.

A touch or the mouse on a place shows its numbers (SVG titles, no script). Knows numbers and names, not what they mean.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple

from lsp_server.bench.page.axes import Axis, linear, logarithmic
from lsp_server.bench.page.document import folded, swatch, table
from lsp_server.bench.page.html import Html, join, lone, tag
from lsp_server.bench.page.words import NONE, count, percent

#: Colours by what they are for, told apart also without red or green; ``style.css`` has them for light and dark.
Tone = Literal["deep", "mid", "light", "warm", "sand", "grey"]

#: Pixels of a chart's area, of the room above it for a label, and below it for the names along it.
_AREA, _ABOVE, _BELOW = 200, 22, 26

#: Pixels from one line of text to the next.
_TEXT = 17

#: Names along a chart, at most; on a phone every second of these.
_NAMES = 8

#: Part of its place that a column fills, and the most percent of the chart that it is wide.
_FILLED, _WIDEST = 0.74, 5.0

#: The width of a chart's lines in their own units; they are stretched to the page.
_UNITS = 1_000

#: Steps that a curve is drawn with, at most.
_STEPS = 400

Form = Callable[[float], str]


class Series(NamedTuple):
    """Numbers, one for each place along a chart; ``None`` where there is none."""

    name: str
    tone: Tone
    values: Sequence[float | None]


class Along(NamedTuple):
    """The places along a chart.

    Attributes:
        name: of what they are, the first column of the table.
        places: their full names.
        labels: short ones to be written below, where there is room; empty for none.
    """

    name: str
    places: Sequence[str]
    labels: Sequence[str]


class Curve(NamedTuple):
    """Values of which a chart shows how many are below what; any order."""

    name: str
    tone: Tone
    values: Sequence[float]
    dashed: bool = False


def columns(label: str, along: Along, series: Sequence[Series], form: Form = count) -> Html:
    """Columns, the series stacked upon each other, the first at the bottom.

    Args:
        label: what is seen, for those who cannot see it.
        form: writes a number.
    """
    places = len(along.places)
    stacks = [[one.values[at] or 0.0 for one in series] for at in range(places)]
    axis = linear((sum(stack) for stack in stacks), 1.0 if form is count else 0.0)
    step = 100 / max(places, 1)
    width = min(step * _FILLED, _WIDEST)
    bars: list[Html] = []
    for at, stack in enumerate(stacks):
        bottom = 0.0
        for one, value in zip(series, stack, strict=True):
            low, high = _y(axis, bottom), _y(axis, bottom + value)
            bottom += value
            if value > 0:
                tall = max(low - high - (0.75 if bottom > value else 0.0), 0.5)
                bars.append(
                    lone(
                        "rect",
                        x=f"{(at + 0.5) * step - width / 2:.3f}%",
                        width=f"{width:.3f}%",
                        y=high,
                        height=tall,
                        class_=f"fill {one.tone}",
                    )
                )
    return _figure(label, along, series, axis, form, bars)


def lines(
    label: str,
    along: Along,
    series: Sequence[Series],
    form: Form = count,
    *,
    band: tuple[Sequence[float | None], Sequence[float | None]] | None = None,
    log: bool = False,
) -> Html:
    """A line for each series, with its name at its end; places without a number are passed over.

    Args:
        band: the lower and upper ends of an area behind the lines.
        log: equal ratios are equally high.
    """
    numbers = [value for one in series for value in one.values if value is not None]
    axis = logarithmic(numbers) if log else linear(numbers)
    drawn: list[Html] = []
    if band is not None:
        low, high = (_points(axis, values) for values in band)
        drawn.append(lone("polygon", points=_path(low + high[::-1]), class_="fill band"))
    drawn += [
        lone("polyline", points=_path(_points(axis, one.values)), class_=f"line {one.tone}") for one in series
    ]
    stretched = tag(
        "svg",
        *drawn,
        y=str(_ABOVE),
        width="100%",
        height=str(_AREA),
        viewBox=f"0 0 {_UNITS} {_AREA}",
        preserveAspectRatio="none",
        class_="stretched",
    )
    return _figure(label, along, series, axis, form, [stretched, *_names(axis, series)], key=False)


def curves(label: str, runs: Sequence[Curve], form: Form, *, unit: str, shares: Sequence[float]) -> Html:
    """How many of some values are below what: one rising line for each run, along a logarithmic scale.

    Args:
        unit: what the values are, below the scale.
        shares: to be read off in the table, such as 0.5 and 0.95.
    """
    axis = logarithmic(value for run in runs for value in run.values)
    drawn = []
    for run in runs:
        ordered = sorted(run.values)
        each = -(-len(ordered) // _STEPS) or 1
        whole = max(len(ordered), 1)
        points = [
            (_UNITS * axis.at(ordered[at]), _AREA * (1 - below / whole))
            for at in range(0, len(ordered), each)
            for below in (at, min(at + each, whole))
        ]
        points += [(float(_UNITS), 0.0)] if points else []
        dashed = " dashed" if run.dashed else ""
        drawn.append(lone("polyline", points=_path(points), class_=f"line {run.tone}{dashed}"))
    up = Axis(0.0, 1.0, (0.0, 0.25, 0.5, 0.75, 1.0))
    stretched = tag(
        "svg",
        *drawn,
        y=str(_ABOVE),
        width="100%",
        height=str(_AREA),
        viewBox=f"0 0 {_UNITS} {_AREA}",
        preserveAspectRatio="none",
        class_="stretched",
    )
    marks = [(100 * axis.at(tick), form(tick)) for tick in axis.ticks]
    rows = [
        (run.name, count(len(run.values)), *(form(_quantile(run.values, share)) for share in shares))
        for run in runs
        if run.values
    ]
    numbers = table((unit, "values", *(f"{percent(share)} below" for share in shares)), rows)
    key = legend([(run.name, run.tone) for run in runs])
    return _framed(label, key, up, percent, [stretched], marks, numbers)


def shares(label: str, parts: Sequence[tuple[str, Tone, float]], form: Form = count) -> Html:
    """One bar that is divided, and below it what its parts are; those that are nothing are left out.

    Args:
        parts: name, colour and size of each, in order.
    """
    whole = sum(size for _, _, size in parts)
    seen = [part for part in parts if part[2] > 0]
    left, bars = 0.0, []
    for _, tone, size in seen:
        width = 100 * size / whole
        bars.append(
            lone("rect", x=f"{left:.3f}%", width=f"{width:.3f}%", height="30", class_=f"fill split {tone}")
        )
        left += width
    items = (
        tag("li", swatch(tone), tag("span", name), tag("b", percent(size / whole)), tag("small", form(size)))
        for name, tone, size in seen
    )
    bar = tag("svg", *bars, width="100%", height="30", role="img", aria_label=label, class_="whole")
    return tag("figure", bar, tag("ul", *items, class_="parts"))


def bars(label: str, rows: Sequence[tuple[str, float, str, str]], tone: Tone = "deep") -> Html:
    """Bars from the left, one below the other, each with what it says.

    Args:
        rows: name, share of the whole width, number and remark of each.
    """
    lines_ = []
    for name, share, number, remark in rows:
        width = f"{100 * min(max(share, 0.0), 1.0):.2f}%"
        bar = tag(
            "svg",
            lone("rect", class_="back", width="100%", height="14", rx="3"),
            lone("rect", class_=f"fill {tone}", width=width, height="14", rx="3"),
            width="100%",
            height="14",
            aria_hidden="true",
        )
        lines_.append(tag("li", tag("span", name), tag("b", number), tag("small", remark), bar))
    return tag("figure", tag("ul", *lines_, class_="bars", aria_label=label))


def legend(names: Sequence[tuple[str, Tone]]) -> Html:
    """Which colour is what."""
    return tag("figcaption", *(tag("span", swatch(tone), name) for name, tone in names), class_="legend")


def _figure(
    label: str,
    along: Along,
    series: Sequence[Series],
    axis: Axis,
    form: Form,
    drawn: Sequence[Html],
    *,
    key: bool = True,
) -> Html:
    """A chart over places: what is drawn, and over it a strip for each place that tells its numbers.

    Args:
        key: say above it which colour is what.
    """
    step = 100 / max(len(along.places), 1)
    strips, rows = [], []
    for at, place in enumerate(along.places):
        cells = [NONE if one.values[at] is None else form(one.values[at] or 0.0) for one in series]
        rows.append((place, *cells))
        told = "\n".join(
            (place, *(f"{one.name}: {cell}" for one, cell in zip(series, cells, strict=True) if cell != NONE))
        )
        strips.append(
            tag(
                "rect",
                tag("title", told),
                x=f"{at * step:.3f}%",
                width=f"{step:.3f}%",
                y=_ABOVE,
                height=_AREA,
                class_="strip",
            )
        )
    marks = [((at + 0.5) * step, name) for at, name in enumerate(along.labels) if name]
    numbers = table((along.name, *(one.name for one in series)), rows)
    named = legend([(one.name, one.tone) for one in series]) if key else Html()
    return _framed(label, named, axis, form, [*drawn, *strips], marks, numbers)


def _framed(
    label: str,
    key: Html,
    axis: Axis,
    form: Form,
    drawn: Sequence[Html],
    marks: Sequence[tuple[float, str]],
    numbers: Html,
) -> Html:
    """What is drawn, with the scale beside it, names below it, and its numbers.

    Args:
        marks: names along it and their places, in percent of the width.
    """
    height = str(_ABOVE + _AREA + _BELOW)
    ticks = [(tick, _y(axis, tick)) for tick in axis.ticks]
    side = (tag("text", form(tick), x="100%", y=y + 4, class_="end") for tick, y in ticks)
    grid = [
        lone("line", x1="0", x2="100%", y1=round(y) + 0.5, y2=round(y) + 0.5, class_="grid") for _, y in ticks
    ]
    every = -(-len(marks) // _NAMES) or 1
    names = [
        tag(
            "text",
            name,
            x=f"{x:.3f}%",
            y=str(_ABOVE + _AREA + 19),
            class_=("start" if x < 4 else "end" if x > 96 else "middle") + (" wide" if at % 2 else ""),
        )
        for at, (x, name) in enumerate(marks[::every])
    ]
    field = tag("svg", *grid, *drawn, *names, width="100%", height=height, class_="field")
    scale = tag("svg", *side, width="100%", height=height, class_="scale")
    plot = tag("div", scale, field, class_="plot", role="img", aria_label=label)
    return tag("figure", key, plot, folded("The numbers", numbers))


def _names(axis: Axis, series: Sequence[Series]) -> Iterator[Html]:
    """The series' names above the ends of their lines, moved up where they would touch the next one below."""
    ends = []
    for one in series:
        known = [value for value in one.values if value is not None]
        if known:
            ends.append((_y(axis, known[-1]) - 8, one))
    highest = float("inf")
    for y, one in sorted(ends, key=lambda end: -end[0]):
        highest = min(y, highest - _TEXT)
        yield tag("text", one.name, x="100%", y=highest, class_=f"end name {one.tone}")


def _y(axis: Axis, value: float) -> float:
    return _ABOVE + _AREA * (1 - axis.at(value))


def _points(axis: Axis, values: Sequence[float | None]) -> list[tuple[float, float]]:
    """In units of the stretched area; a single one becomes a dash."""
    step = _UNITS / max(len(values), 1)
    points = [
        ((at + 0.5) * step, _AREA * (1 - axis.at(value)))
        for at, value in enumerate(values)
        if value is not None
    ]
    if len(points) == 1:
        x, y = points[0]
        return [(x - 0.3 * step, y), (x + 0.3 * step, y)]
    return points


def _path(points: Sequence[tuple[float, float]]) -> str:
    return join((f"{x:.1f},{y:.1f}" for x, y in points), " ")


def _quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]
