"""How long the model waits for the next key: for typists and engines as data, and whatever it is told."""

import math
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsp_server.completion.rhythm import Rhythm


def rhythm_of(gaps: list[float], answers: list[float]) -> Rhythm:
    rhythm, now = Rhythm(), 100.0
    rhythm.key(now)
    for gap in gaps:
        now += gap
        rhythm.key(now)
    for milliseconds in answers:
        rhythm.answered(milliseconds)
    return rhythm


def typist(median: float, sigma: float, pauses: int) -> list[float]:
    """64 gaps at the quantiles of a log-normal distribution, some of them replaced by long pauses."""
    normal = statistics.NormalDist(math.log(median), sigma)
    gaps = [math.exp(normal.inv_cdf((number + 0.5) / 64)) for number in range(64)]
    for number in range(pauses):
        gaps[number * 64 // pauses] = 60.0
    return gaps


FAST, TYPICAL, SLOW = typist(0.115, 0.45, 3), typist(0.17, 0.5, 4), typist(0.3, 0.5, 5)


@pytest.mark.parametrize(
    ("gaps", "answers", "pause"),
    [
        pytest.param(TYPICAL, [20.0] * 9, 0.0, id="the bundled model never waits"),
        pytest.param(FAST, [60.0] * 9, 0.0, id="nor where somebody types fast"),
        pytest.param(FAST, [200.0] * 9, 0.0, id="an answer that two keys overtake is still of use"),
        pytest.param(TYPICAL, [400.0] * 9, 0.0, id="half a second of work goes on through agreeing keys"),
        pytest.param(TYPICAL, [1_000.0] * 9, 0.2, id="a second of work waits, but not for long"),
        pytest.param(SLOW, [400.0] * 9, 0.0, id="a slow typist waits for nothing"),
        pytest.param([0.03] * 64, [400.0] * 9, 0.05, id="a key held down: until it is let go"),
        pytest.param([0.03] * 64, [60.0] * 9, 0.0, id="a key held down, and a quick engine"),
        pytest.param([5.0] * 64, [1_000.0] * 9, 0.0, id="pauses only"),
        pytest.param(FAST[:15], [1_000.0] * 9, 0.0, id="too few keys to know"),
        pytest.param(FAST, [], 0.0, id="no answer yet"),
        pytest.param(FAST, [1_000.0, *[20.0] * 8], 0.0, id="one slow answer, as after a start"),
        pytest.param(FAST, [1_000.0] * 15 + [20.0] * 15, 0.0, id="the engine has become quick"),
        pytest.param([0.0] * 40 + [0.5] * 24, [1_000.0] * 9, 0.2, id="several keys at once"),
    ],
)
def test_the_wait(gaps: list[float], answers: list[float], pause: float) -> None:
    """None for an engine that is quick in this typist's terms; a short one for others."""
    assert rhythm_of(gaps, answers).pause() == pytest.approx(pause)


def test_it_follows_the_typist() -> None:
    """Who has slowed down is not made to wait by how fast they typed before."""
    rhythm = rhythm_of(FAST, [1_000.0] * 9)
    assert rhythm.pause() > 0
    now = 1_000.0
    for _ in range(64):
        now += 1.5
        rhythm.key(now)
    assert rhythm.pause() == 0.0


times = st.lists(st.floats(0.0, 10_000.0, allow_nan=False), max_size=80)


@settings(max_examples=50)
@given(times, times)
def test_it_is_short_whatever_happens(moments: list[float], answers: list[float]) -> None:
    """Keys in any order of time, engines of any speed: never longer than a quarter of the usual answer, nor 0.2 s."""
    rhythm = Rhythm()
    for now in moments:
        rhythm.key(now)
    for milliseconds in answers:
        rhythm.answered(milliseconds)
    usual = statistics.median(answers[-15:]) / 1_000 if answers else 0.0
    assert 0.0 <= rhythm.pause() <= min(0.2, usual / 4) + 1e-9
