"""From a name to what defines it: through the file's imports, the types that the text states, the workspace's names.

Goes by syntax and by names, not by a type checker: where the text does not say what a name is, a class that is called
like it is taken for it. Does not know what is shown of a definition.
"""

import os
import re
from collections.abc import Iterator
from typing import Protocol

import msgspec

from lsp_server.context.languages import Language
from lsp_server.context.symbols import CLASSES, Definition, Import, Outline
from lsp_server.context.wants import Wants
from lsp_server.workspace.retrieval import modules

#: Definitions of one name that are looked at; a name with more says too little.
_HOMONYMS = 12

#: Classes of a lineage, modules that pass a name on, files of a folder that are looked at.
_LINEAGE, _PASSED_ON, _FILES = 8, 4, 40

#: Shortest name that is taken for a class of a similar name.
_SIMILAR = 4


class Index(modules.Paths, Protocol):
    """What is asked of the workspace's index, see ``workspace.index``."""

    def definitions(self, name: str) -> list[tuple[str, Definition]]:
        """All of a name, with their files."""

    def members(self, owner: str, path: str = "") -> list[tuple[str, Definition]]:
        """All of classes of a name, with their files."""

    def outline(self, path: str) -> Outline | None:
        """Of a file, if it is known."""

    def files_in(self, folder: str) -> list[str]:
        """The files of a folder."""


class Found(msgspec.Struct, frozen=True):
    """What a name stands for: a definition; or, without one, a file, or a folder if the path ends with ``/``."""

    path: str
    definition: Definition | None = None

    @property
    def is_class(self) -> bool:
        """Whether it has members."""
        return self.definition is not None and self.definition.kind in CLASSES

    @property
    def key(self) -> tuple[str, int]:
        """What tells it from all others."""
        return self.path, self.definition.start if self.definition else -1


class Resolver:
    """Answers for one cursor."""

    def __init__(self, index: Index, wants: Wants, about: Language) -> None:
        self._index = index
        self._wants = wants
        self._about = about
        self._own = index.outline(wants.path) or Outline()
        self._bindings: dict[str, dict[str, Import]] = {}
        self._types: dict[str, list[tuple[int, str]]] = {}
        for one in self._own.types:
            self._types.setdefault(one.name, []).append((one.at, one.type))
        self._outlines: dict[str, Outline] = {wants.path: self._own}
        self._named: dict[str, list[Found]] = {}
        self._under_way: set[tuple[str, str, str]] = set()

    @property
    def imported(self) -> frozenset[str]:
        """The names that the file's imports bind."""
        return frozenset(self._bound(self._wants.path))

    def chain(self, text: str) -> list[Found]:
        """What the value of an expression like ``self.model.layers[0]`` is an instance of, or the module or class
        itself; none where that cannot be told."""
        marks = sorted(self._about.member_access, key=len, reverse=True)
        plain = _without_brackets(text)
        steps = [step for step in re.split("|".join(map(re.escape, marks)) or r"\.", plain) if step.strip()]
        if not steps:
            return []
        found = self.value(steps[0].strip())
        for step in steps[1:]:
            found = [after for one in found for after in self._member_value(one, step.strip())][:_HOMONYMS]
        return found

    def value(self, name: str) -> list[Found]:
        """What a name at the cursor is an instance of, or the module or class itself."""
        if name in self._about.receivers and self._wants.classes:
            return self._named_class(self._wants.classes[-1])
        bare = name.lstrip("$@&*")
        typed = self._types.get(name) or self._types.get(bare) or []
        before = [type_ for at, type_ in typed if at < self._wants.offset]
        for type_ in dict.fromkeys(reversed(before or [type_ for _, type_ in typed])):
            found = self._made(type_, self._wants.path)
            if found:
                return found
        return self.named(name) or self._alike(bare)

    def named(self, name: str) -> list[Found]:
        """What defines a name: through the imports, in the file itself, anywhere in the workspace; the likeliest
        first."""
        found = self._named.get(name)
        if found is None:
            found = self._named[name] = self._meant(name, self._wants.path)
        return found

    def lineage(self, found: Found) -> Iterator[Found]:
        """A class and what it builds on, nearest first."""
        waiting, seen = [found], {found.key}
        while waiting and len(seen) <= _LINEAGE:
            one = waiting.pop(0)
            yield one
            for base in one.definition.bases if one.definition else ():
                for after in self._meant(base, one.path)[:1]:
                    if after.is_class and after.key not in seen:
                        seen.add(after.key)
                        waiting.append(after)

    def members(self, found: Found) -> list[Definition]:
        """The members of a class, in the order of its file; of a file or a folder, what is at its top."""
        if found.definition is not None:
            return [one for _, one in self._index.members(found.definition.name, found.path)]
        paths = self._index.files_in(found.path[:-1])[:_FILES] if found.path.endswith("/") else [found.path]
        return [one for path in paths for one in _offered(self._outline(path))]

    def _named_class(self, name: str) -> list[Found]:
        """A class of the file itself."""
        here = [Found(self._wants.path, one) for one in self._own.definitions if one.name == name]
        return [one for one in here if one.is_class] or [one for one in self.named(name) if one.is_class]

    def _outline(self, path: str) -> Outline:
        known = self._outlines.get(path)
        if known is None:
            known = self._outlines[path] = self._index.outline(path) or Outline()
        return known

    def _bound(self, path: str) -> dict[str, Import]:
        """The imports of a file by the names that they bind."""
        bound = self._bindings.get(path)
        if bound is None:
            imports = [one for one in self._outline(path).imports if one.name != "*"]
            bound = {one.alias or one.name or modules.called(one.module): one for one in imports}
            self._bindings[path] = bound
        return bound

    def _meant(self, name: str, path: str) -> list[Found]:
        """What a name means in a file."""
        dotted = re.split(r"[.:\\]+", name)
        if len(dotted) > 1:
            found = self._meant(dotted[0], path)
            for step in dotted[1:]:
                found = [after for one in found for after in self._within(one, step)]
            return found or self._nearest(dotted[-1], path)
        definitions = self._outline(path).definitions
        here = [Found(path, one) for one in definitions if one.name == name and not one.owner]
        bound = self._bound(path)
        if not here and name in bound:
            here = self._imported(bound[name], path)
        return here or self._nearest(name, path)

    def _within(self, found: Found, name: str) -> list[Found]:
        """What a name means inside of a module or class."""
        if found.definition is not None:
            owner, path = found.definition.name, found.path
            return [Found(where, one) for where, one in self._index.members(owner, path) if one.name == name]
        if found.path.endswith("/"):
            folder = found.path[:-1]
            return [
                Found(path, one)
                for path, one in self._index.definitions(name)
                if not one.owner and os.path.dirname(path) == folder
            ]
        here = [Found(found.path, one) for one in _offered(self._outline(found.path)) if one.name == name]
        if here:
            return here
        bound = self._bound(found.path)
        if name in bound:
            return self._imported(bound[name], found.path)
        return [Found(path) for path in modules.beside(self._index, self._about, found.path, name)]

    def _member_value(self, found: Found, name: str) -> list[Found]:
        """What a member's value is an instance of."""
        if not found.is_class:
            return [after for one in self._within(found, name) for after in self._instance(one)]
        for ancestor in self.lineage(found):
            for one in self._within(ancestor, name):
                return self._instance(one)
        return self._alike(name)

    def _instance(self, found: Found) -> list[Found]:
        """What a definition's value is an instance of: a class or a module stands for itself."""
        if found.definition is None or found.is_class:
            return [found]
        made = self._made(found.definition.type, found.path) if found.definition.type else []
        return made or self._alike(found.definition.name)

    def _made(self, type_: str, path: str) -> list[Found]:
        """The classes of a name that a text gives as a type, or of the function that is called to make a value."""
        made: list[Found] = []
        for one in self._meant(type_, path):
            if one.is_class:
                made.append(one)
            elif one.definition is not None and one.definition.type and one.definition.type != type_:
                made += [after for after in self._meant(one.definition.type, one.path) if after.is_class]
        return made

    def _imported(self, statement: Import, importer: str) -> list[Found]:
        """What an import statement gives: definitions, or a file or folder."""
        asked = (importer, statement.module, statement.name)
        if asked in self._under_way or len(self._under_way) >= _PASSED_ON:
            return []  # modules may import each other in a circle
        self._under_way.add(asked)
        try:
            return self._found_in(statement, importer)
        finally:
            self._under_way.discard(asked)

    def _found_in(self, statement: Import, importer: str) -> list[Found]:
        paths = modules.files(self._index, self._about, statement.module, importer)
        if not statement.name or statement.name == "*":
            return [Found(path) for path in paths[:1]]
        for path in paths:
            found = [one for one in self._within(Found(path), statement.name) if one.definition is not None]
            if found:
                return found[:_HOMONYMS]
        joint = (
            "" if statement.module.endswith(self._about.module_separator) else self._about.module_separator
        )
        inner = f"{statement.module}{joint}{statement.name}"
        for path in modules.files(self._index, self._about, inner, importer)[:1]:
            # Java's and C#'s files are called like the class in them.
            return self._within(Found(path), statement.name) or [Found(path)]
        if statement.name == "default" and paths:
            return [Found(paths[0])]
        return []

    def _nearest(self, name: str, path: str) -> list[Found]:
        """What has a name anywhere at the top of a file, the nearest file first."""
        found = [Found(where, one) for where, one in self._index.definitions(name) if not one.owner]
        if len(found) > _HOMONYMS:
            found = [one for one in found if os.path.dirname(one.path) == os.path.dirname(path)]
        return sorted(found, key=lambda one: (one.path != path, -modules.shared(one.path, path)))[:_HOMONYMS]

    def _alike(self, name: str) -> list[Found]:
        """Classes that are called like a variable: ``tokenizer`` may be a ``FastTokenizer``."""
        plain = name.strip("_").replace("_", "").lower()
        if len(plain) < _SIMILAR:
            return []
        for bound, statement in self._bound(self._wants.path).items():
            if bound[:1].isupper() and bound.lower().endswith(plain):
                found = [one for one in self._imported(statement, self._wants.path) if one.is_class]
                if found:
                    return found
        camel = "".join(part[:1].upper() + part[1:] for part in name.strip("_").split("_"))
        return [one for one in self.named(camel) if one.is_class]


def _offered(outline: Outline) -> list[Definition]:
    """What a file has at its top, and what it puts into tables there, as Lua's modules do."""
    tables = {one.name for one in outline.definitions if one.kind == "variable" and not one.owner}
    return [one for one in outline.definitions if not one.owner or one.owner in tables]


def _without_brackets(text: str) -> str:
    """An expression without its calls' arguments and its subscripts."""
    kept: list[str] = []
    depth = 0
    for char in text:
        depth += char in "([{"
        if depth == 0:
            kept.append(char)
        depth -= char in ")]}" and depth > 0
    return "".join(kept)
