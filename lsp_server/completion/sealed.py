"""An entry of the cache in a form that may lie on a disk: who has not the text around its place cannot read it.

The key is made of that text (convergent encryption: Douceur and others, "Reclaiming Space from Duplicate Files in a
Serverless Distributed File System", 2002). Nothing that is kept holds it: an entry bears a name, which is a digest of
what surrounds its line, its column, a proof, which is a digest of its content under the key, and the content, hidden
under the output of SHAKE-256 for key and proof (a synthetic initialisation vector, as in RFC 5297: two contents of one
place share no key stream). The proof also tells whether the content is whole and the key is the right one.

What that gives: from the file alone nobody learns more than how many entries there are, in which order they came, how
long each is, in which column it begins and which belong to one line. What it does not give: whoever has the same source
text can tell whether there is an entry for a place in it, and read it; whoever knows all of the text but a few
characters can guess these until an entry opens, and a place with little around it, as in a new file, is guessed easily.
As long as the source files lie on the same disk in clear they tell more; an entry for text that was deleted since is
there until newer ones take its room.

Knows no files.
"""

import hashlib

import msgspec

from lsp_server.completion.cache import Entry

_ENTRY = msgspec.msgpack.Decoder(Entry)

#: Lengths of digests, in bytes: of what is secret, and of what is written.
_SECRET, _WRITTEN = 32, 16


class Sealed(msgspec.Struct, frozen=True, array_like=True):
    """An entry that only its place opens.

    Attributes:
        line: name of the line that it is of, see ``Line``.
        column: where on that line its place is, in characters.
        proof: of the content.
    """

    line: bytes
    column: int
    proof: bytes
    content: bytes


class Line:
    """What a line's entries are found by and opened with.

    Attributes:
        name: tells lines apart, and nothing about them.
    """

    def __init__(self, above: str, behind: str, setting: str) -> None:
        """Of what surrounds it, as in ``cache.Place``."""
        whole = hashlib.blake2b(digest_size=_SECRET, person=b"offhand line")
        for text in (above, behind, setting):
            data = text.encode("utf-8", "surrogatepass")
            whole.update(len(data).to_bytes(8, "big"))
            whole.update(data)
        self._secret = whole.digest()
        self.name = hashlib.blake2b(self._secret, digest_size=_WRITTEN, person=b"offhand name").digest()

    def seal(self, head: str, entry: Entry) -> Sealed:
        """Hide an entry.

        Args:
            head: the line up to the entry's place.

        Raises:
            UnicodeEncodeError: there is half a surrogate pair in it.
        """
        plain, key = msgspec.msgpack.encode(entry), self._key(head)
        proof = _proof(plain, key)
        return Sealed(self.name, len(head), proof, _hidden(plain, key, proof))

    def open(self, sealed: Sealed, head: str) -> Entry | None:
        """What ``seal`` was given; ``None`` if that was with another text, or it is damaged."""
        key = self._key(head)
        plain = _hidden(sealed.content, key, sealed.proof)
        if _proof(plain, key) != sealed.proof:
            return None
        try:
            return _ENTRY.decode(plain)
        except msgspec.MsgspecError:  # of a version that knew something else of an entry
            return None

    def _key(self, head: str) -> bytes:
        data = head.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(data, key=self._secret, digest_size=_SECRET, person=b"offhand entry").digest()


def _proof(plain: bytes, key: bytes) -> bytes:
    return hashlib.blake2b(plain, key=key, digest_size=_WRITTEN, person=b"offhand proof").digest()


def _hidden(data: bytes, key: bytes, proof: bytes) -> bytes:
    """The data under the key stream, or, from there, the data."""
    stream = hashlib.shake_256(key + proof).digest(len(data))
    return (int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(data), "big")
