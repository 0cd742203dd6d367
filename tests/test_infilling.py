"""Benchmarks of others: how their files are read, what is asked of them, and the command, with the memory alone."""

import gzip
import json
from pathlib import Path

import pytest

from lsp_server.base.errors import OffhandError
from lsp_server.bench.infilling import BESIDE, Hole, asked, benchmark, read
from lsp_server.bench.languages import LANGUAGES
from lsp_server.cli.main import main
from tests.test_bench import case

SPAN = {
    "task_id": "RandomSpanInfilling/Own/0/1",
    "entry_point": "double",
    "prompt": "def double(values):\n    return [val",
    "suffix": " in values]\n",
    "canonical_solution": "ue * 2 for value",
    "test": "",
}
LINE = {
    **SPAN,
    "task_id": "SingleLineInfilling/Own/0/L0",
    "prompt": "def double(value):\n    a = value\n",
    "canonical_solution": "    b = value\n",
    "suffix": "    return a + b\n",
}
CROSS = {
    "prompt": "from shop import basket\n\nbasket.",
    "groundtruth": 'add_with_discount("pear", 0.25)',
    "right_context": "\nprint(total)\n",
    "metadata": {"task_id": "own/1", "file": "app/buy.py"},
    "crossfile_context": {
        "text": "",
        "list": [
            {
                "retrieved_chunk": 'basket.add_with_discount("pear", 0.25)',
                "filename": "shop/a.py",
                "score": 2.0,
            },
            {
                "retrieved_chunk": 'basket.add_with_discount("pear", 0.25)\n',
                "filename": "shop/a.py",
                "score": 1.0,
            },
            {"retrieved_chunk": "print(total)\n", "filename": "shop/b.py", "score": 0.5},
        ],
    },
}


def write(path: Path, *rows: object) -> Path:
    data = "\n".join(map(json.dumps, rows)).encode() + b"\n"
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def test_humaneval_is_read(tmp_path: Path) -> None:
    """A span as it stands; a whole line as an editor has it: an empty line in its place, indented."""
    span, line = read(write(tmp_path / "h.jsonl.gz", SPAN, LINE))
    assert (span.before, span.answer, span.behind) == (SPAN["prompt"], "ue * 2 for value", SPAN["suffix"])
    assert (span.path, span.language.name, span.others) == ("1.py", "python", ())
    assert line.before == "def double(value):\n    a = value\n    "
    assert (line.answer, line.behind) == ("b = value", "\n    return a + b\n")


def test_crosscodeeval_is_read(tmp_path: Path) -> None:
    """Pieces of the same file are one text."""
    (hole,) = read(write(tmp_path / "c.jsonl", CROSS))
    assert (hole.path, hole.answer) == ("app/buy.py", CROSS["groundtruth"])
    one = 'basket.add_with_discount("pear", 0.25)\n'
    assert hole.others == (("shop/a.py", one + one), ("shop/b.py", "print(total)\n"))


def test_other_files_are_refused(tmp_path: Path) -> None:
    """What is absent, cut off, or something else: one sentence."""
    packed = write(tmp_path / "cut.jsonl.gz", SPAN)
    packed.write_bytes(packed.read_bytes()[:-12])
    (tmp_path / "not.jsonl.gz").write_bytes(b"no gzip")
    for path in (
        tmp_path / "absent",
        packed,
        tmp_path / "not.jsonl.gz",
        write(tmp_path / "x.jsonl", {"a": 1}),
    ):
        with pytest.raises(OffhandError, match=r"cannot be read|no infilling benchmark"):
            read(path)


def hole(number: int, answer: str) -> Hole:
    return Hole(str(number), "a.py", LANGUAGES[0], "", "", answer)


def test_what_is_asked() -> None:
    """Blank holes are left out; of the others some, evenly spread."""
    holes = [hole(number, "x" if number % 2 else " \n") for number in range(20)]
    assert [one.name for one in asked(holes, 3)] == ["1", "7", "13"]
    assert len(asked(holes, 100)) == 10
    assert asked([], 3) == []


def test_counting_by_hand() -> None:
    """By the way of asking and the size of what was asked for; only some holes have other files."""
    right, wrong = case(0, -0.1, True, first_line=True), case(1, -0.1, False, first_line=True)
    answers = [
        (hole(0, "a\n"), {"whole": right, BESIDE: right}),
        (hole(1, "a"), {"whole": wrong, BESIDE: right}),
        (hole(2, "a\nb"), {"whole": wrong}),
    ]
    found = benchmark("own", 4, answers)
    assert (found.name, found.left_out) == ("own", 4)
    assert list(found.ways) == ["whole", BESIDE]
    assert (found.ways["whole"]["one line"].n, found.ways["whole"]["one line"].exact.share) == (2, 0.5)
    several = found.ways["whole"]["several lines"]
    assert (several.n, several.exact.share, several.first_line.share) == (1, 0, 1)
    assert found.ways[BESIDE]["one line"].exact.share == 1
    assert "several lines" not in found.ways[BESIDE]


@pytest.mark.slow
def test_infilling_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The memory alone knows a line that only another file has when that file is open beside, and not before, and not
    any more at the next hole."""
    path = write(tmp_path / "own.jsonl", CROSS, CROSS, LINE)
    arguments = ["bench", "infilling", str(path), "--model", "memory=none"]
    assert main(arguments) == 0
    assert "memory, other files, one line" in capsys.readouterr().out
    assert main([*arguments, "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["benchmarks"]["memory"]
    assert list(found["ways"]) == ["whole", BESIDE]
    beside, alone = found["ways"][BESIDE]["one line"], found["ways"]["whole"]["one line"]
    assert (beside["n"], beside["exact"]["share"]) == (2, 1)
    assert (alone["n"], alone["exact"]["share"]) == (3, 0)
    assert main(["bench", "infilling", str(tmp_path / "absent")]) == 1
    assert "cannot be read" in capsys.readouterr().err
