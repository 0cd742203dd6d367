"""What surrounds a snapshot's cursor: its context, and all that filters may look at."""

import asyncio
import time
from collections.abc import Callable

import msgspec

from lsp_server.base.text import byte_length, content
from lsp_server.completion.types import Candidate, Snapshot, Surroundings
from lsp_server.context.extract import extract, scopes_around
from lsp_server.context.languages import UNKNOWN, Grammar
from lsp_server.context.syntax import Tree, Unparsed, new_errors, parse
from lsp_server.context.types import Context, Scope

#: Lines above and below that filters see.
_NEIGHBOURS = 50

#: How long the event loop may wait for one answer to "how many errors would this add", in seconds. It takes 0.2 ms in
#: a 100 kB file; a file that is one long error takes longer, and then goes without the answer.
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
        new_errors=_counter(snapshot, grammar, tree),
    )
    return View(snapshot, context, surroundings, tree, grammar)


def _counter(
    snapshot: Snapshot, grammar: Grammar | None, tree: Tree | None
) -> Callable[[Candidate], int | None] | None:
    """The function that tells how many parse errors a candidate would add."""
    if grammar is None or tree is None:
        return None
    known = (grammar, tree)

    def count(candidate: Candidate) -> int | None:
        line = snapshot.lines[snapshot.line]
        start = sum(map(byte_length, snapshot.lines[: snapshot.line])) + byte_length(line[: snapshot.column])
        end = start + byte_length(line[snapshot.column : snapshot.column + candidate.replace])
        limit = time.perf_counter() + _CHECK_LIMIT
        return new_errors(*known, start, end, candidate.text, lambda: time.perf_counter() > limit)

    return count
