"""``offhand reset``: forget what was learnt from accepting and rejecting suggestions."""

import argparse

from lsp_server.base import paths
from lsp_server.base.errors import OffhandError


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = commands.add_parser("reset", help="forget what was learnt from accepts and rejects")
    parser.set_defaults(run=run)


def run(_arguments: argparse.Namespace) -> int:
    """Remove the file, and say what was in it. A server that runs forgets too, within seconds."""
    from lsp_server.completion import adaptation

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
