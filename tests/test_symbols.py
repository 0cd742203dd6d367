"""What files offer and ask for, in every language: outlines, references, receivers, by ``.case`` files; and that no
file, however hostile, takes a wrong turn."""

import re

import pytest
import tree_sitter
from cases import Case, load, parametrize
from parsers import grammars

from lsp_server.base import resources
from lsp_server.context.languages import Grammar
from lsp_server.context.receiver import member_of
from lsp_server.context.references import references
from lsp_server.context.symbols import (
    MAX_DEFINITIONS,
    MAX_IMPORTS,
    MAX_NAME,
    Definition,
    Import,
    Outline,
    outline,
)
from lsp_server.context.syntax import Tree, parse_source

GRAMMARS = grammars()
FOLDER = resources.directory("grammars")

#: Languages that have symbols, and those whose cases they share.
LANGUAGES = (
    *("python", "javascript", "typescript", "tsx", "go", "rust", "c", "cpp", "java", "csharp", "ruby", "php"),
    *("lua", "bash"),
)
SHARED = {"tsx": ("tsx", "typescript")}


def grammar_of(language: str) -> Grammar:
    grammar = GRAMMARS.load(language)
    assert grammar is not None
    return grammar


def tree_of(grammar: Grammar, text: str) -> Tree:
    source = text.encode()
    tree = parse_source(grammar, source)
    assert tree is not None
    return Tree(tree, source, 0)


def outline_of(grammar: Grammar, text: str) -> Outline:
    tree = tree_of(grammar, text)
    return outline(grammar, tree.source, tree.root)


def one_line(source: bytes, start: int, end: int) -> str:
    return " ".join(source[start:end].decode().split())


def written(source: bytes, one: Definition) -> str:
    """``kind Owner.name(Base): Type | what stands in front | signature # documentation``."""
    line = f"{one.kind} {one.owner + '.' if one.owner else ''}{one.name}"
    line += f"({', '.join(one.bases)})" if one.bases else ""
    line += f": {one.type}" if one.type else ""
    line += " | "
    line += f"{one_line(source, one.start, one.head_start)} | " if one.start < one.head_start else ""
    line += one_line(source, one.head_start, one.head_end)
    return line + (f" # {one_line(source, one.doc_start, one.doc_end)}" if one.doc_end else "")


def imported(one: Import) -> str:
    alias = f" as {one.alias}" if one.alias else ""
    return f"from {one.module} import {one.name}{alias}" if one.name else f"import {one.module}{alias}"


def lines_of(grammar: Grammar, text: str) -> list[str]:
    source = text.encode()
    found = outline_of(grammar, text)
    return [
        *(imported(one) for one in found.imports),
        *(written(source, one) for one in found.definitions),
        *(f"typed {one.name}: {one.type}" for one in found.types),
    ]


@parametrize("symbols")
def test_symbols(case: Case) -> None:
    """A file's imports, its definitions as they stand, and the names whose type it states."""
    language = case.file.split("/")[1]
    assert "\n".join(lines_of(grammar_of(language), case.sections["input"])) == case.sections["expect"]


@parametrize("references")
def test_references(case: Case) -> None:
    """How names are used, in order: ``use receiver|name``."""
    grammar = grammar_of(case.file.split("/")[1].removesuffix(".case"))
    tree = tree_of(grammar, case.sections["input"])
    found = [
        f"{one.use} {one.receiver + '|' if one.receiver else ''}{one.name}"
        for one in references(grammar, tree, 0, len(tree.source))
    ]
    assert "\n".join(found) == case.sections["expect"]


@parametrize("receiver")
def test_receiver(case: Case) -> None:
    """What is in front of a cursor behind a member access."""
    language = case.file.split("/")[1].removesuffix(".case")
    text, at = case.cursor()
    grammar = grammar_of(language)
    found = member_of(grammar.about, tree_of(grammar, text), len(text[:at].encode()))
    shown = "none" if found is None else f"{found.receiver} {found.operator} {found.typed}".rstrip()
    assert shown == case.sections["expect"]


@pytest.mark.parametrize("query", ["symbols", "references"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_pattern_is_exercised(language: str, query: str) -> None:
    """No pattern of a query stands there untested."""
    grammar = grammar_of(language)
    asked: tree_sitter.Query | None = getattr(grammar, query)
    assert asked is not None
    files = [FOLDER / folder / f"{query}.scm" for folder in (grammar.about.extends or language, language)]
    text = b"".join(file.read_bytes() for file in dict.fromkeys(files) if file.exists())
    matched = {
        pattern
        for case in load(query)
        if case.file.split("/")[1].removesuffix(".case") in SHARED.get(language, (language,))
        for pattern, _ in tree_sitter.QueryCursor(asked).matches(
            tree_of(grammar, case.sections["input"]).root
        )
    }
    missed = sorted(set(range(asked.pattern_count)) - matched)
    assert not missed, [
        text[asked.start_byte_for_pattern(one) : asked.end_byte_for_pattern(one)].decode() for one in missed
    ]


def test_languages_with_symbols_are_all_tested() -> None:
    """A new language brings cases of its own."""
    folders = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())
    assert sorted(LANGUAGES) == [name for name in folders if grammar_of(name).symbols is not None]


@pytest.mark.parametrize("case", load("symbols/typescript"), ids=lambda case: case.id)
def test_tsx_is_typescript(case: Case) -> None:
    """The two grammars differ in JSX only, and so do their answers."""
    assert "\n".join(lines_of(grammar_of("tsx"), case.sections["input"])) == case.sections["expect"]


HOSTILE = {
    "nothing": "",
    "blanks": "\n" * 100_000,
    "brackets": "(" * 100_000,
    "nested": "{[(" * 2_000 + ")]}" * 2_000,
    "quotes": "\"'`" * 2_000,
    "binary": "".join(chr(one * 7919 % 0x2FF) for one in range(20_000)),
    "one name": "a" * 100_000,
    "names": "x = 1; " * 6_000,
    "functions": "def f(): pass\n" * 400,
    "functions of others": "function f() {}\n" * 400,
    "classes in classes": "class A {" * 2_000,
    "imports": "".join(f"import a{one}\n" for one in range(2_000)),
    "returns": "def f(self):\r\n\tself.x = A()\r\n" * 200,
    "lone returns": "class A:\r\tx: B\r" * 200,
    "members": "a" + ".b" * 20_000,
    "calls": "a" + ".b()" * 2_000,
    "names in braces": "use a::{" * 1_000 + "b" + "}" * 1_000 + ";",
    "comments": "// c\n" * 1_000 + "# c\n" * 1_000 + "int f() {}\n",
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text(language: str, name: str) -> None:
    """Whatever a file holds, its outline stays within bounds and inside of the file."""
    grammar = grammar_of(language)
    tree = tree_of(grammar, HOSTILE[name])
    found = outline(grammar, tree.source, tree.root)
    end = len(tree.source)
    assert len(found.definitions) <= MAX_DEFINITIONS
    assert len(found.types) <= MAX_DEFINITIONS
    assert len(found.imports) <= MAX_IMPORTS
    for one in found.definitions:
        assert 0 <= one.start <= one.head_start <= one.head_end <= one.end <= end
        assert 0 <= one.doc_start <= one.doc_end <= end
        assert len(one.name.encode()) <= MAX_NAME
    for one in references(grammar, tree, 0, end):
        assert tree.source[one.start : one.end].decode(errors="replace") == one.name
    member_of(grammar.about, tree, end)


def test_a_cursor_moves_through_all_of_a_file() -> None:
    """At every byte of a text, whole or half of a character, the receiver is found or is none."""
    grammar = grammar_of("python")
    tree = tree_of(grammar, "\u00e9 = self.\u00e9.x(a[b.c], '\U0001f600'.d).e\n")
    found = [member_of(grammar.about, tree, at) for at in range(len(tree.source) + 1)]
    assert {one.receiver for one in found if one} == {
        "self",
        "self.\u00e9",
        "b",
        "'\U0001f600'",
        "self.\u00e9.x(a[b.c], '\U0001f600'.d)",
    }


def test_references_of_a_range_only() -> None:
    """What begins outside of a range is not told of, even where a match reaches into it."""
    grammar = grammar_of("python")
    text = "a.b(c.d)\ne.f()\ng.h\n"
    tree = tree_of(grammar, text)
    start = text.index("e.f")
    found = references(grammar, tree, start, start + 5)
    assert [(one.receiver, one.name, one.use) for one in found] == [("e", "f", "call")]
    assert not re.search("b|d|h", "".join(one.name for one in found))
