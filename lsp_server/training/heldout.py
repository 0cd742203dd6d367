"""Held-out documents as a model is asked about them: texts to predict, and prompts to continue. Knows no network."""

from collections.abc import Sequence

from lsp_server.base.errors import TrainingError
from lsp_server.engine.tokenizer import Tokenizer
from lsp_server.training.documents import Document
from lsp_server.training.quality import Sample

#: Share of a prompt that is prefix; behind it a few tokens are left out, as if they were to be written.
_PREFIX, _HOLE = 0.75, 16

#: Components and tokens of a path that the model sees, as in ``prompt.templates.offhand``.
_COMPONENTS, _PATH = 3, 24


def spread(documents: Sequence[Document], most: int) -> list[Document]:
    """At most so many documents, evenly spread over all there are.

    Raises:
        TrainingError: there are none.
    """
    if not documents:
        raise TrainingError("The corpus has no validation documents. Name packages for it in the recipe.")
    count = min(most, len(documents))
    return [documents[index * len(documents) // count] for index in range(count)]


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
    """Suffix-first prompts of about ``tokens`` tokens at the beginning of documents that are long enough.

    Raises:
        TrainingError: no document is.
    """
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
    if not made:
        raise TrainingError(
            "The validation documents are too short. Name more packages for them in the recipe."
        )
    return made


def _heading(document: Document, tokenizer: Tokenizer) -> list[int]:
    path = tokenizer.encode("/".join(document.path.split("/")[-_COMPONENTS:]))
    return [tokenizer.special["<|file_sep|>"], *path[-_PATH:], *tokenizer.encode("\n")]
