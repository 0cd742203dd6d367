"""Runs a query over a tree that may be hostile. Does not know what is asked."""

import tree_sitter

#: How deep in a tree a match may begin, and how many parts an error may have: the time that tree-sitter's queries take
#: grows with the square of either (20,000 ``.b`` in a row: 3 s; 100,000 ``(``: 7 s).
_DEEPEST, _WIDEST = 200, 10_000

Match = dict[str, list[tree_sitter.Node]]


def matches(
    query: tree_sitter.Query, root: tree_sitter.Node, part: tuple[int, int] | None = None
) -> list[tuple[int, Match]]:
    """The matches of a query as pairs of the pattern's number and its captures; none in what is no code at all.

    Args:
        part: bytes that a match must reach into; everything when ``None``.
    """
    if root.has_error and any(node.is_error and node.child_count > _WIDEST for node in (root, *_few(root))):
        return []
    cursor = tree_sitter.QueryCursor(query)
    cursor.set_max_start_depth(_DEEPEST)
    if part is not None:
        cursor.set_byte_range(*part)
    return cursor.matches(root)


def _few(root: tree_sitter.Node) -> list[tree_sitter.Node]:
    return root.children if root.child_count <= _WIDEST else []
