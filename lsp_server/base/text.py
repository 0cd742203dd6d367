"""Lines and positions in text: LSP's line ends, and its three ways to count along a line.

Inside Offhand a position is a line and a column in code points. Does not know what a document is.

Text that came through JSON may hold half a surrogate pair; nothing here raises for it. It counts as one
UTF-16 unit and, like U+FFFD which replaces it in bytes, as three bytes.
"""

import io
import re
from collections.abc import Iterable
from typing import Literal

PositionEncoding = Literal["utf-8", "utf-16", "utf-32"]

_ASTRAL = re.compile("[\U00010000-\U0010ffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_SURROGATE_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def split_lines(text: str) -> list[str]:
    """Split at \\n, \\r\\n and \\r alone (LSP 3.18, "Text Documents"), which stay on their lines.

    ``str.splitlines`` also splits at form feeds, U+2028 and others, and so disagrees with every editor.

    Returns:
        at least one line; the last one has no line end and may be empty.
    """
    lines = list(io.StringIO(text, newline=""))
    if not lines or lines[-1][-1] in "\r\n":
        lines.append("")
    return lines


def content(line: str) -> str:
    """The line without its line end."""
    if line.endswith("\r\n"):
        return line[:-2]
    return line[:-1] if line.endswith(("\n", "\r")) else line


def to_column(line: str, character: int, encoding: PositionEncoding) -> int:
    """Turn an LSP character offset into code points.

    An offset beyond the line's content means its end; one inside a character means the front of that
    character.
    """
    body = content(line)
    if encoding == "utf-32" or body.isascii():
        column = character
    elif encoding == "utf-16":
        column = character
        for match in _ASTRAL.finditer(body):
            if match.start() >= column:
                break
            column -= 1
    else:
        data = body.encode("utf-8", "surrogatepass")
        while 0 < character < len(data) and data[character] & 0xC0 == 0x80:
            character -= 1
        column = len(data[: max(character, 0)].decode("utf-8", "surrogatepass"))
    return min(max(column, 0), len(body))


def to_character(line: str, column: int, encoding: PositionEncoding) -> int:
    """Turn code points into an LSP character offset; the inverse of ``to_column``."""
    before = content(line)[: max(column, 0)]
    if encoding == "utf-32" or before.isascii():
        return len(before)
    if encoding == "utf-16":
        return len(before) + len(_ASTRAL.findall(before))
    return byte_length(before)


def byte_length(text: str) -> int:
    """Length of ``text`` in UTF-8, half a surrogate pair counting as three bytes."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def to_bytes(lines: Iterable[str]) -> bytes:
    """The lines in UTF-8, with U+FFFD for half a surrogate pair: as many bytes as ``byte_length`` says."""
    text = "".join(lines)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _SURROGATE.sub("\ufffd", text).encode()


def join_surrogates(text: str) -> str:
    """Make one character of two adjacent halves of a surrogate pair, as an editor that counts UTF-16 does."""
    if text.isascii():
        return text
    return _SURROGATE_PAIR.sub(
        lambda pair: pair.group().encode("utf-16-le", "surrogatepass").decode("utf-16-le"), text
    )
