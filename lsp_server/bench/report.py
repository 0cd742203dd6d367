"""A run's report: what was measured, on what, with which outcome. Knows its JSON; knows no terminal and no picture."""

import math
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import msgspec

import lsp_server
from lsp_server.base.errors import OffhandError
from lsp_server.bench.figures import Figures
from lsp_server.completion.session import Session


class Measured(msgspec.Struct, frozen=True):
    """A workspace as it was measured.

    Attributes:
        commit: empty when unknown.
        fingerprint: of its source files, see ``files.fingerprint``.
        files: source files in it.
        files_asked: of these, how many were asked in.
        rest, whole, blocks: places of each kind.
    """

    name: str
    commit: str
    fingerprint: str
    files: int
    files_asked: int
    rest: int
    whole: int
    blocks: int = 0


class Product(msgspec.Struct, frozen=True):
    """What was measured: the version of Offhand, the model and its file, the engine, settings that change answers."""

    version: str
    model: str
    sha256: str
    engine: str
    multiline: str


class Report(msgspec.Struct, frozen=True):
    """A run of ``offhand bench lines``.

    Attributes:
        seed: of the sample.
        number: random cursors asked for in each workspace.
    """

    product: Product
    seed: int
    number: int
    workspaces: tuple[Measured, ...]
    figures: Figures


def product(session: Session) -> Product:
    """What a session with a loaded model is."""
    model, worker = session.model, session.worker
    loaded = worker.loaded if worker else None
    return Product(
        version=lsp_server.__version__,
        model=f"{model.manifest.name} ({model.manifest.version})" if model else "",
        sha256=model.manifest.model.sha256 if model else "",
        engine=loaded.engine if loaded else "",
        multiline=session.config.multiline,
    )


def to_json(report: Report, *, kept: bool = False) -> bytes:
    """The report as indented JSON. The same figures make the same bytes.

    Args:
        kept: for a file that is kept in git: without times, which differ from run to run, and without the many points
            of the curve.
    """
    return plain_json(report, ("speed", "curve") if kept else ())


def plain_json(value: msgspec.Struct, without: Collection[str] = ()) -> bytes:
    """Any report as indented JSON, numbers with at most four digits behind the point.

    Args:
        without: fields that are left out wherever they stand.
    """
    plain = _rounded(msgspec.to_builtins(value), without)
    return msgspec.json.format(msgspec.json.encode(plain), indent=2) + b"\n"


def check_kept(path: Path, workspaces: Iterable[Measured]) -> None:
    """Make sure that a kept result is replaced by one of the same source files.

    Raises:
        OffhandError: a workspace has the name and commit that it has there, and other files; or the result that is
            there cannot be read.
    """
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=_Kept).workspaces
    except FileNotFoundError:
        return
    except (OSError, msgspec.DecodeError) as error:
        raise OffhandError(f"{path} is no kept result: {error}. Name another file.") from error
    known = {(place.name, place.commit): place.fingerprint for place in kept if place.commit}
    for place in workspaces:
        if known.get((place.name, place.commit), place.fingerprint) != place.fingerprint:
            raise OffhandError(
                f"The source files of {place.name} are not those of {place.commit} that {path} was measured on. "
                "Check the commit, or remove the file if other files are meant to be measured."
            )


class _Kept(msgspec.Struct):
    workspaces: tuple[Measured, ...]


def write(path: Path, data: bytes) -> None:
    """Write a result, folders included.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _rounded(value: Any, without: Collection[str]) -> Any:
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _rounded(inner, without) for name, inner in value.items() if name not in without}
    return [_rounded(inner, without) for inner in value] if isinstance(value, list | tuple) else value
