import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.base.text import (
    PositionEncoding,
    byte_length,
    content,
    join_surrogates,
    split_lines,
    to_bytes,
    to_character,
    to_column,
)

ENCODINGS: tuple[PositionEncoding, ...] = ("utf-8", "utf-16", "utf-32")
CODEC = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}

#: Characters that other programs take for line ends, characters of one to four bytes, and half a pair.
characters = st.sampled_from(list("ab \t\x0b\x0c\x1c\x85\u2028\u00e9\u20ac\U0001f600\ude00"))


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("a", ["a"]),
        ("a\n", ["a\n", ""]),
        ("a\rb\r\nc\nd", ["a\r", "b\r\n", "c\n", "d"]),
        ("\r\r\n\n", ["\r", "\r\n", "\n", ""]),
        ("a\x0bb\x0cc\x1cd\x85e\u2028f\u2029g\x1dh\x1ei", ["a\x0bb\x0cc\x1cd\x85e\u2028f\u2029g\x1dh\x1ei"]),
    ],
)
def test_line_ends(text: str, lines: list[str]) -> None:
    """Only \\n, \\r\\n and \\r end a line, and the last line has no end."""
    assert split_lines(text) == lines


@given(st.text(characters | st.sampled_from("\r\n")))
def test_lines_join_to_text(text: str) -> None:
    """Splitting loses nothing, and no line's content holds a line end."""
    lines = split_lines(text)
    assert "".join(lines) == text
    assert not any("\n" in content(line) or "\r" in content(line) for line in lines)
    assert all(content(line) != line for line in lines[:-1])
    assert content(lines[-1]) == lines[-1]


@pytest.mark.parametrize(
    ("line", "character", "encoding", "column"),
    [
        ("a\U0001f600b\n", 1, "utf-16", 1),
        ("a\U0001f600b\n", 2, "utf-16", 1),  # between the halves
        ("a\U0001f600b\n", 3, "utf-16", 2),
        ("a\U0001f600b\n", 3, "utf-8", 1),  # between the bytes
        ("a\U0001f600b\n", 5, "utf-8", 2),
        ("a\U0001f600b\n", 2, "utf-32", 2),
        ("\U0001f600\U0001f600", 3, "utf-16", 1),
        ("ab\r\n", 3, "utf-16", 2),  # between \r and \n
        ("ab\r\n", 99, "utf-8", 2),
        ("\u20ac\n", 99, "utf-8", 1),
        ("ab", -1, "utf-16", 0),
        ("\u20ac", -1, "utf-8", 0),
        ("\ud83dx", 1, "utf-16", 1),
        ("\ud83dx", 3, "utf-8", 1),
        ("\ud83d\ude00x", 2, "utf-16", 2),  # halves that were never joined
    ],
)
def test_columns(line: str, character: int, encoding: PositionEncoding, column: int) -> None:
    """An offset is clamped to the line's content, and to the front of the character that it is in."""
    assert to_column(line, character, encoding) == column


@given(
    st.text(characters), st.sampled_from(ENCODINGS), st.integers(0, 30), st.sampled_from(["", "\n", "\r\n"])
)
def test_columns_agree_with_the_codecs(
    body: str, encoding: PositionEncoding, column: int, line_end: str
) -> None:
    """An offset is the encoded length of what is before it, and leads back to the same column."""
    column = min(column, len(body))
    codec, unit = CODEC[encoding]
    character = len(body[:column].encode(codec, "surrogatepass")) // unit
    assert to_character(body + line_end, column, encoding) == character
    assert to_column(body + line_end, character, encoding) == column


@given(st.text(characters))
def test_bytes_are_valid_and_as_long_as_said(text: str) -> None:
    """Whatever is in the text, its bytes are valid UTF-8 with one character for each."""
    data = to_bytes([text])
    assert len(data) == byte_length(text)
    assert len(data.decode()) == len(text)


def test_surrogate_halves_join() -> None:
    """Two halves that meet are one character; others stay as they are."""
    assert join_surrogates("a\ud83d\ude00b\ud83d\ud83d\ude00\ude00") == "a\U0001f600b\ud83d\U0001f600\ude00"
