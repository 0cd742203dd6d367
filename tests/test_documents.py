"""The store against an oracle that cuts the whole encoded text, and its trees against fresh parses."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from parsers import grammar

from lsp_server.base.text import PositionEncoding, content, join_surrogates, split_lines
from lsp_server.context.languages import Grammar
from lsp_server.context.syntax import MAX_PARSED_BYTES, Edit, parse, to_source
from lsp_server.workspace.documents import MAX_EDITS, Change, Document, Documents

CODEC = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}

encodings = st.sampled_from(["utf-8", "utf-16", "utf-32"])
fragments = st.sampled_from(
    (
        *("a", " ", "\n", "\r", "\r\n", "\x0c", "\u2028", "\x85", "\x1c"),
        *("\u00e9", "\u20ac", "\U0001f600", "\ud83d", "\ude00"),
    )
)
texts = st.lists(fragments, max_size=12).map("".join)
positions = st.tuples(st.integers(0, 8), st.integers(0, 12))
changes = st.one_of(
    st.builds(Change, text=texts, start=positions, end=positions),
    st.builds(Change, text=texts, start=positions, end=positions),
    st.builds(Change, text=texts, start=positions, end=positions),
    st.builds(Change, text=texts),
)
notifications = st.lists(st.lists(changes, min_size=1, max_size=4), max_size=6)


def offset(text: str, position: tuple[int, int], encoding: PositionEncoding) -> int:
    """Where an LSP position is in the encoded text, found by walking over its characters."""
    codec, unit = CODEC[encoding]
    lines = split_lines(text)
    line, character = position
    if line >= len(lines):
        return len(text.encode(codec, "surrogatepass"))
    before = "".join(lines[:line])
    for char in content(lines[line]):
        width = len(char.encode(codec, "surrogatepass")) // unit
        if width > character:
            break
        character -= width
        before += char
    return len(before.encode(codec, "surrogatepass"))


def oracle(text: str, change: Change, encoding: PositionEncoding) -> str:
    """The text after a change, cut as bytes of the position's own encoding."""
    if change.start is None:
        return join_surrogates(change.text)
    codec, _ = CODEC[encoding]
    data = text.encode(codec, "surrogatepass")
    start, end = sorted((offset(text, change.start, encoding), offset(text, change.end, encoding)))
    changed = data[:start] + change.text.encode(codec, "surrogatepass") + data[end:]
    return join_surrogates(changed.decode(codec, "surrogatepass"))


@settings(max_examples=250, deadline=None)
@given(texts, encodings, notifications)
@example("a\rb\nc", "utf-16", [[Change("", (1, 0), (1, 1))]])  # deleting b makes one line end of two
@example("a\rb", "utf-16", [[Change("\n", (1, 0), (1, 0))]])
@example("a\r\nb", "utf-16", [[Change("\r", (0, 1), (0, 1))]])
@example("a\nb", "utf-16", [[Change("\r", (0, 1), (0, 1))]])
@example("\ud83d", "utf-16", [[Change("\ude00", (0, 1), (0, 1))]])
@example("\ud83da\ude00", "utf-16", [[Change("", (0, 1), (0, 2))]])
def test_edits_as_on_the_whole_text(
    text: str, encoding: PositionEncoding, notifications: list[list[Change]]
) -> None:
    """After any edits the document is what an editor that holds one long string has."""
    document = Document("file:///a.py", "python", 0, text)
    expected = join_surrogates(text)
    for version, edits in enumerate(notifications, start=1):
        for change in edits:
            expected = oracle(expected, change, encoding)
        document.apply(edits, version, encoding)
        assert document.text == expected
        assert document.lines == split_lines(expected)
        assert document.snapshot_lines() == tuple(document.lines)
        assert document.version == version


def _after(source: bytes, edit: Edit) -> tuple[int, int]:
    start = source.rfind(b"\n", 0, edit.new_end_byte) + 1
    return source.count(b"\n", 0, start), edit.new_end_byte - start


@settings(max_examples=250, deadline=None)
@given(texts, encodings, notifications)
@example("a\rb\nc", "utf-16", [[Change("", (1, 0), (1, 1))]])
@example("a\nb", "utf-16", [[Change("x\r", (0, 1), (0, 1))]])
def test_recorded_edits(text: str, encoding: PositionEncoding, notifications: list[list[Change]]) -> None:
    """Each recorded edit names exactly the bytes that changed, and points that agree with its offsets."""
    document = Document("file:///a.py", "python", 0, text)
    for change in (change for edits in notifications for change in edits):
        old = to_source(document.lines)
        recorded = len(document.unparsed().edits)
        document.apply([change], 1, encoding)
        if change.start is None:
            assert document.unparsed().edits == ()
            continue
        new = to_source(document.lines)
        edits = document.unparsed().edits
        assert len(edits) == recorded + 1
        edit = edits[-1]
        assert new[: edit.start_byte] == old[: edit.start_byte]
        assert new[edit.new_end_byte :] == old[edit.old_end_byte :]
        assert edit.new_end_point == _after(new, edit)
        for offset_, point in (
            (edit.start_byte, edit.start_point),
            (edit.old_end_byte, edit.old_end_point),
        ):
            start = old.rfind(b"\n", 0, offset_) + 1
            assert point == (old.count(b"\n", 0, start), offset_ - start)


def test_typing_keeps_crlf() -> None:
    """A CRLF file whose editor types \\r\\n stays CRLF, and knows that it is one."""
    document = Document("file:///a.py", "python", 0, "a\r\nb\r\nc\n")
    document.apply([Change("\r\n    x", (0, 1), (0, 1))], 1, "utf-16")
    assert document.lines == ["a\r\n", "    x\r\n", "b\r\n", "c\n", ""]
    assert document.line_ending == "\r\n"


@pytest.mark.parametrize(
    ("text", "ending"), [("", "\n"), ("a", "\n"), ("a\rb\rc\n", "\r"), ("a\nb\nc\r\n", "\n")]
)
def test_line_ending_is_the_most_frequent(text: str, ending: str) -> None:
    """The dominant line end counts; a text without any gets \\n."""
    assert Document("file:///a.py", "python", 0, text).line_ending == ending


def test_positions_are_clamped() -> None:
    """A position outside the document means the nearest one inside."""
    document = Document("file:///a.py", "python", 0, "ab\r\ncd")
    assert document.column(0, 99, "utf-16") == (0, 2)
    assert document.column(99, 0, "utf-16") == (1, 2)


def test_snapshot_stays_what_it_was() -> None:
    """A snapshot does not follow the document, and is not made twice for one state."""
    document = Document("file:///a.py", "python", 0, "a\n")
    snapshot = document.snapshot_lines()
    assert document.snapshot_lines() is snapshot
    document.apply([Change("b", (0, 0), (0, 0))], 1, "utf-16")
    assert snapshot == ("a\n", "")
    assert document.snapshot_lines() == ("ba\n", "")


def test_documents_tolerate_confused_editors() -> None:
    """A second open replaces; a change or close of what is not open does nothing."""
    documents = Documents()
    documents.open("file:///a.py", "python", 1, "old")
    document = documents.open("file:///a.py", "python", 1, "new")
    assert documents.get("file:///a.py") is document
    assert documents.change("file:///a.py", [Change("er", (0, 3), (0, 3))], 2, "utf-16") is document
    assert document.text == "newer"
    assert documents.change("file:///b.py", [Change("x")], 1, "utf-16") is None
    documents.close("file:///b.py")
    documents.close("file:///a.py")
    assert documents.get("file:///a.py") is None


@pytest.fixture(scope="module")
def python() -> Grammar:
    return grammar("python")


def test_tree_follows_its_document(python: Grammar) -> None:
    """The tree is made once for each revision, and the old one is left as it was."""
    document = Document("file:///a.py", "python", 0, "def f():\n    pass\n")
    old = document.parse(python)
    assert old is not None
    assert document.parse(python) is old
    shape = str(old.root)
    document.apply([Change("x = 1\n", (0, 0), (0, 0))], 1, "utf-16")
    new = document.parse(python)
    assert new is not None
    assert new.source == b"x = 1\ndef f():\n    pass\n"
    assert (str(old.root), old.root.child(0).start_byte) == (shape, 0)


def test_late_tree_is_brought_up_to_date_or_dropped(python: Grammar) -> None:
    """A tree made in a thread while the user typed is still good to start from, unless all was replaced."""
    document = Document("file:///a.py", "python", 0, "x = 1\n")
    job = document.unparsed()
    document.apply([Change("2", (0, 5), (0, 5))], 1, "utf-16")
    late = parse(python, job)
    assert late is not None
    document.keep(late)
    assert document.tree is late
    assert len(document.unparsed().edits) == 1
    assert document.parse(python).source == b"x = 12\n"  # type: ignore[union-attr]
    document.apply([Change("y")], 2, "utf-16")
    document.keep(late)
    assert document.tree is None


def test_stopped_parse_changes_nothing(python: Grammar) -> None:
    """A parse that takes too long is given up, and the next one starts over."""
    document = Document("file:///a.py", "python", 0, "x = [1, 2]\n" * 2000)
    assert document.parse(python, stop=lambda: True) is None
    assert document.tree is None
    assert document.parse(python, stop=lambda: False) is not None


def test_huge_documents_are_not_parsed(python: Grammar) -> None:
    """Above the limit there is no tree, and no edits are kept for one."""
    document = Document("file:///a.py", "python", 0, "x" * MAX_PARSED_BYTES)
    assert document.parse(python) is not None
    document.apply([Change("y", (0, 0), (0, 0))], 1, "utf-16")
    assert document.parse(python) is None
    assert document.unparsed().edits == ()
    document.apply([Change("", (0, 0), (0, 1))], 2, "utf-16")
    assert document.parse(python) is not None


def test_edits_do_not_pile_up() -> None:
    """A document that nobody parses does not remember all its edits."""
    document = Document("file:///a.py", "python", 0, "")
    for version in range(3 * MAX_EDITS):
        document.apply([Change("x", (0, 0), (0, 0))], version, "utf-16")
        assert len(document.unparsed().edits) <= MAX_EDITS
