"""What is read around a cursor, from cases/context. Keys of ``expect``, all optional:

cursor, block_indent: as in Context. scopes: names, outermost first, with > between. signature, docstring: of the
innermost scope. imports: with | between. names: those that come first, nearest first. all_names: these and no others.
without: names that must not be there. text: without a tree, ``same`` as above (which is what is checked when the key
is absent) or the cursor class that it takes the cursor for.
"""

from pathlib import Path

import pytest
from cases import Case, parametrize
from parsers import grammars

from lsp_server.base.errors import ResourceError
from lsp_server.base.text import split_lines
from lsp_server.context.extract import extract
from lsp_server.context.languages import Grammar, Grammars
from lsp_server.context.syntax import Unparsed, parse
from lsp_server.context.types import Context

KEYS = {
    *("cursor", "block_indent", "scopes", "signature", "docstring"),
    *("imports", "names", "all_names", "without", "text"),
}


GRAMMARS = grammars()


def grammar_of(language: str) -> Grammar:
    grammar = GRAMMARS.load(language)
    assert grammar is not None
    return grammar


@pytest.fixture(scope="module")
def python() -> Grammar:
    return grammar_of("python")


def read(grammar: Grammar | None, text: str, cursor: int, *, with_tree: bool = True) -> Context:
    lines = split_lines(text)
    above = split_lines(text[:cursor])
    tree = parse(grammar, Unparsed(tuple(lines), 0)) if grammar and with_tree else None
    return extract(grammar, tree, lines, len(above) - 1, len(above[-1]))


@parametrize("context")
def test_context(case: Case) -> None:
    """The context is what the case says, and the text alone is as good for the cursor's class, block and scopes. The
    folder's name is the language."""
    grammar = grammar_of(case.file.split("/")[1])
    text, cursor = case.cursor()
    expect = case.values("expect")
    assert expect
    assert expect.keys() <= KEYS
    context = read(grammar, text, cursor)
    seen = {
        "cursor": context.cursor,
        "block_indent": str(context.block_indent),
        "scopes": " > ".join(scope.name for scope in context.scopes),
        "signature": context.scopes[-1].signature if context.scopes else "",
        "docstring": context.scopes[-1].docstring if context.scopes else "",
        "imports": " | ".join(context.imports),
        "names": " ".join(context.names[: len(expect.get("names", "").split())]),
        "all_names": " ".join(context.names),
    }
    assert {key: seen[key] for key in seen if key in expect} == {
        key: value for key, value in expect.items() if key in seen
    }
    assert not set(expect.get("without", "").split()) & set(context.names)
    assert context.from_syntax

    textual = read(grammar, text, cursor, with_tree=False)
    assert not textual.from_syntax
    if expect.get("text", "same") == "same":
        assert (textual.cursor, textual.block_indent) == (context.cursor, context.block_indent)
        assert textual.scopes == context.scopes
    else:
        assert textual.cursor == expect["text"]


@parametrize("comments")
def test_comments_without_a_grammar(case: Case) -> None:
    """Where a comment begins is known of languages that have no parser."""
    text, cursor = case.cursor()
    lines, above = split_lines(text), split_lines(text[:cursor])
    about = GRAMMARS.without_grammar(case.sections["language"].strip())
    found = extract(None, None, lines, len(above) - 1, len(above[-1]), about)
    assert {"cursor": found.cursor} == case.values("expect")


def test_a_damaged_table_of_comments_is_named(tmp_path: Path) -> None:
    """It is no quiet loss: whoever starts is told what to do."""
    (tmp_path / "comments.toml").write_text('rust = "//"\n')
    with pytest.raises(ResourceError, match="comments cannot be used"):
        Grammars(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "\n", "\n\n", "def", "x = (", '"""', "\ud83d = [", "\t", "a\rb\r\n", "\\\n\\\n"]
)
def test_any_cursor_in_any_text(text: str, python: Grammar) -> None:
    """There is an answer at each place of odd little texts."""
    for cursor in range(len(text) + 1):
        for with_tree in (True, False):
            assert read(python, text, cursor, with_tree=with_tree).language == "python"
        assert read(None, text, cursor).language == ""


@pytest.mark.parametrize(
    ("text", "cursor", "block_indent"),
    [
        ("func f() {\n\t\n}\n", "block_start", 0),
        ("func f() {\n\tx := g(\n}\n", "call", 0),
        ("if (x) {\n  y = 1; // no\n}\n", "comment", 0),
        ('s = "ab', "string", -1),
    ],
)
def test_unknown_language(text: str, cursor: str, block_indent: int) -> None:
    """Code in a language that nobody described is still read by its indentation, brackets and quotes."""
    at = {"block_start": text.find("\n}"), "call": text.find("g(") + 2, "comment": text.find("no") + 1}
    context = read(None, text, at.get(cursor, len(text)))
    assert (context.cursor, context.block_indent, context.from_syntax) == (cursor, block_indent, False)


@pytest.mark.parametrize("language", ["cpp", "javascript", "rust", "typescript"])
def test_a_header_of_any_length(language: str) -> None:
    """A condition or a template of many thousand characters is a block like any other, and no function."""
    text = f"if ({'a < b, ' * 1200}c) {{\n\n}}\n"
    context = read(grammar_of(language), text, text.index("\n") + 1, with_tree=False)
    assert (context.cursor, context.scopes) == ("block_start", ())


def test_data_is_not_read(python: Grammar) -> None:
    """A line of a hundred thousand characters is data: it gets a plain answer, not a long wait."""
    context = read(python, f"x = [{'1, ' * 40_000}", 60_000)
    assert (context.cursor, context.names, context.from_syntax) == ("code", (), False)
