"""Excerpts of a document, and names that certainly do not exist; ``cases/filters/names`` has what counts as certain."""

import dataclasses
import inspect

from hypothesis import given, settings
from hypothesis import strategies as st
from parsers import grammar

from lsp_server.context.excerpt import Excerpt, excerpt
from lsp_server.context.syntax import Tree, Unparsed, count_errors, new_errors, parse
from lsp_server.context.unresolved import unresolved

PYTHON = grammar("python")
LONG = inspect.getsource(dataclasses)


def parsed(text: str) -> Tree:
    tree = parse(PYTHON, Unparsed((text,), 0))
    assert tree is not None
    return tree


def first_unknown(document: str, place: int, insertion: str, end: int | None = None) -> int | None:
    tree = parsed(document)
    start = len(document[:place].encode())
    stop = start if end is None else len(document[:end].encode())
    return unresolved(PYTHON, tree, lambda: excerpt(PYTHON, tree, start), start, stop, insertion)


def test_an_excerpt_is_small_and_holds_the_place() -> None:
    """In a long module a question about one line is put to a few dozen lines."""
    tree = parsed(LONG)
    for place in range(0, len(tree.source), 997):
        part = excerpt(PYTHON, tree, place)
        assert part.offset <= place <= part.offset + len(part.tree.source)
        assert tree.source[part.offset :].startswith(part.tree.source)
        assert len(part.tree.source) <= 8_000
        assert count_errors(part.tree.root) == 0


def test_an_excerpt_answers_as_its_document_does() -> None:
    """A half-written line, a good end of it and a bad one: the part finds the same as the whole."""
    place = LONG.index("return _process_class(") + len("return _proc")
    cut = LONG[:place] + LONG[LONG.index("\n", place) :]
    tree = parsed(cut)
    part = excerpt(PYTHON, tree, place)
    assert part.tree is not tree
    for text in ("ess_class(cls)", "ess_class(cls", "ess class", ""):
        whole = new_errors(PYTHON, tree, place, place, text)
        in_part = new_errors(PYTHON, part.tree, place - part.offset, place - part.offset, text)
        assert whole is not None
        assert in_part is not None
        assert (whole > 0) == (in_part > 0), text


def test_places_count_in_code_points() -> None:
    """The place is one in the insertion, whatever the bytes before it; a word begun before the cursor is at 0."""
    document = "größe = 1\nx = "
    assert first_unknown(document, len(document), "größe + «ü» if 0 else länge") is None  # does not parse
    assert first_unknown(document, len(document), "'ü' + größe + länge") == len("'ü' + größe + ")
    assert first_unknown(document + "grö", len(document) + 3, "ßter") == 0


def test_what_is_replaced_is_no_occurrence() -> None:
    """A name that stands only where the insertion will stand exists nowhere."""
    assert first_unknown("x = f(name)\ndef f(): pass\n", 6, "name", 10) == 0


def test_time_is_up() -> None:
    """Who may not parse for long cannot tell."""
    tree = parsed("x = 1\n" * 5_000)
    whole = Excerpt(tree, 0)
    assert unresolved(PYTHON, tree, lambda: whole, 0, 0, "zzz_unknown\n") == 0
    assert (
        unresolved(PYTHON, tree, lambda: whole, 0, len(tree.source), "y = z\n" * 5_000, stop=lambda: True)
        is None
    )


@settings(max_examples=100, deadline=None)
@given(
    st.text(max_size=60),
    st.text(max_size=20),
    st.lists(
        st.sampled_from(["def f(", "x", "\n", "    ", ":", "'''", "ü", "\ud800", ".", "=", "("]), max_size=12
    ),
)
def test_any_text_can_be_asked_about(document: str, more: str, pieces: list[str]) -> None:
    """Neither raises for anything, and what is found is inside the insertion."""
    tree = parsed(document + "\n" + "".join(pieces))
    place = len(tree.source) // 2
    insertion = "".join(pieces) + more
    found = unresolved(PYTHON, tree, lambda: excerpt(PYTHON, tree, place), place, place, insertion)
    assert found is None or 0 <= found < max(1, len(insertion))
