"""How near a predicted rest of line comes to the true one. Pure; does not know who predicted.

The definitions are RepoBench's and CodeXGLUE's (exact match: ``split()`` of both equal, so the amount of white space
does not count) and CrossCodeEval's (edit similarity, identifier match, comments taken away).
"""

import re

import msgspec
from rapidfuzz import fuzz

from lsp_server.bench.languages import Spoken, identifiers, without_comment

_WORD = re.compile(r"\w+|[^\w\s]")

#: Upper bounds of the length classes of the true rest, in characters, and the names of all of them, shortest first.
_LENGTHS = ((5, "1-5"), (15, "6-15"), (30, "16-30"))
_LONGEST = "31+"
LENGTH_CLASSES = (*(name for _, name in _LENGTHS), _LONGEST)


class Score(msgspec.Struct, frozen=True):
    """The comparison of one prediction.

    Attributes:
        exact: equal but for white space.
        similarity: 0 to 100, twice the length of what both have in common by the length of both together.
        identifiers: the same identifiers in the same order.
        first_word: the first word, number or sign is right.
        so_far: the prediction is something, and the truth begins with it.
    """

    exact: bool
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
    return Score(
        exact=said.split() == truth.split(),
        similarity=fuzz.ratio(said.strip(), truth.strip()),
        identifiers=identifiers(language, before, said) == identifiers(language, before, truth),
        first_word=_first_word(before, said) == _first_word(before, truth),
        so_far=bool(said.strip()) and truth.startswith(said),
    )


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
        return "inside word"
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
