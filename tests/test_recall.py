"""Context recall: which cases are asked, how they are counted, and the command on a real workspace."""

import json
from pathlib import Path

import pytest

from lsp_server.bench.files import sources
from lsp_server.bench.infilling import Hole
from lsp_server.bench.languages import LANGUAGES
from lsp_server.bench.recall import BUDGETS, Answer, Asked, Recall, cross_file, lacking, of_hole, rows, table
from lsp_server.context.languages import Grammars
from tests.test_bench_cli import printed
from tests.test_cli import offhand

CART = "class Cart:\n" + "".join(
    f"    def put_{n}(self, item_{n}):\n        return item_{n}\n\n" for n in range(8)
)
MAIN = "from cart import Cart\n\n\ndef run(cart: Cart):\n" + "".join(
    f"    cart.put_{n}(make_{n}())\n" for n in range(8)
)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "cart.py").write_text(CART)
    (folder / "main.py").write_text(MAIN)
    return folder


def test_cases_need_what_the_file_does_not_hold(workspace: Path) -> None:
    """Of a folder: the answer has a name that another file has and the rest of its own file has not; the hole's text
    and the answer make the file."""
    cases = cross_file(sources(workspace, Grammars(), "python"), 5, 1)
    assert 0 < len(cases) <= 5
    for case in cases:
        text = case.path.read_text()
        assert text.startswith(case.before)
        assert text.endswith(case.behind)
        own = case.before + case.behind
        other = MAIN if case.path.name == "cart.py" else CART
        assert any(name not in own and name in other for name in case.needed), case
    assert cases == cross_file(sources(workspace, Grammars(), "python"), 5, 1)


def test_names_of_a_hole_are_no_keywords_builtins_or_strings(tmp_path: Path) -> None:
    """What a program or a library must have made, and nothing else."""
    hole = Hole(
        "one", "a.py", LANGUAGES[0], "x = ", "\n", 'len(self.items) if not price("of it") else None  # why'
    )
    assert of_hole(hole, tmp_path).needed == {"items", "price"}


def answer(case: str, missing: tuple[str, ...], milliseconds: float = 1.0) -> Answer:
    asked = {budget: Asked(missing, budget - 10, milliseconds) for budget in BUDGETS}
    return Answer(case, 2, ("far",), {"all": asked})


def test_counting_by_hand() -> None:
    """A case counts when nothing is missing; a name counts by itself; times are those of the cases."""
    some = [answer("1", ()), answer("2", ("near",), 3.0), answer("3", ("far", "near"), 9.0), answer("4", ())]
    row = rows(some)["all"][BUDGETS[0]]
    assert row.recall.share == 0.5
    assert row.names == 1 - 3 / 8
    assert row.tokens == BUDGETS[0] - 10
    assert row.milliseconds == (3.0, 9.0)
    assert lacking(some, "all") == {"2": (("near",), ()), "3": (("near",), ("far",))}
    shown = table(Recall({"set": rows(some)}, {"set": 4}, {"set": 1}, {"set": (2, 0)}, {}))
    assert "set: 4 cases, 1 left out" in shown
    assert "2 cases, of which 0 need only names" in shown


@pytest.mark.slow
def test_the_command(workspace: Path, tmp_path: Path) -> None:
    """On a workspace and on a file of cases in their repositories: other files' names reach the prompt."""
    case = {
        "prompt": MAIN[: MAIN.index("put_3")],
        "groundtruth": "put_3(make_3())",
        "right_context": "\n",
        "metadata": {"task_id": "t/1", "file": "main.py", "repository": "shop"},
        "crossfile_context": {"list": []},
    }
    gone = case | {"metadata": {"task_id": "t/2", "file": "main.py", "repository": "gone"}}
    file = tmp_path / "cases.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in (case, gone)))
    arguments = ("bench", "recall", str(workspace), str(file), "--repositories", str(tmp_path), "-n", "3")
    found = printed(offhand(tmp_path / "home", *arguments, "--missing", "--json"))
    assert found["cases"]["cases.jsonl"] == 1
    assert found["left_out"]["cases.jsonl"] == 1
    for name in ("shop", "cases.jsonl"):
        ways = found["sets"][name]
        assert ways["without other files"]["2048"]["recall"]["share"] == 0
        assert ways["with all sources"]["2048"]["names"] >= 0.5
    assert found["missing"]["cases.jsonl"] == {"t/1": [[], ["make_3"]]}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("{file}",), "needs --repositories DIR"),
        (("{file}", "--repositories", "{empty}"), "None of the repositories"),
        (("{empty}",), "No line in"),
    ],
)
def test_what_cannot_be_asked_is_said(
    arguments: tuple[str, ...], expected: str, tmp_path: Path, workspace: Path
) -> None:
    """One clear sentence each."""
    file, empty = tmp_path / "cases.jsonl", tmp_path / "empty"
    empty.mkdir()
    file.write_text(
        '{"prompt": "a", "groundtruth": "b", "right_context": "", "metadata": {"task_id": "1", "file": "a.py", '
        '"repository": "gone"}, "crossfile_context": {"list": []}}\n'
    )
    given = [one.format(file=file, empty=empty) for one in arguments]
    assert expected in offhand(tmp_path / "home", "bench", "recall", *given, status=1)
