"""One sample: a document and a place in it become the tokens that serving would ask with, and the answer behind them.

Everything before the answer is laid out by ``prompt``, as it is for an editor. Does not know how samples are chosen or
stored.
"""

import re
from collections.abc import Sequence

import msgspec

from lsp_server.base.parts import Part, limited
from lsp_server.engine.tokenizer import Tokenizer
from lsp_server.prompt.render import About, Budget, budget, heading, render
from lsp_server.prompt.window import EDGE_STEP, Window, window
from lsp_server.training.holes import Hole, indent

TEMPLATE = "offhand"

END, MIDDLE, REPOSITORY = "<|endoftext|>", "<|fim_middle|>", "<|repo_name|>"
SUFFIX, PREFIX = "<|fim_suffix|>", "<|fim_prefix|>"

#: Lines around a hole that are looked at; a window shows fewer.
_REACH = 240

#: What a file needs, in the languages that are trained on.
_IMPORT = re.compile(
    r"(?:import|from|use|#include|package|using|require|local \w+ = require|(?:const|var|let) .* = require)\b"
)

#: Imports that an outline shows.
_IMPORTS = 20


def infill(
    tokenizer: Tokenizer,
    path: str,
    lines: Sequence[str],
    hole: Hole,
    snippets: Sequence[tuple[str, str]],
    capacity: int,
) -> list[int]:
    """A sample in the product's order: suffix, then prefix and middle as one text.

    Args:
        lines: of the whole document, with line ends.
        capacity: tokens that prompt and answer may have. The prompt gives way to the answer.
    """
    shown, closers = _cut(tokenizer, lines, hole, capacity)
    answer = tokenizer.encode(hole.middle(lines) + closers)
    most = _budget(capacity, len(answer))
    own = _outline(lines, shown.first_line)
    every = [*((path, text) for text in own), *snippets]
    parts = render(TEMPLATE, shown, About(path), every, most)
    prefix = Part(shown.prefix + hole.middle(lines) + closers, limit=most.prefix + len(answer), cut="left")
    return [*tokens(tokenizer, (*parts[:-1], prefix)), tokenizer.special[END]]


def llama_infill(
    tokenizer: Tokenizer,
    lines: Sequence[str],
    hole: Hole,
    snippets: Sequence[tuple[str, str]],
    capacity: int,
    bare: bool,
) -> list[int]:
    """A sample in the order of llama.cpp's server with ``--spm-infill``: prefix and middle are spelled apart, and what
    closes brackets behind the cursor belongs to the suffix.

    The server's names stand for the project and the file, as it does not know them (``format_prompt_infill``,
    https://github.com/ggml-org/llama.cpp, tools/server).

    Args:
        bare: without project, snippets and file: where the server's batch is as large as its context, as by default,
            it sends none of them.
    """
    shown, closers = _cut(tokenizer, lines, hole, capacity)
    answer = tokenizer.encode(hole.middle(lines))
    most = _budget(capacity, len(answer))
    whole = msgspec.structs.replace(shown, suffix=closers + shown.suffix)
    parts = list(render(TEMPLATE, whole, About("filename"), snippets, most))
    special = tokenizer.special
    if bare:
        project, parts = [], parts[parts.index(Part(SUFFIX, special=True)) :]
    else:
        project = [special[REPOSITORY], *tokenizer.encode("myproject\n")]
    return [*project, *tokens(tokenizer, parts), special[MIDDLE], *answer, special[END]]


def plain(tokenizer: Tokenizer, path: str, lines: Sequence[str], first: int, capacity: int) -> list[int]:
    """A sample from left to right, from a line on; it ends where the file does, if there is room."""
    ahead = tokens(tokenizer, heading(TEMPLATE, path))
    text = "".join(lines[first : first + capacity // 2])
    ids = [*ahead, *tokenizer.encode(text)]
    if first + capacity // 2 >= len(lines):
        ids.append(tokenizer.special[END])
    return ids[:capacity]


def tokens(tokenizer: Tokenizer, parts: Sequence[Part]) -> list[int]:
    """The ids of a prompt's parts, as the worker spells them without healing."""
    ids: list[int] = []
    for part in parts:
        if part.special:
            ids.append(tokenizer.special[part.text])
        else:
            ids += limited(tokenizer.encode(part.text), part)
    return ids


def _budget(capacity: int, answer: int) -> Budget:
    return budget(TEMPLATE, max(capacity - answer, 96))


def _cut(tokenizer: Tokenizer, lines: Sequence[str], hole: Hole, capacity: int) -> tuple[Window, str]:
    """What serving would see of the document without the hole, and what it leaves out behind the cursor: closing
    brackets, as editors insert them."""
    start = max(0, hole.line - _REACH) // EDGE_STEP * EDGE_STEP
    rest = lines[hole.last_line][hole.last_column :]
    head = lines[hole.line][: hole.column]
    around = [
        *lines[start : hole.line],
        head + rest,
        *lines[hole.last_line + 1 : hole.last_line + 1 + _REACH],
    ]
    most = _budget(capacity, len(tokenizer.encode(hole.middle(lines))))
    shown = window(around, hole.line - start, hole.column, most.prefix, most.suffix)
    left_out = rest.strip() and not shown.suffix.startswith(rest[:1])
    shown = msgspec.structs.replace(shown, first_line=shown.first_line + start)
    return shown, rest.rstrip() if left_out else ""


def _outline(lines: Sequence[str], first: int) -> list[str]:
    """What serving says of a document above the window: imports, and the headers around its edge. Read off the text."""
    if not first:
        return []
    imports = [line for line in lines[:first] if _IMPORT.match(line)][:_IMPORTS]
    headers: list[str] = []
    level = indent(lines[first]) if first < len(lines) else 0
    for number in range(first - 1, max(-1, first - _REACH), -1):
        if not level:
            break
        line = lines[number]
        if line.strip() and indent(line) < level:
            level = indent(line)
            headers.insert(0, line)
    text = "".join((*imports, *headers))
    return [text] if text else []
