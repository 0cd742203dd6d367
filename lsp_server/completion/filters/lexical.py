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
_LIFETIME = re.compile(r"[&<]'[^\W\d]\w*(?!['\w])")
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
    """The prefix letters of the string that a quote at ``at`` opens; ``None`` for an apostrophe inside a word, or one
    that begins a lifetime of Rust (``&'a``)."""
    if _LIFETIME.match(source, max(0, at - 1)):
        return None
    begin = at
    while begin > 0 and at - begin < 3 and (source[begin - 1].isalnum() or source[begin - 1] == "_"):
        begin -= 1
    word = source[begin:at].lower()
    if word.strip("rbfut") == "" and len(word) < 3:
        return word
    return None if source[at] == "'" else ""


def scan(source: str, start: int, line_comments: tuple[str, ...]) -> Scan:
    """Read ``source`` and tell what happens to its brackets behind ``start`` (an offset in code points)."""
    # All scans of a request begin with the lines above, so what these leave open is found out once. Their last line end
    # is read again: what follows it matters.
    above = max(0, source.rfind("\n", 0, start))
    if source.endswith("\\", 0, above):
        above = 0
    reader = _Reader(source, start, line_comments, *_left_open(source[:above], line_comments))
    reader.read(above)
    return reader.scan()


@functools.lru_cache(maxsize=4)
def _left_open(source: str, line_comments: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """What stands open at the end of a text, and where each was opened."""
    reader = _Reader(source, len(source) + 1, line_comments, (), ())
    reader.read(0)
    return tuple(reader.stack), tuple(reader.places)


class _Reader:
    """Reads a source token by token; see ``Scan`` for what it finds out."""

    def __init__(
        self,
        source: str,
        start: int,
        line_comments: tuple[str, ...],
        stack: tuple[str, ...],
        places: tuple[int, ...],
    ) -> None:
        self._source, self._start, self._line_comments = source, start, line_comments
        self.stack, self.places = list(stack), list(places)
        self._before: tuple[str, ...] | None = None
        self._floor = 0
        self._closers: list[Closer] = []
        self._lines: list[tuple[str, ...]] = []

    def read(self, begin: int) -> None:
        """Read from ``begin`` to the end."""
        stack = self.stack
        for match in _tokens(self._line_comments).finditer(self._source, begin):
            token, at = match.group(), match.start()
            if self._before is None and at >= self._start:
                self._before, self._floor = tuple(stack), len(stack)
            top = stack[-1] if stack else ""
            if token == "\\\n" and top != _COMMENT:
                if at + 1 >= self._start:
                    self._lines.append((*stack, "\\"))
            elif token[-1] == "\n":
                self._end_line(match.end(), top)
            elif top == _COMMENT:
                continue
            elif top.endswith(('"', "'")):
                self._in_string(token, at, top)
            elif token[0] == "\\":
                # Outside of strings it only joins lines.
                continue
            elif token[0] in "\"'":
                prefix = _opens_string(self._source, at)
                if prefix is not None:
                    self._open(("f" if "f" in prefix else "") + token, at)
            elif token in _CLOSER_OF:
                self._open(_CLOSER_OF[token], at)
            elif token in ")]}":
                if at >= self._start and (len(stack) <= self._floor or top != token):
                    closer = Closer(at - self._start, token, tuple(stack), len(stack) > self._floor)
                    self._closers.append(closer)
                if top == token:
                    self._close()
            else:
                self._open(_COMMENT, at)

    def scan(self) -> Scan:
        """What was found."""
        if self._before is None:
            self._before, self._floor = tuple(self.stack), len(self.stack)
        openers = tuple(at - self._start for at in self.places[self._floor :])
        return Scan(
            self._before,
            tuple(self.stack),
            self._floor,
            openers,
            tuple(self._closers),
            tuple(self._lines),
        )

    def _open(self, closer: str, at: int) -> None:
        self.stack.append(closer)
        self.places.append(at)

    def _close(self) -> None:
        self.stack.pop()
        self.places.pop()
        self._floor = min(self._floor, len(self.stack))

    def _end_line(self, end: int, top: str) -> None:
        stack = self.stack
        if top == _COMMENT:
            self._close()
        # A string in single quotes does not reach over the end of a line: its end is missing.
        broken = next((i for i, item in enumerate(stack) if item.lstrip("f") in ("'", '"')), len(stack))
        del stack[broken:], self.places[broken:]
        self._floor = min(self._floor, len(stack))
        if end > self._start:
            self._lines.append(tuple(stack))
        elif top.endswith(('"', "'")) and _FRESH_START.match(self._source, end):
            stack.clear()
            self.places.clear()

    def _in_string(self, token: str, at: int, top: str) -> None:
        quote = top.lstrip("f")
        if token == quote or (len(token) == 3 and len(quote) == 1 and token[0] == quote):
            if at >= self._start and len(self.stack) <= self._floor:
                self._closers.append(Closer(at - self._start, quote, tuple(self.stack), False))
            self._close()
        elif token == "{" and top.startswith("f") and not _doubled(self._source, at):
            self._open("}", at)


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
    """The text from the first line in view up to the cursor, behind the beginning of the string this line is in."""
    return around.open_above + "\n".join((*around.lines_above, around.before))


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
