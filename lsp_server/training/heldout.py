"""Held-out documents, and prompts that are made of them. Knows no network."""

from collections.abc import Sequence

from lsp_server.base.errors import TrainingError
from lsp_server.engine.tokenizer import Tokenizer
from lsp_server.prompt.render import heading
from lsp_server.training import samples
from lsp_server.training.documents import Document

#: Share of a prompt that is prefix; behind it a few tokens are left out, as if they were to be written.
_PREFIX, _HOLE = 0.75, 16


def spread(documents: Sequence[Document], most: int) -> list[Document]:
    """At most so many documents, evenly spread over all there are.

    Raises:
        TrainingError: there are none.
    """
    if not documents:
        raise TrainingError("The corpus has no validation documents. Name packages for it in the recipe.")
    count = min(most, len(documents))
    return [documents[index * len(documents) // count] for index in range(count)]


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
                    *samples.tokens(tokenizer, heading(samples.TEMPLATE, document.path)),
                    special[samples.SUFFIX],
                    *suffix,
                    special[samples.PREFIX],
                    *text[:before],
                ]
            )
    if not made:
        raise TrainingError(
            "The validation documents are too short. Name more packages for them in the recipe."
        )
    return made
