"""A part of a document that can be parsed by itself, so that a question about one place need not cost a parse of all.

An incremental parse is quick where the old tree has no error near the edit; at a half-written line, which is where
completions are asked for, tree-sitter reads much of the file again (measured: 3 to 14 ms in 120 kB, 0.3 ms otherwise).
Does not know any language: whether a part stands by itself is found out by parsing it.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator

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
        offset: where the part begins, in bytes of the document.
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
        for start, end in list(_parts(tree, place))[-1 : -1 - _TRIES : -1]:
            source = tree.source[start:end]
            parsed = parse_source(grammar, source, stop)
            if parsed is None:
                break
            part = Tree(parsed, source, tree.revision)
            same = count_errors(part.root) == _errors_between(tree.root, start, end)
            if same or _clean_without_line(grammar, part, place - start, stop):
                return Excerpt(part, start)
    return Excerpt(tree, 0) if part is None else Excerpt(part, start, certain=False)


def _clean_without_line(grammar: Grammar, part: Tree, place: int, stop: Callable[[], bool] | None) -> bool:
    start = part.source.rfind(b"\n", 0, place) + 1
    end = part.source.find(b"\n", place)
    without = insert(grammar, part, start, len(part.source) if end < 0 else end, "", stop)
    return without is not None and not without.root.has_error


def _parts(tree: Tree, place: int) -> Iterator[tuple[int, int]]:
    """Whole lines around a place that begin and end with whole nodes, each part inside the one before."""
    node = tree.root
    while True:
        children = node.children
        if not children:
            return
        at = min(bisect_left(children, place, key=_end), len(children) - 1)
        node = children[at]
        start, end = min(node.start_byte, place), max(node.end_byte, place)
        for before in reversed(children[:at]):
            if start <= place - _EITHER_SIDE or end - before.start_byte > _LARGEST:
                break
            start = before.start_byte
        for behind in children[at + 1 :]:
            if end >= place + _EITHER_SIDE or behind.end_byte - start > _LARGEST:
                break
            end = behind.end_byte
        start = tree.source.rfind(b"\n", 0, start) + 1
        end = tree.source.find(b"\n", end) + 1 or len(tree.source)
        if end - start <= _LARGEST:
            yield start, end
        if node.end_byte - node.start_byte <= _LARGEST:
            return


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
