"""Names in reach of the cursor, and the imports, as the language's queries find them in the tree.

``imports.scm`` captures ``@import``. ``names.scm`` captures

- ``@scope``, which holds the names inside it; its own ``name`` belongs to the scope around it;
- ``@name``, which the innermost scope around it gets;
- ``@attribute``, an attribute that is assigned, written as the program writes it;
- ``@receiver``, what a method calls its object.

Does not know how a language spells any of that.
"""

from bisect import bisect_left
from collections.abc import Collection, Sequence
from typing import Literal

import msgspec
import tree_sitter

from lsp_server.context.languages import Grammar
from lsp_server.context.syntax import Tree

#: Imports are not looked for deeper in the tree: they stand under an ``if`` or an ``except`` at most.
_IMPORT_DEPTH = 5

#: Names further away than this (bytes, either way) are not looked for: a query takes 1 ms for 40 kB.
_REACH = 50_000


class _Scope(msgspec.Struct, frozen=True):
    """A scope around the cursor, by its bytes."""

    start: int
    end: int
    kind: Literal["module", "class", "function", "expression"]


def import_statements(grammar: Grammar, tree: Tree) -> list[tree_sitter.Node]:
    """The file's import statements in source order, those of functions left out."""
    query = tree_sitter.QueryCursor(grammar.imports)
    query.set_max_start_depth(_IMPORT_DEPTH)
    found = query.captures(tree.root).get("import", [])
    functions = grammar.about.nodes.functions
    return sorted(
        (node for node in found if not _is_inside(node, functions)), key=lambda node: node.start_byte
    )


def _is_inside(node: tree_sitter.Node, types: Collection[str]) -> bool:
    parent = node.parent
    while parent is not None:
        if parent.type in types:
            return True
        parent = parent.parent
    return False


def names_in_reach(
    grammar: Grammar, tree: Tree, cursor: int, headers: Collection[int], imports: Sequence[tree_sitter.Node]
) -> tuple[str, ...]:
    """Names that mean something at the cursor, nearest first; a method's attributes as ``self.name``.

    Args:
        cursor: in bytes of ``tree.source``.
        headers: first lines of the definitions around the cursor.
        imports: the import statements, wherever they are.
    """
    query = tree_sitter.QueryCursor(grammar.names)
    query.set_byte_range(max(0, cursor - _REACH), cursor + _REACH)
    captures = query.captures(tree.root)
    names = [(node, node.start_byte) for node in captures.get("name", [])]
    for statement in imports:
        if abs(statement.start_byte - cursor) > _REACH:
            found = tree_sitter.QueryCursor(grammar.names).captures(statement).get("name", [])
            names += [(node, node.start_byte) for node in found]

    # 1. Which scopes the cursor is in, and which it is not.
    around = [_Scope(0, len(tree.source) + 1, "module")]
    foreign: list[tuple[int, int]] = []
    for node in sorted(captures.get("scope", []), key=lambda node: node.start_byte):
        scope = _scope(grammar, node, cursor, headers)
        if scope is not None:
            around.append(scope)
        elif (
            not foreign or node.start_byte >= foreign[-1][1]
        ):  # one inside another foreign one is of no interest
            foreign.append(node.byte_range)
        name = node.child_by_field_name("name")
        if name is not None:
            names.append((name, node.start_byte))
    starts = [start for start, _ in foreign]

    # 2. What each name is to the cursor. The nearer its scope and the nearer its place, the better.
    receiver = _receiver(tree, captures.get("receiver", []), around)
    reach: list[tuple[int, int, str]] = []
    for node, position in names:
        if node.start_byte <= cursor <= node.end_byte:
            continue  # it is being typed
        at = bisect_left(starts, position) - 1
        if at >= 0 and position < foreign[at][1]:
            continue
        depth = max(
            index for index, scope in enumerate(around) if index == 0 or scope.start < position < scope.end
        )
        kind = around[depth].kind
        text = _text(tree, node)
        if kind == "class" and any(scope.kind == "function" for scope in around[depth + 1 :]):
            if receiver is None or depth != receiver[0]:
                continue
            text = f"{receiver[1]}.{text}"
        elif kind in ("class", "function") and node.end_byte > cursor:
            continue
        reach.append((-depth, abs(position - cursor), text))
    if receiver is not None:
        depth, object_ = receiver
        for node in captures.get("attribute", []):
            text = _text(tree, node)
            inside = around[depth].start < node.start_byte < around[depth].end
            touched = node.start_byte <= cursor <= node.end_byte
            if inside and not touched and text.startswith(f"{object_}."):
                reach.append((-depth, abs(node.start_byte - cursor), text))
    return tuple(dict.fromkeys(text for _, _, text in sorted(reach)))


def _scope(grammar: Grammar, node: tree_sitter.Node, cursor: int, headers: Collection[int]) -> _Scope | None:
    """The scope that a node is, if the cursor is in it."""
    nodes = grammar.about.nodes
    start, end = node.byte_range
    if node.type in nodes.classes or node.type in nodes.functions:
        if node.start_point[0] not in headers:
            return None
        # The cursor may stand behind the node's end: on an empty line that is indented like its body.
        return _Scope(start, max(end, cursor + 1), "class" if node.type in nodes.classes else "function")
    return _Scope(start, end, "expression") if start < cursor < end else None


def _receiver(
    tree: Tree, receivers: Sequence[tree_sitter.Node], around: Sequence[_Scope]
) -> tuple[int, str] | None:
    """The innermost class that the cursor is in a method of, by its place in ``around``, and the method's word for
    its object."""
    for depth in range(len(around) - 1, 0, -1):
        if around[depth - 1].kind == "class" and around[depth].kind == "function":
            inside = [node for node in receivers if around[depth].start < node.start_byte < around[depth].end]
            if inside:
                return depth - 1, _text(tree, min(inside, key=lambda node: node.start_byte))
    return None


def _text(tree: Tree, node: tree_sitter.Node) -> str:
    return tree.source[node.start_byte : node.end_byte].decode()
