"""A trained model as a GGUF file that ctransformers 0.2.27 and today's llama.cpp both load.

What the llama.cpp of September 2023 inside ctransformers wants besides the format
(https://github.com/ggml-org/ggml/blob/master/docs/gguf.md): ``output.weight`` although it is tied, a score for each
token, and a token whose text is a bare newline; without that it crashes the process.
Does not know where a model comes from or how good it is.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import gguf
import msgspec
import numpy as np
import numpy.typing as npt
from gguf import quants

from lsp_server.base.errors import TrainingError
from lsp_server.training.model import Shape

Kind = Literal["f16", "q8_0", "q4_0"]
KINDS: tuple[Kind, ...] = get_args(Kind)

Weights = Mapping[str, npt.NDArray[np.float32]]
"""State-dict names of ``training.model.Llama`` to their weights."""

END = "<|endoftext|>"

#: The token that carries the text of a bare newline.
_NEWLINE = 15

#: Role of a special token, as GGUF's metadata and llama.cpp know it, to its name.
_ROLES = {
    "bos": END,
    "eos": END,
    "eot": END,
    "padding": "<|fim_pad|>",
    "fim_pre": "<|fim_prefix|>",
    "fim_suf": "<|fim_suffix|>",
    "fim_mid": "<|fim_middle|>",
    "fim_pad": "<|fim_pad|>",
    "fim_rep": "<|repo_name|>",
    "fim_sep": "<|file_sep|>",
}

#: How llama.cpp cuts text before it merges bytes. Its way called "superbpe" cuts at numbers only, so the merges decide
#: as they do in our own tokenizer: 1.0 % of our tokens come out differently. Each other way cuts the spaces of an
#: indented line otherwise: 12.9 % (qwen2, llama-bpe), 16.0 % (starcoder, refact), 17.6 % (default); 2.2 M characters
#: in eight languages. ``card.json`` has the figure of the model that is exported.
_CUTTING = "superbpe"

_TENSORS = {
    "attention_norm": "attn_norm",
    "q": "attn_q",
    "k": "attn_k",
    "v": "attn_v",
    "o": "attn_output",
    "ffn_norm": "ffn_norm",
    "gate": "ffn_gate",
    "up": "ffn_up",
    "down": "ffn_down",
}

_FILE_TYPES = {
    "f16": gguf.LlamaFileType.MOSTLY_F16,
    "q8_0": gguf.LlamaFileType.MOSTLY_Q8_0,
    "q4_0": gguf.LlamaFileType.MOSTLY_Q4_0,
}


class Vocabulary(msgspec.Struct, frozen=True):
    """What GGUF says of a byte-level BPE.

    Attributes:
        tokens: text of each id, bytes spelled as ``base.bytelevel`` does.
        merges: pairs with a space between, the first to be applied first.
        special: name to id.
    """

    tokens: tuple[str, ...]
    merges: tuple[str, ...]
    special: dict[str, int]


class About(msgspec.Struct, frozen=True):
    """What the file says about itself, for people."""

    name: str
    summary: str
    licence: str


def vocabulary(tokenizer: Path, special: Mapping[str, int]) -> Vocabulary:
    """Read a ``tokenizer.json`` of the tokenizers library.

    Args:
        special: name to id, as the tokenizer stage wrote it.

    Raises:
        TrainingError: it cannot be read, is no BPE, has gaps, or lacks a special token that engines ask for.
    """
    try:
        content = json.loads(tokenizer.read_text(encoding="utf-8"))
        ordinary: dict[str, int] = content["model"]["vocab"]
        merges = content["model"]["merges"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            f"{tokenizer} cannot be read as a BPE: {error!r}. Run the stage 'tokenizer' again."
        ) from error
    texts = {token: text for text, token in ordinary.items()} | {
        token: name for name, token in special.items()
    }
    missing = sorted({*_ROLES.values()} - special.keys())
    if missing or sorted(texts) != list(range(len(texts))) or _NEWLINE not in special.values():
        fault = (
            f"lacks {', '.join(missing)}"
            if missing
            else "has gaps, or none of its special tokens has the id 15"
        )
        raise TrainingError(f"The vocabulary of {tokenizer} {fault}. Run the stage 'tokenizer' again.")
    return Vocabulary(
        tuple(texts[token] for token in range(len(texts))),
        tuple(merge if isinstance(merge, str) else " ".join(merge) for merge in merges),
        dict(special),
    )


def write(path: Path, shape: Shape, weights: Weights, words: Vocabulary, about: About, kind: Kind) -> None:
    """Write one file.

    Raises:
        TrainingError: the weights and the vocabulary do not belong together, or the disk is full.
    """
    if len(words.tokens) != shape.vocabulary:
        raise TrainingError(
            f"The tokenizer has {len(words.tokens)} tokens, the model {shape.vocabulary}: they do not belong together. "
            "Run the stages from 'tokenizer' on again."
        )
    writer = gguf.GGUFWriter(str(path), "llama")
    _describe(writer, shape, about, kind)
    _spell(writer, words)
    for name, array in weights.items():
        stored, stored_as = _stored(name, array, kind)
        for target in _targets(name):
            writer.add_tensor(target, stored, raw_dtype=stored_as)
    try:
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    except OSError as error:
        raise TrainingError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        writer.close()


def as_stored(weights: Weights, kind: Kind) -> dict[str, npt.NDArray[np.float32]]:
    """The weights that an engine finds in a file of this kind."""
    read: dict[str, npt.NDArray[np.float32]] = {}
    for name, array in weights.items():
        stored, stored_as = _stored(name, array, kind)
        read[name] = quants.dequantize(stored, stored_as).reshape(array.shape)
    return read


def _stored(name: str, array: npt.NDArray[np.float32], kind: Kind) -> tuple[npt.NDArray[Any], Any]:
    """A tensor's data and its ggml type. In the smallest file the vocabulary's matrix, which stands there twice and is
    a quarter of a small network, keeps eight bits: it decides each token."""
    types = gguf.GGMLQuantizationType
    if array.ndim == 1:
        target = types.F32
    elif kind == "q4_0" and name == "embedding.weight":
        target = types.Q8_0
    else:
        target = types[kind.upper()]
    return quants.quantize(np.ascontiguousarray(array, dtype=np.float32), target), target


def _targets(name: str) -> tuple[str, ...]:
    """Names in the file of a tensor of the state dict."""
    if name == "embedding.weight":
        return "token_embd.weight", "output.weight"
    if name == "norm.weight":
        return ("output_norm.weight",)
    _, block, part, _ = name.split(".")
    return (f"blk.{block}.{_TENSORS[part]}.weight",)


def _describe(writer: Any, shape: Shape, about: About, kind: Kind) -> None:
    writer.add_type("model")
    writer.add_name(about.name)
    writer.add_description(about.summary)
    writer.add_license(about.licence)
    writer.add_file_type(_FILE_TYPES[kind])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_block_count(shape.layers)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_rope_freq_base(shape.theta)
    writer.add_rope_dimension_count(shape.width // shape.heads)
    writer.add_vocab_size(shape.vocabulary)


def _spell(writer: Any, words: Vocabulary) -> None:
    """The tokenizer. The newline token is of the type that no text is ever cut into, so that what llama.cpp reads from
    users never becomes it."""
    types = gguf.TokenType
    kinds = [types.NORMAL] * len(words.tokens)
    for token in words.special.values():
        kinds[token] = types.CONTROL
    kinds[_NEWLINE] = types.UNUSED
    texts = list(words.tokens)
    texts[_NEWLINE] = "\n"
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(_CUTTING)
    writer.add_token_list(texts)
    writer.add_token_scores([0.0] * len(texts))
    writer.add_token_types(kinds)
    writer.add_token_merges(words.merges)
    for role, name in _ROLES.items():
        writer.add_uint32(f"tokenizer.ggml.{role}_token_id", words.special[name])
    writer.add_add_bos_token(False)
