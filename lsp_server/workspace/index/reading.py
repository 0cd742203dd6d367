"""From a path or a text to what the index takes from it. Reads the disk, and gives up on what takes too long.

Does not know the index, nor who asks for the file.
"""

import hashlib
import logging
import os
import stat
import time
from os.path import basename
from pathlib import Path

from lsp_server import context
from lsp_server.base.errors import GrammarError
from lsp_server.base.sourcefile import readable_text
from lsp_server.context import identifiers, units
from lsp_server.context.languages import Grammar, Grammars, Language
from lsp_server.context.symbols import Outline, outline
from lsp_server.context.syntax import MAX_PARSED_BYTES, parse_source, to_source
from lsp_server.workspace.filetypes import FileTypes
from lsp_server.workspace.index.contents import Contents, Unit

_log = logging.getLogger(__name__)

#: Seconds of processor time that a parse may take. The largest files that are read at all, 400 kB, take a tenth of one.
_PARSE_LIMIT = 2.0


def fingerprint(grammars: Grammars) -> str:
    """Changes with whatever decides what is known of a file: grammars, queries, the code that asks them and keeps the
    answers."""
    folders = Path(context.__file__).parent, Path(__file__).parent
    code = b"".join(path.read_bytes() for folder in folders for path in sorted(folder.glob("*.py")))
    return hashlib.sha256(grammars.fingerprint().encode() + code).hexdigest()


class Reader:
    """Reads files, whatever is in them."""

    def __init__(self, grammars: Grammars, types: FileTypes) -> None:
        self._grammars = grammars
        self._types = types
        self._keywords: dict[str, frozenset[str]] = {}

    def read(self, path: str) -> Contents | None:
        """What a file holds now; ``None`` when it is gone or no source file."""
        status = self.status(path)
        language = self._types.language(basename(path))
        if status is None or language is None:
            return None
        text = readable_text(path)
        if text is None or self.status(path) != status:  # written to meanwhile: somebody will tell
            return None
        return self._contents(path, *status, language, text)

    def of_text(self, path: str, text: str, language: str) -> Contents:
        """What a text would hold as that file.

        Args:
            language: name of its grammar, or one of the editors' ids.
        """
        return self._contents(path, -1, -1, self._grammars.name(language) or language, text)

    def refused(self, path: str) -> Contents | None:
        """A file that is not looked into, as it is now; ``None`` when it is gone."""
        status = self.status(path)
        language = self._types.language(basename(path))
        return None if status is None or language is None else Contents(path, *status, language)

    def described(self, language: str) -> Language | None:
        """What is known of a language, by its name, if it is one whose files offer something to others."""
        grammar = self._grammar(language)
        return grammar.about if grammar and grammar.symbols else None

    @staticmethod
    def status(path: str) -> tuple[int, int] | None:
        """Size and time of change of a regular file, as ``Contents`` has them; ``None`` when there is none."""
        try:
            found = os.lstat(path)
        except (OSError, ValueError):
            return None
        return (found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None

    def _contents(self, path: str, size: int, modified: int, language: str, text: str) -> Contents:
        outlined: Outline = Outline()
        cut: tuple[Unit, ...] = ()
        grammar = self._grammar(language)
        source = to_source((text,))
        if grammar is not None and grammar.symbols is not None and len(source) <= MAX_PARSED_BYTES:
            try:
                outlined, cut = _understood(grammar, source, self._words(grammar))
            except Exception:  # a query's or a grammar's fault costs this file, not all others
                _log.exception("A file in %s cannot be indexed", language)
        return Contents(path, size, modified, language, outlined, cut)

    def _words(self, grammar: Grammar) -> frozenset[str]:
        name = grammar.about.name
        if name not in self._keywords:
            self._keywords[name] = identifiers.keywords(grammar)
        return self._keywords[name]

    def _grammar(self, language: str) -> Grammar | None:
        try:
            return self._grammars.load(language)
        except GrammarError as error:
            _log.warning("%s", error)
            return None


def _understood(
    grammar: Grammar, source: bytes, keywords: frozenset[str]
) -> tuple[Outline, tuple[Unit, ...]]:
    limit = time.thread_time() + _PARSE_LIMIT
    tree = parse_source(grammar, source, lambda: time.thread_time() > limit)
    if tree is None:
        _log.warning("A file of %d bytes of %s takes too long to parse", len(source), grammar.about.name)
        return Outline(), ()
    outlined = outline(grammar, source, tree.root_node)
    cut = tuple(
        Unit(start, end, tuple(identifiers.identifiers(source[start:end], keywords)))
        for start, end in units.units(outlined, source)
    )
    return outlined, cut
