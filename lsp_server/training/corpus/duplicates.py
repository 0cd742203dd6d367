"""Finds documents that are there already, exactly or nearly. Knows no packages."""

import hashlib
import re

from rensa import RMinHash, RMinHashLSH

#: Words in one sequence; hash functions; bands of them (a pair above 0.7 is missed in about one of 10 000 cases).
_WORDS, _HASHES, _BANDS = 5, 128, 32
_SEED = 42


def sketch(text: str) -> RMinHash:
    """A text's sequences of words, as the minima of many hash functions (Broder 1997)."""
    words = re.findall(r"\w+|[^\w\s]", text)
    found = RMinHash(_HASHES, _SEED)
    found.update(list({" ".join(words[at : at + _WORDS]) for at in range(max(1, len(words) - _WORDS + 1))}))
    return found


class Known:
    """The documents so far."""

    def __init__(self, similar: float) -> None:
        self._similar = similar
        self._exact: set[bytes] = set()
        self._near = RMinHashLSH(similar, _HASHES, _BANDS)
        self._sketches: list[RMinHash] = []

    def add(self, text: str, sketched: RMinHash) -> str | None:
        """Take a document up, or say what of it is known: ``copy`` or ``near copy``."""
        digest = hashlib.sha256("".join(text.split()).encode()).digest()
        if digest in self._exact:
            return "copy"
        if any(self._sketches[at].jaccard(sketched) > self._similar for at in self._near.query(sketched)):
            return "near copy"
        self._exact.add(digest)
        self._near.insert(len(self._sketches), sketched)
        self._sketches.append(sketched)
        return None
