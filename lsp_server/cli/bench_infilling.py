"""``offhand bench infilling``: published benchmarks of holes in texts."""

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from lsp_server.cli import measuring

if TYPE_CHECKING:
    from lsp_server.bench.infilling import Benchmark, Hole, Infilling
    from lsp_server.bench.lines import Case
    from lsp_server.bench.report import Product


def add(benches: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = benches.add_parser(
        "infilling",
        help="fill the holes of a published benchmark",
        description="Have the holes of a benchmark's file filled: HumanEval infilling (single lines, random spans), or "
        "CrossCodeEval as TabbyML/tabby has it, once more with the other files' text open beside. The texts are "
        "compared; nothing is run.",
    )
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="JSON line by line, compressed or not"
    )
    parser.add_argument(
        "-n", type=measuring.positive, default=1_000_000, help="at most so many of each file, evenly spread"
    )
    measuring.add_model(parser, several=True)
    measuring.add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure, print the table, write the file asked for."""
    from lsp_server.bench.infilling import table
    from lsp_server.bench.report import plain_json

    found = asyncio.run(_measure(arguments))
    measuring.show(arguments.json, lambda: table(found), lambda: plain_json(found))
    return 0


async def _measure(arguments: argparse.Namespace) -> "Infilling":
    from lsp_server.bench import infilling
    from lsp_server.bench.models import WAYS, ways_of
    from lsp_server.bench.report import product
    from lsp_server.cli import local

    models = measuring.models(arguments.models)
    files = [(path.name, infilling.read(path)) for path in arguments.files]
    asked = [infilling.asked(holes, arguments.n) for _, holes in files]
    products: dict[str, Product] = {}
    benchmarks: dict[str, tuple[Benchmark, ...]] = {}
    with measuring.Progress() as progress:
        progress.expect(len(models) * sum(map(len, asked)))
        for label, (config, model) in models.items():
            found: list[Benchmark] = []
            for (name, holes), some in zip(files, asked, strict=True):
                answers: list[tuple[Hole, dict[str, Case]]] = []
                async with local.engine(config, model) as session:
                    products[label] = product(session)
                    ways = {way: WAYS[way] for way in ways_of(config.engine)}
                    async for answer in infilling.measure(session, name, some, ways):
                        answers.append(answer)
                        progress.step(f"{name}, {label}")
                blank = sum(not hole.answer.strip() for hole in holes)
                found.append(infilling.benchmark(name, blank, answers))
            benchmarks[label] = tuple(found)
    return infilling.Infilling(products, benchmarks)
