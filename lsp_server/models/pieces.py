"""SentencePiece's BPE as a list of merges, and where its text can be cut without changing a token.

Such a vocabulary has pieces of text, "▁" for a space, with a score each; two neighbours whose text together is a piece
become it, the highest score first (``llm_tokenizer_spm`` in llama.cpp's src/llama-vocab.cpp). Nothing cuts the text
before that. Does not know JSON or files.
"""

import re
from collections.abc import Collection, Iterable

from lsp_server.base.errors import ModelError
from lsp_server.models.vocabulary import BYTE, Vocabulary

SPACE = "▁"

LACKING = (
    "The model's vocabulary has no token for {count} of 256 bytes, so some texts could not be spelled. Use another "
    "model."
)

#: Longest piece that is merged (characters), and most merges. Real vocabularies have pieces of 16 to 64 characters and
#: half a million merges; a hostile file could take minutes and all memory.
_LONGEST, _MOST = 256, 4_000_000

#: Classes of characters between which a boundary is looked for, as members of a regular expression's set. All are made
#: of ASCII, so that they mean the same here and in the library, whatever Unicode either knows.
_CLASSES = {
    "space": f" {SPACE}",
    "line": r"\n\r",
    "control": r"\x00-\x09\x0b\x0c\x0e-\x1f\x7f",
    "digit": "0-9",
    "letter": "A-Za-z",
    "underscore": "_",
    "sign": r"!-/:-@\[-\^`{-~",
    "other": rf"[^\x00-\x7f{SPACE}]",
}

_ACROSS_SPACE = re.compile(f"[A-Za-z]{SPACE}")


def merges(vocabulary: Vocabulary, apart: Collection[int]) -> list[tuple[str, str]]:
    """Every way in which two pieces become one, the first to be applied first.

    Of pieces with the same score the one with the lower id comes first, where llama.cpp takes the one further left.

    Args:
        apart: ids of tokens that no text becomes by merging.

    Raises:
        ModelError: a byte has no token, so some texts could not be spelled; or there are too many merges.
    """
    _check_bytes(vocabulary)
    usable = {
        text: token
        for token, (text, kind) in enumerate(zip(vocabulary.tokens, vocabulary.types, strict=True))
        if kind != BYTE and token not in apart and len(text) <= _LONGEST
    }
    made = {text for text in usable if len(text) == 1}
    found: list[tuple[float, int, tuple[str, str]]] = []
    scores = vocabulary.scores or (0.0,) * len(vocabulary.tokens)
    for text in sorted(usable, key=len):
        token, reachable = usable[text], len(text) == 1
        for place in range(1, len(text)):
            left, right = text[:place], text[place:]
            if left in made and right in made:
                found.append((-scores[token], token, (left, right)))
                reachable = True
        if reachable:
            made.add(text)
        if len(found) > _MOST:
            raise ModelError(
                f"The model's vocabulary can be merged in more than {_MOST} ways, which no real one can. Fetch the "
                "file again or use another."
            )
    found.sort(key=lambda entry: entry[:2])
    return [pair for _, _, pair in found]


def boundaries(texts: Iterable[str]) -> str:
    """A regular expression that matches, with no width, between two classes of characters that no piece joins.

    A piece never reaches across such a place, so what is on its two sides is merged independently: cutting there
    changes nothing, makes long texts quick, and tells how far back a key can change tokens.

    Args:
        texts: all pieces of more than one character that can be made.

    Returns:
        the expression; empty when pieces join everything.
    """
    joined = _joined(texts)
    alternatives = []
    for left, before in _CLASSES.items():
        behind = "".join(after for right, after in _CLASSES.items() if (left, right) not in joined)
        if behind:
            alternatives.append(f"(?<=[{before}])(?=[{behind}])")
    return "|".join(alternatives)


def remarks(vocabulary: Vocabulary) -> tuple[str, ...]:
    """What one should know of such a vocabulary, in whole sentences."""
    found = []
    if len(set(vocabulary.scores)) * 2 < len(vocabulary.tokens):
        found.append(
            "Many tokens of the model have the same score, so some texts become other tokens than the model was "
            "trained on."
        )
    if any(_ACROSS_SPACE.search(text) for text in vocabulary.tokens):
        found.append(
            "Tokens of the model reach across spaces: a long text takes longer, and so does each key."
        )
    return tuple(found)


def _joined(texts: Iterable[str]) -> set[tuple[str, str]]:
    """Classes of which some text has a character of the second right behind one of the first."""
    pairs = {text[place : place + 2] for text in texts for place in range(len(text) - 1)}
    return {(_class(pair[0]), _class(pair[1])) for pair in pairs}


def _class(character: str) -> str:
    if character in (" ", SPACE):
        return "space"
    if character in "\n\r":
        return "line"
    if not character.isascii():
        return "other"
    if character.isdigit():
        return "digit"
    if character.isalpha():
        return "letter"
    if character == "_":
        return "underscore"
    return "control" if ord(character) < 32 or character == "\x7f" else "sign"


def _check_bytes(vocabulary: Vocabulary) -> None:
    texts = set(vocabulary.tokens)
    lacking = [byte for byte in range(256) if f"<0x{byte:02X}>" not in texts]
    if lacking:
        raise ModelError(LACKING.format(count=len(lacking)))
