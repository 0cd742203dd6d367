"""What a file offers to others: its definitions, what it imports, and the types that its text states.

Asks ``grammars/<language>/symbols.scm``. Each pattern there is one of:

- ``@definition.KIND`` around ``@name``, and maybe ``@body`` (its signature ends in front of it) or ``@head`` (its
  signature ends with it), ``@owner`` (the class that it belongs to, where that is not the one around it: Go's
  receiver, Rust's ``impl``), ``@type`` (declared, returned, or what is called to make it), ``@base`` (what a class
  builds on), ``@receiver`` and ``@definer`` (it counts only where this is one of the language's ``receivers``,
  ``self.x = ...``, or ``definers``, ``attr_reader :x``) and ``@doc`` (its documentation, where that is not a comment
  right above). Kinds are those of ``KINDS``. Several patterns may match one name: what each knows is put together;
  the kind is that of the pattern that stands first.
- ``@whole`` around the ``@name`` of a definition: what else belongs to it (``export``, decorators), maybe with
  ``@decorator``. ``@above`` is the same for what merely stands in front of a definition (Rust's attributes).
- ``@extends`` around ``@name`` and ``@base``: one more base of a class, which may be defined elsewhere in the file.
- ``@import`` with ``@module``, and ``@name`` and ``@alias`` where one name is taken from it (``*``: all); or with
  ``@paths``, which ends with the name and may hold groups in braces: ``a::{b, c as d}``. ``@default`` is what the
  module's default is called here. ``@importer`` is a function; it counts only where it is one of the language's
  ``importers``. With ``@all``, any node, everything is taken.
- ``@variable`` with ``@type``: the type that the text gives a name.

Does not know other files, scopes or cursors. Pure.
"""

from typing import Literal, cast, get_args

import msgspec
import tree_sitter

from lsp_server.context.languages import Grammar, Language
from lsp_server.context.matching import Match, matches
from lsp_server.context.spelling import comment_above, expand, path, type_name

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

#: Kinds that are called.
FUNCTIONS = frozenset({"function", "method", "constructor"})

#: Types that say: the class that this stands in.
_SELF = frozenset({"Self", "self", "static", "this"})

#: Of one file are kept so many definitions and typed names, and so many imports; a name or a module that is longer
#: (bytes) is none. What is beyond is generated or not code.
MAX_DEFINITIONS, MAX_IMPORTS, MAX_NAME = 5000, 1000, 200


class Definition(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One definition. Offsets are bytes of the source as ``syntax.to_source`` makes it.

    Attributes:
        name: as it stands there.
        kind: what it is; a function inside a class is a method, a variable in capitals a constant.
        owner: name of the class, or the module within the file, that it is a member of; empty when it is none.
        start, end: the definition, with its decorators.
        head_end: where its signature ends; of a value that takes several lines, the end of the first.
        doc_start, doc_end: its documentation, comment marks and quotes included; both 0 when it has none. It may
            stand in front of ``start`` or behind ``head_end``.
        bases: names of what a class builds on, as they stand there, without arguments.
        type: the name of its type, without arguments and modules; of a function, of what it returns; of a value that a
            call makes, of what is called (of ``Foo.create()``, ``Foo``). Empty where the text does not state it.
        head_start: where its signature begins: behind decorators, but for those that say how it is used.
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
    head_start: int = 0


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
    """A name whose type the text states, at ``at`` (bytes); ``type`` is as in ``Definition``."""

    name: str
    type: str
    at: int


class Outline(msgspec.Struct, frozen=True, array_like=True):
    """What one file offers and asks for, each in the order of the text; no definition is from inside a function, but
    the typed names are from everywhere except fields."""

    definitions: tuple[Definition, ...] = ()
    imports: tuple[Import, ...] = ()
    types: tuple[Typed, ...] = ()


def outline(grammar: Grammar, source: bytes, root: tree_sitter.Node) -> Outline:
    """Read a file's outline from its tree; empty where the language has no ``symbols.scm``."""
    if grammar.symbols is None:
        return Outline()
    reader = _Reader(grammar.about, source)
    for pattern, match in matches(grammar.symbols, root):
        reader.read(pattern, match)
    definitions = _definitions(grammar.about, source, reader)
    types = sorted(
        (one for at, one in reader.types.items() if at not in reader.imported), key=lambda one: one.at
    )
    return Outline(definitions, tuple(reader.imports)[:MAX_IMPORTS], tuple(types[:MAX_DEFINITIONS]))


class _Found(msgspec.Struct):
    """What the patterns say of the definition of one name, at ``at``."""

    name: str
    at: int
    kind: str = ""
    pattern: int = 0
    start: int = 0
    head_start: int = 0
    head_end: int = 0
    end: int = 0
    owner: str = ""
    type: str = ""
    doc: tuple[int, int] = (0, 0)
    bases: list[str] = []
    whole: tuple[int, int] | None = None
    decorators: list[tuple[int, int, str]] = []
    is_function: bool = False


class _Reader:
    """Collects what the matches of one file say."""

    def __init__(self, about: Language, source: bytes) -> None:
        self.found: dict[int, _Found] = {}
        self.imports: dict[Import, None] = {}
        self.types: dict[int, Typed] = {}
        self.above: dict[int, int] = {}
        self.imported: set[int] = set()
        self._about, self._source = about, source
        self._roles: dict[int, str] = {}

    def read(self, pattern: int, match: Match) -> None:
        """Take one match."""
        role = self._roles.get(pattern)
        if role is None:
            role = self._roles[pattern] = _role(match)
        if role == "import":
            self._import(match)
        elif role == "variable":
            node = match["variable"][0]
            type_ = self._type(match)
            if type_:
                self.types.setdefault(node.start_byte, Typed(self._text(node), type_, node.start_byte))
        elif role == "above":
            node = match["above"][0]
            self.above[node.end_byte] = node.start_byte
        else:
            self._definition(pattern, role, match)

    def _definition(self, pattern: int, role: str, match: Match) -> None:
        name = match["name"][0]
        at = name.start_byte
        if not 0 < name.end_byte - at <= MAX_NAME:
            return
        if "receiver" in match and self._text(match["receiver"][0]) not in self._about.receivers:
            return
        if "definer" in match and self._text(match["definer"][0]) not in self._about.definers:
            return
        one = self.found.get(at)
        if one is None:
            one = self.found[at] = _Found(self._text(name).lstrip(":"), at)
        if role == "whole":
            node = match["whole"][0]
            one.whole = (node.start_byte, node.end_byte)
            for node in match.get("decorator", ()):
                decorator = path(self._text(node)).rpartition(".")[2]
                one.decorators.append((node.start_byte, node.end_byte, decorator))
            return
        if "base" in match:
            one.bases += filter(None, (path(self._text(node)) for node in match["base"]))
        if role == "extends":
            return
        if not one.kind or pattern < one.pattern:
            node = match[role][0]
            one.kind, one.pattern = role.removeprefix("definition."), pattern
            one.is_function = one.kind in FUNCTIONS
            one.start = one.head_start = node.start_byte
            one.end = node.end_byte
        if "body" in match:
            one.head_end = min(one.head_end or one.end, match["body"][0].start_byte)
        elif "head" in match:
            one.head_end = max(one.head_end, match["head"][0].end_byte)
        if "owner" in match:
            one.owner = type_name(self._about, self._text(match["owner"][0]))
        if "doc" in match:
            one.doc = (match["doc"][0].start_byte, match["doc"][-1].end_byte)
        if "type" in match and not one.type:
            one.type = self._type(match)

    def _import(self, match: Match) -> None:
        if "importer" in match and self._text(match["importer"][0]) not in self._about.importers:
            return
        if "paths" in match:
            found = expand(self._text(match["paths"][0]))
        else:
            module, name, alias, default = (
                self._text(match[part][0]) if part in match else ""
                for part in ("module", "name", "alias", "default")
            )
            module = module.strip("\"'`<>")
            if default:
                name, alias = "default", default
            elif "all" in match or name == ".":  # Go's dot
                name = "*"
            if "alias" in match:
                self.imported.add(match["alias"][0].start_byte)
            found = [(module, name, "" if alias == (name or module) else alias)]
        for one in found:
            if one[0] and max(map(len, one)) <= MAX_NAME:
                self.imports[Import(*one)] = None

    def _type(self, match: Match) -> str:
        return type_name(self._about, self._text(match["type"][0]))

    def _text(self, node: tree_sitter.Node) -> str:
        return self._source[node.start_byte : node.end_byte].decode(errors="replace")


def _role(match: Match) -> str:
    """What a pattern is for, by its captures."""
    for role in match:
        if role.startswith("definition.") or role in ("import", "variable", "above", "whole", "extends"):
            return role
    raise ValueError(f"A pattern of symbols.scm captures {sorted(match)} only, which says nothing.")


def _definitions(about: Language, source: bytes, reader: _Reader) -> tuple[Definition, ...]:
    """The definitions with their owners, less what is inside of functions; of a name that gets values in several
    places, the first, or the first with a type."""
    marks = tuple(mark.encode() for mark in about.line_comments)
    around: list[_Found] = []
    members: dict[tuple[str, str, str, int], Definition] = {}
    for one in sorted(_whole(about, source, reader), key=lambda one: (one.start, -one.end)):
        while around and (
            around[-1].end <= one.start or (around[-1].start, around[-1].end) == (one.start, one.end)
        ):
            around.pop()  # it is over, or declared by the same statement
        kept = _place(about, one, around)
        if one.type and one.kind in ("variable", "constant") and not one.owner:
            reader.types.setdefault(one.at, Typed(one.name, one.type, one.at))
        around.append(one)
        key = (one.owner, one.name, one.kind, 0 if one.kind in ("field", "variable") else one.start)
        if kept and (key not in members or (one.type and not members[key].type)):
            doc = one.doc if one.doc[1] else comment_above(source, one.start, marks)
            members[key] = Definition(
                one.name,
                cast("Kind", one.kind),
                one.owner,
                one.start,
                _head_end(source, one),
                one.end,
                *doc,
                tuple(dict.fromkeys(one.bases)),
                one.type,
                one.head_start,
            )
    return tuple(sorted(members.values(), key=lambda one: one.start)[:MAX_DEFINITIONS])


def _whole(about: Language, source: bytes, reader: _Reader) -> list[_Found]:
    """The definitions with all that belongs to them, and what they are by it."""
    found = [one for one in reader.found.values() if one.kind and one.at not in reader.imported]
    classes = {one.name: one for one in found if one.kind in CLASSES}
    for one in reader.found.values():
        if one.bases and not one.kind and one.name in classes:
            classes[one.name].bases += one.bases
    for one in found:
        if one.whole is not None:
            one.start, one.end = one.whole
            one.head_start = _head_start(about, source, one)
        while reader.above:
            above = reader.above.get(_behind(source, one.start))
            if above is None:
                break
            one.start = above
        if not one.type and one.at in reader.types:
            one.type = reader.types[one.at].type
        if one.kind == "class":
            telling = [base.rpartition(".")[2] for base in one.bases]
        elif one.is_function:
            telling = [name for _, _, name in one.decorators]
        else:
            telling = [one.type]
        told = next((name for name in telling if name in about.kinds), None)
        if told is not None:
            one.kind = about.kinds[told]
        if one.kind in CLASSES and (told is not None or one.kind != "type"):
            one.type = ""
    return found


def _place(about: Language, one: _Found, around: list[_Found]) -> bool:
    """Settle what a definition is and whose, by what is around it, outermost first.

    Returns:
        Whether it is reached from outside.
    """
    depth = next((depth for depth in reversed(range(len(around))) if around[depth].kind in CLASSES), -1)
    outer = around[depth] if depth >= 0 else None
    functions = [other for other in around[depth + 1 :] if other.is_function]
    is_local = bool(functions) or any(other.is_function for other in around[:depth])
    if functions and one.kind == "field" and not any(other.is_function for other in around[: max(depth, 0)]):
        # Set in a method; or in a function that makes objects.
        maker = functions[0]
        one.owner = one.owner or maker.owner or (maker.name if maker.name[0].isupper() else "")
        return bool(one.owner)
    if not one.owner and outer is not None and not functions:
        one.owner = outer.name if outer.kind != "type" or one.kind not in CLASSES else ""
    if one.kind == "variable" and one.name.isupper() and len(one.name) > 1:
        one.kind = "constant"
    if one.kind == "method" and not one.owner:
        one.kind = "function"
    elif one.kind == "method" or (one.kind == "function" and (outer is None or outer.kind != "module")):
        if one.owner:
            is_made = one.name in about.constructors or one.name == one.owner
            one.kind = "constructor" if is_made else "method"
    elif one.kind in ("variable", "constant") and outer is not None and outer.kind == "enum":
        one.kind, one.type = "constant", outer.name
    elif one.kind == "variable" and outer is not None and outer.kind != "module":
        one.kind = "field"
    if one.owner and one.type in _SELF:
        one.type = one.owner
    return not is_local and (one.kind != "field" or bool(one.owner))


def _head_start(about: Language, source: bytes, one: _Found) -> int:
    """Where a signature begins: with the first decorator that tells something, behind the others."""
    head = one.start
    for start, end, name in one.decorators:
        if name in about.telling or start != head:
            break
        head = end
        while source[head : head + 1].isspace():
            head += 1
    return head


def _head_end(source: bytes, one: _Found) -> int:
    """Where a signature ends, less the blanks at its end; for the value of a name, the end of its first line."""
    if one.head_end:
        return _behind(source, one.head_end)
    line = -1 if one.is_function else source.find(b"\n", one.head_start, one.end)
    return _behind(source, one.end if line < 0 else line)


def _behind(source: bytes, at: int) -> int:
    """Where the blanks begin that end at ``at``."""
    while at > 0 and source[at - 1] in b" \t\n\f":
        at -= 1
    return at
