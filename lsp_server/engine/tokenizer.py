"""Text to token ids and token ids to bytes, over the ``tokenizers`` library. Does not know prompts or engines.

Two kinds: byte-level BPE, and SentencePiece's BPE with a token for each byte. In both every token but the special ones
stands for a run of bytes, and any text can be spelled.
"""

import bisect
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import tokenizers

from lsp_server.base.bytelevel import NEVER, byte_alphabet
from lsp_server.base.errors import ModelError

Ids = npt.NDArray[np.int64]

#: A text's last pre-token is healed as a whole if it has no more tokens than this; of a longer one (a ruler of
#: dashes, a line of Chinese) only the last so many: each healed token costs an evaluation.
_MAX_HEALED = 8

#: What a user may type next, one of each kind that pre-tokenisers tell apart.
_PROBES = ("a", "A", "_", "0", " ", "\n", "(")

#: How SentencePiece writes a space, and a byte that no other token can spell.
_SPACE = "▁"
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")


#: Pre-tokens at the end of a text among which the stable start is sought.
_LOOK_BACK = 3


#: How far behind its beginning a prompt is kept as ids from key to key (characters), and how far it may grow before
#: that is done anew.
_MARGIN, _GROWTH = 400, 4000

#: Texts whose ids are kept: the parts of a prompt that no key changes.
_KEPT = 32


class _Anchor(NamedTuple):
    """A beginning of a text. Every text that goes on from it has the same ids first, and then, from ``place`` on, those
    of its rest alone."""

    text: str
    place: int
    ids: list[int]


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
            ModelError: the file cannot be read, is of no kind that is supported, cannot spell every text, or
                contradicts ``special``.
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
        self._by_pieces = bool(getattr(self._tokenizer.model, "byte_fallback", False))
        self._literal: list[str] = []
        self.bytes = self._byte_table(path)
        order = sorted(range(self.vocabulary), key=self.bytes.__getitem__)
        order = order[bisect.bisect_right(order, b"", key=self.bytes.__getitem__) :]
        self._spellings = [self.bytes[token] for token in order]
        self._sorted_ids = np.array(order, dtype=np.int64)
        self._longest = max(map(len, self._spellings), default=0)
        self._begun = {text[:size] for text in self._literal for size in range(1, len(text))}
        self._longest_begun = max(map(len, self._begun), default=0)
        self._anchor = _Anchor("", 0, [])
        self._encoded = lru_cache(maxsize=_KEPT)(self.encode)
        self.allowed = lru_cache(maxsize=256)(self._allowed)

    def _byte_table(self, path: Path) -> list[bytes]:
        table = [b""] * self.vocabulary
        added = self._tokenizer.get_added_tokens_decoder()
        for token, entry in added.items():
            if self.special.get(entry.content, token) != token:
                raise ModelError(f"Tokenizer {path} and the model's manifest disagree on '{entry.content}'.")
            if entry.content in self.special and not entry.special:
                raise ModelError(
                    f"Tokenizer {path} finds '{entry.content}' in ordinary text, but it is special to the model. Add "
                    "the model again."
                )
        reserved = {*added, *self.special.values()}
        if max(reserved, default=0) >= self.vocabulary:
            raise ModelError(f"The model's manifest has special tokens that tokenizer {path} does not know.")
        ordinary = {
            token: spelling
            for spelling, token in self._tokenizer.get_vocab(with_added_tokens=False).items()
            if token not in reserved
        }
        if max(ordinary, default=0) >= self.vocabulary:
            raise ModelError(f"Tokenizer {path} has ids without tokens. Copy the model again.")
        spell = _spell_pieces if self._by_pieces else _spell_bytes
        try:
            spellings = spell(list(ordinary.values()))
        except UnicodeEncodeError as error:
            raise ModelError(
                f"Tokenizer {path} is not byte-level BPE; no other kind is supported."
            ) from error
        for token, data in zip(ordinary, spellings, strict=True):
            table[token] = data
        for token, entry in added.items():
            if not entry.special:
                table[token] = entry.content.encode()
                self._literal.append(entry.content)
        lacking = set(range(256)) - NEVER - {data[0] for data in table if len(data) == 1}
        if lacking:
            raise ModelError(
                f"Tokenizer {path} has no token for {len(lacking)} of 256 bytes, so some texts could not be spelled. "
                "Use another model."
            )
        return table

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text; no id is ever special. Lone surrogates become question marks."""
        ids: list[int] = self._tokenizer.encode(_valid(text), add_special_tokens=False).ids
        return ids

    def encode_kept(self, text: str) -> list[int]:
        """The same for a text that comes again and again, as most parts of a prompt do."""
        return list(self._encoded(text))

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
        anchor = self._anchor
        if not text.startswith(anchor.text) or len(text) - len(anchor.text) > _GROWTH:
            anchor = self._anchor = self._anchored(text[: max(0, len(text) - _MARGIN)])
        rest = text[anchor.place :]
        encoding = self._tokenizer.encode(rest, add_special_tokens=False)
        ids: list[int] = encoding.ids
        cut = max(self._stable_start(rest, encoding), len(ids) - _MAX_HEALED)
        return anchor.ids + ids[:cut], b"".join(self.bytes[token] for token in ids[cut:])

    def _anchored(self, text: str) -> _Anchor:
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        start = self._stable_start(text, encoding)
        ids: list[int] = encoding.ids
        return _Anchor(text, encoding.offsets[start][0] if start < len(ids) else 0, ids[:start])

    def _stable_start(self, text: str, encoding: tokenizers.Encoding) -> int:
        """Index of the first token of the last pre-token that begins where it does whatever is typed next."""
        latest = len(text) - self._begun_at_end(text)
        offsets = encoding.offsets
        starts: list[int] = []
        for index in _starts_backwards(encoding.word_ids):
            if offsets[index][0] <= latest:
                starts.append(index)
                if len(starts) == _LOOK_BACK or self._by_pieces:
                    break
        if len(starts) < 2:
            return starts[0] if starts else 0
        tail_from: int = offsets[starts[-1]][0]
        tail = text[tail_from:]
        kept = [self._word_starts(tail + probe) for probe in _PROBES]
        for start in starts[:-1]:
            if all(offsets[start][0] - tail_from in boundaries for boundaries in kept):
                return start
        return starts[-1]

    def _begun_at_end(self, text: str) -> int:
        """Length of the longest end of a text that the next keys may make a literal token of."""
        for size in range(min(self._longest_begun, len(text)), 0, -1):
            if text[-size:] in self._begun:
                return size
        return 0

    def _word_starts(self, text: str) -> set[int]:
        """Where in a text its pre-tokens begin."""
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        offsets = encoding.offsets
        return {offsets[index][0] for index in _starts_backwards(encoding.word_ids)}

    def _allowed(self, remaining: bytes) -> Ids:
        """Return the tokens that agree with ``remaining``: those that begin with it, and those it begins with.

        Returns:
            ids, shape (n,), ascending; empty when the vocabulary cannot spell it.
        """
        first = bisect.bisect_left(self._spellings, remaining)
        last = bisect.bisect_left(self._spellings, remaining + b"\xff" * self._longest)
        found = [self._sorted_ids[first:last]]
        for size in range(1, min(len(remaining), self._longest + 1)):
            beginning = remaining[:size]
            first = bisect.bisect_left(self._spellings, beginning)
            found.append(self._sorted_ids[first : bisect.bisect_right(self._spellings, beginning, first)])
        ids = np.sort(np.concatenate(found))
        ids.setflags(write=False)  # the cache hands the same array to everyone
        return ids


def _starts_backwards(words: Sequence[int | None]) -> Iterator[int]:
    """Indices of the tokens that begin a pre-token, the last first."""
    for index in range(len(words) - 1, -1, -1):
        if index == 0 or words[index] != words[index - 1]:
            yield index


#: The byte-level alphabet as characters of the same code; what is not in it becomes a character that is no byte.
_TO_LATIN = dict.fromkeys(range(256), 65535) | {
    ord(character): byte for character, byte in byte_alphabet().items()
}


def _spell_bytes(texts: list[str]) -> list[bytes]:
    """What tokens of a byte-level BPE stand for, all at once: there are hundreds of thousands.

    Raises:
        UnicodeEncodeError: one has a character that stands for no byte.
    """
    data = "".join(texts).translate(_TO_LATIN).encode("latin-1")
    spellings, start = [], 0
    for text in texts:
        end = start + len(text)
        spellings.append(data[start:end])
        start = end
    return spellings


def _spell_pieces(texts: list[str]) -> list[bytes]:
    """What tokens of a SentencePiece vocabulary stand for. A byte that is also a piece is only ever said as that."""
    spellings = [text.replace(_SPACE, " ").encode() for text in texts]
    single = {data for data in spellings if len(data) == 1}
    for index, text in enumerate(texts):
        if byte := _BYTE.fullmatch(text):
            data = bytes.fromhex(byte[1])
            spellings[index] = b"" if data in single else data
    return spellings


def _valid(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
