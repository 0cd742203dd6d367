"""Taking snapshots, and the snapshots that would be if a text were inserted. Knows nothing of LSP."""

import os
import time
from pathlib import PurePath
from urllib.parse import unquote, urlsplit

import msgspec

from lsp_server.base.text import byte_length, content, split_lines
from lsp_server.completion.types import Snapshot
from lsp_server.context.languages import Grammar
from lsp_server.context.syntax import Edit, Tree, Unparsed
from lsp_server.workspace.documents import Document

#: How long the event loop may wait for a parse, in seconds. A key in a 100 kB file takes well under a millisecond.
_PARSE_LIMIT = 0.005


def take(
    document: Document, grammar: Grammar | None, line: int, column: int, *, invoked: bool = False
) -> Snapshot:
    """Freeze a document as it is now.

    Args:
        line, column: the cursor, clamped to the document; column in code points.
    """
    lines = document.snapshot_lines()
    line = min(max(line, 0), len(lines) - 1)
    return Snapshot(
        uri=document.uri,
        path=short_path(document.uri),
        language=grammar.about.name if grammar else document.language_id,
        version=document.version,
        lines=lines,
        line=line,
        column=min(max(column, 0), len(content(lines[line]))),
        syntax=_syntax(document, grammar),
        invoked=invoked,
    )


def _syntax(document: Document, grammar: Grammar | None) -> Tree | Unparsed | None:
    if grammar is None or document.too_large:
        return None
    limit = time.perf_counter() + _PARSE_LIMIT
    return document.parse(grammar, lambda: time.perf_counter() > limit) or document.unparsed()


def short_path(uri: str) -> str:
    """The last three components of a document's path: what the model was trained to see."""
    parts = urlsplit(uri)
    path = unquote(parts.path or uri).replace(os.sep, "/")
    return "/".join(part for part in PurePath(path).parts[-3:] if part != "/")


def insert(snapshot: Snapshot, text: str, start: int, replace: int) -> Snapshot:
    """The snapshot that would be after ``text`` took the place of everything from column ``start`` on the cursor's
    line to ``replace`` characters behind the cursor; the cursor stands at its end."""
    line = snapshot.lines[snapshot.line]
    block = split_lines(line[:start] + text + line[snapshot.column + replace :])
    inserted = split_lines(text)
    if snapshot.line < len(snapshot.lines) - 1:
        block.pop()  # the empty rest behind the line's own end
    lines = (*snapshot.lines[: snapshot.line], *block, *snapshot.lines[snapshot.line + 1 :])
    return msgspec.structs.replace(
        snapshot,
        lines=lines,
        line=snapshot.line + len(inserted) - 1,
        column=len(inserted[-1]) + (start if len(inserted) == 1 else 0),
        syntax=None if snapshot.syntax is None else _edited(snapshot, text, start, replace, lines),
    )


def _edited(snapshot: Snapshot, text: str, start: int, replace: int, lines: tuple[str, ...]) -> Unparsed:
    """What makes the tree of ``lines`` out of what the snapshot has; arguments as in ``insert``."""
    syntax, line = snapshot.syntax, snapshot.lines[snapshot.line]
    old, edits = (syntax.old, syntax.edits) if isinstance(syntax, Unparsed) else (syntax, ())
    if old is None:
        return Unparsed(lines, revision=-1)
    before = byte_length(line[:start])
    begin = sum(map(byte_length, snapshot.lines[: snapshot.line])) + before
    gone, inserted = byte_length(line[start : snapshot.column + replace]), split_lines(text)
    edit = Edit(
        start_byte=begin,
        old_end_byte=begin + gone,
        new_end_byte=begin + byte_length(text),
        start_point=(snapshot.line, before),
        old_end_point=(snapshot.line, before + gone),
        new_end_point=(
            snapshot.line + len(inserted) - 1,
            byte_length(inserted[-1]) + (before if len(inserted) == 1 else 0),
        ),
    )
    return Unparsed(lines, -1, old, (*edits, edit))


def line_ending(snapshot: Snapshot) -> str:
    """The document's line end, read off its first line; ``\\n`` where there is only one."""
    first = snapshot.lines[0]
    return first[len(content(first)) :] or "\n"
