"""The tokenizer with each kind of vocabulary and way of cutting: bytes survive, a key changes only what is healed."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import vocabulary_like

from lsp_server.base.bytelevel import NEVER
from lsp_server.engine import tokenizer
from lsp_server.engine.tokenizer import Tokenizer
from lsp_server.models import tokenizer_file
from lsp_server.models.cutting import CUTTINGS

#: The first name of each way of cutting, and both kinds of pieces: within words, and across them.
KINDS = (*{cutting: name for name, cutting in reversed(CUTTINGS.items())}.values(), "pieces", "joined pieces")

#: All of them, a few in the fast part.
EACH = [
    pytest.param(kind, marks=() if kind in ("qwen2", "starcoder", "pieces") else pytest.mark.slow)
    for kind in KINDS
]

#: What source code is made of, with all that ways of cutting treat differently.
CODE = st.text(
    st.sampled_from("abcxyzABC___   \n\n\t\r0019().,:=#\"'~/é漢ひ🎉\u00a0\u200b\u0301½")
    | st.characters(exclude_characters="▁"),
    max_size=14,
)


@cache
def of(kind: str) -> Tokenizer:
    """Learnt across words, so that nothing hides where a text is cut."""
    pieces = kind.endswith("pieces")
    words = vocabulary_like(
        ("<|end|>",), "llama" if pieces else "gpt2", kind, joined=kind != "pieces", size=1200
    )
    with TemporaryDirectory() as folder:
        path = Path(folder) / "tokenizer.json"
        path.write_bytes(tokenizer_file.convert(words))
        return Tokenizer(path, {"<|end|>": len(words.tokens) - 1})


@pytest.fixture
def near_anchor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts of a test are short: keep ids from key to key nonetheless."""
    monkeypatch.setattr(tokenizer, "_MARGIN", 5)
    monkeypatch.setattr(tokenizer, "_GROWTH", 7)


@pytest.mark.parametrize("kind", EACH)
def test_every_text_can_be_spelled(kind: str) -> None:
    """Ids spell exactly the text, no user text is special, and each byte that UTF-8 has can be healed."""
    words = of(kind)

    @settings(max_examples=60, deadline=None)
    @given(CODE)
    def check(text: str) -> None:
        ids = words.encode(text + "<|end|>")
        assert b"".join(words.bytes[token] for token in ids) == (text + "<|end|>").encode("utf-8", "replace")
        assert words.special["<|end|>"] not in ids

    check()
    assert all(len(words.allowed(bytes([byte]))) for byte in {*range(256)} - NEVER)


def test_kept_ids_are_nobodys_to_change() -> None:
    """Who cuts the ids of a prompt's part to its limit must not cut those of the next key."""
    words = of("qwen2")
    words.encode_kept("return x").clear()
    assert words.encode_kept("return x") == words.encode("return x") != []


@pytest.mark.usefixtures("near_anchor")
@pytest.mark.parametrize("kind", EACH)
def test_typing_on_keeps_the_ids_before_the_healed_part(kind: str) -> None:
    """What was cached stays a prefix of the prompt; what is kept from key to key, over other edits too, gives what a
    new start gives."""
    words = of(kind)

    @settings(max_examples=100, deadline=None)
    @given(CODE, CODE, st.integers(0, 14))
    def check(text: str, typed: str, left: int) -> None:
        ids, rest = words.split_for_healing(text)
        assert b"".join(words.bytes[token] for token in ids) + rest == text.encode("utf-8", "replace")
        healed = len(words.encode(text)) - len(ids)
        assert words.encode(text + typed)[: len(ids)] == ids or healed == tokenizer._MAX_HEALED
        for later in (text + typed, text[:left] + typed, text[:left]):
            ids, rest = words.split_for_healing(later)
            assert ids == words.encode(later)[: len(ids)]
            words._anchor, kept = tokenizer._Anchor("", 0, []), words._anchor
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(tokenizer, "_GROWTH", 1000)
                assert words.split_for_healing(later) == (ids, rest)
            words._anchor = kept

    check()


@pytest.mark.parametrize("kind", EACH[:-1])
def test_a_key_costs_the_end_of_a_long_text_only(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a long file only the last few hundred characters are encoded again. Pieces that reach across words allow no
    such thing, which is remarked when such a model is added."""
    words = of(kind)
    text = "def f(x):\n    return x + 1\n\n\n" * 500
    words.split_for_healing(text)
    encoded: list[int] = []

    class Counting:
        def __getattr__(self, name: str) -> object:
            return getattr(inner, name)

        def encode(self, part: str, **options: bool) -> object:
            encoded.append(len(part))
            return inner.encode(part, **options)

    inner = words._tokenizer
    monkeypatch.setattr(words, "_tokenizer", Counting())
    words.split_for_healing(text + "\nself.")
    assert sum(encoded) < 1500
