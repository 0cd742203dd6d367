"""What retrieval answers with. Does not know how it came about."""

import msgspec


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


class Found(msgspec.Struct, frozen=True, array_like=True):
    """The pieces, the most needed first."""

    pieces: tuple[Piece, ...] = ()
