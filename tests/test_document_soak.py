"""Documents under random edits, in every language: text and tree against a plain string and a fresh parse.

The suite does a few thousand edits; ``OFFHAND_SOAK_EDITS=1000000 pytest -s tests/test_document_soak.py`` does a million
and prints what it saw. Half of the edits take an earlier one back, so that a document is whole again every few edits:
edits alone would leave it broken for ever, and a broken text says little about a tree.
"""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import tree_sitter

from lsp_server.base.text import split_lines
from lsp_server.context.languages import Grammars
from lsp_server.context.syntax import Unparsed, parse
from lsp_server.workspace.documents import Change, Document

SAMPLES = sorted((Path(__file__).parent / "fixtures" / "languages").glob("*.txt"))
EDITS = int(os.environ.get("OFFHAND_SOAK_EDITS", "4200")) // len(SAMPLES)

#: What people type, and what makes lexers go astray.
PIECES = (
    *"(){}[]<>:;,.='\"`#$/\\ \t\n",
    *("x", "\r\n", "\n    ", "//", "/*", "*/", "--", "end", "if ", "=>", '"""', "<<EOF\n", "return x", "\u00e9"),
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


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_after_any_edits_the_tree_is_that_of_a_fresh_parse(sample: Path) -> None:
    grammar = Grammars().load(sample.stem)
    assert grammar is not None
    original = text = sample.read_text(encoding="utf-8")
    document = Document("file:///x", sample.stem, 0, text)
    document.parse(grammar)
    chance = random.Random(EDITS)
    undo: list[tuple[int, int, str]] = []
    burst = chance.randint(1, 6)
    seen = {"whole": 0, "broken": 0, "whole_differ": 0, "broken_differ": 0, "more":0, "fewer":0, "equal":0}
    for number in range(EDITS):
        if burst > 0 or not undo:
            start, end, new = draw(chance, text, original)
            undo.append((start, start + len(new), text[start:end]))
            burst -= 1
        else:
            start, end, new = undo.pop()
            if not undo:
                burst = chance.randint(1, 6)
        change = Change(new, position(text, start), position(text, end))
        text = text[:start] + new + text[end:]
        document.apply([change], number, "utf-16")
        assert document.text == text
        if chance.random() < 0.3:
            continue  # several edits at once
        tree = document.parse(grammar)
        fresh = parse(grammar, Unparsed(document.snapshot_lines(), 0))
        assert tree is not None
        assert fresh is not None
        same = list(nodes(tree.root)) == list(nodes(fresh.root))
        state = "broken" if fresh.root.has_error else "whole"
        seen[state] += 1
        if not same:
            seen[f"{state}_differ"] += 1
            if state=="whole":
                print("WHOLE", sample.stem, tree.root.has_error, repr(text)[:5000])
            else:
                from lsp_server.context.syntax import count_errors
                a,b=count_errors(tree.root),count_errors(fresh.root)
                seen["more" if a>b else "fewer" if a<b else "equal"]+=1
    print(sample.stem, seen, flush=True)
