"""What ``quantising`` is told and says: all that both sides of it import."""

import msgspec

from lsp_server.base.move import Move


class Job(msgspec.Struct, frozen=True, tag="job"):
    """What is to be done: each tensor's data from one file to the other."""

    source: str
    target: str
    moves: tuple[Move, ...]
    threads: int


class Said(msgspec.Struct, frozen=True, tag="said"):
    """How far it is, in bytes of the target; or why it ended early. The last one says ``complete``."""

    done: int
    error: str = ""
    complete: bool = False


JOB: msgspec.msgpack.Decoder[Job] = msgspec.msgpack.Decoder(Job)
SAID: msgspec.msgpack.Decoder[Said] = msgspec.msgpack.Decoder(Said)
