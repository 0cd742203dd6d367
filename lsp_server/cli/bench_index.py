"""``offhand bench index``: how long the workspace's index takes, how large and how quick it is."""

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from lsp_server.base.errors import OffhandError
from lsp_server.cli import measuring

if TYPE_CHECKING:
    from lsp_server.bench.index import Figures


def add(benches: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = benches.add_parser(
        "index",
        help="time and size of the workspace's index",
        description="Index folders, as one workspace, in the process that the server would start, and measure how long "
        "that takes, how much memory, and how quick questions are. Nothing is written into the folders.",
    )
    parser.add_argument("directories", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure and print."""
    import msgspec

    from lsp_server.bench.index import measure

    for root in arguments.directories:
        if not root.is_dir():
            raise OffhandError(f"There is no directory {root}.")
    with measuring.Progress() as progress:
        figures = asyncio.run(measure(arguments.directories, progress.say))
    print(msgspec.json.encode(figures).decode() if arguments.json else _text(figures))
    return 0


def _text(figures: "Figures") -> str:
    rows = {
        "one saved file": figures.saved_ms,
        "definitions of a name": figures.definitions_ms,
        "mentions of a name": figures.mentions_ms,
        "similar units": figures.similar_ms,
    }
    times = "\n".join(
        f"    {what:<22} {median:8.2f} ms in the median, {high:8.2f} ms at 95 %, {longest:8.2f} ms at most"
        for what, (median, high, longest) in rows.items()
    )
    return (
        f"{figures.files:,} files, {figures.bytes / 1e6:.1f} MB: {figures.definitions:,} definitions, "
        f"{figures.names:,} names in {figures.units:,} units\n"
        f"    built in {figures.build_s} s ({figures.build_cpu_s} s of processor time), at most {figures.peak_mb} MB\n"
        f"    {figures.kept_mb} MB on disk, from which another process has it in {figures.restart_s} s\n"
        + times
    )
