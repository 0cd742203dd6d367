"""Typing played into subjects that are made up, on a clock that jumps: what is seen, accepted, counted and shown."""

import asyncio
import itertools
import selectors
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lsp_server.base.errors import EngineError
from lsp_server.base.text import content
from lsp_server.bench import files
from lsp_server.bench.typing.figures import Figures, figures
from lsp_server.bench.typing.keys import Key
from lsp_server.bench.typing.player import Acceptor, Played, Player, Stroke
from lsp_server.bench.typing.run import STEPS, Others, Run, Typed, Typing
from lsp_server.bench.typing.screen import Screen, Shows
from lsp_server.bench.typing.script import Script, Stretch, Visit, script
from lsp_server.bench.typing.subject import Answer, Document, Usage
from lsp_server.bench.typing.table import table
from lsp_server.bench.typing.typist import PROFILES, Gaps, gaps
from lsp_server.context.languages import Grammars
from tests.rawclient import ROOT

URI = "file:///shop/a.py"


class Jump(selectors.DefaultSelector):
    """Never waits: the time until the next timer is simply over."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        assert timeout is not None, "nobody will ever wake up"
        self.now += timeout
        return super().select(0)


class Clock(asyncio.SelectorEventLoop):
    """A loop whose time is what its timers say."""

    def __init__(self) -> None:
        self.jump = Jump()
        super().__init__(self.jump)

    def time(self) -> float:
        return self.jump.now


class Made:
    """A subject that keeps its documents as an editor does, and completes as it is told.

    Args:
        completes: from the line before the cursor and all text before it to the ms that it takes and the text.
    """

    name = "made"

    def __init__(self, completes: Callable[[str, str], tuple[float, str | None]]) -> None:
        self.texts: dict[str, str] = {}
        self.moves: list[tuple[str, int, int]] = []
        self.taken: list[str] = []
        self._completes = completes

    def _offset(self, uri: str, line: int, column: int) -> int:
        lines = self.texts[uri].split("\n")
        assert 0 <= column <= len(lines[line])
        return sum(len(one) + 1 for one in lines[:line]) + column

    async def start(self, folder: Path) -> None:
        pass

    async def open(self, document: Document) -> None:
        self.texts[document.uri] = document.text

    async def change(self, uri: str, line: int, start: int, end_line: int, end: int, text: str) -> None:
        before, after = self._offset(uri, line, start), self._offset(uri, end_line, end)
        self.texts[uri] = self.texts[uri][:before] + text + self.texts[uri][after:]

    async def cursor(self, uri: str, line: int, column: int) -> None:
        self.moves.append((uri, line, column))

    async def ask(self, uri: str, line: int, column: int) -> Answer | None:
        before = self.texts[uri][: self._offset(uri, line, column)]
        takes, text = self._completes(before.rsplit("\n", 1)[-1], before)
        await asyncio.sleep(takes / 1_000)
        return None if text is None else Answer(text, source="made")

    async def accepted(self, uri: str, answer: Answer) -> None:
        self.taken.append(answer.text)

    def usage(self) -> Usage:
        return Usage(0.0, 0.0)

    async def stop(self) -> None:
        pass


def one_line(text: str) -> Script:
    """``text`` is typed behind an empty line, character by character."""
    keys = tuple(Key("type", one) for one in text)
    document = Document(URI, "/shop/a.py", "python", "")
    return Script((document,), (Stretch(0, 0, 0, text, keys),), (Visit(0, len(keys)),))


def every(gap: float, made: Script) -> Gaps:
    """The same gap before each key."""
    return Gaps(tuple((gap,) * len(one.keys) for one in made.stretches), (gap,) * len(made.visits), gap)


def play(made: Script, rhythm: Gaps, subject: Any, acceptor: Acceptor = "none") -> Played:
    async def all_of_it() -> Played:
        for document in made.documents:
            await subject.open(document)
        return await Player(made, rhythm, subject, acceptor).play()

    loop = Clock()
    try:
        return loop.run_until_complete(all_of_it())
    finally:
        loop.close()


def says(*answers: tuple[str, float, str | None]) -> Callable[[str, str], tuple[float, str | None]]:
    """Completes as a list says: line before the cursor, ms, text. Nothing, at once, elsewhere."""
    known = {line: (takes, text) for line, takes, text in answers}
    return lambda line, _all: known.get(line, (0.0, None))


@pytest.fixture(scope="module")
def real() -> Script:
    """Stretches of the sample, written in turns."""
    folder = ROOT / "lsp_server" / "cli" / "sample"
    return script(files.sources(folder, Grammars()), 900, 1)


def knowing(made: Script, characters: int, takes: float) -> Callable[[str, str], tuple[float, str | None]]:
    """Completes so many characters of what the file has, whatever was written of it before."""
    lines = Path(made.documents[0].path).read_text().split("\n")

    def completes(line: str, _before: str) -> tuple[float, str | None]:
        goes_on = [one[len(line) :] for one in lines if line.strip() and one.startswith(line)]
        return takes, goes_on[0][:characters] if goes_on and goes_on[0] else None

    return completes


@pytest.mark.parametrize("acceptor", ["none", "a", "b"])
@pytest.mark.parametrize("takes", [20.0, 500.0])
def test_whatever_is_accepted_the_files_come_out(real: Script, acceptor: Acceptor, takes: float) -> None:
    """Several stretches of a document, written in turns, each shifting the lines below it."""
    subject = Made(knowing(real, 12, takes))
    rhythm = gaps(real, PROFILES["typical"], 1)
    played = play(real, rhythm, subject, acceptor)
    for document in real.documents:
        whole = [content(line) for line in files.read(Path(document.path)) or []]
        assert subject.texts[document.uri] == "\n".join(whole)
    assert sum(one.keys for one in played.strokes) == played.keys == real.keys
    assert (len(played.strokes) < real.keys) == (acceptor != "none")
    assert len(subject.moves) == played.jumps == len(real.visits)
    assert all(one.late_ms == pytest.approx(0, abs=1e-6) for one in played.strokes)


def test_fresh_is_what_comes_before_the_next_key() -> None:
    """A text, or a nothing that was decided; what comes later was not there, however early the next was."""
    subject = Made(says(("a", 50, "bcd"), ("ab", 150, "cd"), ("abc", 99, None)))
    played = play(one_line("abcd"), every(100, one_line("abcd")), subject)
    assert [(one.answer_ms, one.text, one.shown) for one in played.strokes] == [
        (pytest.approx(50), True, True),
        (None, False, True),  # the rest of the text before stays on the screen
        (pytest.approx(99), False, False),
        (pytest.approx(0), False, False),
    ]
    assert [one.source for one in played.strokes] == ["made", "", "", ""]


def test_a_key_is_over_when_the_cursor_leaves() -> None:
    """What was on the screen then counts, though nothing is when the next key comes elsewhere."""
    made = msgspec.structs.replace(one_line("ab"), visits=(Visit(0, 1), Visit(0, 2)))
    rhythm = Gaps(((30.0, 80.0),), (100.0, 70.0), 60.0)
    played = play(made, rhythm, Made(says(("a", 50, "b"), ("ab", 65, "c"))))
    assert [one.gap_ms for one in played.strokes] == [pytest.approx(70), pytest.approx(60)]
    assert [(one.shown, one.right) for one in played.strokes] == [(True, True), (False, False)]


def test_answers_for_a_state_that_is_gone_are_dropped_and_counted() -> None:
    """One that comes two keys later, with text, is stale; nothing at all is what was asked for. Where the cursor went
    elsewhere, the document is as it was."""
    subject = Made(says(("a", 230, "bcd"), ("ab", 150, None)))
    played = play(one_line("abcd"), every(100, one_line("abcd")), subject)
    assert (played.stale, played.stale_ms) == (1, pytest.approx(130))
    assert not any(one.shown for one in played.strokes)
    assert played.shows.count == 0
    played = play(one_line("a"), every(100, one_line("a")), Made(says(("a", 230, "bcd"))))
    assert (played.stale, played.strokes[0].shown) == (0, False)


@pytest.mark.parametrize(
    ("acceptor", "typed", "taken", "saved"),
    [
        ("none", "abcdef", [], 0),
        ("a", "a+", ["bcdef"], 4),
        ("b", "a+", ["bcdef"], 4),
    ],
)
def test_a_right_text_is_accepted(acceptor: Acceptor, typed: str, taken: list[str], saved: int) -> None:
    """With one key, which takes the gap of the key in whose place it is; the keys behind it are saved."""
    made = one_line("abcdef")
    subject = Made(says(("a", 50, "bcdef")))
    played = play(made, every(100, made), subject, acceptor)
    assert "".join("+" if one.accept else "abcdef"[i] for i, one in enumerate(played.strokes)) == typed
    assert subject.taken == taken
    assert subject.texts[URI] == "abcdef"
    assert played.keys - len(played.strokes) == saved


def test_whole_or_word_by_word() -> None:
    """A text that is right at first: nothing for who wants all of it, a word for who looks at words."""
    made = one_line("x = foo(bar)")
    wrong = "x = foo.baz"
    answers = says(*((wrong[:end], 50, wrong[end:]) for end in range(1, len(wrong))))
    played = play(made, every(100, made), Made(answers), "a")
    assert not any(one.accept for one in played.strokes)
    assert [one.right_word for one in played.strokes[:7]] == [True] * 6 + [False]
    played = play(made, every(100, made), Made(answers), "b")
    assert [one.keys for one in played.strokes] == [1, 2, 4, 1, 1, 1, 1, 1]
    assert played.shows == Shows(accepted=1, characters=10)


def test_nothing_is_accepted_while_something_wrong_stands_there() -> None:
    """A slip is taken back first, and the text that was shown for it is of no use."""
    keys = (Key("type", "a"), Key("wrong", "x"), Key("back", remove=1), Key("type", "b"), Key("type", "c"))
    made = msgspec.structs.replace(
        one_line("abc"), stretches=(Stretch(0, 0, 0, "abc", keys),), visits=(Visit(0, 5),)
    )
    subject = Made(says(("a", 120, "bc"), ("ax", 50, "bc")))
    played = play(made, every(100, made), subject, "a")
    assert [one.accept for one in played.strokes] == [False] * 5
    assert played.shows == Shows(contradicted=1, characters=2)
    # The same when there is time: then it is accepted where the slip would come, which does not happen.
    played = play(made, every(200, made), Made(says(("a", 120, "bc"))), "a")
    assert [one.keys for one in played.strokes] == [1, 4]


def test_an_answer_that_replaces_is_not_what_comes_next() -> None:
    """Nothing stands behind the cursor that it could take the place of."""

    class Replacing(Made):
        async def ask(self, uri: str, line: int, column: int) -> Answer | None:
            return Answer("b", replace=1)

    made = one_line("ab")
    assert not any(one.accept for one in play(made, every(100, made), Replacing(says()), "a").strokes)


def test_a_text_goes_further_than_the_visit() -> None:
    """What is accepted may reach into lines that were to be written later; these are not visited again."""
    keys = tuple(Key("enter" if one == "\n" else "type", one) for one in "a\nb\nc")
    document = Document(URI, "/shop/a.py", "python", "")
    made = Script((document,), (Stretch(0, 0, 0, "a\nb\nc", keys),), (Visit(0, 1), Visit(0, 3), Visit(0, 5)))
    subject = Made(says(("a", 10, "\nb\nc")))
    played = play(
        msgspec.structs.replace(made, visits=(Visit(0, 2), *made.visits[1:])), every(100, made), subject, "a"
    )
    assert [one.keys for one in played.strokes] == [1, 4]
    assert played.jumps == 1
    assert subject.texts[URI] == "a\nb\nc"


def test_a_subject_that_is_gone_ends_the_playing() -> None:
    """At the next key."""

    class Gone(Made):
        async def ask(self, uri: str, line: int, column: int) -> Answer | None:
            raise EngineError("The server ended.")

    made = one_line("abcd")
    with pytest.raises(EngineError, match="ended"):
        play(made, every(100, made), Gone(says()))


class Later(Made):
    """Tells where answers came from only afterwards, and has more lines after a while."""

    grown: Callable[[str], None] = staticmethod(lambda uri: None)

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.looks: list[tuple[float, bool]] = []
        self.asked: list[str] = []

    async def ask(self, uri: str, line: int, column: int) -> Answer | None:
        text = self.texts[uri]
        again = self.asked.count(text) > 0
        self.asked.append(text)
        if text == "a" and not again:
            asyncio.get_running_loop().call_later(0.3, self.grown, uri)
        answer = await super().ask(uri, line, column)
        return msgspec.structs.replace(answer, text=answer.text + "cd" * again, source="") if answer else None

    async def look(self, *, all: bool = False) -> None:
        self.looks.append((asyncio.get_running_loop().time(), all))

    def sources(self) -> Sequence[str]:
        return [f"source {number}" for number in range(len(self.asked))]


def test_sources_are_told_later_and_texts_grow() -> None:
    """It is looked at where there is time before the next key; an answer that grows is asked for again, which is no
    key's question."""
    made = one_line("abcd")
    subject = Later(says(("a", 50, "b"), ("ab", 350, "cd"), ("abc", 0, "d")))
    played = play(made, every(400, made), subject)
    assert [one.source for one in played.strokes] == ["source 0", "source 2", "source 3", ""]
    assert [one.answer_ms for one in played.strokes][:2] == [pytest.approx(50), pytest.approx(350)]
    assert [pytest.approx(one[0]) for one in subject.looks[:2]] == [0.85, 1.6]  # none 50 ms before a key
    assert [one[1] for one in subject.looks][-2:] == [False, True]
    assert played.shows == Shows(typed=1, characters=3)
    accepting = play(made, every(400, made), Later(says(("a", 50, "b"))), "a")
    assert [one.keys for one in accepting.strokes] == [1, 3]


# --- the screen


def test_the_rest_of_a_text_stays_while_it_is_typed() -> None:
    """An answer that says the same, or goes on, changes nothing that was seen: one show, typed to its end."""
    screen = Screen()
    screen.show(Answer("bcd"))
    screen.key("b", 0)
    assert screen.text == "cd"
    screen.show(Answer("cdef"))
    for key in "cdef":
        screen.key(key, 0)
    assert screen.text == ""
    assert screen.shows == Shows(typed=1, characters=5)


@pytest.mark.parametrize("answer", [Answer("cx"), Answer("c"), None])
def test_flicker_is_a_change_in_spite_of_a_key_that_agreed(answer: Answer | None) -> None:
    """Another text, less of it, or nothing. Without a key between, it is withdrawn all the same."""
    for agreed, flicker in ((True, 1), (False, 0)):
        screen = Screen()
        screen.show(Answer("bcd" if agreed else "cd"))
        if agreed:
            screen.key("b", 0)
        screen.show(answer)
        assert (screen.shows.withdrawn, screen.shows.flicker) == (1, flicker)


def test_what_becomes_of_a_text() -> None:
    """Another key, a backspace, the cursor elsewhere; accepted counts from the first word on; Enter indents."""
    screen = Screen()
    for end in (
        lambda: screen.key("x", 0),
        lambda: screen.key("", 1),
        lambda: screen.leave(),
        lambda: screen.accept(3),
        lambda: (screen.accept(1), screen.key("x", 0)),
        lambda: (screen.accept(1), screen.show(None)),
    ):
        screen.show(Answer("bcd"))
        end()
        assert screen.text == ""
    assert screen.shows == Shows(accepted=3, contradicted=2, left=1, flicker=1, characters=18)
    screen.show(Answer("\n    foo"))
    screen.key("\n    ", 0)
    assert screen.text == "foo"
    screen.leave()
    assert screen.shows.wrong == 4
    assert screen.shows.count == 7


@pytest.mark.parametrize(
    ("text", "word"),
    [("foo(bar)", "foo"), ("(bar)", "("), (" = 1", " ="), ("\n    x", "\n    x"), ("  ", "  ")],
)
def test_words_that_are_accepted(text: str, word: str) -> None:
    """A word with what stands in front of it, or a run of other signs."""
    screen = Screen()
    screen.show(Answer(text))
    assert screen.word == word


# --- figures and table


def counted(**changes: Any) -> Figures:
    """Ten keys of two visits, one of which takes five of the script's."""
    strokes = [Stroke(number // 5, False, 1, float(number)) for number in range(10)]
    for one in strokes[:9]:
        one.gap_ms = 101.0
    for one in strokes[:8]:
        one.answer_ms, one.text, one.source = 10.0, True, "cache"
    strokes[7].answer_ms, strokes[7].source = 90.0, "model"
    strokes[0].accept, strokes[0].keys, strokes[0].shown, strokes[0].right_word = True, 5, True, True
    shows = Shows(accepted=1, typed=1, contradicted=2, flicker=1, characters=30)
    played = Played(14, 2, tuple(strokes), shows, 1, 3.0)
    before, after = Usage(1.0, 50, 100, 50, 10, 5, 5), Usage(3.0, 60, 300, 240, 50, 15, 7)
    return figures(played, before, msgspec.structs.replace(after, **changes))


def test_figures() -> None:
    """Each from what it is said to be made of."""
    found = counted()
    assert (found.keys, found.script_keys, found.accepts, found.jumps) == (10, 14, 1, 2)
    assert (found.fresh.value, found.shown.value, found.right_word.value) == (0.8, 0.1, 0.1)
    assert (found.text.p50, found.text.p95, found.text.n) == (10, 90, 8)
    assert (found.answer.p50, found.answer.p95, found.answer.n) == (10, None, 10)
    assert {name: one.n for name, one in found.by_source.items()} == {"cache": 7, "model": 1}
    assert found.without_model == pytest.approx(0.8)
    assert found.reused == pytest.approx(0.95)
    assert found.saved.value == pytest.approx(1 - 10 / 14)
    assert (found.wrong_shows, found.flicker, found.cpu_s) == (2, 100, 200)
    assert (found.computed, found.unshown) == (40, pytest.approx(0.75))
    assert (found.stale, found.late_ms) == (1, 9)
    assert found.waits == {"cache": {10: 7}, "model": {19: 1}, "nothing": {}}
    assert found.gaps == {20: 9}
    assert found.fresh.low == 0.6  # the second visit alone
    assert found.fresh.high == 1.0


def test_figures_of_nothing() -> None:
    """No keys, no questions, no tokens: dashes, no fault."""
    nothing = figures(Played(0, 0, (), Shows(), 0, 0.0), Usage(0, 0), Usage(0, 0))
    assert (nothing.fresh.value, nothing.text.p50, nothing.without_model, nothing.unshown) == (None,) * 4


def test_the_table() -> None:
    """A column for each run, steps of an ablation also as rows, a fault in the end; the JSON can be read again."""

    def made(step: str, found: Figures | None, fault: str = "") -> Run:
        return Run("shop", "fast", "Offhand", step, "a", 9.0, Others(0.1, 0.2, 0.3), found, fault)

    runs = (
        made("no speculation", counted()),
        made("+ branches", counted(requests=5)),
        made("broken", None, "It ended."),
    )
    typing = Typing("1", "bundled", "0" * 64, 1, 14, 2, (Typed("shop", "c" * 40, "f", 1, 1, 14),), runs)
    assert msgspec.json.decode(msgspec.json.encode(typing), type=Typing) == typing
    rows = {line[:27].strip(): line[27:] for line in table(typing).split("\n")}
    assert rows["keys pressed, of so many"].split() == ["10", "of", "14", "10", "of", "14", "-"]
    assert rows["from model"].split() == ["90/90/90", "(1)", "90/90/90", "(1)", "-"]
    assert rows["key to answer, all keys"].split()[:2] == ["10/-/-", "(10)"]
    assert rows["no model call after the key"].split() == ["80.0", "%", "-", "-"]
    assert "Offhand broken: It ended." in table(typing)
    assert sum(line.startswith(("no speculation ", "+ branches ")) for line in table(typing).split("\n")) == 2


def test_the_ablation_leaves_out_less_and_less() -> None:
    """From everything to nothing."""
    left_out = [set(step.without) for step in STEPS]
    assert all(more > fewer for more, fewer in itertools.pairwise(left_out))
    assert not left_out[-1]
