"""The copy memory says what followed, the more surely the longer the match, and is silent where it knows nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.engine.memory import REACH, Memory

VOCABULARY = 6
EVEN = np.full(VOCABULARY, 1 / VOCABULARY)

tokens = st.lists(st.integers(0, VOCABULARY - 1), max_size=60)


def test_what_followed_becomes_likely() -> None:
    """A long match makes its continuation nearly certain, a short one only likelier."""
    memory = Memory()
    memory.remember("d", [[0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5]])
    long = memory.mix(EVEN, [0, 1, 2, 3, 4, 0, 1, 2, 3, 4], "d")
    short = memory.mix(EVEN, [5, 3, 4], "d")
    assert long.argmax() == 5
    assert long[5] > short[5] > EVEN[5]


def test_no_match_changes_nothing() -> None:
    """Unknown contexts, short contexts and an empty memory leave the network alone."""
    memory = Memory()
    assert memory.mix(EVEN, [1, 2, 3], "d") is EVEN
    memory.remember("d", [[1, 2, 3], []])
    assert memory.mix(EVEN, [3, 1], "d") is EVEN
    assert memory.mix(EVEN, [2], "d") is EVEN
    assert memory.mix(EVEN, [], "d") is EVEN


def test_nothing_follows_across_a_break() -> None:
    """The end of one piece does not predict the beginning of the next, nor one document the other."""
    memory = Memory()
    memory.remember("d", [[1, 2], [3, 4]])
    memory.remember("e", [[5, 5]])
    assert memory.mix(EVEN, [1, 2], "d") is EVEN
    assert memory.mix(EVEN, [3, 4], "d") is EVEN


def test_the_own_document_counts_more() -> None:
    """Where two documents disagree the one being written wins."""
    memory = Memory()
    memory.remember("a", [[1, 2, 3]])
    memory.remember("b", [[1, 2, 4]])
    assert memory.mix(EVEN, [1, 2], "a").argmax() == 3
    assert memory.mix(EVEN, [1, 2], "b").argmax() == 4


def test_a_document_is_replaced_and_the_oldest_forgotten() -> None:
    """What was deleted from a document is no longer known; of too many documents the one untouched longest goes."""
    memory = Memory()
    memory.remember("d", [[1, 2, 3]])
    memory.remember("d", [[1, 2, 4]])
    assert memory.mix(EVEN, [1, 2], "d").argmax() == 4
    memory.remember("d", [])
    assert memory.mix(EVEN, [1, 2], "d") is EVEN
    memory.remember("d", [[1, 2, 4]])
    for number in range(30):
        memory.remember(str(number), [[0, 0, 5]])
    assert memory.mix(EVEN, [1, 2], "d") is EVEN


@given(tokens, tokens, st.integers(0, 60))
def test_it_stays_a_distribution_and_believes_the_longest_match(
    piece: list[int], context: list[int], cut: int
) -> None:
    """Property, against a search by hand: the mass stays 1, and only tokens that followed a match gain."""
    memory = Memory()
    memory.remember("d", [piece[:cut], piece[cut:]])
    mixed = memory.mix(EVEN, context, "d")
    assert mixed.sum() == pytest.approx(1)
    assert (mixed >= 0).all()
    followed = {
        part[at]
        for part in (piece[:cut], piece[cut:])
        for at in range(2, len(part))
        if part[at - 2 : at] == context[-2:]
    }
    gained = {token for token in range(VOCABULARY) if mixed[token] > EVEN[token] + 1e-12}
    assert gained <= followed
    assert (mixed is EVEN) == (not followed)


def test_long_contexts_are_cut() -> None:
    """A context of any length costs the same; only its last tokens count."""
    memory = Memory()
    memory.remember("d", [[1] * 300 + [2]])
    assert memory.mix(EVEN, [1] * 5000, "d") == pytest.approx(memory.mix(EVEN, [1] * REACH, "d"))
