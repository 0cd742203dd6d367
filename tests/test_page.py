"""The page's parts: nothing but its own markup is taken for markup, numbers are written as people read them, and what a
chart shows is where its numbers say."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsp_server.bench.page.axes import linear, logarithmic
from lsp_server.bench.page.charts import Along, Curve, Series, bars, columns, curves, lines, shares
from lsp_server.bench.page.document import Tile, beside, folded, meter, page, section, table, tiles
from lsp_server.bench.page.html import Html, tag
from lsp_server.bench.page.words import count, many, milliseconds, percent, seconds

EVIL = "</title><script>\"'&"

#: HTML elements that have no end.
LONE = {"meta", "rect", "line", "polyline", "polygon"}


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

    def handle_endtag(self, name: str) -> None:
        if name not in LONE:
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
            curves(name, [Curve(name, "deep", [1.0, 20.0], dashed=True)], seconds, unit=name, shares=[0.5]),
            beside(shares(name, [(name, "mid", 1.0)]), bars(name, [(name, 0.5, name, name)])),
            note=name,
        ),
        folded(name, table([name, ""], [(name, meter(0.5))])),
    )
    return page(name, name, parts, over=name, foot=name)


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
    Reader(curves("none", [Curve("x", "deep", [])], seconds, unit="s", shares=[0.5]))
    Reader(shares("none", [("x", "deep", 0.0)]))


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
    """Of four values half are below the third; the table reads it off."""
    chart = curves("c", [Curve("x", "deep", [4.0, 1.0, 2.0, 3.0])], count, unit="ms", shares=[0.5, 0.95])
    assert re.findall(r"<td>(.*?)</td>", chart) == ["4", "3", "4"]


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
