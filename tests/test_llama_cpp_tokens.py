"""Our token ids are those of llama.cpp, for each name of a way of cutting and for SentencePiece's kind."""

import random
import unicodedata
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from synthetic import ROOT, Kind, code, vocabulary_like, write_gguf

from lsp_server.base.errors import EngineError
from lsp_server.engine.backends import llama_api
from lsp_server.engine.tokenizer import Tokenizer
from lsp_server.models import tokenizer_file
from lsp_server.models.cutting import CUTTINGS
from lsp_server.models.vocabulary import Vocabulary
from lsp_server.training.llama_cpp import LlamaCpp

try:
    llama_api.load()
    WHY_NOT = ""
except EngineError as error:
    WHY_NOT = str(error)
pytestmark = [pytest.mark.slow, pytest.mark.skipif(WHY_NOT != "", reason=WHY_NOT)]

#: What ways of cutting treat differently, and what often goes wrong: white space of all kinds, marks, letters with and
#: without case, numbers that are no digits, signs, unassigned characters.
CHARACTERS = (
    *"abcxyzABCXYZsStTlLdDrReEvVmM__'''    \n\n\t\r0011234567890().,:=#\"'/\\-+*<>|~`!@$%^&[]{};?",
    *"éÉñßΩωЖж漢字カひ한글กनि🎉👩½²①٣―「」、。…—“”ǅʰªº",
    *"\u00a0\u0301\u0378\u094d\u1fd3\u200b\u200d\u2003\u2028\u3000\uff08\ufeff\ufffd\x01\x1f\x7f\x85\U0001f9ff",
)

LINES = (
    *(
        "hello",
        " ",
        " a",
        "\n",
        "\n\n  x",
        "x   ",
        "a   b",
        "    \n    ",
        "\r\n\r\n",
        "  \n \t\n",
        "1234567 89",
    ),
    *(
        "i'Ll don'T",
        "'s's",
        "x\n",
        "x\n\n",
        "\t\t\tx",
        "<|endoftext|>",
        *(character * 70 for character in " -=#a1"),
    ),
)

#: Not known to the llama.cpp of the binding for Python 3.10 and 3.11; each cuts as another name that is.
NEWER = {"mellum2"}


def everything(text: str) -> bool:
    return True


def ascii_space(text: str) -> bool:
    """llama.cpp shows such expressions all other white space as a vertical tab, which lies in none of their ranges."""
    return not any(character.isspace() and not character.isascii() for character in text)


def no_tilde(text: str) -> bool:
    r"""llama.cpp's ``\p{S}`` has all of ASCII but the tilde."""
    return "~" not in text


def no_case(text: str) -> bool:
    """llama.cpp knows upper and lower case in ASCII only, and no combining marks."""
    kinds = (unicodedata.category(character) for character in text if not character.isascii())
    return not any(kind in ("Lu", "Ll", "Lt") or kind.startswith("M") for kind in kinds)


#: Where llama.cpp simplifies a model's own expression, texts in which that makes no difference.
ALIKE: dict[str, Callable[[str], bool]] = {
    **dict.fromkeys(("deepseek-llm", "deepseek-coder"), ascii_space),
    **dict.fromkeys(("deepseek-v3", "hunyuan-dense", "joyai-llm"), no_tilde),
    **dict.fromkeys(("tekken", "gpt-4o", "llama4", "kanana2", "minimax-m2"), no_case),
}


def texts() -> tuple[str, ...]:
    randomness = random.Random(1)
    odd = ("".join(randomness.choices(CHARACTERS, k=randomness.randint(1, 30))) for _ in range(600))
    files = sorted((ROOT / "lsp_server" / "completion").glob("*.py"))
    return (*LINES, *odd, *code()[::12], *(path.read_text(encoding="utf-8") for path in files[:3]))


TEXTS = texts()


def theirs(path: Path) -> Callable[[str], list[int]]:
    return LlamaCpp(path, 64, 1).tokenize


def compare(
    folder: Path,
    words: Vocabulary,
    alike: Callable[[str], bool] = everything,
    compared: tuple[str, ...] = TEXTS,
) -> None:
    write_gguf(folder / "model.gguf", words, width=8)
    (folder / "tokenizer.json").write_bytes(tokenizer_file.convert(words))
    tokenizer, tokenize = Tokenizer(folder / "tokenizer.json", {}), theirs(folder / "model.gguf")
    alike_in_both = [text for text in compared if alike(text)]
    assert len(alike_in_both) > len(compared) / 4
    different = [text for text in alike_in_both if tokenizer.encode(text) != tokenize(text)]
    assert not different


@pytest.mark.parametrize("name", [name for name in CUTTINGS if name not in NEWER])
def test_byte_level_ids_are_the_same(tmp_path: Path, name: str) -> None:
    """With a vocabulary learnt across words any other cut gives other ids. All texts for the first name of each way of
    cutting, some for the others."""
    first = next(other for other in CUTTINGS if CUTTINGS[other] == CUTTINGS[name]) == name
    words = vocabulary_like(("<|end|>",), "gpt2", name, joined=True)
    compare(tmp_path, words, ALIKE.get(name, everything), TEXTS if first else TEXTS[:150])


@pytest.mark.parametrize("joined", [False, True], ids=["within words", "across words"])
def test_ids_of_pieces_are_the_same(tmp_path: Path, joined: bool) -> None:
    """Merges in the order of scores, byte fallback, runs of spaces; cut between classes or not at all."""
    words = vocabulary_like(("▁<PRE>", "▁<SUF>"), "llama", joined=joined)
    compare(tmp_path, msgspec.structs.replace(words, add_space_prefix=False))


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_real_words_are_the_same(tmp_path: Path, kind: Kind) -> None:
    """With a vocabulary as models have them, where whole words are tokens."""
    words = vocabulary_like(("<|end|>",), kind, "llama-bpe", size=3000)
    compare(tmp_path, msgspec.structs.replace(words, add_space_prefix=False))
