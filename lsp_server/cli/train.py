"""``offhand train``: a completion model of one's own, from source code to a model folder."""

import argparse
import sys
import time
from pathlib import Path

#: Seconds between two lines of progress on the same stage where there is no terminal.
_PACE_S = 10.0

_STAGES = ("corpus", "tokenizer", "pack", "fit", "export", "evaluate")


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "train",
        help="train a completion model of your own",
        description="Train a completion model: corpus, tokenizer, pack, fit, export, evaluate. What is done is kept in "
        "the run directory; the same command goes on where it was stopped. Needs: pip install 'offhand[train]'.",
    )
    parser.add_argument(
        "recipe", metavar="RECIPE", help="a TOML file, or the name of a recipe that ships: toy, cpu, gpu"
    )
    parser.add_argument(
        "--run",
        dest="directory",
        type=Path,
        required=True,
        metavar="DIR",
        help="the run directory; made if it is not there",
    )
    parser.add_argument("--until", choices=_STAGES, default=_STAGES[-1], help="the last stage to run")
    parser.add_argument(
        "--slice",
        type=float,
        default=0,
        metavar="SECONDS",
        help="end 'fit' after so long, with a checkpoint and exit status 1; the same command goes on",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the stages that are not done yet."""
    from lsp_server.training import stages

    directory: Path = arguments.directory
    stages.train(_recipe(arguments.recipe), directory, Progress(), arguments.until, arguments.slice)
    return 0


def _recipe(argument: str) -> Path:
    from lsp_server.training import recipe

    return Path(argument) if "." in argument or "/" in argument else recipe.shipped(argument)


class Progress:
    """Says what is under way on standard error; not oftener than people read."""

    def __init__(self) -> None:
        self._last, self._at = "", 0.0

    def __call__(self, text: str, share: float | None) -> None:
        """Say it, unless the same stage has been spoken of just now."""
        stage, now = text.split(":")[0], time.monotonic()
        if share is not None and share < 1 and stage == self._last and now - self._at < _PACE_S:
            return
        self._last, self._at = stage, now
        print(text if share is None else f"{share:4.0%}  {text}", file=sys.stderr, flush=True)
