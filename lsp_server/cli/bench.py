"""``offhand bench``: the product measures itself on your own code."""

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from lsp_server.base.errors import OffhandError
from lsp_server.cli import (
    ablation,
    bench_engine,
    bench_index,
    bench_infilling,
    bench_memory,
    bench_models,
    bench_recall,
    bench_typing,
    fit_gate,
    measuring,
)

if TYPE_CHECKING:
    from lsp_server.bench.lines import Case
    from lsp_server.bench.report import Product, Report


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = commands.add_parser("bench", help="measure how good the completions are on your own code")
    benches = parser.add_subparsers(metavar="BENCH", required=True)
    lines = benches.add_parser(
        "lines",
        help="cut out rests of lines and have them completed",
        description="Cut the rest of random lines out of the source files of workspaces, complete them as an editor "
        "would have them completed, and compare. Nothing is written into the workspaces.",
    )
    measuring.add_places(lines)
    measuring.add_blocks(lines)
    measuring.add_model(lines)
    measuring.add_outputs(lines)
    lines.add_argument(
        "--cases", type=Path, metavar="FILE", help="write one line of JSON a place; no code is in it"
    )
    lines.set_defaults(run=run_lines)
    ablation.add(benches)
    bench_models.add(benches)
    bench_infilling.add(benches)
    bench_recall.add(benches)
    bench_memory.add(benches)
    bench_index.add(benches)
    bench_engine.add(benches)
    bench_typing.add(benches)
    compare = benches.add_parser("compare", help="compare two runs of 'lines' over the same places")
    compare.add_argument("before", type=Path, metavar="BEFORE.jsonl", help="what --cases wrote")
    compare.add_argument("after", type=Path, metavar="AFTER.jsonl", help="the same of the other run")
    compare.set_defaults(run=run_compare)
    fit_gate.add(benches)


def run_lines(arguments: argparse.Namespace) -> int:
    """Measure, print the report, write the files asked for."""
    report, cases = asyncio.run(_measure(arguments))
    _show(report, cases, arguments)
    return 0


def run_compare(arguments: argparse.Namespace) -> int:
    """Print what changed between two runs."""
    from lsp_server.bench.compare import pairs, read, table

    both = pairs(read(arguments.before), read(arguments.after))
    if not both:
        raise OffhandError("The two runs have no place in common: same workspaces, names and seed?")
    print(table(both))
    return 0


async def _measure(arguments: argparse.Namespace) -> "tuple[Report, list[Case]]":
    from lsp_server.bench import lines
    from lsp_server.bench.figures import figures
    from lsp_server.bench.report import Report, product
    from lsp_server.cli import local

    cases: list[Case] = []
    made_of: Product | None = None
    config, model = measuring.with_model(measuring.settings(), arguments.model)
    with measuring.Progress() as progress:
        chosen = measuring.choose(arguments, progress, blocks=arguments.blocks)
        for workspace, places, _about in chosen:
            async with local.engine(config, model) as session:
                made_of = product(session)
                async for case in lines.measure(session, workspace, places):
                    cases.append(case)
                    progress.step(workspace.name)
    assert made_of is not None
    measured = tuple(about for _, _, about in chosen)
    return Report(made_of, arguments.seed, arguments.n, measured, figures(cases)), cases


def _show(report: "Report", cases: "list[Case]", arguments: argparse.Namespace) -> None:
    import msgspec

    from lsp_server.bench.picture import picture
    from lsp_server.bench.report import to_json
    from lsp_server.bench.table import table

    measuring.show(
        arguments.json,
        lambda: table(report),
        lambda: to_json(report),
        (arguments.update, lambda: to_json(report, kept=True)),
        (arguments.cases, lambda: b"".join(msgspec.json.encode(case) + b"\n" for case in cases)),
        (arguments.picture, lambda: picture(report).encode()),
    )
