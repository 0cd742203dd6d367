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
    """A string or a comment that has begun.

    Attributes:
        quote: what it begins with, without letters in front.
        prefix: those letters.
        closer: what ends it; nothing on the line does, when empty.
        raw: a backslash in it is itself.
        comment: it is one.
    """

    quote: str
    prefix: str = ""
    closer: str = ""
    raw: bool = False
    comment: bool = False


class Reading(msgspec.Struct, frozen=True):
    """What a piece of a line is.

    Attributes:
        code: the piece with comments left out (blanks, where code follows) and the insides of strings filled with
            underscores; columns are the same up to a comment.
        comment: it ends inside a comment.
        block: the comment it ends inside of, if that may go on below.
        string: the string that it ends inside of.
        string_column: where that string began (its prefix included); -1 when it was open before.
    """

    code: str
    comment: bool = False
    block: Opening | None = None
    string: Opening | None = None
    string_column: int = -1


def read(about: Language, piece: str, opening: Opening | None = None) -> Reading:
    """Read a piece of a line, from the line's start on.

    Args:
        piece: without line end; one longer than ``MAX_PIECE`` counts as empty.
        opening: the string or comment that was open at the line's start.
    """
    if len(piece) > MAX_PIECE:
        return Reading("")
    lexer = _lexer(about)
    code: list[str] = []
    position, column = 0, -1
    while True:
        if opening is None:
            match = lexer.token.search(piece, position)
            if match is None:
                return Reading("".join(code) + piece[position:])
            code.append(piece[position : match.start()])
            position, column = match.end(), match.start()
            if match.lastgroup == "comment":
                return Reading("".join(code), comment=True)
            if match.lastgroup == "literal":
                code.append("_" * (position - column))
                continue
            opening = lexer.opening(match)
            if not opening.comment:
                code.append(match.group())
        end = _end(piece, position, opening)
        if end < 0:
            if opening.comment:
                return Reading("".join(code), comment=True, block=opening)
            inside = piece[position:]
            begun = _interpolation(about, opening, inside)
            filled = "_" * len(inside) if begun < 0 else "_" * begun + inside[begun:]
            return Reading(
                "".join(code) + filled, string=opening if begun < 0 else None, string_column=column
            )
        if opening.comment:
            code.append(" " * (end - max(column, 0)))
        else:
            code.append("_" * (end - position - len(opening.closer)) + opening.closer)
        position, column, opening = end, end, None


def open_at(about: Language, text: str) -> Opening | None:
    """What a string or a comment that begins where ``text`` does begins with; ``None`` when it is neither."""
    lexer = _lexer(about)
    match = lexer.token.match(text)
    return lexer.opening(match) if match and match.lastgroup in ("block", "raw", "quote") else None


def one_line(about: Language, lines: Iterable[str]) -> str:
    """Join the lines of one statement, without their comments."""
    pieces = (line[: len(read(about, line).code)].strip().rstrip("\\") for line in map(content, lines))
    text = " ".join(filter(None, pieces))
    return re.sub(r"(?<=[(\[]) |,? (?=[)\]])|,(?= \})", "", " ".join(text.split()))


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


class _Lexer:
    """What ends plain code in a language: the start of a comment or of a string, or a literal."""

    def __init__(self, about: Language) -> None:
        spaced = r"(?<!\S)" if about.spaced_comments else ""
        marks = "".join(rf"\{mark}" for mark in about.interpolation_prefixes if not mark.isalpha())
        self._closers = {
            **{begin: Opening(begin, closer=end, raw=True) for begin, end in about.raw_strings},
            **{
                begin: Opening(begin, closer=end, raw=True, comment=True)
                for begin, end in about.block_comments
            },
        }
        kinds = {
            "literal": "|".join(about.literals),
            "block": _any(begin for begin, _ in about.block_comments),
            "comment": spaced + f"(?:{_any(about.line_comments)})" if about.line_comments else "",
            "raw": _any(begin for begin, _ in about.raw_strings),
            "quote": _any(about.strings),
        }
        letters = r"\b[A-Za-z]{1,2}" + (rf"|[{marks}]+" if marks else "")
        self.token = re.compile(
            "|".join(
                (rf"(?P<prefix>{letters})?" if kind == "quote" else "") + f"(?P<{kind}>{pattern})"
                for kind, pattern in kinds.items()
                if pattern
            )
            or r"(?!)"
        )

    def opening(self, match: re.Match[str]) -> Opening:
        """What a token opens that is a string's or a comment's beginning."""
        if match.lastgroup == "quote":
            return Opening(match["quote"], match["prefix"] or "", match["quote"])
        return self._closers[match.group()]


@functools.lru_cache(maxsize=64)
def _lexer(about: Language) -> _Lexer:
    return _Lexer(about)


def _any(words: Iterable[str]) -> str:
    return "|".join(map(re.escape, words))


def _end(piece: str, position: int, opening: Opening) -> int:
    """Behind the delimiter that closes a string or a comment; -1 when none does."""
    if not opening.closer:
        return -1
    while True:
        end = piece.find(opening.closer, position)
        if end < 0:
            return -1
        before = piece[position:end]
        if opening.raw or (len(before) - len(before.rstrip("\\"))) % 2 == 0:
            return end + len(opening.closer)
        position = end + 1


def _interpolation(about: Language, opening: Opening, inside: str) -> int:
    """Where in an open string the code of an unfinished ``{`` stands; -1 when there is none."""
    if set(opening.prefix) & set(about.interpolation_prefixes):
        braces, _ = unclosed(inside.replace("{{", "__").replace("}}", "__"))
        return braces[0] if braces and inside[braces[0]] == "{" else -1
    begins = [begin for quote, begin in about.interpolations if quote == opening.quote]
    if begins:
        for at in unclosed(inside)[0]:
            if inside.endswith(tuple(begins), 0, at + 1):
                return at
    return -1
