"""A run directory: what was done, with what, and where it lies. Does not know what a stage does."""

import hashlib
import importlib.metadata
import platform
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

import lsp_server
from lsp_server.base.errors import TrainingError

_STATE = "run.json"
_RECIPE = "recipe.toml"

#: What the outcome may depend on beside the recipe; what is not installed is left out.
_DISTRIBUTIONS = ("torch", "numpy", "tokenizers", "gguf", "ctransformers")


class State(msgspec.Struct):
    """What ``run.json`` holds.

    Attributes:
        stamps: of each stage that is done, a hash of what it was done with.
        versions: of the programs.
        machine: processor and system.
    """

    stamps: dict[str, str] = {}
    versions: dict[str, str] = {}
    machine: str = ""


class Run:
    """One run directory, made if it is not there yet.

    Attributes:
        directory: where all of it lies.
        slice_s: seconds that ``fit`` may take in this call; 0: as long as the recipe says.
    """

    def __init__(self, directory: Path, recipe: Path, slice_s: float = 0) -> None:
        """Open it, and keep a copy of the recipe in it.

        Raises:
            TrainingError: it cannot be written, or its state cannot be read.
        """
        self.directory, self.slice_s = directory, slice_s
        kept = directory / _RECIPE
        try:
            directory.mkdir(parents=True, exist_ok=True)
            if recipe.resolve() != kept.resolve():
                shutil.copyfile(recipe, kept)
        except OSError as error:
            raise TrainingError(
                f"Run directory {directory} cannot be used: {error.strerror or error}."
            ) from error
        self._state = self._read()

    def path(self, name: str) -> Path:
        """A file or folder of the run, by its name with ``/``; the folder that it lies in is made."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def done(self, stage: str, stamp: str) -> bool:
        """Whether a stage was completed with the same recipe, on the same outcome of the stages before it."""
        return self._state.stamps.get(stage) == stamp

    def finish(self, stage: str, stamp: str) -> None:
        """Note that a stage is complete."""
        self._state.stamps[stage] = stamp
        self._state.machine = f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}"
        self._state.versions = _versions()
        data = msgspec.json.format(msgspec.json.encode(self._state), indent=2)
        partial = self.path(_STATE + ".new")
        partial.write_bytes(data + b"\n")
        partial.replace(self.path(_STATE))

    def _read(self) -> State:
        path = self.directory / _STATE
        try:
            return msgspec.json.decode(path.read_bytes(), type=State)
        except FileNotFoundError:
            return State()
        except (OSError, msgspec.DecodeError) as error:
            raise TrainingError(f"{path} cannot be read: {error}. Remove it to begin anew.") from error


def stamp(before: str, stage: str, recipes: Sequence[Any]) -> str:
    """What a stage is done with, as sixteen hexadecimal digits.

    Args:
        before: the stamp of the stage before.
        recipes: the parts of the recipe that decide it.
    """
    parts = [before, stage, *(msgspec.json.encode(recipe).decode() for recipe in recipes)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _versions() -> dict[str, str]:
    found = {"offhand": lsp_server.__version__}
    for name in _DISTRIBUTIONS:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
