"""Text to token ids and token ids to bytes, over the ``tokenizers`` library. Does not know prompts or engines.

Only byte-level BPE: every token but the special ones stands for a run of bytes, and any bytes can be spelled.
"""

import bisect
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tokenizers

from lsp_server.base.errors import ModelError

Ids = npt.NDArray[np.int64]

#: A text's last pre-token is healed as a whole if it has no more tokens than this; of a longer one (a ruler of
#: dashes, a line of Chinese) only the last so many: each healed token costs an evaluation.
_MAX_HEALED = 8

#: What a user may type next, one of each kind that pre-tokenisers tell apart.
_PROBES = ("a", "A", "_", "0", " ", "\n", "(")

#: Pre-tokens at the end of a text among which the stable start is sought.
_LOOK_BACK = 3


def byte_alphabet() -> dict[str, int]:
    """Return the character that stands for each byte in the vocabulary of a byte-level BPE.

    Printable Latin-1 stands for itself, the other bytes for the characters from U+0100 on, in order: GPT-2's
    ``bytes_to_unicode``, https://github.com/openai/gpt-2/blob/master/src/encoder.py.
    """
    printable = {
        *range(ord("!"), ord("~") + 1),
        *range(ord("¡"), ord("¬") + 1),
        *range(ord("®"), ord("ÿ") + 1),
    }
    others = (byte for byte in range(256) if byte not in printable)
    return {chr(byte): byte for byte in printable} | {chr(256 + n): byte for n, byte in enumerate(others)}


class Tokenizer:
    """A model's tokenizer.

    Attributes:
        vocabulary: number of ids, special ones included.
        bytes: of each id, what it stands for; special tokens stand for nothing.
        special: name to id.
    """

    def __init__(self, path: Path, special: Mapping[str, int]) -> None:
        """Read ``tokenizer.json``.

        Args:
            special: the special tokens of the model's manifest, name to id.

        Raises:
            ModelError: the file cannot be read, is not byte-level BPE, or contradicts ``special``.
        """
        try:
            self._tokenizer = tokenizers.Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises bare Exception
            raise ModelError(f"Tokenizer {path} cannot be read: {error}. Copy the model again.") from error
        # What stands in the user's text is text, even if it looks like a special token.
        self._tokenizer.encode_special_tokens = True
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.special = dict(special)
        self.vocabulary = self._tokenizer.get_vocab_size()
        self.bytes = self._byte_table(path)
        ordinary = sorted((spelling, token) for token, spelling in enumerate(self.bytes) if spelling)
        self._spellings = [spelling for spelling, _ in ordinary]
        self._sorted_ids = np.array([token for _, token in ordinary], dtype=np.int64)
        self._by_spelling = dict(reversed(ordinary))
        self._longest = max(map(len, self._spellings), default=0)
        self.allowed = lru_cache(maxsize=256)(self._allowed)

    def _byte_table(self, path: Path) -> list[bytes]:
        alphabet = byte_alphabet()
        table = [b""] * self.vocabulary
        added = self._tokenizer.get_added_tokens_decoder()
        for token, entry in added.items():
            if self.special.get(entry.content, token) != token:
                raise ModelError(f"Tokenizer {path} and the model's manifest disagree on '{entry.content}'.")
        reserved = {*added, *self.special.values()}
        if max(reserved, default=0) >= self.vocabulary:
            raise ModelError(f"The model's manifest has special tokens that tokenizer {path} does not know.")
        for spelling, token in self._tokenizer.get_vocab(with_added_tokens=False).items():
            if token in reserved:
                continue
            if token >= self.vocabulary or not alphabet.keys() >= set(spelling):
                raise ModelError(f"Tokenizer {path} is not byte-level BPE; no other kind is supported.")
            table[token] = bytes(alphabet[character] for character in spelling)
        return table

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text; no id is ever special. Lone surrogates become question marks."""
        ids: list[int] = self._tokenizer.encode(_valid(text), add_special_tokens=False).ids
        return ids

    def split_for_healing(self, text: str) -> tuple[list[int], bytes]:
        """Cut a text where its tokens no longer depend on what is typed next.

        The cursor usually stands inside a word, whose tokens would change with the next key: the model never saw
        such a broken spelling. So the last pre-token is given as bytes, for the model to spell anew. Pre-tokens do
        not depend on each other, hence the ids before it stay as they are while one types on; the few starts of
        pre-tokens that move after all (``foo_`` becomes ``foo__``) are found by probing, and stepped over.

        Returns:
            the ids up to that place, and the bytes that follow it. The ids are a prefix of those of any text that
            begins with ``text``, unless its last pre-token is longer than ``_MAX_HEALED`` tokens.
        """
        text = _valid(text)
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        ids: list[int] = encoding.ids
        cut = max(self._stable_start(text, encoding), len(ids) - _MAX_HEALED)
        return ids[:cut], b"".join(self.bytes[token] for token in ids[cut:])

    def _stable_start(self, text: str, encoding: tokenizers.Encoding) -> int:
        """Index of the first token of the last pre-token that begins where it does whatever is typed next."""
        words = encoding.word_ids
        starts: list[int] = []
        for index in range(len(words) - 1, -1, -1):
            if index == 0 or words[index] != words[index - 1]:
                starts.append(index)
                if len(starts) == _LOOK_BACK:
                    break
        if not starts:
            return 0
        tail_from: int = encoding.offsets[starts[-1]][0]
        tail = text[tail_from:]
        split = self._tokenizer.pre_tokenizer
        if split is None:
            return 0
        kept = [{start for _, (start, _) in split.pre_tokenize_str(tail + probe)} for probe in _PROBES]
        for start in starts[:-1]:
            if all(encoding.offsets[start][0] - tail_from in boundaries for boundaries in kept):
                return start
        return starts[-1]

    def _allowed(self, remaining: bytes) -> Ids:
        """Return the tokens that agree with ``remaining``: those that begin with it, and those it begins with.

        Returns:
            ids, shape (n,), ascending; empty when the vocabulary cannot spell it.
        """
        first = bisect.bisect_left(self._spellings, remaining)
        last = bisect.bisect_left(self._spellings, remaining + b"\xff" * self._longest)
        beginnings = (self._by_spelling.get(remaining[:size]) for size in range(1, len(remaining)))
        shorter = np.array([token for token in beginnings if token is not None], dtype=np.int64)
        ids = np.sort(np.concatenate((self._sorted_ids[first:last], shorter)))
        ids.setflags(write=False)  # the cache hands the same array to everyone
        return ids


def _valid(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
