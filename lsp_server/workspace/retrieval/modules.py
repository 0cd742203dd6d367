"""Which files the name of an imported module means, by the rules in ``language.toml``.

Goes by the ends of paths: where a project's sources begin is not known, so ``a.b`` is any file ``.../a/b.py``, the one
with most folders in common with the importing file first. Names that begin with dots, ``./`` and the like are taken
relative to the importing file. Does not know what is in a file.
"""

import itertools
import os
import posixpath
import re
from typing import Protocol

from lsp_server.context.languages import Language

#: Files that one name may mean.
_MOST = 8


class Paths(Protocol):
    """What is asked of the index, see ``workspace.index``. Tails have ``/`` between their parts, paths what the system
    has."""

    def paths_ending(self, tail: str) -> list[str]:
        """All whose last parts are these."""

    def folders_ending(self, tail: str) -> list[str]:
        """All folders with files in them whose last parts are these."""


def files(paths: Paths, about: Language, module: str, importer: str) -> list[str]:
    """The files of a module, the likeliest first; a folder, with ``/`` at its end, where the language's modules are
    folders.

    Args:
        module: as the source names it.
        importer: path of the file that names it.
    """
    stem, exact = _stem(about, module, _slashes(importer))
    found: dict[str, None] = {}
    for suffix in about.module_files:
        if suffix == "/":
            folders = _tails(stem, exact)
            some = next((here for tail in folders if (here := paths.folders_ending(tail))), [])
            found.update((f"{folder}/", None) for folder in some)
            continue
        for path in paths.paths_ending((stem + suffix).lstrip("/")):
            whole = not exact or _slashes(path).lstrip("/") == (stem + suffix).lstrip("/")
            if path != importer and whole:
                found[path] = None
    return sorted(found, key=lambda path: -shared(path, importer))[:_MOST]


def _stem(about: Language, module: str, importer: str) -> tuple[str, bool]:
    """The path that a module's file begins with, and whether that is its whole path."""
    folder, separator = posixpath.dirname(importer), about.module_separator
    if separator == ".":
        dots = len(module) - len(module.lstrip("."))
        plain = module[dots:].replace(".", "/")
        if dots:
            for _ in range(dots - 1):
                folder = posixpath.dirname(folder)
            return posixpath.join(folder, plain) if plain else folder, True
        return plain, False
    if separator == "::":
        parts = module.split("::")
        while parts and parts[0] in ("crate", "self", "super"):
            parts.pop(0)
        return "/".join(parts), False
    plain = module.replace(separator, "/")
    if plain.startswith(("./", "../")) or plain in (".", ".."):
        return posixpath.normpath(posixpath.join(folder, plain)), True
    return plain.lstrip("@~/"), False


def _tails(stem: str, exact: bool) -> list[str]:
    """What a folder may end with: a package's name often begins with a host and an owner."""
    parts = stem.split("/")
    return [stem] if exact else ["/".join(parts[first:]) for first in range(len(parts))]


def beside(paths: Paths, about: Language, path: str, name: str) -> list[str]:
    """The file of a module in the package whose own file is ``path``."""
    stem = posixpath.join(posixpath.dirname(_slashes(path)), name).lstrip("/")
    return [
        found
        for suffix in about.module_files
        if suffix != "/"
        for found in paths.paths_ending(stem + suffix)
        if _slashes(found).lstrip("/") == stem + suffix
    ]


def shared(one: str, other: str) -> int:
    """Folders that two paths have in common."""
    parts = zip(_slashes(one).split("/")[:-1], _slashes(other).split("/")[:-1], strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], parts))


def called(module: str) -> str:
    """What a module is called where it is imported as a whole."""
    return re.split(r"[./:\\]+", module.rstrip("./:\\"))[-1]


def _slashes(path: str) -> str:
    return path.replace(os.sep, "/")
