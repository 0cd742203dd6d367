"""Makes small GGUF files, sound and otherwise, without any library: llama.cpp loads the sound one.

The vocabulary is synthetic: the 256 bytes as byte-level BPE spells them, a few joined ones, and the special tokens of a
family with fill-in-the-middle.
"""

import random
import struct
from collections.abc import Mapping, Sequence
from typing import Any

U8, I8, U32, I32, F32, BOOL, STRING, ARRAY, U64 = 0, 1, 4, 5, 6, 7, 8, 9, 10
_CODES = {
    U8: "B",
    I8: "b",
    2: "H",
    3: "h",
    U32: "I",
    I32: "i",
    F32: "f",
    BOOL: "?",
    U64: "Q",
    11: "q",
    12: "d",
}

#: Tensor types and (weights in a block, bytes of a block).
F32_TENSOR, F16_TENSOR, Q4_0_TENSOR, Q8_0_TENSOR = 0, 1, 2, 8
#: Types of 2024 to 2026: TQ1_0, TQ2_0, MXFP4, NVFP4, Q1_0.
NEWER = (34, 35, 39, 40, 41)
_BLOCKS = {
    34: (256, 54), 35: (256, 66), 39: (32, 17), 40: (64, 36), 41: (128, 18),
    F32_TENSOR: (1, 4), F16_TENSOR: (1, 2), Q4_0_TENSOR: (32, 18), Q8_0_TENSOR: (32, 34),
}  # fmt: skip

SPECIAL = (
    "<|endoftext|>",
    "<|fim_prefix|>",
    "<|fim_suffix|>",
    "<|fim_middle|>",
    "<|fim_pad|>",
    "<|repo_name|>",
    "<|file_sep|>",
)
_WORDS = ("re", "tu", "retu", "rn", "return", "Ġreturn", "ĠĠ", "ĠĠĠĠ")
_MERGES = ("r e", "t u", "re tu", "r n", "retu rn", "Ġ return", "Ġ Ġ", "ĠĠ ĠĠ")


def text(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(data)) + data


def entry(key: str | bytes, value: Any, kind: int | None = None) -> bytes:
    """One key and its value; an int is a U32, a tuple an array of what ``kind`` says or of texts."""
    if isinstance(value, bool):
        return text(key) + struct.pack("<I?", BOOL, value)
    if isinstance(value, str | bytes):
        return text(key) + struct.pack("<I", STRING) + text(value)
    if isinstance(value, tuple):
        kind = STRING if kind is None else kind
        head = text(key) + struct.pack("<IIQ", ARRAY, kind, len(value))
        if kind == STRING:
            return head + b"".join(text(one) for one in value)
        return head + struct.pack(f"<{len(value)}{_CODES[kind]}", *value)
    if kind is None:
        kind = F32 if isinstance(value, float) else U32
    return text(key) + struct.pack(f"<I{_CODES[kind]}", kind, value)


def tensor(
    name: str = "token_embd.weight",
    dimensions: Sequence[int] = (64, 2),
    kind: int = F16_TENSOR,
    offset: int = 0,
) -> bytes:
    """One entry of the list of tensors."""
    return (
        text(name)
        + struct.pack("<I", len(dimensions))
        + b"".join(struct.pack("<Q", size) for size in dimensions)
        + struct.pack("<IQ", kind, offset)
    )


def file(
    keys: Sequence[bytes],
    tensors: Sequence[bytes],
    *,
    magic: bytes = b"GGUF",
    version: int = 3,
    key_count: int | None = None,
    tensor_count: int | None = None,
    data: bytes = b"",
    alignment: int = 32,
) -> bytes:
    head = struct.pack(
        "<4sIQQ",
        magic,
        version,
        len(tensors) if tensor_count is None else tensor_count,
        len(keys) if key_count is None else key_count,
    )
    header = head + b"".join(keys) + b"".join(tensors)
    return header + bytes(-len(header) % alignment) + data


def vocabulary() -> tuple[str, ...]:
    """Token texts, as a GGUF file has them; the last ones are ``SPECIAL``."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spelled = {byte: chr(byte) for byte in visible}
    spelled.update(
        {byte: chr(256 + rank) for rank, byte in enumerate(b for b in range(256) if b not in visible)}
    )
    return (*(spelled[byte] for byte in range(256)), *_WORDS, *SPECIAL)


def keys(changes: Mapping[str, Any] = {}, *, width: int = 64, layers: int = 2) -> dict[str, bytes]:
    """The metadata of a tiny llama, encoded, by key. ``None`` leaves a key out, bytes stand for the whole entry."""
    tokens = vocabulary()
    ids = {token: id for id, token in enumerate(tokens)}
    values: dict[str, Any] = {
        "general.architecture": "llama",
        "general.type": "model",
        "general.name": "Tiny Coder",
        "general.author": "Nobody",
        "general.license": "apache-2.0",
        "general.file_type": 7,
        "llama.context_length": 512,
        "llama.embedding_length": width,
        "llama.feed_forward_length": 2 * width,
        "llama.block_count": layers,
        "llama.attention.head_count": 4,
        "llama.attention.head_count_kv": 2,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.rope.dimension_count": width // 4,
        "llama.rope.freq_base": 10_000.0,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "qwen2",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.scores": entry("tokenizer.ggml.scores", (0.0,) * len(tokens), F32),
        "tokenizer.ggml.token_type": entry(
            "tokenizer.ggml.token_type", tuple(3 if token in SPECIAL else 1 for token in tokens), I32
        ),
        "tokenizer.ggml.merges": _MERGES,
        "tokenizer.ggml.bos_token_id": ids["<|endoftext|>"],
        "tokenizer.ggml.eos_token_id": ids["<|endoftext|>"],
        "tokenizer.ggml.fim_pre_token_id": ids["<|fim_prefix|>"],
        "tokenizer.ggml.fim_suf_token_id": ids["<|fim_suffix|>"],
        "tokenizer.ggml.fim_mid_token_id": ids["<|fim_middle|>"],
        "tokenizer.ggml.add_bos_token": False,
        **changes,
    }
    return {
        key: value if isinstance(value, bytes) else entry(key, value)
        for key, value in values.items()
        if value is not None
    }


def shapes(
    *, width: int = 64, layers: int = 2, vocabulary_size: int = 0
) -> dict[str, tuple[tuple[int, ...], int]]:
    """Name to dimensions and type of all tensors of the tiny llama."""
    size = vocabulary_size or len(vocabulary())
    found: dict[str, tuple[tuple[int, ...], int]] = {"token_embd.weight": ((width, size), Q8_0_TENSOR)}
    for layer in range(layers):
        block = f"blk.{layer}."
        found |= {
            block + "attn_norm.weight": ((width,), F32_TENSOR),
            block + "attn_q.weight": ((width, width), Q8_0_TENSOR),
            block + "attn_k.weight": ((width, width // 2), Q8_0_TENSOR),
            block + "attn_v.weight": ((width, width // 2), Q8_0_TENSOR),
            block + "attn_output.weight": ((width, width), Q8_0_TENSOR),
            block + "ffn_norm.weight": ((width,), F32_TENSOR),
            block + "ffn_gate.weight": ((width, 2 * width), Q8_0_TENSOR),
            block + "ffn_up.weight": ((width, 2 * width), Q8_0_TENSOR),
            block + "ffn_down.weight": ((2 * width, width), Q8_0_TENSOR),
        }
    return {
        **found,
        "output_norm.weight": ((width,), F32_TENSOR),
        "output.weight": ((width, size), Q8_0_TENSOR),
    }


def listed(
    tensors: Mapping[str, tuple[tuple[int, ...], int]], alignment: int = 32
) -> tuple[list[bytes], list[int]]:
    """The list of tensors, one behind the other; and the bytes of each, padded."""
    entries, sizes, offset = [], [], 0
    for name, (dimensions, kind) in tensors.items():
        weights, size = _BLOCKS[kind]
        total = size
        for dimension in dimensions:
            total *= dimension
        padded = -(-total // weights // alignment) * alignment
        entries.append(tensor(name, dimensions, kind, offset))
        sizes.append(padded)
        offset += padded
    return entries, sizes


def tiny(
    changes: Mapping[str, Any] = {}, *, seed: int = 1, matrices: int = Q8_0_TENSOR, **shape: int
) -> bytes:
    """A whole model with random weights, of about 150 kB; its matrices are of the type that is given."""
    tensors = {
        name: (size, matrices if kind == Q8_0_TENSOR else kind)
        for name, (size, kind) in shapes(**shape).items()
    }
    entries, sizes = listed(tensors)
    chance = random.Random(seed)
    data = b"".join(
        _weights(chance, kind, size) for (_, kind), size in zip(tensors.values(), sizes, strict=True)
    )
    return file(list(keys(changes, **shape).values()), entries, data=data)


def _weights(chance: random.Random, kind: int, size: int) -> bytes:
    if kind == F32_TENSOR:
        return struct.pack("<f", 1.0) * (size // 4)
    if kind == F16_TENSOR:
        some = struct.pack("<1021e", *(chance.gauss(0, 0.1) for _ in range(1021)))
        return (some * (size // len(some) + 1))[:size]
    block = b"".join(struct.pack("<e", 0.002) + chance.randbytes(32) for _ in range(64))
    return (block * (size // len(block) + 1))[:size]
