"""The cache: a hit is always what the model said at that very place."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from lsp_server.base.text import split_lines
from lsp_server.completion.cache import TYPED_THROUGH, Cache, Found, Place, place_of, typed_since
from lsp_server.completion.types import Candidate
from lsp_server.engine.messages import Step
from lsp_server.prompt.window import reach, window


def put(cache: Cache, place: Place, *texts: str, version: int = 0, keep: bool = False, **how: Any) -> None:
    """Remember texts, the likeliest first."""
    candidates = tuple(map(Candidate, texts))
    cache.put(
        place, candidates, origin=how.get("origin", "asked"), uri="file:///a", version=version, keep=keep
    )


def text_of(cache: Cache, place: Place) -> str | None:
    found = cache.find(place)
    return found.candidates()[0].text if found else None


def place_at(text: str, prefix_tokens: int = 100, suffix_tokens: int = 100, setting: str = "") -> Place:
    """The place of ``|``."""
    before, _, after = text.partition("|")
    above = split_lines(before)
    seen = reach(prefix_tokens, suffix_tokens)
    return place_of(split_lines(before + after), len(above) - 1, len(above[-1]), seen, setting)


def test_exact_and_typed_through() -> None:
    """An entry answers its own place, and every place on the way through its text."""
    cache = Cache()
    put(cache, Place("a = ", "\n", "py"), "b + c")
    assert text_of(cache, Place("a = ", "\n", "py")) == "b + c"
    assert text_of(cache, Place("a = b +", "\n", "py")) == " c"
    assert text_of(cache, Place("a = b - ", "\n", "py")) is None
    assert text_of(cache, Place("a = b + c", "\n", "py")) is None, "nothing is left of it"


@pytest.mark.parametrize(
    ("typed", "left"),
    [
        ("x:\n        return 1\n", "    return 2"),
        ("x:\n        ret", "urn 1\n    return 2"),
        ("x:\n", "        return 1\n    return 2"),
        ("x:\n    ", "    return 1\n    return 2"),  # no more than the editor put there
        ("x:\n\t", None),
        ("x:\n         ", None),
        ("x:\n\n", None),
        ("x:\n        return 1\n    return 2", None),
    ],
)
def test_typed_through_several_lines(typed: str, left: str | None) -> None:
    """With the indentation that the editor puts after a line end at once; where that is not the completion's own, what
    is there is none."""
    cache = Cache()
    text = "def f():\n    if "
    put(cache, place_at(text + "|\n"), "x:\n        return 1\n    return 2")
    assert text_of(cache, place_at(f"{text}{typed}|\n")) == left
    assert text_of(cache, place_at(f"{text}{typed}|\n".replace("\n", "\r\n"))) == left, "line ends are one"


def test_all_that_is_seen_is_part_of_the_place() -> None:
    """Another suffix, setting, or text above is another place, as far as the model may see."""
    text = "first\n" + "some line\n" * 100
    far, near = Cache(), Cache()
    put(far, place_at(text + "a = |\nlast", prefix_tokens=300), "b")
    put(near, place_at(text + "a = |\nlast", prefix_tokens=100), "b")
    for other in (f"{text}a = |\nlost", f"{text}a = |", f"fists{text[5:]}a = |\nlast"):
        assert far.find(place_at(other, prefix_tokens=300)) is None
    assert near.find(place_at(text + "a = |\nlast", setting="js")) is None
    assert text_of(near, place_at(f"fists{text[5:]}a = |\nlast", prefix_tokens=100)) == "b"


@pytest.mark.parametrize(("distance", "same"), [(1, False), (100, False), (101, True), (140, True)])
def test_what_the_model_may_see_ends_somewhere(distance: int, same: bool) -> None:
    """The text above the cursor's line counts to the last character that can be in a prompt, and no further."""
    cache = Cache()
    above = "2345678\n" * 30
    at = len(above) - distance
    one, other = (
        place_of(lines, len(lines) - 1, 4, (100, 10), "")
        for lines in (split_lines(above + "a = "), split_lines(above[:at] + "9" + above[at + 1 :] + "a = "))
    )
    put(cache, one, "b")
    assert (cache.find(other) is not None) == same


def test_a_text_that_begins_here_is_not_one_that_goes_on() -> None:
    """That nothing stands above the first line is something that the model sees."""
    cache = Cache()
    put(cache, place_at("b = |"), "c")
    assert cache.find(place_at("a\nb = |")) is None
    put(cache, place_at("a\nb = |"), "d")
    assert text_of(cache, place_at("b = |")) == "c"


def test_closers_that_an_editor_inserts_change_nothing() -> None:
    """A bracket that brings its closing one along is typed through like any other character."""
    cache = Cache()
    put(cache, place_at("print|\nb"), "(value)")
    assert text_of(cache, place_at("print(|)\nb")) == "value)"
    assert text_of(cache, place_at("print(|) # so\nb")) is None


def test_finding_nothing_is_remembered() -> None:
    """That the model had nothing to say is an answer too, for that place only."""
    cache = Cache()
    put(cache, Place("done", "\n", "py"), origin="lookahead", version=3)
    found = cache.find(Place("done", "\n", "py"))
    assert found is not None
    assert found.candidates() == ()
    assert (found.source, found.entry.uri, found.entry.version) == ("lookahead", "file:///a", 3)
    assert cache.find(Place("done.", "\n", "py")) is None


@pytest.mark.parametrize(
    ("origin", "kept", "source"),
    [
        ("asked", False, "cache"),
        ("branch", False, "branch"),
        ("asked", True, "disk"),
        ("prefill", True, "disk"),
    ],
)
def test_an_answer_says_where_it_comes_from(origin: Any, kept: bool, source: str) -> None:
    """Why it was computed, or that it was in an earlier session."""
    cache = Cache()
    put(cache, Place("a", "", ""), "b", origin=origin)
    found = cache.find(Place("a", "", ""))
    assert found is not None
    assert Found(found.entry, found.typed, kept).source == source


def test_the_latest_on_the_way_wins() -> None:
    """After the model changed its mind the newer text answers; where that was contradicted, the older one."""
    cache = Cache()
    put(cache, Place("a", "", "py"), "bcd")
    put(cache, Place("ab", "", "py"), "cx")
    assert text_of(cache, Place("abc", "", "py")) == "x"
    assert text_of(cache, Place("ab", "", "py")) == "cx"
    assert text_of(cache, Place("a", "", "py")) == "bcd"
    put(cache, Place("ab", "", "py"), "yz")
    assert text_of(cache, Place("abc", "", "py")) == "d"


def test_least_recently_used_goes_first() -> None:
    """Bounded: the one not asked for longest goes."""
    cache = Cache(entries=2)
    for name in "ab":
        put(cache, Place(name, "", "py"), name * 2)
    cache.find(Place("a", "", "py"))
    put(cache, Place("c", "", "py"), "cc")
    assert len(cache) == 2
    assert cache.find(Place("a", "", "py")) is not None
    assert cache.find(Place("b", "", "py")) is None


def test_what_it_holds_is_bounded_in_characters() -> None:
    """Of large texts there are fewer; what the entries of a line share counts once; one is always held."""
    cache = Cache(characters=3_000)
    above = "x" * 999 + "\n"
    for number in range(20):
        put(cache, Place(above + "a" * number, "", ""), "b")
    assert len(cache) == 20
    for number in range(20):
        put(cache, Place(above + f"{number}\n" + above, "", ""), "b")
    assert len(cache) == 1
    put(cache, Place(above * 9, "", ""), "b")
    assert text_of(cache, Place(above * 9, "", "")) == "b"
    cache.clear()
    for number in range(20):
        put(cache, Place(above + "a" * number, "", ""), "b")
    assert len(cache) == 20, "nothing is left of what was forgotten"


def test_less_likely_completions_go_along() -> None:
    """What was typed decides by the likeliest; the others that still fit are offered behind it."""
    cache = Cache()
    put(cache, Place("a", "", "py"), "bcd", "bce", "x")
    found = cache.find(Place("abc", "", "py"))
    assert found is not None
    assert [candidate.text for candidate in found.candidates()] == ["d", "e"]
    assert cache.find(Place("ax", "", "py")) is None


def test_only_the_steps_that_are_left_speak_for_the_rest() -> None:
    """Tokens that were typed meanwhile no longer make the rest more or less probable."""
    cache = Cache()
    steps = (Step(0, -1.0), Step(2, -2.0), Step(4, -3.0), Step(4, -4.0))
    candidates = (Candidate("bcde", steps=steps),)
    cache.put(Place("a", "", "py"), candidates, origin="asked", uri="", version=0, keep=False)
    found = cache.find(Place("abc", "", "py"))
    assert found is not None
    assert found.candidates() == (Candidate("de", steps=(Step(2, -3.0), Step(2, -4.0))),)


def test_what_was_shown_is_typed_through() -> None:
    """In place of what was computed and likelier, which stays; of a place that has no entry nothing is known."""
    cache = Cache()
    put(cache, Place("a", "", ""), "bad", "  cd", "ef")
    cache.shown(Place("a", "", ""), Candidate("  cd"), Candidate("cd", replace=1))
    cache.shown(Place("x", "", ""), Candidate("  cd"), Candidate("cd"))
    cache.shown(Place("a", "", ""), Candidate("other"), Candidate("her"))
    found = cache.find(Place("a", "", ""))
    assert found is not None
    assert found.candidates() == tuple(map(Candidate, ("cd", "ef", "bad")))
    assert text_of(cache, Place("ac", "", "")) == "d"
    assert cache.find(Place("ab", "", "")) is None
    assert len(cache) == 1


@pytest.mark.parametrize(
    ("older", "newer", "typed"),
    [
        ("a|", "a|", ""),
        ("a|\nz", "ab\n  c|\nz", "b\n  c"),
        ("a|", "ab|)", "b"),
        ("ab|", "a|", None),
        ("a|", "xa|", None),
        ("a|\nz", "ab|\ny", None),
        ("b|", "a\nb|", None),
        ("a|", "a" + "b" * TYPED_THROUGH + "|", "b" * TYPED_THROUGH),
        ("a|", "a" + "b" * TYPED_THROUGH + "c|", None),
        ("a\n" * 500 + "|", "a\n" * 500 + "b|", "b"),
        ("a\n" * 500 + "|", "c" + "a\n" * 500 + "b|", "b"),
    ],
)
def test_what_was_typed_between_two_places(older: str, newer: str, typed: str | None) -> None:
    """It is told by the rule by which an entry is found, and only by what the model may see."""
    assert typed_since(place_at(older), place_at(newer)) == typed
    cache = Cache()
    put(cache, place_at(older), (typed or "") + "end")
    found = cache.find(place_at(newer))
    assert (found.typed if found else None) == typed


@given(
    st.text("ab(\n\r", max_size=120),
    st.text("ab)\n\r", max_size=120),
    st.integers(1, 60),
    st.integers(1, 30),
    st.integers(0, 9),
)
def test_a_place_holds_all_that_a_prompt_may_show(
    before: str, after: str, prefix: int, suffix: int, less: int
) -> None:
    """Property: also where pieces of other files leave the window less room."""
    above = split_lines(before)
    lines, line, column = split_lines(before + after), len(above) - 1, len(above[-1])
    if lines[line][:column] != above[-1]:
        return  # the cut was inside of a line end
    place = place_of(lines, line, column, reach(prefix, suffix), "")
    shown = window(lines, line, column, prefix, suffix)
    narrow = window(lines, line, column, max(prefix - less, 0), max(suffix - less, 0))
    assert place.behind == shown.suffix
    assert place.behind.startswith(narrow.suffix)
    assert place.before.endswith(shown.prefix)
    assert place.before.endswith(narrow.prefix)


class _Editor(RuleBasedStateMachine):
    """Somebody types, goes back, jumps, undoes and edits elsewhere; the oracle is what the model was really shown."""

    PREFIX, SUFFIX = 8, 3  # tokens: 28 characters before the cursor, 15 behind it

    @initialize(
        text=st.text("ab\n", min_size=100, max_size=300),
        at=st.integers(0, 300),
        end=st.sampled_from(["\n", "\r\n"]),
    )
    def open(self, text: str, at: int, end: str) -> None:
        self.end = end
        self.before, self.behind = text[:at], text[at:]
        self.undone: list[tuple[str, str]] = []
        self.cache = Cache(entries=1_000)
        self.said: list[tuple[str, str, tuple[str, str], str]] = []

    def look(self, before: str, behind: str) -> tuple[list[str], int, int]:
        above = split_lines(before.replace("\n", self.end))
        return split_lines((before + behind).replace("\n", self.end)), len(above) - 1, len(above[-1])

    def shown(self, before: str, behind: str) -> tuple[str, str]:
        """What a prompt shows."""
        seen = window(*self.look(before, behind), self.PREFIX, self.SUFFIX)
        return seen.prefix, seen.suffix

    def edit(self, before: str, behind: str) -> None:
        self.undone.append((self.before, self.behind))
        self.before, self.behind = before, behind

    @rule(text=st.text("ab\n", min_size=1, max_size=3))
    def type(self, text: str) -> None:
        self.edit(self.before + text, self.behind)
        self.ask()

    @rule()
    def open_bracket(self) -> None:
        """The editor closes it."""
        self.edit(self.before + "(", ")" + self.behind)
        self.ask()

    @rule(keys=st.integers(1, 6))
    def backspace(self, keys: int) -> None:
        self.edit(self.before[:-keys], self.behind)
        self.ask()

    @rule(at=st.integers(0, 400))
    def jump(self, at: int) -> None:
        text = self.before + self.behind
        self.edit(text[:at], text[at:])
        self.ask()

    @rule(far=st.integers(0, 60), text=st.text("ab\n", max_size=2), above=st.booleans())
    def edit_elsewhere(self, far: int, text: str, above: bool) -> None:
        if above:
            at = max(len(self.before) - far, 0)
            self.edit(self.before[:at] + text + self.before[at + 1 :], self.behind)
        else:
            self.edit(self.before, self.behind[:far] + text + self.behind[far + 1 :])
        self.ask()

    @rule(steps=st.integers(1, 5))
    def undo(self, steps: int) -> None:
        for _ in range(min(steps, len(self.undone))):
            self.before, self.behind = self.undone.pop()
        self.ask()

    @rule(text=st.text("ab\n(", min_size=1, max_size=12), keys=st.integers(0, 9))
    def say(self, text: str, keys: int) -> None:
        """The model computes, and some of it is typed, key by key."""
        put(self.cache, self.place_of(self.before), text, version=len(self.said))
        self.said.append((self.before, self.behind, self.shown(self.before, self.behind), text))
        for key in text[:keys]:
            self.edit(self.before + key, self.behind)
            self.ask()

    def ask(self) -> None:
        """Find what belongs here, and nothing else."""
        place = self.place_of(self.before)
        found = self.cache.find(place)
        if any((before, behind) == (self.before, self.behind) for before, behind, _, _ in self.said):
            assert found is not None
            assert found.typed == ""
        if self.said:
            before, behind, _, text = self.said[-1]
            typed = self.before[len(before) :]
            if (
                self.before == before + typed
                and self.behind == behind
                and text.startswith(typed)
                and typed != text
            ):
                assert found is not None
                assert len(found.typed) <= len(typed)
        if found is None:
            return
        _, _, seen, text = self.said[found.entry.version]
        assert self.before.endswith(found.typed)
        original = self.before[: len(self.before) - len(found.typed)]
        assert self.shown(original, self.behind)[1] == seen[1], "another text stands behind"
        assert original.endswith(seen[0]), "another text stands before"
        assert found.typed + found.candidates()[0].text == text
        assert typed_since(self.place_of(original), place) is not None

    def place_of(self, before: str) -> Place:
        return place_of(*self.look(before, self.behind), reach(self.PREFIX, self.SUFFIX), "")


TestEditor = _Editor.TestCase
TestEditor.settings = settings(max_examples=40, stateful_step_count=40)
