"""The stage ``fit``: the weights are found. Does not know text, only rows of tokens.

One process, or several that PyTorch's own launcher starts (``python -m torch.distributed.run``), each with a part of
every step's rows: on GPUs one each, on a CPU with one thread each. It can be ended at any step and goes on from the
last checkpoint; ``stable.pt`` is the one before the rates fall, from which a run with a larger budget goes on.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

from lsp_server.base.errors import TrainingError
from lsp_server.training import recipe as recipes
from lsp_server.training.recipe import Recipe
from lsp_server.training.run import Run
from lsp_server.training.stages import Say
from lsp_server.training.trainer import CHECKPOINT, STABLE, Trainer

#: Seconds between checkpoints, and steps between two words about the loss.
_CHECKPOINT_S, _TOLD_STEPS = 300, 10


def run(recipe: Recipe, run: Run, say: Say) -> None:
    """Train until the recipe's budget or the run's slice is used.

    Raises:
        TrainingError: there are no packed rows, the loss is not a number, or the slice was over before the budget.
    """
    if recipe.fit.processes > 1 and "RANK" not in os.environ:
        _launch(recipe.fit.processes, run)
    else:
        fit(recipe, run, say)


def _launch(processes: int, run: Run) -> None:
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    ended = subprocess.run(
        [sys.executable, *launcher, "-m", "lsp_server.training.fit", str(run.directory), str(run.slice_s)],
        env={"OMP_NUM_THREADS": "1", **os.environ},
        check=False,
    )
    if ended.returncode:
        raise TrainingError("Training ended before its time, see above. The same command goes on with it.")


def fit(recipe: Recipe, run: Run, say: Say) -> None:
    """The loop, in each of the processes. Raises as ``run`` does."""
    folder = run.path("fit")
    folder.mkdir(exist_ok=True)
    trainer = Trainer(recipe, run.path("pack"), folder)
    begun = saved = time.monotonic()
    stable = trainer.falling
    while trainer.share < 1:
        if run.slice_s and trainer.agreed(time.monotonic() - begun) > run.slice_s:
            break
        if trainer.falling and not stable:
            stable = True
            trainer.save(STABLE)
        trainer.step()
        number = trainer.progress.step
        validate = number % recipe.fit.validate_every == 0
        if validate or number % _TOLD_STEPS == 0:
            say(trainer.report(validate), trainer.share)
        if time.monotonic() - saved > _CHECKPOINT_S:
            saved = time.monotonic()
            trainer.save(CHECKPOINT)
    say(trainer.report(validate=True), trainer.share)
    trainer.save(CHECKPOINT)
    used = trainer.share
    trainer.close()
    if used < 1:
        raise TrainingError(
            f"The slice is over with {used:.0%} of the budget used. The same command goes on."
        )


def _main(directory: str, slice_s: str) -> None:
    def say(text: str, share: float | None) -> None:
        if os.environ.get("RANK") == "0":
            sys.stderr.write(f"{text}\n" if share is None else f"{share:4.0%}  {text}\n")

    kept = Path(directory) / "recipe.toml"
    fit(recipes.read(kept), Run(Path(directory), kept, float(slice_s)), say)


if __name__ == "__main__":
    try:
        _main(*sys.argv[1:])
    except TrainingError as error:
        sys.exit(f"offhand: {error}")
    # All is on disk. PyTorch's own threads may still hold tensors that were made here; to let go of one they need the
    # interpreter, and if that is being taken down just then they abort the process.
    sys.stderr.flush()
    os._exit(0)
