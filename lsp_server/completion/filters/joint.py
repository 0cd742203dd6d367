"""Mends the two seams between the text and its line: doubled spaces, and words that would run together."""

import msgspec

from lsp_server.completion.filters.lexical import is_word
from lsp_server.completion.types import Candidate, Surroundings

_SPACE = (" ", "\t")


def apply(candidate: Candidate, around: Surroundings) -> Candidate | str:
    """Take a doubled space off the text, at either end; drop a text that would grow together with the next
    word.

    A text of word characters between two others is the middle of a name, and is let through.
    """
    text = candidate.text
    before, behind = around.before, around.after[candidate.replace :]
    # More spaces than one are an alignment, and in front of a comment two are the custom.
    alone = text.startswith(_SPACE) and not text[1:].startswith(
        (*_SPACE, *filter(None, around.line_comments))
    )
    if before.strip() and before.endswith(_SPACE) and alone:
        text = text[1:]
    if behind.strip() and behind.startswith(_SPACE):
        text = text.rstrip(" \t")
    if not text.strip():
        return "nothing but white space"
    inside_name = bool(before) and is_word(before[-1]) and all(map(is_word, text))
    if behind and is_word(behind[0]) and is_word(text[-1]) and not inside_name:
        return "runs into the word behind the cursor"
    return candidate if text == candidate.text else msgspec.structs.replace(candidate, text=text)
