"""Held-out documents as a model is asked about them: texts to predict, and prompts to continue. Knows no network."""

import lzma
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from lsp_server.base.errors import TrainingError
from lsp_server.engine.tokenizer import Tokenizer
from lsp_server.training.quality import Sample

#: Share of a prompt that is prefix; behind it a few tokens are left out, as if they were to be written.
_PREFIX, _HOLE = 0.75, 16

#: Components of a path that the model sees.
_COMPONENTS = 3


class Document(msgspec.Struct, frozen=True):
    """A file, as far as it matters here."""

    path: str
    text: str


def documents(corpus: Path, most: int) -> list[Document]:
    """Some of the validation documents, evenly spread over the file.

    Raises:
        TrainingError: there are none.
    """
    found = list(_read(corpus))
    if not found:
        raise TrainingError(f"{corpus} has no validation documents. Run the stage 'corpus' again.")
    step = max(1, len(found) // most)
    return found[::step][:most]


def _read(corpus: Path) -> Iterator[Document]:
    plain, packed = corpus / "validation.jsonl", corpus / "validation.jsonl.xz"
    try:
        with plain.open("rb") if plain.exists() else lzma.open(packed, "rb") as lines:
            for line in lines:
                yield msgspec.json.decode(line, type=Document)
    except (OSError, lzma.LZMAError, msgspec.MsgspecError) as error:
        raise TrainingError(f"The validation documents in {corpus} cannot be read: {error}.") from error


def samples(chosen: Sequence[Document], tokenizer: Tokenizer, context: int) -> list[Sample]:
    """The beginning of each document, left to right, as much as the model sees at once."""
    made = []
    for document in chosen:
        heading = _heading(document, tokenizer)
        text = tokenizer.encode(document.text)[: context - len(heading)]
        size = sum(len(tokenizer.bytes[token]) for token in text)
        made.append(Sample((*heading, *text), len(heading), size))
    return made


def prompts(chosen: Sequence[Document], tokenizer: Tokenizer, most: int, tokens: int) -> list[list[int]]:
    """Suffix-first prompts of about ``tokens`` tokens at the beginning of documents that are long enough."""
    made: list[list[int]] = []
    before = int(tokens * _PREFIX)
    for document in chosen:
        text = tokenizer.encode(document.text)
        if len(text) >= tokens + _HOLE and len(made) < most:
            suffix = text[before + _HOLE : tokens + _HOLE]
            special = tokenizer.special
            made.append(
                [
                    *_heading(document, tokenizer),
                    special["<|fim_suffix|>"],
                    *suffix,
                    special["<|fim_prefix|>"],
                    *text[:before],
                ]
            )
    return made


def _heading(document: Document, tokenizer: Tokenizer) -> list[int]:
    path = "/".join(document.path.split("/")[-_COMPONENTS:])
    return [tokenizer.special["<|file_sep|>"], *tokenizer.encode(path), *tokenizer.encode("\n")]
