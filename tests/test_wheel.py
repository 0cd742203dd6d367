"""What is shipped: the wheel and the sdist hold the code, every grammar and every model, and nothing else."""

import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from lsp_server.base.errors import ResourceError
from lsp_server.base.resources import directory

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return folder


def tracked(*folders: str) -> set[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--", *folders], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return set(listed.stdout.split())


@pytest.mark.skipif(
    not (ROOT / ".git").exists(), reason="not a git checkout: no list of files to compare with"
)
def test_wheel_holds_exactly_what_is_tracked(built: Path) -> None:
    """Code, grammars and models are in the wheel, at the places where resources look."""
    (wheel,) = built.glob("*.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    code = tracked("lsp_server")
    data = {f"lsp_server/{name}" for name in tracked("grammars", "model_cache")}
    assert code | data == names


def test_wheel_holds_every_file_of_the_bundled_model(built: Path) -> None:
    """A model that .gitignore hides would vanish without a word."""
    (wheel,) = built.glob("*.whl")
    archive = zipfile.ZipFile(wheel)
    manifest = json.loads(archive.read("lsp_server/model_cache/bundled/manifest.json"))
    for kind in ("model", "tokenizer"):
        info = archive.getinfo(f"lsp_server/model_cache/bundled/{manifest[kind]['name']}")
        assert info.file_size == manifest[kind]["bytes"]


def test_sdist_can_be_built_from(built: Path) -> None:
    """The sdist holds what the wheel is made of."""
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "LICENSE", "lsp_server/__init__.py", "grammars/python/language.toml"} <= names
    assert any(name.startswith("model_cache/") and name.endswith(".gguf") for name in names)


def test_resources_are_found_in_this_checkout() -> None:
    """Checkout and editable install find the folders beside the package; a missing one is named."""
    assert (directory("grammars") / "python" / "language.toml").is_file()
    with pytest.raises(ResourceError, match="no_such_folder"):
        directory("no_such_folder")
