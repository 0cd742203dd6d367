"""How large and how quick the copy memory is, filled with real source text up to some sizes.

Does not know how good it is: ``lines`` does.
"""

import itertools
import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np

from lsp_server.base.errors import OffhandError
from lsp_server.base.sourcefile import readable_text
from lsp_server.context.languages import Grammars
from lsp_server.engine.memory.mixture import Mixture, weights
from lsp_server.engine.memory.store import Memory
from lsp_server.engine.tokenizer import Tokenizer
from lsp_server.models.store import Model
from lsp_server.workspace.files import Limits, files
from lsp_server.workspace.filetypes import FileTypes
from lsp_server.workspace.ignore import IgnoreRules

#: Questions asked of each size, and tokens learnt at once, as the worker's reader does.
_QUESTIONS, _BATCH = 3_000, 400_000

#: Tokens of a question; the memory looks at no more than it wants.
_CONTEXT = 64

#: Places of each text that may be asked for.
_PLACES = 3

#: Of the questions, how many have one of the last tokens changed, so that the longest match is a short one.
_CHANGED = 0.5


class Size(msgspec.Struct, frozen=True):
    """The figures of one size.

    Attributes:
        tokens, documents: held.
        read_s: reading files and turning them into tokens, seconds.
        build_s: indexing them, merges included, seconds.
        bytes_per_token: that are held.
        process_mb: the most that this process has had so far, libraries and the reading of files included; 0 where
            the system does not tell.
        segments: that a question asks.
        query_ms, mix_ms: finding the matches of one context, and mixing them into a distribution: milliseconds of
            processor time, so that other programs do not count; median, 95th and 99th percentile.
    """

    tokens: int
    documents: int
    read_s: float
    build_s: float
    bytes_per_token: float
    process_mb: int
    segments: int
    query_ms: tuple[float, float, float]
    mix_ms: tuple[float, float, float]


def measure(
    model: Model, roots: Sequence[Path], sizes: Sequence[int], progress: Callable[[str], object]
) -> Iterator[Size]:
    """Fill a memory and ask it, at each size.

    Args:
        model: whose tokens are counted.
        sizes: in tokens, ascending.

    Raises:
        OffhandError: the folders do not hold so many.
    """
    tokenizer = Tokenizer(model.tokenizer_file, model.manifest.special_tokens)
    memory = Memory(tokenizer.vocabulary)
    chance = random.Random(1)
    texts = _texts(roots)
    known: list[list[int]] = []  # contexts, not whole texts: those would be larger than the memory itself
    tokens, read_s, build_s = 0, 0.0, 0.0
    for size in sizes:
        while tokens < size:
            begun = time.perf_counter()
            batch: list[tuple[str, list[list[int]]]] = []
            fresh = 0
            for path, text in texts:
                ids = tokenizer.encode(text)[: size - tokens - fresh]
                batch.append((path, [ids]))
                fresh += len(ids)
                if fresh >= min(_BATCH, size - tokens):
                    break
            if not batch:
                raise OffhandError(
                    f"The folders hold {tokens:,} tokens of source text, less than {size:,}: name more."
                )
            middle = time.perf_counter()
            memory.learn(batch)
            tokens += fresh
            read_s += middle - begun
            if tokens >= size:
                memory.tidy()
            build_s += time.perf_counter() - middle
            known += _contexts(batch, chance)
            progress(f"{tokens:,} of {sizes[-1]:,} tokens")
        yield _ask(memory, tokenizer.vocabulary, known, chance, read_s, build_s)


def _ask(
    memory: Memory,
    vocabulary: int,
    known: Sequence[list[int]],
    chance: random.Random,
    read_s: float,
    build_s: float,
) -> Size:
    view, mixture = memory.view("/nowhere"), Mixture(weights())
    network = np.full(vocabulary, 1 / vocabulary)
    query, mix = [], []
    for _ in range(_QUESTIONS):
        context = list(chance.choice(known))
        if chance.random() < _CHANGED:
            context[-chance.randint(1, 8)] = chance.randrange(vocabulary)
        begun = time.thread_time()
        matches = view.matches(context)
        middle = time.thread_time()
        mixture.mix(network, matches)
        query.append(middle - begun)
        mix.append(time.thread_time() - middle)
    return Size(
        memory.size,
        memory.documents,
        round(read_s, 2),
        round(build_s, 2),
        round(memory.footprint / memory.size, 2),
        _peak_mb(),
        memory.segments,
        _percentiles(query),
        _percentiles(mix),
    )


def _contexts(batch: Sequence[tuple[str, list[list[int]]]], chance: random.Random) -> Iterator[list[int]]:
    """A few places of each text."""
    for _, (ids,) in batch:
        if len(ids) > _CONTEXT:
            for _ in range(_PLACES):
                end = chance.randrange(_CONTEXT, len(ids))
                yield ids[end - _CONTEXT : end]


def _peak_mb() -> int:
    try:
        import resource
    except ImportError:  # not on Windows
        return 0
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6)


def _percentiles(seconds: Sequence[float]) -> tuple[float, float, float]:
    median, high, highest = (round(float(value) * 1000, 3) for value in np.percentile(seconds, (50, 95, 99)))
    return median, high, highest


def _texts(roots: Sequence[Path]) -> Iterator[tuple[str, str]]:
    """Paths and texts of the source files below some folders."""
    types = FileTypes(Grammars())
    found: Iterable[str] = itertools.chain.from_iterable(
        (entry.path for entry in files(IgnoreRules([str(root)]), types, limits=Limits(1 << 30, 1 << 40)))
        for root in roots
    )
    for path in found:
        text = readable_text(path)
        if text:
            yield path, text.replace("\r\n", "\n")
