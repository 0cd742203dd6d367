"""What surrounds a snapshot's cursor: its context, and all that filters may look at."""

import asyncio
from collections.abc import Callable

import msgspec

from lsp_server.base.text import byte_length, content
from lsp_server.completion.types import Candidate, Snapshot, Surroundings
from lsp_server.context.extract import extract
from lsp_server.context.languages import Grammar
from lsp_server.context.syntax import Tree, Unparsed, new_errors, parse
from lsp_server.context.types import Context

#: Lines above and below that filters see.
_NEIGHBOURS = 50

#: A reparse takes longer the larger the document; above this (bytes) the syntax filter goes without.
_CHECKED_BYTES = 500_000


class View(msgspec.Struct, frozen=True):
    """A snapshot understood."""

    snapshot: Snapshot
    context: Context
    surroundings: Surroundings
    tree: Tree | None


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
        new_errors=_counter(snapshot, grammar, tree),
    )
    return View(snapshot, context, surroundings, tree)


def _counter(
    snapshot: Snapshot, grammar: Grammar | None, tree: Tree | None
) -> Callable[[Candidate], int | None] | None:
    """The function that tells how many parse errors a candidate would add."""
    if grammar is None or tree is None or len(tree.source) > _CHECKED_BYTES:
        return None
    known = (grammar, tree)

    def count(candidate: Candidate) -> int | None:
        line = snapshot.lines[snapshot.line]
        start = sum(map(byte_length, snapshot.lines[: snapshot.line])) + byte_length(line[: snapshot.column])
        end = start + byte_length(line[snapshot.column : snapshot.column + candidate.replace])
        return new_errors(*known, start, end, candidate.text)

    return count
