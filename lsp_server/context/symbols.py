"""What a file offers to others: its definitions, what it imports, and the types that its text states.

Asks ``grammars/<language>/symbols.scm``. Each pattern there is one of:

- ``@definition.KIND`` around ``@name``, and maybe ``@body`` (its signature ends there), ``@owner`` (the class that it
  belongs to, where that is not the one around it: Go's receiver, Rust's ``impl``), ``@type`` (declared, or of the call that
  makes it), ``@receiver`` (it counts only where this is one of the language's ``receivers``: ``self.x = ...``) and ``@doc`` (its documentation, where that is not a comment right above). Kinds are those of ``KINDS``.
- ``@extends`` (the same node as a definition) with ``@base``: the names of what a class builds on.
- ``@import`` with ``@module``, and ``@name`` and ``@alias`` where one name is taken from it (``*``: all).
- ``@variable`` with ``@type``: the type that the text gives a name.

Does not know other files, scopes or cursors. Pure.
"""

import re
from typing import Literal, cast, get_args

import msgspec
import tree_sitter

from lsp_server.context.languages import Grammar

Kind = Literal[
    "class",
    "interface",
    "enum",
    "type",
    "function",
    "method",
    "constructor",
    "field",
    "variable",
    "constant",
    "module",
    "macro",
]
KINDS = frozenset(get_args(Kind))

#: Kinds that have members.
CLASSES = frozenset({"class", "interface", "enum", "type", "module"})


class Definition(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One definition. Offsets are bytes of the source as ``syntax.to_source`` makes it.

    Attributes:
        name: as it stands there.
        kind: what it is; a function inside a class is a method.
        owner: name of the class that it is a member of; empty when it is none.
        start, head_end, end: the definition; its signature ends at ``head_end``.
        doc_start, doc_end: its documentation, comment marks and quotes included; both 0 when it has none.
        bases: names of what a class builds on, as they stand there.
        type: the name of its type, without arguments and modules; empty where the text does not state it.
    """

    name: str
    kind: Kind
    owner: str
    start: int
    head_end: int
    end: int
    doc_start: int = 0
    doc_end: int = 0
    bases: tuple[str, ...] = ()
    type: str = ""


class Import(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One imported name, or one imported module.

    Attributes:
        module: as it stands in the source, quotes left out.
        name: taken from it; empty when it is the module itself, ``*`` for everything.
        alias: what it is called here, where that differs.
    """

    module: str
    name: str = ""
    alias: str = ""


class Typed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A name whose type the text states, at ``at`` (bytes)."""

    name: str
    type: str
    at: int


class Outline(msgspec.Struct, frozen=True, array_like=True):
    """What one file offers and asks for; definitions in the order of their beginnings, none from inside a function."""

    definitions: tuple[Definition, ...] = ()
    imports: tuple[Import, ...] = ()
    types: tuple[Typed, ...] = ()


def outline(grammar: Grammar, source: bytes, root: tree_sitter.Node) -> Outline:
    """Read a file's outline from its tree; empty where the language has no ``symbols.scm``."""
    if grammar.symbols is None:
        return Outline()
    found: dict[int, _Found] = {}
    bases: dict[int, list[str]] = {}
    imports: dict[Import, None] = {}
    types: list[Typed] = []
    for _, match in tree_sitter.QueryCursor(grammar.symbols).matches(root):
        if "import" in match:
            imports[_import(source, match)] = None
        elif "extends" in match:
            names = bases.setdefault(match["extends"][0].start_byte, [])
            names.extend(_last_name(_text(source, node)) for node in match["base"])
        elif "variable" in match:
            node = match["variable"][0]
            types.append(
                Typed(_text(source, node), _last_name(_text(source, match["type"][0])), node.start_byte)
            )
        else:
            if "receiver" not in match or _text(source, match["receiver"][0]) in grammar.about.receivers:
                _definition(source, match, found)
    return Outline(
        _members(source, found, bases), tuple(imports), tuple(sorted(types, key=lambda one: one.at))
    )


class _Found(msgspec.Struct):
    """A definition before it is known what is around it."""

    name: str
    kind: Kind
    start: int
    head_end: int
    end: int
    owner: str = ""
    type: str = ""


_Match = dict[str, list[tree_sitter.Node]]


def _definition(source: bytes, match: _Match, found: dict[int, _Found]) -> None:
    """Note a definition. Several patterns may match it: what each knows is put together."""
    capture = next(name for name in match if name.startswith("definition."))
    node, name = match[capture][0], match["name"][0]
    one = found.get(name.start_byte)
    if one is None:
        body = match["body"][0] if "body" in match else node.child_by_field_name("body")
        head_end = body.start_byte if body is not None else node.end_byte
        one = found[name.start_byte] = _Found(
            _text(source, name),
            cast("Kind", capture[len("definition.") :]),
            node.start_byte,
            head_end,
            node.end_byte,
        )
    if "type" in match:
        one.type = _last_name(_text(source, match["type"][0]))
    if "owner" in match:
        one.owner = _last_name(_text(source, match["owner"][0]))


def _members(source: bytes, found: dict[int, _Found], bases: dict[int, list[str]]) -> tuple[Definition, ...]:
    """The definitions with their owners, less what is inside of functions; of a field that is set in several places,
    the first, or the first with a type."""
    around: list[_Found] = []
    members: dict[tuple[str, str, str, int], Definition] = {}
    for one in sorted(found.values(), key=lambda one: (one.start, -one.end)):
        while around and around[-1].end <= one.start:
            around.pop()
        classes = [outer for outer in around if outer.kind in CLASSES]
        in_function = any(outer.kind in ("function", "method", "constructor") for outer in around)
        kind, owner = one.kind, one.owner
        if not owner and classes:
            owner = classes[-1].name
        if kind == "function" and owner:
            kind = "method"
        around.append(one)
        if in_function and kind != "field":
            continue
        key = (owner, one.name, kind, 0 if kind == "field" else one.start)
        if key in members and (members[key].type or not one.type):
            continue
        members[key] = Definition(
            one.name,
            kind,
            owner,
            one.start,
            one.head_end,
            one.end,
            0,
            0,
            tuple(bases.get(one.start, ())),
            one.type,
        )
    return tuple(sorted(members.values(), key=lambda one: one.start))


def _import(source: bytes, match: _Match) -> Import:
    module = _text(source, match["module"][0]).strip("\"'`<>")
    name = _text(source, match["name"][0]) if "name" in match else ""
    alias = _text(source, match["alias"][0]) if "alias" in match else ""
    return Import(module, name, alias)


def _last_name(text: str) -> str:
    """``Foo`` of ``Optional[a.Foo]``: of what stands around a name, less the wrappers that say nothing of members."""
    names = [word for word in _NAME.findall(text) if word not in _WRAPPERS]
    return names[0].rpartition(".")[2] if names else ""


_NAME = re.compile(r"[^\W\d][\w.]*")
_WRAPPERS = frozenset(
    {"Optional", "Union", "List", "list", "Sequence", "Type", "type", "None", "Final", "ClassVar"}
)


def _text(source: bytes, node: tree_sitter.Node) -> str:
    return source[node.start_byte : node.end_byte].decode(errors="replace")
