"""The page's parts: nothing but its own markup is taken for markup, numbers are written as people read them, and what a
chart shows is where its numbers say."""

import itertools
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsp_server.bench.page.axes import linear, logarithmic
from lsp_server.bench.page.charts import (
    Along,
    Pair,
    Series,
    Stack,
    bars,
    columns,
    lines,
    pairs,
    shares,
    stacks,
)
from lsp_server.bench.page.curves import Curve, Dot, Hill, curves, dots
from lsp_server.bench.page.document import Tile, beside, folded, gain, meter, page, section, table, tiles
from lsp_server.bench.page.html import Html, tag
from lsp_server.bench.page.words import (
    amount,
    count,
    difference,
    in_seconds,
    many,
    milliseconds,
    percent,
    seconds,
)

EVIL = "</title><script>\"'&"

#: HTML elements that have no end.
LONE = {"meta"}


class Reader(HTMLParser):
    """Reads a page; every element must be closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.names.add(name)
        self.attributes.update(key for key, _ in attributes)
        if name not in LONE:
            self.open.append(name)

    def handle_startendtag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.names.add(name)
        self.attributes.update(key for key, _ in attributes)

    def handle_endtag(self, name: str) -> None:
        assert self.open.pop() == name

    def handle_data(self, text: str) -> None:
        self.texts.append(text)


def everything(name: str) -> Html:
    """A page with all there is, and a name wherever one can be."""
    along = Along(name, [name, name], [name, ""])
    series = [Series(name, "deep", [1.0, None]), Series(name, "warm", [2.0, 300.0])]
    parts = (
        tiles([Tile(name, name, name)]),
        section(
            name,
            columns(name, along, series),
            lines(name, along, series, milliseconds, band=([1.0, None], [2.0, 3.0]), log=True),
            curves(
                name,
                [Curve(name, "deep", [(1.0, 0.0), (20.0, 0.9)], "dashed")],
                seconds,
                unit=name,
                shares=[0.5],
                hill=Hill(name, name, [(1.0, 2.0, 3.0)]),
            ),
            dots(name, [Dot(name, "mid", 3.0, 0.5, (0.4, 0.6))], seconds, cost=name, share=name),
            beside(shares(name, [(name, "mid", 1.0)]), bars(name, [(name, 0.5, name, name)])),
            stacks(name, [(name, "sky")], [Stack(name, [0.5], name, True)], rest=name),
            pairs(name, [(name, "deep"), (name, "warm")], [Pair(name, name, [(0.5, name), (0.0, name)])]),
            note=name,
        ),
        folded(name, table([name, ""], [(name, meter(0.5)), (name, gain(0.5, 0.7))])),
    )
    return page(name, name, parts, over=name, about=name, foot=name)


def test_names_are_never_markup() -> None:
    """Whatever a name holds, the page has the elements and attributes that it would have anyway, and shows the name."""
    plain, evil = Reader(everything("name")), Reader(everything(EVIL))
    assert evil.names == plain.names
    assert evil.attributes == plain.attributes
    assert not plain.names & {"script", "img", "link", "iframe", "a", "object", "image", "use"}
    assert not {"href", "src", "onload"} & plain.attributes
    assert evil.texts.count(EVIL) == plain.texts.count("name") > 20


def test_nothing_is_loaded() -> None:
    """The policy comes before the style; neither names an address."""
    text = everything("name")
    assert text.index("default-src 'none'") < text.index("<style>")
    assert not re.search(r"https?:|url\(|@import|//", text)


def test_charts_of_nothing() -> None:
    """No place, no number, one number: a chart all the same."""
    for along, values in ((Along("day", [], []), []), (Along("day", ["a"], ["a"]), [None])):
        for one in (columns, lines):
            Reader(one("empty", along, [Series("x", "deep", values)]))
    Reader(lines("one", Along("day", ["a"], ["a"]), [Series("x", "deep", [0.0])], log=True))
    Reader(curves("no", [Curve("x", "deep", [])], seconds, unit="s", shares=[0.5], hill=Hill("x", "x", [])))
    Reader(dots("none", [], seconds, cost="s", share="x"))
    Reader(shares("none", [("x", "deep", 0.0)]))
    Reader(stacks("none", [("x", "deep")], [Stack("x", [0.0], "0")], whole=0))


def test_columns_stand_upon_each_other() -> None:
    """Two series of 1 and 3 where the scale ends at 4: a quarter and three quarters of the height, nothing between."""
    chart = columns("c", Along("day", ["a"], [""]), [Series("x", "deep", [1.0]), Series("y", "warm", [3.0])])
    found = re.findall(r'<rect [^>]*y="([\d.]+)" height="([\d.]+)" class="fill', chart)
    (y1, h1), (y2, h2) = [(float(y), float(h)) for y, h in found]
    assert (y1, h1, y2) == (172.0, 50.0, 22.0)
    assert y2 + h2 == pytest.approx(y1, abs=1)


def test_a_line_is_where_its_numbers_are() -> None:
    """From 0 to 100, left to right; a place without a number is passed over."""
    chart = lines(
        "l", Along("day", list("abc"), [""] * 3), [Series("x", "deep", [0.0, None, 100.0])], percent
    )
    assert 'points="166.7,200.0 833.3,0.0"' in chart


def test_curves_tell_shares() -> None:
    """Half is reached between two points, in proportion; what is never reached is a dash; the last share is told at
    the side, too."""
    curve = Curve("x", "deep", [(1.0, 0.0), (3.0, 0.4), (5.0, 0.6), (9.0, 0.8)])
    assert [curve.below(value) for value in (0.5, 1.0, 2.0, 5.0, 99.0)] == pytest.approx(
        [0, 0, 0.2, 0.6, 0.8]
    )
    chart = curves("c", [curve], count, unit="ms", shares=[0.5, 0.95])
    assert re.findall(r"<td>(.*?)</td>", chart) == ["4", "-", "80\N{NO-BREAK SPACE}%"]
    assert re.findall(r'class="start name deep">(.*?)<', chart) == ["80\N{NO-BREAK SPACE}%"]


def test_ends_of_curves_do_not_touch() -> None:
    """Three that end in the same place are written one below the other, in order."""
    runs = [Curve(str(share), "deep", [(1.0, share)]) for share in (0.5, 0.51, 0.49)]
    chart = curves("c", runs, count, unit="ms", shares=[])
    found = re.findall(r'y="([\d.]+)" class="start name deep">(\d+)', chart)
    places = [float(y) for y, _ in found]
    assert [share for _, share in found] == ["51", "50", "49"]
    assert all(low - high >= 15 for high, low in itertools.pairwise(places))


def test_a_hill_stands_over_its_values() -> None:
    """Its highest place is where most values lie; half of them lie below its line."""
    hill = Hill("x", "half", [(1.0, 10.0, 1.0), (10.0, 100.0, 8.0), (100.0, 1000.0, 1.0)])
    chart = curves(
        "c", [Curve("x", "deep", [(1.0, 0.0), (1000.0, 1.0)])], count, unit="ms", shares=[], hill=hill
    )
    (outline,) = re.findall(r'<path d="([^"]*)"', chart)
    bends = [(float(y), float(x)) for x, y in re.findall(r"Q ([\d.]+),([\d.]+)", outline)]
    assert min(bends)[1] == pytest.approx(500, abs=1)
    assert '<line x1="58.012%"' in chart  # 55 between 1 and 1,000, on a logarithmic scale


def test_dots_are_where_they_cost_and_bring() -> None:
    """Half the cost of the dearest, which is at the scale's end; its scale of shares begins below the lowest."""
    chart = dots(
        "d",
        [Dot("x", "deep", 20.0, 0.8, (0.75, 0.9)), Dot("y", "warm", 10.0, 1.0, alone=True)],
        in_seconds,
        cost="s",
        share="in time",
    )
    found = re.findall(r'<circle cx="([\d.]+)%" cy="([\d.]+)" r="11" class="fill', chart)
    assert found == [("100.000", "262"), ("50.000", "22")]
    assert ">75\N{NO-BREAK SPACE}%</text>" in chart
    assert chart.count('points="1000.0,240.0"') == 1  # no line leads to the second


def test_stacks_leave_the_rest_empty() -> None:
    """A quarter and a half: the second begins where the first ends, and a quarter is left."""
    chart = stacks(
        "s", [("a", "deep"), ("no", "warm"), ("b", "mid")], [Stack("x", [0.25, 0, 0.5], "3")], rest="c"
    )
    assert re.findall(r'<rect x="([\d.]+)%" width="([\d.]+)%"', chart) == [
        ("0.000", "25.000"),
        ("25.000", "50.000"),
    ]
    assert re.findall(r"<td>(\d+)", chart) == ["25", "50", "25"]


@pytest.mark.parametrize(
    ("before", "now", "parts"),
    [
        (0.5, 0.75, [("fill light", 0.0, 50.0), ("fill accent", 50.0, 25.0)]),
        (0.75, 0.5, [("fill light", 0.0, 50.0), ("fill warm", 50.0, 25.0)]),
        (None, 1.0, [("fill accent", 0.0, 100.0)]),
        (0.5, 0.5, [("fill light", 0.0, 50.0)]),
    ],
)
def test_gains(before: float | None, now: float, parts: list[tuple[str, float, float]]) -> None:
    """What was there before, and what came to it or went, in another colour."""
    found = re.findall(r'class="(fill \w+)"(?: x="([\d.]+)%")? width="([\d.]+)%"', gain(before, now))
    assert [(tone, float(x or 0), float(width)) for tone, x, width in found] == parts


@given(st.lists(st.floats(1e-3, 1e7), min_size=1, max_size=8))
@settings(max_examples=50)
def test_axes_hold_their_values(values: list[float]) -> None:
    """All values lie between the ends, the ticks are few and rise, and order is kept."""
    for axis in (linear(values), logarithmic(values), linear(values, 1.0)):
        assert axis.low <= min(values)
        assert max(values) <= axis.high * (1 + 1e-9)
        assert list(axis.ticks) == sorted(set(axis.ticks))
        assert 1 <= len(axis.ticks) <= 12
        places = [axis.at(value) for value in sorted(values)]
        assert places == sorted(places)
        assert all(0 <= place <= 1 + 1e-9 for place in places)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (count(1234567.4), "1,234,567"),
        (many(1, "request"), "1 request"),
        (many(2_000, "request"), "2,000 requests"),
        (percent(None), "-"),
        (percent(0.0), "0 %"),
        (percent(0.001), "< 1 %"),
        (percent(0.999), "> 99 %"),
        (percent(1.0), "100 %"),
        (milliseconds(None), "-"),
        (milliseconds(0.25), "0.2 ms"),
        (milliseconds(9.96), "10 ms"),
        (milliseconds(999.4), "999 ms"),
        (milliseconds(999.6), "1.0 s"),
        (milliseconds(12_345), "12 s"),
        (seconds(0.01), "0 s"),
        (seconds(9.94), "9.9 s"),
        (seconds(99.4), "99 s"),
        (seconds(100), "2 min"),
        (seconds(7_000), "1.9 h"),
        (seconds(1e6), "278 h"),
        (in_seconds(None), "-"),
        (in_seconds(4.56), "4.6 s"),
        (in_seconds(1234.5), "1,234 s"),
        (amount(None), "-"),
        (amount(0.0), "0"),
        (amount(0.25), "0.2"),
        (amount(12.4), "12"),
        (difference(12.4), "+12"),
        (difference(-1234.0), "\N{MINUS SIGN}1,234"),
        (difference(-0.4), "±0"),
    ],
)
def test_words(written: str, expected: str) -> None:
    """Two digits that count, the unit behind a space that does not break."""
    assert written.replace("\N{NO-BREAK SPACE}", " ") == expected


def test_attributes() -> None:
    """Python's words and HTML's; numbers without needless digits; quotes do not end a value."""
    assert tag("b", "<", class_='"', aria_label="x", x=1.0, y=2.345) == (
        '<b class="&quot;" aria-label="x" x="1" y="2.35">&lt;</b>'
    )
