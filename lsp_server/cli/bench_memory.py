"""``offhand bench memory`` and ``fit-memory``: how large and quick the copy memory is, and learning its numbers."""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lsp_server.base.errors import OffhandError
from lsp_server.cli import measuring

if TYPE_CHECKING:
    from lsp_server.bench.files import Workspace
    from lsp_server.bench.fit_memory import Seen

#: Places in each workspace that the numbers are learnt from.
_NUMBER = 300


def add(benches: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the two commands."""
    memory = benches.add_parser(
        "memory",
        help="size and speed of the copy memory",
        description="Fill the copy memory with the source files of folders and measure how long that takes, how "
        "large it is, and how long a question takes.",
    )
    memory.add_argument("directories", nargs="+", type=Path, metavar="DIR")
    memory.add_argument(
        "--tokens",
        type=int,
        nargs="+",
        default=[1_000_000, 10_000_000],
        help="sizes to measure at (default: 1 and 10 million)",
    )
    memory.add_argument("--json", action="store_true", help="print a JSON list")
    memory.set_defaults(run=run)
    fit = benches.add_parser(
        "fit-memory",
        help="learn how far the memory is to be believed",
        description="Learn the numbers of the mixture of network and memory from workspaces that the model was not "
        "trained on.",
    )
    fit.add_argument("directories", nargs="+", type=Path, metavar="DIR", help="a workspace")
    fit.add_argument("-n", type=int, default=_NUMBER, help=f"places in each (default {_NUMBER})")
    fit.add_argument("--seed", type=int, default=7, help="another seed chooses other places (default 7)")
    fit.add_argument(
        "--name",
        action="append",
        default=[],
        metavar="NAME[@COMMIT]",
        help="what to call a DIR, in their order",
    )
    measuring.add_model(fit, alone=False)
    fit.add_argument(
        "--write", type=Path, metavar="FILE.json", help="write the numbers, and how they came about"
    )
    fit.set_defaults(run=run_fit)


def run(arguments: argparse.Namespace) -> int:
    """Print a row for each size."""
    import msgspec

    from lsp_server.bench.memory import measure
    from lsp_server.models import store

    for root in arguments.directories:
        if not root.is_dir():
            raise OffhandError(f"There is no directory {root}.")
    rows = []
    for row in measure(store.find(store.BUNDLED), arguments.directories, sorted(arguments.tokens), _progress):
        rows.append(row)
        if not arguments.json:
            print(
                f"{row.tokens:,} tokens of {row.documents:,} files: read in {row.read_s} s, "
                f"indexed in {row.build_s} s\n"
                f"    {row.bytes_per_token} bytes a token in {row.segments} segments, the process at most "
                f"{row.process_mb} MB\n"
                f"    a question {_times(row.query_ms)}\n    mixing     {_times(row.mix_ms)}"
            )
    if arguments.json:
        print(msgspec.json.encode(rows).decode())
    return 0


def _times(percentiles: tuple[float, float, float]) -> str:
    median, high, highest = percentiles
    return f"{median:.3f} ms in the median, {high:.3f} ms at 95 %, {highest:.3f} ms at 99 %"


def run_fit(arguments: argparse.Namespace) -> int:
    """Learn and print the numbers."""
    import msgspec

    from lsp_server.bench import files
    from lsp_server.bench.fit_memory import Mixing, fit, origin, weights

    names = [*arguments.name, *[""] * len(arguments.directories)]
    workspaces = [
        files.workspace(root, name) for root, name in zip(arguments.directories, names, strict=False)
    ]
    start = weights()
    parts, model = asyncio.run(_observe(workspaces, arguments.model, arguments.n, arguments.seed))
    everything = [seen for part in parts.values() for seen in part]
    _progress(f"fitting to {len(everything):,} tokens")
    fitted = fit(everything, start)
    for workspace, part in parts.items():
        others = [
            seen for other, seen_there in parts.items() if other is not workspace for seen in seen_there
        ]
        without = fit(others, start) if others else fitted
        mixing = Mixing(part, start.lengths, len(start.kinds))
        alone = mixing.surprise(msgspec.structs.replace(start, kinds=(0.0,) * len(start.kinds)))
        print(
            f"{workspace.name}: network alone {alone:.3f} nats a token, mixed {mixing.surprise(start):.3f} before, "
            f"{mixing.surprise(fitted):.3f} now, {mixing.surprise(without):.3f} learnt from the others only"
        )
    about = origin(parts, model, arguments.seed, fitted)
    text = msgspec.json.format(msgspec.json.encode(msgspec.structs.replace(fitted, origin=about)), indent=2)
    if arguments.write:
        try:
            arguments.write.write_bytes(text + b"\n")
        except OSError as error:
            raise OffhandError(f"{arguments.write} cannot be written: {error.strerror}.") from error
    else:
        print(text.decode())
    return 0


async def _observe(
    workspaces: "list[Workspace]", which: str, number: int, seed: int
) -> "tuple[dict[Workspace, list[Seen]], str]":
    from lsp_server.base.config import Config
    from lsp_server.bench import files, fit_memory
    from lsp_server.bench.sample import sample
    from lsp_server.cli import local
    from lsp_server.completion.session import Session
    from lsp_server.completion.startup import load_message
    from lsp_server.models import store

    session = Session(Config())
    session.model = model = measuring.model(which or local.settings().model)
    store.verify(model)
    parts: dict[Workspace, list[Seen]] = {}
    for workspace in workspaces:
        decoder = fit_memory.decoder(load_message(session, model))
        sources = files.sources(workspace.root, session.grammars)
        fit_memory.learn(decoder, sources)
        parts[workspace] = []
        for count, place in enumerate(sample(sources, number, number // 3, seed), 1):
            lines = files.read(place.source.path)
            if lines is not None:
                parts[workspace] += await fit_memory.observe(session, decoder, place, lines)
            if count % 50 == 0:
                _progress(f"{workspace.name}: {count} places, {len(parts[workspace])} tokens")
        decoder.engine.close()
    return parts, model.manifest.model.sha256


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
