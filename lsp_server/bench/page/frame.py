"""What charts have in common: colours, an area with a scale beside it and names below it, and the numbers behind it.

As wide as the page; text never shrinks with it: heights are pixels, places along the width are percent.
"""

from collections.abc import Callable, Sequence
from typing import Literal

from lsp_server.bench.page.axes import Axis
from lsp_server.bench.page.document import folded, swatch
from lsp_server.bench.page.html import Html, join, lone, tag

#: Colours by what they are for, told apart also without red or green; ``style.css`` has them for light and dark. From
#: ``deep`` to ``light`` they are a scale.
Tone = Literal["deep", "sea", "mid", "sky", "light", "warm", "sand", "grey"]

#: Writes a number.
Form = Callable[[float], str]

#: Pixels of a chart's area, of the room above it for a label, and below it for the names along it.
AREA, ABOVE, BELOW = 200, 22, 26

#: The width of a chart's lines in their own units; they are stretched to the page.
UNITS = 1_000

#: Names along a chart, at most; on a phone every second of these.
_NAMES = 8


def framed(
    label: str,
    key: Html,
    axis: Axis,
    form: Form,
    drawn: Sequence[Html],
    marks: Sequence[tuple[float, str]],
    numbers: Html,
    *,
    area: int = AREA,
    ends: bool = False,
) -> Html:
    """What is drawn, with the scale beside it, names below it, and its numbers.

    Args:
        marks: names along it and their places, in percent of the width.
        numbers: a table.
        area: its height.
        ends: leave room at the right side.
    """
    height = str(ABOVE + area + BELOW)
    ticks = [(tick, y_of(axis, tick, area)) for tick in axis.ticks]
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
            y=str(ABOVE + area + 19),
            class_=("start" if x < 4 else "end" if x > 96 else "middle") + (" wide" if at % 2 else ""),
        )
        for at, (x, name) in enumerate(marks[::every])
    ]
    field = tag("svg", *grid, *drawn, *names, width="100%", height=height, class_="field")
    scale = tag("svg", *side, width="100%", height=height, class_="scale")
    plot = tag("div", scale, field, class_="plot ends" if ends else "plot", role="img", aria_label=label)
    return tag("figure", key, plot, folded("The numbers", numbers))


def legend(names: Sequence[tuple[str, Tone]]) -> Html:
    """Which colour is what."""
    return tag("figcaption", *(tag("span", swatch(tone), name) for name, tone in names), class_="legend")


def stretched(drawn: Sequence[Html], area: int = AREA) -> Html:
    """Lines and areas whose points are ``UNITS`` wide and ``area`` high."""
    return tag(
        "svg",
        *drawn,
        y=str(ABOVE),
        width="100%",
        height=str(area),
        viewBox=f"0 0 {UNITS} {area}",
        preserveAspectRatio="none",
        class_="stretched",
    )


def strip(at: float, width: float, told: str, area: int = AREA) -> Html:
    """A part of the area, from top to bottom, that tells something where the pointer rests; in percent of its width."""
    x, wide = f"{at:.3f}%", f"{width:.3f}%"
    return tag("rect", tag("title", told), x=x, width=wide, y=ABOVE, height=area, class_="strip")


def y_of(axis: Axis, value: float, area: int = AREA) -> float:
    """Pixels from a chart's top."""
    return ABOVE + area * (1 - axis.at(value))


def path(points: Sequence[tuple[float, float]]) -> Html:
    """Points as SVG lists them."""
    return join((f"{x:.1f},{y:.1f}" for x, y in points), " ")
