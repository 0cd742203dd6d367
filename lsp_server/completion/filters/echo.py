"""Takes away what the text repeats from before the cursor: the typed part of its line, or the lines above."""

import msgspec

from lsp_server.completion.filters.lexical import has_letters, only_closers
from lsp_server.completion.types import Candidate, Surroundings

#: Shorter beginnings of a line occur again by right: ``x`` in ``xx``.
_SHORTEST_ECHO = 3

#: Never attributes of themselves.
_RECEIVERS = ("self.", "cls.", "this.")


def _without_echo(text: str, before: str) -> str:
    typed = before.strip()
    while len(typed) >= _SHORTEST_ECHO and has_letters(typed):
        stripped = text.lstrip(" \t")
        if not stripped.startswith(typed):
            break
        text = stripped[len(typed) :]
        if before[-1] in " \t":
            text = text.lstrip(" \t")
    for receiver in _RECEIVERS:
        if before.endswith(receiver) and not before.removesuffix(receiver)[-1:].isalnum():
            while text.startswith(receiver):
                text = text[len(receiver) :]
    return text


def apply(candidate: Candidate, around: Surroundings) -> Candidate | str:
    """Cut a repetition of the typed part of the line; drop one of the line above, or of several lines
    above."""
    text = _without_echo(candidate.text, around.before)
    if not text.strip():
        return "repeats what stands before the cursor" if candidate.text.strip() else candidate
    text = _without_second(text, around.before)
    lines = (around.before + text + _rest(around, text, candidate.replace)).split("\n")
    said = ["".join(line.split()) for line in lines if line.strip()]
    above = ["".join(line.split()) for line in around.lines_above if line.strip()]
    for length in range(1, min(len(said), len(above)) + 1):
        if above[-length:] == said[:length] and any(map(has_letters, said[:length])):
            return "repeats the line above" if length == 1 else "repeats the lines above"
    return candidate if text == candidate.text else msgspec.structs.replace(candidate, text=text)


def _without_second(text: str, before: str) -> str:
    """The text up to a second line that says once more what the closers on its first have just finished."""
    first, newline, others = text.partition("\n")
    said_again = others.partition("\n")[0].strip() == (before + first).strip()
    return first if newline and only_closers(first) and said_again and has_letters(before) else text


def _rest(around: Surroundings, text: str, replace: int) -> str:
    """What follows the text on its line; what it already says itself is not said twice."""
    behind = around.after[replace:]
    return "" if text.rstrip().endswith(behind.strip()) else behind
