"""``offhand bench engine``: how fast each engine is with a model here, and what becomes of it beside other programs."""

import argparse
from typing import TYPE_CHECKING

from lsp_server.base.errors import OffhandError
from lsp_server.cli import measuring

if TYPE_CHECKING:
    from lsp_server.engine.messages import Load

_ENGINES = ("llama_cpp", "ctransformers")


def add(benches: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = benches.add_parser(
        "engine",
        help="engines side by side: load, prompt, token, memory; and beside busy programs",
        description="Load a model into each engine that can run it, each in a process of its own, and time them in "
        "turns: prompts, single tokens, batches that return every row, snapshots, stopping.",
    )
    measuring.add_model(parser, alone=False)
    parser.add_argument(
        "--engine", action="append", choices=_ENGINES, help="only this one; may be given again"
    )
    parser.add_argument("--rounds", type=measuring.positive, default=5, metavar="N", help="turns (default 5)")
    parser.add_argument("--threads", type=measuring.positive, default=1, metavar="N", help="default 1")
    parser.add_argument(
        "--under-load",
        type=measuring.positive,
        metavar="N",
        help="in place of all that: the time of a token alone and beside N busy programs, with one thread and with two",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure and print."""
    import msgspec

    from lsp_server.bench import engine, engine_report

    loads = _loads(arguments.model, arguments.engine or (), arguments.threads)
    with measuring.Progress() as progress:
        if arguments.under_load:
            loaded = engine.under_load(loads, arguments.under_load, progress.say)
            text, found = engine_report.load_table(loaded), msgspec.json.encode({"under_load": loaded})
        else:
            measured = engine.side_by_side(loads, arguments.rounds, progress.say)
            text, found = engine_report.table(measured), msgspec.json.encode({"engines": measured})
    print(found.decode() if arguments.json else text)
    return 0


def _loads(which: str, wanted: "tuple[str, ...] | list[str]", threads: int) -> "list[Load]":
    """What each engine is told to load.

    Raises:
        OffhandError: there is no such model, or it is damaged, or none of the engines can run it.
    """
    import msgspec

    from lsp_server.base.config import Config
    from lsp_server.cli import local
    from lsp_server.completion.session import Session
    from lsp_server.completion.startup import OLD_ARCHITECTURES, load_message
    from lsp_server.models import store

    model = measuring.model(which or local.settings().model)
    store.verify(model)
    able = _ENGINES if model.manifest.architecture in OLD_ARCHITECTURES else _ENGINES[:1]
    engines = [name for name in able if not wanted or name in wanted]
    if not engines:
        raise OffhandError(
            f"ctransformers cannot run {model.manifest.name}: it is of the architecture {model.manifest.architecture}."
        )
    load = load_message(Session(Config(threads=threads)), model)
    return [msgspec.structs.replace(load, engine=name, otherwise="") for name in engines]
