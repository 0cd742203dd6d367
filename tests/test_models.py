"""The model store: what it lists, and what it refuses."""

import shutil
from pathlib import Path

import msgspec
import pytest

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
    assert [model.manifest.name for model in models] == ["bundled", "small"]
    assert len(problems) == 1
    assert complaint in problems[0]


def test_a_taken_name_is_reported(users: Path) -> None:
    """A user's folder cannot take the place of the shipped model without a word."""
    copy_of_bundled(users / "impostor", name="bundled")
    models, problems = store.installed()
    assert [model.shipped for model in models] == [True, True]
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
