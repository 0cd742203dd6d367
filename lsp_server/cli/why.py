"""``offhand why``: what happened to the last requests of the server, stage by stage."""

import argparse
import json
from typing import Any

from lsp_server.base import paths


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = commands.add_parser("why", help="tell why the last requests were answered as they were")
    parser.add_argument("-n", type=int, default=10, metavar="N", help="how many requests (default 10)")
    parser.add_argument("--json", action="store_true", help="print a JSON list, newest first")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the newest requests that the last server noted down."""
    from lsp_server.completion.trace import load

    rows = load(paths.state_dir() / "why.json")[: max(arguments.n, 0)]
    if arguments.json:
        print(json.dumps(rows))
    elif not rows:
        print("No server has answered a request yet, or its notes cannot be read.")
    else:
        print("\n".join(_describe(row) for row in rows))
    return 0


def _describe(row: dict[str, Any]) -> str:
    answer = (
        f"{row['shown']} characters from the {row['source']}" if row["shown"] else f"nothing: {row['reason']}"
    )
    stages = ", ".join(f"{name} {spent} ms" for name, spent in row["stages_ms"].items())
    changed = "".join(
        f"\n    {step['filter']} {step['outcome']}: {step['reason']}" for step in row["filters"]
    )
    return f"{row['path']}:{row['line']}:{row['column']} ({row['kind']}) {answer}\n    {stages}{changed}"
