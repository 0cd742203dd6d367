"""From a package's files to documents: licence, place, text, in this order; what is refused is counted."""

import hashlib
import re
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from lsp_server.training.corpus import filters, licences, local, never, sources
from lsp_server.training.corpus.duplicates import sketch
from lsp_server.training.corpus.fetch import Wanted
from lsp_server.training.corpus.files import File
from lsp_server.training.corpus.recipe import LANGUAGES
from lsp_server.training.corpus.scrub import scrubbed
from lsp_server.training.corpus.trim import headless, shortened, tidy
from lsp_server.training.documents import Document

#: More than the limit is read, because duplicates are found later.
_SPARE = 1.3
_HEAD = 3_000
_SHEBANG = re.compile(rb"#!\s*\S*?(?:env\s+)?(python|lua|(?:ba|da|k|z)?sh)[\d.]*\b")
_CPP = re.compile(r"^\s*(class|namespace|template|using|public|private|constexpr)\b|std::", re.MULTILINE)


class Limits(msgspec.Struct, frozen=True):
    """What one package may give: bytes, share of tests, share of docstrings to cut; empty: any language."""

    most: int
    tests: float
    shorten: float
    languages: tuple[str, ...]


class Harvest(msgspec.Struct, frozen=True):
    """What a package gave: documents with their sketches, tests last; files and bytes refused, by reason."""

    wanted: Wanted
    documents: list[tuple[Document, Any]]
    refused: Counter[str]
    bytes_refused: Counter[str]


def harvest(wanted: Wanted, downloads: Path, limits: Limits) -> Harvest:
    """Read a package. The files' order is that of their names' hashes, so a limit takes of everything."""
    found: list[tuple[Document, Any]] = []
    refused: Counter[str] = Counter()
    size: Counter[str] = Counter()
    taken = {True: 0, False: 0}
    for file in sorted(sources.files(wanted, downloads), key=_order):
        test = filters.test(file.path)
        most = limits.most * (limits.tests if test else 1) * _SPARE
        got = "limit" if taken[test] >= most else _document(wanted, file, limits)
        if isinstance(got, Document):
            taken[test] += len(got.text)
            found.append((got, sketch(got.text)))
        elif got:
            refused[got] += 1
            size[got] += len(file.content)
    return Harvest(wanted, found, refused, size)


def _order(file: File) -> tuple[bool, bytes]:
    return filters.test(file.path), hashlib.sha256(file.path.encode("utf-8", "replace")).digest()


def language_of(path: str, content: bytes) -> str:
    """The language of a file by its ending, else by its first line; empty: none that is known."""
    name = path.rpartition("/")[2]
    if "." in name:
        return LANGUAGES.get(name.rpartition(".")[2], "")
    found = _SHEBANG.match(content[:100])
    said = found[1].decode() if found else ""
    return said if said in ("python", "lua", "") else "shell"


def _document(wanted: Wanted, file: File, limits: Limits) -> Document | str:
    """A file as a document, or why it is none; empty: it is not source at all."""
    language = language_of(file.path, file.content)
    if not language or (limits.languages and language not in limits.languages):
        return ""
    if not file.licence:
        return "licence"
    if never.inside(file.path):
        return "never"
    why = filters.place(file.path.partition("/")[2], language)
    if why:
        return why
    try:
        text = tidy(file.content.decode())
    except UnicodeDecodeError:
        return "encoding"
    if file.licence != local.OWN and licences.copyleft(text[:_HEAD]):
        return "licence of the file"
    why = filters.text(text, language)
    if why:
        return why
    if language == "c" and _CPP.search(text):
        language = "cpp"
    text = headless(text, language)
    if language == "python":
        parsed = shortened(text, limits.shorten)
        if parsed is None:
            return "syntax"
        text = parsed
    text = scrubbed(text)
    if len(text) < filters.SMALLEST:
        return "size"
    return Document(wanted.name, language, file.path, text, wanted.version, wanted.registry, file.licence)
