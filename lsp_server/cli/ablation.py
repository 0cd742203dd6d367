"""``offhand bench ablation``: what each part of completing is worth on your own code."""

import argparse
import asyncio
from typing import TYPE_CHECKING

from lsp_server.cli import measuring

if TYPE_CHECKING:
    from lsp_server.bench.ablation import Ablation, Answer
    from lsp_server.bench.report import Product


def add(benches: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = benches.add_parser(
        "ablation",
        help="tell what each part of completing is worth",
        description="Ask at the places of 'lines', with one part of completing more each time: the model, the memory, "
        "healing, candidates, filters, the gate. Snippets of other files in the prompt are no step: Offhand does not "
        "do that yet.",
    )
    measuring.add_places(parser)
    measuring.add_outputs(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure, print the table, write the files asked for."""
    from lsp_server.bench.ablation_report import picture, table
    from lsp_server.bench.report import plain_json

    ablation = asyncio.run(_measure(arguments))
    measuring.show(
        arguments.json,
        lambda: table(ablation),
        lambda: plain_json(ablation),
        (arguments.update, lambda: plain_json(ablation, ("median_ms",))),
        (arguments.picture, lambda: picture(ablation).encode()),
    )
    return 0


async def _measure(arguments: argparse.Namespace) -> "Ablation":
    import msgspec

    from lsp_server.bench.ablation import Ablation, measure, outcomes
    from lsp_server.bench.report import product
    from lsp_server.cli import local

    # The mode that most people have: what the gate shows is told of it.
    config = msgspec.structs.replace(measuring.settings(), mode="balanced")
    without_model = msgspec.structs.replace(config, engine="memory")
    answers: list[Answer] = []
    made_of: Product | None = None
    with measuring.Progress() as progress:
        chosen = measuring.choose(arguments, progress)
        for workspace, places, _about in chosen:
            async with local.engine(config) as network, local.engine(without_model) as alone:
                made_of = product(network)
                async for some in measure(network, alone, workspace, places):
                    answers += some
                    progress.step(workspace.name)
    assert made_of is not None
    measured = tuple(about for _, _, about in chosen)
    return Ablation(made_of, arguments.seed, arguments.n, measured, outcomes(answers))
