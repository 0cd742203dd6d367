"""``offhand bench engine``: each engine in a process of its own, timed in turns; hogs are ended again."""

import json
from pathlib import Path

import psutil
import pytest
from shipped import load_message

from lsp_server.bench import engine, engine_report
from lsp_server.bench.engine import Loaded, Measured, Spread
from tests.test_cli import offhand


def test_the_table_says_what_an_engine_cannot_do() -> None:
    """A row that one engine lacks is a dash; an engine that does not run says why."""
    rows = {"load": Spread(2.0, 1.0, 3.0), "snapshot of 512": Spread(5.0, 5.0, 5.0)}
    measured = [
        Measured("one", "", rows, 80.0),
        Measured("two", "", {"load": rows["load"]}, 40.0),
        Measured("three", "No library."),
    ]
    text = engine_report.table(measured).split("\n")
    assert text[1].split() == ["load", "2.00", "(1.00-3.00)", "2.00", "(1.00-3.00)"]
    assert text[2].split() == ["snapshot", "of", "512", "5.00", "(5.00-5.00)", "-"]
    assert text[-2].split() == ["memory,", "MiB", "80", "40"]
    assert text[-1] == "three does not run: No library."


def test_the_table_of_the_test_under_load() -> None:
    """Each way to run an engine, and how much slower its slowest tokens become."""
    loaded = [
        Loaded("one", 1, "", (1.0, 2.0), (2.0, 5.0), 2.5),
        Loaded("one", 2, "active", (1, 1), (9, 9), 9),
    ]
    text = engine_report.load_table(loaded).split("\n")
    assert text[1].split() == ["one,", "1", "thread", "1.00", "/", "2.00", "2.00", "/", "5.00", "2.5x"]
    assert text[2].startswith("one, 2 threads, waiting active ")


@pytest.mark.slow
def test_side_by_side(tmp_path: Path) -> None:
    """Every row of both engines, as far as they can; the figures are in order."""
    out = offhand(tmp_path, "bench", "engine", "--rounds", "1", "--json")
    new, old = json.loads(out[: out.rindex("}") + 1])["engines"]
    assert (new["engine"], old["engine"]) == ("llama_cpp", "ctransformers")
    both = {"load", "prompt of 128", "prompt of 512", "prompt of 1008", "a token behind 512"}
    assert set(old["rows"]) == both
    assert set(new["rows"]) >= both | {"8 tokens, every row", "snapshot of 512", "restoring 512"}
    for row in (*new["rows"].values(), *old["rows"].values()):
        assert 0 < row["least"] <= row["median"] <= row["most"]
    assert new["rss"] > 20
    assert new["snapshot_mb"] > 0.5


@pytest.mark.slow
def test_under_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread and two, idle and busy; the busy programs and the engines' processes are gone afterwards."""
    monkeypatch.setattr(engine, "_LOAD_TURNS", 1)
    monkeypatch.setattr(engine, "_LOAD_TOKENS", 2)
    before = {one.pid for one in psutil.Process().children()}
    loaded = engine.under_load([load_message("llama_cpp")], 1)
    assert [(one.threads, one.waiting) for one in loaded] == [(1, ""), (2, "passive"), (2, "active")]
    assert all(0 < median <= high for one in loaded for median, high in (one.idle, one.busy))
    assert {one.pid for one in psutil.Process().children()} <= before


@pytest.mark.slow
def test_an_engine_that_does_not_run_is_named(tmp_path: Path) -> None:
    """The others are measured all the same; a refused file is told."""
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"GGUF")
    (found,) = engine.side_by_side([load_message("llama_cpp", model=str(bad))], 1)
    assert "sha256" in found.absent
    assert not found.rows
