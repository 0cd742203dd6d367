"""What a candidate would do to its document: add parse errors, use names that do not exist.

Keeps the event loop's time: each answer has a limit. Does not know what follows from an answer."""

import functools
import time
from collections.abc import Callable

from lsp_server.base.text import byte_length, content
from lsp_server.completion.types import Candidate, Snapshot
from lsp_server.context.excerpt import Excerpt, excerpt
from lsp_server.context.languages import Grammar
from lsp_server.context.syntax import Tree, new_errors
from lsp_server.context.unresolved import unresolved

#: How long the event loop may wait for one answer about a candidate, in seconds. It takes half a millisecond; a file of
#: which no part can be parsed by itself takes longer, and then goes without the answer.
_CHECK_LIMIT = 0.010


class Judge:
    """Answers for one snapshot; what several answers need is found out once."""

    def __init__(self, snapshot: Snapshot, grammar: Grammar, tree: Tree) -> None:
        self._snapshot, self._grammar, self._tree = snapshot, grammar, tree
        self._excerpt: Excerpt | None = None
        self._own: dict[int, int | None] = {}
        self._left = _CHECK_LIMIT

    def new_errors(self, candidate: Candidate) -> int | None:
        """As ``Surroundings.new_errors``."""
        stop = _stop_later(_CHECK_LIMIT)
        part = self._part(stop)
        rise = self._rise(part, candidate, stop)
        if rise is None or rise <= 0 or part.tree is self._tree:
            return rise
        # Any part may have been cut out at the wrong place. The whole is asked too, as long as there is time.
        whole = None
        if self._left > 0:
            began = time.perf_counter()
            whole = self._rise(Excerpt(self._tree, 0), candidate, _stop_later(self._left))
            self._left -= time.perf_counter() - began
        if whole is None:
            return rise if part.certain else None
        return min(rise, whole)

    def _rise(self, part: Excerpt, candidate: Candidate, stop: Callable[[], bool]) -> int | None:
        start, end = self._range(candidate)
        rise = new_errors(
            self._grammar, part.tree, start - part.offset, end - part.offset, candidate.text, stop
        )
        if rise is None:
            return None
        own = self._own.get(len(part.tree.source))
        if own is None:
            own = self._own[len(part.tree.source)] = self._errors_of_line(part, stop)
        return None if own is None else rise + own

    def _errors_of_line(self, part: Excerpt, stop: Callable[[], bool]) -> int | None:
        """How many of the errors go when the cursor's line is taken out: they are the half-written line's, and the
        candidate should mend them."""
        if not part.tree.root.has_error:
            return 0
        line = content(self._snapshot.lines[self._snapshot.line])
        start = self._start - byte_length(line[: self._snapshot.column]) - part.offset
        without = new_errors(self._grammar, part.tree, start, start + byte_length(line), "", stop)
        return None if without is None else max(0, -without)

    def unresolved(self, candidate: Candidate) -> int | None:
        """As ``Surroundings.unresolved``."""
        stop = _stop_later(_CHECK_LIMIT)
        start, end = self._range(candidate)
        return unresolved(
            self._grammar, self._tree, lambda: self._part(stop), start, end, candidate.text, stop
        )

    @functools.cached_property
    def _start(self) -> int:
        """The cursor, in bytes of the document."""
        lines, row = self._snapshot.lines, self._snapshot.line
        width = len if self._tree.source.isascii() else byte_length
        return sum(map(width, lines[:row])) + width(lines[row][: self._snapshot.column])

    def _range(self, candidate: Candidate) -> tuple[int, int]:
        """What a candidate takes the place of, in bytes of the document."""
        column = self._snapshot.column
        replaced = self._snapshot.lines[self._snapshot.line][column : column + candidate.replace]
        return self._start, self._start + byte_length(replaced)

    def _part(self, stop: Callable[[], bool]) -> Excerpt:
        if self._excerpt is None:
            self._excerpt = excerpt(self._grammar, self._tree, self._start, stop)
        return self._excerpt


def _stop_later(seconds: float) -> Callable[[], bool]:
    limit = time.perf_counter() + seconds
    return lambda: time.perf_counter() > limit
