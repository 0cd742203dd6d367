"""Charts as SVG inside a page, of numbers at places along it, and of parts of a whole. Each over places brings its
numbers as a table too.

A touch or the mouse on a place shows its numbers (SVG titles, no script). Knows numbers and names, not what they mean.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from lsp_server.bench.page.axes import Axis, linear, logarithmic
from lsp_server.bench.page.document import folded, swatch, table
from lsp_server.bench.page.frame import (
    AREA,
    UNITS,
    Form,
    Tone,
    framed,
    legend,
    path,
    stretched,
    strip,
    y_of,
)
from lsp_server.bench.page.html import Html, lone, tag
from lsp_server.bench.page.words import NONE, count, percent

#: Pixels from one line of text to the next.
_TEXT = 17

#: Part of its place that a column fills, and the most percent of the chart that it is wide.
_FILLED, _WIDEST = 0.74, 5.0


class Series(NamedTuple):
    """Numbers, one for each place along a chart; ``None`` where there is none."""

    name: str
    tone: Tone
    values: Sequence[float | None]


class Stack(NamedTuple):
    """A bar that is divided.

    Attributes:
        parts: sizes, as many as there are colours; what they leave of the whole stays empty.
        number: written behind it.
        strong: it is the one that matters.
    """

    name: str
    parts: Sequence[float]
    number: str
    strong: bool = False


class Pair(NamedTuple):
    """One figure of two, or more.

    Attributes:
        verdict: what follows from it.
        bars: for each of them the share of the whole width, and the number as it is written.
    """

    name: str
    verdict: str
    bars: Sequence[tuple[float, str]]


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
            low, high = y_of(axis, bottom), y_of(axis, bottom + value)
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
        drawn.append(lone("polygon", points=path(low + high[::-1]), class_="fill band"))
    drawn += [
        lone("polyline", points=path(_points(axis, one.values)), class_=f"line {one.tone}") for one in series
    ]
    return _figure(label, along, series, axis, form, [stretched(drawn), *_names(axis, series)], key=False)


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


def stacks(
    label: str,
    key: Sequence[tuple[str, Tone]],
    rows: Sequence[Stack],
    form: Form = percent,
    *,
    whole: float = 1.0,
    rest: str = "",
) -> Html:
    """Bars of the same whole, one below the other, each divided in the same order.

    Args:
        key: what the parts are, and their colours; those that are nothing everywhere are left out.
        form: writes a size.
        whole: the size that is as wide as the page.
        rest: what the empty part is, if that means something.
    """
    used = [at for at in range(len(key)) if any(row.parts[at] > 0 for row in rows)]
    items, lines_ = [], []
    for row in rows:
        left, drawn = 0.0, [lone("rect", class_="back", width="100%", height="22")]
        for at in used:
            (part, tone), size = key[at], row.parts[at]
            if size > 0:
                told = tag("title", f"{row.name}\n{part}: {form(size)}")
                place = {"x": f"{100 * left / whole:.3f}%", "width": f"{100 * size / whole:.3f}%"}
                drawn.append(tag("rect", told, **place, height="22", class_=f"fill split {tone}"))
                left += size
        bar = tag("svg", *drawn, width="100%", height="22", class_="whole", aria_hidden="true")
        named = tag("strong" if row.strong else "span", row.name)
        items.append(tag("li", named, tag("b", row.number), bar))
        empty = (form(max(0.0, whole - left)),) if rest else ()
        lines_.append((row.name, *(form(row.parts[at]) for at in used), *empty))
    named_parts = [key[at] for at in used]
    told_rest = (tag("span", tag("i", class_="swatch back", aria_hidden="true"), rest),) if rest else ()
    colours = (tag("span", swatch(tone), part) for part, tone in named_parts)
    numbers = table(("", *(part for part, _ in named_parts), *((rest,) if rest else ())), lines_)
    return tag(
        "figure",
        tag("figcaption", *colours, *told_rest, class_="legend"),
        tag("ul", *items, class_="stacks", aria_label=label),
        folded("The numbers", numbers),
    )


def pairs(label: str, names: Sequence[tuple[str, Tone]], rows: Sequence[Pair]) -> Html:
    """Figures of some side by side: a bar for each, one below the other."""
    items = []
    for row in rows:
        lines_ = []
        for (name, tone), (share, number) in zip(names, row.bars, strict=True):
            width = f"{100 * min(max(share, 0.0), 1.0):.2f}%"
            rect = lone("rect", width=width, height="12", rx="2", class_=f"fill {tone}") if share > 0 else ""
            bar = tag("svg", rect, width="100%", height="12", aria_hidden="true")
            lines_.append(tag("p", bar, tag("b", number), aria_label=name))
        head = tag("div", tag("span", row.name), tag("small", row.verdict))
        items.append(tag("li", head, tag("div", *lines_)))
    return tag("figure", legend(names), tag("ul", *items, class_="pairs", aria_label=label))


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
        strips.append(strip(at * step, step, told))
    marks = [((at + 0.5) * step, name) for at, name in enumerate(along.labels) if name]
    numbers = table((along.name, *(one.name for one in series)), rows)
    named = legend([(one.name, one.tone) for one in series]) if key else Html()
    return framed(label, named, axis, form, [*drawn, *strips], marks, numbers)


def _names(axis: Axis, series: Sequence[Series]) -> Iterator[Html]:
    """The series' names above the ends of their lines, moved up where they would touch the next one below."""
    ends = []
    for one in series:
        known = [value for value in one.values if value is not None]
        if known:
            ends.append((y_of(axis, known[-1]) - 8, one))
    highest = float("inf")
    for y, one in sorted(ends, key=lambda end: -end[0]):
        highest = min(y, highest - _TEXT)
        yield tag("text", one.name, x="100%", y=highest, class_=f"end name {one.tone}")


def _points(axis: Axis, values: Sequence[float | None]) -> list[tuple[float, float]]:
    """In units of the stretched area; a single one becomes a dash."""
    step = UNITS / max(len(values), 1)
    points = [
        ((at + 0.5) * step, AREA * (1 - axis.at(value)))
        for at, value in enumerate(values)
        if value is not None
    ]
    if len(points) == 1:
        x, y = points[0]
        return [(x - 0.3 * step, y), (x + 0.3 * step, y)]
    return points
