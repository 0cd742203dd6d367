"""Fitting the gate, on made-up cases whose truth is known."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from lsp_server.base.errors import OffhandError
from lsp_server.bench import fit_gate
from lsp_server.bench.fit_gate import Data
from lsp_server.bench.lines import Case, Confidence
from lsp_server.bench.regression import fit, probabilities, quality
from lsp_server.cli.main import main
from lsp_server.completion import gate

SHOPS = ("north", "east", "south", "west")


def made_up(number: int, seed: int = 1) -> Data:
    """Cases that are right with log-odds 0.5 + 1.0 odds - 2.0 characters; ``worst`` is noise."""
    chance = np.random.default_rng(seed)
    names = ("characters", "odds", "worst")
    features = np.column_stack(
        (chance.uniform(0, 2, number), chance.normal(0, 2, number), chance.normal(0, 1, number))
    )
    claimed = probabilities(0.5 + features @ np.array([-2.0, 1.0, 0.0]))
    right = (chance.uniform(size=number) < claimed).astype(float)
    return Data(
        names=names,
        features=features,
        right=right,
        exact=right,
        workspaces=tuple(SHOPS[index % len(SHOPS)] for index in range(number)),
        rest=(True,) * number,
        asked=dict.fromkeys(SHOPS, number // len(SHOPS)),
    )


@pytest.mark.parametrize("seed", range(5))
def test_known_weights_are_found(seed: int) -> None:
    """From 20,000 cases every coefficient is found within a few standard errors; a column that never changes gets 0."""
    data = made_up(20_000, seed)
    columns = np.column_stack((data.features, np.full(20_000, 7.0)))
    found = fit(columns, data.right, penalty=1.0)
    assert found.intercept == pytest.approx(0.5, abs=0.15)
    assert found.weights == pytest.approx([-2.0, 1.0, 0.0, 0.0], abs=0.12)
    assert found.weights[3] == 0


def test_a_larger_penalty_shrinks() -> None:
    """Towards 0, and the intercept towards the share that is right."""
    data = made_up(400)
    sizes = [np.abs(fit(data.features, data.right, penalty).weights).sum() for penalty in (1.0, 100.0, 1e6)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[2] < 0.01
    share = probabilities(np.array([fit(data.features, data.right, 1e6).intercept]))[0]
    assert share == pytest.approx(data.right.mean(), abs=0.01)


@pytest.mark.parametrize("right", [0.0, 1.0])
def test_one_outcome_only(right: float) -> None:
    """Cases that are all right or all wrong have a finite fit that says so."""
    found = fit(np.array([[1.0], [2.0], [3.0]]), np.full(3, right), 1.0)
    assert np.isfinite([found.intercept, *found.weights]).all()
    assert abs(probabilities(found.odds(np.array([[2.0]])))[0] - right) < 0.01


def test_quality_by_hand() -> None:
    """Four claims, one wrongly ranked pair of four: Brier and AUC as computed by hand."""
    claimed, right = np.array([0.9, 0.6, 0.4, 0.1]), np.array([1.0, 0.0, 1.0, 0.0])
    found = quality(claimed, right)
    assert found.brier == pytest.approx((0.01 + 0.36 + 0.36 + 0.01) / 4)
    assert found.auc == pytest.approx(3 / 4)
    assert found.ece == pytest.approx((0.1 + 0.6 + 0.6 + 0.1) / 4)
    assert found.log_loss == pytest.approx(-(np.log(0.9) + np.log(0.4)) / 2)
    assert quality(np.full(4, 0.5), right).auc == 0.5


def test_the_held_out_workspace_is_not_used() -> None:
    """Whatever is true in a workspace changes nothing of what the others say of it."""
    data = made_up(400)
    inside = np.array([name == "east" for name in data.workspaces])
    turned = msgspec.structs.replace(data, right=np.where(inside, 1 - data.right, data.right))
    names = ["odds", "characters"]
    before, after = (fit_gate.unseen(one, names, 1.0) for one in (data, turned))
    assert (before[inside] == after[inside]).all()
    assert (before[~inside] != after[~inside]).all()


def test_the_gate_has_what_helps() -> None:
    """Odds and length are weighed, noise is not; each mode keeps its promises; it beats the odds alone."""
    data = made_up(4_000)
    fitted = fit_gate.fit_gate(data)
    made = fitted.gate
    assert list(made.weights) == ["characters", "odds"]
    assert made.usual["characters"] == pytest.approx(1.0, abs=0.05)
    assert fitted.judged.quality.log_loss < fitted.plain.quality.log_loss
    assert fitted.judged.quality.ece < 0.03
    assert made.thresholds["quiet"] >= 0.67
    assert made.thresholds["balanced"] >= 0.33
    assert made.thresholds["eager"] == 0.25
    assert fitted.judged.shown["quiet"].right >= 0.8
    assert fitted.judged.shown["balanced"].right >= 0.65
    assert fit_gate.fit_gate(made_up(4_000)) == fitted
    claimed = fit_gate.apply(made, data)
    assert fit_gate.judge(claimed, data, made.thresholds).quality.ece < 0.03


def test_a_likelihood_never_speaks_against_a_text() -> None:
    """A column of likelihoods that would get a negative weight is left out, however much it helps."""
    data = made_up(4_000)
    turned = -data.only(["characters"])  # "worst" is now what the truth depends on, the wrong way round
    features = np.column_stack((data.only(["odds"])[:, 0], -turned))
    fitted = fit_gate.fit_gate(msgspec.structs.replace(data, names=("odds", "worst"), features=features))
    assert list(fitted.gate.weights) == ["odds"]


def test_a_weak_model_shows_less() -> None:
    """Where three of ten are right whatever the features say, quiet and balanced ask for more than anything reaches."""
    chance = np.random.default_rng(3)
    data = msgspec.structs.replace(made_up(2_000), right=(chance.uniform(size=2_000) < 0.3).astype(float))
    fitted = fit_gate.fit_gate(data)
    assert fitted.judged.shown["quiet"].coverage < 0.05
    assert fitted.judged.shown["balanced"].coverage < 0.05


def sample(index: int, **changes: Any) -> Case:
    """A case with the features of the made-up data."""
    exact = changes.get("exact", True)
    fields = {
        "workspace": "north",
        "language": "python",
        "place": f"{index:012x}",
        "kind": "rest",
        "cursor": "code",
        "stands": "boundary",
        "length": 8,
        "length_class": "6-15",
        "bare": False,
        "predicted": 8,
        "lines": 1,
        "exact": exact,
        "similarity": 100.0 if exact else 40.0,
        "identifiers": exact,
        "first_word": exact,
        "so_far": exact,
        "confidence": Confidence(0.5, 0.5, True, {"odds": float(index), "characters": 1.0}),
        "source": "model",
        "filters": (),
        "reason": "",
        "new_errors": 0,
        "milliseconds": 10.0,
    }
    return Case(**{**fields, **changes})


def test_what_is_right() -> None:
    """The exact rest, and a true beginning; several lines and empty answers are no examples, but were asked. Blocks are
    none at all."""
    cases = [
        sample(1),
        sample(2, exact=False),
        sample(3, exact=False, so_far=True),
        sample(4, lines=3),
        sample(5, confidence=None),
        sample(6, kind="whole"),
        sample(7, kind="block"),
    ]
    found = fit_gate.data(cases)
    assert found.right.tolist() == [1, 0, 1, 1]
    assert found.exact.tolist() == [1, 0, 0, 1]
    assert found.rest == (True, True, True, False)
    assert sum(found.asked.values()) == 5
    assert found.only(["odds"])[:, 0].tolist() == [1, 2, 3, 6]


def test_what_cannot_be_fitted() -> None:
    """Nothing suggested, one workspace, features of another version: one sentence each."""
    with pytest.raises(OffhandError, match="no case"):
        fit_gate.data([sample(1, confidence=None)])
    with pytest.raises(OffhandError, match="two workspaces"):
        fit_gate.fit_gate(fit_gate.data([sample(1), sample(2, exact=False)]))
    with pytest.raises(OffhandError, match="lack features: weather"):
        fit_gate.data([sample(1)], ("odds", "weather"))
    with pytest.raises(OffhandError, match="lack features: odds"):
        fit_gate.data([sample(1, confidence=Confidence(0.5, 0.5, True, {"mean": 1.0}))])


def test_the_origin_names_what_was_measured() -> None:
    """Workspaces with commits, seed, model and figures; reports of other workspaces are refused."""
    data = made_up(400)
    fitted = fit_gate.fit_gate(data)
    product = {"model": "tiny (1)", "sha256": "ab" * 32, "engine": "memory"}
    reports = [
        msgspec.json.encode(
            {
                "product": product,
                "seed": 4,
                "workspaces": [{"name": name, "commit": f"c-{name}", "fingerprint": "f"}],
            }
        )
        for name in SHOPS
    ]
    origin = fit_gate.origin(fitted, data, reports)
    assert origin["model"] == [f"tiny (1), sha256 {'ab' * 32}"]
    assert origin["runs"][0] == "east c-east, fingerprint f, engine memory, seed 4"
    assert len(origin["runs"]) == 4
    assert sum(origin["suggestions"].values()) == 400
    assert origin["each_workspace_by_the_others"]["log_loss"] == round(fitted.judged.quality.log_loss, 4)
    assert origin == fit_gate.origin(fitted, data, reports[::-1])
    with pytest.raises(OffhandError, match="other workspaces"):
        fit_gate.origin(fitted, data, reports[1:])
    with pytest.raises(OffhandError, match="is none of"):
        fit_gate.origin(fitted, data, [b"{}"])


# --- the command


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Two runs over made-up workspaces, with their reports, and one over a third without."""
    paths = []
    for seed, shop in enumerate(("north", "east", "south")):
        data, path = made_up(600, seed), tmp_path / f"{shop}.jsonl"
        cases = [
            sample(
                index,
                workspace=shop,
                exact=bool(data.right[index]),
                confidence=Confidence(0.5, 0.5, True, dict(zip(data.names, row, strict=True))),
            )
            for index, row in enumerate(data.features.tolist())
        ]
        path.write_bytes(b"".join(msgspec.json.encode(case) + b"\n" for case in cases))
        about = {"name": shop, "commit": f"c-{shop}", "fingerprint": "f"}
        product = {"model": "tiny (1)", "sha256": "ab" * 32, "engine": "fake"}
        if shop != "south":
            path.with_suffix(".json").write_bytes(
                msgspec.json.encode({"product": product, "seed": seed, "workspaces": [about]})
            )
        paths.append(path)
    return paths


def command(*arguments: str) -> int:
    return main(["bench", "fit-gate", *arguments])


def test_command_prints_and_writes(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Figures of workspaces unseen, weights, thresholds; nothing is written unasked; the same cases make the same."""
    written = tmp_path / "gate.json"
    north, east, south = map(str, runs)
    assert command(north, east, "--report-on", south) == 0
    out = capsys.readouterr().out
    assert "1200 suggestions in east, north; each judged by the others" in out
    assert "600 suggestions in south, which had no part in it" in out
    assert "0.25 (eager)" in out
    assert not written.exists()
    assert command(north, east, "--write", str(written)) == 0
    first = written.read_bytes()
    assert command(east, north, "--write", str(written)) == 0
    assert written.read_bytes() == first
    assert gate.read(written).origin["runs"] == [
        "east c-east, fingerprint f, engine fake, seed 1",
        "north c-north, fingerprint f, engine fake, seed 0",
    ]


def test_command_refuses(runs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    """A workspace on both sides; a run without its report; a place that cannot be written to."""
    north, east, south = map(str, runs)
    assert command(north, east, "--report-on", north) == 1
    assert "To report on north it must be left out of the fit." in capsys.readouterr().err
    assert command(north, south, "--write", str(runs[0].with_name("gate.json"))) == 1
    assert "south.json cannot be read" in capsys.readouterr().err
    assert command(north, east, "--write", str(runs[0] / "gate.json")) == 1
    assert "cannot be written" in capsys.readouterr().err
