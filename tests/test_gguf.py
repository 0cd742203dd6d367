"""A hostile or unsuitable model file costs nothing but a sentence: no crash, no wait, no memory."""

import re
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import gguf_files as made
import pytest
from gguf_files import entry, file, keys, listed, shapes, tensor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lsp_server.base.errors import ModelError
from lsp_server.models import gguf

HUGE = 1 << 62
SOUND = made.tiny()
TENSORS, SIZES = listed(shapes())
DATA = bytes(sum(SIZES))


def with_keys(**changes: Any) -> bytes:
    """The tiny model with other metadata; ``__`` stands for a dot."""
    dotted = {name.replace("__", "."): value for name, value in changes.items()}
    return file(list(keys(dotted).values()), TENSORS, data=DATA)


def with_raw(*raw: bytes) -> bytes:
    """Something that is no proper entry, in front of all others."""
    return file([*raw, *keys().values()], TENSORS, data=DATA)


def with_tensor(*entries: bytes, data: bytes = DATA) -> bytes:
    """Other tensors in place of the first."""
    return file(list(keys().values()), [*entries, *TENSORS[1:]], data=data)


def llama(name: str, value: Any) -> bytes:
    return with_keys(**{f"llama__{name.replace('.', '__')}": value})


HOSTILE = {
    "empty": (b"", "ends inside its header"),
    "magic only": (b"GGUF", "ends inside its header"),
    "header cut": (SOUND[:100], "ends inside its header"),
    "other magic": (file([], [], magic=b"GGML"), "does not begin with"),
    "version 1": (file([], [], version=1), "which no engine reads any more. Use a newer conversion"),
    "version 99": (file([], [], version=99), "format version is 99"),
    "many keys": (file([], [], key_count=HUGE), "metadata keys"),
    "many tensors": (file([], [], tensor_count=HUGE), "tensors"),
    "more keys than there are": (
        file(list(keys().values()), TENSORS, key_count=200, data=DATA),
        "cannot be used as a model",
    ),
    "same key twice": (with_raw(entry("general.name", "x")), "twice"),
    "key that moves the cursor": (with_raw(entry("\033[2J", 1), entry("\033[2J", 1)), "key '?[2J' stands there twice"),
    "empty key": (with_raw(entry("", "x")), "key is empty"),
    "key not UTF-8": (with_raw(struct.pack("<Q", 1) + b"\xff"), "not UTF-8"),
    "huge key": (with_raw(struct.pack("<Q", HUGE) + b"x"), "bytes"),
    "huge text": (with_raw(made.text("k") + struct.pack("<IQ", 8, HUGE)), "beyond its end"),
    "huge array": (with_raw(made.text("k") + struct.pack("<IIQ", 9, 12, HUGE)), "beyond its end"),
    "array that wraps around": (with_raw(made.text("k") + struct.pack("<IIQ", 9, 4, 1 << 62)), "beyond its end"),
    "huge array of texts": (with_raw(made.text("k") + struct.pack("<IIQ", 9, 8, HUGE)), "beyond its end"),
    "huge text in an array": (with_raw(made.text("k") + struct.pack("<IIQQ", 9, 8, 1, HUGE)), "beyond its end"),
    "array of arrays": (with_raw(made.text("k") + struct.pack("<IIQ", 9, 9, 1)), "array of the type 9"),
    "unknown value": (with_raw(made.text("k") + struct.pack("<I", 13)), "unknown type 13"),
    "no architecture": (with_keys(general__architecture=None), "does not name its architecture"),
    "architecture a number": (with_keys(general__architecture=7), "does not name its architecture"),
    "no heads": (llama("attention.head_count", 0), "head_count' is missing or senseless"),
    "negative heads": (llama("attention.head_count", entry("llama.attention.head_count", -4, made.I32)), "head_count"),
    "heads that do not divide": (llama("attention.head_count", 7), "7 attention heads cannot share"),
    "no keys to share": (llama("attention.head_count_kv", 0), "cannot share 0 keys"),
    "no layers": (llama("block_count", 0), "block_count"),
    "many layers": (llama("block_count", 100_000), "block_count"),
    "more heads than there are weights for": (
        with_keys(llama__attention__head_count=8, llama__attention__key_length=16), "attn_q.weight' is of (64, 64)"
    ),
    "turned in part": (llama("rope.dimension_count", 0), "a head has 16 numbers"),
    "keys and values of other lengths": (
        with_keys(llama__attention__key_length=16, llama__attention__value_length=8), "values of 8"
    ),
    "turned beyond the head": (llama("rope.dimension_count", 4096), "a head has 16 numbers"),
    "epsilon not a number": (llama("attention.layer_norm_rms_epsilon", float("nan")), "epsilon' is senseless"),
    "more experts used than there are": (
        with_keys(llama__expert_count=2, llama__expert_used_count=8),
        "uses 8 experts of 2",
    ),
    "no tokens": (with_keys(tokenizer__ggml__tokens=None), "no list of tokens"),
    "same token twice": (with_keys(tokenizer__ggml__tokens=("a", "b", "a")), "the token 'a' stands there twice"),
    "same token behind a zero byte": (
        with_keys(tokenizer__ggml__tokens=("a", "b", "a\0c")), "the token 'a' stands there twice"
    ),
    "few scores": (
        with_keys(tokenizer__ggml__scores=entry("tokenizer.ggml.scores", (0.0,), made.F32)),
        "scores' does not fit",
    ),
    "scores of another type": (
        with_keys(tokenizer__ggml__scores=entry("tokenizer.ggml.scores", (0,) * 271, made.U8)),
        "scores' does not fit",
    ),
    "few token types": (
        with_keys(tokenizer__ggml__token_type=entry("tokenizer.ggml.token_type", (1,), made.I32)),
        "token_type' does not fit",
    ),
    "merges that are numbers": (
        with_keys(tokenizer__ggml__merges=entry("tokenizer.ggml.merges", (1,), made.U32)),
        "merges' is no list of texts",
    ),
    "vocabulary of another size": (with_keys(tokenizer__ggml__tokens=("a",), tokenizer__ggml__scores=None,
        tokenizer__ggml__token_type=None), "its metadata says (64, 1)"),
    "alignment 0": (with_keys(general__alignment=0), "alignment"),
    "alignment 24": (with_keys(general__alignment=24), "alignment"),
    "no embedding": (file(list(keys().values()), [], data=DATA), "vocabulary only"),
    "same tensor twice": (with_tensor(TENSORS[0], TENSORS[0]), "same name"),
    "long tensor name": (with_tensor(tensor("x" * 64)), "a name of 64 bytes"),
    "1000 dimensions": (with_tensor(tensor(dimensions=(1,) * 1000)), "1000 dimensions"),
    "no dimensions": (with_tensor(tensor(dimensions=())), "0 dimensions"),
    "empty dimension": (with_tensor(tensor(dimensions=(32, 0))), "senseless dimensions"),
    "huge dimensions": (with_tensor(tensor(dimensions=(HUGE, HUGE))), "senseless dimensions"),
    "dimensions that wrap around": (with_tensor(tensor(dimensions=(1 << 32, 1 << 32))), "senseless dimensions"),
    "half a block": (with_tensor(tensor(dimensions=(31, 2), kind=8)), "senseless dimensions"),
    "dropped tensor type": (with_tensor(tensor(kind=31)), "type 31, which llama.cpp dropped. Use another quantis"),
    "norm that is quantised": (with_tensor(tensor(dimensions=(64,), kind=2)), "is a row of numbers, but not stored"),
    "tensor of integers": (with_tensor(tensor(kind=26)), "type 26, which holds no weights"),
    "unknown tensor type": (with_tensor(tensor(kind=9999)), "unknown type 9999; it may be newer"),
    "huge offset": (with_tensor(tensor(offset=HUGE)), "beyond the end"),
    "not aligned": (with_tensor(tensor(offset=1)), "not aligned"),
    "tensors that overlap": (
        with_tensor(TENSORS[0], tensor("one", (32,), 0, 0), data=DATA + bytes(128)),
        "'one' overlaps another one",
    ),
    "half the data": (SOUND[: len(SOUND) // 2], "is truncated, it lacks at least"),
    "last bytes missing": (SOUND[:-4096], "is truncated, it lacks at least"),
    "other architecture": (with_keys(general__architecture="falcon"), "'falcon.context_length' is missing"),
}  # fmt: skip

UNSUITABLE = {
    "Git LFS pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "'git lfs pull' fetches that",
    ),
    "web page": (b"<!DOCTYPE html><html>", "web page"),
    "safetensors": (struct.pack("<Q", 99) + b'{"__metadata__":{}}', "safetensors"),
    "PyTorch": (b"PK\x03\x04" + bytes(60), "PyTorch"),
    "before GGUF": (b"tjgg" + bytes(60), "before GGUF"),
    "big-endian": (struct.pack(">4sIQQ", b"GGUF", 3, 1, 1), "big-endian machines. Use the ordinary file"),
    "first part": (
        with_keys(split__count=entry("split.count", 3, 2)),
        "one of 3 parts of a model. Join them: llama-",
    ),
    "later part": (file([entry("split.no", 1, 2), entry("split.count", 3, 2)], TENSORS), "Join them"),
    "LoRA": (with_keys(general__type="adapter", adapter__type="lora"), "LoRA adapter"),
    "projector": (
        with_keys(general__type="mmproj", general__architecture="clip"),
        "sees images or hears sound",
    ),
    "old projector": (file([entry("general.architecture", "clip")], TENSORS), "sees images or hears sound"),
    "importance matrix": (with_keys(general__type="imatrix"), "of the kind 'imatrix'"),
    "encoder": (with_keys(general__architecture="bert"), "compares texts (an encoder). Take a text model"),
    "speech": (with_keys(general__architecture="whisper"), "model of speech"),
    "images": (with_keys(general__architecture="flux"), "model of images"),
    "embeddings": (with_keys(llama__pooling_type=3), "an embedding or ranking model"),
    "not causal": (with_keys(llama__attention__causal=False), "an embedding or ranking model"),
    "diffusion": (with_keys(general__architecture="llada"), "not write from left to right"),
    "recurrent": (with_keys(general__architecture="mamba2"), "each key would cost the whole prompt"),
    "vocabulary only": (
        file(list(keys().values()), []),
        "vocabulary only: it has no tensors. Use the file with",
    ),
}
BAD = HOSTILE | UNSUITABLE


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused(tmp_path: Path, name: str) -> None:
    """Each lie that a header can tell is found before native code would believe it; each has its own sentence."""
    content, complaint = BAD[name]
    path = tmp_path / "bad.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=re.escape(complaint)) as caught:
        gguf.read(path)
    assert str(caught.value).startswith(str(path))
    assert str(caught.value).endswith(".")


def test_a_small_file_is_read(tmp_path: Path) -> None:
    """The smallest sound model: its shape comes out as it went in."""
    path = tmp_path / "small.gguf"
    path.write_bytes(SOUND)
    header = gguf.read(path)
    assert header.version == 3
    assert header.architecture == "llama"
    assert header.parameters == 108_736
    assert header.metadata["tokenizer.ggml.tokens"] == gguf.Array(type=8, count=271)
    assert header.tensors[0] == gguf.Tensor("token_embd.weight", (64, 271), 8, 0, 64 * 271 // 32 * 34)


def test_what_is_no_file_is_a_model_error(tmp_path: Path) -> None:
    """No other exception comes out, and nothing waits for what a pipe may say."""
    with pytest.raises(ModelError, match="cannot be read: No such file"):
        gguf.read(tmp_path / "absent.gguf")
    with pytest.raises(ModelError, match="is not a file"):
        gguf.read(tmp_path)


LEGITIMATE = {
    "version 2": file(list(keys().values()), TENSORS, version=2, data=DATA),
    "a value for each layer": with_keys(
        llama__attention__head_count=entry("llama.attention.head_count", (4, 4), made.U32),
        llama__attention__head_count_kv=entry("llama.attention.head_count_kv", (2, 0), made.I32),
        llama__feed_forward_length=entry("llama.feed_forward_length", (128, 0), made.I32),
    ),
    "experts": with_keys(llama__expert_count=64, llama__expert_used_count=8, llama__feed_forward_length=None,
        llama__expert_feed_forward_length=32),
    "wide alignment": file(
        list(keys({"general.alignment": 128}).values()), listed(shapes(), 128)[0], alignment=128,
        data=bytes(sum(listed(shapes(), 128)[1])),
    ),
    "name not UTF-8": with_keys(general__name=entry("general.name", b"caf\xe9")),
    "a megabyte of template": with_keys(tokenizer__chat_template="x" * 1_000_000),
    "bytes behind the last tensor": SOUND + bytes(1000),
}  # fmt: skip


@pytest.mark.parametrize("name", LEGITIMATE)
def test_a_sound_file_is_accepted(tmp_path: Path, name: str) -> None:
    """Strictness does not cost models that are in use."""
    path = tmp_path / "sound.gguf"
    path.write_bytes(LEGITIMATE[name])
    assert gguf.read(path).parameters == 108_736


@pytest.mark.parametrize("kind", [made.Q4_0_TENSOR, *made.NEWER])
def test_newer_tensor_types_are_known(tmp_path: Path, kind: int) -> None:
    """The sizes of types that came after most tables were written; a wrong one would be a gap or an overlap."""
    tensors = {name: (size, kind if len(size) > 1 else 0) for name, (size, _) in shapes(width=256).items()}
    entries, sizes = listed(tensors)
    path = tmp_path / "sound.gguf"
    path.write_bytes(file(list(keys(width=256).values()), entries, data=bytes(sum(sizes))))
    assert {tensor.type for tensor in gguf.read(path).tensors} == {kind, 0}


def test_a_large_vocabulary_is_accepted(tmp_path: Path) -> None:
    """256,000 tokens and as many merges, as today's multilingual models have them."""
    count = 256_000
    names = (made.text(f"token-{id}") for id in range(count))
    tokens = made.text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, count) + b"".join(names)
    merges = made.text("tokenizer.ggml.merges") + struct.pack("<IIQ", 9, 8, count) + made.text("a b") * count
    changes = {
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.merges": merges,
        "tokenizer.ggml.scores": None,
        "tokenizer.ggml.token_type": None,
    }
    entries, sizes = listed(shapes(vocabulary_size=count))
    path = tmp_path / "large.gguf"
    path.write_bytes(file(list(keys(changes).values()), entries))
    with path.open("r+b") as grown:  # the data are a hole
        grown.truncate(path.stat().st_size + sum(sizes))
    assert gguf.read(path).metadata["tokenizer.ggml.merges"] == gguf.Array(8, count)


def measured(path: Path) -> tuple[gguf.Header | None, int]:
    """The header, ``None`` if it was refused, and the bytes that reading took at most."""
    tracemalloc.start()
    try:
        return gguf.read(path), tracemalloc.get_traced_memory()[1]
    except ModelError:
        return None, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    return tmp_path / "fuzzed.gguf"


#: Where the tensors' data begin.
HEADER = len(SOUND) - len(DATA)
EDGES = [
    b"\xff" * 8,
    b"\x7f" + b"\xff" * 7,
    bytes(8),
    struct.pack("<Q", 1 << 63),
    b"\xff" * 4,
    bytes(4),
    b"\x01",
]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    place=st.integers(0, HEADER - 1),
    junk=st.one_of(st.binary(min_size=1, max_size=9), st.sampled_from(EDGES)),
    length=st.one_of(st.just(len(SOUND)), st.integers(0, len(SOUND))),
)
def test_a_mutated_header_is_read_or_refused(scratch: Path, place: int, junk: bytes, length: int) -> None:
    """Whatever bytes change or go missing, the answer is a header or a ModelError, and memory stays small."""
    data = bytearray(SOUND)
    data[place : place + len(junk)] = junk
    scratch.write_bytes(data[:length])
    assert measured(scratch)[1] < 4_000_000


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(junk=st.binary(max_size=200))
def test_random_bytes_are_refused(scratch: Path, junk: bytes) -> None:
    """The same for bytes that never were a model."""
    scratch.write_bytes(b"GGUF\x03\0\0\0" + junk)
    assert measured(scratch)[0] is None
