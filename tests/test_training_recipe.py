"""Recipes and run directories: what is written is read back, what is wrong is said, what is done is not done again."""

import json
from pathlib import Path

import msgspec
import pytest

from lsp_server.base.errors import TrainingError
from lsp_server.training import recipe as recipes
from lsp_server.training import stages
from lsp_server.training.run import Run, stamp

SMALL = """
name = "small"
summary = "A test."
[corpus]
[pack]
tokens = 1000
"""


def write(folder: Path, text: str = SMALL) -> Path:
    path = folder / "recipe-of-mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_recipe_needs_little(tmp_path: Path) -> None:
    """A name, a summary, a corpus and a number of tokens; the rest has values."""
    recipe = recipes.read(write(tmp_path))
    assert (recipe.name, recipe.pack.tokens, recipe.model.width) == ("small", 1000, 256)


@pytest.mark.parametrize("name", ["toy", "cpu", "gpu"])
def test_the_recipes_that_ship_can_be_read(name: str) -> None:
    """Each of them is complete, and holds packages out for validation and test."""
    recipe = recipes.read(recipes.shipped(name))
    assert recipe.corpus.validation
    assert recipe.corpus.test


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[fit]\nlearning_rate = 1", "learning_rate"),
        ("[model]\nwidth = 300", "width"),
        ("[model]\nheads = 3", "'width' must be divisible by 'heads'"),
        ("[tokenizer]\nvocabulary = 70000", "vocabulary"),
        ("infill = 0.95", "more than all samples"),
        ("= 3", "cannot be used"),
    ],
)
def test_what_is_wrong_in_a_recipe_is_said(tmp_path: Path, line: str, said: str) -> None:
    """One message that names the file and the key."""
    with pytest.raises(TrainingError) as error:
        recipes.read(write(tmp_path, SMALL + line))
    assert said in str(error.value)
    assert "recipe-of-mine.toml" in str(error.value)


def test_a_recipe_that_is_not_there(tmp_path: Path) -> None:
    """Neither as a file nor among those that ship."""
    with pytest.raises(TrainingError, match="No such file"):
        recipes.read(tmp_path / "none.toml")
    with pytest.raises(TrainingError, match="There are: cpu, gpu, toy"):
        recipes.shipped("none")


class Stage:
    """Stands for a stage's module; counts."""

    def __init__(self) -> None:
        self.runs = 0

    def run(self, _recipe: object, _run: object, _say: object) -> None:
        self.runs += 1


def test_a_stage_is_run_once_and_again_when_its_recipe_or_one_before_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Changing the tokenizer leaves the corpus alone and makes everything behind it anew."""
    modules = {module: Stage() for module, _ in stages.STAGES.values()}
    monkeypatch.setattr(stages, "_load", modules.__getitem__)

    def train(text: str, last: str = "evaluate") -> list[int]:
        stages.train(write(tmp_path, text), tmp_path / "run", lambda *_: None, last)
        return [modules[module].runs for module, _ in stages.STAGES.values()]

    assert train(SMALL, "tokenizer") == [1, 1, 0, 0, 0, 0]
    assert train(SMALL) == [1, 1, 1, 1, 1, 1]
    assert train(SMALL + "[tokenizer]\nvocabulary = 1024") == [1, 2, 2, 2, 2, 2]
    assert train(SMALL + "[tokenizer]\nvocabulary = 1024\n[evaluate]\nkilobytes = 1") == [1, 2, 2, 2, 2, 3]
    kept = (tmp_path / "run" / "recipe.toml").read_text(encoding="utf-8")
    assert "kilobytes = 1" in kept


def test_a_stage_that_failed_is_not_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What raises leaves no stamp."""

    def fail(*_: object) -> None:
        raise TrainingError("No network.")

    broken = Stage()
    monkeypatch.setattr(broken, "run", fail)
    monkeypatch.setattr(stages, "_load", lambda _module: broken)
    with pytest.raises(TrainingError, match="No network"):
        stages.train(write(tmp_path), tmp_path / "run", lambda *_: None)
    assert not (tmp_path / "run" / "run.json").exists()


def test_the_state_tells_what_it_was_made_with(tmp_path: Path) -> None:
    """Versions of the programs that decide the outcome, and no path of this machine."""
    run = Run(tmp_path / "run", write(tmp_path))
    run.finish("corpus", "0123")
    state = json.loads((tmp_path / "run" / "run.json").read_bytes())
    assert state["stamps"] == {"corpus": "0123"}
    assert {"offhand", "numpy", "tokenizers"} <= state["versions"].keys()
    assert str(tmp_path) not in json.dumps(state)


def test_a_damaged_state_is_said(tmp_path: Path) -> None:
    """And what to do about it."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("{", encoding="utf-8")
    with pytest.raises(TrainingError, match="Remove it to begin anew"):
        Run(tmp_path / "run", write(tmp_path))


def test_stamps_differ_by_stage_recipe_and_what_came_before() -> None:
    """The same goes for the same only."""
    one = recipes.TokenizerRecipe()
    other = msgspec.structs.replace(one, vocabulary=1024)
    assert stamp("", "a", [one]) == stamp("", "a", [one])
    assert (
        len({stamp("", "a", [one]), stamp("", "b", [one]), stamp("x", "a", [one]), stamp("", "a", [other])})
        == 4
    )
