"""From what is known about a cursor to a prompt within the model's budget, in the order of the model's family. Pure;
the worker turns it into tokens.

Typing must only append to a prompt, in every family. Where the text before the cursor is the last thing (suffix first)
it does so by itself. Elsewhere something stands between that text and what the model writes; there only the lines above
the cursor's stand in the prefix's place, and what is left of the cursor on its line stands behind the token that asks
for the middle, as if the model had begun to write it. llama.vim asks so, whatever the model ("prompt" in ``llama#fim``,
https://github.com/ggml-org/llama.vim, autoload/llama.vim): a hole that begins where a line does is what these models
were trained on, and while one line is written only its own tokens are new. In a new line all that stands behind the
lines above is read again, therefore such families say how few tokens of the text behind the cursor they want. (Forty
lines typed key by key in a prompt of 1,500 tokens in Qwen's format: 1 new token a key, 108 in a new line, 99 % reused;
with the whole prefix in front and a fifth of the prompt behind it, 387 a key and 74 %.)
"""

from collections.abc import Sequence

import msgspec

from lsp_server.base.parts import LEFT_STEP, Part
from lsp_server.context.types import Scope
from lsp_server.prompt.families import ITEM, Family, family
from lsp_server.prompt.window import CHARACTERS_PER_TOKEN, Window, model_text

#: A prompt's headings and special tokens have at least this much room, in tokens.
_FRAME = 32

#: Tokens of a file's path, of a repository's name, of a language's.
_PATH, _NAME = 24, 8

#: Components of a path that a model sees: enough to tell what a file is about, and no more of the user's disk.
_COMPONENTS = 3

#: Characters of the document that are counted at a time, so that a key seldom changes what room it leaves.
_STEP = 256

#: As long as what begins a comment is at most.
_COMMENT = "//-;"

#: Most tokens of what is left of the cursor on its line, where that stands apart.
_LINE = 96


class Budget(msgspec.Struct, frozen=True):
    """Most tokens of each part of a prompt; snippets are counted together, with their headings."""

    snippet: int
    suffix: int
    prefix: int


class About(msgspec.Struct, frozen=True):
    """What a prompt says of the file, beside its text.

    Attributes:
        path: "/" between its components.
        project: name of the folder of the whole project; empty if it is not known.
        language: its name.
        comment: what begins a comment to the end of the line.
    """

    path: str
    project: str = ""
    language: str = ""
    comment: str = "#"


def budget(template: str, capacity: int, pieces: int = 0) -> Budget:
    """Share out the tokens that a prompt may have.

    Args:
        template: family name, as the model's manifest has it.
        pieces: tokens that pieces of other files have taken already.

    Raises:
        ModelError: the family is unknown.
    """
    row = family(template)
    capacity -= _frame(row) + pieces
    snippet, suffix = capacity // 6, capacity // 5
    if row.behind:
        suffix = min(suffix, row.behind)
    return Budget(snippet, suffix, capacity - snippet - suffix)


def room(template: str, capacity: int, window: Window, always: float, most: float) -> int:
    """Tokens that pieces of other files may have beside a window.

    Args:
        always, most: shares of the prompt: in any case, and where the document leaves room.

    Raises:
        ModelError: the family is unknown.
    """
    row = family(template)
    whole = capacity - _frame(row)
    sizes = [-(-len(text) // _STEP) + 1 for text in (window.prefix, window.suffix)]
    prefix, suffix = (steps * _STEP / CHARACTERS_PER_TOKEN for steps in sizes)
    needed = prefix + (min(suffix, row.behind) if row.behind else suffix)
    if window.first_line:  # what is cut off has an outline
        needed += budget(template, capacity).snippet
    return int(max(whole * always, min(whole * most, whole - needed)))


def around(template: str) -> int:
    """Most tokens that a piece of a file takes beside its path and its text.

    Raises:
        ModelError: the family is unknown.
    """
    return _fixed(family(template).file) + 1


def written(template: str, text: str, comment: str) -> str:
    """A piece's text as it will stand in the prompt: in families that have no place for other files it is a comment.

    Raises:
        ModelError: the family is unknown.
    """
    if "{commented}" not in family(template).file:
        return text
    rows = text.removesuffix("\n").split("\n")
    return "\n".join(f"{comment} {row}".rstrip() for row in rows) + text[len("\n".join(rows)) :]


def outline(imports: Sequence[str], scopes: Sequence[Scope], comment: str = "") -> str:
    """What the window's left edge cut off and the rest still depends on: imports, and the headers around the edge.

    It is a function of the edge, not of the cursor, so that it stays the same from key to key.

    Args:
        comment: what begins a comment, where documentation is one above the header, not a string below it.
    """
    rows = list(imports)
    for depth, scope in enumerate(scopes):
        if scope.docstring and comment:
            rows.append("    " * depth + f"{comment} {scope.docstring}")
        rows.append("    " * depth + scope.signature)
        if scope.docstring and not comment:
            rows.append("    " * (depth + 1) + f'"""{scope.docstring}"""')
    return model_text("\n".join(rows) + "\n") if rows else ""


def heading(template: str, path: str) -> tuple[Part, ...]:
    """What announces a piece of a file. A long path loses its beginning: its end tells the language.

    Raises:
        ModelError: the family is unknown.
    """
    row = family(template)
    writer = _Writer(row, About(path))
    writer.write(row.file[: row.file.index("{text}")], {})
    return tuple(writer.parts)


def render(
    template: str,
    window: Window,
    about: About,
    snippets: Sequence[tuple[str, str]],
    most: Budget,
    pieces: Sequence[tuple[str, str]] = (),
    begin: str = "",
) -> tuple[Part, ...]:
    """Write a prompt.

    Args:
        template: family name, as the model's manifest has it.
        snippets: what else the model shall see, of this file or of others: path and text each.
        most: for ``snippets`` and the window.
        pieces: the same as ``snippets``, but already cut to what they may take; they come first, as they change least.
        begin: name of the token that every prompt of the model begins with; empty for none.

    Returns:
        the parts in order; the last is the text before the cursor, or what of it is on the cursor's line.

    Raises:
        ModelError: the family is unknown.
    """
    row = family(template)
    files = [(path, Part(written(template, text, about.comment) + "\n")) for path, text in pieces]
    share = most.snippet // max(len(snippets), 1) - _PATH - _fixed(row.file)
    if share > 0:
        files += [
            (path, Part(written(template, text, about.comment), limit=share)) for path, text in snippets
        ]
    above, newline, line = window.prefix.rpartition("\n")
    beside = min(_LINE, most.prefix // 3)
    growing = Part(window.prefix, limit=most.prefix, cut="left", step=LEFT_STEP)
    texts = {
        "behind": Part(window.suffix, limit=most.suffix),
        "before": growing,
        "above": msgspec.structs.replace(
            growing, text=above + newline, limit=most.prefix - beside, continued=True
        ),
        "line": msgspec.structs.replace(growing, text=line, limit=beside),
    }
    writer = _Writer(row, about, files)
    if begin and not row.prompt.startswith(f"<{_role(row, begin)}>"):
        writer.token(begin)
    writer.write(row.prompt, texts)
    return tuple(writer.parts)


class _Writer:
    """Parts that are put together.

    Literal text is tokenised together with the text behind it in its line, as it was in training. Line ends behind
    something that is filled in are parts of their own, so that their tokens do not depend on it.
    """

    def __init__(self, row: Family, about: About, files: Sequence[tuple[str, Part]] = ()) -> None:
        self.parts: list[Part] = []
        self._row, self._about, self._files = row, about, files
        self._literal = ""

    def write(self, layout: str, texts: dict[str, Part]) -> None:
        """Follow a row's ``prompt`` or ``file``; ``texts``: what its slots stand for, but those about the file."""
        done, filled = 0, False
        for item in ITEM.finditer(layout):
            self._say(layout[done : item.start()], filled)
            done, filled = item.end(), item["slot"] is not None
            if item["token"]:
                self.token(self._row.tokens[item["token"]])
            elif item["slot"] == "files":
                self._write_files()
            elif item["slot"] == "comment":
                self._literal += self._about.comment
            else:
                self._text(texts.get(item["slot"]) or self._fact(item["slot"]))
        self._say(layout[done:], filled)
        self._flush()

    def token(self, name: str) -> None:
        """A special token, by its name."""
        self._flush()
        self.parts.append(Part(name, special=True))

    def _write_files(self) -> None:
        about = self._about
        for path, text in self._files:
            self._about = msgspec.structs.replace(about, path=path)
            self.write(self._row.file, {"text": text, "commented": text})
        self._about = about

    def _say(self, literal: str, filled: bool) -> None:
        if filled:
            rest = literal.lstrip("\n")
            ends = literal[: len(literal) - len(rest)]
            if ends:
                self._flush()
                self.parts.append(Part(ends, limit=len(ends)))
            literal = rest
        if literal and self._literal.endswith("\n"):
            self._flush()
        self._literal += literal

    def _text(self, part: Part) -> None:
        if self._literal.endswith("\n"):
            self._flush()
        limit = part.limit + _size(self._literal) if part.limit else 0
        self.parts.append(msgspec.structs.replace(part, text=self._literal + part.text, limit=limit))
        self._literal = ""

    def _flush(self) -> None:
        if self._literal:
            self.parts.append(Part(self._literal, limit=_size(self._literal)))
            self._literal = ""

    def _fact(self, slot: str) -> Part:
        about = self._about
        if slot == "path":
            return Part(short_path(about.path), limit=_PATH, cut="left")
        if slot == "repository":
            return Part(about.project or short_path(about.path).partition("/")[0], limit=_NAME)
        return Part(about.language, limit=_NAME)


def short_path(path: str) -> str:
    """As much of a path as a model sees."""
    return "/".join(path.replace("\\", "/").split("/")[-_COMPONENTS:])


def _frame(row: Family) -> int:
    """Tokens that a prompt has beside its files and the window; at most, as a token has at least one byte."""
    names = sum(row.prompt.count(slot) for slot in ("{repository}", "{language}"))
    return max(_FRAME, _fixed(row.prompt) + _PATH * row.prompt.count("{path}") + _NAME * names + 1)


def _fixed(layout: str) -> int:
    """Most tokens of a layout's special tokens and literal text."""
    return _size(
        ITEM.sub(lambda item: "." if item["token"] else _COMMENT * (item["slot"] == "comment"), layout)
    )


def _size(text: str) -> int:
    return len(text.encode())


def _role(row: Family, name: str) -> str:
    return next((role for role, text in row.tokens.items() if text == name), "")
