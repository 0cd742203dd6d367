"""``offhand bench recall``: do the names that an answer needs stand in the prompt?"""

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from lsp_server.base.errors import OffhandError
from lsp_server.cli import measuring

if TYPE_CHECKING:
    from lsp_server.bench.files import Workspace
    from lsp_server.bench.infilling import Hole
    from lsp_server.bench.recall import Answer, Case, Recall

#: Cases in each folder.
_NUMBER = 100


def add(benches: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = benches.add_parser(
        "recall",
        help="do the names that an answer needs stand in the prompt?",
        description="Make the prompts for cursors whose answers are known, and tell in how many of them all names of "
        "the answer stand. In a folder, random rests of lines are asked for that need a name which their own file does "
        "not hold. A file is CrossCodeEval's, as TabbyML/tabby has it.",
    )
    parser.add_argument(
        "places", nargs="+", type=Path, metavar="DIR|CASES", help="a workspace, or a file of cases"
    )
    parser.add_argument(
        "--repositories",
        type=Path,
        metavar="DIR",
        help="folder with the repositories of a file's cases, each in a folder of the name that the file gives it",
    )
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="cases of this repository only"
    )
    parser.add_argument(
        "-n", type=measuring.positive, default=_NUMBER, help=f"cases in a folder (default {_NUMBER})"
    )
    parser.add_argument("--seed", type=int, default=1, help="another seed chooses other places (default 1)")
    parser.add_argument("--language", default="", help="files of this language only")
    parser.add_argument("--ablation", action="store_true", help="leave out each source of context in turn")
    parser.add_argument(
        "--missing", action="store_true", help="tell the names that are missing, case by case"
    )
    measuring.add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure, print the table, write the file asked for."""
    from lsp_server.bench.recall import table
    from lsp_server.bench.report import plain_json

    found = asyncio.run(_measure(arguments))
    measuring.show(arguments.json, lambda: table(found), lambda: plain_json(found))
    return 0


async def _measure(arguments: argparse.Namespace) -> "Recall":
    from lsp_server.bench import recall
    from lsp_server.cli import local
    from lsp_server.workspace.retrieval.piece import SOURCES

    ways: dict[str, recall.Without] = {"without other files": None, "with all sources": frozenset()}
    if arguments.ablation:
        ways |= {f"all but {source}": frozenset({source}) for source in SOURCES}
        ways |= {f"only {source}": frozenset(SOURCES) - {source} for source in SOURCES}
    run = recall.Recall({}, {}, {}, {}, {})
    with measuring.Progress() as progress:
        sets = [_set(place, arguments, progress) for place in arguments.places]
        progress.expect(sum(len(cases) for _, groups, _ in sets for _, cases in groups))
        for name, groups, left_out in sets:
            answers: list[Answer] = []
            for workspace, cases in groups:
                async with local.engine(measuring.settings()) as session:
                    async for answer in recall.measure(session, workspace, cases, ways):
                        answers.append(answer)
                        progress.step(workspace.name)
            run.sets[name] = recall.rows(answers)
            run.cases[name] = len(answers)
            run.left_out[name] = left_out
            missing = recall.lacking(answers, "with all sources")
            run.lacking[name] = len(missing), sum(not there for there, _ in missing.values())
            if arguments.missing:
                run.missing[name] = missing
    return run


_Groups = list[tuple["Workspace", list["Case"]]]


def _set(
    place: Path, arguments: argparse.Namespace, progress: measuring.Progress
) -> tuple[str, _Groups, int]:
    """The name of a set, its cases by their workspaces, and how many were left out.

    Raises:
        OffhandError: there is nothing to ask.
    """
    from lsp_server.bench import files, infilling, recall
    from lsp_server.context.languages import Grammars

    if place.is_dir():
        workspace = files.workspace(place)
        progress.say(f"choosing places in {workspace.name}")
        some = files.sources(workspace.root, Grammars(), arguments.language)
        cases = recall.cross_file(some, arguments.n, arguments.seed)
        if not cases:
            raise OffhandError(f"No line in {place} needs a name of another file.")
        return workspace.name, [(workspace, cases)], 0
    if arguments.repositories is None:
        raise OffhandError(
            f"{place} needs --repositories DIR: the folder with the repositories of its cases."
        )
    groups: dict[str, list[Hole]] = {}
    for hole in infilling.read(place):
        if not arguments.only or hole.project in arguments.only:
            groups.setdefault(hole.project, []).append(hole)
    found: _Groups = []
    left_out = 0
    for project, holes in groups.items():
        root = arguments.repositories / project
        if project and root.is_dir():
            workspace = files.workspace(root)
            found.append((workspace, [recall.of_hole(hole, workspace.root) for hole in holes]))
        else:
            left_out += len(holes)
    if not found:
        raise OffhandError(f"None of the repositories of {place} is in {arguments.repositories}.")
    return place.name, found, left_out
