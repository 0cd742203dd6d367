"""Messages between our own processes as bytes: a 4-byte big-endian length, then one msgpack-encoded Struct.

Does not know which messages there are, nor who reads or writes them.
"""

from typing import BinaryIO, TypeVar

import msgspec

from lsp_server.base.errors import ProtocolError

#: Bytes of the length in front of each message.
LENGTH = 4

#: A frame longer than this is a protocol error, not a message (bytes).
MAX_FRAME = 16 * 1024 * 1024

Message = TypeVar("Message")

_encoder = msgspec.msgpack.Encoder()


def frame(message: msgspec.Struct) -> bytes:
    """Return a message ready to be written.

    Raises:
        ProtocolError: it is longer than ``MAX_FRAME``.
    """
    body = _encoder.encode(message)
    if len(body) > MAX_FRAME:
        raise ProtocolError(f"A message of {len(body)} bytes is too long to send.")
    return len(body).to_bytes(LENGTH, "big") + body


def length(head: bytes) -> int:
    """Return how long the message behind ``head`` is, in bytes.

    Raises:
        ProtocolError: longer than ``MAX_FRAME``.
    """
    size = int.from_bytes(head, "big")
    if size > MAX_FRAME:
        raise ProtocolError(
            f"The other process announces a message of {size} bytes: it does not speak this protocol."
        )
    return size


def decode(decoder: msgspec.msgpack.Decoder[Message], body: bytes) -> Message:
    """Decode what the other process said.

    Raises:
        ProtocolError: it is none of the decoder's messages.
    """
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(f"The other process sent a message that cannot be read: {error}.") from error


def read(stream: BinaryIO, decoder: msgspec.msgpack.Decoder[Message]) -> Message | None:
    """Wait for one message; ``None`` at the end of the stream.

    Raises:
        ProtocolError: it is no message, or the stream ends inside it.
    """
    head = stream.read(LENGTH)
    if not head:
        return None
    body = stream.read(length(head)) if len(head) == LENGTH else b""
    if len(head) < LENGTH or len(body) < length(head):
        raise ProtocolError("The stream of messages ends inside a message.")
    return decode(decoder, body)
