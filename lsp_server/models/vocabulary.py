"""Reads a GGUF file's vocabulary: the ``tokenizer.ggml.*`` metadata, checked and in one record.

Does not know how text is cut into these tokens (``tokenizer_file`` says that to the tokenizers library), which prompt
family they belong to, or what the weights are.

Keys: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Defaults where the file is silent: llama.cpp,
``llama_vocab::impl::load`` in src/llama-vocab.cpp.
"""

from pathlib import Path

import msgspec

from lsp_server.base.errors import ModelError
from lsp_server.models import gguf
from lsp_server.models.metadata import Value

#: Types of tokens, ``tokenizer.ggml.token_type``.
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)

#: Longest text of one token (bytes); real ones have at most a few hundred (rulers of dashes).
_MAX_TEXT = 4096

_MODEL = "tokenizer.ggml.model"
_PRE = "tokenizer.ggml.pre"
_TOKENS = "tokenizer.ggml.tokens"
_SCORES = "tokenizer.ggml.scores"
_TYPES = "tokenizer.ggml.token_type"
_MERGES = "tokenizer.ggml.merges"

#: Role to the keys that name its token, the first that is there counts.
_FIM = {
    "prefix": ("fim_pre_token_id", "prefix_token_id"),
    "suffix": ("fim_suf_token_id", "suffix_token_id"),
    "middle": ("fim_mid_token_id", "middle_token_id"),
    "pad": ("fim_pad_token_id",),
    "repository": ("fim_rep_token_id",),
    "file": ("fim_sep_token_id",),
}

#: Ways to cut text whose tokenizers put the beginning-of-text token first unless the file says otherwise.
_BEGIN = frozenset(
    {"llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "tekken"}
)


class Vocabulary(msgspec.Struct, frozen=True):
    """What a GGUF file says of its tokenizer.

    Attributes:
        model: how tokens are found: ``gpt2`` (merges over bytes), ``llama`` (scores over characters), or another.
        pre: how text is cut before that, in llama.cpp's names; empty if the file does not say.
        tokens: text of each id; no two are the same.
        types: of each id: ``NORMAL`` and so on.
        scores: of each id, or none; the higher, the earlier two tokens become this one.
        merges: two texts with a space between, the first to be applied first; only of merging models.
        bos, eos, eot: ids of the tokens that begin a text, end it, and end a turn.
        add_bos: a text begins with ``bos``.
        add_space_prefix: a text's first token is made as if a space stood before it.
        fim: role (``prefix``, ``suffix``, ``middle``, ``pad``, ``repository``, ``file``) to the id that the file names.
    """

    model: str
    pre: str
    tokens: tuple[str, ...]
    types: tuple[int, ...]
    scores: tuple[float, ...] = ()
    merges: tuple[str, ...] = ()
    bos: int | None = None
    eos: int | None = None
    eot: int | None = None
    add_bos: bool = False
    add_space_prefix: bool = False
    fim: dict[str, int] = {}


def read(path: Path) -> Vocabulary:
    """Read a GGUF file's vocabulary.

    Raises:
        ModelError: the file cannot be read or is not sound, or its vocabulary is damaged.
    """
    header = gguf.read(path, {_TOKENS, _SCORES, _TYPES, _MERGES})
    try:
        return _vocabulary(header.metadata)
    except _Damaged as error:
        raise ModelError(
            f"The vocabulary of {path} cannot be used: {error}. Fetch the file again or use another."
        ) from error


class _Damaged(Exception):
    """What is wrong with a vocabulary; ``read`` turns it into a ModelError."""


_Metadata = dict[str, Value]


def _vocabulary(metadata: _Metadata) -> Vocabulary:
    model, pre = metadata.get(_MODEL), metadata.get(_PRE, "")
    if not isinstance(model, str) or not model:
        raise _Damaged("it does not say of which kind it is ('tokenizer.ggml.model')")
    if not isinstance(pre, str):
        raise _Damaged("'tokenizer.ggml.pre' is not a text")
    tokens = tuple(text or f"[EMPTY_{token}]" for token, text in enumerate(_texts(metadata, _TOKENS)))
    _check_unique(tokens)
    pieces = model == "llama"
    return Vocabulary(
        model=model,
        pre=pre,
        tokens=tokens,
        types=_types(metadata, tokens),
        scores=_scores(metadata),
        merges=_texts(metadata, _MERGES),
        bos=_id(metadata, ("bos_token_id",), len(tokens), 1 if pieces else None),
        eos=_id(metadata, ("eos_token_id",), len(tokens), 2 if pieces else None),
        eot=_id(metadata, ("eot_token_id",), len(tokens)),
        add_bos=_flag(metadata, "add_bos_token", pieces or pre in _BEGIN),
        add_space_prefix=_flag(metadata, "add_space_prefix", pieces),
        fim={
            role: token
            for role, keys in _FIM.items()
            if (token := _id(metadata, keys, len(tokens))) is not None
        },
    )


def _array(metadata: _Metadata, key: str, kinds: tuple[int, ...]) -> gguf.Array | None:
    value = metadata.get(key)
    if value is None:
        return None
    if not isinstance(value, gguf.Array) or value.type not in kinds:
        raise _Damaged(f"'{key}' is not a list of the type that it should be")
    return value


def _texts(metadata: _Metadata, key: str) -> tuple[str, ...]:
    array = _array(metadata, key, (gguf.STRING,))
    texts = []
    for data in array.values if array else ():
        if not isinstance(data, bytes) or len(data) > _MAX_TEXT:
            raise _Damaged(f"'{key}' has a text of more than {_MAX_TEXT} bytes")
        try:
            texts.append(data.decode())
        except UnicodeDecodeError as error:
            raise _Damaged(f"'{key}' has a text that is not UTF-8") from error
    return tuple(texts)


def _check_unique(tokens: tuple[str, ...]) -> None:
    if len(set(tokens)) == len(tokens):
        return
    seen: set[str] = set()
    for token, text in enumerate(tokens):
        if text in seen:
            raise _Damaged(f"the token {text[:40]!r} stands there twice, the second time with the id {token}")
        seen.add(text)


def _types(metadata: _Metadata, tokens: tuple[str, ...]) -> tuple[int, ...]:
    """Of each token; those that the file gives no text are never used."""
    array = _array(metadata, _TYPES, (gguf.INT32, gguf.UINT32))
    if array is None:
        return (NORMAL,) * len(tokens)
    return tuple(
        UNUSED if text == f"[EMPTY_{token}]" else int(kind)
        for token, (text, kind) in enumerate(zip(tokens, array.values, strict=True))
    )


def _scores(metadata: _Metadata) -> tuple[float, ...]:
    array = _array(metadata, _SCORES, (gguf.FLOAT32, gguf.INT32))
    if array is None:
        return ()
    return tuple(map(float, array.values))


def _id(metadata: _Metadata, keys: tuple[str, ...], count: int, default: int | None = None) -> int | None:
    """The id under the first of the keys that has one. One that no token has counts as absent, as with llama.cpp."""
    for key in keys:
        value = metadata.get(f"tokenizer.ggml.{key}")
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < count:
            return value
    return default if default is None or default < count else None


def _flag(metadata: _Metadata, key: str, default: bool) -> bool:
    value = metadata.get(f"tokenizer.ggml.{key}", default)
    if not isinstance(value, bool):
        raise _Damaged(f"'tokenizer.ggml.{key}' is neither true nor false")
    return value
