"""Takes away what the text repeats from behind the cursor: the rest of its line, or the lines below.

Brackets and quotes alone behind the cursor are the business of ``closers``, which knows what they close.
"""

import difflib
import re

import msgspec

from lsp_server.completion.filters.lexical import (
    Scan,
    columns,
    has_letters,
    head,
    is_word,
    only_closers,
    scan,
)
from lsp_server.completion.types import Candidate, Surroundings

#: Only longer lines than this may be repeated in part, by a text that was cut short.
_SHORT = 10

#: Fewer characters than these are the beginning of too many words.
_SHORTEST_BEGINNING = 3

#: Comments of at least so many characters are the same when this share of them is, and all their numbers are.
_PROSE, _ALIKE = 20, 0.95

#: Nothing behind one of these is reached, so no block has the same one twice.
_JUMP = re.compile(r"(?:return|raise|goto)\b.*\w|(?:break|continue)\b")

#: A line deeper or shallower than the one below, and not the first, says the same thing in another block;
#: only from this length on is that no accident (``return None`` is).
_NO_ACCIDENT = 20

_NUMBERS = re.compile(r"\d+")

_REST = "repeats the rest of the line"
_BELOW = "repeats the lines below"


def apply(candidate: Candidate, around: Surroundings) -> Candidate | str:
    """Trim the rest of the line off the text's end; cut at a line that stands, or nearly stands, below."""
    if not candidate.text.strip():
        return candidate
    text = _without_rest(candidate.text, around)
    if not text.strip():
        return _REST
    cut = _first_below(text, candidate, around)
    if cut is not None:
        text = "\n".join(text.split("\n")[:cut])
        if not text.strip():
            return _BELOW
    return candidate if text == candidate.text else msgspec.structs.replace(candidate, text=text)


def _without_rest(text: str, around: Surroundings) -> str:
    """The text less the rest of the line; empty if it says nothing else, or says it where it does not
    belong."""
    rest = around.after.strip()
    if not rest or only_closers(rest):
        return text
    if has_letters(text) and rest.startswith(text.strip()):
        ends_word = len(rest) == len(text.strip()) or not (
            is_word(text.strip()[-1]) and is_word(rest[len(text.strip())])
        )
        if ends_word:
            return ""
    text = _without_beginning(text, rest)
    said = text
    while said.rstrip().endswith(rest):
        kept = said.rstrip().removesuffix(rest)
        # A bracket of the rest that closes one of the text's own is another one than the one behind the
        # cursor.
        if _opened(kept, around):
            return ""
        said = kept.rstrip() if around.after[0].isspace() else kept
    return said


def _without_beginning(text: str, rest: str) -> str:
    """The text less the beginning of the rest, which would grow together with it; where the text has no more to say
    than that beginning, it stays as it is."""
    if is_word(rest[0]) and text and is_word(text[-1]):
        for length in range(min(len(rest), len(text) - 1), _SHORTEST_BEGINNING - 1, -1):
            if text.endswith(rest[:length]) and not is_word(text[-length - 1]):
                return text[:-length] if text[:-length].strip() else text
    return text


def _opened(text: str, around: Surroundings) -> bool:
    start = head(around)
    result: Scan = scan(start + text, len(start), around.line_comments)
    return bool(result.openers)


def _first_below(text: str, candidate: Candidate, around: Surroundings) -> int | None:
    """Number of the first line of ``text`` that repeats what stands below."""
    below = [line for line in around.lines_below if line.strip()]
    if not below:
        return None
    lines = text.split("\n")
    lines[0] = around.before + lines[0]
    lines[-1] += around.after[candidate.replace :]
    for number, line in enumerate(lines):
        if not line.strip() or (number == 0 and not text.split("\n")[0].strip()):
            continue
        if _same(line, below[0]) and (
            number == 0
            or columns(line) == columns(below[0])
            or len(line.strip()) > _NO_ACCIDENT
            or _overlap(lines[number:], below)
        ):
            return number
        if _jumps_again(line, around.lines_below) or _same_prose(line, below[0], around.line_comments):
            return number
        last = number == len(lines) - 1
        if _overlap(lines[number:], below) or (last and _part(line, below[0])):
            return number
    return None


def _jumps_again(line: str, below: tuple[str, ...]) -> bool:
    """Whether a line leaves its block in the very way in which the block below leaves it."""
    if not _JUMP.match(line.strip()):
        return False
    for other in filter(str.strip, below):
        if columns(other) < columns(line):
            return False
        if columns(other) == columns(line) and other.strip() == line.strip():
            return True
    return False


def _same_prose(line: str, other: str, line_comments: tuple[str, ...]) -> bool:
    """Whether two comments are the same but for a few letters."""
    line, other = line.strip(), other.strip()
    marks = tuple(filter(None, line_comments))
    if len(line) < _PROSE or not (line.startswith(marks) and other.startswith(marks)):
        return False
    matcher = difflib.SequenceMatcher(None, line, other, autojunk=False)
    return _NUMBERS.findall(line) == _NUMBERS.findall(other) and matcher.ratio() >= _ALIKE


def _overlap(lines: list[str], below: list[str]) -> bool:
    """Whether all of ``lines``, two at least, stand below in the same order."""
    said = [line for line in lines if line.strip()]
    return (
        2 <= len(said) <= len(below)
        and any(map(has_letters, said))
        and all(line.strip() == other.strip() for line, other in zip(said, below, strict=False))
    )


def _same(line: str, other: str) -> bool:
    """Whether two lines say the same; never for lines of brackets, numbers and punctuation, nor for
    decorators.

    Spacing, the kind of quotes and a comma at the end make no difference. A tolerance in edit distance would take
    members of a series for copies, such as ``TYPE_LONG = type_of("long")`` over ``TYPE_ULONG = type_of("ulong")``.
    """
    line, other = _plain(line), _plain(other)
    return line == other and has_letters(line) and not line.startswith("@")


def _part(line: str, other: str) -> bool:
    """Whether a line is the beginning of another."""
    line, other = _plain(line), _plain(other)
    return len(line) > _SHORT and other.startswith(line)


def _plain(line: str) -> str:
    return "".join(line.split()).replace("'", '"').rstrip(",;")
