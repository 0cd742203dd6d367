"""The models at hand: those that ship with Offhand, and the user's own. Reads, checks and removes; loads none."""

import shutil
from pathlib import Path

import msgspec

from lsp_server.base import digest
from lsp_server.base.errors import ModelError, OffhandError
from lsp_server.base.paths import data_dir
from lsp_server.base.resources import directory
from lsp_server.models import gguf, probe
from lsp_server.models.manifest import FILE, File, Manifest, read
from lsp_server.models.probe import Probe

#: The model that is there in any case.
BUNDLED = "bundled"


class Model(msgspec.Struct, frozen=True):
    """A model in the store.

    Attributes:
        folder: holds the manifest and the files that it names.
        shipped: came with Offhand.
        probe: what was measured of it on this machine, if anything was.
    """

    manifest: Manifest
    folder: Path
    shipped: bool = False
    probe: Probe | None = None

    @property
    def model_file(self) -> Path:
        """The GGUF file; it may lie elsewhere."""
        return Path(self.manifest.link) if self.manifest.link else self.folder / self.manifest.model.name

    @property
    def probe_file(self) -> Path:
        """Where is kept what was measured of it. What ships is read-only."""
        if self.shipped:
            return data_dir() / "probes" / f"{self.manifest.model.sha256}.json"
        return self.folder / probe.FILE

    @property
    def tokenizer_file(self) -> Path:
        """The ``tokenizer.json``."""
        return self.folder / self.manifest.tokenizer.name

    @property
    def mixture_file(self) -> Path | None:
        """How the memory is mixed into the model's distribution, where that was learnt for it."""
        return self._numbers("mixture.json")

    @property
    def gate_file(self) -> Path | None:
        """How its text's probabilities tell what is right, where that was learnt for it."""
        return self._numbers("gate.json")

    def _numbers(self, name: str) -> Path | None:
        path = self.folder / name
        return path if path.is_file() else None


def installed() -> tuple[tuple[Model, ...], tuple[str, ...]]:
    """Look through the store.

    Returns:
        the models, shipped ones first; and one sentence for each folder that holds none that can be used.
    """
    models: dict[str, Model] = {}
    problems: list[str] = []
    for folder, shipped in _folders(problems):
        try:
            model = _measured(Model(read(folder / FILE), folder, shipped))
        except ModelError as error:
            problems.append(str(error))
            continue
        name = model.manifest.name
        if name in models:
            problems.append(
                f"Model folder {folder} is passed over: the name '{name}' already belongs to {models[name].folder}. "
                "Change the name in its manifest."
            )
            continue
        models[name] = model
    return tuple(models.values()), tuple(problems)


def _measured(model: Model) -> Model:
    """With what was measured of it. The prompt of a model that ships is not cut by that: it is small, and was made for
    its length."""
    found = probe.read(model.probe_file)
    if found is None or model.shipped:
        return msgspec.structs.replace(model, probe=found)
    tokens = found.prompt_tokens(model.manifest.prompt_tokens or model.manifest.context_length)
    manifest = msgspec.structs.replace(model.manifest, prompt_tokens=tokens)
    return msgspec.structs.replace(model, probe=found, manifest=manifest)


def users_folder() -> Path:
    """Where the user's models are."""
    return data_dir() / "models"


def _folders(problems: list[str]) -> list[tuple[Path, bool]]:
    found: list[tuple[Path, bool]] = []
    try:
        found += [(folder, True) for folder in _with_manifest(directory("model_cache"))]
    except OffhandError as error:
        problems.append(str(error))
    try:
        found += [(folder, False) for folder in _with_manifest(users_folder())]
    except FileNotFoundError:
        pass  # most users bring no model
    except OSError as error:
        problems.append(f"Your models folder {users_folder()} cannot be read: {error.strerror or error}.")
    return found


def _with_manifest(store: Path) -> list[Path]:
    return sorted(folder for folder in store.iterdir() if (folder / FILE).is_file())


def find(name: str) -> Model:
    """Return the model that the settings call ``name``.

    Raises:
        ModelError: there is none; the text lists those there are, and what is wrong with the others.
    """
    models, problems = installed()
    for model in models:
        if model.manifest.name == name:
            return model
    known = ", ".join(model.manifest.name for model in models) or "none"
    raise ModelError(" ".join((f"There is no model '{name}'. Installed: {known}.", *problems)))


def remove(folder: Path) -> None:
    """Delete the folder of one of the user's models, or of an unfinished copy; a file that was only linked stays.

    Raises:
        ModelError: it lies elsewhere, or cannot be deleted.
    """
    if folder.resolve().parent != users_folder().resolve():
        raise ModelError(f"{folder} is not a folder of your own models, so it is not removed.")
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise ModelError(f"{folder} cannot be removed: {error.strerror or error}.") from error


def unfinished() -> tuple[Path, ...]:
    """Folders in which a copy was begun and not finished."""
    try:
        return tuple(sorted({part.parent for part in users_folder().glob("*/*.part")}))
    except OSError:
        return ()


def at(folder: Path) -> Model:
    """The model in a folder that the user names, wherever it lies, such as one that was just trained.

    To name it is to trust its manifest; its files are checked against that like any other's, see ``verify``.

    Raises:
        ModelError: the folder holds none.
    """
    return Model(read(folder / FILE), folder.resolve())


def verify(model: Model, *, anew: bool = False) -> None:
    """Check that a model's files are what its manifest says, and that its GGUF header holds together.

    Args:
        anew: read large files again although they seem to be unchanged since they were, see ``digest.remembered``.

    Raises:
        ModelError: a file is missing, of the wrong size or with other content, or its header is unsound.
    """
    for file in (model.manifest.model, model.manifest.tokenizer):
        _verify_file(model, file, anew)
    header = gguf.read(model.model_file)
    if header.architecture != model.manifest.architecture:
        raise ModelError(
            f"{model.model_file} is of the architecture '{header.architecture}', its manifest says "
            f"'{model.manifest.architecture}'. {_remedy(model)}"
        )


def _verify_file(model: Model, file: File, anew: bool) -> None:
    path = model.model_file if file is model.manifest.model else model.folder / file.name
    try:
        size = path.stat().st_size
        if size < file.bytes:
            raise ModelError(f"{path} is truncated: {size} of {file.bytes} bytes are there. {_remedy(model)}")
        if size > file.bytes:
            raise ModelError(f"{path} is {size} bytes long instead of {file.bytes}. {_remedy(model)}")
        found = digest.sha256(path) if anew else digest.remembered(path)
    except FileNotFoundError as error:
        raise ModelError(f"{path} is missing. {_remedy(model)}") from error
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read: {error.strerror or error}. Check its permissions."
        ) from error
    if found != file.sha256:
        raise ModelError(
            f"{path} is not the file its manifest describes: the sha256 differs. {_remedy(model)}"
        )


def _remedy(model: Model) -> str:
    if model.shipped:
        return "Install Offhand again."
    name = model.manifest.name
    if model.manifest.link:
        return (
            f"It was linked, not copied: plug in its drive, or 'offhand models remove {name}' and add the file where "
            "it is now."
        )
    if model.manifest.imported:
        return f"'offhand models remove {name}', then add its file again."
    return "Copy the model again, or remove its folder."
