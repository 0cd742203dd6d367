"""The cache: a hit is always what the model said at that very place."""

from hypothesis import given
from hypothesis import strategies as st

from lsp_server.completion.cache import BEFORE, TYPED_THROUGH, Cache, Place
from lsp_server.completion.types import Candidate
from lsp_server.engine.messages import Step


def text_of(cache: Cache, place: Place) -> str | None:
    found = cache.find(place)
    return found.candidates()[0].text if found else None


def test_exact_and_typed_through() -> None:
    """An entry answers its own place, and every place on the way through its text."""
    cache = Cache()
    cache.put(Place("a = ", "\n", "py"), (Candidate("b + c"),), origin="asked", uri="", version=0, keep=False)
    assert text_of(cache, Place("a = ", "\n", "py")) == "b + c"
    assert text_of(cache, Place("a = b +", "\n", "py")) == " c"
    assert text_of(cache, Place("a = b - ", "\n", "py")) is None
    assert text_of(cache, Place("a = b + c", "\n", "py")) is None, "nothing is left of it"


def test_suffix_and_setting_are_part_of_the_key() -> None:
    """Another suffix, language, model or path is another place."""
    cache = Cache()
    cache.put(Place("a = ", "\n", "py"), (Candidate("b"),), origin="asked", uri="", version=0, keep=False)
    assert cache.find(Place("a = ", "\n\nx", "py")) is None
    assert cache.find(Place("a = ", "\n", "js")) is None


def test_finding_nothing_is_remembered() -> None:
    """That the model had nothing to say is an answer too, for that place only."""
    cache = Cache()
    cache.put(Place("done", "\n", "py"), (), origin="lookahead", uri="", version=0, keep=False)
    found = cache.find(Place("done", "\n", "py"))
    assert found is not None
    assert found.entry.candidates == ()
    assert found.entry.origin == "lookahead"
    assert cache.find(Place("done.", "\n", "py")) is None


def test_the_latest_on_the_way_wins() -> None:
    """After the model changed its mind the newer text answers."""
    cache = Cache()
    cache.put(Place("a", "", "py"), (Candidate("bcd"),), origin="asked", uri="", version=0, keep=False)
    cache.put(Place("ab", "", "py"), (Candidate("cx"),), origin="asked", uri="", version=0, keep=False)
    assert text_of(cache, Place("abc", "", "py")) == "x"


def test_least_recently_used_goes_first() -> None:
    """Bounded: the one not asked for longest goes."""
    cache = Cache(capacity=2)
    for name in "ab":
        cache.put(
            Place(name, "", "py"), (Candidate(name * 2),), origin="asked", uri="", version=0, keep=False
        )
    cache.find(Place("a", "", "py"))
    cache.put(Place("c", "", "py"), (Candidate("cc"),), origin="asked", uri="", version=0, keep=False)
    assert len(cache) == 2
    assert cache.find(Place("a", "", "py")) is not None
    assert cache.find(Place("b", "", "py")) is None


def test_less_likely_completions_go_along() -> None:
    """What was typed decides by the likeliest; the others that still fit are offered behind it."""
    cache = Cache()
    candidates = tuple(Candidate(text) for text in ("bcd", "bce", "x"))
    cache.put(Place("a", "", "py"), candidates, origin="asked", uri="", version=0, keep=False)
    found = cache.find(Place("abc", "", "py"))
    assert found is not None
    assert [candidate.text for candidate in found.candidates()] == ["d", "e"]
    assert cache.find(Place("ax", "", "py")) is None


def test_only_the_steps_that_are_left_speak_for_the_rest() -> None:
    """Tokens that were typed meanwhile no longer make the rest more or less probable."""
    cache = Cache()
    steps = (Step(0, -1.0), Step(2, -2.0), Step(4, -3.0), Step(4, -4.0))
    cache.put(
        Place("a", "", "py"), (Candidate("bcde", steps=steps),), origin="asked", uri="", version=0, keep=False
    )
    found = cache.find(Place("abc", "", "py"))
    assert found is not None
    assert found.candidates() == (Candidate("de", steps=(Step(2, -3.0), Step(2, -4.0))),)


@given(
    st.text("ab\n", max_size=3 * BEFORE // 1000),
    st.text("abc\n", min_size=1, max_size=TYPED_THROUGH + 20),
    st.integers(0, TYPED_THROUGH + 20),
    st.text("abc\n", max_size=3),
)
def test_a_hit_agrees_with_what_was_typed(before: str, text: str, typed: int, other: str) -> None:
    """Property: what is served, put behind what was typed, is exactly the completion."""
    cache = Cache()
    cache.put(Place(before, "s", "py"), (Candidate(text),), origin="asked", uri="", version=0, keep=False)
    place = Place(before + text[:typed] + other, "s", "py")
    found = cache.find(place)
    if found is not None:
        (rest,) = found.candidates()
        assert place.before[: len(place.before) - len(found.typed)] + text == place.before + rest.text
    elif not other and typed < min(len(text), TYPED_THROUGH + 1):
        raise AssertionError("typing through a completion missed it")
