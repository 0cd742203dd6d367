"""The one value that the plan of a file and the process that carries it out share: what becomes of a tensor."""

import msgspec


class Move(msgspec.Struct, frozen=True, array_like=True):
    """What becomes of one tensor's data; places and sizes in bytes of the files, types as ggml numbers them. What is of
    the same type twice is copied.

    Attributes:
        rows, row: number of rows, and of weights in one.
    """

    name: str
    rows: int
    row: int
    source: int
    source_type: int
    source_bytes: int
    target: int
    target_type: int
    target_bytes: int
