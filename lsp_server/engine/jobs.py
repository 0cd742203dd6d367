"""What ``quantising`` is told and says: all that both sides of it import."""

import msgspec


class Tensor(msgspec.Struct, frozen=True, array_like=True):
    """One tensor; places and sizes in bytes, types as ggml numbers them. One of the same type twice is copied."""

    name: str
    rows: int
    row: int
    source: int
    source_type: int
    source_bytes: int
    target: int
    target_type: int
    target_bytes: int


class Job(msgspec.Struct, frozen=True, tag="job"):
    """What is to be done: each tensor's data from one file to the other."""

    source: str
    target: str
    tensors: tuple[Tensor, ...]
    threads: int


class Said(msgspec.Struct, frozen=True, tag="said"):
    """How far it is, in bytes of the target; or why it ended early. The last one says ``complete``."""

    done: int
    error: str = ""
    complete: bool = False


JOB: msgspec.msgpack.Decoder[Job] = msgspec.msgpack.Decoder(Job)
SAID: msgspec.msgpack.Decoder[Said] = msgspec.msgpack.Decoder(Said)
