"""What code asks of others: the names that are called, reached through an object, used as types or as bases.

Asks ``grammars/<language>/references.scm``, of which each pattern captures one name as ``@call``, ``@member``,
``@type``, ``@base`` or ``@name`` (a name of which no more is known, as in code that is being written), maybe with
``@receiver``: what it is reached through. A name that is also captured as ``@defined`` is no reference.

Retrieval does not ask it yet: it takes every name near the cursor for one that is used. Does not know what any name
means. Pure.
"""

from typing import Literal, cast, get_args

import msgspec

from lsp_server.context.languages import Grammar
from lsp_server.context.matching import Match, matches
from lsp_server.context.syntax import Tree

#: What counts, where several patterns capture one name: the first of these.
Use = Literal["base", "call", "type", "member", "name"]
_RANK = {use: rank for rank, use in enumerate(get_args(Use))}

#: Bytes of a receiver that are worth reading; of a longer one nothing is said.
MAX_RECEIVER = 200

#: References that are given, from the range's beginning; a name that is longer (bytes) is none.
MAX_REFERENCES, MAX_NAME = 5000, 200


class Reference(msgspec.Struct, frozen=True, gc=False):
    """One name that is used.

    Attributes:
        start, end: where the name stands, in bytes of the tree's source.
        receiver: what it is reached through, as it stands there: ``self.files`` of ``self.files.open()``. Empty where
            it is reached through nothing, or that is long.
    """

    name: str
    use: Use
    start: int
    end: int
    receiver: str = ""


def references(grammar: Grammar, tree: Tree, start_byte: int, end_byte: int) -> tuple[Reference, ...]:
    """The references whose names begin in a part of a text, in its order; none where the language has no query."""
    if grammar.references is None or start_byte >= end_byte:
        return ()
    found: dict[int, Reference] = {}
    defined: set[int] = set()
    for _, match in matches(grammar.references, tree.root, (start_byte, end_byte)):
        use = next(capture for capture in match if capture != "receiver")
        node = match[use][0]
        at = node.start_byte
        if not (start_byte <= at < end_byte and 0 < node.end_byte - at <= MAX_NAME):
            continue
        if use == "defined":
            defined.add(at)
            continue
        receiver = _receiver(tree.source, match)
        known = found.get(at)
        if known is not None:
            receiver = known.receiver or receiver
            use = min(use, known.use, key=_RANK.__getitem__)
        name = tree.source[at : node.end_byte].decode(errors="replace")
        found[at] = Reference(name, cast("Use", use), at, node.end_byte, receiver)
    kept = sorted(at for at in found if at not in defined)
    return tuple(found[at] for at in kept[:MAX_REFERENCES])


def _receiver(source: bytes, match: Match) -> str:
    if "receiver" not in match:
        return ""
    node = match["receiver"][0]
    if node.end_byte - node.start_byte > MAX_RECEIVER:
        return ""
    return "".join(source[node.start_byte : node.end_byte].decode(errors="replace").split("\n"))
