"""Bytes of an answer, in whatever pieces they come, to the JSON texts in it. Pure.

Server-sent events as https://html.spec.whatwg.org/multipage/server-sent-events.html has them, of which only ``data`` is
looked at; or one JSON text a line (NDJSON).
"""

from collections.abc import Iterator
from typing import Literal

Kind = Literal["events", "lines"]

#: Longest line, and longest answer, in bytes. The last event of llama-server holds the prompt, if it is not told to
#: leave it out.
LONGEST_LINE, LONGEST_ANSWER = 1 << 20, 1 << 23


class Overlong(Exception):
    """The answer is longer than any that makes sense."""


class Events:
    """Takes pieces, gives texts."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._rest = b""  # of a line
        self._data: list[bytes] = []  # of an event
        self._length = 0

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The texts that a piece completes. One that is not complete when the answer ends is dropped.

        Raises:
            Overlong: see there.
        """
        self._length += len(piece)
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            yield from self._line(line.removesuffix(b"\r"))
        if len(self._rest) > LONGEST_LINE or self._length > LONGEST_ANSWER:
            raise Overlong

    def _line(self, line: bytes) -> Iterator[bytes]:
        if len(line) > LONGEST_LINE:
            raise Overlong
        if self._kind == "lines":
            if line.strip():
                yield line
        elif not line:
            if self._data:
                yield b"\n".join(self._data)
                self._data = []
        elif line.startswith(b"data:"):
            self._data.append(line[len(b"data:") :].removeprefix(b" "))
