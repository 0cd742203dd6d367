"""From a GGUF file to a tokenizer.json: what is read, what is refused, how text is cut, what text never becomes."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
import tokenizers
from cases import Case, parametrize
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from synthetic import Kind, vocabulary_like, write_gguf

from lsp_server.base.errors import ModelError
from lsp_server.engine.tokenizer import Tokenizer
from lsp_server.models import pieces, tokenizer_file, vocabulary
from lsp_server.models.cutting import CUTTINGS
from lsp_server.models.vocabulary import BYTE, CONTROL, UNUSED, USER_DEFINED, Vocabulary

FIM = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")


def of(kind: Kind, *, joined: bool = False, pre: str = "qwen2", **changes: Any) -> Vocabulary:
    return msgspec.structs.replace(vocabulary_like(FIM, kind, pre, joined=joined), **changes)


def with_type(words: Vocabulary, text: str, kind: int) -> Vocabulary:
    types = list(words.types)
    types[words.tokens.index(text)] = kind
    return msgspec.structs.replace(words, types=tuple(types))


def loaded(folder: Path, words: Vocabulary, special: tuple[str, ...] = ()) -> Tokenizer:
    path = folder / "tokenizer.json"
    path.write_bytes(tokenizer_file.convert(words, special))
    return Tokenizer(path, {text: words.tokens.index(text) for text in special})


@pytest.mark.parametrize(
    "words",
    [
        of("gpt2"),
        of("gpt2", pre="", eot=3, fim={"prefix": 5, "file": 6}, add_bos=True, bos=4),
        of("llama"),
        of("llama", add_space_prefix=False, add_bos=False, pre=""),
    ],
)
def test_a_vocabulary_is_read_as_it_was_written(tmp_path: Path, words: Vocabulary) -> None:
    """Every field comes back from a whole GGUF file, roles and flags included."""
    write_gguf(tmp_path / "model.gguf", words)
    assert vocabulary.read(tmp_path / "model.gguf") == words


@pytest.mark.parametrize(
    ("words", "begins", "prefixed"),
    [(of("gpt2"), False, False), (of("gpt2", pre="llama-bpe"), True, False), (of("llama"), True, True)],
)
def test_a_silent_file_means_what_llama_cpp_takes_it_for(
    tmp_path: Path, words: Vocabulary, begins: bool, prefixed: bool
) -> None:
    """Without the two flags the kind of vocabulary decides."""
    path = tmp_path / "model.gguf"
    write_gguf(path, words)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"ggml.add_bos", b"ggml.xxx_bos").replace(b"ggml.add_sp", b"ggml.xxx_sp"))
    read = vocabulary.read(path)
    assert (read.add_bos, read.add_space_prefix) == (begins, prefixed)


def test_a_token_without_text_is_never_used(tmp_path: Path) -> None:
    """llama.cpp gives it a name; text must not find that name."""
    words = of("gpt2")
    tokens = ("" if text == "def" else text for text in words.tokens)
    write_gguf(tmp_path / "model.gguf", msgspec.structs.replace(words, tokens=tuple(tokens)))
    read = vocabulary.read(tmp_path / "model.gguf")
    place = words.tokens.index("def")
    assert read.tokens[place] == f"[EMPTY_{place}]"
    assert read.types[place] == UNUSED


def changed(old: bytes, new: bytes) -> Any:
    return lambda data: data.replace(old, new)


BAD = {
    "twice the same token": (
        of("gpt2", tokens=(*of("gpt2").tokens[:-1], "!")),
        b"",
        b"",
        "stands there twice",
    ),
    "too few types": (of("gpt2", types=(1, 1)), b"", b"", "does not fit its 1503 tokens"),
    "too few scores": (of("llama", scores=(1.0,)), b"", b"", "'tokenizer.ggml.scores' does not fit"),
    "a huge token": (
        of("gpt2", tokens=(*of("gpt2").tokens[:-1], "x" * 5000)),
        b"",
        b"",
        "more than 4096 bytes",
    ),
    "not UTF-8": (of("gpt2"), b"<|fim_prefix|>", b"<|fim_pref\xff\xfe|>", "not UTF-8"),
    "no kind": (of("gpt2"), b"ggml.model", b"ggml.mxdel", "of which kind"),
    "merges that are numbers": (of("llama"), b"ggml.scores", b"ggml.merges", "is no list of texts"),
    "a flag that is a number": (of("gpt2"), b"bos_token\7", b"bos_token\0", "neither true nor false"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_damaged_vocabulary_is_refused(tmp_path: Path, name: str) -> None:
    """Each with a sentence that says what is wrong, and what to do."""
    words, old, new, complaint = BAD[name]
    path = tmp_path / "model.gguf"
    write_gguf(path, words)
    path.write_bytes(path.read_bytes().replace(old, new, 1) if old else path.read_bytes())
    with pytest.raises(ModelError, match=complaint) as caught:
        vocabulary.read(path)
    assert "Fetch the file again or use another" in str(caught.value)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("sound") / "model.gguf"
    write_gguf(path, vocabulary_like(FIM, "llama", size=300), width=2)
    return path.read_bytes()


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1), junk=st.one_of(st.binary(min_size=1, max_size=9), st.just(b"\xff" * 8)))
def test_a_mutated_vocabulary_is_read_or_refused(
    tmp_path: Path, sound: bytes, place: float, junk: bytes
) -> None:
    """Whatever a file says, no other exception comes out, and what is read can be converted or is refused."""
    data = bytearray(sound)
    start = int(place * sound.rindex(b"tokenizer.ggml") * 1.1)
    data[start : start + len(junk)] = junk
    path = tmp_path / "model.gguf"
    path.write_bytes(data)
    with suppress(ModelError):
        tokenizers.Tokenizer.from_str(tokenizer_file.convert(vocabulary.read(path)).decode())


@parametrize("cutting")
def test_how_text_is_cut(case: Case) -> None:
    """The words of a text, for each way of cutting; each of them stands in every case."""
    text = unescaped(case.sections["text"])
    seen: set[str] = set()
    for names, expected in case.values("words").items():
        for name in names.split():
            seen.add(name)
            kind: Kind = "llama" if name == "llama" else "gpt2"
            data = tokenizer_file.convert(vocabulary_like((), kind, name)).decode()
            cut = tokenizers.Tokenizer.from_str(data).pre_tokenizer.pre_tokenize_str(text)
            assert [text[start:end] for _, (start, end) in cut] == unescaped(expected).split("|"), name
    assert {CUTTINGS[name] for name in seen - {"llama"}} == {*CUTTINGS.values()}


def unescaped(text: str) -> str:
    """What stands between the bars at both ends."""
    for mark, character in (("\\n", "\n"), ("\\r", "\r"), ("\\t", "\t")):
        text = text.replace(mark, character)
    return text[1:-1]


@pytest.mark.parametrize("model", ["bert", "t5", "rwkv", "plamo2", "gemma4", "no_vocab"])
def test_another_kind_is_refused(model: str) -> None:
    """It is named, and so is what would work."""
    with pytest.raises(ModelError, match=f"kind '{model}'.*are supported: use another model"):
        tokenizer_file.convert(of("gpt2", model=model))


@pytest.mark.parametrize(("kind", "byte"), [("gpt2", "x"), ("llama", "<0x78>")])
def test_a_vocabulary_that_cannot_spell_every_text_is_refused(kind: Kind, byte: str) -> None:
    """A byte that has no token, or only a special one."""
    with pytest.raises(ModelError, match="no token for 1 of 256 bytes"):
        tokenizer_file.convert(
            with_type(of(kind), byte, CONTROL)
            if kind == "gpt2"
            else of(kind, tokens=tuple("other" if text == byte else text for text in of(kind).tokens))
        )


def test_a_vocabulary_of_endless_merges_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hostile file could take all memory: what no real vocabulary has is an error, or is left out."""
    runs = tuple("a" * length for length in (*range(2, 20), 300))
    words = vocabulary_like(runs, "llama")
    words = msgspec.structs.replace(words, types=(*words.types[: -len(runs)], *[1] * len(runs)))
    assert {left + right for left, right in pieces.merges(words, ())} >= {*runs[:-1]}
    assert runs[-1] not in {left + right for left, right in pieces.merges(words, ())}
    monkeypatch.setattr(pieces, "_MOST", 100)
    with pytest.raises(ModelError, match="merged in more than 100 ways"):
        pieces.merges(words, ())


@pytest.mark.parametrize("unused", ["À", "Á", "õ", "ÿ"])
def test_bytes_that_no_text_has_need_no_token(tmp_path: Path, unused: str) -> None:
    """DeepSeek-Coder's vocabulary lacks those that UTF-8 never uses."""
    words = with_type(of("gpt2"), unused, CONTROL)
    assert loaded(tmp_path, words).encode("def é漢🎉")


@pytest.mark.parametrize(
    ("kind", "pre", "text"),
    [("gpt2", "qwen2", "def"), ("gpt2", "llama-bpe", "def"), ("llama", "", "def"), ("llama", "", "▁return")],
)
def test_text_never_becomes_a_special_token(tmp_path: Path, kind: Kind, pre: str, text: str) -> None:
    """Not by being found as a name, not as a word, not by merging; and the text is spelled all the same."""
    plain = loaded(tmp_path, of(kind, pre=pre))
    words = of(kind, pre=pre)
    token = words.tokens.index(text)
    source = "\ndef f(<|fim_prefix|>): return def"
    assert token in plain.encode(source)
    for changed in (loaded(tmp_path, with_type(words, text, CONTROL)), loaded(tmp_path, words, (text,))):
        ids = changed.encode(source)
        assert not {token, *map(words.tokens.index, FIM)} & {*ids}
        assert b"".join(changed.bytes[token] for token in ids).decode() == source


def test_a_word_that_is_a_token_is_found_without_merges(tmp_path: Path) -> None:
    """Llama 3 and Tekken take a whole word that is a token, whatever the merges say; the others never do."""
    for pre, whole in (("llama-bpe", True), ("tekken", True), ("qwen2", False)):
        words = vocabulary_like(FIM, "gpt2", pre)
        words = msgspec.structs.replace(words, merges=words.merges[:100])
        token = words.tokens.index("Ġreturn")
        assert (loaded(tmp_path, words).encode(" return") == [token]) is whole


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_a_literal_token_is_found_in_text_before_that_is_cut(tmp_path: Path, kind: Kind) -> None:
    """Gemma's runs of line ends and its HTML tags: text, but not made by merging."""
    words = vocabulary_like(("<s>", "<table>", "\n\n\n", "<|fim_prefix|>"), "gpt2")
    if kind == "llama":
        words = vocabulary_like(("<table>", "\n\n\n", "<|fim_prefix|>"), kind)
    for text in words.tokens[-3:]:
        words = with_type(words, text, USER_DEFINED)
    found = loaded(tmp_path, words)
    table, lines, fim = range(len(words.tokens) - 3, len(words.tokens))
    ids = found.encode("a<table>\n\n\n\n<|fim_prefix|>")
    assert {table, lines} <= {*ids}
    assert fim not in ids, "what looks special is special, whatever the file says"
    assert b"".join(found.bytes[token] for token in ids).decode() == "a<table>\n\n\n\n<|fim_prefix|>"
    assert found.split_for_healing("x = a<ta")[1] == b"<ta", "the next keys may make it one token"


def test_a_piece_is_said_as_itself_and_not_as_a_byte(tmp_path: Path) -> None:
    """SentencePiece has two tokens for each ASCII character; of the one for bytes only those that are needed count."""
    words = of("llama")
    found = loaded(tmp_path, words)
    assert found.bytes[words.tokens.index("a")] == b"a"
    assert found.bytes[words.tokens.index("<0x61>")] == b""
    assert found.bytes[words.tokens.index("<0x0A>")] == b"\n"
    assert found.bytes[words.tokens.index("▁▁")] == b"  "
    assert all(words.types[token] == BYTE for token in found.encode("\n\u0378"))


@pytest.mark.parametrize(
    ("words", "remark"),
    [
        (of("gpt2"), ""),
        (of("gpt2", pre=""), "does not say how"),
        (of("gpt2", pre="brand-new"), "'brand-new' to cut text is not known"),
        (of("llama"), ""),
        (of("llama", scores=()), "the same score"),
        (of("llama", joined=True), "reach across spaces"),
    ],
)
def test_what_is_remarked(words: Vocabulary, remark: str) -> None:
    """One sentence where a model will do worse than it could, none where all is well; it is converted in any case."""
    assert (
        (remark in " ".join(tokenizer_file.remarks(words))) if remark else not tokenizer_file.remarks(words)
    )
    assert json.loads(tokenizer_file.convert(words))["model"]["type"] == "BPE"


def test_a_tokenizer_that_takes_a_special_token_for_text_is_refused(tmp_path: Path) -> None:
    """A tokenizer.json of somebody else's making: the user's text could end its own prompt."""
    words = with_type(vocabulary_like(("<end>", "<fim_prefix>")), "<fim_prefix>", USER_DEFINED)
    path = tmp_path / "tokenizer.json"
    path.write_bytes(tokenizer_file.convert(words))
    with pytest.raises(ModelError, match="finds '<fim_prefix>' in ordinary text"):
        Tokenizer(path, {"<fim_prefix>": len(words.tokens) - 1})
