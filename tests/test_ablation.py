"""The ablation: its figures by hand, what is shown of it, and that asking leaves a workspace's memory as it was."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lsp_server.base.config import Config
from lsp_server.base.errors import OffhandError
from lsp_server.bench import files
from lsp_server.bench.ablation import ALL, STEPS, Ablation, Answer, Outcome, outcomes
from lsp_server.bench.ablation_report import picture, table
from lsp_server.bench.lines import Case, Confidence, measure, prepare
from lsp_server.bench.openings import endings
from lsp_server.bench.report import Measured, Product, check_kept, plain_json
from lsp_server.bench.sample import sample
from lsp_server.cli import local
from lsp_server.completion.types import Surroundings
from lsp_server.context.languages import Grammars
from tests.test_bench import case
from tests.test_bench_cli import printed
from tests.test_bench_cli import workspace as workspace_of_the_cli
from tests.test_cli import offhand

workspace = workspace_of_the_cli


def answer(step: str, number: int, exact: bool, odds: float, rank: float, **changes: Any) -> Answer:
    sure = Confidence(rank, 0.5, rank > 0, {"odds": odds})
    return Answer(step, case(number, -1.0, exact, confidence=sure, **changes), first=number % 2 == 0)


def five(step: str, right: str, odds: str, ranks: str = "01234") -> list[Answer]:
    """Five places: right where there is an x, surer where the digit is larger."""
    return [
        answer(
            step, number, mark == "x", float(odds[number]), float(ranks[number]), milliseconds=10.0 * number
        )
        for number, mark in enumerate(right)
    ]


def all_steps() -> list[Answer]:
    """Each step gets what the test is about or, where it does not matter, nothing right."""
    special = {
        "own document": five("own document", "x..x.", "43210"),
        "workspace": five("workspace", "xx...", "43210"),
        "+ retrieval": five("+ retrieval", "xx..x", "01234", "43210"),
    }
    found = []
    for step in STEPS:
        if not step.by_gate:
            found += special.get(step.name, five(step.name, ".....", "01234"))
    return found


def by_step(found: tuple[Outcome, ...]) -> dict[str, Outcome]:
    return {outcome.step: outcome for outcome in found}


def test_figures_by_hand() -> None:
    """Of five places two are the surest 40 %; a step is compared with the one it says, place by place."""
    found = by_step(outcomes(all_steps()))
    own, wider = found["own document"].rows[ALL], found["workspace"].rows[ALL]
    assert (own.rest.exact.share, own.surest.share) == (0.4, 0.5)  # 4 and 3 are the surest: right, wrong
    assert (wider.rest.exact.share, wider.surest.share) == (0.4, 1.0)
    assert wider.exact_change is not None
    assert (wider.exact_change.gained, wider.exact_change.lost) == (1, 1)
    assert wider.surest_change is not None
    assert (wider.surest_change.before, wider.surest_change.after) == (0.5, 1.0)
    assert wider.surest_change.gained == 1
    assert found["network"].rows[ALL].exact_change is None
    assert own.median_ms == 20.0  # of 0, 20 and 40, the first questions at their places


def test_the_gate_ranks_and_changes_no_text() -> None:
    """The gate's row has the texts of the step before; its surest are its own, those before it go by the text's
    probability.
    """
    found = by_step(outcomes(all_steps()))
    before, gate = found["+ retrieval"], found["+ gate"]
    assert gate.rows[ALL].rest == before.rows[ALL].rest
    assert before.rows[ALL].surest.share == 0.5  # the last two places
    assert gate.rows[ALL].surest.share == 1.0  # the first two
    assert gate.shown[ALL].coverage.share == 0.8
    assert not before.shown


def test_languages_are_told_apart() -> None:
    """Each has its row; the workspace tells places of the same name apart."""
    more = [
        msgspec.structs.replace(
            one, case=msgspec.structs.replace(one.case, language="go", workspace="other", exact=True)
        )
        for one in all_steps()
    ]
    rows = by_step(outcomes([*all_steps(), *more]))["workspace"].rows
    assert list(rows) == [ALL, "go", "python"]
    assert (rows[ALL].rest.n, rows["go"].rest.exact.share, rows["python"].rest.exact.share) == (10, 1.0, 0.4)


def ablation(answers: list[Answer]) -> Ablation:
    product = Product("0.1.0", "bundled <1>", "ab" * 32, "ctransformers", "auto")
    return Ablation(product, 1, 5, (Measured("work & play", "abc", "0" * 16, 3, 2, 5, 0),), outcomes(answers))


@pytest.mark.parametrize("answers", [all_steps(), []], ids=["five", "none"])
def test_it_can_be_shown(answers: list[Answer]) -> None:
    """As a table with a row for each step, and as a picture that is XML; kept in git it has no times."""
    made = ablation(answers)
    shown, drawn = table(made), picture(made)
    for step in STEPS:
        assert step.name in shown
        assert step.name in drawn
    assert "python" not in shown + drawn  # five places say nothing
    assert ET.fromstring(drawn).tag.endswith("svg")
    assert "None" not in shown + drawn
    assert "median_ms" in json.loads(plain_json(made))["steps"][0]["rows"]["all"]
    assert b"median_ms" not in plain_json(made, ("median_ms",))


def test_large_languages_are_shown() -> None:
    """One that has places enough has rows of its own; where it is the only one, it is all there is."""
    many = [
        msgspec.structs.replace(one, case=msgspec.structs.replace(one.case, workspace=workspace))
        for workspace in ("a", "b", "c")
        for one in all_steps()
    ]
    few = [
        msgspec.structs.replace(one, case=msgspec.structs.replace(one.case, language="go", workspace="d"))
        for one in all_steps()
    ]
    assert "all: 15" not in table(ablation(many))
    assert "python: 15 rests of lines" in table(ablation(many))
    assert "all: 20" in table(ablation([*many, *few]))
    assert "go, exactly" not in picture(ablation([*many, *few]))
    assert "python, exactly right" in picture(ablation([*many, *few]))


def test_a_kept_result_stays_with_its_files(tmp_path: Path) -> None:
    """The same name and commit must be the same files; another commit may have others."""
    path = tmp_path / "kept.json"
    measured = Measured("work", "abc", "0" * 16, 3, 2, 5, 0)
    check_kept(path, [measured])
    path.write_bytes(plain_json(msgspec.structs.replace(ablation([]), workspaces=(measured,))))
    check_kept(path, [measured])
    changed = msgspec.structs.replace(measured, fingerprint="1" * 16)
    check_kept(path, [msgspec.structs.replace(changed, commit="abd")])
    with pytest.raises(OffhandError, match="source files of work are not those of abc"):
        check_kept(path, [changed])
    path.write_text("no JSON")
    with pytest.raises(OffhandError, match="no kept result"):
        check_kept(path, [measured])


@pytest.mark.parametrize(
    ("above", "before", "text", "expect"),
    [
        ((), "x = ", "f(a)", []),
        ((), "x = ", "f(a, [", ["]", "])"]),
        (("f(",), "    ", "g(", [")", "))"]),
        ((), "x = ", '"""', ['"""']),
        ((), "x = ", "('", []),
        ((), "x = ", "(  # (", [")"]),
    ],
    ids=["nothing", "its own", "from above", "a long string", "a short string", "a comment"],
)
def test_what_is_left_open(above: tuple[str, ...], before: str, text: str, expect: list[str]) -> None:
    """The innermost first; a string that ends on its line is not one that the next line goes on with."""
    around = Surroundings(before=before, after="", lines_above=above)
    assert endings(around, text) == expect


# --- with a worker


async def ask_all(folder: Path, *, backwards: bool) -> tuple[list[Case], int, int]:
    """All cases of a workspace by place, and how many documents the memory held before and after."""
    found = files.workspace(folder)
    places = sample(files.sources(folder, Grammars()), 12, 6, 1)
    async with local.engine(Config(engine="memory", deadline_ms=20_000)) as session:
        await prepare(session, folder)
        before = session.status()["memory"]["documents"]
        order = places[::-1] if backwards else places
        asked = [one async for one in measure(session, found, order)]
        after = session.status()["memory"]["documents"]
    timeless = [msgspec.structs.replace(one, milliseconds=0.0) for one in asked]
    return sorted(timeless, key=lambda one: one.place), before, after


@pytest.mark.slow
async def test_asking_leaves_the_memory_as_it_was(workspace: Path) -> None:
    """As many documents as before, and the same answers whichever place is asked first."""
    forwards, before, after = await ask_all(workspace, backwards=False)
    assert before == after == 2
    assert len(forwards) == 18
    assert any(one.predicted for one in forwards)
    assert (await ask_all(workspace, backwards=True))[0] == forwards


@pytest.mark.slow
def test_ablation_command(tmp_path: Path, workspace: Path) -> None:
    """The last step is what ``bench lines`` measures at the same places; nothing of the code is in what is written."""
    kept, drawn = tmp_path / "ablation.json", tmp_path / "ablation.svg"
    settings = tmp_path / "offhand" / "config" / "config.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text('model = "small"\n')
    arguments = [str(workspace), "-n", "6", "--name", "shop@abc"]
    out = offhand(tmp_path, "bench", "ablation", *arguments, "--update", str(kept), "--picture", str(drawn))
    assert "shop abc: 6 rests of lines, 3 whole lines and 0 blocks" in out
    assert drawn.read_text().startswith("<svg")
    made = json.loads(kept.read_text())
    steps = {step["step"]: step["rows"]["all"] for step in made["steps"]}
    assert list(steps) == [step.name for step in STEPS]
    assert all(row["rest"]["n"] == 6 and row["whole"]["n"] == 3 for row in steps.values())

    report = printed(offhand(tmp_path, "bench", "lines", *arguments, "--json"))
    assert steps["+ gate"]["rest"] == report["figures"]["all"]
    assert steps["+ gate"]["surest"] == report["figures"]["precision"]["0.4"]
    assert made["steps"][-1]["shown"]["all"] == report["figures"]["gate"]
    assert made["workspaces"] == report["workspaces"]
    for word in ("inventory", "price1", "self"):
        assert word not in kept.read_text() + drawn.read_text()

    (workspace / "sum.go").write_text("package other\n\nvar aaaaaaaaaa = 1\n" * 10)
    refused = offhand(tmp_path, "bench", "ablation", *arguments, "--update", str(kept), status=1)
    assert "source files of shop are not those of abc" in refused
