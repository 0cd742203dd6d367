"""The languages that Offhand knows: each a folder of ``grammars/``, read when it is first asked for.

A folder holds ``language.toml`` (the fields of ``Language``) and two queries: ``imports.scm``, which captures
import statements as ``@import``, and ``names.scm`` (see ``context.names``). A third, ``uses.scm`` (see
``context.unresolved``), goes with the field ``builtins``; ``symbols.scm`` and ``references.scm`` say what a file
offers to others and asks of them (see the modules of these names). The parser itself is a package
from PyPI, named in ``language.toml``. Of languages without a folder only their comments are known, from
``comments.toml``. Does not know what the queries' answers are used for.
"""

import fnmatch
import hashlib
import importlib
import importlib.metadata
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
import tree_sitter
from msgspec import Meta

from lsp_server.base import resources
from lsp_server.base.errors import GrammarError, ResourceError

_Word = Annotated[str, Meta(min_length=1)]


class Nodes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The grammar's names for what ``context.extract`` looks at.

    Attributes:
        classes, functions: definitions; their fields ``name`` and ``body`` are used where they have them.
        strings: string literals.
        string_start: the token that opens one; it stands in an error when the string is never closed.
        interpolation: code inside a string.
        brackets: what spans lines because of its brackets, so that a line inside is not a statement's first.
    """

    classes: tuple[_Word, ...] = ()
    functions: tuple[_Word, ...] = ()
    strings: tuple[_Word, ...] = ()
    string_start: str = ""
    interpolation: str = ""
    brackets: tuple[_Word, ...] = ()


class Language(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of a language beside its parser; all that is known where there is no parser.

    Attributes:
        name: of the folder.
        ids: editors' language ids.
        patterns: file names, as for ``fnmatch``.
        module, function: of the PyPI package with the parser.
        indent_unit: columns of one level, where a file does not tell.
        line_comments: what starts a comment up to the line's end.
        strings: string delimiters, longer ones first; those of three characters may span lines.
        interpolation_prefixes: letters in front of a string that make ``{}`` in it hold code.
        block_end: what a line that opens a block ends with.
        block_openers: words that a line which opens a block begins with; any, when empty.
        keywords: words that a bracket may follow without being a call's.
        class_words, function_words: what stands in front of a definition's name; may be two words.
        receivers: what methods call their object.
        related: languages that files of this one share code with.
        module_separator: what stands between the parts of an imported module's name.
        module_files: what such a name, ``/`` between its parts, is followed by in the path of the module's file.
        member_access: what stands between an object and the name of its part.
        importers: functions that import what their argument names.
        definers: functions that define what their argument names.
        constructors: names of methods that make an object.
        telling: decorators that say how a definition is used, so that they belong to its signature.
        kinds: what a definition is (``symbols.Kind``) that has a decorator, a base or a type of this name.
        wrappers: words around a type's name that say nothing of its members.
        builtins: names that need not be bound anywhere; of a language without them, unbound names are not known.
        opaque: what makes a file's names unknowable where it stands anywhere in it.
    """

    name: str = ""
    ids: tuple[_Word, ...] = ()
    patterns: tuple[_Word, ...] = ()
    module: str = ""
    function: str = "language"
    indent_unit: Annotated[int, Meta(ge=1, le=16)] = 4
    line_comments: tuple[_Word, ...] = ("//", "#")
    strings: tuple[_Word, ...] = ('"', "'", "`")
    interpolation_prefixes: str = ""
    block_end: tuple[_Word, ...] = (":", "{")
    block_openers: tuple[_Word, ...] = ()
    keywords: tuple[_Word, ...] = ()
    class_words: tuple[_Word, ...] = ()
    function_words: tuple[_Word, ...] = ()
    related: tuple[_Word, ...] = ()
    module_separator: str = "/"
    module_files: tuple[str, ...] = ()
    receivers: tuple[_Word, ...] = ()
    member_access: tuple[_Word, ...] = (".",)
    importers: tuple[_Word, ...] = ()
    definers: tuple[_Word, ...] = ()
    constructors: tuple[_Word, ...] = ()
    telling: frozenset[_Word] = frozenset()
    kinds: dict[_Word, _Word] = {}
    wrappers: frozenset[_Word] = frozenset()
    builtins: frozenset[_Word] = frozenset()
    opaque: tuple[_Word, ...] = ()
    nodes: Nodes = Nodes()

    def __hash__(self) -> int:  # a table among the fields has none
        return hash(self.name)


#: What is taken for granted of a language that nobody described.
UNKNOWN = Language()


class Grammar:
    """A language with its parser and queries, ready for use from any thread.

    Raises:
        GrammarError: the parser's package is missing or of another age, or a query does not fit it.
    """

    def __init__(self, about: Language, queries: Mapping[str, str]) -> None:
        self.about = about
        advice = f"Code in {about.name} is read as plain text."
        try:
            module = importlib.import_module(about.module)
            self.language = tree_sitter.Language(getattr(module, about.function)())
        except (ImportError, AttributeError) as error:
            raise GrammarError(
                f"The grammar for {about.name} is not installed: {error}. {advice} "
                f"Install the package {about.module.replace('_', '-')}."
            ) from error
        except ValueError as error:
            raise GrammarError(
                f"The grammar {about.module} does not fit this tree-sitter: {error}. {advice} "
                "Install Offhand again."
            ) from error
        try:
            # One query, since each costs a microsecond a statement.
            self.query = tree_sitter.Query(
                self.language, queries.get("imports", "") + queries.get("names", "")
            )
            self.uses = self._query(queries.get("uses"))
            self.symbols = self._query(queries.get("symbols"))
            self.references = self._query(queries.get("references"))
        except ValueError as error:
            raise GrammarError(
                f"A query in grammars/{about.name} does not fit {about.module}: {error}. {advice} "
                "Install Offhand again."
            ) from error

    def _query(self, text: str | None) -> tree_sitter.Query | None:
        return None if text is None else tree_sitter.Query(self.language, text)


class Grammars:
    """The shipped languages. Holds what was loaded, so that each is loaded once.

    Raises:
        ResourceError: there is no ``grammars/`` folder, or its ``comments.toml`` is damaged.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._broken: dict[str, str] = {}
        self._loaded: dict[str, Grammar | None] = {}
        self._languages: dict[str, Language] = {}
        self._folder = folder or resources.directory("grammars")
        self._undescribed = _undescribed(self._folder / "comments.toml")
        for path in sorted(self._folder.glob("*/language.toml")):
            name = path.parent.name
            try:
                about = msgspec.toml.decode(path.read_bytes(), type=Language)
                if about.name != name:
                    raise ValueError(f"it names itself '{about.name}'")
            except (OSError, ValueError) as error:  # msgspec's and Unicode's errors are ValueErrors
                self._broken[name] = (
                    f"grammars/{name}/language.toml cannot be used: {error}. Install Offhand again."
                )
            else:
                self._languages[name] = about

    def name(self, language: str) -> str | None:
        """The language's name, given its name or one of the editors' ids; ``None`` when it is unknown."""
        if language in self._languages or language in self._broken:
            return language
        return next((name for name, about in self._languages.items() if language in about.ids), None)

    def name_of_file(self, path: str) -> str | None:
        """The name of a file's language, by its name; ``None`` when it is unknown."""
        file = path.replace("\\", "/").rpartition("/")[2]
        for name, about in self._languages.items():
            if any(fnmatch.fnmatch(file, pattern) for pattern in about.patterns):
                return name
        return None

    def without_grammar(self, language: str) -> Language:
        """What is taken for granted of a language that has no folder here, given the editor's id."""
        return self._undescribed.get(language, UNKNOWN)

    def load(self, language: str) -> Grammar | None:
        """The grammar, given its name or one of the editors' ids; ``None`` when there is none.

        Raises:
            GrammarError: it is broken; this is said once, and afterwards the grammar counts as absent.
        """
        name = self.name(language)
        if name is None:
            return None
        if name not in self._loaded:
            self._loaded[name] = None
            if name in self._broken:
                raise GrammarError(self._broken[name])
            folder = self._folder / name
            try:
                queries = {
                    path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.scm"))
                }
            except (OSError, UnicodeDecodeError) as error:
                raise GrammarError(
                    f"A query of grammars/{name} cannot be read: {error}. Install Offhand again."
                ) from error
            self._loaded[name] = Grammar(self._languages[name], queries)
        return self._loaded[name]

    def fingerprint(self) -> str:
        """Changes with the languages' descriptions, their queries, and the versions of their parsers."""
        digest = hashlib.sha256()
        for path in sorted((*self._folder.glob("*/*.scm"), *self._folder.glob("*/language.toml"))):
            digest.update(f"{path.parent.name}/{path.name}\0".encode())
            digest.update(path.read_bytes())
        for package in sorted({about.module.replace("_", "-") for about in self._languages.values()}):
            try:
                digest.update(f"{package} {importlib.metadata.version(package)}\0".encode())
            except importlib.metadata.PackageNotFoundError:
                digest.update(f"{package} none\0".encode())
        return digest.hexdigest()


def _undescribed(table: Path) -> dict[str, Language]:
    """What is known of languages by their comments alone; they are called as editors call them."""
    try:
        comments = msgspec.toml.decode(table.read_bytes(), type=dict[str, tuple[_Word, ...]])
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:  # msgspec's and Unicode's errors are ValueErrors
        raise ResourceError(
            f"Offhand's table of comments cannot be used: {error}. Install Offhand again."
        ) from error
    return {
        name: msgspec.structs.replace(UNKNOWN, name=name, line_comments=marks)
        for name, marks in comments.items()
    }
