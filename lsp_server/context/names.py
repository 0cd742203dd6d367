"""Names in reach of the cursor, and the imports, as the language's queries find them in the tree.

``imports.scm`` captures ``@import``. ``names.scm`` captures

- ``@scope``, which holds the names inside it; its own name (``name_of``) belongs to the scope around it;
- ``@name``, which the innermost scope around it gets;
- ``@attribute``, an attribute that is assigned, written as the program writes it;
- ``@member``, a name that the class around it gets, wherever in the class it stands;
- ``@receiver``, what a method calls its object.

A method that names no receiver has the language's ``object``, if there is one. An ``@import`` with an ``@importer``
inside is one only if that is one of the language's ``importers``.

Does not know how a language spells any of that.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Literal, cast

import msgspec
import tree_sitter

from lsp_server.context.languages import Grammar
from lsp_server.context.syntax import Tree

#: How far from the cursor (bytes, either way) names are looked for: 600 lines, or a millisecond; and how far
#: top-level definitions, of which only the header is read.
_REACH, _FAR = 20_000, 60_000

#: Statements at the top of the file that are looked at wherever the cursor is: its imports are there.
_HEAD = 200

#: How deep the query goes into top-level statements that the cursor is not in: far enough for an import under an
#: ``except``, not far enough for each element of a table.
_DEPTH = 4


_Kind = Literal["module", "class", "function", "expression"]


class Found(msgspec.Struct, frozen=True):
    """What the queries found.

    Attributes:
        imports: the file's import statements in source order.
        names: in reach of the cursor, nearest first, without repeats; a method's attributes as ``self.name``.
    """

    imports: tuple[str, ...]
    names: tuple[str, ...]


class _Scope(msgspec.Struct, frozen=True):
    """A scope around the cursor, by its bytes."""

    start: int
    end: int
    kind: _Kind


_Captures = dict[str, list[tree_sitter.Node]]


def find(grammar: Grammar, tree: Tree, cursor: int, headers: Collection[int]) -> Found:
    """Find names and imports.

    Args:
        cursor: in bytes of ``tree.source``.
        headers: first lines of the definitions around the cursor.
    """
    if not grammar.query.pattern_count:
        return Found((), ())
    captures = _captures(grammar, tree, cursor, headers)
    return Found(
        imports=tuple(_text(tree, node) for node in _imports(grammar, tree, captures)),
        names=_names(grammar, tree, cursor, headers, captures),
    )


def _captures(grammar: Grammar, tree: Tree, cursor: int, headers: Collection[int]) -> _Captures:
    """Query what can matter at the cursor: definitions that it is not in only have a name."""
    nodes = grammar.about.nodes
    shallow = tree_sitter.QueryCursor(grammar.query)
    shallow.set_max_start_depth(_DEPTH)
    captures: _Captures = defaultdict(list)
    for position, child in enumerate(_children(tree, cursor)):
        definition, kind = child, child.type
        if kind in nodes.wrappers:
            definition, kind = _unwrapped(grammar, child)
        is_definition = kind in nodes.classes or kind in nodes.functions
        if child.start_byte <= cursor <= child.end_byte or _has_header(grammar, definition, headers):
            deep = tree_sitter.QueryCursor(grammar.query)
            deep.set_byte_range(max(0, cursor - _REACH), cursor + _REACH)
            found = deep.captures(child)
            if is_definition:
                found.pop("import", None)
            elif child.is_error:  # often all of the file, while a line of it is being written
                found["import"] = _top_imports(grammar, child)
        elif is_definition and nodes.classes:
            found = {"scope": [definition]}
        elif position < _HEAD or (child.end_byte > cursor - _REACH and child.start_byte < cursor + _REACH):
            found = shallow.captures(child)
        else:
            continue
        for name, captured in found.items():
            captures[name] += captured
    captures["import"].sort(key=_start)
    captures["scope"].sort(key=_start)
    return captures


def _top_imports(grammar: Grammar, error: tree_sitter.Node) -> list[tree_sitter.Node]:
    """The imports among the first statements of what could not be parsed as a whole: the same as if it could."""
    nodes = grammar.about.nodes
    query = tree_sitter.QueryCursor(grammar.query)
    query.set_max_start_depth(_DEPTH)
    found: list[tree_sitter.Node] = []
    for child in error.named_children[:_HEAD]:
        kind = _unwrapped(grammar, child)[1]
        if kind not in nodes.classes and kind not in nodes.functions:
            found += query.captures(child).get("import", [])
    return found


def _imports(grammar: Grammar, tree: Tree, captures: _Captures) -> list[tree_sitter.Node]:
    """The import statements, in order; what calls another function than an importer is none."""
    imports = captures["import"]
    if not captures["importer"]:
        return imports
    called = [node for node in captures["importer"] if _text(tree, node) not in grammar.about.importers]
    others = sorted(map(_start, called))
    found: list[tree_sitter.Node] = []
    for node in imports:
        start, end = node.byte_range
        at = bisect_left(others, start)
        if (at == len(others) or others[at] >= end) and (not found or start >= found[-1].end_byte):
            found.append(node)
    return found


def _unwrapped(grammar: Grammar, node: tree_sitter.Node) -> tuple[tree_sitter.Node, str]:
    """What a statement defines, without what is around it (a decorator, an ``export``), and that node's type."""
    kind = node.type
    while kind in grammar.about.nodes.wrappers and node.named_child_count:
        node = node.named_children[-1]
        kind = node.type
    return node, kind


def _has_header(grammar: Grammar, node: tree_sitter.Node, headers: Collection[int]) -> bool:
    """Whether one of the lines is a definition's header: it stands in front of the body."""
    first = node.start_point[0]
    if first in headers:
        return True
    if grammar.about.block == "braces" and any(first < line <= node.end_point[0] for line in headers):
        body = node.child_by_field_name("body")
        return body is not None and any(first < line <= body.start_point[0] for line in headers)
    return False


def name_of(node: tree_sitter.Node) -> tree_sitter.Node | None:
    """The node of a definition's name: its field ``name``, or that of what it declares (C); ``None`` when it has none,
    or one that is more than a word."""
    inner: tree_sitter.Node | None = node
    while inner is not None:
        name = inner.child_by_field_name("name")
        if name is not None:
            if not name.named_child_count:
                return name
            inner = name if name.child_by_field_name("name") is not None else None
        else:
            declared = inner.child_by_field_name("declarator")
            if declared is None:
                return inner if inner is not node and not inner.named_child_count else None
            inner = declared
    return None


def _children(tree: Tree, cursor: int) -> Iterator[tree_sitter.Node]:
    """The file's statements at its top, and those around the cursor."""
    walk = tree.root.walk()
    going = walk.goto_first_child()
    done = 0
    for _ in range(_HEAD):
        if not going:
            return
        yield cast("tree_sitter.Node", walk.node)
        done = cast("tree_sitter.Node", walk.node).end_byte
        going = walk.goto_next_sibling()
    walk.reset(tree.root)
    going = walk.goto_first_child_for_byte(max(done + 1, cursor - _FAR)) is not None
    while going:
        node = cast("tree_sitter.Node", walk.node)
        if node.start_byte > cursor + _FAR:
            return
        if node.start_byte >= done:
            yield node
        going = walk.goto_next_sibling()


def _names(
    grammar: Grammar, tree: Tree, cursor: int, headers: Collection[int], captures: _Captures
) -> tuple[str, ...]:
    # 1. Which scopes the cursor is in, and which it is not.
    names = [(node, node.start_byte) for node in captures["name"]]
    around = [_Scope(0, len(tree.source) + 1, "module")]
    foreign: list[tuple[int, int]] = []
    for node in captures["scope"]:
        scope = _scope(grammar, tree, node, cursor, headers)
        if scope is not None:
            around.append(scope)
        elif not foreign or node.start_byte >= foreign[-1][1]:  # what is inside another one is foreign anyway
            foreign.append(node.byte_range)
        name = name_of(node)
        if name is not None:
            names.append((name, node.start_byte))
    starts = [start for start, _ in foreign]

    # 2. What each name is to the cursor. The nearer its scope and the nearer its place, the better.
    receiver = _receiver(grammar, tree, captures["receiver"], around)
    reach: list[tuple[int, int, str]] = []
    for node, position in names:
        if node.start_byte <= cursor <= node.end_byte:
            continue  # it is being typed
        at = bisect_left(starts, position) - 1
        if at >= 0 and position < foreign[at][1]:
            continue
        depth = len(around) - 1
        while depth and not around[depth].start < position < around[depth].end:
            depth -= 1
        kind = around[depth].kind
        text = _text(tree, node)
        if kind == "class" and any(scope.kind == "function" for scope in around[depth + 1 :]):
            if not grammar.about.implicit:
                if receiver is None or depth != receiver[0]:
                    continue
                text = receiver[1] + grammar.about.member_access[0] + text.removeprefix("$")
        elif kind in ("class", "function") and node.end_byte > cursor:
            continue
        reach.append((-depth, abs(position - cursor), text))
    reach += _members(grammar, tree, cursor, around, captures["member"], receiver)
    if receiver is not None:
        depth, object_ = receiver
        for node in captures["attribute"]:
            text = _text(tree, node)
            inside = around[depth].start < node.start_byte < around[depth].end
            touched = node.start_byte <= cursor <= node.end_byte
            if inside and not touched and text.startswith(f"{object_}{grammar.about.member_access[0]}"):
                reach.append((-depth, abs(node.start_byte - cursor), text))
    return tuple(dict.fromkeys(text for _, _, text in sorted(reach)))


def _members(
    grammar: Grammar,
    tree: Tree,
    cursor: int,
    around: Sequence[_Scope],
    members: Sequence[tree_sitter.Node],
    receiver: tuple[int, str] | None,
) -> list[tuple[int, int, str]]:
    """The parts of the object that are named in other methods."""
    depth = max((at for at, scope in enumerate(around) if scope.kind == "class"), default=-1)
    if depth < 0 or (receiver is None and not grammar.about.implicit):
        return []
    prefix = (
        "" if receiver is None or grammar.about.implicit else receiver[1] + grammar.about.member_access[0]
    )
    return [
        (-depth, abs(node.start_byte - cursor), prefix + _text(tree, node).removeprefix("$"))
        for node in members
        if around[depth].start < node.start_byte < around[depth].end
        and not node.start_byte <= cursor <= node.end_byte
    ]


def _scope(
    grammar: Grammar, tree: Tree, node: tree_sitter.Node, cursor: int, headers: Collection[int]
) -> _Scope | None:
    """The scope that a node is, if the cursor is in it."""
    about = grammar.about
    start, end = node.byte_range
    kind = node.type
    is_function = kind in about.nodes.functions
    if is_function or kind in about.nodes.classes:
        inside = (
            about.block != "indent"
            and (
                start < cursor < end
                # Behind the expression that a function is the cursor is still in it.
                or (cursor == end and is_function and tree.source[end - 1 : end] != b"}")
            )
        )
        if not inside:
            named = _has_header(grammar, node, headers) and (
                about.block == "indent" or name_of(node) is not None
            )
            if not named:
                return None
        # The cursor may stand behind the node's end: on an empty line that is indented like its body.
        return _Scope(start, max(end, cursor + 1), "function" if is_function else "class")
    return _Scope(start, end, "expression") if start < cursor < end else None


def _receiver(
    grammar: Grammar, tree: Tree, receivers: Sequence[tree_sitter.Node], around: Sequence[_Scope]
) -> tuple[int, str] | None:
    """The innermost class that the cursor is in a method of, by its place in ``around``, and the method's word for
    its object. Where there are no classes, the object has what any function gives it."""
    for depth in range(len(around) - 1, 0, -1):
        if around[depth - 1].kind == "class" and around[depth].kind == "function":
            inside = [node for node in receivers if around[depth].start < node.start_byte < around[depth].end]
            if inside:
                return depth - 1, _text(tree, min(inside, key=_start))
            if grammar.about.object:
                return depth - 1, grammar.about.object
    return (0, grammar.about.object) if grammar.about.object and not grammar.about.nodes.classes else None


def _start(node: tree_sitter.Node) -> int:
    return node.start_byte


def _text(tree: Tree, node: tree_sitter.Node) -> str:
    return tree.source[node.start_byte : node.end_byte].decode()
