"""What the indexer answers with: the one place that knows what a question's bytes mean."""

import msgspec

from lsp_server.workspace.index.store import Store


def answer(index: Store, wants: bytes) -> bytes:
    """What defines a name: a msgpack string in, a list of path and ``Definition`` out.

    Raises:
        msgspec.DecodeError: it is no string.
    """
    return msgspec.msgpack.encode(index.definitions(msgspec.msgpack.decode(wants, type=str)))
