"""Vocabularies in the shape of a model family's, and GGUF files with them: made here, so that no real one is kept."""

import json
import random
import struct
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from lsp_server.base.bytelevel import byte_alphabet
from lsp_server.models.vocabulary import BYTE, CONTROL, NORMAL, UNKNOWN, Vocabulary

ROOT = Path(__file__).resolve().parent.parent

#: What code has little of, so that such tokens are learnt too.
ODD = (
    "it's we're I'LL don't x2 3.14 1234567 0x1F école École ÉCOLE naïve straße Привет мир 你好世界。"
    "函数\uff08参数\uff09、こんにちは カタカナ 한국어 नमस्ते 🎉🎉 👩‍💻 a\u0301b \u00a0 \u3000 \u200b ½ ² ① ٣ “quoted” … "
    "\u2013 — \t\t\t \r\n\r\n~~~ ==== ---- //// \\\\ ``` <|x|> [[a]] {{b}} $(c) @d #e %f ^g &h *i"
)

Kind = Literal["gpt2", "llama"]


@cache
def code() -> tuple[str, ...]:
    """Text to learn from: source of this repository, and what it lacks."""
    folders = (ROOT / "lsp_server" / "base", ROOT / "lsp_server" / "engine", ROOT / "grammars")
    files = sorted(path for folder in folders for path in folder.rglob("*") if path.suffix in (".py", ".scm"))
    texts = [path.read_text(encoding="utf-8") for path in files]
    lines = [line for text in texts for line in text.splitlines(keepends=True)]
    return (*map("".join, zip(lines[::2], lines[1::2], strict=False)), *[ODD] * 40)


def vocabulary_like(
    specials: Sequence[str],
    kind: Kind = "gpt2",
    pre: str = "qwen2",
    *,
    joined: bool = False,
    size: int = 1500,
) -> Vocabulary:
    """A small vocabulary with a family's special tokens.

    Args:
        specials: their texts, put behind all others in this order.
        joined: tokens may reach across words, so that nothing hides where a text is cut.
        size: about how many tokens it has.
    """
    if kind == "gpt2":
        pieces, merges = _byte_level(joined, size)
        tokens = (*pieces, *specials)
        return Vocabulary(
            model="gpt2",
            pre=pre,
            tokens=tokens,
            types=(NORMAL,) * len(pieces) + (CONTROL,) * len(specials),
            merges=merges,
            eos=len(pieces) if specials else None,
        )
    first = ("<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)))
    pieces = _sentence_pieces(joined, size)
    return Vocabulary(
        model="llama",
        pre="default",
        tokens=(*first, *pieces, *specials),
        types=(UNKNOWN, CONTROL, CONTROL, *[BYTE] * 256, *[NORMAL] * len(pieces), *[CONTROL] * len(specials)),
        scores=(*[0.0] * len(first), *(-float(rank) for rank in range(len(pieces))), *[0.0] * len(specials)),
        bos=1,
        eos=2,
        add_bos=True,
        add_space_prefix=True,
    )


@cache
def _byte_level(joined: bool, size: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Tokens, and pairs with a space between."""
    learnt = Tokenizer(models.BPE())
    learnt.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=not joined)
    learnt.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size, show_progress=False, initial_alphabet=sorted(byte_alphabet()), max_token_length=16
    )
    learnt.train_from_iterator(code(), trainer)
    return _parts(learnt)


@cache
def _sentence_pieces(joined: bool, size: int) -> tuple[str, ...]:
    """Pieces, the best first: those of several characters as they were learnt, runs of spaces, single characters."""
    learnt = Tokenizer(models.BPE())
    spaces = pre_tokenizers.Metaspace("▁", "never", split=False)
    words = pre_tokenizers.Split(Regex(r"[0-9\n\r]| ?[A-Za-z]+| ?[^A-Za-z0-9 \n\r]+| +"), "isolated")
    learnt.pre_tokenizer = spaces if joined else pre_tokenizers.Sequence([words, spaces])
    learnt.train_from_iterator(
        code(), trainers.BpeTrainer(vocab_size=size, show_progress=False, max_token_length=16)
    )
    tokens, merges = _parts(learnt)
    made = dict.fromkeys(pair.replace(" ", "") for pair in merges)
    runs = ("▁" * length for length in (2, 4, 8, 3, 5, 6, 7, 12, 16))
    single = (token for token in tokens if len(token) == 1 and (joined or token not in "\n\r"))
    return tuple(dict.fromkeys((*runs, *made, *single)))


def _parts(learnt: Tokenizer) -> tuple[tuple[str, ...], tuple[str, ...]]:
    model = json.loads(learnt.to_str())["model"]
    return tuple(sorted(model["vocab"], key=model["vocab"].__getitem__)), tuple(
        map(" ".join, model["merges"])
    )


def write_gguf(
    path: Path, vocabulary: Vocabulary, architecture: str = "llama", layers: int = 1, width: int = 64
) -> None:
    """Write a model with random weights, as small as engines load: architectures ``llama`` and ``qwen2``."""
    count = len(vocabulary.tokens)
    numbers = {
        "context_length": 512,
        "embedding_length": width,
        "feed_forward_length": width,
        "block_count": layers,
        "attention.head_count": 2,
        "attention.head_count_kv": 2,
        "rope.dimension_count": width // 2,
        "vocab_size": count,
    }
    keys = [
        _text("general.architecture") + _value(8, _text(architecture)),
        *(
            _text(f"{architecture}.{name}") + _value(4, struct.pack("<I", value))
            for name, value in numbers.items()
        ),
        _text(f"{architecture}.attention.layer_norm_rms_epsilon") + _value(6, struct.pack("<f", 1e-5)),
        *_vocabulary_keys(vocabulary),
    ]
    shapes = _shapes(architecture, layers, width, count)
    infos, data = b"", b""
    randomness = random.Random(0)
    values = [randomness.gauss(0, 0.02) for _ in range(4099)]  # a prime, so that no two rows are the same
    for name, dimensions in shapes:
        size = dimensions[0] * (dimensions[1] if len(dimensions) > 1 else 1)
        infos += _text(name) + struct.pack(
            f"<I{len(dimensions)}QIQ", len(dimensions), *dimensions, 0, len(data)
        )
        weights = [1.0] * size if "norm" in name else (values * (size // len(values) + 1))[:size]
        data += struct.pack(f"<{size}f", *weights)
        data += bytes(-len(data) % 32)
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(shapes), len(keys)) + b"".join(keys) + infos
    path.write_bytes(head + bytes(-len(head) % 32) + data)


def _shapes(architecture: str, layers: int, width: int, count: int) -> list[tuple[str, tuple[int, ...]]]:
    shapes: list[tuple[str, tuple[int, ...]]] = [
        ("token_embd.weight", (width, count)),
        ("output_norm.weight", (width,)),
        ("output.weight", (width, count)),
    ]
    for layer in range(layers):
        shapes += [(f"blk.{layer}.{name}_norm.weight", (width,)) for name in ("attn", "ffn")]
        squares = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
        shapes += [(f"blk.{layer}.{name}.weight", (width, width)) for name in squares]
        if architecture == "qwen2":
            shapes += [(f"blk.{layer}.attn_{name}.bias", (width,)) for name in "qkv"]
    return shapes


def _vocabulary_keys(vocabulary: Vocabulary) -> list[bytes]:
    prefix = "tokenizer.ggml."
    texts = {"tokens": vocabulary.tokens, "merges": vocabulary.merges}
    ids = {"bos": vocabulary.bos, "eos": vocabulary.eos, "eot": vocabulary.eot}
    flags = {"add_bos_token": vocabulary.add_bos, "add_space_prefix": vocabulary.add_space_prefix}
    roles = {"prefix": "fim_pre", "suffix": "fim_suf", "middle": "fim_mid", "pad": "fim_pad"}
    roles |= {"repository": "fim_rep", "file": "fim_sep"}
    ids |= {roles[role]: token for role, token in vocabulary.fim.items()}
    types = struct.pack(f"<{len(vocabulary.types)}i", *vocabulary.types)
    keys = [
        _text(f"{prefix}model") + _value(8, _text(vocabulary.model)),
        _text(f"{prefix}token_type") + _value(9, struct.pack("<IQ", 5, len(vocabulary.types)) + types),
        *(
            _text(prefix + name)
            + _value(9, struct.pack("<IQ", 8, len(values)) + b"".join(map(_text, values)))
            for name, values in texts.items()
            if values
        ),
        *(_text(f"{prefix}{name}") + _value(7, struct.pack("<?", flag)) for name, flag in flags.items()),
        *(
            _text(f"{prefix}{name}_token_id") + _value(4, struct.pack("<I", token))
            for name, token in ids.items()
            if token is not None
        ),
    ]
    if vocabulary.pre:
        keys.append(_text(f"{prefix}pre") + _value(8, _text(vocabulary.pre)))
    if vocabulary.scores:
        scores = struct.pack(f"<{len(vocabulary.scores)}f", *vocabulary.scores)
        keys.append(
            _text(f"{prefix}scores") + _value(9, struct.pack("<IQ", 6, len(vocabulary.scores)) + scores)
        )
    return keys


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _value(kind: int, data: bytes) -> bytes:
    return struct.pack("<I", kind) + data
