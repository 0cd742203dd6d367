"""``offhand context FILE:LINE:COLUMN``: what would stand in the prompt there, and why."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from lsp_server.base.errors import OffhandError

if TYPE_CHECKING:
    from lsp_server.completion.picture import Picture

#: What a source of pieces knows, in words.
_SOURCES = {
    "receiver": "members of what the cursor is behind",
    "habit": "used behind the same name elsewhere",
    "base": "what the class builds on",
    "own": "defined elsewhere in this file",
    "definition": "what a name nearby stands for",
    "usage": "calls the function being written",
    "counterpart": "the test of this file, or what it tests",
    "similar": "code with the same rare names",
}

#: A smaller prompt has no room for a line (tokens).
_LEAST = 128

_BOLD, _DIM, _BLUE, _GREEN, _END = "\033[1m", "\033[2m", "\033[34m", "\033[32m", "\033[0m"


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "context", help="show what the model would see at one place of a file, and why"
    )
    parser.add_argument("place", metavar="FILE:LINE:COLUMN", help="where, counted from 1")
    parser.add_argument(
        "--workspace",
        type=Path,
        metavar="DIR",
        help="folder whose files count (default: the git checkout that the file is in, or else the file's folder)",
    )
    parser.add_argument(
        "--tokens", type=int, metavar="N", help="size of the prompt (default: what the model takes)"
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object; 'prompt' is the exact text"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the picture."""
    drawn = asyncio.run(_draw(arguments))
    if arguments.json:
        import msgspec

        print(json.dumps(msgspec.to_builtins(drawn)))
    else:
        print("\n".join(describe(drawn, colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ)))
    return 0


async def _draw(arguments: argparse.Namespace) -> "Picture":
    from lsp_server.cli import local
    from lsp_server.completion import workspace
    from lsp_server.completion.picture import picture_at

    if arguments.tokens is not None and arguments.tokens < _LEAST:
        raise OffhandError(f"A prompt of {arguments.tokens} tokens holds nothing: name {_LEAST} at least.")
    async with local.engine(local.settings()) as session:
        snapshot = local.place(session, arguments.place)
        root = arguments.workspace or _checkout(Path(arguments.place.rsplit(":", 2)[0]))
        if not root.is_dir():
            raise OffhandError(f"There is no directory {root}.")
        workspace.follow(session, [str(root.resolve())])
        await workspace.settled(session)
        document = session.documents.get(snapshot.uri)
        assert document is not None
        return await picture_at(session, document, snapshot.line, snapshot.column, arguments.tokens or 0)


def _checkout(file: Path) -> Path:
    """The git checkout that a file is in, or else its folder."""
    folder = file.resolve().parent
    return next((parent for parent in (folder, *folder.parents) if (parent / ".git").exists()), folder)


def describe(drawn: "Picture", colour: bool) -> Iterator[str]:
    """A picture for people: the pieces of other files with reason, score and size, then the prompt."""

    def painted(text: str, paint: str) -> str:
        return f"{paint}{text}{_END}" if colour and text else text

    yield painted(f"{drawn.tokens} tokens", _BOLD) + (
        f", cursor behind {drawn.receiver}" if drawn.receiver else ""
    )
    if not drawn.snippets:
        yield "Nothing of other files is needed, or the workspace has nothing that fits."
    for one in reversed(drawn.snippets):
        why = _SOURCES.get(one.source, one.source)
        head = f"{one.tokens:>5} tokens  {one.score:4.2f}  {one.source:<11} {one.path}"
        yield f"{painted(head, _BLUE)}  {painted(why, _DIM)}"
    yield painted(f"looked for and counted in {drawn.milliseconds:.1f} ms", _DIM)
    yield ""
    yield "".join(painted(part.text, _GREEN) if part.special else part.text for part in drawn.parts)
