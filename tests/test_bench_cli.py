"""``offhand bench`` from the outside, with the real model over small workspaces written here."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.test_cli import SAMPLE, offhand


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """The sample of ``offhand demo``, and a file in another language."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "inventory.py").write_bytes(SAMPLE.read_bytes())
    lines = [f"    total := total + price{index}*count{index} // {index}" for index in range(20)]
    (folder / "sum.go").write_text("package shop\n\nfunc sum() int {\n" + "\n".join(lines) + "\n}\n")
    return folder


def printed(out: str) -> dict[str, Any]:
    """The JSON that was printed, without the progress that a slow machine tells of behind it."""
    found: dict[str, Any] = json.loads(out[: out.rindex("}") + 1])
    return found


def outcome(row: dict[str, Any]) -> dict[str, Any]:
    """A case without what may differ in the last digit: its time and its probabilities."""
    sure = row["confidence"]
    return {**row, "milliseconds": 0, "confidence": sure and sure["shown"]}


@pytest.mark.slow
def test_lines(tmp_path: Path, workspace: Path) -> None:
    """The report adds up, is the same the second time, no case depends on those before it, and nothing of the code
    is in what is written."""
    kept, cases, drawn = (tmp_path / "results" / name for name in ("lines.json", "cases.jsonl", "lines.svg"))
    arguments = [
        "bench",
        "lines",
        str(workspace),
        "--model",
        "small",
        "-n",
        "12",
        "--blocks",
        "3",
        "--name",
        "shop@abc123",
    ]
    out = offhand(tmp_path, *arguments, "--update", str(kept), "--cases", str(cases), "--picture", str(drawn))
    assert "shop abc123: 12 rests of lines, 6 whole lines and 3 blocks from 2 of 2 files" in out
    assert drawn.read_text().startswith("<svg")

    rows = [json.loads(line) for line in cases.read_text().splitlines()]
    report = json.loads(kept.read_text())
    figures = report["figures"]
    rest = [row for row in rows if row["kind"] == "rest"]
    assert len(rows) == 21
    assert len({row["place"] for row in rows}) == 21
    assert figures["all"]["n"] == len(rest) == 12
    assert figures["all"]["exact"]["share"] == round(sum(row["exact"] for row in rest) / 12, 4)
    assert sum(one["rest"]["n"] for one in figures["by_language"].values()) == 12
    assert sum(group["n"] for group in figures["by_length"].values()) == 12
    assert figures["whole"]["n"] == 6
    assert figures["blocks"]["n"] == 3
    assert sum(one["blocks"]["n"] for one in figures["by_language"].values()) == 3
    assert sum(figures["nothing"].values()) == sum(row["predicted"] == 0 for row in rest)
    assert {row["source"] for row in rows} <= {"model", "memory", "nothing"}
    assert all(row["confidence"]["features"]["mean"] <= 0 for row in rows if row["confidence"])
    assert {row["language"] for row in rows if row["new_errors"] is not None} == {"python", "go"}
    assert any(row["predicted"] for row in rows)
    for word in ("inventory", "price1", "self"):
        assert word not in kept.read_text() + cases.read_text()

    fewer = tmp_path / "fewer.jsonl"
    some = ["bench", "lines", str(workspace), "--model", "small", "-n", "6", "--name", "shop"]
    offhand(tmp_path, *some, "--cases", str(fewer))
    known = {row["place"]: outcome(row) for row in rows}
    common = [row for row in map(json.loads, fewer.read_text().splitlines()) if row["place"] in known]
    assert common
    assert all(outcome(row) == known[row["place"]] for row in common)

    same = offhand(tmp_path, "bench", "compare", str(cases), str(cases))
    assert "rest exactly right              12" in same
    again = printed(offhand(tmp_path, *arguments, "--json"))
    assert again["figures"].pop("speed")["p50"] > 0
    assert again["figures"].pop("curve")[-1] == [1.0, figures["precision"]["1.0"]["share"]]
    assert again == report


def test_compare_refuses_other_files(tmp_path: Path) -> None:
    """A file that is not there, one with something else, two without a common place."""
    (tmp_path / "other.jsonl").write_text('{"a": 1}\n')
    (tmp_path / "empty.jsonl").write_text("")
    for name, message in (
        ("nowhere.jsonl", "cannot be read"),
        ("other.jsonl", "holds no cases"),
        ("empty.jsonl", "no place in common"),
    ):
        path = str(tmp_path / name)
        out = offhand(tmp_path, "bench", "compare", path, path, status=1)
        assert message in out
        assert "Traceback" not in out


def test_faults_are_one_sentence(tmp_path: Path) -> None:
    """A folder that is not there, one without code, a wrong number: one sentence, no traceback."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "README.md").write_text("# Nothing\n" * 40)
    empty = str(tmp_path / "empty")
    for arguments, message, status in (
        (["no-such-folder"], "There is no directory no-such-folder.", 1),
        ([empty], "There are no source files with code in", 1),
        ([empty, "--language", "go"], "There are no go source files with code in", 1),
        ([empty, "--name", "a", "--name", "b"], "more names than directories", 1),
        ([empty, empty], "Two directories are called empty", 1),
        ([empty, "-n", "0"], "'0' is not a number above 0", 2),
        ([], "DIR", 2),
    ):
        out = offhand(tmp_path, "bench", "lines", *arguments, status=status)
        assert message in out
        assert "Traceback" not in out


@pytest.mark.slow
def test_index(tmp_path: Path, workspace: Path) -> None:
    """Every figure is there, nothing stays on disk, and a folder without source is said to be one."""
    figures = printed(offhand(tmp_path, "bench", "index", str(workspace), "--json"))
    assert figures["files"] == 2
    assert figures["bytes"] == sum(path.stat().st_size for path in workspace.iterdir())
    assert 0 < figures["units"] < figures["names"]
    assert all(figures[name] > 0 for name in ("definitions", "build_s", "peak_mb", "restart_s"))
    times = [figures[name] for name in ("saved_ms", "definitions_ms", "mentions_ms", "similar_ms")]
    assert all(0 < median <= high <= longest for median, high, longest in times)
    text = offhand(tmp_path, "bench", "index", str(workspace))
    assert text.startswith(f"2 files, {figures['bytes'] / 1e6:.1f} MB: {figures['definitions']} definitions")
    assert not list((tmp_path / "offhand").rglob("*.index"))
    (tmp_path / "empty").mkdir()
    out = offhand(tmp_path, "bench", "index", str(tmp_path / "empty"), status=1)
    assert "There are no source files" in out
