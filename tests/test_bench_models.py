"""Models side by side: the figures by hand, what is kept of an earlier run, how a model is named, and the command."""

import json
import shutil
from pathlib import Path

import msgspec
import pytest
from shipped import MODEL

from lsp_server.base.config import Config
from lsp_server.base.errors import ModelError, OffhandError
from lsp_server.bench.models import ALL, Models, answered, together, ways_of
from lsp_server.bench.models_report import table
from lsp_server.bench.report import Measured, Product
from lsp_server.cli import measuring
from lsp_server.models import manifest, store
from tests.test_bench import TEN, case
from tests.test_bench_cli import workspace as workspace_of_the_cli
from tests.test_cli import offhand

workspace = workspace_of_the_cli

PRODUCT = Product("0.1.0", "bundled (1)", "ab" * 32, "ctransformers", "auto")
MEASURED = Measured("work", "abc", "0" * 16, 3, 2, 10, 2, 2)


def run(*labels: str, seed: int = 1) -> Models:
    """A run over the ten places, in which each model said the same."""
    ten = [msgspec.structs.replace(one, stands="inside word") if one.exact else one for one in TEN]
    others = [
        case(20, -0.1, True, kind="whole"),
        case(21, -0.1, False, kind="whole"),
        case(22, -0.1, False, kind="block", first_line=True),
        case(23, None, False, kind="block"),
    ]
    odds = [
        msgspec.structs.replace(
            one,
            confidence=one.confidence
            and msgspec.structs.replace(one.confidence, features={"odds": -one.confidence.rank}),
        )
        for one in [*ten, *others]
    ]
    cases = {"network": odds, "whole": odds}
    return Models(seed, 10, 2, (MEASURED,), tuple(answered(label, PRODUCT, cases) for label in labels))


def test_figures_by_hand() -> None:
    """Of each language and of all; the whole product is ranked by the gate, the network by its own tokens."""
    (one,) = run("new").models
    assert list(one.ways) == ["network", "whole"]
    row, network = one.ways["whole"][ALL], one.ways["network"][ALL]
    assert (row.n, row.exact.share, row.line.share) == (10, 0.5, 0.5)
    assert (row.blocks.share, row.first_line.share) == (0, 0.5)
    assert (row.inside.n, row.inside.share, row.word.share) == (5, 1, 1)
    assert row.surest["0.2"].share == 1.0
    assert network.surest["0.2"].share == 0.0  # surest first turned round
    assert list(one.ways["whole"]) == [ALL, "python", "go"]
    assert one.ways["whole"]["go"].exact.share == 0.5


def test_the_memory_has_no_network() -> None:
    """Alone it is asked in one way only."""
    assert ways_of("memory") == ("whole",)
    assert ways_of("auto") == ("network", "whole")


def test_a_kept_run_is_gone_on_with() -> None:
    """Models that were not asked again stay, if the places are the same; one that was asked again is replaced."""
    kept = run("old", "memory")
    assert [one.label for one in together(run("new"), kept).models] == ["old", "memory", "new"]
    assert [one.label for one in together(run("memory"), kept).models] == ["old", "memory"]
    assert [one.label for one in together(run("new", seed=2), kept).models] == ["new"]
    assert together(run("new"), None) == run("new")


def test_it_can_be_shown() -> None:
    """A row for each model and way, in each language that has places enough."""
    shown = table(run("old", "new"))
    assert shown.count("new, whole") == shown.count("old, network") == 1  # all; eight places say nothing
    assert "50.0 ± " in shown
    assert "None" not in shown + table(Models(1, 1, 0, (), ()))


def test_a_model_is_named_by_its_folder(tmp_path: Path) -> None:
    """It need not be installed; its files must be those of its manifest. A plain name is an installed one's."""
    folder = tmp_path / "export"
    shutil.copytree(MODEL.folder, folder)
    config, named = measuring.with_model(Config(engine="memory"), str(folder))
    assert config.engine == "auto"
    assert named is not None
    assert (named.folder, named.shipped) == (folder, False)
    store.verify(named)
    path = folder / named.manifest.model.name
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ModelError, match="sha256 differs"):
        store.verify(named)
    assert measuring.with_model(Config(), "small")[1] == MODEL
    assert measuring.with_model(Config(), "") == (Config(), None)
    assert measuring.with_model(Config(), "none") == (Config(engine="memory"), None)
    for wrong in ("export", str(tmp_path / "nowhere")):
        with pytest.raises(ModelError, match=r"no model 'export'|cannot be read"):
            measuring.with_model(Config(), wrong)


def test_models_have_labels() -> None:
    """A name or a folder's last part, unless one is given; two must not be the same."""
    assert list(measuring.models(None)) == ["settings", "none"]
    assert list(measuring.models(["small", "old=small", f"{MODEL.folder.parent}/small/"][:2])) == [
        "small",
        "old",
    ]
    with pytest.raises(OffhandError, match="Two models are called small"):
        measuring.models(["small", str(MODEL.folder)])


@pytest.mark.slow
def test_models_command(tmp_path: Path, workspace: Path) -> None:
    """A model by its folder, and the memory alone: the whole product's figures are those of 'lines' at the same places;
    a second run with another model adds to what is kept; nothing of the code is in what is written."""
    folder = tmp_path / "run" / "export"
    shutil.copytree(MODEL.folder, folder)
    said = msgspec.json.decode((folder / manifest.FILE).read_bytes())
    (folder / manifest.FILE).write_bytes(msgspec.json.encode({**said, "name": "fresh"}))
    kept, cases = tmp_path / "models.json", tmp_path / "cases"
    places = [str(workspace), "-n", "6", "--blocks", "2", "--name", "shop@abc"]
    arguments = ["bench", "models", *places, "--update", str(kept), "--cases", str(cases)]
    out = offhand(tmp_path, *arguments, "--model", str(folder), "--model", "memory=none")
    assert "export: Offhand" in out
    assert "fresh (" in out
    made = json.loads(kept.read_text())
    assert [one["label"] for one in made["models"]] == ["export", "memory"]
    export, memory = made["models"]
    assert list(memory["ways"]) == ["whole"]
    assert {path.name for path in cases.iterdir()} == {
        "export-network.jsonl",
        "export-whole.jsonl",
        "memory-whole.jsonl",
    }
    lines = tmp_path / "lines.json"
    offhand(tmp_path, "bench", "lines", *places, "--model", str(folder), "--json", str(lines))
    report = json.loads(lines.read_text())
    assert report["product"]["model"].startswith("fresh")
    row, figures = export["ways"]["whole"]["all"], report["figures"]
    assert (row["exact"], row["line"]) == (figures["all"]["exact"], figures["whole"]["exact"])
    assert row["blocks"] == figures["blocks"]["exact"]
    assert row["surest"]["0.4"] == figures["precision"]["0.4"]
    assert figures["blocks"]["n"] == 2
    for word in ("inventory", "price1", "self"):
        assert word not in kept.read_text() + "".join(path.read_text() for path in cases.iterdir())

    offhand(tmp_path, *arguments, "--model", "again=small")
    labels = [one["label"] for one in json.loads(kept.read_text())["models"]]
    assert labels == ["export", "memory", "again"]
