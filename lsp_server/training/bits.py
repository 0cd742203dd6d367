"""How well a network predicts documents that it was not trained on: bits a byte, by language.

Every document is read from left to right behind its path, as whole files are in training, with the truth in front of
each token (teacher forcing). Knows neither the prompt of a completion nor the memory; how good completions are is what
``offhand bench`` measures.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from lsp_server.engine.tokenizer import Tokenizer
from lsp_server.prompt.render import heading
from lsp_server.training import samples
from lsp_server.training.documents import Document
from lsp_server.training.stages import Say

Network = Callable[[Sequence[int]], npt.NDArray[np.float32]]
"""Token ids to a row of logits behind each of them, shape (time, vocabulary)."""

#: The name of all languages together.
ALL = "all"

#: How a line begins that is a comment, by language; those of the others are C's.
_COMMENTS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("python", "shell", "ruby"), ("#",)),
    "lua": ("--",),
    "php": ("//", "/*", "* ", "*/", "#"),
}
_LIKE_C = ("//", "/*", "* ", "*/")


class Bits(msgspec.Struct, frozen=True):
    """What documents cost.

    Attributes:
        bytes: that were predicted; ``code`` are those in lines of code: neither blank nor a comment of their own
            (documentation strings count as code).
        per_byte, per_code_byte: bits; ``None`` where there is no such byte.
        bytes_per_token: how coarse the tokens are.
    """

    documents: int
    bytes: int
    code: int
    per_byte: float | None
    per_code_byte: float | None
    bytes_per_token: float | None


def choose(documents: Iterable[Document], most: int) -> list[Document]:
    """Documents of about ``most`` characters in each language, evenly spread over all there are."""
    by_language: dict[str, list[Document]] = {}
    for document in documents:
        by_language.setdefault(document.language, []).append(document)
    chosen: list[Document] = []
    for mine in by_language.values():
        size = sum(len(document.text) for document in mine)
        count = max(1, min(len(mine), round(len(mine) * most / max(size, 1))))
        chosen += [mine[index * len(mine) // count] for index in range(count)]
    return chosen


def bits_per_byte(
    network: Network,
    context: int,
    tokenizer: Tokenizer,
    documents: Sequence[Document],
    most_tokens: int,
    say: Say,
) -> dict[str, Bits]:
    """What documents cost, by language, all of them first.

    Args:
        context: tokens that the network sees at once.
        most_tokens: of each document; what stands behind them is not read.
        say: told how far it is.
    """
    counts: dict[str, _Count] = {ALL: _Count()}
    for number, document in enumerate(documents):
        say(f"bits per byte: {document.language}", number / len(documents))
        count = counts.setdefault(document.language, _Count())
        ids = tokenizer.encode(document.text)[:most_tokens]
        costs = _costs(
            network, context, samples.tokens(tokenizer, heading(samples.TEMPLATE, document.path)), ids
        )
        spelling = [tokenizer.bytes[token] for token in ids]
        for one in (count, counts[ALL]):
            one.add(document.language, spelling, costs)
    return {language: count.bits() for language, count in counts.items()}


def _costs(network: Network, context: int, heading: list[int], ids: Sequence[int]) -> list[float]:
    """Bits of each token. Behind the first window each shows half of what was seen before, and predicts the rest."""
    room = context - len(heading)
    costs: list[float] = []
    start = 0
    while len(costs) < len(ids):
        shown = ids[start : start + room]
        new = shown[len(costs) - start :]
        rows = network([*heading, *shown[:-1]])[-len(new) :]
        costs += _surprise(rows, new)
        start = len(costs) - room // 2
    return costs


def _surprise(rows: npt.NDArray[np.float32], truth: Sequence[int]) -> list[float]:
    """Bits of the true tokens, one for each row of logits."""
    exact = rows.astype(np.float64)
    top = exact.max(axis=1)
    whole = top + np.log(np.exp(exact - top[:, None]).sum(axis=1))
    costs: list[float] = ((whole - exact[np.arange(len(truth)), list(truth)]) / math.log(2)).tolist()
    return costs


class _Count:
    """Sums over documents."""

    def __init__(self) -> None:
        self._documents = self._tokens = self._bytes = self._code = 0
        self._cost = self._code_cost = 0.0

    def add(self, language: str, spelling: Sequence[bytes], costs: Sequence[float]) -> None:
        """Add a document: its tokens' bytes and bits. A token's bits are spread over its bytes, which may stand in two
        lines."""
        text = b"".join(spelling)
        sizes = [len(one) for one in spelling]
        each = np.repeat(np.array(costs) / np.maximum(sizes, 1), sizes)
        code = np.array(list(_code(language, text)), bool)
        self._documents += 1
        self._tokens += len(spelling)
        self._bytes += len(text)
        self._code += int(code.sum())
        self._cost += float(sum(costs))
        self._code_cost += float(each[code].sum())

    def bits(self) -> Bits:
        """The figures."""
        return Bits(
            documents=self._documents,
            bytes=self._bytes,
            code=self._code,
            per_byte=self._cost / self._bytes if self._bytes else None,
            per_code_byte=self._code_cost / self._code if self._code else None,
            bytes_per_token=self._bytes / self._tokens if self._tokens else None,
        )


def _code(language: str, text: bytes) -> Iterator[bool]:
    """For each byte, whether it stands in a line of code; a line's end belongs to it."""
    marks = tuple(mark.encode() for mark in _COMMENTS.get(language, _LIKE_C))
    for line in text.splitlines(keepends=True):
        bare = line.strip() + b" "
        yield from [bare != b" " and not bare.startswith(marks)] * len(line)
