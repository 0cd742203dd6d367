"""``offhand bench typing``: typing replayed in real time, and how long ghost text is waited for."""

import argparse
import asyncio
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsp_server.base.errors import OffhandError
from lsp_server.cli import measuring

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lsp_server.bench.files import Workspace
    from lsp_server.bench.typing.run import Run, Typing
    from lsp_server.bench.typing.script import Script
    from lsp_server.bench.typing.subject import Subject
    from lsp_server.models.store import Model

#: Keys of a script: at the rhythm of most people about four minutes.
_KEYS = 600

#: Name of the step that types into another program.
_PEER = "peer"


def add(benches: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = benches.add_parser(
        "typing",
        help="replay typing in real time: how long ghost text takes, what it saves and costs",
        description="Cut bodies of functions out of the source files of workspaces and type them anew, key by key in "
        "real time, as editors speak to the server. Nothing is written into the workspaces, and nothing is learnt from "
        "what is typed.",
    )
    parser.add_argument("directories", nargs="*", type=Path, metavar="DIR", help="a workspace")
    parser.add_argument("--keys", type=measuring.positive, default=_KEYS, help=f"in each (default {_KEYS})")
    parser.add_argument(
        "--profile",
        choices=("fast", "typical", "slow", "all"),
        default="typical",
        help="how fast somebody types: 115, 170 or 300 ms between most keys (default typical)",
    )
    parser.add_argument(
        "--acceptor",
        choices=("none", "a", "b"),
        default="a",
        help="what is accepted: nothing, whole texts that are right (default), each next word that is right",
    )
    parser.add_argument("--seed", type=int, default=1, help="another seed types other lines (default 1)")
    parser.add_argument("--language", default="", help="files of this language only")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a setting of the server, as in its settings file; may be given again. Your own file does not count",
    )
    parts = parser.add_mutually_exclusive_group()
    parts.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="PART",
        help="leave a part of speculation out, or 'all'",
    )
    parts.add_argument(
        "--ablation",
        action="store_true",
        help="with one part of speculation more each time, beginning with none",
    )
    parser.add_argument(
        "--peer",
        metavar="LLAMA-SERVER",
        help="type the same into llama.cpp's server too, asked as llama.vim asks it, with the same model: the "
        "command's name or path",
    )
    measuring.add_json(parser)
    parser.add_argument("--html", type=Path, metavar="FILE", help="draw the result as a page")
    parser.add_argument(
        "--from",
        dest="earlier",
        type=Path,
        metavar="FILE",
        help="type nothing: show a result that --json wrote",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Type, print the table, write the files asked for; exit status 1 when a run came to no end.

    Raises:
        OffhandError: something that the arguments name is not there, or a file cannot be written.
    """
    from lsp_server.bench.report import plain_json
    from lsp_server.bench.typing.page import typing_page
    from lsp_server.bench.typing.table import table

    if bool(arguments.directories) == bool(arguments.earlier):
        raise OffhandError("Name a workspace to type in, or an earlier result with --from.")
    typing = _earlier(arguments.earlier) if arguments.earlier else asyncio.run(_measure(arguments))
    page = (arguments.html, lambda: typing_page(typing).encode())
    measuring.show(arguments.json, lambda: table(typing), lambda: plain_json(typing), page)
    return 1 if any(one.fault for one in typing.runs) else 0


def _earlier(path: Path) -> "Typing":
    """The result in a file.

    Raises:
        OffhandError: there is none.
    """
    import msgspec

    from lsp_server.bench.typing.run import Typing

    try:
        typing = msgspec.json.decode(path.read_bytes(), type=Typing)
    except OSError as error:
        raise OffhandError(f"{path} cannot be read: {error.strerror}.") from error
    except msgspec.DecodeError as error:
        raise OffhandError(f"{path} is no result of bench typing: {error}.") from error
    if not typing.runs:
        raise OffhandError(f"{path} is the result of no run.")
    return typing


async def _measure(arguments: argparse.Namespace) -> "Typing":
    import lsp_server
    from lsp_server.bench import files
    from lsp_server.bench.typing.run import Typed, Typing, run
    from lsp_server.bench.typing.script import script
    from lsp_server.bench.typing.typist import PROFILES, gaps
    from lsp_server.context.languages import Grammars

    settings = _settings(arguments.set)
    model = measuring.model(str(settings.get("model", "bundled")))
    steps = list(_steps(arguments))
    profiles = list(PROFILES) if arguments.profile == "all" else [arguments.profile]
    typed: list[Typed] = []
    scripts: list[tuple[Workspace, Script]] = []
    for directory in arguments.directories:
        workspace = files.workspace(directory)
        sources = files.sources(workspace.root, Grammars(), arguments.language)
        made = script(sources, arguments.keys, arguments.seed)
        mark = files.fingerprint(sources)
        typed.append(
            Typed(workspace.name, workspace.commit, mark, len(made.documents), len(made.stretches), made.keys)
        )
        scripts.append((workspace, made))
    runs: list[Run] = []
    with measuring.Progress() as progress:
        planned = [
            (workspace, made, gaps(made, PROFILES[profile], arguments.seed), profile, step)
            for workspace, made in scripts
            for profile in profiles
            for step in steps
        ]
        clock = _Clock(progress, [(made.keys, drawn.seconds) for _, made, drawn, _, _ in planned])
        for workspace, made, drawn, profile, (name, without) in planned:
            subject = _subject(arguments, settings, model, name, without)
            clock.begin(f"{workspace.name}, {profile}, {subject.name} {name}".rstrip())
            about = (workspace.name, profile, "" if name == _PEER else name)
            runs.append(
                await run(
                    about, workspace.root, made, drawn, subject, arguments.acceptor, clock.say, clock.step
                )
            )
    return Typing(
        version=lsp_server.__version__,
        model=model.manifest.name,
        sha256=model.manifest.model.sha256,
        seed=arguments.seed,
        keys=arguments.keys,
        cores=os.cpu_count() or 1,
        workspaces=tuple(typed),
        runs=tuple(runs),
    )


def _steps(arguments: argparse.Namespace) -> "Iterator[tuple[str, tuple[str, ...]]]":
    """Names of what is typed into, and the parts that are left out of it.

    Raises:
        OffhandError: there is no such part, or no such peer.
    """
    from lsp_server.bench.typing.offhand import PARTS
    from lsp_server.bench.typing.run import STEPS

    unknown = sorted(set(arguments.without) - {*PARTS, "all"})
    if unknown:
        raise OffhandError(f"There is no part {unknown[0]} of speculation. Parts: {', '.join(PARTS)}, all.")
    if arguments.peer and shutil.which(arguments.peer) is None:
        raise OffhandError(f"There is no command {arguments.peer}.")
    if arguments.ablation:
        yield from ((step.name, step.without) for step in STEPS)
    else:
        left_out = tuple(part for part in PARTS if {part, "all"} & set(arguments.without))
        yield "without " + ", ".join(left_out) if left_out else "", left_out
    if arguments.peer:
        yield _PEER, ()


def _settings(given: list[str]) -> dict[str, Any]:
    """The settings of ``--set``.

    Raises:
        OffhandError: one is no setting, or has no such value.
    """
    import msgspec

    from lsp_server.base.config import Config, merge

    found: dict[str, Any] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals:
            raise OffhandError(f"'{one}' is no setting: write KEY=VALUE.")
        try:
            found[name] = msgspec.toml.decode(f"value = {value}")["value"]
        except msgspec.DecodeError:
            found[name] = value  # a word without quotes
    _config, warnings = merge(Config(), found, "--set")
    if warnings:
        raise OffhandError(warnings[0])
    return found


def _subject(
    arguments: argparse.Namespace,
    settings: dict[str, Any],
    model: "Model",
    name: str,
    without: tuple[str, ...],
) -> "Subject":
    """Who completes in a step."""
    from lsp_server.bench.typing.offhand import Offhand
    from lsp_server.lsp.client import Editor

    if name != _PEER:
        return Offhand(Editor(), settings, without)
    return _llama_vim(arguments.peer, settings, model)


def _llama_vim(command: str, settings: dict[str, Any], model: "Model") -> "Subject":
    from lsp_server.bench.typing.llama_vim import LlamaVim
    from lsp_server.completion.asking import context_of
    from lsp_server.prompt.families import family

    prompt = family(model.manifest.template).prompt
    behind, before = prompt.find("{behind}"), max(prompt.find("{before}"), prompt.find("{line}"))
    threads = settings.get("threads", "auto")
    subject: Subject = LlamaVim(
        Path(shutil.which(command) or command),
        model.model_file,
        context=context_of(model.manifest),
        suffix_first=0 <= behind < before,
        threads=0 if threads == "auto" else threads,
    )
    return subject


class _Clock:
    """Says which run it is, and how long all of them will take: a script's time is known before it is typed.

    Args:
        runs: keys and seconds of each.
    """

    def __init__(self, progress: measuring.Progress, runs: "list[tuple[int, float]]") -> None:
        self._progress = progress
        self._runs = runs
        self._number = 0
        self._name = ""

    def begin(self, name: str) -> None:
        """The next run."""
        self._number += 1
        self._name = name

    def say(self, text: str) -> None:
        """What is going on in it."""
        self._progress.say(f"{self._name}: {text}")

    def step(self, keys: int) -> None:
        """So many keys of it are done."""
        total, seconds = self._runs[self._number - 1]
        left = (1 - keys / total) * seconds + sum(later for _, later in self._runs[self._number :])
        run = f"run {self._number} of {len(self._runs)}"
        self.say(f"{run}, {keys} of {total} keys, about {left / 60:.0f} min left")
