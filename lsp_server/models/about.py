"""What a GGUF header says for people, and how much memory its model needs. Reads no file."""

from collections import Counter

import msgspec

from lsp_server.models.ggml_types import FILE_TYPES, NAMES
from lsp_server.models.gguf import Header
from lsp_server.models.metadata import Array

#: Longest text that is taken from a file of unknown origin; nothing in it may move a terminal's cursor.
_LONGEST = 120

#: What a worker needs besides: Python with its libraries, and for each token of the vocabulary the tokenizer's tables
#: and a batch of logits (bytes; measured with vocabularies of 4,096 and 151,936 tokens).
_OVERHEAD, _OVERHEAD_TOKEN = 80 << 20, 1_000

#: Bytes of a number in the KV cache.
_HALF = 2


class About(msgspec.Struct, frozen=True):
    """What is known of a model from its header; texts are empty where the file is silent.

    Attributes:
        name, author, licence, source: as whoever made the file has them.
        architecture: llama.cpp's name of it.
        quantisation: how the weights are stored, such as ``Q4_K_M``.
        parameters: number of weights.
        context: tokens that it was trained to see at once.
        vocabulary: number of tokens.
    """

    name: str
    author: str
    licence: str
    source: str
    architecture: str
    quantisation: str
    parameters: int
    context: int
    vocabulary: int


def about(header: Header) -> About:
    """Gather it."""
    tokens, context = (
        header.metadata["tokenizer.ggml.tokens"],
        header.metadata[f"{header.architecture}.context_length"],
    )
    assert isinstance(tokens, Array)
    assert isinstance(context, int)
    return About(
        name=_text(header, "general.name", "general.basename"),
        author=_text(header, "general.author", "general.organization", "general.quantized_by"),
        licence=_text(header, "general.license", "general.license.name"),
        source=_text(
            header, "general.source.url", "general.url", "general.repo_url", "general.source.repo_url"
        ),
        architecture=header.architecture,
        quantisation=quantisation(header),
        parameters=header.parameters,
        context=context,
        vocabulary=tokens.count,
    )


def _text(header: Header, *keys: str) -> str:
    """The first of the keys that has a text, without what is not to be printed."""
    for key in keys:
        value = header.metadata.get(key)
        if isinstance(value, str) and value.strip():
            return "".join(letter for letter in value.strip()[:_LONGEST] if letter.isprintable())
    return ""


def quantisation(header: Header) -> str:
    """By what the file says; else by the type that most of the weights have."""
    stated = header.metadata.get("general.file_type")
    if isinstance(stated, int) and stated in FILE_TYPES:
        return FILE_TYPES[stated]
    weight: Counter[int] = Counter()
    for tensor in header.tensors:
        weight[tensor.type] += tensor.bytes
    return NAMES[weight.most_common(1)[0][0]]


def memory(header: Header, tokens: int) -> int:
    """Bytes that a worker needs to serve a model: weights, KV cache, and the rest.

    Args:
        tokens: that the KV cache holds.
    """
    weights = sum(tensor.bytes for tensor in header.tensors)
    vocabulary = header.metadata["tokenizer.ggml.tokens"]
    assert isinstance(vocabulary, Array)
    return weights + tokens * _cache_of_token(header) + _OVERHEAD + vocabulary.count * _OVERHEAD_TOKEN


def _cache_of_token(header: Header) -> int:
    """Bytes of the KV cache for one token."""
    layers, width = _number(header, "block_count"), _number(header, "embedding_length")
    heads = max(_number(header, "attention.head_count"), 1)
    key = _number(header, "attention.key_length") or width // heads
    value = _number(header, "attention.value_length") or width // heads
    groups = header.metadata.get(f"{header.architecture}.attention.head_count_kv", heads)
    if isinstance(groups, Array):
        shared = sum(one for one in groups.values if isinstance(one, int))
    else:
        shared = layers * int(groups)
    return shared * (key + value) * _HALF


def _number(header: Header, name: str) -> int:
    """A number of the network's shape; of one for each layer the largest; 0 if there is none."""
    value = header.metadata.get(f"{header.architecture}.{name}", 0)
    if isinstance(value, Array):
        return max((one for one in value.values if isinstance(one, int)), default=0)
    return value if isinstance(value, int) else 0


def short(parameters: int) -> str:
    """A number of weights for people; empty if it is not known."""
    if not parameters:
        return ""
    if parameters < 1e6:
        return f"{parameters / 1e3:.0f} k"
    return f"{parameters / 1e9:.2f} B" if parameters >= 1e9 else f"{parameters / 1e6:.0f} M"
