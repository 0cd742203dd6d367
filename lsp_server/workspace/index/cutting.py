"""A file cut into units, by its syntax tree: neighbours together until they are large, what is large by what is in
it.

Does not know what a node means in any language.
"""

import re
from collections.abc import Iterator

import tree_sitter

from lsp_server.workspace.index.contents import Unit

#: Bytes of a unit: what is shorter is put together, what is longer is cut where its syntax allows.
_BYTES = 1_200

_NAME = re.compile(rb"[^\W\d]\w{2,}")


def units(source: bytes, root: tree_sitter.Node) -> tuple[Unit, ...]:
    """Cut a file."""
    return tuple(
        Unit(start, end, tuple({word.decode(): None for word in _NAME.findall(source, start, end)}))
        for start, end in _spans(root)
    )


def _spans(root: tree_sitter.Node) -> Iterator[tuple[int, int]]:
    start = end = -1
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node.end_byte - node.start_byte > _BYTES and node.named_child_count:
            waiting.extend(reversed(node.named_children))
            continue
        if start >= 0 and node.end_byte - start > _BYTES:
            yield start, end
            start = -1
        start, end = (node.start_byte if start < 0 else start), node.end_byte
    if start >= 0:
        yield start, end
