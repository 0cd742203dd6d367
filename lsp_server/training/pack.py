"""The stage ``pack``: documents become rows of tokens, as ``fit`` reads them.

A row is ``context`` + 1 tokens and holds several samples, one behind the other. Which document a sample is of is drawn:
languages by their shares, packages by a power of their size, so that many small ones count more than a large one. Each
shard has a seed of its own and is written once it is whole, so that a run that was stopped goes on with the next.
Does not know the model.
"""

import math
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate
from multiprocessing import get_context
from pathlib import Path
from queue import Empty
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt

from lsp_server.base.errors import TrainingError
from lsp_server.engine.tokenizer import Tokenizer
from lsp_server.training import holes, samples
from lsp_server.training.documents import Document, Split, read
from lsp_server.training.recipe import PackRecipe, Recipe
from lsp_server.training.run import Run
from lsp_server.training.stages import Say
from lsp_server.training.tokenizer import SPECIAL, load

Rows = npt.NDArray[np.uint16]

#: A package's weight is its size to this power.
_SIZE_POWER = 0.65

#: Tokens below which a sample with a hole teaches nothing but its frame, and below which any does.
_SMALLEST, _REST = 96, 24

#: Characters of a snippet from another file, files among which the one is taken that shares most words.
_SNIPPET, _RIVALS = 1_200, 6

_WORD = re.compile(r"[A-Za-z_]\w{3,}")

#: Seconds between two looks at whether the processes that pack are alive.
_LOOK_S = 1.0

_PADDING = SPECIAL.index("<|fim_pad|>")


class Documents:
    """The documents of a split, drawn at random."""

    def __init__(self, documents: Sequence[Document], shares: dict[str, float]) -> None:
        """Weigh them.

        Args:
            shares: of languages; those that are not named share the rest by size.
        """
        self.all = documents
        self.packages: dict[str, list[Document]] = defaultdict(list)
        for document in documents:
            self.packages[document.package].append(document)
        sizes = {name: sum(len(each.text) for each in those) for name, those in self.packages.items()}
        weights = [len(each.text) * sizes[each.package] ** (_SIZE_POWER - 1) for each in documents]
        by_language: dict[str, float] = defaultdict(float)
        for document, weight in zip(documents, weights, strict=True):
            by_language[document.language] += weight
        named = {name: share for name, share in shares.items() if name in by_language}
        others = sum(weight for name, weight in by_language.items() if name not in named)
        left = 1 - sum(named.values()) if others else 0.0
        factors = {
            name: named[name] / weight if name in named else left / others
            for name, weight in by_language.items()
        }
        self._cumulative = list(
            accumulate(
                weight * factors[document.language]
                for document, weight in zip(documents, weights, strict=True)
            )
        )

    def draw(self, chance: Random) -> Document:
        """One of them."""
        return self.all[bisect_left(self._cumulative, chance.random() * self._cumulative[-1])]

    def snippet(self, document: Document, near: str, chance: Random) -> tuple[str, str] | None:
        """A piece of another file of the same package that shares words with the text ``near``: its path and text."""
        those = self.packages[document.package]
        wanted = set(_WORD.findall(near))
        best: tuple[int, str, str] | None = None
        for _ in range(_RIVALS if len(those) > 1 else 0):
            other = chance.choice(those)
            if other.path == document.path:
                continue
            start = other.text.rfind("\n", 0, chance.randrange(len(other.text))) + 1
            piece = other.text[start : start + _SNIPPET]
            piece = piece[: piece.rfind("\n") + 1]
            score = len(wanted & set(_WORD.findall(piece)))
            if piece and (best is None or score > best[0]):
                best = score, other.path, piece
        return best and best[1:]


class Packer:
    """Fills rows."""

    def __init__(self, recipe: PackRecipe, context: int, tokenizer: Tokenizer, documents: Documents) -> None:
        self._recipe = recipe
        self._length = context + 1
        self._tokenizer = tokenizer
        self._documents = documents

    def rows(self, number: int, chance: Random) -> Rows:
        """``number`` rows, shape (number, context + 1); what is left at a row's end is padding."""
        rows = np.full((number, self._length), _PADDING, dtype=np.uint16)
        for row in rows:
            used = 0
            while (room := self._length - used) >= _REST:
                choose = self._sample if room >= _SMALLEST else self._filling
                sample = choose(room, chance)[:room]
                row[used : used + len(sample)] = sample
                used += len(sample)
        return rows

    def _filling(self, room: int, chance: Random) -> list[int]:
        document = self._documents.draw(chance)
        lines = document.text.splitlines(keepends=True)
        return samples.plain(self._tokenizer, document.path, lines, chance.randrange(len(lines)), room)

    def _sample(self, room: int, chance: Random) -> list[int]:
        """At most about ``room`` tokens; lengths are drawn evenly by their logarithm."""
        capacity = int(math.exp(chance.uniform(math.log(_SMALLEST * 1.5), math.log(self._length))))
        if capacity > room * 0.8:
            capacity = room
        document = self._documents.draw(chance)
        lines = document.text.splitlines(keepends=True)
        kind = chance.random()
        if kind >= self._recipe.infill + self._recipe.llama_infill:
            first = chance.randrange(len(lines)) if chance.random() < 0.7 else 0
            return samples.plain(self._tokenizer, document.path, lines, first, capacity)
        hole = holes.cut(lines, chance)
        if hole is None:
            return samples.plain(self._tokenizer, document.path, lines, 0, capacity)
        snippets = []
        if capacity > 3 * _SMALLEST and chance.random() < self._recipe.snippets:
            near = "".join(lines[max(0, hole.line - 15) : hole.last_line + 15])
            found = self._documents.snippet(document, near, chance)
            snippets = [found] if found else []
        if kind < self._recipe.infill:
            return samples.infill(self._tokenizer, document.path, lines, hole, snippets, capacity)
        # Many of these are short: what stands behind the token in the middle is learnt last of all.
        if chance.random() < 0.5:
            capacity = min(capacity, 2 * _SMALLEST)
        return samples.llama_infill(
            self._tokenizer, lines, hole, snippets, capacity, bare=chance.random() < 0.5
        )


def run(recipe: Recipe, run: Run, say: Say) -> None:
    """Write ``pack/validation.bin`` and ``pack/train-NNN.bin``: rows of uint16.

    Raises:
        TrainingError: the corpus or the tokenizer is missing.
    """
    corpus, tokenizer, folder = run.path("corpus"), run.path("tokenizer"), run.path("pack")
    spelling = load(tokenizer)
    folder.mkdir(exist_ok=True)
    length = recipe.model.context + 1
    held = {folder / "validation.bin": recipe.pack.validation_tokens // length}
    _write_shards(recipe, "validation", corpus, spelling, held, say)
    left, shards = recipe.pack.tokens // length, {}
    each = max(1, recipe.pack.shard_tokens // length)
    for number in range(math.ceil(left / each)):
        shards[folder / f"train-{number:03}.bin"] = min(each, left - number * each)
    for stale in set(folder.glob("train-*.bin")) - shards.keys():
        stale.unlink()
    _write_shards(recipe, "train", corpus, spelling, shards, say)


def _write_shards(
    recipe: Recipe, split: Split, corpus: Path, spelling: Tokenizer, shards: dict[Path, int], say: Say
) -> None:
    row_bytes = 2 * (recipe.model.context + 1)
    jobs = [
        (path, rows)
        for path, rows in shards.items()
        if not path.exists() or path.stat().st_size != rows * row_bytes
    ]
    if not jobs:
        return
    say(f"pack: reading the {split} documents", None)
    documents = Documents(list(read(corpus, split)), recipe.pack.shares)
    if not documents.all:
        raise TrainingError(f"The corpus in {corpus} has no {split} documents.")
    packer = Packer(recipe.pack, recipe.model.context, spelling, documents)
    workers = min(recipe.pack.processes, len(jobs))
    # Forked, so that the documents are there only once.
    context: Any = get_context("fork")
    finished = context.Queue()
    processes = [
        context.Process(target=_pack, args=(packer, recipe.seed, jobs[first::workers], finished), daemon=True)
        for first in range(workers)
    ]
    for process in processes:
        process.start()
    for done in range(len(jobs)):
        say(f"pack: {_next(finished, processes)}", (done + 1) / len(jobs))
    for process in processes:
        process.join()


def _next(finished: Any, processes: Sequence[Any]) -> str:
    """The name of the next shard that is written; a process that died, of lack of memory perhaps, will not tell."""
    while True:
        try:
            name: str = finished.get(timeout=_LOOK_S)
            return name
        except Empty:
            if any(process.exitcode for process in processes):
                raise TrainingError("A process that packed was ended: is there memory enough?") from None


def _pack(packer: Packer, seed: int, jobs: Sequence[tuple[Path, int]], finished: Any) -> None:
    for path, rows in jobs:
        partial = path.with_suffix(".new")
        packer.rows(rows, Random(f"{seed}:{path.name}")).tofile(partial)
        partial.replace(path)
        finished.put(path.name)


def shards(folder: Path, context: int) -> list[Any]:
    """What was packed for training, mapped into memory, each of shape (rows, context + 1).

    Raises:
        TrainingError: there is nothing, or it was packed for another context.
    """
    paths = sorted(folder.glob("train-*.bin"))
    if not paths or any(path.stat().st_size % (2 * (context + 1)) for path in paths):
        raise TrainingError(f"There are no packed rows of {context} tokens in {folder}. Run 'pack' again.")
    return [np.memmap(path, np.uint16, "r").reshape(-1, context + 1) for path in paths]
