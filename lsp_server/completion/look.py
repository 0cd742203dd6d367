"""What surrounds a snapshot's cursor: its context, and all that filters may look at."""

import asyncio
import functools
import time
from collections.abc import Callable

import msgspec

from lsp_server.base.text import byte_length, content
from lsp_server.completion.types import Candidate, Snapshot, Surroundings
from lsp_server.context.excerpt import Excerpt, excerpt
from lsp_server.context.extract import extract, scopes_around
from lsp_server.context.languages import UNKNOWN, Grammar
from lsp_server.context.syntax import Tree, Unparsed, new_errors, parse
from lsp_server.context.types import Context, Scope
from lsp_server.context.unresolved import unresolved

#: Lines above and below that filters see.
_NEIGHBOURS = 50

#: How long the event loop may wait for one answer about a candidate, in seconds. It takes half a millisecond; a file of
#: which no part can be parsed by itself takes longer, and then goes without the answer.
_CHECK_LIMIT = 0.010


class View(msgspec.Struct, frozen=True):
    """A snapshot understood."""

    snapshot: Snapshot
    context: Context
    surroundings: Surroundings
    tree: Tree | None
    grammar: Grammar | None

    def scopes_around(self, line: int) -> tuple[Scope, ...]:
        """The definitions that enclose a line of the snapshot."""
        return scopes_around(self.grammar, self.tree, self.snapshot.lines, line)


async def look(snapshot: Snapshot, grammar: Grammar | None, special_tokens: tuple[str, ...]) -> View:
    """Read the syntax around the cursor. Waits only where the document is too large to be parsed in passing."""
    tree = snapshot.syntax
    if isinstance(tree, Unparsed):
        unparsed, tree = tree, None
        if grammar is not None:
            tree = await asyncio.get_running_loop().run_in_executor(None, parse, grammar, unparsed)
    context = extract(grammar, tree, snapshot.lines, snapshot.line, snapshot.column)
    judge = _Judge(snapshot, grammar, tree) if grammar is not None and tree is not None else None
    line = content(snapshot.lines[snapshot.line])
    above = snapshot.lines[max(0, snapshot.line - _NEIGHBOURS) : snapshot.line]
    below = snapshot.lines[snapshot.line + 1 : snapshot.line + 1 + _NEIGHBOURS]
    surroundings = Surroundings(
        before=line[: snapshot.column],
        after=line[snapshot.column :],
        lines_above=tuple(map(content, above)),
        lines_below=tuple(map(content, below)),
        language=context.language,
        block_indent=context.block_indent,
        special_tokens=special_tokens,
        line_comments=(grammar.about if grammar else UNKNOWN).line_comments,
        new_errors=judge.new_errors if judge else None,
        unresolved=judge.unresolved if judge else None,
    )
    return View(snapshot, context, surroundings, tree, grammar)


class _Judge:
    """Tells what a candidate would do to the document; what both questions need is found out once."""

    def __init__(self, snapshot: Snapshot, grammar: Grammar, tree: Tree) -> None:
        self._snapshot, self._grammar, self._tree = snapshot, grammar, tree
        self._excerpt: Excerpt | None = None
        self._own: int | None = None

    def new_errors(self, candidate: Candidate) -> int | None:
        """As ``Surroundings.new_errors``."""
        stop = _stop_later()
        part = self._part(stop)
        start, end = self._range(candidate)
        rise = new_errors(
            self._grammar, part.tree, start - part.offset, end - part.offset, candidate.text, stop
        )
        if self._own is None:
            self._own = self._errors_of_line(part, stop)
        return None if rise is None or self._own is None else rise + self._own

    def unresolved(self, candidate: Candidate) -> int | None:
        """As ``Surroundings.unresolved``."""
        stop = _stop_later()
        start, end = self._range(candidate)
        return unresolved(
            self._grammar, self._tree, lambda: self._part(stop), start, end, candidate.text, stop
        )

    def _errors_of_line(self, part: Excerpt, stop: Callable[[], bool]) -> int | None:
        """How many of the errors go when the cursor's line is taken out: they are the half-written line's, and the
        candidate should mend them."""
        if not part.tree.root.has_error:
            return 0
        line = content(self._snapshot.lines[self._snapshot.line])
        start = self._start - byte_length(line[: self._snapshot.column]) - part.offset
        without = new_errors(self._grammar, part.tree, start, start + byte_length(line), "", stop)
        return None if without is None else max(0, -without)

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


def _stop_later() -> Callable[[], bool]:
    limit = time.perf_counter() + _CHECK_LIMIT
    return lambda: time.perf_counter() > limit
