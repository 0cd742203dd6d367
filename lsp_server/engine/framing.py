"""Messages as bytes: a 4-byte big-endian length, then msgpack. Does not know who reads or writes."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from lsp_server.base.errors import EngineError
from lsp_server.engine.messages import MAX_FRAME, ToServer, ToWorker

#: Bytes of the length in front of each message.
LENGTH = 4

_Message = TypeVar("_Message")

_encoder = msgspec.msgpack.Encoder()
_to_worker: msgspec.msgpack.Decoder[ToWorker] = msgspec.msgpack.Decoder(ToWorker)
_to_server: msgspec.msgpack.Decoder[ToServer] = msgspec.msgpack.Decoder(ToServer)


def frame(message: ToWorker | ToServer) -> bytes:
    """Return a message ready to be written.

    Raises:
        EngineError: it is longer than ``MAX_FRAME``.
    """
    body = _encoder.encode(message)
    if len(body) > MAX_FRAME:
        raise EngineError(f"A message of {len(body)} bytes is too long to send.")
    return len(body).to_bytes(LENGTH, "big") + body


def length(head: bytes) -> int:
    """Return how long the message behind ``head`` is, in bytes.

    Raises:
        EngineError: longer than ``MAX_FRAME``.
    """
    size = int.from_bytes(head, "big")
    if size > MAX_FRAME:
        raise EngineError(
            f"The other process announces a message of {size} bytes: it does not speak this protocol."
        )
    return size


def to_worker(body: bytes) -> ToWorker:
    """Decode what the server said.

    Raises:
        EngineError: it is no message to a worker.
    """
    return _decode(_to_worker.decode, body)


def to_server(body: bytes) -> ToServer:
    """Decode what the worker said.

    Raises:
        EngineError: it is no message to a server.
    """
    return _decode(_to_server.decode, body)


def _decode(decode: Callable[[bytes], _Message], body: bytes) -> _Message:
    try:
        return decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise EngineError(f"The other process sent a message that cannot be read: {error}.") from error
