"""A part of a document that can be parsed by itself, so that a question about one place need not cost a parse of all.

An incremental parse is quick where the old tree has no error near the edit; at a half-written line, which is where
completions are asked for, tree-sitter reads much of the file again (measured: 3 to 14 ms in 120 kB, 0.3 ms otherwise).
Does not know any language: whether a part stands by itself is found out by parsing it.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence

import msgspec
import tree_sitter

from lsp_server.context.languages import Grammar
from lsp_server.context.syntax import Tree, count_errors, insert, parse_source

#: Bytes of an excerpt that is worth having, and bytes that it should have on either side of the place.
_LARGEST, _EITHER_SIDE = 8_000, 2_000

#: Excerpts that are tried.
_TRIES = 2


class Excerpt(msgspec.Struct, frozen=True):
    """A part of a document, parsed.

    Attributes:
        tree: of the part; of the whole document where no part stands by itself.
        offset: how many bytes less a place near the one that was asked about has in the part.
        certain: it stands by itself: what it says against a text need not be held against the whole.
    """

    tree: Tree
    offset: int
    certain: bool = True


def excerpt(grammar: Grammar, tree: Tree, place: int, stop: Callable[[], bool] | None = None) -> Excerpt:
    """The smallest part around a place (in bytes) that stands by itself: it has the same errors as in its document, or
    none but for the line of the place. Where no part does, a larger one that is not certain."""
    part = None
    if len(tree.source) > _LARGEST:
        for cut in list(_parts(grammar, tree, place))[-1 : -1 - _TRIES : -1]:
            source = b"".join(tree.source[start:end] for start, end in cut.kept)
            parsed = parse_source(grammar, source, stop)
            if parsed is None:
                break
            part = Excerpt(Tree(parsed, source, tree.revision), cut.offset, certain=False)
            same = count_errors(part.tree.root) == _errors_between(tree.root, cut.start, cut.end)
            if same or _clean_without_line(grammar, part.tree, place - cut.offset, stop):
                return Excerpt(part.tree, part.offset)
    return part or Excerpt(tree, 0)


def _clean_without_line(grammar: Grammar, part: Tree, place: int, stop: Callable[[], bool] | None) -> bool:
    start = part.source.rfind(b"\n", 0, place) + 1
    end = part.source.find(b"\n", place)
    without = insert(grammar, part, start, len(part.source) if end < 0 else end, "", stop)
    return without is not None and not without.root.has_error


class _Cut(msgspec.Struct, frozen=True):
    """A part of a source: whole lines from ``start`` to ``end``, and what is kept of what is around them.

    Attributes:
        kept: pieces of the source, in order; those lines are in one of them.
        offset: bytes that are left out in front of the lines.
    """

    start: int
    end: int
    kept: tuple[tuple[int, int], ...]
    offset: int


def _parts(grammar: Grammar, tree: Tree, place: int) -> Iterator[_Cut]:
    """Lines around a place that begin and end with whole nodes, each part inside the one before.

    Where indentation makes a block, the lines are a program of their own. Where braces or words do, they are no more
    than members of a class or statements of a function: the beginning and end of what is around them is kept, and only
    what stands beside it is left out.
    """
    nodes = grammar.about.nodes
    indented = grammar.about.block == "indent"
    node, beside = tree.root, list[tuple[int, int]]()
    while True:
        children = node.children
        if not children:
            return
        at = min(bisect_left(children, place, key=_end), len(children) - 1)
        inner = children[at]
        if indented or node.parent is None or node.is_error or node.type in nodes.blocks:
            start, end = _lines(tree, children, at, place)
            named = [
                child for child in children if child.is_named and child.type not in nodes.opening
            ] or children
            first, last = named[0].start_byte, named[-1].end_byte
            if end - start <= _LARGEST:
                left_out = [(0, start), (end, len(tree.source))] if indented else [*beside, (first, last)]
                yield _cut(tree, left_out, start, end)
            if inner.end_byte - inner.start_byte <= _LARGEST:
                return
            beside += [(first, inner.start_byte), (inner.end_byte, last)]
        node = inner


def _cut(tree: Tree, left_out: Sequence[tuple[int, int]], start: int, end: int) -> _Cut:
    """The part that is left when pieces of a source are left out, but for the lines from ``start`` to ``end``."""
    pieces = [*((a, min(b, start)) for a, b in left_out), *((max(a, end), b) for a, b in left_out)]
    pieces = sorted((a, b) for a, b in pieces if a < b)
    ends = [0, *(b for _, b in pieces)]
    starts = [*(a for a, _ in pieces), len(tree.source)]
    kept = tuple((a, b) for a, b in zip(ends, starts, strict=True) if a < b)
    return _Cut(start, end, kept, sum(b - a for a, b in pieces if b <= start))


def _lines(tree: Tree, children: Sequence[tree_sitter.Node], at: int, place: int) -> tuple[int, int]:
    """The lines of one of a node's children, and of as many of its neighbours as are near."""
    node = children[at]
    start, end = min(node.start_byte, place), max(node.end_byte, place)
    for before in reversed(children[:at]):
        if start <= place - _EITHER_SIDE or end - before.start_byte > _LARGEST:
            break
        start = before.start_byte
    for after in children[at + 1 :]:
        if end >= place + _EITHER_SIDE or after.end_byte - start > _LARGEST:
            break
        end = after.end_byte
    start = tree.source.rfind(b"\n", 0, start) + 1
    return start, tree.source.find(b"\n", end) + 1 or len(tree.source)


def _end(node: tree_sitter.Node) -> int:
    return node.end_byte


def _errors_between(root: tree_sitter.Node, start: int, end: int) -> int:
    """Number of ERROR and MISSING nodes that touch a part of the text."""
    count = 0
    stack = [root] if root.has_error else []
    while stack:
        node = stack.pop()
        count += node.is_error or node.is_missing
        stack.extend(
            child
            for child in node.children
            if child.has_error and child.start_byte <= end and child.end_byte >= start
        )
    return count
