"""Vocabularies in the shape of model families' own, as ``fixtures/vocabularies.toml`` has them.

Unlike ``synthetic``'s their ordinary tokens are not learnt from anything: they are always the same, so that prompts can
be compared id by id.
"""

from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from lsp_server.base.bytelevel import byte_alphabet
from lsp_server.engine.tokenizer import Tokenizer
from lsp_server.models.tokenizer_file import convert
from lsp_server.models.vocabulary import BYTE, CONTROL, NORMAL, UNKNOWN, USER_DEFINED, Vocabulary
from lsp_server.prompt.families import Identity, identify

_FILE = Path(__file__).parent / "fixtures" / "vocabularies.toml"

#: Ordinary tokens of more than one character; a beginning of each is one, too. ``_`` stands for a space.
_WORDS = (
    *(
        "def",
        "return",
        "import",
        "from",
        "class",
        "total",
        "price",
        "item",
        "name",
        "shop",
        "cart",
        "path",
        "python",
    ),
    *(
        "_def",
        "_return",
        "_import",
        "_total",
        "_price",
        "_item",
        "_in",
        "_=",
        "_+",
        "____",
        "sum",
        "src",
        "py",
        "go",
    ),
)


class Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One vocabulary; the fields as the file explains them or as ``models.vocabulary.Vocabulary`` has them."""

    template: str
    special: tuple[str, ...]
    eos: str
    bos: str = ""
    eot: str = ""
    architecture: str = "llama"
    kind: Literal["gpt2", "llama"] = "gpt2"
    pre: str = "gpt-2"
    literal: tuple[str, ...] = ()
    fim: dict[str, str] = {}
    add_bos: bool = False


@cache
def shapes() -> dict[str, Shape]:
    return msgspec.toml.decode(_FILE.read_bytes(), type=dict[str, Shape])


def vocabulary(shape: Shape) -> Vocabulary:
    """As it would be read from a GGUF file."""
    space = "▁" if shape.kind == "llama" else "Ġ"
    made: dict[str, None] = {}
    pairs: dict[str, None] = {}
    for word in (word.replace("_", space) for word in _WORDS):
        for size in range(2, len(word) + 1):
            made[word[:size]] = None
            pairs[f"{word[: size - 1]} {word[size - 1]}"] = None
    if shape.kind == "gpt2":
        ordinary, kinds = [*sorted(byte_alphabet()), *made], NORMAL
        first: list[str] = []
    else:
        first = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256))]
        ordinary = [space, *map(chr, range(0x21, 0x7F)), *made]
        kinds = NORMAL
    tokens = (*first, *ordinary, *shape.special, *shape.literal)
    ids = {text: token for token, text in enumerate(tokens)}
    return Vocabulary(
        model=shape.kind,
        pre=shape.pre,
        tokens=tokens,
        types=(
            *[UNKNOWN, *[BYTE] * 256][: len(first)],
            *[kinds] * len(ordinary),
            *[CONTROL] * len(shape.special),
            *[USER_DEFINED] * len(shape.literal),
        ),
        scores=tuple(-float(rank) for rank in range(len(tokens))) if first else (),
        merges=() if first else tuple(pairs),
        bos=ids.get(shape.bos),
        eos=ids[shape.eos],
        eot=ids.get(shape.eot),
        add_bos=shape.add_bos,
        add_space_prefix=bool(first),
        fim={role: ids[text] for role, text in shape.fim.items()},
    )


def identity(words: Vocabulary, architecture: str) -> Identity:
    """What ``models add`` finds out about a vocabulary."""
    marked = [text for text, kind in zip(words.tokens, words.types, strict=True) if kind == CONTROL]
    return identify(
        {text: token for token, text in enumerate(words.tokens)},
        architecture=architecture,
        bos=words.bos,
        eos=words.eos,
        eot=words.eot,
        add_bos=words.add_bos,
        fim=words.fim,
        control=marked,
    )


def tokenizer(words: Vocabulary, known: Identity, folder: Path) -> Tokenizer:
    """The tokenizer that serving would have."""
    path = folder / "tokenizer.json"
    path.write_bytes(convert(words, known.special_tokens))
    return Tokenizer(path, known.special_tokens)
