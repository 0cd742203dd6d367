"""The prompt: what it shows, and that typing only appends to it."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.base.errors import ModelError
from lsp_server.base.parts import LEFT_STEP, Part
from lsp_server.base.text import split_lines
from lsp_server.context.types import Scope
from lsp_server.prompt.render import About, budget, outline, render
from lsp_server.prompt.window import EDGE_STEP, window


def lines_of(text: str) -> tuple[list[str], int, int]:
    before, _, after = text.partition("<CURSOR>")
    above = split_lines(before)
    return split_lines(before + after), len(above) - 1, len(above[-1])


def render_at(
    text: str,
    *snippets: tuple[str, str],
    template: str = "offhand",
    path: str = "x/y.py",
    capacity: int = 400,
) -> tuple[Part, ...]:
    most = budget(template, capacity)
    seen = window(*lines_of(text), most.prefix, most.suffix)
    return render(template, seen, About(path), snippets, most)


def texts(parts: Sequence[Part]) -> str:
    return "".join(part.text for part in parts)


def test_order_is_stable_things_first() -> None:
    """Path, then suffix, then prefix: a key changes the last part only."""
    parts = render_at("a = 1\nb = <CURSOR>\nc = 3\n")
    assert [(part.text, part.special) for part in parts] == [
        ("<|file_sep|>", True),
        ("x/y.py", False),
        ("\n", False),
        ("<|fim_suffix|>", True),
        ("\nc = 3\n", False),
        ("<|fim_prefix|>", True),
        ("a = 1\nb = ", False),
    ]
    assert (parts[-1].cut, parts[-1].step) == ("left", LEFT_STEP)


def test_snippets_stand_in_front_each_with_its_path() -> None:
    """Pieces of other files come first, in the order given."""
    parts = render_at("a = <CURSOR>\n", ("p/one.py", "1\n"), ("two.go", "2\n"), capacity=900)
    assert texts(parts) == (
        "<|file_sep|>p/one.py\n1\n<|file_sep|>two.go\n2\n<|file_sep|>x/y.py\n<|fim_suffix|>\n<|fim_prefix|>a = "
    )


@pytest.mark.parametrize("snippets", [0, 1, 2, 3, 9])
@pytest.mark.parametrize("capacity", [64, 400, 900])
def test_limits_fit_the_capacity(snippets: int, capacity: int) -> None:
    """Whatever the texts, the parts' limits and the special tokens add up to no more than the capacity."""
    parts = render_at(
        "value\n" * 300 + "<CURSOR>" + "value\n" * 300, *[("a.py", "x\n")] * snippets, capacity=capacity
    )
    assert sum(part.limit or 1 for part in parts) <= capacity
    assert all(part.limit or part.special for part in parts)


@pytest.mark.parametrize(
    ("path", "shown"),
    [("a.py", "a.py"), ("a/b/c.py", "a/b/c.py"), ("home/me/a/b/c.py", "a/b/c.py"), ("", "")],
)
def test_a_path_is_its_last_three_components(path: str, shown: str) -> None:
    """What stands above them is the user's disk, not the project."""
    _, name, end = render_at("<CURSOR>", path=path)[:3]
    assert (name.text, end.text) == (shown, "\n")


def test_a_long_path_keeps_its_end() -> None:
    """The extension tells the language, so what goes is the beginning, exactly as much as is over."""
    name = render_at("<CURSOR>")[1]
    assert (name.cut, name.step) == ("left", 1)
    assert name.limit


@pytest.mark.parametrize("closers", [")", "]", '")', "})", "):", " ) ;", ""])
def test_auto_closed_brackets_do_not_change_the_prompt(closers: str) -> None:
    """An editor that inserts the closing bracket itself must not cost a re-evaluation of everything."""
    text = "call(<CURSOR>{}\nnext_line()\n"
    assert window(*lines_of(text.format(closers)), 300, 80).suffix == "\nnext_line()\n"


def test_code_behind_the_cursor_is_the_suffix() -> None:
    """Anything but closers behind the cursor belongs to the suffix."""
    assert window(*lines_of("call(<CURSOR>, other)\n"), 300, 80).suffix == ", other)\n"


@given(
    st.lists(st.text("ab (\n", min_size=0, max_size=40), min_size=1, max_size=80),
    st.text("xyz_ ", min_size=1),
)
def test_typing_only_appends(rows: list[str], typed: str) -> None:
    """Typing on the cursor's line leaves the suffix alone and moves the left edge in whole steps."""
    lines = split_lines("\n".join(rows))
    row = len(lines) // 2
    column = len(lines[row].rstrip("\n"))
    previous = window(lines, row, column, 60, 30)
    for key in typed:
        lines[row] = lines[row][:column] + key + lines[row][column:]
        column += 1
        now = window(lines, row, column, 60, 30)
        assert now.suffix == previous.suffix
        if now.first_line == previous.first_line:
            assert now.prefix == previous.prefix + key
        else:
            assert now.first_line in (row, -(-now.first_line // EDGE_STEP) * EDGE_STEP)
        previous = now


def test_line_ends_and_half_surrogates_are_what_a_model_knows() -> None:
    """\\r\\n becomes \\n, half a pair becomes U+FFFD; everything can be encoded."""
    view = window(["a\r\n", "b\ud800\r", "c"], 2, 1, 100, 100)
    assert view.prefix == "a\nb\ufffd\nc"


def test_outline_holds_what_the_window_cut_off() -> None:
    """Imports and the headers around the left edge, as code."""
    scopes = (Scope("class", "A", "class A:", "An A.", 1), Scope("function", "f", "def f(self, x):", "", 5))
    text = 'import os\nfrom a import b\nclass A:\n    """An A."""\n    def f(self, x):\n'
    assert outline(("import os", "from a import b"), scopes) == text
    assert outline((), ()) == ""


def test_documentation_stands_where_the_language_has_it() -> None:
    """A comment above the header, in languages that document so."""
    scopes = (
        Scope("class", "Store", "class Store", "Keeps values.", 0),
        Scope("function", "get", "get(key)", "", 4),
        Scope("function", "each", "each(value) =>", "All of them.", 5),
    )
    assert outline((), scopes, "//") == (
        "// Keeps values.\nclass Store\n    get(key)\n        // All of them.\n        each(value) =>\n"
    )


def test_an_unknown_template_is_refused() -> None:
    """A model of a family that this version does not know is named, with what to do."""
    with pytest.raises(ModelError, match="'gwen' is unknown"):
        render_at("x<CURSOR>", template="gwen")
