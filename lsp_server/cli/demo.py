"""``offhand demo``: the real server, asked as an editor asks it, at several places of a sample file.

Nothing is staged: what follows the cursor on its line is taken out of the document, and what the model then says is
shown as it is, right or wrong.
"""

import argparse
import asyncio
import os
import re
import sys
import time
from collections.abc import Iterator
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from lsp_server.cli.why import SOURCES

if TYPE_CHECKING:
    from lsp_server.lsp.client import Editor

#: The longest rest of the cursor, and the time between two looks at what the server does meanwhile (s).
_REST, _LOOK = 2.0, 0.05

#: Lines shown above and below each cursor.
_ABOVE, _BELOW = 3, 1

#: Where the cursor stands: a line of the sample, as far as it is typed. The rest of that line is what is asked for.
_PLACES = (
    "logger = logging.get",
    "        return text in self.name.lower() or any(",
    "        self.shelves[shelf][number] = current - ",
    '        logger.info("removed %d of %s from %s", ',
    "        for number, part in self.parts.",
    "            if count < part.",
    '    with path.open("w", newline="", enc',
    '            parts.append(Part(row["number"], row["name"], ',
)

#: What is typed key by key, in front of this line of the sample.
_TYPED_BEFORE = "    def value(self) -> float:"
_TYPED_BELOW = [
    "    def clear(self, shelf: str, number: str) -> None:",
    '        """Take all pieces of one part from a shelf."""',
]
_TYPED = """\
        if number not in self.parts:
            raise KeyError(f"unknown part {number}")
        current = self.shelves[shelf].get(number, 0)"""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = commands.add_parser("demo", help="show real completions of a sample file")
    parser.set_defaults(run=run)


def run(_arguments: argparse.Namespace) -> int:
    """Run the demo; exit status 1 when the server gave no suggestion at all."""
    return asyncio.run(_run(_Screen(sys.stdout.isatty() and "NO_COLOR" not in os.environ)))


class _Screen:
    """Prints code with ghost text in it."""

    def __init__(self, colours: bool) -> None:
        self._colours = colours

    def say(self, text: str = "") -> None:
        print(text, flush=True)

    def ghost(self, text: str) -> str:
        return f"\033[3;96m{text}\033[0m" if self._colours else f"├{text}┤"

    def dim(self, text: str) -> str:
        return f"\033[2m{text}\033[0m" if self._colours else text


async def _run(screen: _Screen) -> int:
    from lsp_server.completion.session import WITHOUT
    from lsp_server.lsp.client import Editor

    sample = files("lsp_server.cli").joinpath("sample").joinpath("inventory.py")
    text = sample.read_text(encoding="utf-8")
    editor = Editor()
    screen.say("Starting the server and loading the model ...")
    begun = time.perf_counter()
    # What the demo types is no user's choice; and it shows what it can on a machine that needs more than a second
    # for a prompt, and the same when it is run again.
    await editor.start({"adapt": False, "deadline_ms": 5_000}, environment={WITHOUT: "disk"})
    screen.say(f"Ready after {time.perf_counter() - begun:.1f} s. {editor.message}\n")
    shown = 0
    try:
        for number, place in enumerate(_PLACES):
            shown += await _complete(
                screen, editor, f"file:///workshop/place{number}/inventory.py", text, place
            )
        shown += await _type(screen, editor, "file:///workshop/typed/inventory.py", text)
        _summary(screen, await editor.command("offhand.status"))
    finally:
        await editor.stop()
    if not shown:
        screen.say("No suggestion at all: run 'offhand doctor'.")
    return 0 if shown else 1


async def _complete(screen: _Screen, editor: "Editor", uri: str, text: str, place: str) -> bool:
    lines = text.split("\n")
    row = next(index for index, line in enumerate(lines) if line.startswith(place))
    truth = lines[row][len(place) :]
    lines[row] = place
    editor.open(uri, "python", "\n".join(lines))
    await _rest(editor, uri, row, len(place))
    item, took = await _ask(editor, uri, row, len(place))
    editor.close(uri)  # or its memory would know the lines that are asked for next
    noted = await _newest(editor)
    for line in lines[max(0, row - _ABOVE) : row]:
        screen.say(screen.dim(f"    │ {line}"))
    first, *rest = (item or "").split("\n")
    screen.say(f"  ▶ │ {place}{screen.ghost(first) if item else ''}")
    for line in rest:
        screen.say(f"    │ {screen.ghost(line)}")
    for line in lines[row + 1 : row + 1 + _BELOW]:
        screen.say(screen.dim(f"    │ {line}"))
    verdict = "as in the file" if item == truth else f"the file has: {truth.strip()}"
    outcome = f"{SOURCES[noted['source']]}; {verdict}" if item else f"nothing: {noted['reason']}"
    screen.say(f"      {took:.0f} ms {outcome}\n")
    return bool(item)


async def _type(screen: _Screen, editor: "Editor", uri: str, text: str) -> int:
    """Type three lines key by key and accept nothing: how long each key waits for its ghost text."""
    lines = text.split("\n")
    row = lines.index(_TYPED_BEFORE)
    lines[row:row] = [*_TYPED_BELOW, "", ""]
    row += len(_TYPED_BELOW)
    editor.open(uri, "python", "\n".join(lines))
    screen.say("Typing lines that stand elsewhere in the file too, one key after the other:")
    await _rest(editor, uri, row, 0)
    line, times, shown = "", [], 0
    for key in _keys(_TYPED):
        editor.replace(uri, row, len(line), len(line), key)
        if key.startswith("\n"):
            row, line = row + 1, ""
        line += key.lstrip("\n")
        item, took = await _ask(editor, uri, row, len(line))
        times.append(took)
        shown += bool(item)
        if len(times) % 4 == 0:
            source = (await _newest(editor))["source"] if item else ""
            screen.say(f"  {took:5.1f} ms │ {line}{screen.ghost(item) if item else ''}  {screen.dim(source)}")
    times.sort()
    screen.say(
        f"\n{len(times)} keys: ghost text for {shown}, median {times[len(times) // 2]:.1f} ms, "
        f"95 % below {times[int(len(times) * 0.95)]:.1f} ms\n"
    )
    return shown


def _keys(text: str) -> Iterator[str]:
    """Single keys; indentation comes with the Enter before it, as editors insert it."""
    yield from re.findall(r"\A +|\n *|.", text)


async def _rest(editor: "Editor", uri: str, row: int, column: int) -> None:
    """Leave the cursor there for a moment, as people do who look for a place to write at: long enough for what the
    server does meanwhile, if the machine leaves it any time for that."""
    editor.cursor(uri, row, column)
    for _ in range(int(_REST / _LOOK)):
        await asyncio.sleep(_LOOK)
        ahead = (await editor.command("offhand.status"))["speculation"]
        if not ahead["waiting"] and not ahead["working"]:
            return


async def _ask(editor: "Editor", uri: str, row: int, column: int) -> tuple[str | None, float]:
    begun = time.perf_counter()
    item = await editor.inline_completion(uri, row, column)
    took = (time.perf_counter() - begun) * 1_000
    return (str(item.insert_text) if item else None), took


async def _newest(editor: "Editor") -> dict[str, Any]:
    """What the server notes of the request just answered."""
    newest: dict[str, Any] = (await editor.command("offhand.why"))[0]
    return newest


def _summary(screen: _Screen, status: dict[str, Any]) -> None:
    kv = status["kv"]
    if kv["prompt_tokens"]:
        share = 100 * kv["reused_tokens"] / kv["prompt_tokens"]
        screen.say(f"{share:.0f} % of the prompts' tokens came from the KV cache. Nothing left this machine.")
    screen.say("Next: set up your editor, see README.md. 'offhand doctor' checks the installation.")
