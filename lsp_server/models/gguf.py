"""Reads the header of a GGUF file and refuses one that native code could trip over.

Every count and length comes from the file and is believed only after it was compared with what the file still holds;
no more than ``_MAX_HEADER`` bytes are read. Does not know what a model is for, and reads no weights.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (versions 2 and 3, little-endian).
"""

import math
import stat
import struct
from collections import deque
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from lsp_server.base.errors import ModelError
from lsp_server.models import metadata as keys
from lsp_server.models.ggml_types import BLOCKS, RETIRED
from lsp_server.models.metadata import (
    FLOAT32,
    INT32,
    LAYERS,
    MOST_TOKENS,
    STRING,
    UINT32,
    Array,
    Unsound,
    Value,
)

__all__ = ["FLOAT32", "INT32", "STRING", "UINT32", "Array", "Header", "Tensor", "read"]

#: Longest header (bytes). A vocabulary of 256,000 tokens with its merges takes about 12 MB.
_MAX_HEADER = 64 << 20

#: Most of a text that is kept (bytes). The longest that means anything here is a chat template.
_MAX_TEXT = 1 << 16

#: Texts in an array. The most merges that are known are half a million.
_MAX_TEXTS = 1 << 21

_MAX_KEYS = 4096
_MAX_TENSORS = 16_384  # llama.cpp compares each name with each other
_MAX_KEY = 256
_MAX_TENSOR_NAME = 63
_MAX_DIMENSIONS = 4

#: Read at a time where many short texts are passed over (bytes).
_BLOCK = 1 << 18

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_ARRAY = 9

#: How files begin that people take for a model, and what they are.
_OTHERS = {
    b"version http": "it is a Git LFS pointer, not the file itself: 'git lfs pull' fetches that",
    b"<!DOCTYPE": "it is a web page: the download was not of the file itself",
    b"<html": "it is a web page: the download was not of the file itself",
    b"PK\x03\x04": "it is a ZIP archive or a PyTorch file",
    b"\x1f\x8b": "it is compressed (gzip): unpack it first",
    b"(\xb5/\xfd": "it is compressed (zstd): unpack it first",
    b"lmgg": "it is of llama.cpp's format before GGUF",
    b"tjgg": "it is of llama.cpp's format before GGUF",
    b"fmgg": "it is of llama.cpp's format before GGUF",
}


class Tensor(msgspec.Struct, frozen=True):
    """One tensor: its dimensions (fastest first), ggml type, and place from the start of the data, in bytes."""

    name: str
    dimensions: tuple[int, ...]
    type: int
    offset: int
    bytes: int


class Header(msgspec.Struct, frozen=True):
    """A sound header.

    Attributes:
        entries: of each key where it stands in the file with its value: first byte, and the one behind the last.
        data: where the tensors' data begin, from the start of the file.
    """

    version: int
    metadata: dict[str, Value]
    tensors: tuple[Tensor, ...]
    entries: dict[str, tuple[int, int]]
    data: int

    @property
    def architecture(self) -> str:
        """The model's family, as in ``general.architecture``."""
        return str(self.metadata["general.architecture"])

    @property
    def parameters(self) -> int:
        """Number of weights in the file; a tied output matrix that is written out counts twice."""
        return sum(math.prod(tensor.dimensions) for tensor in self.tensors)


def read(path: Path, keep: Collection[str] = ()) -> Header:
    """Read and check a header.

    Args:
        keep: keys of the metadata whose arrays are wanted with their values, however long.

    Raises:
        ModelError: the file cannot be read, or it is not a GGUF file of a text model that can safely be loaded.
    """
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):  # opening a pipe would wait for ever
            raise Unsound("it is not a file", "Name the GGUF file itself")
        with path.open("rb") as file:
            return _header(_Reader(file, about.st_size), keep)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}.") from error
    except Unsound as error:
        fault = "".join(
            letter if letter.isprintable() else "?" for letter in str(error)
        )  # names are the file's
        raise ModelError(f"{path} cannot be used as a model: {fault}. {error.remedy}.") from error


class _Reader:
    """Takes bytes off the front of a file and never more than there are."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self.size = size
        self.position = 0

    def require(self, count: int) -> None:
        if count > self.size - self.position:
            raise Unsound("it ends inside its header, or states a length beyond its end")
        if self.position + count > _MAX_HEADER:
            raise Unsound(f"its header is longer than {_MAX_HEADER >> 20} MB")

    def take(self, count: int) -> bytes:
        self.require(count)
        data = self._file.read(count)
        if len(data) != count:
            raise Unsound("it became shorter while it was read")
        self.position += count
        return data

    def skip(self, count: int) -> None:
        self.require(count)
        self._file.seek(count, 1)
        self.position += count

    def peek(self, count: int) -> bytes:
        """What comes next, as far as there is any."""
        data = self._file.read(count)
        self._file.seek(self.position)
        return data

    def number(self, code: str) -> int:
        return int(struct.unpack("<" + code, self.take(struct.calcsize(code)))[0])

    def scalar(self, code: str) -> int | float | bool:
        value: int | float | bool = struct.unpack("<" + code, self.take(struct.calcsize(code)))[0]
        return value

    def string(self, limit: int) -> str:
        length = self.number("Q")
        if length > limit:
            raise Unsound(f"it states a name of {length} bytes")
        try:
            return self.take(length).decode()
        except UnicodeDecodeError as error:
            raise Unsound("a name in it is not UTF-8") from error

    def text(self) -> str:
        """A text for people, of which the beginning is enough."""
        length = self.number("Q")
        self.require(length)
        kept = self.take(min(length, _MAX_TEXT)).decode(errors="replace")
        self.skip(length - min(length, _MAX_TEXT))
        return kept

    def strings(self, count: int) -> Iterator[bytes]:
        """The texts of an array; there may be a million."""
        self.require(count * 8)
        length = struct.Struct("<Q").unpack_from
        block, place = b"", 0
        for _ in range(count):
            if len(block) - place < 8:
                block, place = self._further(place, 8), 0
            end = place + 8 + length(block, place)[0]
            if end > len(block):
                block, place, end = self._further(place, end - place), 0, end - place
            yield block[place + 8 : end]
            place = end
        self.skip(place)

    def _further(self, used: int, wanted: int) -> bytes:
        """What follows behind some bytes, at least as much as is wanted."""
        self.skip(used)
        self.require(wanted)
        block = self.peek(max(wanted, _BLOCK))
        if len(block) < wanted:
            raise Unsound("it became shorter while it was read")
        return block

    def count(self, limit: int, what: str) -> int:
        count = self.number("Q")
        if count > limit:
            raise Unsound(f"it states {count} {what}")
        return count


def _header(reader: _Reader, keep: Collection[str]) -> Header:
    _check_beginning(reader.peek(16))
    reader.skip(4)
    version = reader.number("I")
    if version not in (2, 3):
        raise Unsound(*_version(version))
    tensor_count = reader.count(_MAX_TENSORS, "tensors")
    key_count = reader.count(_MAX_KEYS, "metadata keys")

    metadata: dict[str, Value] = {}
    entries: dict[str, tuple[int, int]] = {}
    for _ in range(key_count):
        begin = reader.position
        key = reader.string(_MAX_KEY)
        if not key or key in metadata:
            raise Unsound(
                f"the metadata key '{key}' stands there twice" if key else "a metadata key is empty"
            )
        metadata[key] = _value(reader, key, key in keep)
        entries[key] = begin, reader.position
    keys.check(metadata, tensor_count)

    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or not 8 <= alignment <= 4096 or alignment & (alignment - 1):
        raise Unsound("its 'general.alignment' is not a power of two from 8 to 4096")
    tensors = _tensors(reader, tensor_count, alignment)
    keys.check_matrices(metadata, {tensor.name: tensor.dimensions for tensor in tensors})
    return Header(version, metadata, tensors, entries, aligned(reader.position, alignment))


def _check_beginning(beginning: bytes) -> None:
    if beginning.startswith(b"GGUF"):
        return
    for magic, what in _OTHERS.items():
        if beginning.startswith(magic):
            raise Unsound(what, "Fetch the model as a GGUF file")
    if len(beginning) < 4:
        raise Unsound("it ends inside its header: it is empty, or almost")
    if b'{"' in beginning[8:]:
        raise Unsound("it seems to be a safetensors file", "Fetch the model as a GGUF file")
    raise Unsound("it does not begin with 'GGUF'")


def _version(version: int) -> tuple[str, str]:
    if version == 1:
        return (
            "its format version is 1, which no engine reads any more",
            "Use a newer conversion of the model",
        )
    if version in (2 << 24, 3 << 24):
        return (
            "it is for big-endian machines",
            "Use the ordinary file, or turn this one round with gguf_convert_endian.py of llama.cpp",
        )
    return f"its format version is {version}; known are 2 and 3", "Fetch the file again or use another"


def _value(reader: _Reader, key: str, kept: bool) -> Value:
    kind = reader.number("I")
    if kind == STRING:
        return reader.text()
    if kind == _ARRAY:
        return _array(reader, key, kept)
    if kind not in _SCALARS:
        raise Unsound(f"it has a value of the unknown type {kind}")
    return reader.scalar(_SCALARS[kind])


def _array(reader: _Reader, key: str, kept: bool) -> Array:
    kind = reader.number("I")
    count = reader.number("Q")
    if kind in _SCALARS:
        size = count * struct.calcsize(_SCALARS[kind])
        if count > LAYERS and not kept:
            reader.skip(size)
            return Array(kind, count)
        return Array(kind, count, struct.unpack(f"<{count}{_SCALARS[kind]}", reader.take(size)))
    if kind != STRING:
        raise Unsound(f"it has an array of the type {kind}")
    if count > _MAX_TEXTS:
        raise Unsound(f"it states a list of {count} texts, which is beyond its end or beyond all sense")
    texts = reader.strings(count)
    if key == "tokenizer.ggml.tokens":
        texts = _distinct(texts)
    if kept:
        return Array(kind, count, tuple(texts))
    deque(texts, maxlen=0)
    return Array(kind, count)


def _distinct(texts: Iterator[bytes]) -> Iterator[bytes]:
    """llama.cpp takes tokens up to a zero byte, gives empty ones names, and aborts where two others are the same."""
    seen: set[bytes] = set()
    for text in texts:
        known = text.partition(b"\0")[0]
        if known and known in seen:
            raise Unsound(f"the token {known.decode(errors='replace')[:40]!r} stands there twice")
        seen.add(known)
        if len(seen) > MOST_TOKENS:
            raise Unsound(f"it has more than {MOST_TOKENS} tokens")
        yield text


def _tensors(reader: _Reader, count: int, alignment: int) -> tuple[Tensor, ...]:
    """The list of tensors. Each must begin where the one before ends, as llama.cpp demands: so none overlap."""
    tensors = tuple(_tensor(reader, alignment) for _ in range(count))
    if len({tensor.name for tensor in tensors}) != count:
        raise Unsound("it has two tensors of the same name")
    room = reader.size - aligned(reader.position, alignment)
    expected = 0
    for tensor in tensors:
        if tensor.offset + tensor.bytes > room:
            raise Unsound(
                f"the tensor '{tensor.name}' lies beyond the end of the file: the file is truncated, it lacks at least "
                f"{tensor.offset + tensor.bytes - room} bytes",
                "Copy or fetch it again",
            )
        if tensor.offset != expected:
            raise Unsound(f"the tensor '{tensor.name}' overlaps another one, or leaves a gap")
        expected += aligned(tensor.bytes, alignment)
    return tensors


def aligned(place: int, alignment: int) -> int:
    """The next place that is a multiple of the alignment, in bytes."""
    return -(-place // alignment) * alignment


def _tensor(reader: _Reader, alignment: int) -> Tensor:
    name = reader.string(_MAX_TENSOR_NAME)
    rank = reader.number("I")
    if not 1 <= rank <= _MAX_DIMENSIONS:
        raise Unsound(f"the tensor '{name}' has {rank} dimensions")
    dimensions = tuple(reader.number("Q") for _ in range(rank))
    kind = reader.number("I")
    offset = reader.number("Q")
    if kind not in BLOCKS:
        raise Unsound(
            f"the tensor '{name}' is of the {'' if kind in RETIRED else 'unknown '}type {kind}"
            + (f", {RETIRED[kind]}" if kind in RETIRED else "; it may be newer than this Offhand"),
            "Use another quantisation, such as Q4_K_M or Q8_0",
        )
    weights, size = BLOCKS[kind]
    total = math.prod(dimensions)
    if total == 0 or max(dimensions) > reader.size * weights or dimensions[0] % weights:
        raise Unsound(f"the tensor '{name}' has senseless dimensions")
    if offset % alignment:
        raise Unsound(f"the tensor '{name}' is not aligned")
    if (
        kind and rank == 1
    ):  # what is added to or multiplied with each number; llama.cpp aborts where it is not F32
        raise Unsound(f"the tensor '{name}' is a row of numbers, but not stored as F32")
    return Tensor(name, dimensions, kind, offset, total // weights * size)
