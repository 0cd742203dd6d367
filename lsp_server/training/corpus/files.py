"""A file of a package, and what a Python package declares about its licence. Opens nothing."""

import re
from email.message import Message

import msgspec

from lsp_server.training.corpus import licences
from lsp_server.training.corpus.recipe import LANGUAGES

#: Bytes of the largest file that is read.
LARGEST = 400_000

LICENCE_FILE = re.compile(r"(licen[sc]e|copying)[^/]*$", re.IGNORECASE)

_LICENCE_CLASS = "License :: "


class File(msgspec.Struct, frozen=True):
    """A file of a package.

    Attributes:
        path: begins with the package's own top folder.
        licence: SPDX; empty: not permissive, or unknown.
    """

    path: str
    licence: str
    content: bytes


def candidate(path: str, size: int) -> bool:
    """Whether a file may be source, by its name and its size in bytes."""
    name = path.rpartition("/")[2]
    return size <= LARGEST and (name.rpartition(".")[2] in LANGUAGES or "." not in name)


def declared(said: Message, texts: list[str]) -> str:
    """A Python package's licence, SPDX; empty: not permissive, or unknown.

    Args:
        said: its ``METADATA``.
        texts: of its licence files.
    """
    classes = [str(each) for each in said.get_all("Classifier", [])]
    return licences.of_metadata(
        str(said.get("License-Expression") or ""),
        [each[len(_LICENCE_CLASS) :] for each in classes if each.startswith(_LICENCE_CLASS)],
        str(said.get("License") or "").strip(),
        texts,
    )
