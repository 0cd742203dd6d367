"""The gate: what it looks at and what it says of that, from values computed by hand."""

import math
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shipped import MODEL

from lsp_server.base.config import Config
from lsp_server.base.errors import ModelError
from lsp_server.completion import gate
from lsp_server.completion import snapshot as snapshots
from lsp_server.completion.gate import Gate
from lsp_server.completion.pipeline import complete
from lsp_server.completion.session import Session
from lsp_server.completion.trace import Trace
from lsp_server.completion.types import Candidate
from lsp_server.engine.messages import Finished, Step

STEPS = (
    Step(characters=0, logprob=math.log(0.8)),  # healed
    Step(characters=4, logprob=math.log(0.5), match=6, memory=0.5),
    Step(characters=5, logprob=math.log(0.5), match=7, memory=1.0),
)


def test_features_by_hand() -> None:
    """Of three tokens with 0.8, 0.5 and 0.5: together 0.2, which is odds of one to four."""
    found = gate.features(Candidate("name(", steps=STEPS), STEPS, "call", True)
    assert found["odds"] == pytest.approx(math.log(0.2 / 0.8))
    assert found["first_odds"] == pytest.approx(math.log(0.8 / 0.2))
    assert found["worst"] == pytest.approx(math.log(0.5))
    assert found["mean"] == pytest.approx(math.log(0.2) / 3)
    assert found["tokens"] == pytest.approx(math.log(4))
    assert found["characters"] == pytest.approx(math.log(6))
    assert found["match"] == pytest.approx((math.log(7) + math.log(8)) / 3)
    assert found["long_match"] == pytest.approx(2 / 3)
    assert found["memory"] == pytest.approx(0.5)
    assert found["healed"] == pytest.approx(math.log(2))
    assert (found["cursor_call"], found["cursor_string"], found["open_end"], found["only_signs"]) == (
        1,
        0,
        1,
        0,
    )
    assert (found["odds_unknown"], found["odds_alone"], found["known_language"]) == (0, 0, 1)


def test_features_of_other_texts() -> None:
    """Signs only, in a language unknown to the model, by the memory alone: the odds count once more for each."""
    candidate = Candidate("):", steps=STEPS[:1], by_memory=True)
    found = gate.features(candidate, STEPS[:1], "code", False)
    assert found["only_signs"] == 1
    assert found["odds_unknown"] == found["odds_alone"] == found["odds"] == pytest.approx(math.log(4))
    assert all(math.isfinite(value) for value in gate.features(Candidate(""), (), "code", True).values())


def test_odds_by_hand() -> None:
    """Intercept and weighted features; a feature without a weight does not count."""
    made = Gate(-1.0, {"odds": 0.5, "characters": -2.0}, {"quiet": 0.7, "balanced": 0.4, "eager": 0.2})
    odds = made.odds({"odds": 4.0, "characters": 0.25, "mean": 100.0})
    assert odds == pytest.approx(-1.0 + 2.0 - 0.5)
    assert gate.probability(odds) == pytest.approx(1 / (1 + math.exp(-0.5)))


@given(st.floats(-1e6, 1e6))
def test_probability(odds: float) -> None:
    """Between 0 and 1 for any odds, and the other way round for the opposite."""
    assert 0 < gate.probability(odds) < 1 or abs(odds) > 30
    assert gate.probability(odds) + gate.probability(-odds) == pytest.approx(1)


def test_reasons_are_what_is_unusual() -> None:
    """The strongest first, with their direction; what moves nothing is not told."""
    made = Gate(
        0.0,
        {"odds": 1.0, "characters": -1.0, "memory": 0.01},
        {"quiet": 0.7, "balanced": 0.4, "eager": 0.2},
        usual={"odds": 1.0, "characters": 2.0},
    )
    reasons = made.reasons({"odds": 0.5, "characters": 4.0, "memory": 1.0})
    assert [(reason.feature, reason.odds) for reason in reasons] == [("characters", -2.0), ("odds", -0.5)]
    assert reasons[0].words == "it is long"
    assert "not likely" in reasons[1].words
    assert made.reasons({"odds": 1.0, "characters": 2.0}) == ()


def test_every_feature_has_words() -> None:
    """Whatever the gate may weigh can be told."""
    names = gate.features(Candidate("x"), (), "code", True)
    made = Gate(0.0, dict.fromkeys(names, 1.0), {"quiet": 0.7, "balanced": 0.4, "eager": 0.2})
    for value in (9.0, -9.0):
        reasons = made.reasons(dict.fromkeys(names, value), most=len(names))
        assert len(reasons) == len(names)
        assert all(reason.words for reason in reasons)


def test_the_shipped_numbers() -> None:
    """Quieter modes ask for more; likelier is surer; they say where they come from."""
    shipped = gate.read(MODEL.gate_file)
    thresholds = shipped.thresholds
    assert 1 > thresholds["quiet"] >= thresholds["balanced"] >= thresholds["eager"] > 0
    assert shipped.weights["odds"] > 0
    assert shipped.weights.keys() <= gate.features(Candidate("x", steps=STEPS), STEPS, "code", True).keys()
    assert shipped.usual.keys() == shipped.weights.keys()
    assert shipped.origin["runs"]
    assert MODEL.manifest.model.sha256 in shipped.origin["model"][0]


class Engine:
    """A worker that always writes the same."""

    def remember(self, *_arguments: Any) -> None:
        """Learn nothing."""

    async def complete(self, *_arguments: Any, **_named: Any) -> Finished:
        return Finished(1, "len(x)", "line", (Step(6, math.log(0.5)),))


@pytest.mark.parametrize(
    ("mode", "invoked", "answered"),
    [
        ("eager", False, True),
        ("balanced", False, False),
        ("quiet", False, False),
        ("quiet", True, True),  # asked for explicitly
    ],
)
async def test_modes(mode: str, invoked: bool, answered: bool) -> None:
    """A mode shows what is sure enough for it; an explicit question is answered in any, and the verdict is noted."""
    session = Session(msgspec.convert({"mode": mode}, Config))
    session.gate = Gate(0.0, {"odds": 1.0}, {"quiet": 0.9, "balanced": 0.6, "eager": 0.4})
    session.model = MODEL
    session.worker = cast("Any", Engine())
    session.started.set()
    document = session.documents.open("file:///a/b.py", "python", 0, "x = [1]\ny = \n")
    snapshot = snapshots.take(document, session.grammar("python"), 1, 4, invoked=invoked)
    trace = Trace(1, "b.py", 2, 5, "inline")
    suggestion = await complete(session, snapshot, trace)
    assert (suggestion is not None) is answered, trace.reason
    assert trace.confidence == pytest.approx(0.5)
    assert trace.sure is (mode == "eager")
    if not answered:
        assert trace.reason.startswith("not sure enough: right with probability 0.50, ")
        assert f"'{mode}' shows from 0.{'9' if mode == 'quiet' else '6'}0 on" in trace.reason


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"intercept": "much"}', b"\xff"])
def test_damaged_numbers_are_named(tmp_path: Path, content: bytes) -> None:
    """A model's own file that is damaged costs a sentence that names it."""
    (tmp_path / "gate.json").write_bytes(content)
    with pytest.raises(ModelError, match=r"gate.json does not hold the numbers that it should"):
        gate.read(tmp_path / "gate.json")
    with pytest.raises(ModelError, match=r"nowhere.json cannot be read: No such file"):
        gate.read(tmp_path / "nowhere.json")
