"""Bits a byte: by hand with networks that are functions, whatever the windows and however the text is cut."""

import lzma
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shipped import tokenizer

from lsp_server.base.errors import TrainingError
from lsp_server.engine.tokenizer import Tokenizer
from lsp_server.training.bits import ALL, bits_per_byte, choose
from lsp_server.training.documents import Document, read

CONTEXT = 40


@pytest.fixture(scope="module")
def cutter() -> Tokenizer:
    """The bundled tokenizer, whichever special tokens its model has: one of them begins a file here."""
    found = tokenizer()
    found.special.setdefault("<|file_sep|>", 2)
    return found


def even(ids: Sequence[int]) -> npt.NDArray[np.float32]:
    """Every token is as likely as any other."""
    return np.zeros((len(ids), tokenizer().vocabulary), np.float32)


def silent(_what: str, _part: float | None) -> None:
    pass


def document(text: str, language: str = "python") -> Document:
    return Document("shop", language, "shop/src/deep/folder/inventory.py", text)


@given(st.text("ab_(1 .\n\té", max_size=300))
def test_an_even_network_costs_the_same_at_every_token(cutter: Tokenizer, text: str) -> None:
    """Property: log2 of the vocabulary for each token, in windows as in one; every byte is counted once."""
    found = bits_per_byte(even, CONTEXT, cutter, [document(text)], 10_000, silent)[ALL]
    tokens, size = len(cutter.encode(text)), len(text.encode())
    assert found.bytes == size
    if not size:
        assert found.per_byte is None
        return
    assert found.per_byte == pytest.approx(tokens * np.log2(cutter.vocabulary) / size)
    assert found.bytes_per_token == pytest.approx(size / tokens)


def test_every_window_begins_with_the_path_and_shows_half_of_the_last(cutter: Tokenizer) -> None:
    """No window is longer than the context; together they predict each token once, behind enough of the text."""
    text = "".join(f"name_{number} = function({number})\n" for number in range(20))
    ids = cutter.encode(text)
    heading = [
        cutter.special["<|file_sep|>"],
        *cutter.encode("deep/folder/inventory.py"),
        *cutter.encode("\n"),
    ]
    seen: list[list[int]] = []

    def network(shown: Sequence[int]) -> npt.NDArray[np.float32]:
        seen.append(list(shown))
        return even(shown)

    bits_per_byte(network, CONTEXT, cutter, [document(text)], 10_000, silent)
    assert len(seen) > 2
    assert all(len(shown) < CONTEXT and shown[: len(heading)] == heading for shown in seen)
    assert seen[0][len(heading) :] == ids[: CONTEXT - len(heading) - 1]
    half = (CONTEXT - len(heading)) // 2
    assert seen[1][len(heading) :][:half] == ids[: CONTEXT - len(heading)][-half:]
    assert seen[-1][-3:] == ids[-4:-1]


def test_a_network_that_knows_costs_nothing(cutter: Tokenizer) -> None:
    """Logits are read at the right place: one that says the true next token is never surprised."""
    text = "".join(f"value_{number} = call_{number * 7919}()\n" for number in range(30))
    ids = cutter.encode(text)
    heading = len(cutter.encode("deep/folder/inventory.py")) + len(cutter.encode("\n")) + 1

    def network(shown: Sequence[int]) -> npt.NDArray[np.float32]:
        rows = even(shown)
        said = list(shown[heading:])
        (start,) = [at for at in range(len(ids)) if ids[at : at + max(len(said), 8)][: len(said)] == said][:1]
        for row, token in enumerate(ids[start : start + len(said) + 1]):
            rows[heading - 1 + row, token] = 60.0
        return rows

    found = bits_per_byte(network, CONTEXT, cutter, [document(text)], 10_000, silent)[ALL]
    assert found.per_byte == pytest.approx(0, abs=1e-6)


def test_lines_of_code_are_told_apart(cutter: Tokenizer) -> None:
    """Comments of a line's own and blank lines are none; in C's family a star begins one only before a space."""
    python = document("# remark\n\nx = 1  # one\n")
    c = document("/* one\n * two\n */\n*p = 1;\n#include <a.h>\n", "c")
    found = bits_per_byte(even, CONTEXT, cutter, [python, c], 10_000, silent)
    assert list(found) == [ALL, "python", "c"]
    assert found["python"].code == len("x = 1  # one\n")
    assert found["c"].code == len("*p = 1;\n#include <a.h>\n")
    assert found[ALL].code == found["python"].code + found["c"].code
    assert found[ALL].documents == 2
    assert (
        bits_per_byte(even, CONTEXT, cutter, [document("# a\n")], 10_000, silent)[ALL].per_code_byte is None
    )


def test_documents_are_read_and_chosen(tmp_path: Path) -> None:
    """Packed or not; of each language some, evenly spread; what cannot be read is said."""
    rows = b"".join(
        b'{"package": "p", "language": "%s", "path": "p/%d", "text": "x"}\n' % (language, number)
        for language, count in ((b"go", 10), (b"lua", 2))
        for number in range(count)
    )
    (tmp_path / "train.jsonl").write_bytes(rows)
    (tmp_path / "test.jsonl.xz").write_bytes(lzma.compress(rows))
    found = list(read(tmp_path, "train"))
    assert list(read(tmp_path, "test")) == found
    assert [one.path for one in choose(found, 4)] == ["p/0", "p/2", "p/5", "p/7", "p/0", "p/1"]
    with pytest.raises(TrainingError, match="cannot be read"):
        list(read(tmp_path, "validation"))
    (tmp_path / "validation.jsonl").write_bytes(b'{"language": 1}\n')
    with pytest.raises(TrainingError, match="cannot be read"):
        list(read(tmp_path, "validation"))
