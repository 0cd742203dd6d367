"""What accepts and rejects do to the gate: they move it the right way, a little, in bounds, and it can be undone."""

import os
import stat
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.completion.adaptation import Adaptation, Belief, Keeper, Learnt, load, save
from lsp_server.completion.gate import probability

NOW = 1_700_000_000.0
DAY = 86_400.0

OUTCOMES = st.lists(
    st.tuples(
        st.sampled_from(["python", "go"]),
        st.floats(-9, 9),
        st.floats(0, 1),
        st.floats(0, 1),
        st.floats(0, 30 * DAY),
    ),
    max_size=60,
)


def after(number: int, right: float, language: str = "python", odds: float = 0.0) -> Adaptation:
    """What is learnt from the same outcome so many times."""
    adaptation = Adaptation()
    for _ in range(number):
        adaptation.learn(language, odds, right, 1.0, NOW)
    return adaptation


def test_one_outcome_by_hand() -> None:
    """A rejection at probability one half: the variance goes from 0.02 to 1 / (50 + 1/4), the mean to minus half of it,
    in both parts; the quick part replaces a twelfth of nothing."""
    adaptation = after(1, 0.0)
    mean = -0.5 / 50.25
    assert adaptation.learnt.everywhere == Belief(pytest.approx(mean), pytest.approx(1 / 50.25), NOW)
    assert adaptation.learnt.languages["python"] == adaptation.learnt.everywhere
    assert adaptation.shift("python", NOW) == pytest.approx(2 * mean + 0.3 * -0.5 / 12)
    assert adaptation.shift("go", NOW) == pytest.approx(mean + 0.3 * -0.5 / 12)


@pytest.mark.parametrize("number", [1, 5, 20, 200])
def test_accepts_raise_and_rejects_lower(number: int) -> None:
    """In the language itself more than in others; up to some dozens, more outcomes more than fewer."""
    up, down = after(number, 1.0), after(number, 0.0)
    assert (
        up.shift("python", NOW) > up.shift("go", NOW) > 0 > down.shift("go", NOW) > down.shift("python", NOW)
    )
    if number > 20:
        return  # the quick part has followed, and the surprise gets smaller
    assert after(number + 1, 1.0).shift("python", NOW) > up.shift("python", NOW)
    assert after(number + 1, 0.0).shift("python", NOW) < down.shift("python", NOW)


def test_twenty_outcomes_move_it_little() -> None:
    """Twenty rejections in a row make 0.39 of one half, twenty acceptances 0.61."""
    assert probability(after(20, 0.0).shift("python", NOW)) == pytest.approx(0.386, abs=0.01)
    assert probability(after(20, 1.0).shift("python", NOW)) == pytest.approx(0.614, abs=0.01)


def test_what_was_foretold_teaches_nothing() -> None:
    """Half of the suggestions that were right with probability one half are accepted: the gate stays as it is."""
    adaptation = Adaptation()
    for number in range(400):
        adaptation.learn("python", 0.0, float(number % 2), 1.0, NOW)
    assert abs(adaptation.shift("python", NOW)) < 0.05


@given(OUTCOMES)
def test_bounded(outcomes: list[tuple[str, float, float, float, float]]) -> None:
    """Whatever happens, a suggestion's odds move by 1.3 at most: what is sure is shown, what is not is not."""
    adaptation, now = Adaptation(), NOW
    for language, odds, right, weight, passed in outcomes:
        now += passed
        adaptation.learn(language, odds, right, weight, now)
        for name in ("python", "go", "rust"):
            assert abs(adaptation.shift(name, now)) <= 1.3


def test_thousands_of_outcomes_are_bounded() -> None:
    """Nine rejections of ten thousand sure suggestions in a row: they are still shown where little is asked."""
    down = after(10_000, 0.0, odds=2.2)
    assert -1.3 <= down.shift("python", NOW) < -1.2
    assert probability(2.2 + down.shift("python", NOW)) > 0.7
    up = after(10_000, 1.0, odds=-2.2)
    assert probability(-2.2 + up.shift("python", NOW)) < 0.3


def test_it_fades() -> None:
    """Half is gone after thirty days, all but nothing after a year; a clock that was set back changes nothing."""
    learnt = after(50, 0.0).learnt
    adaptation = Adaptation(learnt)  # of a new session: the quick part is gone
    now, month, year = (adaptation.shift("python", NOW + days * DAY) for days in (0, 30, 365))
    assert month == pytest.approx(now / 2)
    assert abs(year) < 0.001
    assert adaptation.shift("python", NOW - 5 * DAY) == now
    assert learnt.everywhere.faded(NOW + 3650 * DAY).variance == pytest.approx(0.02)


def test_languages_are_bounded() -> None:
    """A user of hundreds of languages keeps the fifty newest."""
    adaptation = Adaptation()
    for number in range(200):
        adaptation.learn(f"language {number}", 0.0, 1.0, 1.0, NOW)
    assert len(adaptation.learnt.languages) == 50
    assert "language 199" in adaptation.learnt.languages


# --- the file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "learnt.json"


def test_survives_a_restart(path: Path) -> None:
    """What one server learnt, the next one knows, but for the mood of the day; nobody else may read it."""
    first = Adaptation()
    keeper = Keeper(path, first)
    first.learn("python", 0.0, 0.0, 1.0, NOW)
    first.counts.rejected = 3
    keeper.save()
    second = Adaptation()
    Keeper(path, second)
    assert second.learnt == first.learnt
    assert first.shift("python", NOW) < second.shift("python", NOW) < 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in path.parent.iterdir()] == ["learnt.json"]


def test_nothing_new_is_not_written(path: Path) -> None:
    """No outcome, no file."""
    Keeper(path, Adaptation()).save()
    assert not path.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\x00 rubbish",
        b"[]",
        b'{"version": 2}',
        b'{"version": 1, "everywhere": {"mean": 5.0}}',
        b'{"version": 1, "everywhere": {"variance": 0.0}}',
        b'{"version": 1, "languages": {"python": {"variance": 1e300}}}',
        b'{"version": 1, "counts": {"accepted": "many"}}',
    ],
)
def test_what_cannot_be_believed_is_dropped(path: Path, content: bytes) -> None:
    """A file that is broken, of another version, or beyond what could be learnt counts as none, and is replaced."""
    path.parent.mkdir()
    path.write_bytes(content)
    adaptation = Adaptation()
    keeper = Keeper(path, adaptation)
    assert adaptation.shift("python", NOW) == 0
    adaptation.learn("python", 0.0, 1.0, 1.0, NOW)
    keeper.save()
    assert load(path) == adaptation.learnt


def test_an_empty_one_can_be_read(path: Path) -> None:
    """The least that can be written is believed."""
    assert save(Learnt(), path)
    assert load(path) == Learnt()
    assert msgspec.json.decode(path.read_bytes())["version"] == 1


def test_reset_forgets(path: Path) -> None:
    """Here and on disk, and nothing comes back."""
    adaptation = after(5, 0.0)
    keeper = Keeper(path, adaptation)
    keeper.save()
    keeper.forget()
    keeper.save()
    assert adaptation.shift("python", NOW) == 0
    assert not path.exists()


def test_a_reset_from_outside_is_noticed(path: Path) -> None:
    """``offhand reset`` removes the file; the server that runs forgets instead of writing it again."""
    adaptation = after(5, 0.0)
    keeper = Keeper(path, adaptation)
    keeper.save()
    path.unlink()
    adaptation.learn("python", 0.0, 0.0, 1.0, NOW)
    keeper.save()
    assert adaptation.learnt == Learnt()
    assert not path.exists()


@pytest.mark.skipif(os.name != "posix", reason="needs a folder that is a file")
def test_a_home_that_cannot_be_written_costs_nothing(tmp_path: Path) -> None:
    """It is learnt all the same, until the server ends."""
    (tmp_path / "file").write_text("")
    adaptation = after(5, 0.0)
    shift = adaptation.shift("python", NOW)
    keeper = Keeper(tmp_path / "file" / "learnt.json", adaptation)
    keeper.save()
    adaptation.changed = True
    keeper.save()
    assert adaptation.shift("python", NOW) == shift
