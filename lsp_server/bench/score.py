"""How near a predicted rest of line comes to the true one. Pure; does not know who predicted.

The definitions are RepoBench's and CodeXGLUE's (exact match: ``split()`` of both equal, so the amount of white space
does not count) and CrossCodeEval's (edit similarity, identifier match, comments taken away).
"""

import re
from collections.abc import Iterable

import msgspec
from rapidfuzz import fuzz

from lsp_server.bench.languages import Spoken, identifiers, without_comment
from lsp_server.context.lines import indent

_WORD = re.compile(r"\w+|[^\w\s]")

#: Upper bounds of the length classes of the true rest, in characters, and the names of all of them, shortest first.
_LENGTHS = ((5, "1-5"), (15, "6-15"), (30, "16-30"))
_LONGEST = "31+"
LENGTH_CLASSES = (*(name for _, name in _LENGTHS), _LONGEST)

#: The class of cursors that a word is cut in two by, see ``place_class``.
INSIDE = "inside word"


class Score(msgspec.Struct, frozen=True):
    """The comparison of one prediction.

    Attributes:
        exact: equal but for white space; of a block, all its lines are, indented as they should be; of a hole, the
            whole text is.
        first_line: the first line is equal but for white space.
        similarity: 0 to 100, twice the length of what both have in common by the length of both together.
        identifiers: the same identifiers in the same order.
        first_word: the first word, number or sign is right.
        so_far: the prediction is something, and the truth begins with it.
    """

    exact: bool
    first_line: bool
    similarity: float
    identifiers: bool
    first_word: bool
    so_far: bool


def first_line(text: str) -> str:
    """The first line that is not blank; empty when there is none."""
    return next((line for line in text.split("\n") if line.strip()), "")


def score(language: Spoken, before: str, predicted: str, truth: str) -> Score:
    """Compare the first line of a prediction with the true rest of the line; comments at their ends do not count.

    Args:
        before: the line up to the cursor.
    """
    said = without_comment(language, before, first_line(predicted)).rstrip()
    truth = without_comment(language, before, truth).rstrip()
    exact = said.split() == truth.split()
    return Score(
        exact=exact,
        first_line=exact,
        similarity=fuzz.ratio(said.strip(), truth.strip()),
        identifiers=identifiers(language, before, said) == identifiers(language, before, truth),
        first_word=_first_word(before, said) == _first_word(before, truth),
        so_far=bool(said.strip()) and truth.startswith(said),
    )


def score_block(language: Spoken, before: str, predicted: str, truth: str) -> Score:
    """Compare a prediction with a true block, all lines of both; comments and blank lines do not count.

    Args:
        before: the first line up to the cursor, which is indentation only.
    """
    said, true = (_code(language, before + text) for text in (predicted, truth))
    words, right = ([(indent(line), line.split()) for line in lines] for lines in (said, true))
    return Score(
        exact=words == right,
        first_line=words[:1] == right[:1],
        similarity=fuzz.ratio("\n".join(map(str.strip, said)), "\n".join(map(str.strip, true))),
        identifiers=_all_identifiers(language, said) == _all_identifiers(language, true),
        first_word=_first_word(before, predicted) == _first_word(before, truth),
        so_far=bool(words) and words == right[: len(words)],
    )


def score_hole(language: Spoken, before: str, predicted: str, truth: str) -> Score:
    """Compare a prediction with the true text of a hole in a file: exact is all of it but for white space, and the rest
    is said of the first line that is not blank."""
    found = score(language, before, predicted, first_line(truth))
    return msgspec.structs.replace(found, exact=predicted.split() == truth.split(), first_line=found.exact)


def _code(language: Spoken, text: str) -> list[str]:
    """The lines of a text that hold code, without the comments at their ends."""
    lines = (without_comment(language, "", line).rstrip() for line in text.split("\n"))
    return list(filter(None, lines))


def _all_identifiers(language: Spoken, lines: Iterable[str]) -> list[str]:
    return [name for line in lines for name in identifiers(language, "", line)]


def length_class(truth: str) -> str:
    """Which of the length classes a true rest of line belongs to."""
    length = len(truth.strip())
    return next((name for most, name in _LENGTHS if length <= most), _LONGEST)


def place_class(before: str, truth: str) -> str:
    """What the cursor stands behind, by the text alone."""
    if not before.strip():
        return "line start"
    if before.endswith((".", "->", "::")):
        return "after dot"
    if before.rstrip().endswith(("(", ",")):
        return "after ( or ,"
    if _is_word(before[-1]) and _is_word(truth[:1]):
        return INSIDE
    return "boundary"


def _first_word(before: str, text: str) -> str:
    """The first word; with a space where it matters whether there is one, because it would join what stands before."""
    match = _WORD.search(text)
    if match is None:
        return ""
    joins = _is_word(before[-1:]) and _is_word(match.group()[0])
    return (" " if joins and match.start() else "") + match.group()


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"
