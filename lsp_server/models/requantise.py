"""What a model's file becomes when its weights are stored in fewer bits: the new header, and a plan for the data.

Computes no weights: the plan is for ``engine.quantising``. Which tensor gets which type is as llama.cpp's own quantize
has it (``llama-quant.cpp``), for the mixes that are made without an importance matrix.
"""

import math
import struct
from pathlib import Path

import msgspec

from lsp_server.base.errors import ModelError
from lsp_server.base.move import Move
from lsp_server.models.ggml_types import BLOCKS, FILE_TYPES, NAMES
from lsp_server.models.gguf import Header, aligned

_F32, _F16, _Q4_0, _Q5_0, _Q5_1, _Q8_0, _Q4_K, _Q5_K, _Q6_K, _BF16 = 0, 1, 2, 6, 7, 8, 12, 13, 14, 30

#: What can be asked for: the type of most tensors, and that of the few that matter most (of some layers, where it is a
#: mix of K-quants).
KINDS = {
    "Q8_0": (_Q8_0, _Q8_0),
    "Q6_K": (_Q6_K, _Q6_K),
    "Q5_K_M": (_Q5_K, _Q6_K),
    "Q4_K_M": (_Q4_K, _Q6_K),
    "Q4_0": (_Q4_0, _Q6_K),
}

#: Of what is stored in more bits than these nothing is lost that matters; less is not worth quantising again.
_SOURCES = (_F32, _F16, _BF16, _Q8_0)

#: In place of a type whose blocks do not fit into a row.
_FALLBACK = {_Q4_K: _Q5_0, _Q5_K: _Q5_1, _Q6_K: _Q8_0}

#: Parts of names whose tensors stay as they are: small, and the network is sensitive to them.
_KEPT = ("_norm", "ffn_gate_inp", "pos_embd", "position_embd", "token_types")

_FILE_TYPE, _QUANTISATION_VERSION = "general.file_type", "general.quantization_version"
_U32 = 4


class Plan(msgspec.Struct, frozen=True):
    """A new file.

    Attributes:
        header: its first bytes, up to the tensors' data.
        moves: the rest, in order.
        bytes: its size.
    """

    header: bytes
    moves: tuple[Move, ...]
    bytes: int


def plan(path: Path, header: Header, kind: str) -> Plan:
    """Plan it.

    Args:
        kind: one of ``KINDS``.

    Raises:
        ModelError: the kind is unknown, the weights are stored in few bits already, or the file cannot be read.
    """
    if kind not in KINDS:
        raise ModelError(f"'{kind}' is not offered. There are: {', '.join(KINDS)}.")
    _check_source(path, header, kind)
    types = {
        tensor.name: _type(header, tensor.name, tensor.dimensions, tensor.type, kind)
        for tensor in header.tensors
    }
    alignment = header.metadata.get("general.alignment", 32)
    assert isinstance(alignment, int)
    try:
        entries = _entries(path, header, kind)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}.") from error
    infos, sizes, offset = [], [], 0
    for tensor in header.tensors:
        size = _bytes(types[tensor.name], math.prod(tensor.dimensions))
        name = tensor.name.encode()
        rank = len(tensor.dimensions)
        infos.append(
            struct.pack(
                f"<Q{len(name)}sI{rank}QIQ",
                len(name),
                name,
                rank,
                *tensor.dimensions,
                types[tensor.name],
                offset,
            )
        )
        sizes.append((offset, size))
        offset += aligned(size, alignment)
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(infos), len(entries)) + b"".join(entries) + b"".join(infos)
    head += bytes(aligned(len(head), alignment) - len(head))
    moves = tuple(
        Move(
            tensor.name,
            math.prod(tensor.dimensions[1:]),
            tensor.dimensions[0],
            header.data + tensor.offset,
            tensor.type,
            tensor.bytes,
            len(head) + begin,
            types[tensor.name],
            size,
        )
        for tensor, (begin, size) in zip(header.tensors, sizes, strict=True)
    )
    return Plan(head, moves, len(head) + offset)


def _check_source(path: Path, header: Header, kind: str) -> None:
    """Refuse what would lose twice, or gain nothing."""
    of_matrices = [tensor for tensor in header.tensors if len(tensor.dimensions) > 1]
    whole = sum(tensor.bytes for tensor in of_matrices) or 1
    wide = sum(tensor.bytes for tensor in of_matrices if tensor.type in _SOURCES)
    if wide < whole / 2:
        types = {tensor.type for tensor in of_matrices if tensor.type not in _SOURCES}
        stored = ", ".join(sorted(NAMES[one] for one in types))
        raise ModelError(
            f"The weights of {path} are {stored} already: quantising them again would only lose. Take the model's F16, "
            "BF16 or Q8_0 file."
        )
    weights = sum(math.prod(tensor.dimensions) for tensor in of_matrices)
    if _bytes(KINDS[kind][0], weights) > 0.9 * whole:
        raise ModelError(f"{path} would not become smaller as {kind}.")


def _type(header: Header, name: str, dimensions: tuple[int, ...], stored: int, kind: str) -> int:
    """How a tensor is to be stored."""
    if len(dimensions) == 1 or not name.endswith(".weight") or any(part in name for part in _KEPT):
        return stored
    if stored not in _SOURCES:
        return stored
    wanted = _fitting(_wanted(header, name, kind), dimensions[0])
    return wanted if _bits(wanted) < _bits(stored) else stored


def _wanted(header: Header, name: str, kind: str) -> int:
    most, important = KINDS[kind]
    tied = all(tensor.name != "output.weight" for tensor in header.tensors)
    if name == "output.weight" or (tied and name == "token_embd.weight"):
        return important
    if kind.endswith("_M") and (".attn_v." in name or ".ffn_down" in name):
        layers = header.metadata[f"{header.architecture}.block_count"]
        assert isinstance(layers, int)
        layer = int(name.split(".")[1]) if name.split(".")[1].isdecimal() else 0
        return important if _more_bits(layer, layers) else most
    return most


def _more_bits(layer: int, layers: int) -> bool:
    """The first and last eighth of the layers, and each third between."""
    return layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2


def _fitting(wanted: int, row: int) -> int:
    if row % BLOCKS[wanted][0]:
        wanted = _FALLBACK.get(wanted, _F16)
    return wanted if row % BLOCKS[wanted][0] == 0 else _F16


def _bits(kind: int) -> float:
    weights, size = BLOCKS[kind]
    return 8 * size / weights


def _bytes(kind: int, weights: int) -> int:
    block, size = BLOCKS[kind]
    return weights // block * size


def _entries(path: Path, header: Header, kind: str) -> list[bytes]:
    """The metadata as it stands in the file, but for what is said of the types."""
    entries = []
    with path.open("rb") as file:
        for key, (begin, end) in header.entries.items():
            if key not in (_FILE_TYPE, _QUANTISATION_VERSION):
                file.seek(begin)
                entries.append(file.read(end - begin))
    number = next(number for number, name in FILE_TYPES.items() if name == kind)
    for key, value in ((_FILE_TYPE, number), (_QUANTISATION_VERSION, 2)):
        entries.append(struct.pack(f"<Q{len(key)}sII", len(key), key.encode(), _U32, value))
    return entries
