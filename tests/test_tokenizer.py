"""The tokenizer: user text is never special, bytes survive, and typing on never changes what is already cached."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shipped import MODEL, tokenizer

from lsp_server.base.bytelevel import byte_alphabet
from lsp_server.base.errors import ModelError
from lsp_server.engine.tokenizer import Tokenizer

#: What source code is made of, with all that pre-tokenisers treat differently.
CODE = st.text(
    st.sampled_from("abcxyzABC___   \n\n\t0019().,:=#\"'é漢🎉\u00a0\u200b") | st.characters(), max_size=14
)


def text_of(ids: list[int]) -> bytes:
    return b"".join(tokenizer().bytes[token] for token in ids)


@pytest.mark.parametrize("name", MODEL.manifest.special_tokens)
def test_user_text_never_becomes_special(name: str) -> None:
    """A file that talks about special tokens must not be able to end its own prompt."""
    special = set(MODEL.manifest.special_tokens.values())
    ids = tokenizer().encode(f"x = '{name}'")
    assert not special & set(ids)
    assert text_of(ids).decode() == f"x = '{name}'"
    ids, rest = tokenizer().split_for_healing(f"x = {name}")
    assert not special & set(ids)
    assert text_of(ids) + rest == f"x = {name}".encode()


@settings(deadline=None)
@given(CODE)
def test_bytes_survive(text: str) -> None:
    """Tokens spell exactly the text; a lone surrogate, which is no text, becomes a question mark."""
    expected = text.encode("utf-8", "replace")
    assert text_of(tokenizer().encode(text)) == expected
    ids, rest = tokenizer().split_for_healing(text)
    assert text_of(ids) + rest == expected


@pytest.mark.parametrize("text", ["\ud800", "a\udfff = ", "\ud800\udc00", "\x00", ""])
def test_odd_text_does_not_raise(text: str) -> None:
    """Editors can send halves of characters; they must not stop a suggestion."""
    ids, rest = tokenizer().split_for_healing(text)
    assert text_of(ids) + rest == text.encode("utf-8", "replace")


@settings(max_examples=500, deadline=None)
@given(CODE, CODE)
def test_typing_on_keeps_the_ids_before_the_healed_part(text: str, typed: str) -> None:
    """The reason why a key costs a handful of tokens: what was cached before it stays a prefix of the prompt."""
    ids, _ = tokenizer().split_for_healing(text)
    later, _ = tokenizer().split_for_healing(text + typed)
    assert tokenizer().encode(text + typed)[: len(ids)] == ids
    assert later[: len(ids)] == ids[: len(later)]


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("return sel", " sel"),
        ("self.", "."),
        ("foo_", "foo_"),  # "foo__" would be one pre-token
        ("x = _", " _"),  # " _name" too
        ("def f():\n    ", "\n    "),
        ("", ""),
    ],
)
def test_what_is_healed(text: str, rest: str) -> None:
    """Back to the start of the last pre-token, and over a start that the next key can move."""
    assert tokenizer().split_for_healing(text)[1] == rest.encode()


def test_a_long_pre_token_is_healed_at_its_end_only() -> None:
    """A ruler or a line of Chinese must not cost an evaluation for each of its tokens."""
    ids, rest = tokenizer().split_for_healing("# " + "漢" * 60)
    assert len(ids) > 60
    assert len(rest) <= 8 * 3


@settings(deadline=None)
@given(st.text("retun(_ sé漢", min_size=1, max_size=6))
def test_allowed_agrees_with_a_plain_search(typed: str) -> None:
    """The sorted table finds what looking at every token would find."""
    remaining = typed.encode()
    found = [
        token
        for token, spelling in enumerate(tokenizer().bytes)
        if spelling and (spelling.startswith(remaining) or remaining.startswith(spelling))
    ]
    assert tokenizer().allowed(remaining).tolist() == found


def test_any_bytes_can_be_spelled() -> None:
    """Each byte is a token, so healing always finds a way."""
    assert sorted(byte_alphabet().values()) == list(range(256))
    assert all(len(tokenizer().allowed(bytes([byte]))) for byte in range(256))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "cannot be read"),
        ("{}", "cannot be read"),
        (
            '{"version":"1.0","model":{"type":"WordLevel","vocab":{"two words":0},"unk_token":"two words"}}',
            "byte-level",
        ),
    ],
)
def test_another_kind_of_tokenizer_is_refused(tmp_path: Path, content: str, complaint: str) -> None:
    """What cannot be healed byte by byte is refused with a sentence."""
    path = tmp_path / "tokenizer.json"
    path.write_text(content)
    with pytest.raises(ModelError, match=complaint):
        Tokenizer(path, {})


@pytest.mark.parametrize(
    ("special", "complaint"), [({"<|endoftext|>": 5}, "disagree"), ({"x": 99_999}, "does not know")]
)
def test_a_manifest_that_contradicts_the_tokenizer_is_refused(
    special: dict[str, int], complaint: str
) -> None:
    """A wrong id would put text where a special token belongs."""
    with pytest.raises(ModelError, match=complaint):
        Tokenizer(MODEL.tokenizer_file, special)
