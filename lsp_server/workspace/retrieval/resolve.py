"""From a name to what defines it: through the file's imports, the types that the text states, the workspace's names.

Goes by syntax and by names, not by a type checker: where the text does not say what a name is, a class that is called
like it is taken for it. Does not know what is shown of a definition.
"""

import re
from collections.abc import Iterator
from os.path import commonprefix, dirname
from typing import Protocol

import msgspec

from lsp_server.context.symbols import CLASSES, Definition, Import, Outline
from lsp_server.context.wants import Wants

#: Definitions of one name that are looked at; a name with more says too little.
_HOMONYMS = 12

#: Steps through base classes, and through re-exporting modules.
_DEPTH = 4

#: Shortest name that is taken for a class of a similar name.
_SIMILAR = 4


class Index(Protocol):
    """What resolving asks of the workspace's index; see ``workspace.index``."""

    def definitions(self, name: str) -> list[tuple[str, Definition]]: ...  # noqa: D102
    def members(self, owner: str) -> list[tuple[str, Definition]]: ...  # noqa: D102
    def outline(self, path: str) -> Outline | None: ...  # noqa: D102
    def paths_ending(self, tail: str) -> list[str]: ...  # noqa: D102


class Found(msgspec.Struct, frozen=True):
    """What a name stands for: a definition, or a whole file (``definition`` is none)."""

    path: str
    definition: Definition | None = None

    @property
    def is_class(self) -> bool:
        """Whether it has members."""
        return self.definition is not None and self.definition.kind in CLASSES


class Resolver:
    """Answers for one cursor."""

    def __init__(self, index: Index, wants: Wants, tails: "Tails") -> None:
        self._index = index
        self._wants = wants
        self._tails = tails
        self._own = index.outline(wants.path) or Outline()
        self._imports = {one.alias or one.name or _called(one.module): one for one in self._own.imports}

    @property
    def imports(self) -> tuple[Import, ...]:
        """The file's imports."""
        return self._own.imports

    def chain(self, text: str) -> list[Found]:
        """What the value of an expression like ``self.model.layers[0]`` is an instance of, or the module or class
        itself; none where that cannot be told."""
        steps = [step for step in re.split(r"\.|\?\.|->|::|:", re.sub(r"\([^()]*\)|\[[^\[\]]*\]", "", text)) if step]
        if not steps:
            return []
        found = self.value(steps[0])
        for step in steps[1:]:
            found = [after for one in found for after in self._member_value(one, step)][:_HOMONYMS]
        return found

    def value(self, name: str) -> list[Found]:
        """What a name at the cursor is an instance of, or the module or class itself."""
        if name in ("self", "cls", "this") and self._wants.classes:
            return self.named(self._wants.classes[-1])
        typed = [one for one in self._own.types if one.name == name]
        before = [one for one in typed if one.at < self._wants.offset]
        for one in reversed(before or typed):
            found = self.type(one.type)
            if found:
                return found
        if name in self._imports:
            return self._imported(self._imports[name], self._wants.path)
        found = self.named(name)
        if found:
            return found
        return self._alike(name)

    def type(self, name: str) -> list[Found]:
        """The classes of a name that the text gives as a type, or of the function that is called to make a value."""
        made = []
        for one in self.named(name):
            if one.is_class:
                made.append(one)
            elif one.definition is not None and one.definition.type and one.definition.type != name:
                made += [after for after in self.named(one.definition.type) if after.is_class]
        return made

    def named(self, name: str) -> list[Found]:
        """What defines a name: through the imports, in the file itself, anywhere in the workspace; the likeliest
        first."""
        statement = self._imports.get(name)
        if statement is not None:
            found = self._imported(statement, self._wants.path)
            if found:
                return found
        return self._nearest(name)

    def lineage(self, found: Found) -> Iterator[Found]:
        """A class and what it builds on, nearest first."""
        waiting, seen = [found], {found.path + found.definition.name if found.definition else found.path}
        for _ in range(_DEPTH * 2):
            if not waiting:
                return
            one = waiting.pop(0)
            yield one
            for base in one.definition.bases if one.definition else ():
                for after in self._from(one.path, base)[:1]:
                    key = after.path + (after.definition.name if after.definition else "")
                    if after.is_class and key not in seen:
                        seen.add(key)
                        waiting.append(after)

    def members(self, found: Found) -> list[Definition]:
        """The members of a class, in the order of its file; of a file, what is at its top."""
        if found.definition is None:
            outline = self._index.outline(found.path)
            return [one for one in outline.definitions if not one.owner and not one.name.startswith("__")] if outline else []
        return [one for path, one in self._index.members(found.definition.name) if path == found.path]

    def _member_value(self, found: Found, name: str) -> list[Found]:
        if found.definition is None:
            outline = self._index.outline(found.path)
            here = [one for one in outline.definitions if one.name == name and not one.owner] if outline else []
            if here:
                return [after for one in here for after in self._instance(Found(found.path, one))]
            for one in outline.imports if outline else ():
                if (one.alias or one.name or _called(one.module)) == name:
                    return self._imported(one, found.path)
            return [Found(path) for path in self._submodule(found.path, name)]
        for ancestor in self.lineage(found):
            for one in self.members(ancestor):
                if one.name == name:
                    return self._instance(Found(ancestor.path, one))
        return []

    def _instance(self, found: Found) -> list[Found]:
        """What a definition's value is an instance of: a class stands for itself."""
        if found.is_class:
            return [found]
        kind = found.definition.type if found.definition else ""
        made = [one for one in self._from(found.path, kind) if one.is_class] if kind else []
        if not made and found.definition is not None:
            return self._alike(found.definition.name)
        return made

    def _from(self, path: str, name: str) -> list[Found]:
        """What a name means in another file."""
        if path == self._wants.path:
            return self.type(name) or self.named(name)
        outline = self._index.outline(path) or Outline()
        here = [Found(path, one) for one in outline.definitions if one.name == name and not one.owner]
        if here:
            return here
        for one in outline.imports:
            if (one.alias or one.name or _called(one.module)) == name:
                return self._imported(one, path)
        return self._nearest(name, path)

    def _imported(self, statement: Import, importer: str, depth: int = 0) -> list[Found]:
        """What an import statement gives: definitions, or a file."""
        files = self._tails.files(self._index, statement.module, importer)
        if not statement.name:
            return [Found(path) for path in files[:1]]
        found = []
        for path in files:
            outline = self._index.outline(path)
            if outline is None:
                continue
            found += [Found(path, one) for one in outline.definitions if one.name == statement.name and not one.owner]
            if not found and depth < _DEPTH:
                for one in outline.imports:  # it passes on what it imports itself
                    if (one.alias or one.name) == statement.name and one != statement:
                        found += self._imported(one, path, depth + 1)
            if found:
                return found[:_HOMONYMS]
        return [Found(path) for path in self._tails.inside(self._index, statement, importer)[:1]]

    def _submodule(self, path: str, name: str) -> list[str]:
        return self._tails.beside(self._index, path, name)

    def _nearest(self, name: str, path: str = "") -> list[Found]:
        here = path or self._wants.path
        found = [Found(where, one) for where, one in self._index.definitions(name) if not one.owner]
        if len(found) > _HOMONYMS:
            return []
        return sorted(found, key=lambda one: (one.path != here, -shared(one.path, here)))

    def _alike(self, name: str) -> list[Found]:
        """Classes that are called like a variable: ``tokenizer`` may be a ``FastTokenizer``."""
        plain = name.strip("_").replace("_", "").lower()
        if len(plain) < _SIMILAR:
            return []
        found = []
        for imported in self._imports.values():
            if imported.name and imported.name[:1].isupper() and imported.name.lower().endswith(plain):
                found += [one for one in self._imported(imported, self._wants.path) if one.is_class]
        camel = "".join(part[:1].upper() + part[1:] for part in name.strip("_").split("_"))
        return found or [one for one in self._nearest(camel) if one.is_class]


class Tails:
    """How a language's import statements name files, from ``language.toml``: tails that paths may have."""

    def __init__(self, suffixes: tuple[str, ...], separator: str) -> None:
        self._suffixes, self._separator = suffixes, separator

    def files(self, index: Index, module: str, importer: str) -> list[str]:
        """The files that a module's name may mean, the likeliest first."""
        dots = len(module) - len(module.lstrip("."))
        plain = module[dots:].replace(self._separator, "/") if self._separator == "." else module
        if dots and self._separator == ".":
            base = importer
            for _ in range(dots):
                base = dirname(base)
            stem = f"{base}/{plain}" if base and plain else base or plain
            exact = [path for suffix in self._suffixes for path in index.paths_ending((stem + suffix).lstrip("/"))
                     if path == stem + suffix or path.lstrip("/") == (stem + suffix).lstrip("/")]
            return exact
        found = [path for suffix in self._suffixes for path in index.paths_ending(plain + suffix)]
        return sorted((path for path in found if path != importer), key=lambda path: -shared(path, importer))

    def inside(self, index: Index, statement: Import, importer: str) -> list[str]:
        """The file of a module that is imported from a package by its name."""
        joint = "" if statement.module.endswith(self._separator) else self._separator
        return self.files(index, f"{statement.module}{joint}{statement.name}", importer)

    def beside(self, index: Index, path: str, name: str) -> list[str]:
        """The file of a module in the package whose own file is ``path``."""
        stem = f"{dirname(path)}/{name}".lstrip("/")
        return [found for suffix in self._suffixes for found in index.paths_ending(stem + suffix)
                if found.lstrip("/") == stem + suffix]


def shared(one: str, other: str) -> int:
    """Folders that two paths have in common."""
    return commonprefix([dirname(one).split("/"), dirname(other).split("/")]).__len__()


def _called(module: str) -> str:
    return re.split(r"[./:\\]", module)[-1] if module else ""
