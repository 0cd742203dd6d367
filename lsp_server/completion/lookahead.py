"""After an answer, never before it: compute what follows its acceptance, one step (llama.vim does so too).

The rest of speculation (branches, prefill) will live beside this.
"""

import asyncio

from lsp_server.completion import snapshot as snapshots
from lsp_server.completion.pipeline import speculate
from lsp_server.completion.session import Session
from lsp_server.completion.types import Snapshot, Suggestion
from lsp_server.context.headers import opens_block
from lsp_server.context.lexing import read


def after(session: Session, snapshot: Snapshot, suggestion: Suggestion) -> None:
    """Begin to compute the completion at the end of ``suggestion``, as if it were accepted already.

    It stops as soon as a real request comes: see ``Session.stop_speculation``.
    """
    if session.streaming is not None and not session.streaming.done():
        return  # the suggestion itself is not whole yet
    session.stop_speculation()
    session.speculation = asyncio.get_running_loop().create_task(_next(session, snapshot, suggestion))


async def _next(session: Session, snapshot: Snapshot, suggestion: Suggestion) -> None:
    accepted = snapshots.insert(snapshot, suggestion.text, snapshot.column, suggestion.replace)
    if await speculate(session, accepted) is None:  # the line is complete: Enter comes next
        newline = "\n" + _next_indentation(session, accepted)
        await speculate(session, snapshots.insert(accepted, newline, accepted.column, 0))
    session.metrics.speculations += 1


def _next_indentation(session: Session, snapshot: Snapshot) -> str:
    """What an editor that indents by itself puts on the line after the cursor's."""
    line = snapshot.lines[snapshot.line][: snapshot.column]
    indentation = line[: len(line) - len(line.lstrip())]
    grammar = session.grammar(snapshot.language)
    if grammar is not None and opens_block(grammar.about, read(grammar.about, line).code.strip()):
        indentation += "\t" if "\t" in indentation else " " * grammar.about.indent_unit
    return indentation
