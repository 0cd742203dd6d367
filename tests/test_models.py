"""The model store: what it lists, what it refuses, and that a hostile file costs nothing but a message."""

import re
import shutil
import struct
import tracemalloc
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lsp_server.base.errors import ModelError
from lsp_server.models import gguf, manifest, store
from lsp_server.models.store import Model

#: Size of the shipped model's file.
BYTES = store.find("bundled").manifest.model.bytes


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFHAND_HOME", str(tmp_path / "home"))


@pytest.fixture
def users(tmp_path: Path) -> Path:
    folder = tmp_path / "home" / "data" / "models"
    folder.mkdir(parents=True)
    return folder


def copy_of_bundled(folder: Path, name: str = "mine") -> Model:
    shipped = store.find("bundled")
    shutil.copytree(shipped.folder, folder)
    data = msgspec.json.decode((folder / manifest.FILE).read_bytes())
    (folder / manifest.FILE).write_bytes(msgspec.json.encode({**data, "name": name}))
    return Model(manifest.read(folder / manifest.FILE), folder)


def test_the_shipped_model_is_whole() -> None:
    """What ships passes every check that a user's model has to pass, and says what the code needs to know."""
    model = store.find("bundled")
    store.verify(model)
    assert model.shipped
    assert model.manifest.template == "offhand"
    assert set(model.manifest.end_tokens) <= model.manifest.special_tokens.keys()
    assert gguf.read(model.model_file).metadata["llama.context_length"] == model.manifest.context_length


def test_the_users_models_are_found(users: Path) -> None:
    """A folder with a manifest in the user's data directory is a model like any other."""
    copy_of_bundled(users / "anything")
    assert store.find("mine").folder == users / "anything"
    assert not store.find("mine").shipped


def test_an_unknown_name_lists_the_known() -> None:
    """A typing error in the settings is answered with what one could have meant."""
    with pytest.raises(ModelError, match=r"no model 'bundeld'. Installed: bundled"):
        store.find("bundeld")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"{", "cannot be used"),
        (b"[]", "cannot be used"),
        (b"\xff\xfe", "cannot be used"),
        (b"[" * 100_000, "cannot be used"),
        (b" " * (1 << 21), "larger than"),
    ],
)
def test_a_broken_manifest_hides_no_other_model(users: Path, content: bytes, complaint: str) -> None:
    """One bad folder costs a sentence, not the store."""
    (users / "bad").mkdir()
    (users / "bad" / manifest.FILE).write_bytes(content)
    models, problems = store.installed()
    assert [model.manifest.name for model in models] == ["bundled"]
    assert len(problems) == 1
    assert complaint in problems[0]


def test_a_taken_name_is_reported(users: Path) -> None:
    """A user's folder cannot take the place of the shipped model without a word."""
    copy_of_bundled(users / "impostor", name="bundled")
    models, problems = store.installed()
    assert [model.shipped for model in models] == [True]
    assert "'bundled' already belongs to" in problems[0]


@pytest.mark.parametrize(
    "change",
    [
        {"name": "../mine"},
        {"end_tokens": ["<|absent|>"]},
        {"context_length": 0},
        {"model": {"name": "../../etc/passwd", "bytes": 1, "sha256": "0" * 64}},
        {"model": {"name": "model.gguf", "bytes": 1, "sha256": "short"}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_manifest_cannot_point_elsewhere_or_contradict_itself(
    users: Path, change: dict[str, object]
) -> None:
    """Names are plain file names, hashes are hashes, end tokens exist."""
    folder = users / "mine"
    copy_of_bundled(folder)
    data = msgspec.json.decode((folder / manifest.FILE).read_bytes())
    (folder / manifest.FILE).write_bytes(msgspec.json.encode({**data, **change}))
    with pytest.raises(ModelError, match="Correct it or remove the folder"):
        manifest.read(folder / manifest.FILE)


def damage_missing(path: Path) -> None:
    path.unlink()


def damage_truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-4096])


def damage_longer(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def damage_flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (damage_missing, "is missing"),
        (damage_truncated, f"is truncated: {BYTES - 4096} of {BYTES} bytes"),
        (damage_longer, f"instead of {BYTES}"),
        (damage_flipped, "sha256 differs"),
    ],
)
def test_a_damaged_file_is_named_with_a_remedy(users: Path, damage: object, complaint: str) -> None:
    """Each kind of damage has its own sentence: the file, the fault, what to do."""
    model = copy_of_bundled(users / "mine")
    assert callable(damage)
    damage(model.model_file)
    with pytest.raises(ModelError, match=complaint) as caught:
        store.verify(model)
    assert str(model.model_file) in str(caught.value)
    assert "Copy the model again" in str(caught.value)


def string(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


def number(key: str, value: int) -> bytes:
    return string(key) + struct.pack("<II", 4, value)


KEYS = (
    string("general.architecture") + struct.pack("<I", 8) + string("llama"),
    *(
        number(f"llama.{key}", 64)
        for key in ("context_length", "embedding_length", "feed_forward_length", "block_count")
    ),
    number("llama.attention.head_count", 4),
    string("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 2) + string("a") + string("b"),
    string("tokenizer.ggml.scores") + struct.pack("<IIQff", 9, 6, 2, 0.0, 0.0),
)


def tensor(
    name: str = "token_embd.weight", dimensions: tuple[int, ...] = (32, 2), kind: int = 1, offset: int = 0
) -> bytes:
    return (
        string(name)
        + struct.pack("<I", len(dimensions))
        + b"".join(struct.pack("<Q", size) for size in dimensions)
        + struct.pack("<IQ", kind, offset)
    )


def file(
    keys: tuple[bytes, ...] = KEYS,
    tensors: tuple[bytes, ...] = (tensor(),),
    *,
    magic: bytes = b"GGUF",
    version: int = 3,
    key_count: int | None = None,
    tensor_count: int | None = None,
    data: int = 128,
) -> bytes:
    head = struct.pack(
        "<4sIQQ",
        magic,
        version,
        len(tensors) if tensor_count is None else tensor_count,
        len(keys) if key_count is None else key_count,
    )
    header = head + b"".join(keys) + b"".join(tensors)
    return header + bytes(-len(header) % 32) + bytes(data)


def test_a_small_file_is_read(tmp_path: Path) -> None:
    """The smallest sound file: its shape comes out as it went in."""
    path = tmp_path / "small.gguf"
    path.write_bytes(file())
    header = gguf.read(path)
    assert header.version == 3
    assert header.architecture == "llama"
    assert header.parameters == 64
    assert header.metadata["tokenizer.ggml.tokens"] == gguf.Array(type=8, count=2)
    assert header.tensors == (gguf.Tensor("token_embd.weight", (32, 2), 1, 0, 128),)


HUGE = 1 << 62
BAD = {
    "empty": (b"", "ends inside its header"),
    "magic only": (b"GGUF", "ends inside its header"),
    "other magic": (file(magic=b"GGML"), "does not begin with"),
    "version 1": (file(version=1), "format version is 1"),
    "version 99": (file(version=99), "format version is 99"),
    "big-endian": (file(version=3 << 24), "format version"),
    "many keys": (file(key_count=HUGE), "metadata keys"),
    "many tensors": (file(tensor_count=HUGE), "tensors"),
    "more keys than there are": (file(key_count=len(KEYS) + 1), "."),
    "no tensors": (file(tensors=()), "no tensors"),
    "same tensor twice": (file(tensors=(tensor(), tensor())), "same name"),
    "same key twice": (file((*KEYS, KEYS[0])), "twice"),
    "no architecture": (file(KEYS[1:]), "architecture"),
    "no tokens": (file(KEYS[:-2]), "no list of tokens"),
    "no heads": (file((*KEYS[:5], number("llama.attention.head_count", 0), *KEYS[6:])), "head_count"),
    "huge string": (file((struct.pack("<Q", HUGE) + b"x",)), "bytes"),
    "huge value": (file((string("k") + struct.pack("<IQ", 8, HUGE),)), "bytes"),
    "huge array": (file((string("k") + struct.pack("<IIQ", 9, 12, HUGE),)), "beyond its end"),
    "huge array of strings": (file((string("k") + struct.pack("<IIQ", 9, 8, HUGE),)), "beyond its end"),
    "array of arrays": (file((string("k") + struct.pack("<IIQ", 9, 9, 1),)), "array of the type"),
    "unknown value": (file((string("k") + struct.pack("<I", 13),)), "unknown type"),
    "not UTF-8": (file((struct.pack("<Q", 1) + b"\xff",)), "not UTF-8"),
    "alignment 0": (file((*KEYS, number("general.alignment", 0))), "alignment"),
    "alignment 24": (file((*KEYS, number("general.alignment", 24))), "alignment"),
    "1000 dimensions": (file(tensors=(tensor(dimensions=(1,) * 1000),)), "1000 dimensions"),
    "no dimensions": (file(tensors=(tensor(dimensions=()),)), "0 dimensions"),
    "empty dimension": (file(tensors=(tensor(dimensions=(32, 0)),)), "senseless dimensions"),
    "huge dimensions": (file(tensors=(tensor(dimensions=(HUGE, HUGE)),)), "senseless dimensions"),
    "half a block": (file(tensors=(tensor(dimensions=(31, 2), kind=8),)), "senseless dimensions"),
    "unknown tensor type": (file(tensors=(tensor(kind=4),)), "unknown type 4"),
    "huge offset": (file(tensors=(tensor(offset=HUGE),)), "beyond the end"),
    "not aligned": (file(tensors=(tensor(offset=1),)), "not aligned"),
    "data truncated": (file(data=127), "beyond the end"),
}


@pytest.mark.parametrize("name", BAD)
def test_an_unsound_header_is_refused(tmp_path: Path, name: str) -> None:
    """Each lie that a header can tell is found before native code would believe it."""
    content, complaint = BAD[name]
    path = tmp_path / "bad.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=re.escape(complaint)):
        gguf.read(path)


def test_an_absent_file_is_a_model_error(tmp_path: Path) -> None:
    """No other exception comes out, not even for what is no file."""
    for path in (tmp_path / "absent.gguf", tmp_path):
        with pytest.raises(ModelError, match="cannot be read"):
            gguf.read(path)


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    return tmp_path / "fuzzed.gguf"


SOUND = file()


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    place=st.integers(0, len(SOUND) - 1),
    junk=st.one_of(
        st.binary(min_size=1, max_size=9), st.sampled_from([b"\xff" * 8, b"\x7f" + b"\xff" * 7, bytes(8)])
    ),
    length=st.integers(0, len(SOUND)),
)
def test_a_mutated_header_is_read_or_refused(scratch: Path, place: int, junk: bytes, length: int) -> None:
    """Whatever bytes change or go missing, the answer is a header or a ModelError, and memory stays small."""
    data = bytearray(SOUND)
    data[place : place + len(junk)] = junk
    scratch.write_bytes(data[:length])
    tracemalloc.start()
    try:
        gguf.read(scratch)
    except ModelError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 4_000_000


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(junk=st.binary(max_size=200))
def test_random_bytes_are_read_or_refused(scratch: Path, junk: bytes) -> None:
    """The same for bytes that never were a model."""
    scratch.write_bytes(b"GGUF\x03\0\0\0" + junk)
    with pytest.raises(ModelError):
        gguf.read(scratch)
