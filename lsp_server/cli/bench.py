"""``offhand bench``: the product measures itself on your own code."""

import argparse
import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from lsp_server.base.errors import OffhandError
from lsp_server.cli import bench_memory, fit_gate

if TYPE_CHECKING:
    from lsp_server.bench.files import Source, Workspace
    from lsp_server.bench.lines import Case
    from lsp_server.bench.report import Measured, Product, Report
    from lsp_server.bench.sample import Place

#: Random cursors asked for in each workspace; half as many whole lines come on top.
_NUMBER = 300

#: Longest time for one answer (ms). So long that no busy machine changes a figure of quality.
_PATIENCE_MS = 20_000

#: Seconds between two lines of progress where there is no terminal, and where there is one.
_PACE_S, _TERMINAL_PACE_S = 10.0, 0.2


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
    lines.add_argument("directories", nargs="+", type=Path, metavar="DIR", help="a workspace")
    lines.add_argument(
        "-n", type=_positive, default=_NUMBER, help=f"random cursors in each (default {_NUMBER})"
    )
    lines.add_argument("--seed", type=int, default=1, help="another seed chooses other places (default 1)")
    lines.add_argument("--language", default="", help="files of this language only")
    lines.add_argument(
        "--name",
        action="append",
        default=[],
        metavar="NAME[@COMMIT]",
        help="what to call a DIR, in their order, and the commit that it is at where it is no git checkout",
    )
    lines.add_argument(
        "--json",
        nargs="?",
        const="-",
        metavar="FILE",
        help="write the report as JSON (default: standard output)",
    )
    lines.add_argument(
        "--cases", type=Path, metavar="FILE", help="write one line of JSON a place; no code is in it"
    )
    lines.add_argument("--picture", type=Path, metavar="FILE.svg", help="draw the report")
    lines.add_argument(
        "--update", type=Path, metavar="FILE", help="write the report as JSON without times, to keep in git"
    )
    lines.set_defaults(run=run_lines)
    bench_memory.add(benches)
    compare = benches.add_parser("compare", help="compare two runs of 'lines' over the same places")
    compare.add_argument("before", type=Path, metavar="BEFORE.jsonl", help="what --cases wrote")
    compare.add_argument("after", type=Path, metavar="AFTER.jsonl", help="the same of the other run")
    compare.set_defaults(run=run_compare)
    fit_gate.add(benches)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number above 0")
    return int(text)


def run_lines(arguments: argparse.Namespace) -> int:
    """Measure, print the report, write the files asked for."""
    from lsp_server.bench import files

    names = [*arguments.name, *[""] * len(arguments.directories)]
    if len(arguments.name) > len(arguments.directories):
        raise OffhandError("There are more names than directories.")
    workspaces = [
        files.workspace(root, name) for root, name in zip(arguments.directories, names, strict=False)
    ]
    called = [workspace.name for workspace in workspaces]
    for name in called:
        if called.count(name) > 1:
            raise OffhandError(f"Two directories are called {name}: tell them apart with --name.")
    report, cases = asyncio.run(_measure(workspaces, arguments.n, arguments.seed, arguments.language))
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


async def _measure(
    workspaces: "list[Workspace]", number: int, seed: int, language: str
) -> "tuple[Report, list[Case]]":
    import msgspec

    from lsp_server.bench import lines
    from lsp_server.bench.figures import figures
    from lsp_server.bench.report import Report, product
    from lsp_server.cli import local

    # What keeps the editor quiet, and what a busy machine would change, is no matter of quality.
    config = msgspec.structs.replace(
        local.settings(), enabled=True, disabled_languages=(), deadline_ms=_PATIENCE_MS
    )
    chosen: list[tuple[Workspace, list[Place], Measured]] = []
    cases: list[Case] = []
    made_of: Product | None = None
    with _Progress() as progress:
        for workspace in workspaces:
            progress.say(f"choosing places in {workspace.name}")
            chosen.append(_choose(workspace, number, seed, language))
        progress.expect(sum(len(places) for _, places, _ in chosen))
        for workspace, places, _about in chosen:
            async with local.engine(config) as session:
                made_of = product(session)
                async for case in lines.measure(session, workspace, places):
                    cases.append(case)
                    progress.step(workspace.name)
    assert made_of is not None
    return Report(made_of, seed, number, tuple(about for _, _, about in chosen), figures(cases)), cases


def _choose(
    workspace: "Workspace", number: int, seed: int, language: str
) -> "tuple[Workspace, list[Place], Measured]":
    from lsp_server.bench import files
    from lsp_server.bench.report import Measured
    from lsp_server.bench.sample import sample
    from lsp_server.context.languages import Grammars

    sources: list[Source] = files.sources(workspace.root, Grammars(), language)
    places = sample(sources, number, (number + 1) // 2, seed)
    if not places:
        what = f"{language} source files" if language else "source files"
        raise OffhandError(f"There are no {what} with code in {workspace.root}.")
    return (
        workspace,
        places,
        Measured(
            name=workspace.name,
            commit=workspace.commit,
            fingerprint=files.fingerprint(sources),
            files=len(sources),
            files_asked=len({place.source.name for place in places}),
            rest=sum(place.kind == "rest" for place in places),
            whole=sum(place.kind == "whole" for place in places),
        ),
    )


def _show(report: "Report", cases: "list[Case]", arguments: argparse.Namespace) -> None:
    import msgspec

    from lsp_server.bench.picture import picture
    from lsp_server.bench.report import to_json, write
    from lsp_server.bench.table import table

    if arguments.json == "-":
        print(to_json(report).decode(), end="")
    else:
        print(table(report))
    try:
        if arguments.json not in (None, "-"):
            write(Path(arguments.json), to_json(report))
        if arguments.update:
            write(arguments.update, to_json(report, kept=True))
        if arguments.cases:
            write(arguments.cases, b"".join(msgspec.json.encode(case) + b"\n" for case in cases))
        if arguments.picture:
            write(arguments.picture, picture(report).encode())
    except OSError as error:
        raise OffhandError(f"{error.filename} cannot be written: {error.strerror}.") from error


class _Progress:
    """Says on stderr how far it is, once it takes longer than a second; a terminal's line is left empty in the end."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._pace = _TERMINAL_PACE_S if self._terminal else _PACE_S
        self._next = time.monotonic() + max(1.0, self._pace)
        self._total = self._count = 0
        self._begun = 0.0

    def __enter__(self) -> "_Progress":
        return self

    def __exit__(self, *_error: object) -> None:
        if self._terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def expect(self, total: int) -> None:
        self._total, self._begun = total, time.monotonic()

    def step(self, where: str) -> None:
        self._count += 1
        rate = self._count / max(time.monotonic() - self._begun, 1e-3)
        left = (self._total - self._count) / rate
        self.say(f"{self._count} of {self._total} places, {rate:.1f} a second, {left:.0f} s left ({where})")

    def say(self, text: str) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + self._pace
        if self._terminal:
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
        else:
            print(text, file=sys.stderr, flush=True)
