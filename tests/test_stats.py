"""``offhand stats``: the numbers of a span are those that were counted in it, and the command says them every way."""

import json
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from lsp_server.base import paths
from lsp_server.base.metrics import Counts, Metrics, OfLanguage
from lsp_server.bench.usage import figures, span
from lsp_server.bench.usage_page import usage_page
from lsp_server.cli.main import main
from lsp_server.completion.history import FOLDER, History, Record
from tests.simulated import GONE, live

#: A Wednesday noon.
NOON = datetime(2026, 11, 25, 12, 0).timestamp()
DAY = 86_400.0


def record(*ages: float) -> Record:
    """A request at each of these ages, in days."""
    made = Record()
    for age in ages:
        made.count(Counts(requests=1), NOON - age * DAY)
    return made


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OFFHAND_HOME", str(tmp_path))
    return paths.state_dir() / FOLDER


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["stats", *arguments]) == 0
    return capsys.readouterr().out


# --- spans


@pytest.mark.parametrize(
    ("ages", "days", "by", "requests"),
    [
        ((), 30, "day", []),
        ((40,), 30, "day", []),
        ((0, 0.01), 30, "hour", [1, 1]),
        ((0, 1), 30, "hour", [1, *[0] * 23, 1]),
        ((0, 1, 3), 30, "day", [1, 0, 1, 1]),
        ((0, 1, 3), 2, "hour", [1, *[0] * 23, 1]),
        ((0, 1, 3, 29, 30), 30, "day", [1, *[0] * 25, 1, 0, 1, 1]),
        ((0, 3), 1, "hour", [1]),
        ((-2,), 30, "day", []),  # a clock that went ahead
    ],
)
def test_spans(ages: tuple[float, ...], days: int, by: str, requests: list[int]) -> None:
    """Hours or days from the first that has anything, today the last; no gap, and nothing of other days."""
    found = span(record(*ages), days, NOON)
    assert (found.by, [one.counts.requests for one in found.slices]) == (by, requests)


def test_a_span_does_not_see_compaction() -> None:
    """The days say the same before and after the quarters became days."""
    made = record(*(number / 7 for number in range(60)))
    before = [(one.name, one.counts) for one in span(made, 30, NOON).slices]
    made.compact(NOON)
    assert [(one.name, one.counts) for one in span(made, 30, NOON).slices] == before


def test_names_of_days() -> None:
    """As people write them."""
    found = span(record(0, 5), 30, NOON)
    assert found.words() == "20 Nov to 25 Nov"
    assert (found.slices[-1].name, found.slices[-1].label) == ("Wednesday, 25 Nov", "25 Nov")
    assert span(record(0), 30, NOON).words() == "25 Nov"


# --- figures


def test_figures_by_hand() -> None:
    """Each number from a few counts."""
    told = figures(
        Counts(
            requests=20,
            suggestions=8,
            answers={"cache": 3, "lookahead": 1, "joined": 1, "model": 3, "memory": 2, "nothing": 10},
            ready_ms={0: 5},
            waited_ms={20: 5},
            saved_ms=1_500,
            accepted=2,
            partly=1,
            rejected=4,
            accepted_characters=30,
            written_characters=120,
            keys=500,
            looked={30: 4, 600: 4},
            stood={30: 4, 600: 3},
            cpu_ms={"asked": 1_000, "lookahead": 500, "prefill": 500},
            tokens={"asked": 60, "lookahead": 40},
            tokens_used=25,
            prompt_tokens=1_000,
            reused_tokens=950,
            languages={"go": OfLanguage(3, 1, 10, 40), "python": OfLanguage(5, 2, 20, 80)},
        )
    )
    assert (told.taken, told.taken_share, told.share_of_code, told.ready_share) == (3, 3 / 8, 0.25, 0.4)
    assert (told.wait_ready.p50, told.wait_asked.p95) == (pytest.approx(10**0.05), pytest.approx(10**2.095))
    assert told.wait.p50 == pytest.approx(10**0.1)
    assert (told.saved_s, told.cpu_asked_s, told.cpu_ahead_s, told.cpu_per_1000_keys_s) == (1.5, 1, 1, 4)
    assert (told.tokens_asked, told.tokens_ahead, told.used_share, told.reused_share) == (60, 40, 0.25, 0.95)
    assert told.stood == {30: 1.0, 600: 0.75}
    assert [(one.language, one.share_of_code) for one in told.languages] == [("python", 0.25), ("go", 0.25)]


def test_figures_of_nothing() -> None:
    """No share of nothing; nor where an editor sends whole texts, so that what was written is not seen."""
    told = figures(Counts())
    assert (told.taken_share, told.share_of_code, told.wait.p50, told.cpu_per_1000_keys_s) == (None,) * 4
    assert figures(Counts(accepted_characters=9, written_characters=2)).share_of_code is None


# --- the command


def test_nothing_yet(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence, no file; as JSON an empty row."""
    assert run(capsys) == "Nothing was counted in the last 30 days: use Offhand in an editor for a while.\n"
    assert json.loads(run(capsys, "--json"))["slices"] == []
    assert not folder.parent.exists()


def test_the_command(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A few lines and a page; the numbers are those of the lines."""
    live(folder, time.time(), 12, keys=60)
    told = json.loads(run(capsys, "--json", "--days", "90"))["total"]
    out = run(capsys, "--output", str(tmp_path / "new" / "page.html"))
    assert f"{told['suggestions']:,} suggestions, {told['taken']:,} accepted" in out
    assert out.endswith(f"{tmp_path / 'new' / 'page.html'}\n")
    page = (tmp_path / "new" / "page.html").read_text("utf-8")
    assert f"<em>{told['suggestions']:,}</em> suggestions" in page
    run(capsys)
    assert (folder / "stats.html").exists()


def test_the_page_opens(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the browser, as a local file."""
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    live(folder, time.time(), 1, keys=20)
    history = History(folder, GONE + 1)
    history.add(Counts(requests=1), time.time())
    history.save(time.time(), at_once=True)
    run(capsys, "--open")
    assert opened == [(folder / "stats.html").as_uri()]


def test_wrong_usage(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A number of days that is none, a place that cannot be written to."""
    for days in ("0", "91", "x", "-1"):
        with pytest.raises(SystemExit):
            main(["stats", "--days", days])
    live(folder, time.time(), 5, keys=20)
    (tmp_path / "file").write_text("")
    assert main(["stats", "--output", str(tmp_path / "file" / "page.html")]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_reset_forgets_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``offhand reset`` removes what was counted, the page too, and says so."""
    live(folder, time.time(), 5, keys=20)
    run(capsys)
    assert main(["reset"]) == 0
    assert "Removed what was counted over time" in capsys.readouterr().out
    assert not list(folder.iterdir())


@pytest.mark.parametrize("source", ["model", "nothing", "lookahead", "a source of tomorrow"])
def test_a_page_of_little(source: str) -> None:
    """One request makes a page, whatever answered it."""
    metrics = Metrics()
    metrics.asked()
    metrics.answered(source, 12.0)
    made = Record()
    made.count(metrics.take(), NOON)
    page = usage_page(span(made, 30, NOON + timedelta(minutes=5).total_seconds()))
    assert ("100\N{NO-BREAK SPACE}%" in page) == (source != "nothing")
