"""The page around the charts: head, tiles, sections, tables. Knows no chart and nothing of what is told.

Everything is in the one file: its policy (``default-src 'none'``) forbids a browser to fetch or run anything. It is
light or dark as the system is, fits a phone, and prints.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from lsp_server.bench.page.html import Html, html, lone, tag

#: What the page may do: use the style that it brings. No script, no picture, no link to follow by itself.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


class Tile(NamedTuple):
    """A number to be seen at once.

    Attributes:
        value: with its unit.
        meaning: what it is a number of; ``detail`` says more.
    """

    value: str
    meaning: str
    detail: str = ""


def page(
    title: str, lead: str, parts: Iterable[str], *, over: str = "Offhand", about: str = "", foot: str = ""
) -> Html:
    """The whole file.

    Args:
        title: of the window, and in small letters above the lead.
        lead: one or two sentences that say it all.
        parts: the sections and tiles.
        over: whose page it is.
        about: below the lead, what it is about.
        foot: what to know of the numbers.
    """
    style = Path(__file__).with_name("style.css").read_text(encoding="utf-8")
    head = Html(
        '<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{html(f'{over}: {title}')}</title>\n<style>\n{style}</style>"
    )
    told = (tag("p", about, class_="about"),) if about else ()
    body = (
        tag("header", tag("p", tag("b", over), f" {title}", class_="over"), tag("h1", lead), *told),
        tag("main", *parts),
        tag("footer", tag("p", foot)),
    )
    return Html(
        f'<!doctype html>\n<html lang="en">\n<head>\n{head}\n</head>\n{tag("body", *body)}\n</html>\n'
    )


def section(heading: str, *parts: str, note: str = "") -> Html:
    """A part of the page under a heading.

    Args:
        note: a sentence or two about what is seen.
    """
    told = tag("p", note, class_="note") if note else Html()
    return tag("section", tag("h2", heading), told, *parts)


def beside(*parts: str) -> Html:
    """Parts side by side where there is room, one below the other where there is none."""
    return tag("div", *(tag("div", part) for part in parts), class_="beside")


def tiles(numbers: Sequence[Tile]) -> Html:
    """Numbers in a row or two."""
    return tag(
        "dl",
        *(
            tag("div", tag("dt", one.meaning, tag("small", one.detail)), tag("dd", one.value))
            for one in numbers
        ),
        class_="tiles",
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Html:
    """Rows of text under the names of their columns; the first column names the rows."""
    titles = tag("tr", *(tag("th", name, scope="col") for name in head))
    lines = (
        tag("tr", tag("th", row[0], scope="row"), *(tag("td", cell) for cell in row[1:])) for row in rows
    )
    return tag("div", tag("table", tag("thead", titles), tag("tbody", *lines)), class_="table")


def folded(summary: str, inside: str) -> Html:
    """What is seen after a click."""
    return tag("details", tag("summary", summary), inside)


def swatch(tone: str) -> Html:
    """A dot in a colour of ``charts.Tone``."""
    return tag("i", class_=f"swatch {tone}", aria_hidden="true")


def meter(share: float | None) -> Html:
    """A share as a short bar, for a table."""
    width = _wide(min(max(share or 0.0, 0.0), 1.0))
    back = lone("rect", class_="back", width="100%", height="8", rx="4")
    bar = lone("rect", class_="fill accent", width=width, height="8", rx="4")
    return tag("svg", back, bar, class_="meter", width="100%", height="8", aria_hidden="true")


def gain(before: float | None, now: float | None) -> Html:
    """A share as a short bar, for a table, with what it has won or lost against the one before."""
    old, new = (min(max(one or 0.0, 0.0), 1.0) for one in (before, now))
    both = min(old, new)
    drawn = [lone("rect", class_="back", width="100%", height="9", rx="2")]
    if both:
        drawn.append(lone("rect", class_="fill light", width=_wide(both), height="9", rx="2"))
    if old != new:
        tone = "fill accent" if new > old else "fill warm"
        drawn.append(
            lone("rect", class_=tone, x=_wide(both), width=_wide(abs(new - old)), height="9", rx="2")
        )
    return tag("svg", *drawn, class_="gain", height="9", aria_hidden="true")


def _wide(share: float) -> str:
    return f"{100 * share:.1f}%"


def strong(text: str) -> Html:
    """A part of a sentence that matters."""
    return tag("em", text)
