"""Where a text may part from the one that was written."""

import pytest

from lsp_server.engine.partings import partings


@pytest.mark.parametrize(
    ("written", "first", "others", "expected"),
    [
        # The first characters, but for the text's own.
        ("return", {"r": 0.7, "y": 0.2, "\n": 0.1}, [], {"y": 0.2, "\n": 0.1}),
        # Tokens that agree for a while: the first character that differs tells; alike ones are one.
        ("self.x", {}, [(b"set", 0.2), (b"self.y", 0.1), (b"self.yz", 0.05)], {"set": 0.2, "self.y": 0.15}),
        # What parts with its first character is known from all tokens.
        ("abc", {"a": 0.5, "x": 0.3}, [(b"x", 0.2), (b"abd", 0.1)], {"x": 0.3, "abd": 0.1}),
        # Another way to cut the same text, and half a character, part nowhere.
        ("naïve", {}, [(b"na", 0.3), (b"na\xc3", 0.2), ("naï".encode(), 0.1)], {}),
        # A text that goes on where the written one ends.
        ("x", {}, [(b"xy", 0.1)], {"xy": 0.1}),
        # Nothing was written: all first characters.
        ("", {"a": 0.5, "b": 0.2}, [], {"a": 0.5, "b": 0.2}),
        # Not worth a thought.
        ("x", {"y": 0.009}, [(b"xy", 0.009)], {}),
    ],
)
def test_partings(
    written: str, first: dict[str, float], others: list[tuple[bytes, float]], expected: dict[str, float]
) -> None:
    """As the remarks say."""
    found = partings(written, first, others)
    assert dict(found) == pytest.approx(expected)
    assert [share for _, share in found] == sorted((share for _, share in found), reverse=True)
