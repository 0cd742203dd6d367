"""What the indexer answers with: the one place that knows what a question's bytes mean."""

import msgspec

from lsp_server.workspace.index.index import Index
from lsp_server.workspace.retrieval.piece import Question
from lsp_server.workspace.retrieval.retrieve import retrieve

_QUESTION = msgspec.msgpack.Decoder(Question)


def answer(index: Index, wants: bytes) -> bytes:
    """The pieces of other files that a cursor needs: a ``Question`` in, a list of ``Piece`` out; none in prose or data.

    Raises:
        msgspec.DecodeError: it is no question.
    """
    question = _QUESTION.decode(wants)
    about = index.reader.described(question.wants.language)
    found = [] if about is None else retrieve(index, question.wants, about, question.without)
    return msgspec.msgpack.encode(found)
