"""What needs not be fetched: the standard library, the packages installed beside it, and folders of one's own."""

import importlib.metadata
import os
import platform
import sysconfig
from collections.abc import Callable, Iterator
from email import message_from_string
from pathlib import Path

from lsp_server.training.corpus.fetch import Wanted, plain
from lsp_server.training.corpus.files import LARGEST, LICENCE_FILE, File, candidate, declared

#: Registries, so to speak.
STANDARD, SITE, FOLDER = "installed", "site-packages", "folder"

#: What stands for the licence of one's own source.
OWN = "own"

_LIBRARY = Path(sysconfig.get_path("stdlib"))


def standard() -> list[Wanted]:
    """The standard library of the Python that runs: a package for each of its folders, one for the rest."""
    folders = [
        f"stdlib.{each.name}"
        for each in sorted(_LIBRARY.iterdir())
        if (each / "__init__.py").is_file() and each.name not in ("site-packages", "dist-packages")
    ]
    return [Wanted(STANDARD, name, platform.python_version()) for name in ["stdlib", *folders]]


def site() -> list[Wanted]:
    """The packages that are installed beside the Python that runs, each of them once."""
    found: dict[str, Wanted] = {}
    for each in importlib.metadata.distributions():
        name = plain(each.metadata["Name"] or "")
        if name:
            found.setdefault(name, Wanted(SITE, name, each.version))
    return [found[name] for name in sorted(found)]


def folder(path: str) -> Wanted:
    """A folder of one's own; its package is called as it is."""
    where = Path(path).resolve()
    return Wanted(FOLDER, where.name, "", str(where))


def _standard(wanted: Wanted, folder: Path) -> Iterator[File]:
    part = wanted.name.partition(".")[2]
    where = _LIBRARY / part
    for base, folders, names in os.walk(where):
        folders[:] = sorted(folders) if part else []
        for name in sorted(names):
            path = Path(base, name)
            if name.endswith(".py") and path.stat().st_size <= LARGEST:
                yield File(path.relative_to(_LIBRARY).as_posix(), "PSF-2.0", path.read_bytes())


def _installed(wanted: Wanted, _folder: Path) -> Iterator[File]:
    distribution = importlib.metadata.distribution(wanted.name)
    here = distribution.files or []
    texts = [
        each.read_text() for each in here if ".dist-info/" in str(each) and LICENCE_FILE.search(str(each))
    ]
    licence = declared(message_from_string(str(distribution.metadata)), texts)
    for each in here:
        path = each.as_posix()
        if ".." in each.parts or ".dist-info/" in path or not candidate(path, each.size or 0):
            continue
        found = Path(str(each.locate()))
        if found.is_file() and found.stat().st_size <= LARGEST:
            yield File(path, licence, found.read_bytes())


def _own(wanted: Wanted, _folder: Path) -> Iterator[File]:
    root = Path(wanted.suite)
    for base, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(base, name)
            inside = path.relative_to(root.parent).as_posix()
            if path.is_file() and not path.is_symlink() and candidate(inside, path.stat().st_size):
                yield File(inside, OWN, path.read_bytes())


READERS: dict[str, Callable[[Wanted, Path], Iterator[File]]] = {
    STANDARD: _standard,
    SITE: _installed,
    FOLDER: _own,
}
