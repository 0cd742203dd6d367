"""The stages in their order, each passed over when it was done with the same recipe before."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from lsp_server.base.errors import TrainingError
from lsp_server.training import recipe as recipes
from lsp_server.training.run import Run, stamp

#: Told what is under way, and the share that is done where that is known.
Say = Callable[[str, float | None], None]

#: A stage, where it lives, and the tables of the recipe that decide it.
STAGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "corpus": ("lsp_server.training.corpus.build", ("corpus", "seed")),
    "tokenizer": ("lsp_server.training.tokenizer", ("tokenizer",)),
    "pack": ("lsp_server.training.pack", ("pack", "model")),
    "fit": ("lsp_server.training.fit", ("fit",)),
    "export": ("lsp_server.training.export", ("export", "name", "summary")),
    "evaluate": ("lsp_server.training.evaluate", ("evaluate",)),
}


def train(recipe: Path, directory: Path, say: Say, last: str = "evaluate", slice_s: float = 0) -> None:
    """Run every stage up to ``last`` that is not done yet.

    Args:
        slice_s: seconds that ``fit`` may take in this call; 0: as long as the recipe says.

    Raises:
        TrainingError: the recipe, the run directory or what a stage needs cannot be used.
    """
    if last not in STAGES:
        raise TrainingError(f"There is no stage '{last}'. There are: {', '.join(STAGES)}.")
    wanted = recipes.read(recipe)
    run = Run(directory, recipe, slice_s)
    mark = ""
    for name, (module, tables) in STAGES.items():
        mark = stamp(mark, name, [getattr(wanted, table) for table in tables])
        if run.done(name, mark):
            say(f"{name}: done before", None)
        else:
            say(f"{name}: begins", None)
            _load(module).run(wanted, run, say)
            run.finish(name, mark)
        if name == last:
            return


def _load(module: str) -> Any:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise TrainingError(
            f"Training needs {error.name}, which is not installed: pip install 'offhand[train]'."
        ) from error
