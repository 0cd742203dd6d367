"""``offhand models``: what is in the model store."""

import argparse
import json
import sys


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = commands.add_parser("models", help="look at the models")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="list the models that are installed")
    listing.add_argument("--json", action="store_true", help="print a JSON list")
    listing.set_defaults(run=run_list)


def run_list(arguments: argparse.Namespace) -> int:
    """Print every model of the store; the one in use is marked."""
    from lsp_server.cli import local
    from lsp_server.models import store

    models, problems = store.installed()
    chosen = local.settings().model
    rows = [
        {
            "name": model.manifest.name,
            "in_use": model.manifest.name == chosen,
            "megabytes": round(model.manifest.model.bytes / 1e6, 1),
            "context": model.manifest.context_length,
            "languages": ", ".join(model.manifest.languages),
            "licence": model.manifest.licence,
            "folder": str(model.folder),
        }
        for model in models
    ]
    for problem in problems:
        print(f"offhand: {problem}", file=sys.stderr)
    if arguments.json:
        print(json.dumps(rows))
        return 0
    for row in rows:
        mark = "*" if row["in_use"] else " "
        print(
            f"{mark} {row['name']:<16} {row['megabytes']:>8} MB  context {row['context']:<6} "
            f"{row['languages']}  {row['licence']}"
        )
    return 0
