"""Trees after edits against fresh parses, and how errors are counted."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parsers import grammar

from lsp_server.base.text import split_lines
from lsp_server.context.languages import Grammar, Grammars
from lsp_server.context.syntax import Unparsed, new_errors, parse
from lsp_server.workspace.documents import Change, Document

PROGRAM = """\
import os
class A(B):
    '''Doc \u20ac.'''
    def f(self, x=1):
        if x:
            return [y for y in self.z(x, {"a": 1})]
        for q in x: print(f"{q}\U0001f600")

def g(): pass
"""

positions = st.tuples(st.integers(0, 10), st.integers(0, 30))
insertions = st.sampled_from(
    (
        *("", "x", "\n", "\n    ", "\r", "\r\n", "(", ")", ":", '"', "'''", "#", "def h(a):\n    ", "\u00e9"),
        *("        ", "else:", "[1, 2]", "\x0c", "\u2028", "\U0001f600", "\ud83d"),
    )
)
edits = st.lists(
    st.lists(st.builds(Change, text=insertions, start=positions, end=positions), max_size=3), max_size=5
)


@pytest.fixture(scope="module")
def python() -> Grammar:
    return grammar("python")


def shape(node):
    """A tree with its byte ranges and points."""
    return (
        *(node.type, node.byte_range, node.start_point, node.end_point, node.is_missing),
        [shape(child) for child in node.children],
    )


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([PROGRAM, PROGRAM.replace("\n", "\r\n"), PROGRAM.replace("\n", "\r")]), edits)
def test_tree_after_edits_is_that_of_a_fresh_parse(
    python: Grammar, text: str, edits: list[list[Change]]
) -> None:
    """However the text came about, its tree is the same."""
    document = Document("file:///a.py", "python", 0, text)
    document.parse(python)
    for changes in edits:
        document.apply(changes, 1, "utf-16")
        if len(changes) != 2:  # now and then edits wait for the next parse
            document.parse(python)
    tree = document.parse(python)
    fresh = parse(python, Unparsed(document.snapshot_lines(), 0))
    assert tree is not None
    assert fresh is not None
    assert tree.source == fresh.source
    assert shape(tree.root) == shape(fresh.root)


@pytest.mark.parametrize(
    ("text", "insertion", "replace", "errors"),
    [
        ("x = <>\n", "foo(1)", 0, "fewer"),
        ("x = 1<>\n", " + 2", 0, "same"),
        ("x = 1<>\n", " + (2", 0, "more"),
        ("x = foo(<>)\n", "1)", 1, "same"),  # the one that the editor had closed is swallowed
        ("x = foo(a<>)\n", ", b)", 0, "more"),
        ("x = foo(a<>)\n", ", b)", 1, "same"),
        ("def f(a):\n    <>\n", "return a", 0, "same"),
        ("x = (\n\ny = 1<>\n", " + 1", 0, "same"),  # what was broken before is not held against it
        ("x = 1<>\n", ")\n\n\nclass", 0, "more"),
        ("s = '\U0001f600<>'\n", "\ud83d", 0, "same"),
    ],
)
def test_new_errors(python: Grammar, text: str, insertion: str, replace: int, errors: str) -> None:
    """Only errors that the insertion brings count; it is judged together with what it replaces."""
    before, _, after = text.partition("<>")
    tree = parse(python, Unparsed(tuple(split_lines(before + after)), 0))
    assert tree is not None
    shape_before = shape(tree.root)
    start = len(before.encode())
    count = new_errors(python, tree, start, start + replace, insertion)
    assert count is not None
    assert ("fewer" if count < 0 else "more" if count > 0 else "same") == errors
    assert shape(tree.root) == shape_before


def test_new_errors_gives_up(python: Grammar) -> None:
    """Counting takes a parse, which can be stopped."""
    tree = parse(python, Unparsed(tuple(split_lines("x = [1, 2]\n" * 2000)), 0))
    assert tree is not None
    assert new_errors(python, tree, 0, 0, "'" * 3, stop=lambda: True) is None


def test_grammars_are_found_by_id_and_file_name(python: Grammar) -> None:
    """An editor's id, our own name and a file's name all lead to the same language; others to none."""
    grammars = Grammars()
    assert grammars.load("python") is grammars.load("python")
    assert grammars.name_of_file("/a/b/setup.py") == grammars.name_of_file("c:\\x.pyi") == "python"
    assert grammars.name_of_file("py") is None
    assert grammars.load("cobol") is None
