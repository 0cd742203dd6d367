"""From a GGUF file's vocabulary to a ``tokenizer.json`` of the tokenizers library, as JSON; the library is not needed.

The ids that it makes are those of llama.cpp (src/llama-vocab.cpp), but for two things: what stands in a text never
becomes a special token, not even by merging; and see ``cutting``. Does not know files, prompts or engines.
"""

import re
from collections.abc import Collection
from typing import Any

import msgspec

from lsp_server.base.bytelevel import NEVER, byte_alphabet
from lsp_server.base.errors import ModelError
from lsp_server.models import pieces
from lsp_server.models.cutting import CUTTINGS
from lsp_server.models.vocabulary import CONTROL, UNKNOWN, UNUSED, USER_DEFINED, Vocabulary

#: Text that no person writes, so a token with it is special whatever the file says. llama.cpp's conversion has the same
#: rule (``does_token_look_special`` in convert_hf_to_gguf.py).
_LOOKS_SPECIAL = re.compile(r"<[|\uff5c].+[|\uff5c]>|<unused\d+>|\[@BOS@\]|<(?:pad|mask|2mass)>")

#: A text that might be a word of its own in any way of cutting.
_ONE_WORD = re.compile(r"[^\W_]+|[^\w\s]+")

#: What no byte-level BPE makes of a text.
_NOT_BYTES = re.compile(f"[^{re.escape(''.join(byte_alphabet()))}]")

#: How text is cut where a file does not say, and where it names a way that is not known.
_SILENT, _UNKNOWN = "default", "gpt-2"

#: Kinds of vocabularies that llama.cpp knows and this module does not, for people.
_OTHERS = {
    "bert": "WordPiece",
    "t5": "Unigram",
    "rwkv": "RWKV",
    "plamo2": "PLaMo",
    "gemma4": "Gemma 4",
}


def convert(vocabulary: Vocabulary, special: Collection[str] = ()) -> bytes:
    """Make a ``tokenizer.json``.

    Args:
        special: texts of tokens that are special in this model although the file calls them ordinary.

    Returns:
        the file's content.

    Raises:
        ModelError: this kind of vocabulary is not supported, or this one cannot spell every text.
    """
    if vocabulary.model not in ("gpt2", "llama"):
        kind = _OTHERS.get(vocabulary.model, "unknown")
        raise ModelError(
            f"The model's vocabulary is of the kind '{vocabulary.model}' ({kind}). Byte-level BPE ('gpt2') and "
            "SentencePiece BPE ('llama') are supported: use another model."
        )
    never = _special(vocabulary, frozenset(special))
    added = [_added(token, vocabulary.tokens[token], True) for token in sorted(never)]
    literal = frozenset(
        token for token, kind in enumerate(vocabulary.types) if kind == USER_DEFINED and token not in never
    )
    added += [_added(token, vocabulary.tokens[token], False) for token in sorted(literal)]
    build = _byte_level if vocabulary.model == "gpt2" else _pieces
    return msgspec.json.encode(
        {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": sorted(added, key=lambda entry: entry["id"]),
            "normalizer": None,
            "post_processor": None,
            **build(vocabulary, never | literal),
        }
    )


def remarks(vocabulary: Vocabulary) -> tuple[str, ...]:
    """What one should know of a vocabulary that ``convert`` accepts: whole sentences, most often none."""
    if vocabulary.model == "gpt2":
        if not vocabulary.pre:
            return (
                "The file does not say how its tokenizer cuts text ('tokenizer.ggml.pre'): it may predict worse than "
                "it could. A file made by a newer llama.cpp says it.",
            )
        if vocabulary.pre not in CUTTINGS:
            return (
                f"The way '{vocabulary.pre}' to cut text is not known, so it is cut as GPT-2 does: the model may "
                "predict worse than it could.",
            )
        return ()
    return pieces.remarks(vocabulary)


def _special(vocabulary: Vocabulary, names: Collection[str]) -> frozenset[int]:
    """Ids that no text becomes and no completion shows."""
    named = {vocabulary.bos, vocabulary.eos, vocabulary.eot, *vocabulary.fim.values()}
    return frozenset(
        token
        for token, (text, kind) in enumerate(zip(vocabulary.tokens, vocabulary.types, strict=True))
        if kind in (CONTROL, UNKNOWN, UNUSED)
        or (token in named and len(text) > 1)  # some files name a comma
        or text in names
        or (kind == USER_DEFINED and _LOOKS_SPECIAL.fullmatch(text))
        or (kind != USER_DEFINED and vocabulary.model == "gpt2" and _NOT_BYTES.search(text))
    )


def _added(token: int, text: str, special: bool) -> dict[str, Any]:
    """A token that is not made by merging. One that is not special is found in a text before that is cut."""
    return {
        "id": token,
        "content": text,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": special,
    }


def _bpe(vocabulary: Vocabulary, merges: list[tuple[str, str]], **changes: bool) -> dict[str, Any]:
    """The library's model; the special tokens are in its vocabulary so that they keep their ids."""
    return {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": False,
        **changes,
        "vocab": {text: token for token, text in enumerate(vocabulary.tokens)},
        "merges": merges,
    }


def _split(pattern: str) -> dict[str, Any]:
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


def _byte_level(vocabulary: Vocabulary, apart: frozenset[int]) -> dict[str, Any]:
    ids = {text: token for token, text in enumerate(vocabulary.tokens)}
    lost = {-1, *apart}
    lacking = [
        byte
        for character, byte in byte_alphabet().items()
        if byte not in NEVER and ids.get(character, -1) in lost
    ]
    if lacking:
        raise ModelError(pieces.LACKING.format(count=len(lacking)))
    merges: dict[tuple[str, str], None] = {}
    for merge in vocabulary.merges:
        place = merge.find(" ", 1)
        left, right = merge[:place], merge[place + 1 :]
        if place > 0 and left in ids and right in ids and ids.get(left + right, -1) not in lost:
            merges[left, right] = None
    cutting = CUTTINGS[
        vocabulary.pre if vocabulary.pre in CUTTINGS else _UNKNOWN if vocabulary.pre else _SILENT
    ]
    # A special token that is a word by itself would be found as one.
    words = cutting.whole_words and not any(_ONE_WORD.fullmatch(vocabulary.tokens[token]) for token in apart)
    bytes_only = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    return {
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [*map(_split, cutting.patterns), bytes_only],
        },
        "decoder": bytes_only,
        "model": _bpe(vocabulary, list(merges), ignore_merges=words),
    }


def _pieces(vocabulary: Vocabulary, apart: frozenset[int]) -> dict[str, Any]:
    merges = pieces.merges(vocabulary, apart)
    pattern = pieces.boundaries({left + right for left, right in merges})
    spaces = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never", "split": False}
    return {
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [*([_split(pattern)] if pattern else []), spaces],
        },
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
            ],
        },
        "model": _bpe(vocabulary, merges, byte_fallback=True),
    }
