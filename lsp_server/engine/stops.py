"""Where a completion ends, seen from its text alone. Pure; knows neither tokens nor the model."""

import re
from typing import AnyStr

from lsp_server.engine.messages import FinishReason, Stop

_TAB = 8


def cut(text: str, stop: Stop) -> tuple[str, FinishReason] | None:
    """Return the finished completion and why it ends, or ``None`` while ``text`` may go on."""
    if stop.kind == "line":
        return (text.split("\n", 1)[0], "line") if "\n" in text else None
    lines = text.split("\n")
    for number, line in enumerate(lines[1:], 1):
        if line.strip() and _columns(line) <= stop.indent:
            if _columns(line) == stop.indent:
                whole = number < len(lines) - 1
                if not whole and _may_close(line.strip(), stop.closers):
                    return None
                if whole and closes(line, stop.closers):
                    number += 1
            return _joined(lines[:number]), "block"
    longest = _longest(lines, stop)
    return (_joined(lines[:longest]), "block") if len(lines) > longest else None


def closes(line: str, closers: tuple[str, ...]) -> bool:
    """Whether a line does nothing but end a block, and what that block is an argument of."""
    return line.strip().rstrip(");,") in closers


def _may_close(begun: str, closers: tuple[str, ...]) -> bool:
    return closes(begun, closers) or any(closer.startswith(begun) for closer in closers)


def unfinished(text: str, stop: Stop) -> str:
    """Return what is worth keeping of a completion that ran out of time or tokens.

    A block loses its last line, unless that is its only one; a line loses its last word, which may be half of one.
    """
    return complete_lines(text, stop) or without_blank_end(re.sub(r"\w+\Z", "", text))


def agree(one: AnyStr, other: AnyStr) -> bool:
    """Whether one is a beginning of the other: what is being written, and what is typed meanwhile."""
    return one.startswith(other) or other.startswith(one)


def without_blank_end(text: str) -> str:
    """Return a completion without blank lines at its end; empty if it is blank altogether and has several lines."""
    return _joined(text.split("\n")) if "\n" in text else text


def complete_lines(text: str, stop: Stop) -> str:
    """Return the lines of a running block that will not change any more; empty while there are none."""
    return "" if stop.kind == "line" else _joined(text.split("\n")[:-1])


def _longest(lines: list[str], stop: Stop) -> int:
    """Lines that the block may have; the rest of the cursor's own line counts only if something is written there."""
    return stop.max_lines if lines[0].strip() else stop.max_lines + 1


def _joined(lines: list[str]) -> str:
    """The lines without blank ones at the end; nothing if all are blank."""
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    return "\n".join(lines)


def _columns(line: str) -> int:
    expanded = line.expandtabs(_TAB)
    return len(expanded) - len(expanded.lstrip())
