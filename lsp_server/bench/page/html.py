"""Text that is HTML already, and text that is not: only the first goes into a page as it is. Knows no layout."""

from collections.abc import Iterable
from html import escape


class Html(str):
    """Text whose markup is meant. Everything else is escaped where it meets a page."""

    __slots__ = ()


def html(part: str) -> str:
    """A part as it stands in a page."""
    return part if isinstance(part, Html) else escape(str(part))


def join(parts: Iterable[str], between: str = "") -> Html:
    """Parts in a row; those that are not HTML are escaped."""
    return Html(between.join(html(part) for part in parts))


def tag(name: str, *inside: str, **attributes: str | float) -> Html:
    """An element. An attribute's name has ``_`` for ``-``; one that ends with it is a word of Python (``class_``).

    Args:
        inside: its parts, in a row.
    """
    return Html(f"<{_head(name, attributes)}>{join(inside)}</{name}>")


def lone(name: str, **attributes: str | float) -> Html:
    """An SVG element with nothing inside."""
    return Html(f"<{_head(name, attributes)}/>")


def _head(name: str, attributes: dict[str, str | float]) -> str:
    named = (f'{key.rstrip("_").replace("_", "-")}="{_value(value)}"' for key, value in attributes.items())
    return " ".join((name, *named))


def _value(value: str | float) -> str:
    return escape(value) if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
