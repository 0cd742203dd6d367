"""From nothing to a model with one command: the whole pipeline with the toy recipe, in real processes."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed: pip install 'offhand[train]'")

from lsp_server.training import recipe
from tests.test_cli import SAMPLE, offhand

#: The budget in rows instead of seconds: as many steps on every machine.
LESS = {"seconds = 60": "passes = 0.3", "\ntokens = 1_500_000": "\ntokens = 300_000"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A run of the toy recipe with a part of its training, to the end."""
    home = tmp_path_factory.mktemp("toy")
    toy = recipe.shipped("toy").read_text()
    for whole, part in LESS.items():
        assert whole in toy
        toy = toy.replace(whole, part)
    (home / "toy.toml").write_text(toy)
    with pytest.MonkeyPatch.context() as patch:
        # Threads of PyTorch wait for each other by spinning, for seconds where other programs have the processors.
        patch.setenv("OMP_NUM_THREADS", "1")
        said = offhand(home, "train", "toy.toml", "--run", "run", timeout=600)
        for stage in ("corpus", "tokenizer", "pack", "fit", "export", "evaluate"):
            assert f"{stage}: begins" in said
        yield home / "run"


@pytest.mark.slow
def test_the_loss_falls(run: Path) -> None:
    """A dozen steps teach a model some Python, on files that it did not see."""
    curve = json.loads((run / "fit" / "curve.json").read_bytes())
    held = [point["validation"] for point in curve if point["validation"] is not None]
    assert held[-1] < 6.5  # nats per token; knowing nothing costs ln 2048 = 7.6
    assert held[-1] < held[0] or len(held) == 1
    bits = json.loads((run / "evaluate" / "bits.json").read_bytes())
    assert 0.5 < bits["python"]["per_byte"] < 3.5


@pytest.mark.slow
def test_engines_agree_with_pytorch(run: Path) -> None:
    """Every kind of file, in every engine that is there, behind every prompt."""
    card = json.loads((run / "export" / "card.json").read_bytes())
    agreements = [each for each in card["engines"]["agreement"] if each["against"] == "file"]
    assert {each["kind"] for each in agreements} == {"f16", "q8_0", "q4_0"}
    assert all(each["difference"] < 0.5 for each in agreements)
    assert all(each["difference"] < 0.05 for each in agreements if each["kind"] == "f16")


@pytest.mark.slow
def test_what_is_done_is_not_done_again(run: Path) -> None:
    """The same command a second time finds all stages done."""
    said = offhand(run.parent, "train", "toy.toml", "--run", "run")
    assert len(re.findall(r"^\w+: done before$", said, re.MULTILINE)) == 6


@pytest.mark.slow
def test_the_product_completes_with_it(run: Path, tmp_path: Path) -> None:
    """Its folder can be asked as a user's model is."""
    shop = tmp_path / "shop"
    shop.mkdir()
    shutil.copy(SAMPLE, shop)
    said = offhand(run.parent, "bench", "lines", str(shop), "-n", "5", "--model", f"{run}/export/")
    assert "offhand-toy" in said
