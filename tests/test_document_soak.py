"""Documents under random edits, in every language: text and tree against a plain string and a fresh parse.

The suite does a few thousand edits; ``OFFHAND_SOAK_EDITS=1000000 pytest -s tests/test_document_soak.py`` does a million
and prints what it saw. A few edits are made, then taken back, so that a document is whole again all the time: edits
alone would leave it broken for ever, and a broken text says little about a tree.

Trees are equal when all their nodes are, with types, bytes and points. What cannot be asked of tree-sitter, see
lsp_server/context/syntax.py: that an error is cut in the same way with and without an older tree, and that a choice
that the grammar leaves open is made in the same way.
"""

import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import tree_sitter
from parsers import grammar

from lsp_server.base.text import split_lines
from lsp_server.context.syntax import Unparsed, parse
from lsp_server.workspace.documents import Change, Document

SAMPLES = sorted((Path(__file__).parent / "fixtures" / "languages").glob("*.txt"))
EDITS = int(os.environ.get("OFFHAND_SOAK_EDITS", "4200")) // len(SAMPLES)

#: Parses after which a tree with errors is made afresh.
OLDEST = 32

#: What people type, and what makes lexers go astray.
PIECES = (
    *"(){}[]<>:;,.='\"`#$/\\ \t\n",
    *(
        "x",
        "\r\n",
        "\n    ",
        "//",
        "/*",
        "*/",
        "--",
        "end",
        "if ",
        "=>",
        '"""',
        "<<EOF\n",
        "return x",
        "\u00e9",
    ),
    "\U0001f600",
)


def nodes(root: tree_sitter.Node) -> Iterator[tuple[object, ...]]:
    """All nodes of a tree with all that is compared of them."""
    stack = [root]
    while stack:
        node = stack.pop()
        yield (
            *(node.type, node.start_byte, node.end_byte, node.start_point, node.end_point),
            *(node.is_missing, node.child_count),
        )
        stack.extend(node.children)


def position(text: str, offset: int) -> tuple[int, int]:
    """Where LSP says that an offset is."""
    lines = split_lines(text[:offset])
    return len(lines) - 1, len(lines[-1].encode("utf-16-le")) // 2


def _place(offset: int, text: str) -> int:
    """The nearest place before an offset that LSP can name: none is inside a line end."""
    offset = min(offset, len(text))
    return offset - (text[:offset].endswith("\r") and text.startswith("\n", offset))


def draw(chance: random.Random, text: str, original: str) -> tuple[int, int, str]:
    """An edit: from where to where, and what is there then."""
    start = _place(chance.randrange(len(text) + 1), text)
    kind = chance.random()
    if kind < 0.5:
        return start, start, chance.choice(PIECES)
    if kind < 0.8:
        return start, _place(start + chance.randint(1, 8), text), ""
    if kind < 0.9:
        return start, _place(start + chance.randint(1, 60), text), chance.choice(PIECES)
    copied = chance.randrange(len(original))
    return start, start, original[copied : copied + chance.randint(1, 60)]


#: Grammars that may read a whole text in two ways: Go's "a[b]", JavaScript's comments between members.
AMBIGUOUS = ("go", "javascript", "typescript", "tsx")

#: Share of texts, broken or ambiguous, whose two trees may differ: ten times the most that a language showed in a
#: million edits of all.
DIFFER = 0.15


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_after_any_edits_the_tree_is_that_of_a_fresh_parse(sample: Path) -> None:
    """Always where the text has no error, nearly always where it has, and never otherwise for long."""
    read_as = grammar(sample.stem)
    original = text = sample.read_text(encoding="utf-8")
    document = Document("file:///x", sample.stem, 0, text)
    document.parse(read_as)
    chance = random.Random(EDITS)
    undo: list[tuple[int, int, str]] = []
    burst = chance.randint(1, 6)
    seen, in_a_row = Counter[str](), 0
    for number in range(EDITS):
        if burst > 0 or not undo:
            start, end, new = draw(chance, text, original)
            undo.append((start, start + len(new), text[start:end]))
            burst -= 1
        else:
            start, end, new = undo.pop()
            burst = 0 if undo else chance.randint(1, 6)
        change = Change(new, position(text, start), position(text, end))
        text = text[:start] + new + text[end:]
        document.apply([change], number, "utf-16")
        assert document.text == text
        if chance.random() < 0.3:
            continue  # several edits at once
        tree = document.parse(read_as)
        fresh = parse(read_as, Unparsed(document.snapshot_lines(), 0))
        assert tree is not None
        assert fresh is not None
        assert tree.source == fresh.source
        same = list(nodes(tree.root)) == list(nodes(fresh.root))
        broken = tree.root.has_error or fresh.root.has_error
        seen[("broken" if broken else "whole") + (", the same" if same else ", not the same")] += 1
        assert same or broken or sample.stem in AMBIGUOUS, text
        in_a_row = 0 if same else in_a_row + 1
        assert in_a_row <= OLDEST, text
    print(sample.stem, dict(seen))
    assert seen["broken, not the same"] + seen["whole, not the same"] <= DIFFER * seen.total()
