"""Names in an insertion that certainly exist nowhere: not in the document, not in the language, not in the insertion.

Certain means: the name is a use by the language's ``uses.scm`` wherever it stands in the insertion, the text with the
insertion has no parse error near it, and nowhere else in the document is there such a word, be it in a comment. What
is not certain is not reported. Does not know which name was meant, nor scopes: a name of another function exists.
"""

import re
from collections.abc import Callable

import tree_sitter

from lsp_server.base.text import to_bytes
from lsp_server.context.excerpt import Excerpt
from lsp_server.context.languages import Grammar
from lsp_server.context.syntax import Tree, insert

_WORD = re.compile(r"[^\W\d]\w*")
_WORD_BYTES = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"


def unresolved(
    grammar: Grammar,
    tree: Tree,
    part: Callable[[], Excerpt],
    start_byte: int,
    old_end_byte: int,
    insertion: str,
    stop: Callable[[], bool] | None = None,
) -> int | None:
    """Where the first name stands that certainly does not exist.

    Args:
        part: makes the excerpt of the tree around the place; asked only when there is a new word.
        start_byte, old_end_byte: what the insertion takes the place of, in bytes of ``tree.source``.
        stop: as in ``syntax.parse``.

    Returns:
        code points from the insertion's beginning, 0 for a word that began before it; ``None`` if there is none or
        that cannot be told.
    """
    about = grammar.about
    if grammar.uses is None or any(
        mark in insertion or mark.encode() in tree.source for mark in about.opaque
    ):
        return None
    before, behind = tree.source[:start_byte], tree.source[old_end_byte:]
    data = to_bytes([insertion])
    # A word that is joined with what was typed, or with what follows, is one word.
    first = len(before) - len(_word_at_end(before))
    last = len(behind) - len(_word_at_start(behind))
    whole = (before[first:] + data + behind[: len(behind) - last]).decode(errors="replace")
    new = {
        word
        for word in _WORD.findall(whole)
        if word not in about.builtins
        and not _occurs(word.encode(), tree.source, 0, first)
        and not _occurs(word.encode(), tree.source, len(tree.source) - last, len(tree.source))
    }
    if not new:
        return None
    near = part()
    begin, end = start_byte - near.offset, old_end_byte - near.offset
    changed = insert(grammar, near.tree, begin, end, insertion, stop)
    if changed is None or changed.root.has_error:
        return None
    place = _first_use(grammar, changed, new, first - near.offset, begin, begin + len(data))
    return None if place is None else len(data[: max(0, place - begin)].decode(errors="replace"))


def _first_use(grammar: Grammar, tree: Tree, new: set[str], word: int, start: int, end: int) -> int | None:
    """The first byte of a use of a new name between ``word`` and ``end``; an insertion begins at ``start``."""
    assert grammar.uses is not None
    cursor = tree_sitter.QueryCursor(grammar.uses)
    cursor.set_byte_range(word, end)
    captures = cursor.captures(tree.root)
    labels = {node.id for node in captures.get("label", ())}
    bindings = {node.id for node in captures.get("binding", ())}
    uses = {
        node.id
        for node in captures.get("use", ())
        if node.id not in bindings and not _may_go_on(grammar, tree, node, end)
    }
    places: dict[str, int] = {}
    bound = set()
    for node in captures.get("name", ()):
        text = tree.source[node.start_byte : node.end_byte].decode(errors="replace")
        if text not in new or node.end_byte <= start or node.start_byte >= end or node.id in labels:
            continue
        if node.id in uses:
            places[text] = min(node.start_byte, places.get(text, node.start_byte))
        else:
            bound.add(text)
    return min((place for text, place in places.items() if text not in bound), default=None)


def _may_go_on(grammar: Grammar, tree: Tree, node: tree_sitter.Node, end: int) -> bool:
    """Whether a bracket around a name is closed on a later line only and holds one thing yet: a comprehension, perhaps,
    whose ``for`` is still to come."""
    brackets = grammar.about.nodes.brackets
    outer = node.parent
    while outer is not None:
        on_later_line = b"\n" in tree.source[end : outer.end_byte]
        if outer.type in brackets and on_later_line and all(child.type != "," for child in outer.children):
            return True
        outer = outer.parent
    return False


def _word_at_end(text: bytes) -> bytes:
    found = re.search(rb"[\w\x80-\xff]*\Z", text[-200:])
    return found.group() if found else b""


def _word_at_start(text: bytes) -> bytes:
    found = re.match(rb"[\w\x80-\xff]*", text)
    return found.group() if found else b""


def _occurs(word: bytes, text: bytes, start: int, end: int) -> bool:
    """Whether a word stands between two places of a text; what is not ASCII beside it is taken for no part of it."""
    at = text.find(word, start, end)
    while at >= 0:
        behind = at + len(word)
        joined = (at > start and text[at - 1] in _WORD_BYTES) or (
            behind < end and text[behind] in _WORD_BYTES
        )
        if not joined:
            return True
        at = text.find(word, at + 1, end)
    return False
