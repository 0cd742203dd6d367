"""The metadata of a GGUF header: is it that of a model which can be served, and does it contradict itself?

Knows the keys and what llama.cpp does with them; neither bytes nor files nor tensors. llama.cpp answers most nonsense
with an error, but some of it with an assertion that ends the process, or by reading beyond an array: that is looked for
here.

Keys: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
"""

from collections.abc import Mapping

import msgspec

#: Types of values, as GGUF numbers them.
UINT32, INT32, FLOAT32, STRING = 4, 5, 6, 8

#: Most values of an array that are kept: one for each layer (llama.cpp has at most 512 of these).
LAYERS = 512

#: Tokens of a vocabulary. The largest that is known has 262,144.
MOST_TOKENS = 1 << 20

_AGAIN = "Fetch the file again or use another"
_OTHER = "Take a text model that writes from left to right, such as one of the Qwen2.5-Coder family"


class Array(msgspec.Struct, frozen=True):
    """An array in the metadata.

    Attributes:
        type: of its values, as GGUF numbers types.
        count: of its values.
        values: numbers, where there are no more than ``LAYERS``; longer arrays, and texts as bytes, only if the reader
            was told to keep them.
    """

    type: int
    count: int
    values: tuple[bytes, ...] | tuple[int | float | bool, ...] = ()


Value = str | int | float | bool | Array
Metadata = Mapping[str, Value]


class Unsound(Exception):
    """What is wrong with a file, and what to do about it: ``gguf.read`` makes a ModelError of the two."""

    def __init__(self, fault: str, remedy: str = _AGAIN) -> None:
        super().__init__(fault)
        self.remedy = remedy


#: Architectures that write no text, or not from left to right, and what they are.
_NO_WRITERS = {
    **dict.fromkeys(
        ("bert", "modern-bert", "nomic-bert", "nomic-bert-moe", "neo-bert", "jina-bert-v2", "jina-bert-v3", "eurobert",
         "gemma-embedding", "llama-embed", "t5encoder"),
        "a model that compares texts (an encoder)",
    ),
    **dict.fromkeys(("clip", "mmproj"), "the part of a model that sees images or hears sound"),
    **dict.fromkeys(("whisper", "wavtokenizer-dec"), "a model of speech"),
    **dict.fromkeys(
        ("sd1", "sd3", "sdxl", "flux", "wan", "ltxv", "hyvid", "lumina2", "qwen_image"), "a model of images"
    ),
    **dict.fromkeys(
        ("dream", "llada", "llada-moe", "rnd1"), "a diffusion model, which does not write from left to right"
    ),
    **dict.fromkeys(("t5",), "a model with an encoder, which does not just go on with a text"),
    **dict.fromkeys(("eagle3", "dflash"), "a helper of another model, which cannot write alone"),
    "controlvector": "a control vector, an addition to another model",
}  # fmt: skip

#: They keep a running state instead of what was read, so that no earlier point can be returned to: each key would cost
#: the whole prompt.
_RECURRENT = frozenset(
    ("mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7", "jamba", "falcon-h1", "nemotron_h", "nemotron_h_moe",
     "granitehybrid", "lfm2", "lfm2moe", "plamo2", "qwen3next", "qwen35", "qwen35moe", "kimi-linear")
)  # fmt: skip

#: Architectures of which llama.cpp's graph asserts that all numbers of a head are turned, and that keys and values are
#: equally long.
_WHOLE_HEADS = frozenset(
    ("llama", "qwen2", "qwen2moe", "qwen3", "qwen3moe", "starcoder2", "granite", "granitemoe", "internlm2", "olmo",
     "olmo2", "olmoe", "command-r", "exaone", "arcee", "smollm3", "seed_oss", "deepseek", "xverse", "baichuan",
     "mistral3")
)  # fmt: skip

#: What must be there and above zero: else old engines divide by zero or read beyond their buffers. With upper bounds.
_SHAPE = {
    "context_length": 1 << 24,
    "embedding_length": 1 << 18,
    "block_count": LAYERS,
    "attention.head_count": 1 << 12,
    "feed_forward_length": 1 << 22,
}

#: Settings with the least and the greatest value that is no nonsense. Beyond these llama.cpp's graph has assertions.
_RANGES: dict[str, tuple[float, float]] = {
    "attention.head_count_kv": (0, 1 << 12),
    "attention.key_length": (1, 1 << 12),
    "attention.value_length": (1, 1 << 12),
    "attention.layer_norm_epsilon": (0, 0.1),
    "attention.layer_norm_rms_epsilon": (0, 0.1),
    "attention.sliding_window": (0, 1 << 24),
    "rope.dimension_count": (0, 1 << 12),
    "rope.freq_base": (0, 1e12),
    "rope.scaling.factor": (0, 1e6),
    "expert_count": (0, 1024),
    "expert_used_count": (0, 1024),
    "vocab_size": (1, 1 << 24),
}


def check(metadata: Metadata, tensors: int) -> None:
    """Refuse what is no text model that can be served, and metadata that contradicts itself.

    Args:
        tensors: how many the header states.

    Raises:
        Unsound: with what is wrong.
    """
    _check_kind(metadata, tensors)
    architecture = str(metadata["general.architecture"])
    shape = {
        key[len(architecture) + 1 :]: value
        for key, value in metadata.items()
        if key.startswith(f"{architecture}.")
    }
    _check_shape(architecture, shape)
    _check_attention(architecture, shape)
    _check_vocabulary(metadata)


def _check_kind(metadata: Metadata, tensors: int) -> None:
    """Files that are sound in themselves and no model."""
    parts = metadata.get("split.count", 0)
    if isinstance(parts, int) and parts > 1:
        raise Unsound(
            f"it is one of {parts} parts of a model",
            "Join them: llama-gguf-split --merge FIRST-PART OUTPUT.gguf, then use the output",
        )
    kind = metadata.get("general.type", "model")
    if kind == "adapter" or "adapter.type" in metadata:
        raise Unsound(
            "it is a LoRA adapter, an addition to another model",
            "Merge the two with llama-export-lora and use the output",
        )
    if kind != "model":
        what = (
            "the part of a model that sees images or hears sound"
            if kind == "mmproj"
            else f"of the kind {kind!r}"
        )
        raise Unsound(f"it is {what}, not a text model", _OTHER)
    architecture = metadata.get("general.architecture")
    if not isinstance(architecture, str) or not architecture:
        raise Unsound("it does not name its architecture")
    if architecture in _NO_WRITERS:
        raise Unsound(f"it is {_NO_WRITERS[architecture]}", _OTHER)
    if architecture in _RECURRENT:
        raise Unsound(
            f"'{architecture}' models keep a running state that cannot be taken back a few tokens, so each key would "
            "cost the whole prompt",
            _OTHER,
        )
    if metadata.get(f"{architecture}.attention.causal") is False or metadata.get(
        f"{architecture}.pooling_type", 0
    ) not in (0, -1):
        raise Unsound("it is a model that compares texts (an embedding or ranking model)", _OTHER)
    if not tensors:
        raise Unsound("it holds a vocabulary only: it has no tensors", "Use the file with the weights")


def _check_shape(architecture: str, shape: Metadata) -> None:
    for name, most in _SHAPE.items():
        value = shape.get(name)
        if name == "feed_forward_length" and value is None and "expert_feed_forward_length" in shape:
            continue
        if isinstance(value, Array) and name not in ("context_length", "embedding_length", "block_count"):
            if not value.values or not all(_whole(one, 0, most) for one in value.values):
                raise Unsound(f"'{architecture}.{name}' is senseless")
        elif not _whole(value, 1, most):
            raise Unsound(f"'{architecture}.{name}' is missing or senseless")
    for name, (least, largest) in _RANGES.items():
        value = shape.get(name, largest)
        for one in value.values if isinstance(value, Array) else (value,):
            # The negation also catches NaN.
            if isinstance(one, str | bytes) or not least <= one <= largest:
                raise Unsound(f"'{architecture}.{name}' is senseless")
    experts, used = shape.get("expert_count", 0), shape.get("expert_used_count", 0)
    if isinstance(experts, int) and isinstance(used, int) and (used > experts or (experts and not used)):
        raise Unsound(f"it uses {used} experts of {experts}")


def _check_attention(architecture: str, shape: Metadata) -> None:
    heads, groups, width = (
        shape.get(name) for name in ("attention.head_count", "attention.head_count_kv", "embedding_length")
    )
    if not isinstance(heads, int) or not isinstance(width, int):
        return  # one value a layer, some of which may well be zero
    if isinstance(groups, int) and (not groups or heads % groups):
        raise Unsound(
            f"{heads} attention heads cannot share {groups} keys ('{architecture}.attention.head_count_kv')"
        )
    size = shape.get("attention.key_length")
    if size is None:
        if width % heads:
            raise Unsound(f"{heads} attention heads cannot share {width} numbers")
        size = width // heads
    turned, valued = shape.get("rope.dimension_count", size), shape.get("attention.value_length", size)
    if isinstance(turned, int) and isinstance(size, int):
        whole = architecture in _WHOLE_HEADS
        if turned > size or turned % 2 or (whole and turned != size):
            raise Unsound(f"'{architecture}.rope.dimension_count' is {turned}, a head has {size} numbers")
        if whole and valued != size:
            raise Unsound(f"its heads have keys of {size} numbers and values of {valued}")


def _check_vocabulary(metadata: Metadata) -> None:
    tokens = metadata.get("tokenizer.ggml.tokens")
    if not isinstance(tokens, Array) or tokens.type != STRING or not 0 < tokens.count <= MOST_TOKENS:
        raise Unsound("it has no list of tokens")
    # llama.cpp reads as many of these as there are tokens, and does not look how many there are.
    for name, kind in (("scores", FLOAT32), ("token_type", INT32)):
        values = metadata.get(f"tokenizer.ggml.{name}")
        if values is None:
            continue
        if not isinstance(values, Array) or (values.type, values.count) != (kind, tokens.count):
            raise Unsound(f"'tokenizer.ggml.{name}' does not fit its {tokens.count} tokens")
    merges = metadata.get("tokenizer.ggml.merges")
    if merges is not None and not (isinstance(merges, Array) and merges.type == STRING):
        raise Unsound("'tokenizer.ggml.merges' is no list of texts")


def check_matrices(metadata: Metadata, dimensions: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse tensors that do not fit the metadata. llama.cpp finds most of that itself, but not all of it.

    Args:
        metadata: that ``check`` accepted.
        dimensions: of each tensor, the fastest first.

    Raises:
        Unsound: with what is wrong.
    """
    architecture, tokens = metadata["general.architecture"], metadata["tokenizer.ggml.tokens"]
    width, heads, groups, size = (
        metadata.get(f"{architecture}.{name}")
        for name in (
            "embedding_length",
            "attention.head_count",
            "attention.head_count_kv",
            "attention.key_length",
        )
    )
    assert isinstance(tokens, Array)
    embedding = dimensions.get("token_embd.weight")
    if embedding is None:
        raise Unsound("it has no 'token_embd.weight': it is not a whole text model")
    if embedding != (width, tokens.count):
        raise Unsound(f"its 'token_embd.weight' is of {embedding}, its metadata says {(width, tokens.count)}")
    if architecture not in _WHOLE_HEADS or not isinstance(heads, int) or not isinstance(width, int):
        return
    groups, size = heads if groups is None else groups, width // heads if size is None else size
    if not isinstance(groups, int) or not isinstance(size, int):
        return
    expected = {
        "attn_q.weight": (width, heads * size),
        "attn_k.weight": (width, groups * size),
        "attn_v.weight": (width, groups * size),
        "attn_output.weight": (heads * size, width),
    }
    for name, found in dimensions.items():
        wanted = expected.get(name.rpartition("blk.")[2].partition(".")[2], found)
        if found != wanted:
            raise Unsound(f"its '{name}' is of {found}, its metadata says {wanted}")


def _whole(value: Value | bytes | None, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
