"""Files cut into units, and identifiers counted."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parsers import grammar

from lsp_server.context.identifiers import identifiers, keywords
from lsp_server.context.languages import Grammar
from lsp_server.context.symbols import outline
from lsp_server.context.syntax import parse_source
from lsp_server.context.units import LONGEST_BYTES, LONGEST_FUNCTION, units

FILE = '''\
"""A file."""
import os

LIMIT = 3


class A:
    """Doc."""
    x: int = 1

    # Of f.
    def f(self):
        return 1

    y = 2

    def g(self):
        return 2
'''


@pytest.fixture(scope="module")
def python() -> Grammar:
    return grammar("python")


def cut(grammar: Grammar, text: str) -> tuple[bytes, list[tuple[int, int]]]:
    source = text.encode()
    tree = parse_source(grammar, source)
    assert tree is not None
    return source, units(outline(grammar, source, tree.root_node), source)


def test_a_function_is_a_unit_with_its_comment_and_so_is_a_classs_head(python: Grammar) -> None:
    """What stands between them is a unit as well."""
    source, found = cut(python, FILE)
    assert [source[start:end].decode().split("\n")[0].strip() for start, end in found] == [
        '"""A file."""',
        "class A:",
        "# Of f.",
        "y = 2",
        "def g(self):",
    ]


def test_what_closes_a_class_is_no_unit() -> None:
    """A bracket alone goes with what is in front."""
    source, found = cut(grammar("java"), "class A {\n  int x;\n\n  void f() {\n  }\n}\n")
    assert [source[start:end] for start, end in found] == [b"class A {\n  int x;", b"  void f() {\n  }\n}"]


def test_a_long_function_is_cut_where_a_line_is_empty(python: Grammar) -> None:
    """A piece begins with code."""
    body = "".join("\n" if number == 50 else f"    x = {number}\n" for number in range(100))
    source, found = cut(python, f"def f():\n{body}")
    assert [source[start:end].count(b"\n") + 1 for start, end in found] == [51, 49]
    assert source[found[1][0] :].startswith(b"    x = 51")


def test_a_long_line_is_cut_behind_a_statement(python: Grammar) -> None:
    """Minified code has no lines."""
    source, found = cut(python, "x = 1; " * 3000)
    assert len(found) > 1
    assert all(source[:end].endswith(b";") for _, end in found[:-1])


pieces = st.lists(
    st.sampled_from(
        (
            *(
                "def f(self):\n",
                "class A:\n",
                "    x = 1\n",
                "        y = 2\n",
                "\n",
                "# c\n",
                "}\n",
                "    def g(self):\n",
            ),
            *("x = 1; " * 400, "\u20ac" * 3000, "'''\n", "  \n", "@d\n", "\t\x0c\n", "z", "    pass\n" * 70),
        )
    ),
    max_size=30,
)


@settings(max_examples=300, deadline=None)
@given(pieces)
def test_every_byte_is_in_one_unit(python: Grammar, pieces: list[str]) -> None:
    """However a file looks, its units are in order and apart, none is long, and nothing between them is code."""
    source, found = cut(python, "".join(pieces))
    at = 0
    for start, end in found:
        assert at <= start < end <= len(source)
        assert not source[at:start].strip()
        assert source[start:end].count(b"\n") < LONGEST_FUNCTION
        assert end - start <= LONGEST_BYTES
        source[start:end].decode()
        at = end
    assert not source[at:].strip()


def test_identifiers_are_counted_without_numbers_and_keywords(python: Grammar) -> None:
    """Names of any alphabet count."""
    text = "if a.b == 3: a = \u20acx + \u00e9t\u00e9(0x1F, None)  # b"
    assert identifiers(text.encode(), keywords(python)) == {"a": 2, "b": 2, "\u20acx": 1, "\u00e9t\u00e9": 1}
