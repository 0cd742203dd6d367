"""Which pieces of other files a cursor needs: several sources, each a ranked list, fused into one.

Sources, by what they know: the members of the receiver's class (``receiver``); what the names near the cursor stand for
(``definition``); what the class around it builds on (``base``); similar code by BM25 over syntax units (``similar``).
Fused by reciprocal rank (Cormack, Clarke and Buettcher 2009), each source with its weight. What the prompt shows already is left
out. Does not know tokens, prompts or models; does not read files itself.
"""

import re
from collections.abc import Collection, Iterator
from typing import Protocol

import msgspec

from lsp_server.context.languages import Language
from lsp_server.context.symbols import Definition
from lsp_server.context.wants import Wants
from lsp_server.workspace.retrieval import skeleton
from lsp_server.workspace.retrieval.piece import Piece
from lsp_server.workspace.retrieval.resolve import Found, Index, Resolver

_WORD = re.compile(r"[^\W\d]\w*")

#: Of reciprocal rank fusion: how little the first ranks differ.
_K = 10

#: Lines of a skeleton beyond which there is a brief form.
_LONG = 8

#: What a source's first place is worth, against the others'.
WEIGHTS = {"receiver": 4.0, "base": 2.5, "definition": 2.0, "module": 1.5, "similar": 1.0}


class Similar(Index, Protocol):
    """What retrieving asks of the index beside."""

    def similar(
        self, weights: dict[str, float], exclude: str, limit: int
    ) -> list[tuple[str, int, int, float]]: ...  # noqa: D102

    def text(self, path: str, start: int, end: int) -> str: ...  # noqa: D102


def retrieve(index: Similar, wants: Wants, about: Language, without: Collection[str] = ()) -> list[Piece]:
    """Find the pieces that a cursor needs, the most needed first."""
    resolver = Resolver(index, wants, about)
    near = _near(wants)
    comment = next(iter(about.line_comments), "")
    lists = {
        "receiver": _receiver(resolver, wants),
        "base": _bases(resolver, wants),
        "definition": _definitions(resolver, wants, near),
    }
    lines: dict[str, list[Piece]] = {}
    seen: set[tuple[str, int]] = set()
    for source, found in lists.items():
        if source in without:
            continue
        for one in found:
            key = one.key
            if key in seen or (one.path == wants.path and one.definition is None):
                continue
            seen.add(key)
            piece = _piece(index, resolver, wants, one, source, comment)
            if piece is not None:
                lines.setdefault(source, []).append(piece)
    if "similar" not in without:
        lines["similar"] = _similar(index, wants, near)
    fused: list[Piece] = []
    for source, pieces in lines.items():
        weight = WEIGHTS[source]
        fused += [
            msgspec.structs.replace(piece, score=weight * _K / (_K + rank)) for rank, piece in enumerate(pieces)
        ]
    return sorted(fused, key=lambda piece: -piece.score)


def _near(wants: Wants) -> dict[str, float]:
    """The names around the cursor, with weights that fall with the distance in lines."""
    weights: dict[str, float] = {}
    for distance, line in enumerate(reversed(wants.before.split("\n"))):
        for name in _WORD.findall(line):
            weights[name] = max(weights.get(name, 0.0), 1 / (1 + distance / 10))
    for distance, line in enumerate(wants.after.split("\n")):
        for name in _WORD.findall(line):
            weights[name] = max(weights.get(name, 0.0), 0.7 / (1 + distance / 10))
    return weights


def _receiver(resolver: Resolver, wants: Wants) -> Iterator[Found]:
    for one in resolver.chain(wants.receiver)[:2] if wants.receiver else ():
        yield from resolver.lineage(one)


def _bases(resolver: Resolver, wants: Wants) -> Iterator[Found]:
    for name in reversed(wants.classes):
        for one in resolver.named(name)[:1]:
            ancestors = resolver.lineage(one)
            next(ancestors, None)
            yield from ancestors


def _definitions(resolver: Resolver, wants: Wants, near: dict[str, float]) -> Iterator[Found]:
    imported = resolver.imported
    for name in sorted(near, key=lambda name: -near[name] * (2 if name in imported else 1))[:80]:
        found = [one for one in resolver.value(name) if one.path != wants.path and _says_much(one, name in imported)]
        yield from found[:2]


def _says_much(found: Found, imported: bool) -> bool:
    """Whether a definition is worth its place: a variable of another file is only where it is imported."""
    return imported or found.definition is None or found.definition.kind not in ("variable", "constant", "field")


def _piece(
    index: Similar, resolver: Resolver, wants: Wants, found: Found, source: str, comment: str
) -> Piece | None:
    members: list[Definition] = []
    if found.definition is None or found.is_class:
        members = resolver.members(found)
        if found.path == wants.path:
            shown = set(_WORD.findall(wants.before)) | set(_WORD.findall(wants.after))
            members = [one for one in members if one.name not in shown]
            if not members:
                return None
        if source == "definition" and found.is_class:
            members = [one for one in members if not one.name.startswith("_") or one.name == "__init__"]
    def text(start: int, end: int) -> str:
        return index.text(found.path, start, end)

    rows = skeleton.lines(found.definition, members, text, comment)
    if not rows:
        return None
    brief = skeleton.brief(found.definition, members, text, comment) if len(rows) > _LONG else []
    return Piece(found.path, "\n".join(rows), source, 0.0, "\n".join(brief))


def _similar(index: Similar, wants: Wants, near: dict[str, float]) -> list[Piece]:
    return [
        Piece(path, index.text(path, start, end).strip("\n"), "similar", score)
        for path, start, end, score in index.similar(near, wants.path, 8)
    ]
