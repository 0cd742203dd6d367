"""``offhand complete FILE:LINE:COLUMN``: one completion, as an editor would get it."""

import argparse
import asyncio
import json
from pathlib import Path

from lsp_server.base.errors import OffhandError


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = commands.add_parser("complete", help="complete at one place of a file")
    parser.add_argument("place", metavar="FILE:LINE:COLUMN", help="where, counted from 1")
    parser.add_argument(
        "--workspace",
        type=Path,
        metavar="DIR",
        help="learn from the files of this folder first, as editors have it",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the completion, or why there is none (exit status 1)."""
    return asyncio.run(_run(arguments))


async def _run(arguments: argparse.Namespace) -> int:
    from lsp_server.base import paths
    from lsp_server.base.text import content
    from lsp_server.cli import local
    from lsp_server.completion import workspace
    from lsp_server.completion.adaptation import FILE, Adaptation, load
    from lsp_server.completion.pipeline import complete
    from lsp_server.completion.trace import Trace

    async with local.engine(local.settings()) as session:
        session.adaptation = Adaptation(load(paths.state_dir() / FILE))
        snapshot = local.place(session, arguments.place)
        if arguments.workspace is not None:
            if not arguments.workspace.is_dir():
                raise OffhandError(f"There is no directory {arguments.workspace}.")
            workspace.follow(session, [str(arguments.workspace.resolve())])
            await workspace.settled(session)
        trace = Trace(1, snapshot.path, snapshot.line + 1, snapshot.column + 1, "command line")
        suggestion = await complete(session, snapshot, trace)
    text = suggestion.text if suggestion else None
    if arguments.json:
        print(
            json.dumps({"text": text, "replace": suggestion.replace if suggestion else 0, **trace.as_json()})
        )
    elif suggestion is None:
        print(f"nothing: {trace.reason} ({trace.total_ms:.1f} ms)")
    else:
        line = content(snapshot.lines[snapshot.line])
        behind = line[snapshot.column + suggestion.replace :]
        print(f"{line[: snapshot.column]}├{suggestion.text}┤{behind}")
        print(f"{trace.total_ms:.1f} ms, from the {trace.source}")
    return 0 if suggestion else 1
