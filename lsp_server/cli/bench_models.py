"""``offhand bench models``: models side by side on your own code."""

import argparse
import asyncio
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lsp_server.base.errors import OffhandError
from lsp_server.cli import measuring

if TYPE_CHECKING:
    from lsp_server.bench.lines import Case
    from lsp_server.bench.models import Models
    from lsp_server.bench.report import Product


def add(benches: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = benches.add_parser(
        "models",
        help="compare models with each other and with the memory alone",
        description="Ask several models at the places of 'lines', each network alone and with all of the product "
        "around it. A model named by its folder need not be installed: to name it is to trust it.",
    )
    measuring.add_places(parser)
    measuring.add_blocks(parser)
    measuring.add_model(parser, several=True)
    measuring.add_outputs(parser, picture=False)
    parser.add_argument(
        "--cases",
        type=Path,
        metavar="FOLDER",
        help="write one line of JSON a place into LABEL-WAY.jsonl there; no code is in it",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure, print the table, write the files asked for."""
    from lsp_server.bench.models import together
    from lsp_server.bench.models_report import table
    from lsp_server.bench.report import plain_json

    if arguments.update:
        _kept(arguments.update)  # before the time is spent on what could not be written
    models, cases = asyncio.run(_measure(arguments))
    if arguments.update:
        models = together(models, _kept(arguments.update))
    measuring.show(
        arguments.json,
        lambda: table(models),
        lambda: plain_json(models),
        (arguments.update, lambda: plain_json(models)),
    )
    if arguments.cases:
        for (label, way), mine in cases.items():
            path = arguments.cases / f"{label}-{way}.jsonl"
            measuring.write_all(((path, partial(_lines, mine)),))
    return 0


def _lines(cases: "list[Case]") -> bytes:
    import msgspec

    return b"".join(msgspec.json.encode(case) + b"\n" for case in cases)


def _kept(path: Path) -> "Models | None":
    import msgspec

    from lsp_server.bench.models import Models

    try:
        return msgspec.json.decode(path.read_bytes(), type=Models)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise OffhandError(f"{path} is no kept result: {error}. Name another file.") from error


async def _measure(arguments: argparse.Namespace) -> "tuple[Models, dict[tuple[str, str], list[Case]]]":
    from lsp_server.bench.models import Models, answered, measure, ways_of
    from lsp_server.bench.report import product
    from lsp_server.cli import local

    asked = measuring.models(arguments.models)
    cases: dict[tuple[str, str], list[Case]] = {}
    made_of: dict[str, Product] = {}
    with measuring.Progress() as progress:
        chosen = measuring.choose(arguments, progress, blocks=arguments.blocks, times=len(asked))
        for workspace, places, _about in chosen:
            for label, (config, model) in asked.items():
                ways = ways_of(config.engine)
                async with local.engine(config, model) as session:
                    made_of[label] = product(session)
                    async for some in measure(session, workspace, places, ways):
                        for way, case in some.items():
                            cases.setdefault((label, way), []).append(case)
                        progress.step(f"{workspace.name}, {label}")
    measured = tuple(about for _, _, about in chosen)
    rows = tuple(
        answered(label, made, {way: mine for (name, way), mine in cases.items() if name == label})
        for label, made in made_of.items()
    )
    return Models(arguments.seed, arguments.n, arguments.blocks, measured, rows), cases
