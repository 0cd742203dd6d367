"""Which pieces of other files a cursor needs: several sources, each a ranked list, fused into one.

The sources, by what they know:

- ``receiver``: the members of what the cursor is behind a member access of, and of what that builds on;
- ``habit``: members that other code uses behind the same name, whether or not the workspace defines them;
- ``base``: what the classes around the cursor build on;
- ``own``: what the rest of the file defines, beyond what the prompt shows of it;
- ``definition``: what the names near the cursor stand for;
- ``usage``: code that calls the function which is being written;
- ``counterpart``: what the test of this file, or the file of this test, defines;
- ``similar``: syntax units with the same rare names (BM25), the more so in files opened or edited lately, or nearby.

Fused by reciprocal rank (Cormack, Clarke and Buettcher 2009), each source with a weight of its own. What the prompt
shows of the file itself is left out, and secrets are. Does not know tokens, prompts or models; does not read files.
"""

import itertools
import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Protocol

from lsp_server.base.secrets import redacted
from lsp_server.context.languages import Language
from lsp_server.context.symbols import Definition
from lsp_server.context.wants import Wants
from lsp_server.workspace.retrieval import modules, skeleton
from lsp_server.workspace.retrieval.piece import Piece
from lsp_server.workspace.retrieval.resolve import Found, Index, Resolver

_WORD = re.compile(r"[^\W\d]\w*")

#: What a source's first place is worth against the others', and how slowly that falls from place to place.
WEIGHTS = {
    "receiver": 4.0,
    "habit": 2.6,
    "base": 2.5,
    "own": 1.8,
    "definition": 1.5,
    "usage": 0.6,
    "counterpart": 0.8,
    "similar": 1.5,
}
_SLOWNESS = 3

#: Names near the cursor that are looked up, definitions that are taken of each, similar units and usages.
_NAMES, _MEANINGS, _SIMILAR, _USAGES = 48, 2, 12, 2

#: Of the best unit's score, what another must have to be shown.
_WORTH = 0.5

#: Lines after which a name near the cursor counts half, and what names below it count.
_HALF, _BELOW = 10, 0.7

#: What a similar unit counts more for each of: its file was opened or edited lately, is in the same folder.
_RECENT, _NEAR = 0.3, 0.2

#: Units that are looked at for members behind a name, and members that are shown.
_LOOKED_AT, _HABITS = 24, 40

#: Lines of a skeleton beyond which there is a brief form.
_LONG = 8

#: What tells a test's file name from that of what it tests.
_TEST = re.compile(r"^test_|_test(?=\.)|\.(test|spec)(?=\.)|_spec(?=\.)|(?<=\w)Tests?(?=\.)")


class Searchable(Index, Protocol):
    """What is asked of the index beside."""

    def similar(
        self, weights: Mapping[str, float], exclude: str, limit: int, languages: Collection[str]
    ) -> list[tuple[str, int, int, float]]:
        """The best units: path, start, end, score."""

    def mentions(self, name: str, limit: int) -> list[tuple[str, int, int]]:
        """Units that hold a name."""

    def text(self, path: str, start: int, end: int) -> str:
        """Of a file, between two bytes."""


def retrieve(index: Searchable, wants: Wants, about: Language, without: Collection[str] = ()) -> list[Piece]:
    """Find the pieces that a cursor needs, the most needed first.

    Args:
        about: the language of its file.
        without: sources that are not asked.
    """
    search = _Search(index, wants, about)
    sources = {
        "receiver": search.receiver,
        "habit": search.habits,
        "base": search.bases,
        "own": search.own,
        "definition": search.definitions,
        "usage": search.usages,
        "counterpart": search.counterparts,
        "similar": search.similar,
    }
    fused = []
    for name, source in sources.items():
        if name not in without:
            for rank, piece in enumerate(source()):
                score = WEIGHTS[name] * _SLOWNESS / (_SLOWNESS + rank)
                fused.append(_finished(piece, name, round(score, 4)))
    return sorted(fused, key=lambda piece: -piece.score)


def _finished(piece: Piece, source: str, score: float) -> Piece:
    return Piece(piece.path, redacted(piece.text), source, score, redacted(piece.brief))


class _Search:
    """The sources, asked in order: what one has found the next leave out."""

    def __init__(self, index: Searchable, wants: Wants, about: Language) -> None:
        self._index, self._wants = index, wants
        self._languages = (about.name, *about.related)
        self._comment = next(iter(about.line_comments), "")
        self._receivers = about.receivers
        self._access = "|".join(map(re.escape, about.member_access)) or r"\."
        self._resolver = Resolver(index, wants, about)
        self._shown = {*_WORD.findall(wants.before), *_WORD.findall(wants.after)}
        self._near = _near(wants)
        self._seen: set[tuple[str, int]] = set()

    def receiver(self) -> Iterator[Piece]:
        """The members of what the cursor is behind a member access of."""
        found = self._resolver.chain(self._wants.receiver) if self._wants.receiver else []
        return self._skeletons(after for one in found[:_MEANINGS] for after in self._resolver.lineage(one))

    def habits(self) -> Iterator[Piece]:
        """The members that other code uses behind the same name, the most frequent first, on one line."""
        name = re.search(r"[^\W\d]\w*$", self._wants.receiver)
        if name is None or name[0] in self._receivers:
            return
        used = re.compile(rf"\b{name[0]}((?:{self._access})[^\W\d]\w*)")
        members: Counter[str] = Counter()
        files: Counter[str] = Counter()
        units: Iterable[tuple[str, int, int]] = self._index.mentions(name[0], 10 * _LOOKED_AT)
        if not units:
            best = self._index.similar({name[0]: 1.0}, self._wants.path, _LOOKED_AT, self._languages)
            units = [(path, start, end) for path, start, end, _ in best]
        near = sorted(units, key=lambda unit: -modules.shared(unit[0], self._wants.path))
        for path, start, end in near[:_LOOKED_AT]:
            found = used.findall(self._index.text(path, start, end)) if path != self._wants.path else []
            members.update(dict.fromkeys(found).keys())
            files[path] += len(found)
        if members:
            most = [f"{name[0]}{member}" for member, _ in members.most_common(_HABITS)]
            text = f"{self._comment} {', '.join(most)}".strip()
            yield Piece(files.most_common(1)[0][0], text, "", 0.0)

    def bases(self) -> Iterator[Piece]:
        """What the classes around the cursor build on."""
        for name in reversed(self._wants.classes):
            for one in self._resolver.named(name)[:1]:
                yield from self._skeletons(list(self._resolver.lineage(one))[1:])

    def own(self) -> Iterator[Piece]:
        """What the classes around the cursor and the file define out of the prompt's sight: the names."""
        path = self._wants.path
        around = [one for name in reversed(self._wants.classes) for one in self._resolver.named(name)[:1]]
        for one in (*(one for one in around if one.path == path), Found(path)):
            members = [member for member in self._resolver.members(one) if member.name not in self._shown]
            if members:
                yield from self._skeleton(one, members, briefly=True)

    def definitions(self) -> Iterator[Piece]:
        """What the names near the cursor stand for, those first that are near and imported."""
        imported = self._resolver.imported
        ordered = sorted(self._near, key=lambda name: -self._near[name] * (1 + (name in imported)))
        for name in ordered[:_NAMES]:
            found = [
                one
                for one in self._resolver.value(name)
                if one.path != self._wants.path and (name in imported or _is_code(one))
            ]
            yield from self._skeletons(found[:_MEANINGS], public=True)

    def usages(self) -> Iterator[Piece]:
        """Code that calls the function around the cursor."""
        name = self._wants.function
        if not name:
            return
        calls = re.compile(rf"\b{re.escape(name)}\s*\(")
        elsewhere = (unit for unit in self._index.mentions(name, 20) if unit[0] != self._wants.path)
        units = ((path, self._index.text(path, start, end)) for path, start, end in elsewhere)
        for path, text in itertools.islice((unit for unit in units if calls.search(unit[1])), _USAGES):
            yield Piece(path, text.strip("\n"), "", 0.0)

    def counterparts(self) -> Iterator[Piece]:
        """What the test of this file defines, or what the file of this test does."""
        name = os.path.basename(self._wants.path)
        plain = _TEST.sub("", name)
        stem, ending = os.path.splitext(plain)
        if plain != name:
            names = [plain, plain[:1].lower() + plain[1:]]
        else:
            tests = ("test_{}", "{}_test", "{}.test", "{}.spec", "{}_spec", "{}Test")
            names = [test.format(stem) + ending for test in tests]
        for other in dict.fromkeys(names):
            for path in self._index.paths_ending(other)[:1]:
                if path != self._wants.path:
                    yield from self._skeletons([Found(path)], public=True)

    def similar(self) -> Iterator[Piece]:
        """Code with the same rare names."""
        folder = os.path.dirname(self._wants.path)
        found = self._index.similar(self._near, self._wants.path, 2 * _SIMILAR, self._languages)

        def score(unit: tuple[str, int, int, float]) -> float:
            path, _, _, own = unit
            recent, near = path in self._wants.recent, os.path.dirname(path) == folder
            return own * (1 + _RECENT * recent + _NEAR * near)

        best = max((one[3] for one in found), default=0.0)
        worth = [one for one in found if one[3] >= _WORTH * best]
        for path, start, end, _ in sorted(worth, key=score, reverse=True)[:_SIMILAR]:
            yield Piece(path, self._index.text(path, start, end).strip("\n"), "", 0.0)

    def _skeletons(self, found: Iterable[Found], public: bool = False) -> Iterator[Piece]:
        """What is shown of definitions, files and folders that were not shown before.

        Args:
            public: leave out members whose names begin with an underscore.
        """
        for one in found:
            own_file = one.path == self._wants.path
            if one.key in self._seen or (own_file and one.definition is None):
                continue
            self._seen.add(one.key)
            members: list[Definition] = []
            if one.definition is None or one.is_class:
                members = [
                    member
                    for member in self._resolver.members(one)
                    if not (public and member.name.startswith("_") and member.kind != "constructor")
                    and not (own_file and member.name in self._shown)
                    and not (one.definition is None and member.name.startswith("__"))
                ]
                if own_file and not members:
                    continue
            yield from self._skeleton(one, members)

    def _skeleton(self, found: Found, members: list[Definition], briefly: bool = False) -> Iterator[Piece]:
        if found.path.endswith("/"):  # of a folder the names only: its members are in several files
            listed = skeleton.brief(None, members, lambda start, end: "", self._comment)
            yield Piece(found.path, "\n".join(listed), "", 0.0)
            return

        def text(start: int, end: int) -> str:
            return self._index.text(found.path, start, end)

        rows = skeleton.lines(found.definition, members, text, self._comment)
        brief = skeleton.brief(found.definition, members, text, self._comment) if len(rows) > _LONG else []
        if briefly and brief:
            rows, brief = brief, []
        if any(rows):
            yield Piece(found.path, "\n".join(rows), "", 0.0, "\n".join(brief))


def _near(wants: Wants) -> dict[str, float]:
    """The names around the cursor, with weights that fall with the distance in lines."""
    weights: dict[str, float] = {}
    for most, lines in ((1.0, reversed(wants.before.split("\n"))), (_BELOW, wants.after.split("\n"))):
        for distance, line in enumerate(lines):
            weight = most / (1 + distance / _HALF)
            for name in _WORD.findall(line):
                weights[name] = max(weights.get(name, 0.0), weight)
    return weights


def _is_code(found: Found) -> bool:
    """Whether a definition is worth its place where nothing says that it is meant: a variable is not."""
    return found.definition is None or found.definition.kind not in ("variable", "constant", "field")
