"""Packing and fitting: shards are repeatable, the loss falls, and a run that was stopped goes on from there."""

import json
import os
from pathlib import Path

import msgspec
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'offhand[train]'")

import lsp_server  # noqa: E402
from lsp_server.base.errors import TrainingError  # noqa: E402
from lsp_server.training import fit, pack, tokenizer  # noqa: E402
from lsp_server.training import recipe as recipes  # noqa: E402
from lsp_server.training.documents import Document  # noqa: E402
from lsp_server.training.model import Llama, Shape  # noqa: E402
from lsp_server.training.optimiser import rate  # noqa: E402
from lsp_server.training.recipe import Recipe  # noqa: E402
from lsp_server.training.run import Run  # noqa: E402
from lsp_server.training.trainer import Trainer  # noqa: E402

RECIPE = """
name = "tiny"
summary = "A test."
[corpus]
[tokenizer]
vocabulary = 600
megabytes = 1
[model]
layers = 1
heads = 4
feed_forward = 256
context = 128
[pack]
tokens = 40_000
validation_tokens = 2_000
shard_tokens = 10_000
shares = { python = 0.5 }
[fit]
compile = false
precision = "float32"
batch_tokens = 512
micro_batch = 2
validate_every = 10
"""


def silent(_what: str, _share: float | None) -> None:
    pass


def write(folder: Path, name: str, documents: list[Document]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    data = b"".join(msgspec.json.encode(document) + b"\n" for document in documents)
    (folder / name).write_bytes(data)


def prepared(folder: Path, text: str = RECIPE) -> tuple[Recipe, Run]:
    path = folder / "tiny.toml"
    path.write_text(text, encoding="utf-8")
    recipe, run = recipes.read(path), Run(folder / "run", path)
    sources = sorted((Path(lsp_server.__file__).parent / "context").glob("*.py"))
    documents = [
        Document(
            f"part{number % 3}",
            ("python", "go")[number % 2],
            f"shop/{source.name}",
            source.read_text("utf-8"),
        )
        for number, source in enumerate(sources)
    ]
    write(run.path("corpus"), "train.jsonl", documents)
    write(run.path("corpus"), "validation.jsonl", documents[:4])
    tokenizer.run(recipe, run, silent)
    pack.run(recipe, run, silent)
    return recipe, run


@pytest.fixture
def ready(tmp_path: Path) -> tuple[Recipe, Run]:
    """A corpus of a few of our own files, packed."""
    return prepared(tmp_path)


def test_shards_are_what_the_recipe_says(ready: tuple[Recipe, Run]) -> None:
    """As many rows as asked for, hardly any padding, every id in the vocabulary, every kind of sample."""
    recipe, run = ready
    shards = pack.shards(run.path("pack"), recipe.model.context)
    rows = np.concatenate(shards)
    assert rows.shape == (40_000 // 129, 129)
    assert rows.max() < 600
    assert (rows == tokenizer.SPECIAL.index("<|fim_pad|>")).mean() < 0.1
    for name in ("<|endoftext|>", "<|fim_suffix|>", "<|fim_prefix|>", "<|fim_middle|>", "<|repo_name|>"):
        assert (rows == tokenizer.SPECIAL.index(name)).any(), name


def test_packing_goes_on_where_it_was_stopped(ready: tuple[Recipe, Run]) -> None:
    """A shard that is missing is written again, the same as before; the others are left alone."""
    recipe, run = ready
    paths = sorted(run.path("pack").glob("train-*.bin"))
    before = paths[1].read_bytes()
    paths[1].unlink()
    kept = paths[0].stat().st_mtime_ns
    pack.run(recipe, run, silent)
    assert paths[1].read_bytes() == before
    assert paths[0].stat().st_mtime_ns == kept


def test_a_process_that_dies_is_noticed(ready: tuple[Recipe, Run], monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed for its memory, say: it cannot tell, and nobody waits for it."""
    recipe, run = ready
    for path in run.path("pack").glob("train-*.bin"):
        path.unlink()
    monkeypatch.setattr(pack.Packer, "rows", lambda *_: os._exit(9))
    with pytest.raises(TrainingError, match="is there memory enough"):
        pack.run(recipe, run, silent)


def test_languages_have_their_shares() -> None:
    """A language that is named is drawn as often as the recipe says, however much there is of it."""
    from random import Random

    many = [Document("big", "go", f"{number}.go", "package main\n" * 50) for number in range(30)]
    few = [Document("small", "python", "one.py", "import os\n")]
    drawn = pack.Documents([*many, *few], {"python": 0.5})
    chance = Random(1)
    python = sum(drawn.draw(chance).language == "python" for _ in range(1000))
    assert 430 < python < 570


@pytest.mark.slow
def test_the_loss_falls(ready: tuple[Recipe, Run]) -> None:
    """In one pass over a little text a model learns some of it, and the curve says so."""
    recipe, run = ready
    fit.run(recipe, run, silent)
    curve = json.loads(run.path("fit/curve.json").read_bytes())
    assert curve[-1]["validation"] < curve[0]["validation"] - 0.5
    assert run.path("fit/curve.svg").read_text(encoding="utf-8").startswith("<svg")
    assert run.path("fit/stable.pt").exists()


@pytest.mark.slow
def test_a_run_goes_on_as_if_it_had_not_been_stopped(ready: tuple[Recipe, Run]) -> None:
    """Ten steps, a checkpoint, ten more: the same weights as after twenty at a stretch."""
    recipe, run = ready
    packed, folder = run.path("pack"), run.path("fit")
    folder.mkdir()
    whole = Trainer(recipe, packed, run.path("elsewhere"))
    first = Trainer(recipe, packed, folder)
    for _ in range(10):
        whole.step()
        first.step()
    first.save("checkpoint.pt")
    second = Trainer(recipe, packed, folder)
    assert second.progress.step == 10
    for _ in range(10):
        whole.step()
        second.step()
    ours, theirs = second.weights(), whole.weights()
    assert all(torch.allclose(ours[name], theirs[name], atol=1e-6) for name in theirs)


@pytest.mark.slow
def test_a_larger_budget_goes_on_from_where_the_rates_began_to_fall(tmp_path: Path) -> None:
    """Weights that have come to rest are no place to start from."""
    recipe, run = prepared(tmp_path, RECIPE.replace("tokens = 40_000", "tokens = 12_000"))
    fit.run(recipe, run, silent)
    longer = msgspec.structs.replace(recipe, fit=msgspec.structs.replace(recipe.fit, passes=3.0))
    ended = Trainer(recipe, run.path("pack"), run.path("fit")).share
    again = Trainer(longer, run.path("pack"), run.path("fit"))
    assert ended >= 1
    assert 0.1 < again.share < 0.25
    assert not again.falling


def test_a_budget_may_be_a_time(ready: tuple[Recipe, Run]) -> None:
    """Steps count by what they took, and the rates fall in the last part of it."""
    recipe, run = ready
    timed = msgspec.structs.replace(recipe, fit=msgspec.structs.replace(recipe.fit, seconds=1000))
    trainer = Trainer(timed, run.path("pack"), run.path("fit"))
    for _ in range(3):
        trainer.step()
    assert 0 < trainer.share == trainer.progress.seconds / 1000
    trainer.progress.seconds = 400.0
    assert (trainer.share, trainer.falling) == (0.4, False)
    trainer.progress.seconds = 1000.0
    assert (trainer.share, trainer.falling) == (1.0, True)


def test_a_slice_ends_with_a_checkpoint(ready: tuple[Recipe, Run]) -> None:
    """It says how far it is; the next one goes on."""
    recipe, run = ready
    run.slice_s = 1e-9
    with pytest.raises(TrainingError, match="The same command goes on"):
        fit.run(recipe, run, silent)
    assert run.path("fit/checkpoint.pt").exists()


def test_a_checkpoint_of_another_shape_is_refused(ready: tuple[Recipe, Run], tmp_path: Path) -> None:
    """Rather than begun anew: it may have cost hours."""
    recipe, run = ready
    run.path("fit").mkdir()
    Trainer(recipe, run.path("pack"), run.path("fit")).save("checkpoint.pt")
    deeper = msgspec.structs.replace(recipe, model=msgspec.structs.replace(recipe.model, layers=2))
    with pytest.raises(TrainingError, match="another shape"):
        Trainer(deeper, run.path("pack"), run.path("fit"))
    run.path("fit/checkpoint.pt").write_bytes(b"PK")
    with pytest.raises(TrainingError, match="cannot be read"):
        Trainer(recipe, run.path("pack"), run.path("fit"))


def test_without_rows_there_is_nothing_to_fit(tmp_path: Path) -> None:
    """One message, with what to do."""
    with pytest.raises(TrainingError, match="Run 'pack' again"):
        pack.shards(tmp_path, 128)


def test_rates_rise_stay_and_fall() -> None:
    """Warm-up, constant, linear to nothing."""
    assert [round(rate(share, 0.1, 0.5), 2) for share in (0.0, 0.05, 0.1, 0.3, 0.5, 0.75, 1.0)] == [
        *(0.01, 0.5, 1.0, 1.0, 1.0, 0.5, 0.0)
    ]


def test_what_comes_later_changes_nothing_before() -> None:
    """Logits depend on earlier tokens only, and on their order."""
    torch.manual_seed(0)
    model = Llama(Shape(64, 256, 2, 4, 2, 256, 32))
    for block in model.blocks:
        torch.nn.init.normal_(block.o.weight, std=0.05)
        torch.nn.init.normal_(block.down.weight, std=0.05)
    ids = torch.randint(0, 64, (1, 16))
    changed = ids.clone()
    changed[0, 10] = (changed[0, 10] + 1) % 64
    one, other = model.logits(ids)[0], model.logits(changed)[0]
    assert torch.allclose(one[:10], other[:10], atol=1e-5)
    assert not torch.allclose(one[10:], other[10:], atol=1e-3)
    swapped = ids.clone()
    swapped[0, 2], swapped[0, 3] = ids[0, 3], ids[0, 2]
    assert not torch.allclose(model.logits(swapped)[0, -1], one[-1], atol=1e-4)
