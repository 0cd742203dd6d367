"""Syntax trees: parsed, brought up to date after edits, and asked how many errors an insertion would add.

Does not know what a node means in any language; pure but for the caller's own ``stop``.

Who parses where. ``tree_sitter.Parser.parse(bytes)`` holds the GIL from beginning to end (measured: 0.35 s
for 4 MB in which no other thread ran), so a thread alone does not keep an event loop alive. Given a callback
instead, it runs Python code every few microseconds of work, where another thread can take over (no gap over
42 ms for the same 4 MB on a busy machine, half of them under 7 ms) and where it can be stopped, at no
measurable cost. ``parse`` therefore always uses callbacks. An event loop calls it inline with a ``stop`` that
gives up after a few milliseconds, and when that happened once more in an executor thread without.

What an incremental parse is worth. Over a million random edits in 21 languages (tests/test_document_soak.py) its tree
was that of a fresh parse in 99.7 % of 700,000 comparisons, and byte for byte where the text had no error, but for two
things that are tree-sitter's own. It recovers from an error by what it has, so that it may cut an error otherwise, and
in 0.4 % of the broken texts did (TypeScript 2 %, Python none but two); now and then (Bash, C++) it keeps one that is
mended. And where a grammar is ambiguous (Go, JavaScript: 18 of 217,000) it may choose the other reading. A tree with
errors is therefore made afresh now and then.
"""

import re
from collections.abc import Callable, Sequence

import msgspec
import tree_sitter

from lsp_server.base.text import to_bytes
from lsp_server.context.languages import Grammar

#: Text longer than this (bytes of UTF-8) is not parsed: a full parse takes 0.1 s a megabyte, an incremental
#: one 11 ms.
MAX_PARSED_BYTES = 2_000_000

#: Parses in a row that may build on a tree with errors, and the largest text (bytes) that is then parsed afresh: 10 kB
#: take 1.5 ms, ten times as long as a key.
_OLDEST, _RENEWED = 32, 200_000

#: Bytes handed to the parser at a time. 1 kB to 64 kB made no difference; an incremental parse needs only a
#: few.
_CHUNK = 4096

_LONE_RETURN = re.compile(r"\r(?!\n)")

Point = tuple[int, int]


class Edit(msgspec.Struct, frozen=True):
    """What ``tree_sitter.Tree.edit`` wants to know: offsets in bytes, points as (line, byte in the line)."""

    start_byte: int
    old_end_byte: int
    new_end_byte: int
    start_point: Point
    old_end_point: Point
    new_end_point: Point


class Tree(msgspec.Struct, frozen=True):
    """A parsed text. Nothing in it changes, so any number of threads and snapshots may hold it.

    Attributes:
        root: the tree's root node; offsets count in ``source``.
        source: the text as ``to_source`` makes it.
        revision: the document's revision that was parsed.
        age: how many trees with errors in a row it was made of, itself included; 0 for a tree without any.
    """

    tree: tree_sitter.Tree
    source: bytes
    revision: int
    age: int = 0

    @property
    def root(self) -> tree_sitter.Node:
        """The root node."""
        return self.tree.root_node


class Unparsed(msgspec.Struct, frozen=True):
    """All that a parse needs; it may be carried to another thread.

    Attributes:
        lines: of the text to parse.
        revision: the document's revision these lines are.
        old: a tree of an earlier revision, if there is one.
        edits: what happened between that revision and this one, in order.
    """

    lines: tuple[str, ...]
    revision: int
    old: Tree | None = None
    edits: tuple[Edit, ...] = ()


def to_source(lines: Sequence[str]) -> bytes:
    """The lines in UTF-8, \\n for a \\r that stands alone: so tree-sitter counts the lines as LSP does."""
    text = "".join(lines)
    return to_bytes([_LONE_RETURN.sub("\n", text) if "\r" in text else text])


def parse(grammar: Grammar, unparsed: Unparsed, stop: Callable[[], bool] | None = None) -> Tree | None:
    """Parse a document, reusing what an old tree has.

    Args:
        stop: asked all the time, about every 20 microseconds; once it answers true, the parse is given up.

    Returns:
        ``None`` when it was stopped or the text is longer than ``MAX_PARSED_BYTES``.
    """
    source = to_source(unparsed.lines)
    if len(source) > MAX_PARSED_BYTES:
        return None
    old, age = None, 0
    renew = unparsed.old is not None and unparsed.old.age >= _OLDEST and len(source) <= _RENEWED
    if unparsed.old is not None and not renew:
        age = unparsed.old.age
        old = unparsed.old.tree.copy()  # edit() works in place, and others hold that tree
        for edit in unparsed.edits:
            _apply(old, edit)
    tree = parse_source(grammar, source, stop, old)
    if tree is None:
        return None
    return Tree(tree, source, unparsed.revision, age + 1 if tree.root_node.has_error else 0)


def new_errors(
    grammar: Grammar,
    tree: Tree,
    start_byte: int,
    old_end_byte: int,
    insertion: str,
    stop: Callable[[], bool] | None = None,
) -> int | None:
    """How many more errors the text has with ``insertion`` in place of a part of it; negative when fewer.

    An error is a node that tree-sitter could not fit in, or one it had to invent.

    Args:
        start_byte, old_end_byte: the part, in bytes of ``tree.source``.
        stop: as in ``parse``. A third of a second was seen in 200 kB that an unclosed string made one long error.

    Returns:
        ``None`` when it was stopped.
    """
    changed = insert(grammar, tree, start_byte, old_end_byte, insertion, stop)
    if changed is None:
        return None
    return count_errors(changed.root) - count_errors(tree.root)


def insert(
    grammar: Grammar,
    tree: Tree,
    start_byte: int,
    old_end_byte: int,
    insertion: str,
    stop: Callable[[], bool] | None = None,
) -> Tree | None:
    """The tree of the text that would be; arguments and ``None`` as in ``new_errors``."""
    data = to_bytes([insertion])
    source = tree.source[:start_byte] + data + tree.source[old_end_byte:]
    new_end = start_byte + len(data)
    old = tree.tree.copy()
    _apply(
        old,
        Edit(
            start_byte,
            old_end_byte,
            new_end,
            _point(tree.source, start_byte),
            _point(tree.source, old_end_byte),
            _point(source, new_end),
        ),
    )
    changed = parse_source(grammar, source, stop, old)
    return None if changed is None else Tree(changed, source, tree.revision)


def count_errors(root: tree_sitter.Node) -> int:
    """Number of ERROR and MISSING nodes; visits only nodes that hold one."""
    if not root.has_error:
        return 0
    count = 0
    stack = [root]
    while stack:
        node = stack.pop()
        count += node.is_error or node.is_missing
        stack.extend(child for child in node.children if child.has_error)
    return count


def parse_source(
    grammar: Grammar,
    source: bytes,
    stop: Callable[[], bool] | None = None,
    old: tree_sitter.Tree | None = None,
) -> tree_sitter.Tree | None:
    """Parse a text as ``to_source`` makes it; ``None`` when it was stopped.

    Args:
        stop: as in ``parse``.
        old: a tree of an earlier text, to which the edits since were told.
    """
    view = memoryview(source)

    def read(offset: int, _point: object) -> memoryview:
        return view[offset : offset + _CHUNK]

    def progress(_offset: int, _has_error: bool) -> bool:
        return stop is not None and stop()

    # A parser of its own each time (3 microseconds): parsers are not thread-safe, and one that was stopped
    # goes on where it was.
    parser = tree_sitter.Parser(grammar.language)
    try:
        if old is None:
            return parser.parse(read, progress_callback=progress)
        return parser.parse(read, old, progress_callback=progress)
    except ValueError:  # py-tree-sitter's word for "stopped"
        return None


def _apply(tree: tree_sitter.Tree, edit: Edit) -> None:
    tree.edit(
        edit.start_byte,
        edit.old_end_byte,
        edit.new_end_byte,
        edit.start_point,
        edit.old_end_point,
        edit.new_end_point,
    )


def _point(source: bytes, offset: int) -> Point:
    start = source.rfind(b"\n", 0, offset) + 1
    return source.count(b"\n", 0, start), offset - start
