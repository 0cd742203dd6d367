"""Our pages in a real browser: they load nothing, complain of nothing, and all of them is seen."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from lsp_server.base.metrics import Metrics
from lsp_server.bench.typing.page import typing_page
from lsp_server.bench.usage import span
from lsp_server.bench.usage_page import usage_page
from lsp_server.completion.history import History, read
from tests.e2e.browser import HOW, Browser, find_chromium
from tests.simulated import live
from tests.typed_result import result

CHROMIUM = find_chromium()

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason=HOW)]

#: A name that a file might hold, and that would load something if it were taken for HTML.
EVIL = '<img src="http://evil.test/x" onerror="alert(1)">'

#: What is drawn but has no size, by what it is; lines are as high as what they show.
INVISIBLE = """
[...document.querySelectorAll('svg, rect.fill, polyline, polygon, li, th, td, h1, h2, dd')]
  .filter(one => !one.matches('th:empty, .meter, .meter *, td:has(.meter)') && !one.closest('details'))
  .filter(one => { const box = one.getBoundingClientRect(); return !(box.width > 0 && box.height > 0) })
  .map(one => one.outerHTML.slice(0, 120))
"""

#: Texts that stand out of the page at a side.
OUTSIDE = """
[...document.querySelectorAll('text, h1, h2, p, dt, dd, li, summary')]
  .map(one => [one.textContent, one.getBoundingClientRect()])
  .filter(([_, box]) => box.width && (box.left < 0 || box.right > innerWidth))
  .map(([text, box]) => [text, box.left, box.right])
"""


class Seen(NamedTuple):
    """What is to be seen on a page: its headings, a word of its first sentence, and how much is drawn.

    Attributes:
        fills: bars and the like, at least.
    """

    headings: list[str]
    word: str
    lines: int
    plots: int
    fills: int


SEEN = {
    "stats": Seen(
        [
            "How long you wait",
            "Where the answers came from",
            "From shown to kept",
            "What became of them",
            "What it costs, and what it saves",
            "By language",
        ],
        "suggestions",
        lines=3,
        plots=4,
        fills=100,
    ),
    "typing": Seen(
        [
            "Before the next key",
            "Beside llama.vim",
            "What a key gets",
            "What each part brings",
            "What it costs",
            "What you see",
            "What became of it",
            "All numbers",
        ],
        "Half of all keys",
        lines=8,
        plots=2,
        fills=80,
    ),
}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    assert CHROMIUM is not None
    one = Browser(CHROMIUM, tmp_path_factory.mktemp("browser") / "profile")
    yield one
    one.close()


@pytest.fixture(scope="module")
def pages(page: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """All of them, by name."""
    typing = tmp_path_factory.mktemp("typing") / "typing.html"
    typing.write_text(typing_page(result()), encoding="utf-8")
    return {"stats": page, "typing": typing}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A month of work, and a language that nobody should believe."""
    folder, now = tmp_path_factory.mktemp("stats"), time.time()
    live(folder / "history", now, 30)
    metrics, history = Metrics(), History(folder / "history", 2**30 + 1)
    metrics.showed(EVIL, new=True)
    history.add(metrics.take(), now)
    history.save(now, at_once=True)
    file = folder / "stats.html"
    file.write_text(usage_page(span(read(folder / "history", now), 30, now)), encoding="utf-8")
    return file


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("name", ["stats", "typing"])
def test_the_page(
    browser: Browser, pages: dict[str, Path], tmp_path: Path, name: str, width: int, dark: bool
) -> None:
    """On a screen and on a phone, light and dark: one file is loaded, nothing is wrong, all has a size and a place."""
    page, seen = pages[name], SEEN[name]
    browser.open(page, width=width, dark=dark)
    assert browser.see("[...document.querySelectorAll('h2')].map(one => one.textContent)") == seen.headings
    assert seen.word in browser.see("document.querySelector('h1').textContent")
    assert browser.see("document.querySelectorAll('.plot polyline').length") == seen.lines
    assert browser.see("document.querySelectorAll('rect.fill').length") > seen.fills
    assert browser.see("document.querySelectorAll('.plot[role=img][aria-label]').length") == seen.plots
    assert browser.see(INVISIBLE) == []
    assert browser.see(OUTSIDE) == []
    assert browser.see("document.documentElement.scrollWidth") == width
    paper, ink = (
        sum(map(int, browser.see(f"getComputedStyle(document.body).{name}").strip("rgb()").split(",")))
        for name in ("backgroundColor", "color")
    )
    assert (paper < 150 < 600 < ink) if dark else (ink < 150 < 600 < paper)
    picture = browser.picture(tmp_path / "page.png")
    assert int.from_bytes(picture[16:20], "big") == width  # the PNG's header
    # The tables that are folded away fit, too.
    browser.see("document.querySelectorAll('details').forEach(one => { one.open = true })")
    assert browser.see("[...document.querySelectorAll('td')].some(one => one.offsetHeight > 0)")
    assert browser.see("document.documentElement.scrollWidth") == width
    assert browser.requested == [page.as_uri()]
    assert browser.complaints == []


def test_what_is_recorded_is_text(browser: Browser, page: Path) -> None:
    """The name of a language that looks like HTML is shown as it is."""
    browser.open(page, width=1280)
    names = browser.see("[...document.querySelectorAll('tbody th')].map(one => one.textContent)")
    assert EVIL in names
    assert browser.see("document.querySelectorAll('img, script, link, iframe').length") == 0


def test_the_policy_holds(browser: Browser, page: Path, tmp_path: Path) -> None:
    """Were there a picture or a script in the page, nothing would be loaded or run, and these tests would see it."""
    broken = tmp_path / "broken.html"
    evil = EVIL + "<script>document.title = 'run'</script>"
    broken.write_text(page.read_text("utf-8").replace("</main>", evil + "</main>"), encoding="utf-8")
    browser.open(broken, width=1280)
    assert browser.see("document.querySelectorAll('img, script').length") == 2
    assert browser.see("document.title") != "run"
    assert browser.requested == [broken.as_uri(), "http://evil.test/x"]
    assert browser.refused == ["csp"]
    assert len(browser.complaints) >= 2
