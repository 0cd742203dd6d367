"""What characters alone tell about code: open brackets and strings, indentation. Not a filter itself.

One scanner serves all filters. It knows brackets, quotes, escapes, replacement fields of f-strings and line
comments; it does not know the grammar, and on half-written code it is meant to be roughly right rather than
to give up."""

import functools
import re
from collections.abc import Sequence

import msgspec

from lsp_server.completion.types import Surroundings

_CLOSER_OF = {"(": ")", "[": "]", "{": "}"}
_COMMENT = "\n"  # what closes a comment

#: A statement of Python at the left margin. A view of 50 lines may begin inside a docstring, which turns code
#: and string around for all that follows; such a line puts the scan right again.
_FRESH_START = re.compile(r"(?:async )?def \w+\(|class \w+[(:]|@\w|import \w|from [\w.]+ import ")


class Closer(msgspec.Struct, frozen=True):
    """A bracket or quote that closes something opened before ``start``, or nothing at all.

    Attributes:
        position: of its first character, relative to ``start``.
        text: itself.
        open: what stood open before it, see ``Scan.open``.
        own: something opened behind ``start`` stood open, so that it matches nothing.
    """

    position: int
    text: str
    open: tuple[str, ...]
    own: bool


class Scan(msgspec.Struct, frozen=True):
    """The brackets of a piece of source behind a position ``start`` in it.

    What stands open is a tuple of what would close it, innermost last; ``f`` before a quote marks an
    f-string, and a newline a comment.

    Attributes:
        before: what stands open at ``start``.
        open: what stands open at the end.
        floor: how many of ``before`` are never closed behind ``start``.
        openers: positions, relative to ``start``, of what was opened behind it and stands open at the end.
        closers: those that close something from before ``start``, or nothing, in order.
        lines: what stands open at the beginning of each line that begins behind ``start``; a backslash at the
            end of the line before counts.
    """

    before: tuple[str, ...]
    open: tuple[str, ...]
    floor: int
    openers: tuple[int, ...]
    closers: tuple[Closer, ...]
    lines: tuple[tuple[str, ...], ...]


@functools.lru_cache(maxsize=16)
def _tokens(line_comments: tuple[str, ...]) -> re.Pattern[str]:
    comments = "".join(f"|{re.escape(mark)}" for mark in line_comments if mark)
    return re.compile(r"\\[\s\S]|\"\"\"|'''|[\"'()\[\]{}\n]" + comments)


def _opens_string(source: str, at: int) -> str | None:
    """The prefix letters of the string that a quote at ``at`` opens; ``None`` for an apostrophe inside a
    word."""
    begin = at
    while begin > 0 and at - begin < 3 and (source[begin - 1].isalnum() or source[begin - 1] == "_"):
        begin -= 1
    word = source[begin:at].lower()
    if word.strip("rbfut") == "" and len(word) < 3:
        return word
    return None if source[at] == "'" else ""


def scan(source: str, start: int, line_comments: tuple[str, ...]) -> Scan:
    """Read ``source`` and tell what happens to its brackets behind ``start`` (an offset in code points)."""
    stack: list[str] = []
    places: list[int] = []
    before: tuple[str, ...] | None = None
    floor = 0
    closers: list[Closer] = []
    lines: list[tuple[str, ...]] = []

    def close() -> None:
        stack.pop()
        places.pop()

    for match in _tokens(line_comments).finditer(source):
        token, at = match.group(), match.start()
        if before is None and at >= start:
            before, floor = tuple(stack), len(stack)
        top = stack[-1] if stack else ""
        quoted = top.endswith(('"', "'"))
        if token == "\\\n" and top != _COMMENT:
            if at + 1 >= start:
                lines.append((*stack, "\\"))
        elif token[-1] == "\n":
            if top == _COMMENT:
                close()
            # A string in single quotes does not reach over the end of a line: its end is missing.
            broken = next((i for i, item in enumerate(stack) if item.lstrip("f") in ("'", '"')), len(stack))
            del stack[broken:], places[broken:]
            floor = min(floor, len(stack))
            if match.end() > start:
                lines.append(tuple(stack))
            elif quoted and _FRESH_START.match(source, match.end()):
                stack.clear()
                places.clear()
        elif top == _COMMENT:
            continue
        elif quoted:
            if token == top.lstrip("f") or (
                len(token) == 3 and len(top.lstrip("f")) == 1 and token[0] == top[-1]
            ):
                if at >= start and len(stack) <= floor:
                    closers.append(Closer(at - start, top.lstrip("f"), tuple(stack), False))
                close()
                floor = min(floor, len(stack))
            elif token == "{" and top.startswith("f") and not _doubled(source, at):
                stack.append("}")
                places.append(at)
        elif token[0] == "\\":
            # Outside of strings it only joins lines.
            continue
        elif token[0] in "\"'":
            prefix = _opens_string(source, at)
            if prefix is not None:
                stack.append(("f" if "f" in prefix else "") + token)
                places.append(at)
        elif token in _CLOSER_OF:
            stack.append(_CLOSER_OF[token])
            places.append(at)
        elif token in ")]}":
            if at >= start and (len(stack) <= floor or top != token):
                closers.append(Closer(at - start, token, tuple(stack), len(stack) > floor))
            if top == token:
                close()
                floor = min(floor, len(stack))
        else:
            stack.append(_COMMENT)
            places.append(at)
    if before is None:
        before, floor = tuple(stack), len(stack)
    openers = tuple(at - start for at in places[floor:])
    return Scan(before, tuple(stack), floor, openers, tuple(closers), tuple(lines))


def _doubled(source: str, at: int) -> bool:
    """Whether the brace at ``at`` is one of a pair, which stands for itself in an f-string."""
    left = at
    while left > 0 and source[left - 1] == "{":
        left -= 1
    right = at
    while right + 1 < len(source) and source[right + 1] == "{":
        right += 1
    length = right - left + 1
    return length % 2 == 0 or at < right


def head(around: Surroundings) -> str:
    """The text from the first line that is in view up to the cursor."""
    return "\n".join((*around.lines_above, around.before))


def fits(open_: Sequence[str], closers: Sequence[str]) -> bool:
    """Whether ``closers``, in order, close what stands open, innermost first; some of it may stay open."""
    return len(closers) <= len(open_) and all(
        closer == item.lstrip("f") for closer, item in zip(closers, reversed(open_), strict=False)
    )


def only_closers(text: str) -> bool:
    """Whether there is nothing but what an editor closes by itself and the punctuation behind it."""
    return all(character in ")]}\"'`,:;" or character.isspace() for character in text)


def leading(line: str) -> str:
    """The spaces and tabs that a line begins with."""
    return line[: len(line) - len(line.lstrip(" \t"))]


def columns(line: str) -> int:
    """Width of a line's indentation; tabs count to the next multiple of 8, as in ``block_indent``."""
    return len(leading(line).expandtabs(8))


def has_letters(text: str) -> bool:
    """Whether a text says anything beyond numbers, brackets and punctuation."""
    return any(character.isalpha() or character == "_" for character in text)


def is_word(character: str) -> bool:
    """Whether a character can stand in a name."""
    return character.isalnum() or character == "_"
