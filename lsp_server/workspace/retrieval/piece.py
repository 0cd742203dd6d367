"""What retrieval is asked, and what it answers with. Does not know how it came about."""

import msgspec

from lsp_server.context.wants import Wants

#: What finds pieces, see ``retrieve``.
SOURCES = ("receiver", "habit", "base", "own", "definition", "usage", "counterpart", "similar")


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """A piece of another file.

    Attributes:
        path: of the file, as the index has it.
        text: whole lines.
        source: what found it.
        score: the higher the better; comparable within one answer.
        brief: the same with less of it, where it is long; empty otherwise.
    """

    path: str
    text: str
    source: str
    score: float
    brief: str = ""


class Question(msgspec.Struct, frozen=True, array_like=True):
    """What is asked, and, for benchmarks, which sources shall not answer."""

    wants: Wants
    without: tuple[str, ...] = ()
