"""``offhand reset``: forget what was learnt from accepts and rejects, what was counted, and what was kept of prompts
and completions."""

import argparse
from pathlib import Path

from lsp_server.base import paths
from lsp_server.base.errors import OffhandError


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = commands.add_parser("reset", help="forget what was learnt and kept of you")
    parser.set_defaults(run=run)


def run(_arguments: argparse.Namespace) -> int:
    """Remove the files, and say what was in them. A server that runs forgets what it learnt too, within seconds."""
    from lsp_server.completion import adaptation, cachefile, history

    _empty(paths.kept_caches(), "kept of prompts")
    _empty(paths.state_dir() / history.FOLDER, "counted over time")
    _forget_completions(paths.cache_dir() / cachefile.FILE)
    path = paths.state_dir() / adaptation.FILE
    learnt = adaptation.load(path)
    try:
        path.unlink()
    except FileNotFoundError:
        print("Nothing was learnt yet.")
        return 0
    except OSError as error:
        raise OffhandError(f"{path} cannot be removed: {error.strerror}.") from error
    print(f"Removed {path}: {adaptation.describe(learnt) if learnt else 'it could not be read'}.")
    return 0


def _empty(folder: Path, what: str) -> None:
    try:
        kept = list(folder.iterdir())
        for path in kept:
            path.unlink()
    except FileNotFoundError:
        return
    except OSError as error:
        raise OffhandError(f"{folder} cannot be emptied: {error.strerror}.") from error
    if kept:
        print(f"Removed what was {what} in {folder}.")


def _forget_completions(path: Path) -> None:
    try:
        # What a server that was killed has left half-written bears its number behind the name.
        kept = [one for one in path.parent.glob(f"{path.name}*") if one.is_file()]
        for one in kept:
            one.unlink()
    except OSError as error:
        raise OffhandError(f"{path} cannot be removed: {error.strerror}.") from error
    if kept:
        print(f"Removed {path}: completions that were computed before.")
