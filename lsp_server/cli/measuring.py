"""What commands share that measure at places of workspaces: arguments, the choice of places, settings, progress."""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lsp_server.base.errors import OffhandError

if TYPE_CHECKING:
    from lsp_server.base.config import Config
    from lsp_server.bench.files import Source, Workspace
    from lsp_server.bench.report import Measured
    from lsp_server.bench.sample import Place
    from lsp_server.models.store import Model

    Chosen = tuple[Workspace, list[Place], Measured]

#: Random cursors asked for in each workspace; half as many whole lines come on top.
_NUMBER = 300

#: Longest time for one answer (ms). So long that no busy machine changes a figure of quality.
_PATIENCE_MS = 20_000

#: Seconds between two lines of progress where there is no terminal, and where there is one.
_PACE_S, _TERMINAL_PACE_S = 10.0, 0.2


def add_places(parser: argparse.ArgumentParser) -> None:
    """The arguments that choose places."""
    parser.add_argument("directories", nargs="+", type=Path, metavar="DIR", help="a workspace")
    parser.add_argument(
        "-n", type=positive, default=_NUMBER, help=f"random cursors in each (default {_NUMBER})"
    )
    parser.add_argument("--seed", type=int, default=1, help="another seed chooses other places (default 1)")
    parser.add_argument("--language", default="", help="files of this language only")
    parser.add_argument(
        "--name",
        action="append",
        default=[],
        metavar="NAME[@COMMIT]",
        help="what to call a DIR, in their order, and the commit that it is at where it is no git checkout",
    )


def add_blocks(parser: argparse.ArgumentParser) -> None:
    """The argument that asks for blocks too."""
    parser.add_argument(
        "--blocks",
        type=positive,
        default=0,
        metavar="N",
        help="short blocks in each besides, to be completed as a whole (default none: one takes as long as several "
        "lines)",
    )


def add_model(parser: argparse.ArgumentParser, *, alone: bool = True, several: bool = False) -> None:
    """The argument that names a model, or models; ``alone`` allows none at all."""
    meaning = "name of an installed model, or path of a model's folder, with a slash in it, whose manifest is trusted"
    meaning += "; 'none' is the memory alone" if alone else ""
    if several:
        parser.add_argument(
            "--model",
            action="append",
            dest="models",
            metavar="[LABEL=]MODEL",
            help=f"{meaning}. May be given again (default: the settings' model, and 'none')",
        )
    else:
        parser.add_argument("--model", default="", help=f"{meaning} (default: the settings' model)")


def add_json(parser: argparse.ArgumentParser) -> None:
    """The argument that asks for JSON."""
    parser.add_argument(
        "--json",
        nargs="?",
        const="-",
        metavar="FILE",
        help="write the result as JSON (default: standard output)",
    )


def model(which: str) -> "Model":
    """The model of a name, or in a folder.

    Raises:
        ModelError: there is none.
    """
    from lsp_server.models import choosing, store

    return choosing.find(which) if Path(which).name == which else store.at(Path(which))


def with_model(config: "Config", which: str) -> "tuple[Config, Model | None]":
    """The settings for a model that the command line names, and the model.

    Args:
        which: empty for the settings' own, ``none`` for the memory alone.

    Raises:
        ModelError: there is no such model.
    """
    import msgspec

    if not which:
        return config, None
    if which == "none":
        return msgspec.structs.replace(config, engine="memory"), None
    engine = "auto" if config.engine == "memory" else config.engine
    return msgspec.structs.replace(config, engine=engine), model(which)


def models(arguments: "Sequence[str] | None") -> "dict[str, tuple[Config, Model | None]]":
    """The settings for each model that ``add_model`` took, by its label.

    Raises:
        OffhandError: two have the same label, or there is no such model.
    """
    found: dict[str, tuple[Config, Model | None]] = {}
    for argument in arguments or ("", "none"):
        label, _, which = argument.rpartition("=")
        label = label or Path(which).name or "settings"
        if label in found:
            raise OffhandError(f"Two models are called {label}: tell them apart with LABEL=MODEL.")
        found[label] = with_model(settings(), which)
    return found


def add_outputs(parser: argparse.ArgumentParser, *, picture: bool = True) -> None:
    """The arguments that say where the report goes."""
    add_json(parser)
    if picture:
        parser.add_argument("--picture", type=Path, metavar="FILE.svg", help="draw the report")
    parser.add_argument(
        "--update",
        type=Path,
        metavar="FILE",
        help="write the report as JSON without times, to keep in git; refused where FILE has other source files at "
        "the same commit",
    )


def positive(text: str) -> int:
    """An argument that is a number above 0."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number above 0")
    return int(text)


def settings() -> "Config":
    """The user's settings, less what keeps the editor quiet and what a busy machine would change: both are no matter
    of quality."""
    import msgspec

    from lsp_server.cli import local

    return msgspec.structs.replace(
        local.settings(), enabled=True, disabled_languages=(), deadline_ms=_PATIENCE_MS
    )


def choose(
    arguments: argparse.Namespace, progress: "Progress", *, blocks: int = 0, times: int = 1
) -> "list[Chosen]":
    """The places in each workspace.

    Args:
        blocks: how many blocks in each.
        times: how often each place will be visited.

    Raises:
        OffhandError: a folder is missing or holds no code, names are missing or the same; or other files were measured
            under the same name and commit.
    """
    from lsp_server.bench import files
    from lsp_server.bench.report import check_kept

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
    chosen = []
    for workspace in workspaces:
        progress.say(f"choosing places in {workspace.name}")
        chosen.append(_choose(workspace, arguments.n, blocks, arguments.seed, arguments.language))
    if arguments.update:
        check_kept(arguments.update, [about for _, _, about in chosen])
    progress.expect(times * sum(len(places) for _, places, _ in chosen))
    return chosen


def _choose(workspace: "Workspace", number: int, blocks: int, seed: int, language: str) -> "Chosen":
    from lsp_server.bench import files
    from lsp_server.bench.report import Measured
    from lsp_server.bench.sample import sample
    from lsp_server.context.languages import Grammars

    sources: list[Source] = files.sources(workspace.root, Grammars(), language)
    places = sample(sources, number, (number + 1) // 2, seed, blocks)
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
            blocks=sum(place.kind == "block" for place in places),
        ),
    )


def write_all(files: "Sequence[tuple[str | Path | None, Callable[[], bytes]]]") -> None:
    """Write what was asked for.

    Args:
        files: where to, nothing for not at all, and what makes it.

    Raises:
        OffhandError: one cannot be written.
    """
    from lsp_server.bench.report import write

    try:
        for path, make in files:
            if path:
                write(Path(path), make())
    except OSError as error:
        raise OffhandError(f"{error.filename} cannot be written: {error.strerror}.") from error


def show(
    where: str | None,
    text: "Callable[[], str]",
    data: "Callable[[], bytes]",
    *others: "tuple[str | Path | None, Callable[[], bytes]]",
) -> None:
    """Print a result, and write the files asked for.

    Args:
        where: what ``--json`` was given: JSON is printed in the place of the text, or written to a file beside it.
        text, data: make the two forms.
        others: more files, as for ``write_all``.

    Raises:
        OffhandError: a file cannot be written.
    """
    to_stdout = where == "-"
    print(data().decode().rstrip("\n") if to_stdout else text())
    write_all(((None if to_stdout else where, data), *others))


class Progress:
    """Says on stderr how far it is, once it takes longer than a second; a terminal's line is left empty in the end."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._pace = _TERMINAL_PACE_S if self._terminal else _PACE_S
        self._next = time.monotonic() + max(1.0, self._pace)
        self._total = self._count = 0
        self._begun = 0.0

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_error: object) -> None:
        if self._terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def expect(self, total: int) -> None:
        """So many places are to come."""
        self._total, self._begun = total, time.monotonic()

    def step(self, where: str) -> None:
        """A place more is done."""
        self._count += 1
        rate = self._count / max(time.monotonic() - self._begun, 1e-3)
        left = (self._total - self._count) / rate
        self.say(f"{self._count} of {self._total} places, {rate:.1f} a second, {left:.0f} s left ({where})")

    def say(self, text: str) -> None:
        """Say something, unless something was said just now."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + self._pace
        if self._terminal:
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
        else:
            print(text, file=sys.stderr, flush=True)
