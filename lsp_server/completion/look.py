"""What surrounds a snapshot's cursor: its context, and all that filters may look at."""

import asyncio

import msgspec

from lsp_server.base.text import content
from lsp_server.completion.judge import Judge
from lsp_server.completion.types import Snapshot, Surroundings
from lsp_server.context.extract import extract, scopes_around, string_at
from lsp_server.context.languages import UNKNOWN, Grammar, Language
from lsp_server.context.syntax import Tree, Unparsed, parse
from lsp_server.context.types import Context, Scope

#: Lines above and below that filters see.
_NEIGHBOURS = 50


class View(msgspec.Struct, frozen=True):
    """A snapshot understood.

    Attributes:
        about: its language; what is taken for granted of any, where nothing is known of it.
    """

    snapshot: Snapshot
    context: Context
    surroundings: Surroundings
    tree: Tree | None
    about: Language

    def scopes_around(self, line: int) -> tuple[Scope, ...]:
        """The definitions that enclose a line of the snapshot."""
        return scopes_around(self.about, self.tree, self.snapshot.lines, line)


async def look(
    snapshot: Snapshot,
    grammar: Grammar | None,
    special_tokens: tuple[str, ...],
    about: Language = UNKNOWN,
) -> View:
    """Read the syntax around the cursor. Waits only where the document is too large to be parsed in passing.

    Args:
        about: what is known of the language where there is no grammar.
    """
    about = grammar.about if grammar else about
    tree = snapshot.syntax
    if isinstance(tree, Unparsed):
        unparsed, tree = tree, None
        if grammar is not None:
            tree = await asyncio.get_running_loop().run_in_executor(None, parse, grammar, unparsed)
    context = extract(grammar, tree, snapshot.lines, snapshot.line, snapshot.column, about)
    judge = Judge(snapshot, grammar, tree) if grammar is not None and tree is not None else None
    line = content(snapshot.lines[snapshot.line])
    first = max(0, snapshot.line - _NEIGHBOURS)
    above = snapshot.lines[first : snapshot.line]
    below = snapshot.lines[snapshot.line + 1 : snapshot.line + 1 + _NEIGHBOURS]
    surroundings = Surroundings(
        before=line[: snapshot.column],
        after=line[snapshot.column :],
        lines_above=tuple(map(content, above)),
        open_above=string_at(grammar, tree, snapshot.lines, first),
        lines_below=tuple(map(content, below)),
        language=context.language,
        block_indent=context.block_indent,
        special_tokens=special_tokens,
        line_comments=about.line_comments,
        block_closers=about.block_closers,
        block_ends=about.block_ends,
        new_errors=judge.new_errors if judge else None,
        unresolved=judge.unresolved if judge else None,
    )
    return View(snapshot, context, surroundings, tree, about)
