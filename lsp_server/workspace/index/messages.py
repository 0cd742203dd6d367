"""What server and indexer say to each other; on the wire as ``base.framing`` has it."""

import msgspec

from lsp_server.workspace.index.contents import Size

# --- server to indexer


class Begin(msgspec.Struct, frozen=True, tag="begin"):
    """Begin a workspace: nothing counts until it is told. Not answered.

    Attributes:
        kept: file that the index is kept in.
        refused: paths of files that killed indexers; they are known and not looked into.
    """

    kept: str
    refused: tuple[str, ...] = ()


class Tell(msgspec.Struct, frozen=True, tag="tell"):
    """Files are there, have changed, or are gone: look at them, in this order, when there is time. Answered by
    ``Progress``, now and then."""

    paths: tuple[str, ...]


class Listed(msgspec.Struct, frozen=True, tag="listed"):
    """All files that there are have been told: what was kept of others can go. Not answered."""


class Override(msgspec.Struct, frozen=True, tag="override"):
    """A text counts in the place of a file, whatever is on disk, from now on. Not answered.

    Attributes:
        language: name of its grammar, or one of the editors' ids.
    """

    path: str
    text: str
    language: str


class Release(msgspec.Struct, frozen=True, tag="release"):
    """A text counts no more. What is on disk, if it was told of, counts again. Not answered."""

    path: str


class Ask(msgspec.Struct, frozen=True, tag="ask"):
    """A question; answered by ``Answer``.

    Attributes:
        id: chosen by the client, unique among its open questions.
        wants: for the function that answers; what is in it is between that one and who asks.
    """

    id: int
    wants: bytes


ToIndexer = Begin | Tell | Listed | Override | Release | Ask
TO_INDEXER: msgspec.msgpack.Decoder[ToIndexer] = msgspec.msgpack.Decoder(ToIndexer)


# --- indexer to server


class Progress(msgspec.Struct, frozen=True, tag="progress"):
    """How far it is; sent before each file, so that it is known which one killed it, and when there is no more to do.

    Attributes:
        reading: path of the file that is looked into now; empty when none is.
        waiting: files to look at, this one included.
        heard: messages taken in so far, questions not counted.
    """

    reading: str
    waiting: int
    heard: int
    size: Size


class Answer(msgspec.Struct, frozen=True, tag="answer"):
    """To a question.

    Attributes:
        found: empty when the answering failed.
        error: kind of the exception then.
    """

    id: int
    found: bytes
    error: str = ""


FromIndexer = Progress | Answer
FROM_INDEXER: msgspec.msgpack.Decoder[FromIndexer] = msgspec.msgpack.Decoder(FromIndexer)
