"""What the index takes from one file, and where a piece of it stands. Values only."""

import msgspec

from lsp_server.context.symbols import Outline


class Unit(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A piece of a file that belongs together: a function, a class's head, some statements.

    Attributes:
        start, end: in bytes of the source as ``syntax.to_source`` makes it.
        names: the identifiers in it, each once.
    """

    start: int
    end: int
    names: tuple[str, ...]


class Contents(msgspec.Struct, frozen=True):
    """One file as the index has it.

    Attributes:
        path: absolute.
        size: in bytes, on disk.
        modified: nanoseconds since 1970; -1 for a text that is not what is on disk.
        language: name of its grammar, or as ``FileTypes`` calls it.
        outline: empty where nobody wrote down what a definition is in the language, prose and data above all, or the
            file could not be read in time.
        units: in the order of their beginnings; none there either.
    """

    path: str
    size: int
    modified: int
    language: str
    outline: Outline = Outline()
    units: tuple[Unit, ...] = ()


class Size(msgspec.Struct, frozen=True):
    """How much a store knows; ``names`` are pairs of a unit and a name."""

    files: int = 0
    definitions: int = 0
    units: int = 0
    names: int = 0
    segments: int = 0
