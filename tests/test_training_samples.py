"""Holes and samples: what is cut out is put back, and a sample is what serving asks with the answer behind it."""

from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.engine.tokenizer import Tokenizer
from lsp_server.prompt.render import About, budget, render
from lsp_server.prompt.window import window
from lsp_server.training import holes, samples
from lsp_server.training.holes import Hole
from lsp_server.training.tokenizer import SPECIAL, learn

CODE = '''"""A shop."""

import math


class Shop:
    """Sells."""

    def __init__(self, prices):
        self.prices = dict(prices)

    def total(self, basket, discount=0):
        amount = 0
        for item, count in basket.items():
            amount += self.prices[item] * count
        return math.floor(amount * (1 - discount))


def open_shop():
    return Shop({"tea": 3, "cake": 5})
'''
LINES = CODE.splitlines(keepends=True)

texts = st.lists(
    st.text("ab_(){}:,.\t \"'#/=é𝄞", max_size=30).map(lambda line: line + "\n"), min_size=1, max_size=30
)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    """One that is learnt on the code above."""
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    learn([CODE] * 20, 600).save(str(path))
    return Tokenizer(path, {name: number for number, name in enumerate(SPECIAL)})


def without(lines: list[str], hole: Hole) -> str:
    head = "".join(lines[: hole.line]) + lines[hole.line][: hole.column]
    return head + lines[hole.last_line][hole.last_column :] + "".join(lines[hole.last_line + 1 :])


@given(texts, st.integers(0, 2**32))
def test_a_hole_lies_in_its_document(lines: list[str], seed: int) -> None:
    """Property: what is missing, put back at the cursor, makes the document again; it never ends in white space."""
    hole = holes.cut(lines, Random(seed))
    if hole is None:
        return
    middle = hole.middle(lines)
    at = len("".join(lines[: hole.line])) + hole.column
    rest = without(lines, hole)
    assert rest[:at] + middle + rest[at:] == "".join(lines)
    assert middle.rstrip() == middle != ""


def test_all_kinds_of_holes_are_cut() -> None:
    """Rests of lines most of all; blocks are whole, and words end where a word does."""
    chance = Random(1)
    cut = [hole for hole in (holes.cut(LINES, chance) for _ in range(600)) if hole]
    kinds = [hole.kind for hole in cut]
    assert set(kinds) == {"rest", "word", "lines", "block"}
    assert max(kinds, key=kinds.count) == "rest"
    for hole in cut:
        last = LINES[hole.last_line]
        if hole.kind in ("rest", "lines", "block"):
            assert hole.last_column == len(last.rstrip())
        if hole.kind == "block":
            behind = next((line for line in LINES[hole.last_line + 1 :] if line.strip()), "")
            opener = (
                LINES[hole.line] if hole.column == len(LINES[hole.line].rstrip()) else LINES[hole.line - 1]
            )
            assert len(behind) - len(behind.lstrip()) <= len(opener) - len(opener.lstrip())


def test_nothing_is_cut_where_there_is_nothing() -> None:
    """A document of blank lines has no hole."""
    assert holes.cut(["\n", "   \n"], Random(0)) is None


def test_a_sample_begins_as_serving_asks(tokenizer: Tokenizer) -> None:
    """The same tokens as ``prompt`` lays out for an editor with the cursor there; then the answer and its end."""
    line, column = 13, 20
    hole = Hole("rest", line, column, line, len(LINES[line].rstrip()))
    capacity = 400
    ids = samples.infill(tokenizer, "shop/src/shop.py", LINES, hole, (), capacity)
    answer = hole.middle(LINES)
    most = budget("offhand", capacity - len(tokenizer.encode(answer)))
    asked = [*LINES[:line], LINES[line][:column] + "\n", *LINES[line + 1 :]]
    shown = window(asked, line, column, most.prefix, most.suffix)
    parts = render("offhand", shown, About("shop/src/shop.py"), (), most)
    whole = tokenizer.encode(shown.prefix + answer)
    assert ids == [*samples.tokens(tokenizer, parts[:-1]), *whole, SPECIAL.index("<|endoftext|>")]


def test_closing_brackets_behind_the_cursor_are_part_of_the_answer(tokenizer: Tokenizer) -> None:
    """Serving does not show them to the model, as editors insert them by themselves."""
    line = LINES.index("        self.prices = dict(prices)\n")
    column = LINES[line].index("prices)")
    hole = Hole("word", line, column, line, column + len("prices"))
    ids = samples.infill(tokenizer, "shop.py", LINES, hole, (), 400)
    text = b"".join(tokenizer.bytes[token] for token in ids).decode()
    assert text.endswith("self.prices = dict(prices)")
    ids = samples.llama_infill(tokenizer, LINES, hole, (), 400, False)
    text = b"".join(tokenizer.bytes[token] or b"|" for token in ids).decode()
    assert text.endswith("self.prices = dict(|prices|")
    assert "\n|)\n\n    def total" in text


def test_the_order_of_llama_cpp(tokenizer: Tokenizer) -> None:
    """Project, file, suffix, prefix, and a token between prefix and answer."""
    hole = Hole("rest", 13, 20, 13, len(LINES[13].rstrip()))
    ids = samples.llama_infill(tokenizer, LINES, hole, [("shop/till.py", "import shop\n")], 500, False)
    order = [SPECIAL[token] for token in ids if token < len(SPECIAL)]
    assert order == [
        *("<|repo_name|>", "<|file_sep|>", "<|file_sep|>", "<|fim_suffix|>", "<|fim_prefix|>"),
        *("<|fim_middle|>", "<|endoftext|>"),
    ]
    bare = samples.llama_infill(tokenizer, LINES, hole, (), 500, True)
    assert [SPECIAL[token] for token in bare if token < len(SPECIAL)] == order[3:]


def test_plain_text_ends_where_the_file_does(tokenizer: Tokenizer) -> None:
    """And only there."""
    end = SPECIAL.index("<|endoftext|>")
    assert samples.plain(tokenizer, "shop.py", LINES, 0, 2000)[-1] == end
    assert end not in samples.plain(tokenizer, "shop.py", LINES, 0, 40)


@given(texts, st.integers(0, 2**32), st.integers(100, 300))
def test_a_sample_is_about_as_long_as_it_may_be(
    tokenizer: Tokenizer, lines: list[str], seed: int, capacity: int
) -> None:
    """Property: never longer than its capacity, but for the little that a long answer needs around it."""
    hole = holes.cut(lines, Random(seed))
    if hole is None:
        return
    answer = len(tokenizer.encode(hole.middle(lines)))
    for ids in (
        samples.infill(tokenizer, "a/b.py", lines, hole, (), capacity),
        samples.llama_infill(tokenizer, lines, hole, (), capacity, True),
    ):
        assert len(ids) <= max(capacity, answer + 96) + answer + 64
        assert ids[-1] == SPECIAL.index("<|endoftext|>")


def test_a_file_is_named_by_the_end_of_its_path(tokenizer: Tokenizer, tmp_path: Path) -> None:
    """Three components; of a path that is too long its end stays, which tells the language."""
    ids = samples.plain(tokenizer, "very/deep/shop/src/till.py", ["x = 1\n"], 0, 200)
    text = b"".join(tokenizer.bytes[token] for token in ids).decode()
    assert text.startswith("shop/src/till.py\n")
