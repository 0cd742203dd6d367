"""The copy memory: it finds the longest matches, knows what is current, and says what followed, the more surely the
longer the match."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.engine.memory import store
from lsp_server.engine.memory.mixture import Mixture, Probabilities, support, weights
from lsp_server.engine.memory.segment import REACH, Ids, Segment
from lsp_server.engine.memory.store import Memory
from lsp_server.engine.messages import DELETED_LINES

VOCABULARY = 6
EVEN = np.full(VOCABULARY, 1 / VOCABULARY)

tokens = st.lists(st.integers(0, VOCABULARY - 1), max_size=60)


def mix(memory: Memory, context: Sequence[int], own: str = "d") -> Probabilities:
    return Mixture(weights()).mix(EVEN, memory.view(own).matches(context))


def follows(memory: Memory, context: Sequence[int], own: str = "d") -> dict[int, set[int]]:
    """Token to the kinds of the places where it followed the context, two tokens at least."""
    matches = memory.view(own).matches(context)
    found: dict[int, set[int]] = {}
    for length, token, kind in zip(matches.lengths, matches.tokens, matches.kinds, strict=True):
        if length >= 2:
            found.setdefault(int(token), set()).add(int(kind))
    return found


# --- segments


def agreeing(piece: Sequence[int], at: int, context: Sequence[int]) -> int:
    """Length of the match of a context in front of a place, by hand."""
    size = 0
    while size < min(at, len(context), REACH) and piece[at - 1 - size] == context[-1 - size]:
        size += 1
    return size


@given(st.lists(tokens, min_size=1, max_size=4), tokens)
def test_a_segment_finds_what_a_search_by_hand_finds(pieces: list[list[int]], context: list[int]) -> None:
    """Property: every place where the context's last tokens stand, with the right length, token and piece."""
    segment = Segment([(str(i), np.array(piece, np.int64)) for i, piece in enumerate(pieces)], VOCABULARY)
    lengths, followed, places = segment.matches(segment.key(context))
    found = sorted(zip(lengths.tolist(), followed.tolist(), segment.pieces_of(places).tolist(), strict=True))
    expected = sorted(
        (size, piece[at], number)
        for number, piece in enumerate(pieces)
        for at in range(1, len(piece))
        if (size := agreeing(piece, at, context))
    )
    assert found == expected
    assert [segment.piece(i).tolist() for i in range(len(pieces))] == pieces


@given(st.lists(st.integers(0, 2), min_size=300, max_size=900), st.integers(0, 900))
def test_of_too_many_matches_the_longest_are_found(piece: list[int], at: int) -> None:
    """Property: where more places match than are looked at, the longest match is among them."""
    context = piece[: at % len(piece)] or [0]
    segment = Segment([("d", np.array(piece, np.int64))], 3)
    lengths, _, _ = segment.matches(segment.key(context))
    best = max(agreeing(piece, place, context) for place in range(1, len(piece)))
    assert max(lengths.tolist(), default=0) == best


def test_large_vocabularies() -> None:
    """Ids beyond 16 bits are told apart."""
    piece = np.array([70_000, 4_464, 9, 70_000, 70_001, 8], np.int64)
    segment = Segment([("d", piece)], 150_000)
    lengths, followed, _ = segment.matches(segment.key([70_000, 70_001]))
    assert (lengths.tolist(), followed.tolist()) == ([2], [8])
    assert segment.piece(0).tolist() == piece.tolist()


# --- what is current


def test_nothing_follows_across_a_break() -> None:
    """The end of one piece does not predict the beginning of the next, nor one document the other."""
    memory = Memory(VOCABULARY)
    memory.remember("d", [[1, 2], [3, 4]])
    memory.remember("e", [[5, 5]])
    memory.learn([("f", [[1, 2]]), ("g", [[3, 4]])])
    assert not follows(memory, [1, 2])
    assert not follows(memory, [3, 4])


def test_where_a_match_stands() -> None:
    """Above and below the cursor, in another open document, in the same directory, elsewhere, in deleted lines."""
    memory = Memory(VOCABULARY)
    memory.remember("a/own", [[1, 2, 0], [1, 2, 1]])
    memory.remember("a/open", [[1, 2, 2]])
    memory.remember(DELETED_LINES, [[1, 2, 5]])
    memory.learn([("a/near", [[1, 2, 3]]), ("b/far", [[1, 2, 4]])])
    assert follows(memory, [1, 2], "a/own") == {
        0: {store.ABOVE},
        1: {store.BELOW},
        2: {store.OPEN},
        3: {store.DIRECTORY},
        4: {store.WORKSPACE},
        5: {store.DELETED},
    }
    assert follows(memory, [1, 2], "b/new")[4] == {store.DIRECTORY}


def test_an_open_document_takes_the_place_of_its_file() -> None:
    """What stands in the editor counts, not what stands on the disk; once it is closed the file may be learnt again."""
    memory = Memory(VOCABULARY)
    memory.learn([("d", [[1, 2, 3]]), ("e", [[1, 2, 5]])])
    memory.remember("d", [[1, 2, 4]])
    memory.learn([("d", [[1, 2, 3]])])
    assert set(follows(memory, [1, 2])) == {4, 5}
    memory.remember("d", [])
    assert set(follows(memory, [1, 2])) == {5}
    memory.learn([("d", [[1, 2, 3]])])
    assert set(follows(memory, [1, 2])) == {3, 5}


names = st.sampled_from("abcde")
actions = st.lists(
    st.one_of(
        st.tuples(st.just("remember"), names, st.integers(0, 5)),
        st.tuples(st.just("close"), names, st.just(0)),
        st.tuples(st.just("learn"), names, st.integers(0, 5)),
        st.tuples(st.just("forget"), names, st.just(0)),
        st.tuples(st.just("tidy"), names, st.just(0)),
    ),
    max_size=40,
)


@given(actions)
def test_the_newest_text_of_each_document_is_known_and_nothing_else(
    steps: list[tuple[str, str, int]],
) -> None:
    """Property: after any sequence of openings, changes, merges and removals, against a plain dictionary."""
    memory = Memory(VOCABULARY)
    opened: dict[str, int] = {}
    files: dict[str, int] = {}
    for action, name, token in steps:
        if action == "remember":
            memory.remember(name, [[1, 2, token]])
            files.pop(name, None)
            opened[name] = token
        elif action == "close":
            memory.remember(name, [])
            opened.pop(name, None)
            files.pop(name, None)
        elif action == "learn":
            memory.learn([(name, [[1, 2, token]])])
            if name not in opened:
                files[name] = token
        elif action == "forget":
            memory.forget([name])
            opened.pop(name, None)
            files.pop(name, None)
        else:
            memory.tidy()
        known = sorted(memory.view("z").matches([1, 2]).tokens.tolist())
        assert known == sorted([*opened.values(), *files.values()])


def test_documents_that_are_opened_while_others_are_merged(monkeypatch: pytest.MonkeyPatch) -> None:
    """A merge takes time; what was opened or forgotten meanwhile is not brought back by it, and it ends."""
    memory = Memory(VOCABULARY)
    for name in "ab":
        memory.learn([(name, [[1, 2, 3]])])

    class Slow(Segment):
        def __init__(self, pieces: Sequence[tuple[str, Ids]], vocabulary: int) -> None:
            super().__init__(pieces, vocabulary)
            monkeypatch.setattr(store, "Segment", Segment)
            memory.remember("a", [[1, 2, 4]])
            memory.forget(["b"])

    monkeypatch.setattr(store, "Segment", Slow)
    memory.tidy()
    assert set(follows(memory, [1, 2])) == {4}


def test_no_more_than_the_capacity_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was learnt first stays, as the nearest files come first; a new text of a known file is still taken in."""
    monkeypatch.setattr(store, "CAPACITY", 100)
    memory = Memory(VOCABULARY)
    for number in range(30):
        memory.learn([(f"f{number}", [[1, 2, 3, 4, 5, 0, 0, 0, 0, number % 2]])])
    assert memory.size <= 120
    assert 3 in follows(memory, [1, 2])
    memory.learn([("f0", [[1, 2, 5]])])
    assert 5 in follows(memory, [1, 2])


# --- mixing


def test_what_followed_becomes_likely() -> None:
    """A long match makes its continuation nearly certain, a short one only likelier."""
    memory = Memory(VOCABULARY)
    memory.remember("d", [[0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5]])
    long = mix(memory, [0, 1, 2, 3, 4, 0, 1, 2, 3, 4])
    short = mix(memory, [5, 3, 4])
    assert long.argmax() == 5
    assert long[5] > short[5] > EVEN[5]


def test_no_match_changes_nothing() -> None:
    """Unknown contexts and an empty memory leave the network alone."""
    memory = Memory(VOCABULARY)
    assert mix(memory, [1, 2, 3]) is EVEN
    memory.remember("d", [[1, 2, 3], []])
    assert mix(memory, [3, 0]) is EVEN
    assert mix(memory, []) is EVEN


def test_the_own_document_counts_more() -> None:
    """Where two documents disagree the one being written wins."""
    memory = Memory(VOCABULARY)
    memory.remember("a", [[1, 2, 3]])
    memory.learn([("b", [[1, 2, 4]])])
    assert mix(memory, [1, 2], "a").argmax() == 3
    memory.remember("b", [[1, 2, 4]])
    assert mix(memory, [1, 2], "b").argmax() == 4


@given(tokens, tokens, st.integers(0, 60))
def test_it_stays_a_distribution_and_believes_what_followed(
    piece: list[int], context: list[int], cut: int
) -> None:
    """Property: the mass stays 1, and only tokens that followed a match gain."""
    memory = Memory(VOCABULARY)
    memory.remember("d", [piece[:cut], piece[cut:]])
    matches = memory.view("d").matches(context)
    mixed = Mixture(weights()).mix(EVEN, matches)
    assert mixed.sum() == pytest.approx(1)
    assert (mixed >= 0).all()
    gained = {token for token in range(VOCABULARY) if mixed[token] > EVEN[token] + 1e-12}
    assert gained <= set(matches.tokens.tolist())
    assert all(bool(support(matches, token)) == (token in matches.tokens) for token in range(VOCABULARY))
