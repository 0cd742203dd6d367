"""llama.vim's extra context: a ring of chunks of files that were looked at lately.

Its ``s:pick_chunk``, ``s:ring_update`` and ``s:chunk_sim``, rule by rule (https://github.com/ggml-org/llama.vim, MIT,
autoload/llama.vim at a1c8e6e of 2026-01-31). Does not know when a chunk is picked, nor who is sent the ring.
"""

import random
import re
from collections.abc import Sequence

import msgspec

#: Longest chunk that is taken as a whole; of a longer text half as many lines are taken (``ring_chunk_size``).
CHUNK = 64

#: Shortest text that is taken (lines); most chunks that wait.
_SHORTEST, _WAITING = 3, 16

#: Chunks more similar than this to a new one give way to it, or keep it out.
_SAME = 0.9

#: Chunks more similar than this to what is around the cursor are dropped: the model would repeat them.
_NEAR = 0.5

_WORD = re.compile("[0-9A-Za-z_]+")


class Chunk(msgspec.Struct, frozen=True):
    """Lines of a file, by the name of the file."""

    lines: tuple[str, ...]
    name: str


class Ring:
    """See the module.

    Attributes:
        chunks: what is sent, oldest first.
        waiting: what was picked and is not yet sent, oldest first.
    """

    def __init__(self, size: int, seed: int = 0) -> None:
        """Of ``size`` chunks; 0 for no ring. ``seed`` is of the places in long texts, which are chosen at random."""
        self.chunks: list[Chunk] = []
        self.waiting: list[Chunk] = []
        self._size = size
        self._random = random.Random(seed)

    def pick(self, lines: Sequence[str], name: str, *, evict: bool) -> None:
        """Have a piece of a text wait, unless it is there already.

        Args:
            evict: chunks that are nearly the same give way; otherwise they keep this one out.
        """
        if self._size <= 0 or len(lines) < _SHORTEST:
            return
        chunk = Chunk(tuple(lines) if len(lines) + 1 < CHUNK else self.window(lines), name)
        if any(one.lines == chunk.lines for one in (*self.chunks, *self.waiting)):
            return
        for some in (self.waiting, self.chunks):
            # One by one, the newest first: where one keeps the new one out, those that gave way before stay away.
            for index in reversed(range(len(some))):
                if similarity(some[index].lines, chunk.lines) > _SAME:
                    if not evict:
                        return
                    del some[index]
        if len(self.waiting) == _WAITING:
            del self.waiting[0]
        self.waiting.append(chunk)

    def window(self, lines: Sequence[str]) -> tuple[str, ...]:
        """Some lines in a row, one more than half a chunk, from a place chosen at random."""
        first = self._random.randint(0, max(0, len(lines) - CHUNK // 2))
        return tuple(lines[first : first + CHUNK // 2 + 1])

    def drop_near(self, lines: Sequence[str]) -> None:
        """Drop the chunks that are like a part, chosen at random, of the ``lines`` around the cursor."""
        near = self.window(lines)
        self.chunks = [one for one in self.chunks if similarity(one.lines, near) <= _NEAR]

    def turn(self) -> bool:
        """Move one chunk from those that wait to those that are sent; say whether there was one."""
        if not self.waiting:
            return False
        if len(self.chunks) == self._size:
            del self.chunks[0]
        self.chunks.append(self.waiting.pop(0))
        return True

    def extra(self) -> list[dict[str, str]]:
        """The chunks as ``/infill`` wants them."""
        return [{"text": "\n".join(one.lines) + "\n", "filename": one.name} for one in self.chunks]


def similarity(one: Sequence[str], other: Sequence[str]) -> float:
    """From 0 to 1: the share of words of ``other`` that ``one`` has, of the words of both."""
    words, others = _WORD.findall("\n".join(one)), _WORD.findall("\n".join(other))
    if not words and not others:
        return 1.0
    known = set(words)
    return 2.0 * sum(word in known for word in others) / (len(words) + len(others))
