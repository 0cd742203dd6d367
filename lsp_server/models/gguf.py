"""Reads the header of a GGUF file and refuses one that native code could trip over.

Every count and length comes from the file and is believed only after it was compared with what the file still holds;
no more than ``_MAX_HEADER`` bytes are read. Does not know what a model is for, and reads no weights.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (versions 2 and 3, little-endian).
"""

import math
import struct
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO

import msgspec

from lsp_server.base.errors import ModelError

#: Longest header (bytes). A vocabulary of 256,000 tokens with its merges takes about 12 MB.
_MAX_HEADER = 32 << 20

_MAX_KEYS = 4096
_MAX_TENSORS = 65_536
_MAX_KEY = 256
_MAX_TENSOR_NAME = 64
_MAX_DIMENSIONS = 4

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
UINT32, INT32, FLOAT32, STRING = 4, 5, 6, 8
_ARRAY = 9

#: Tensor type to (weights in a block, bytes of a block), from ggml.h and ggml-common.h.
_BLOCKS = {
    0: (1, 4),  # F32
    1: (1, 2),  # F16
    2: (32, 18),  # Q4_0
    3: (32, 20),  # Q4_1
    6: (32, 22),  # Q5_0
    7: (32, 24),  # Q5_1
    8: (32, 34),  # Q8_0
    9: (32, 36),  # Q8_1
    10: (256, 84),  # Q2_K
    11: (256, 110),  # Q3_K
    12: (256, 144),  # Q4_K
    13: (256, 176),  # Q5_K
    14: (256, 210),  # Q6_K
    15: (256, 292),  # Q8_K
    16: (256, 66),  # IQ2_XXS
    17: (256, 74),  # IQ2_XS
    18: (256, 98),  # IQ3_XXS
    19: (256, 50),  # IQ1_S
    20: (32, 18),  # IQ4_NL
    21: (256, 110),  # IQ3_S
    22: (256, 82),  # IQ2_S
    23: (256, 136),  # IQ4_XS
    24: (1, 1),  # I8
    25: (1, 2),  # I16
    26: (1, 4),  # I32
    27: (1, 8),  # I64
    28: (1, 8),  # F64
    29: (256, 56),  # IQ1_M
    30: (1, 2),  # BF16
}

#: Of each architecture: absent or zero, they make old engines divide by zero or read beyond their buffers.
_SHAPE = ("context_length", "embedding_length", "feed_forward_length", "block_count", "attention.head_count")
_MAX_SHAPE = 1 << 24


class Array(msgspec.Struct, frozen=True):
    """An array in the metadata.

    Attributes:
        values: texts as bytes, or numbers; empty unless the reader was told to keep them.
    """

    type: int
    count: int
    values: tuple[bytes, ...] | tuple[int | float | bool, ...] = ()


class Tensor(msgspec.Struct, frozen=True):
    """One tensor: its dimensions (fastest first), ggml type, and place from the start of the data, in bytes."""

    name: str
    dimensions: tuple[int, ...]
    type: int
    offset: int
    bytes: int


class Header(msgspec.Struct, frozen=True):
    """A sound header."""

    version: int
    metadata: dict[str, str | int | float | bool | Array]
    tensors: tuple[Tensor, ...]

    @property
    def architecture(self) -> str:
        """The model's family, as in ``general.architecture``."""
        return str(self.metadata["general.architecture"])

    @property
    def parameters(self) -> int:
        """Number of weights in the file; a tied output matrix that is written out counts twice."""
        return sum(math.prod(tensor.dimensions) for tensor in self.tensors)


class _Unsound(Exception):
    """What is wrong with the header; ``read`` turns it into a ModelError."""


def read(path: Path, keep: Collection[str] = ()) -> Header:
    """Read and check a header.

    Args:
        keep: keys of the metadata whose arrays are wanted with their values.

    Raises:
        ModelError: the file cannot be read, or it is not a GGUF file that can safely be loaded.
    """
    try:
        with path.open("rb") as file:
            return _header(_Reader(file, path.stat().st_size), keep)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}.") from error
    except _Unsound as error:
        raise ModelError(
            f"{path} cannot be used as a model: {error}. Fetch the file again or use another."
        ) from error


class _Reader:
    """Takes bytes off the front of a file and never more than there are."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self.size = size
        self.position = 0

    def require(self, count: int) -> None:
        if count > self.size - self.position:
            raise _Unsound("it ends inside its header, or states a length beyond its end")
        if self.position + count > _MAX_HEADER:
            raise _Unsound(f"its header is longer than {_MAX_HEADER >> 20} MB")

    def take(self, count: int) -> bytes:
        self.require(count)
        data = self._file.read(count)
        if len(data) != count:
            raise _Unsound("it became shorter while it was read")
        self.position += count
        return data

    def skip(self, count: int) -> None:
        self.require(count)
        self._file.seek(count, 1)
        self.position += count

    def strings(self, count: int, kept: bool) -> tuple[bytes, ...]:
        """Take an array of texts; a loop over one buffer, since a vocabulary has hundreds of thousands."""
        self.require(count * 8)
        limit = min(self.size, _MAX_HEADER) - self.position
        block = self._file.read(limit)
        unpack, place, found = struct.Struct("<Q").unpack_from, 0, []
        for _ in range(count):
            start = place + 8
            if start > len(block):
                break
            place = start + unpack(block, place)[0]
            if place > len(block):
                break
            if kept:
                found.append(block[start:place])
        else:
            self.position += place
            self._file.seek(self.position)
            return tuple(found)
        self.require(place)
        raise _Unsound("it ends inside its header, or states a length beyond its end")

    def number(self, code: str) -> int:
        return int(struct.unpack("<" + code, self.take(struct.calcsize(code)))[0])

    def scalar(self, code: str) -> int | float | bool:
        value: int | float | bool = struct.unpack("<" + code, self.take(struct.calcsize(code)))[0]
        return value

    def string(self, limit: int) -> str:
        length = self.number("Q")
        if length > limit:
            raise _Unsound(f"it states a name or text of {length} bytes")
        try:
            return self.take(length).decode()
        except UnicodeDecodeError as error:
            raise _Unsound("a name or text in it is not UTF-8") from error

    def count(self, limit: int, what: str) -> int:
        count = self.number("Q")
        if count > limit:
            raise _Unsound(f"it states {count} {what}")
        return count


def _header(reader: _Reader, keep: Collection[str]) -> Header:
    if reader.take(4) != b"GGUF":
        raise _Unsound("it does not begin with 'GGUF'")
    version = reader.number("I")
    if version not in (2, 3):
        raise _Unsound(f"its format version is {version}; known are 2 and 3")
    tensor_count = reader.count(_MAX_TENSORS, "tensors")
    key_count = reader.count(_MAX_KEYS, "metadata keys")

    metadata: dict[str, str | int | float | bool | Array] = {}
    for _ in range(key_count):
        key = reader.string(_MAX_KEY)
        if key in metadata:
            raise _Unsound(f"the metadata key '{key}' stands there twice")
        metadata[key] = _value(reader, key in keep)
    _check_metadata(metadata)

    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or not 8 <= alignment <= 4096 or alignment & (alignment - 1):
        raise _Unsound("its 'general.alignment' is not a power of two from 8 to 4096")
    tensors = tuple(_tensor(reader, alignment) for _ in range(tensor_count))
    if not tensors or len({tensor.name for tensor in tensors}) != tensor_count:
        raise _Unsound("it has no tensors, or two of the same name")

    room = reader.size - -(-reader.position // alignment) * alignment
    for tensor in tensors:
        if tensor.offset + tensor.bytes > room:
            raise _Unsound(
                f"the tensor '{tensor.name}' lies beyond the end of the file: the file is truncated"
            )
    return Header(version, metadata, tensors)


def _value(reader: _Reader, kept: bool) -> str | int | float | bool | Array:
    kind = reader.number("I")
    if kind == STRING:
        return reader.string(_MAX_HEADER)
    if kind == _ARRAY:
        return _array(reader, kept)
    if kind not in _SCALARS:
        raise _Unsound(f"it has a value of the unknown type {kind}")
    return reader.scalar(_SCALARS[kind])


def _array(reader: _Reader, kept: bool) -> Array:
    kind = reader.number("I")
    count = reader.number("Q")
    if kind == STRING:
        return Array(kind, count, reader.strings(count, kept))
    if kind not in _SCALARS:
        raise _Unsound(f"it has an array of the type {kind}")
    code = _SCALARS[kind]
    if kept:
        return Array(
            kind, count, struct.unpack(f"<{count}{code}", reader.take(count * struct.calcsize(code)))
        )
    reader.skip(count * struct.calcsize(code))
    return Array(kind, count)


def _check_metadata(metadata: dict[str, str | int | float | bool | Array]) -> None:
    architecture = metadata.get("general.architecture")
    if not isinstance(architecture, str) or not architecture:
        raise _Unsound("it does not name its architecture")
    for name in _SHAPE:
        value = metadata.get(f"{architecture}.{name}")
        if isinstance(value, Array):
            continue  # some families have one value for each layer
        if not isinstance(value, int) or not 0 < value <= _MAX_SHAPE:
            raise _Unsound(f"'{architecture}.{name}' is missing or senseless")
    tokens = metadata.get("tokenizer.ggml.tokens")
    if not isinstance(tokens, Array) or tokens.type != STRING or not 0 < tokens.count <= _MAX_SHAPE:
        raise _Unsound("it has no list of tokens")


def _tensor(reader: _Reader, alignment: int) -> Tensor:
    name = reader.string(_MAX_TENSOR_NAME)
    rank = reader.number("I")
    if not 1 <= rank <= _MAX_DIMENSIONS:
        raise _Unsound(f"the tensor '{name}' has {rank} dimensions")
    dimensions = tuple(reader.number("Q") for _ in range(rank))
    kind = reader.number("I")
    offset = reader.number("Q")
    if kind not in _BLOCKS:
        raise _Unsound(f"the tensor '{name}' is of the unknown type {kind}")
    weights, size = _BLOCKS[kind]
    total = math.prod(dimensions)
    if total == 0 or max(dimensions) > reader.size * weights or dimensions[0] % weights:
        raise _Unsound(f"the tensor '{name}' has senseless dimensions")
    if offset % alignment:
        raise _Unsound(f"the tensor '{name}' is not aligned")
    return Tensor(name, dimensions, kind, offset, total // weights * size)
