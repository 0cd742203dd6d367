"""Entry point: parse the command line, run one command. Imports nothing heavy, so that ``--help`` is instant."""

import argparse
import sys
from collections.abc import Sequence

import lsp_server
from lsp_server.base.errors import OffhandError
from lsp_server.cli import bench, complete, context, demo, doctor, models, reset, serve, stats, train, why

_COMMANDS = (serve, complete, context, demo, doctor, models, why, stats, reset, bench, train)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``offhand``; the value is the process's exit status: 0 fine, 1 failed, 2 wrong usage."""
    parser = argparse.ArgumentParser(
        prog="offhand", description="Offline code completion with a small model on your own CPU."
    )
    parser.add_argument("--version", action="version", version=f"offhand {lsp_server.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add(commands)
    parsed = parser.parse_args(arguments)
    try:
        status: int = parsed.run(parsed)
    except OffhandError as error:
        print(f"offhand: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return status


if __name__ == "__main__":
    sys.exit(main())
