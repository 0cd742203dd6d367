"""A report as one SVG picture without scripts, fonts or links of its own. Knows the report, not the terminal."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple
from xml.sax.saxutils import escape

from lsp_server.bench.figures import Calibration, Figures, Gate, Group, Share
from lsp_server.bench.page.html import tag
from lsp_server.bench.report import Report

WIDTH, MARGIN, GAP = 1000, 40, 40
PANEL = (WIDTH - 2 * MARGIN - GAP) / 2
_PLOT_HEIGHT = 270
ROW = 28

#: Workspaces that are named in the title; more are counted.
_NAMED = 4

#: Groups of fewer cases are not drawn.
_FEW = 10

STYLE = """\
text { font-family: system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; font-size: 13px; fill: #3d4852 }
.title { font-size: 22px; font-weight: 600; fill: #1b2733 }
.head { font-size: 15px; font-weight: 600; fill: #1b2733 }
.big { font-size: 32px; font-weight: 600; fill: #1f6f8b }
.small { font-size: 12px; fill: #6b7780 }
.end { text-anchor: end }
.middle { text-anchor: middle }
.grid { stroke: #e3e8ec; stroke-width: 1 }
.ideal { stroke: #a9b4bc; stroke-width: 1.5; stroke-dasharray: 5 5 }
.curve { fill: none; stroke: #1f6f8b; stroke-width: 2.5; stroke-linejoin: round }
.area { fill: #1f6f8b; fill-opacity: 0.10 }
.bar { fill: #1f6f8b }
.back { fill: #eef2f5 }
.error { stroke: #e08e2b; stroke-width: 2 }
.dot { fill: #1f6f8b; fill-opacity: 0.85 }
.gate { fill: #e08e2b; stroke: #fff; stroke-width: 2 }
"""


class _Box(NamedTuple):
    """A plot's place on the picture; both its axes go from 0 to 1."""

    left: float
    top: float
    width: float
    height: float

    def at(self, x: float, y: float) -> tuple[float, float]:
        return round(self.left + x * self.width, 1), round(self.top + (1 - y) * self.height, 1)


def picture(report: Report) -> str:
    """The picture: the main figures, precision at coverage, calibration, and bars by length and by language."""
    figures = report.figures
    languages = _large({name: found.rest for name, found in figures.by_language.items()})
    named = ("language", languages) if len(languages) > 1 else ("workspace", figures.by_workspace)
    places = _large(figures.by_place)
    below = len(figures.by_length) * ROW + 50
    bars_height = max(below + len(places) * ROW, len(named[1]) * ROW)
    plots_top = 220
    bars_top = plots_top + _PLOT_HEIGHT + 95
    height = bars_top + bars_height + 75
    left, right = MARGIN, MARGIN + PANEL + GAP
    parts = [
        *_title(report),
        *_curve(_plot(left, plots_top), figures),
        *_calibration(_plot(right, plots_top), figures.calibration),
        *bars(
            left, bars_top, "Exactly right by length of the rest, in characters", _exact(figures.by_length)
        ),
        *bars(left, bars_top + below, "Exactly right by what the cursor is behind", _exact(places)),
        *bars(right, bars_top, f"Exactly right by {named[0]}", _exact(named[1])),
        text(
            MARGIN,
            height - 22,
            "Orange whiskers are one standard error. Whatever was not answered counts as wrong. "
            f"Groups of fewer than {_FEW} places are left out.",
            "small",
        ),
    ]
    return sheet(height, "Completion quality", parts)


def sheet(height: float, label: str, parts: Iterable[str]) -> str:
    """A picture ``WIDTH`` wide of some elements.

    Args:
        label: what it shows, for those who cannot see it.
    """
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img" aria-label="{escape(label)}">',
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" rx="12" fill="#fff"/>',
    )
    return "\n".join((*head, *parts, "</svg>")) + "\n"


def _title(report: Report) -> Iterator[str]:
    figures, product = report.figures, report.product
    yield text(MARGIN, 48, "How often Offhand completes the line as it was", "title")
    names = [place.name for place in report.workspaces]
    where = ", ".join(names) if len(names) <= _NAMED else f"{len(names)} workspaces"
    yield text(
        MARGIN,
        72,
        f"{figures.all.n} random cursors and {figures.whole.n} whole lines in {where}; "
        f"Offhand {product.version}, model {product.model}, seed {report.seed}",
        "small",
    )
    gate = figures.gate
    numbers = (
        (figures.all.exact, "rests of lines exactly right"),
        (figures.whole.exact, "whole lines exactly right"),
        (gate.coverage, "of places get a suggestion"),
        (gate.precision, "of the shown exactly right"),
        (gate.first_word, "first word of the shown right"),
    )
    step = (WIDTH - 2 * MARGIN) / len(numbers)
    for index, (number, meaning) in enumerate(numbers):
        x = MARGIN + index * step
        yield text(x, 126, _percent(number), "big")
        yield text(x, 147, meaning, "small")


def _curve(box: _Box, figures: Figures) -> Iterator[str]:
    yield from _frame(box, "Precision of the surest suggestions", "part of all places", "exactly right")
    if not figures.curve:
        return
    points = [box.at(part, precision) for part, precision in figures.curve]
    line = " ".join(f"{x},{y}" for x, y in points)
    bottom = box.at(0, 0)[1]
    yield f'<polygon class="area" points="{points[0][0]},{bottom} {line} {points[-1][0]},{bottom}"/>'
    yield f'<polyline class="curve" points="{line}"/>'
    yield from _gate(box, figures.gate)


def _gate(box: _Box, gate: Gate) -> Iterator[str]:
    if gate.coverage.share is None or gate.precision.share is None:
        return
    x, y = box.at(gate.coverage.share, gate.precision.share)
    yield f'<circle class="gate" cx="{x}" cy="{y}" r="7"/>'
    yield text(x + 4, y + 26, "what the gate shows", "small end")


def _calibration(box: _Box, calibration: Calibration) -> Iterator[str]:
    yield from _frame(box, "Can the probability be believed?", "probability that is claimed", "exactly right")
    (x1, y1), (x2, y2) = box.at(0, 0), box.at(1, 1)
    yield f'<line class="ideal" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'
    points = [box.at(one.claimed, one.right) for one in calibration.bins]
    if points:
        yield f'<polyline class="curve" points="{" ".join(f"{x},{y}" for x, y in points)}"/>'
    for x, y in points:
        yield f'<circle class="dot" cx="{x}" cy="{y}" r="5"/>'
    if calibration.error is not None and calibration.brier is not None:
        x, y = box.at(0.98, 0.05)
        yield text(x, y - 18, f"calibration error {calibration.error:.3f}", "small end")
        yield text(x, y, f"Brier score {calibration.brier:.3f}", "small end")


def bars(left: float, top: float, title: str, shares: Mapping[str, Share]) -> Iterator[str]:
    """A panel with a bar for each share, ``ROW`` high."""
    yield text(left, top, title, "head")
    start, width = left + 110, PANEL - 110 - 105
    for row, (name, found) in enumerate(shares.items()):
        share, error = found.share or 0.0, found.error or 0.0
        y = top + 20 + row * ROW
        middle = y + 9
        yield text(start - 10, y + 13, name, "end")
        yield f'<rect class="back" x="{start}" y="{y}" width="{width:.1f}" height="18" rx="4"/>'
        yield f'<rect class="bar" x="{start}" y="{y}" width="{share * width:.1f}" height="18" rx="4"/>'
        x1, x2 = (start + min(max(share + sign * error, 0.0), 1.0) * width for sign in (-1, 1))
        yield f'<line class="error" x1="{x1:.1f}" y1="{middle}" x2="{x2:.1f}" y2="{middle}"/>'
        yield text(start + width + 10, y + 13, f"{100 * share:.0f} %")
        yield text(left + PANEL, y + 13, f"n {found.n}", "small end")


def _exact(groups: Mapping[str, Group]) -> dict[str, Share]:
    return {name: group.exact for name, group in groups.items()}


def _large(groups: Mapping[str, Group]) -> dict[str, Group]:
    return {name: group for name, group in groups.items() if group.n >= _FEW}


def _plot(left: float, top: float) -> _Box:
    return _Box(left + 45, top, PANEL - 55, _PLOT_HEIGHT)


def _frame(box: _Box, title: str, across: str, up: str) -> Iterator[str]:
    yield text(box.left - 45, box.top - 22, title, "head")
    for tick in _ticks():
        (x, bottom), (_, top) = box.at(tick, 0), box.at(tick, 1)
        (left, y), (right, _) = box.at(0, tick), box.at(1, tick)
        yield f'<line class="grid" x1="{x}" y1="{bottom}" x2="{x}" y2="{top}"/>'
        yield f'<line class="grid" x1="{left}" y1="{y}" x2="{right}" y2="{y}"/>'
        yield text(x, bottom + 18, f"{tick:.0%}".replace("%", " %"), "small middle")
        if tick:
            yield text(left - 8, y + 4, f"{tick:.0%}".replace("%", " %"), "small end")
    x, y = box.at(0.5, 0)
    yield text(x, y + 38, across, "small middle")
    x, y = box.at(1, 1)
    yield text(x, y - 9, up, "small end")


def _ticks() -> Iterable[float]:
    return (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def text(x: float, y: float, words: str, style: str = "") -> str:
    """A line of text; ``y`` is its base line, ``style`` names classes of ``STYLE``."""
    named: dict[str, str | float] = {"class_": style} if style else {}
    return tag("text", words, x=x, y=y, **named)


def _percent(share: Share) -> str:
    return "-" if share.share is None else f"{100 * share.share:.0f} %"
