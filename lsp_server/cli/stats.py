"""``offhand stats``: what Offhand did for you, as a page on this machine, in a few lines, or as numbers."""

import argparse
import json
import time
from pathlib import Path

from lsp_server.base import paths
from lsp_server.base.errors import OffhandError

#: Days that are shown without being told how many.
_DAYS = 30


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = commands.add_parser("stats", help="show what Offhand did for you, as a page of this machine")
    parser.add_argument(
        "--days",
        type=_days,
        default=_DAYS,
        metavar="N",
        help=f"the last N days (default {_DAYS}, at most 90)",
    )
    parser.add_argument("--json", action="store_true", help="print the numbers, and make no page")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the page there")
    parser.add_argument("--open", action="store_true", help="show the page in the browser")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Add up what the servers counted, and show it.

    Raises:
        OffhandError: the page cannot be written.
    """
    import msgspec

    from lsp_server.base import atomic
    from lsp_server.bench import usage
    from lsp_server.bench.page.words import many
    from lsp_server.bench.usage_page import summary, usage_page
    from lsp_server.completion import history

    now, folder = time.time(), paths.state_dir() / history.FOLDER
    span = usage.span(history.read(folder, now), arguments.days, now)
    if arguments.json:
        slices = [
            {"begin": one.begin, **msgspec.to_builtins(usage.figures(one.counts))} for one in span.slices
        ]
        told = msgspec.to_builtins(usage.figures(span.total))
        print(json.dumps({"by": span.by, "total": told, "slices": slices}))
        return 0
    if not span.slices:
        days = many(arguments.days, "day")
        print(f"Nothing was counted in the last {days}: use Offhand in an editor for a while.")
        return 0
    path: Path = arguments.output or folder / "stats.html"  # where ``offhand reset`` removes it
    try:
        atomic.write(path, usage_page(span).encode(), private=True)
    except OSError as error:
        raise OffhandError(f"{path} cannot be written: {error.strerror}.") from error
    print(f"{summary(span)}\n{path}")
    if arguments.open:
        import webbrowser

        webbrowser.open(path.absolute().as_uri())
    return 0


def _days(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 90:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days from 1 to 90")
    return int(text)
