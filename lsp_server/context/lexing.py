"""One line of code, read from left to right: strings, comments, and where the line's end or the cursor finds itself.

Knows a language's delimiters only, so it reads broken code as well as any. Does not know other lines: the caller says
whether a string was open before.
"""

import functools
import re
from collections.abc import Iterable

import msgspec

from lsp_server.base.text import content
from lsp_server.context.languages import Language

#: A longer piece of a line (code points) is data, not code that somebody types; it is not read.
MAX_PIECE = 10_000

_OPEN, _CLOSE = "([{", ")]}"


class Opening(msgspec.Struct, frozen=True):
    """A string that has begun: its delimiter, and the letters in front of it."""

    quote: str
    prefix: str = ""


class Reading(msgspec.Struct, frozen=True):
    """What a piece of a line is.

    Attributes:
        code: the piece with comments left out and the insides of strings filled with underscores; columns are the
            same up to a comment.
        comment: it ends inside a comment.
        string: the string that it ends inside of.
        string_column: where that string began (its prefix included); -1 when it was open before.
    """

    code: str
    comment: bool = False
    string: Opening | None = None
    string_column: int = -1


def read(about: Language, piece: str, opening: Opening | None = None) -> Reading:
    """Read a piece of a line, from the line's start on.

    Args:
        piece: without line end; one longer than ``MAX_PIECE`` counts as empty.
        opening: the string that was open at the line's start.
    """
    if len(piece) > MAX_PIECE:
        return Reading("")
    token = _token(about)
    code: list[str] = []
    position, column = 0, -1
    while True:
        if opening is None:
            match = token.search(piece, position)
            if match is None:
                return Reading("".join(code) + piece[position:])
            code.append(piece[position : match.end() if match["quote"] else match.start()])
            if not match["quote"]:
                return Reading("".join(code), comment=True)
            position, column = match.end(), match.start()
            opening = Opening(match["quote"], match["prefix"] or "")
        end = _end(piece, position, opening.quote)
        if end < 0:
            inside = piece[position:]
            brace = _interpolation(about, opening, inside)
            filled = "_" * len(inside) if brace < 0 else "_" * brace + inside[brace:]
            return Reading(
                "".join(code) + filled, string=opening if brace < 0 else None, string_column=column
            )
        code.append("_" * (end - position - len(opening.quote)) + opening.quote)
        position, opening = end, None


def one_line(about: Language, lines: Iterable[str]) -> str:
    """Join the lines of one statement, without their comments."""
    pieces = (line[: len(read(about, line).code)].strip().rstrip("\\") for line in map(content, lines))
    text = " ".join(filter(None, pieces))
    return re.sub(r"(?<=[(\[{]) |,? (?=[)\]}])", "", " ".join(text.split()))


def unclosed(code: str) -> tuple[list[int], int]:
    """The brackets of a line that has been read.

    Returns:
        columns of those that it opens and does not close, outermost first; number of those that it closes but did
        not open.
    """
    open_: list[int] = []
    closed = 0
    for column, char in enumerate(code):
        if char in _OPEN:
            open_.append(column)
        elif char in _CLOSE:
            if open_:
                open_.pop()
            else:
                closed += 1
    return open_, closed


@functools.lru_cache(maxsize=64)
def _token(about: Language) -> re.Pattern[str]:
    """What ends plain code: the start of a comment or of a string."""
    quotes = "|".join(map(re.escape, about.strings))
    comments = "|".join(map(re.escape, about.line_comments)) or r"(?!)"
    return re.compile(rf"(?P<prefix>\b[A-Za-z]{{1,2}})?(?P<quote>{quotes})|(?:{comments})")


def _end(piece: str, position: int, quote: str) -> int:
    """Behind the delimiter that closes a string; -1 when none does."""
    while True:
        end = piece.find(quote, position)
        if end < 0:
            return -1
        before = piece[position:end]
        if (len(before) - len(before.rstrip("\\"))) % 2 == 0:
            return end + len(quote)
        position = end + 1


def _interpolation(about: Language, opening: Opening, inside: str) -> int:
    """Where in an open string the code of an unfinished ``{`` stands; -1 when there is none."""
    if not set(opening.prefix) & set(about.interpolation_prefixes):
        return -1
    braces, _ = unclosed(inside.replace("{{", "__").replace("}}", "__"))
    return braces[0] if braces and inside[braces[0]] == "{" else -1
