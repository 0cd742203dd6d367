"""Fits the gate to measured cases: from what ``offhand bench lines --cases`` wrote to ``completion/gate.json``.

What is predicted is whether a suggestion is *right*: nothing of it would have to be taken back. That is so when its
first line is the exact rest of the line, or a true beginning of it. Lines know the truth of one line only, so texts of
several lines are left out here, and blocks with them; the gate judges such a text by the log-probabilities of all its
tokens, which asks more of it than of its first line, as it should.

Everything is judged by workspaces that a fit has not seen: each in turn is left out, the others are fitted, and what
those say of it is compared with the truth. Penalty and features are chosen by that too, so the figures of the chosen
fit are a little kind; ``--report-on`` takes workspaces that had no part in any of it.

From where on a mode shows a text:

========  ==========  =================  ======================================================
mode      least P     least right of     a wrong one is taken to cost
                      all that is shown
========  ==========  =================  ======================================================
eager     1/4                            a third of what a right one saves (Cursor's rule)
balanced  1/3         65 %               half of it: the beginning of a wrong one is often right
quiet     2/3         80 %               twice of it
========  ==========  =================  ======================================================

The first column weighs the least probable text that is shown, P being the probability that it is right: whatever else
is shown does not make that one better. The second one is a promise over all that is shown, kept on workspaces unseen;
it counts where a weak model is sure too rarely for the first to suffice.

Does not know how cases are measured, nor where the numbers are kept.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np

from lsp_server.base.errors import OffhandError
from lsp_server.bench.lines import Case
from lsp_server.bench.regression import Fit, Quality, Values, fit, log_loss, probabilities, quality
from lsp_server.completion.gate import Gate, Mode

#: Penalties to choose from, on standardised weights.
_PENALTIES = (1.0, 3.0, 10.0, 30.0)

#: A feature must lower the cross-validated log loss by so much (nats) to be worth explaining.
_WORTH = 0.001

#: Features that are larger the surer the model is.
_LIKELIHOODS = ("odds", "first_odds", "worst", "mean")

#: Shares of all places at which the precision is told.
COVERAGES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)

#: By mode: the least probability, and the least share that is right of all that is shown; see above.
_RULES: dict[Mode, tuple[float, float]] = {
    "quiet": (2 / 3, 0.80),
    "balanced": (1 / 3, 0.65),
    "eager": (1 / 4, 0.0),
}

#: Fewer shown cases than this say nothing about a share.
_ENOUGH = 30

#: Digits behind the point that are kept of a number.
_DIGITS = 4


class Data(msgspec.Struct, frozen=True):
    """Cases as arrays, one row each.

    Attributes:
        names: of the columns of ``features``.
        right: 1 where nothing would have to be taken back.
        exact: 1 where it is also all that the line has.
        workspaces: of each row.
        rest: whether the row is of a random cursor (the others are of line starts).
        asked: random cursors that were asked at, by workspace; those that got nothing are counted.
    """

    names: tuple[str, ...]
    features: Values
    right: Values
    exact: Values
    workspaces: tuple[str, ...]
    rest: tuple[bool, ...]
    asked: dict[str, int]

    def only(self, names: Sequence[str]) -> Values:
        """Some of the columns."""
        return self.features[:, [self.names.index(name) for name in names]]


class Display(msgspec.Struct, frozen=True):
    """What a mode shows at random cursors.

    Attributes:
        coverage: the share of all of them that get something.
        right, exact: the share of what is shown that is right, and that is the exact rest of the line.
    """

    coverage: float
    right: float
    exact: float


class Judged(msgspec.Struct, frozen=True):
    """What probabilities are worth on some cases.

    Attributes:
        precision: the share that is right among the surest part of all random cursors, by the part.
        shown: what each mode shows.
    """

    quality: Quality
    precision: dict[str, float]
    shown: dict[Mode, Display]


class Fitted(msgspec.Struct, frozen=True):
    """A gate and what it is worth.

    Attributes:
        penalty: that was chosen.
        judged, plain: of cases that each fit has not seen: the gate, and the text's own probability instead of it.
        plain_thresholds: what the same rules make of the text's own probability.
    """

    gate: Gate
    penalty: float
    judged: Judged
    plain: Judged
    plain_thresholds: dict[Mode, float]


class _Measured(msgspec.Struct):
    name: str
    commit: str
    fingerprint: str


class _Product(msgspec.Struct):
    model: str
    sha256: str
    engine: str


class _Run(msgspec.Struct):
    """The part of a ``bench.report.Report`` that tells where cases come from."""

    product: _Product
    seed: int
    workspaces: list[_Measured]


def right(case: Case) -> bool:
    """Whether nothing of the suggestion would have to be taken back."""
    return case.exact or case.so_far


def data(cases: Sequence[Case], names: Sequence[str] = ()) -> Data:
    """Make arrays of cases.

    Args:
        names: the features to take; without any, all that every case has.

    Raises:
        OffhandError: there is nothing to learn from, or the cases are of another version.
    """
    asked: dict[str, int] = {}
    rows: list[tuple[Case, dict[str, float]]] = []
    for case in cases:
        asked[case.workspace] = asked.get(case.workspace, 0) + (case.kind == "rest")
        if case.confidence is not None and case.lines == 1 and case.kind in ("rest", "whole"):
            rows.append((case, case.confidence.features))
    if not rows:
        raise OffhandError("There is no case in which anything was suggested.")
    shared = tuple(names) or tuple(
        name for name in rows[0][1] if all(name in features for _, features in rows)
    )
    missing = {name for name in shared for _, features in rows if name not in features}
    if missing or "odds" not in shared:
        raise OffhandError(
            f"The cases lack features: {', '.join(sorted(missing or {'odds'}))}. Measure again."
        )
    return Data(
        names=shared,
        features=np.array([[features[name] for name in shared] for _, features in rows]),
        right=np.array([float(right(case)) for case, _ in rows]),
        exact=np.array([float(case.exact) for case, _ in rows]),
        workspaces=tuple(case.workspace for case, _ in rows),
        rest=tuple(case.kind == "rest" for case, _ in rows),
        asked=asked,
    )


def fit_gate(learnt_from: Data) -> Fitted:
    """Choose features and penalty, fit, and find the modes' thresholds.

    Raises:
        OffhandError: there are fewer than two workspaces.
    """
    if len(set(learnt_from.workspaces)) < 2:
        raise OffhandError("Cases of at least two workspaces are needed: each is judged by the others.")
    names, penalty = _choose(learnt_from)
    claimed = unseen(learnt_from, names, penalty)
    thresholds = _thresholds(claimed, learnt_from)
    whole = fit(learnt_from.only(names), learnt_from.right, penalty)
    gate = Gate(
        intercept=round(whole.intercept, _DIGITS),
        weights=_named(names, whole.weights),
        thresholds=thresholds,
        usual=_named(names, learnt_from.only(names).mean(axis=0)),
    )
    own = plain(learnt_from)
    others = _thresholds(own, learnt_from)
    return Fitted(
        gate, penalty, judge(claimed, learnt_from, thresholds), judge(own, learnt_from, others), others
    )


def plain(cases: Data) -> Values:
    """The probability that network and memory give to the text as a whole: what there would be without a gate."""
    return probabilities(cases.only(["odds"])[:, 0])


def apply(gate: Gate, cases: Data) -> Values:
    """The probabilities that a gate gives."""
    weights = np.array([gate.weights.get(name, 0.0) for name in cases.names])
    return probabilities(Fit(gate.intercept, weights).odds(cases.features))


def origin(fitted: Fitted, cases: Data, reports: Iterable[bytes]) -> dict[str, Any]:
    """How a gate's numbers came about, for people; the same cases make the same.

    Args:
        reports: those of the runs that the cases are of, as ``bench.report`` writes them.

    Raises:
        OffhandError: a report is none, or they are not of all the workspaces.
    """
    try:
        runs = [msgspec.json.decode(report, type=_Run) for report in reports]
    except msgspec.DecodeError as error:
        raise OffhandError(f"A report beside the cases is none of 'offhand bench lines': {error}.") from error
    measured = [(place, run) for run in runs for place in run.workspaces]
    if {place.name for place, _ in measured} != cases.asked.keys():
        raise OffhandError("The reports beside the cases are of other workspaces than the cases.")
    return {
        "made_by": "offhand bench fit-gate",
        "predicts": "nothing of the text would have to be taken back",
        "model": sorted({f"{run.product.model}, sha256 {run.product.sha256}" for run in runs}),
        "runs": sorted(
            f"{place.name} {place.commit or 'without commit'}, fingerprint {place.fingerprint}, "
            f"engine {run.product.engine}, seed {run.seed}"
            for place, run in measured
        ),
        "suggestions": {name: cases.workspaces.count(name) for name in sorted(cases.asked)},
        "penalty": fitted.penalty,
        "each_workspace_by_the_others": _plain_numbers(fitted.judged),
        "the_texts_own_probability_instead": _plain_numbers(fitted.plain),
    }


def unseen(cases: Data, names: Sequence[str], penalty: float) -> Values:
    """The probability of each case according to a fit to all other workspaces."""
    columns, owner = cases.only(names), np.array(cases.workspaces)
    claimed = np.zeros(len(cases.right))
    for workspace in sorted(set(cases.workspaces)):
        inside = owner == workspace
        found = fit(columns[~inside], cases.right[~inside], penalty)
        claimed[inside] = probabilities(found.odds(columns[inside]))
    return claimed


def judge(claimed: Values, cases: Data, thresholds: dict[Mode, float]) -> Judged:
    """Count what probabilities are worth."""
    surest, outcomes, exact = _ranked(claimed, cases)
    asked = sum(cases.asked.values())
    precision = {
        f"{part:.1f}": round(float(outcomes[: round(part * asked)].mean()), _DIGITS)
        for part in COVERAGES
        if 0 < round(part * asked) <= len(outcomes)
    }
    shown: dict[Mode, Display] = {}
    for mode, threshold in thresholds.items():
        count = int((surest >= threshold).sum())
        shares = [float(one[:count].mean()) if count else 0.0 for one in (outcomes, exact)]
        shown[mode] = Display(count / max(asked, 1), *shares)
    return Judged(quality(claimed, cases.right), precision, shown)


def _choose(cases: Data) -> tuple[list[str], float]:
    """Features and penalty with the least cross-validated log loss: the text's own odds, then whatever helps most, one
    by one, while it is worth its place."""
    names = ["odds"]
    penalty = _PENALTIES[0]

    def loss(chosen: Sequence[str]) -> float:
        return log_loss(unseen(cases, chosen, penalty), cases.right)

    changing = [
        name for name, column in zip(cases.names, cases.features.T, strict=True) if np.ptp(column) > 0
    ]
    here = loss(names)
    while True:
        tried = {
            name: loss([*names, name])
            for name in changing
            if name not in names and _sensible(cases, [*names, name], penalty)
        }
        best = min(tried, key=lambda name: tried[name], default="")
        if not best or here - tried[best] < _WORTH:
            break
        names.append(best)
        here = tried[best]
    return names, min(_PENALTIES, key=lambda one: log_loss(unseen(cases, names, one), cases.right))


def _sensible(cases: Data, names: Sequence[str], penalty: float) -> bool:
    """Whether no likelihood speaks against a text: a gate that says so cannot be explained."""
    found = fit(cases.only(names), cases.right, penalty)
    return all(weight >= 0 for name, weight in zip(names, found.weights, strict=True) if name in _LIKELIHOODS)


def _thresholds(claimed: Values, cases: Data) -> dict[Mode, float]:
    """The modes' thresholds, see the module's description."""
    surest, outcomes, _ = _ranked(claimed, cases)
    return {
        mode: round(max(least, _from_precision(surest, outcomes, precision)), 2)
        for mode, (least, precision) in _RULES.items()
    }


def _from_precision(surest: Values, outcomes: Values, wanted: float) -> float:
    """The lowest probability from which on so large a share is right; the highest where no part is right so often."""
    shares = np.cumsum(outcomes) / np.arange(1, len(outcomes) + 1)
    enough = np.flatnonzero((shares >= wanted) & (np.arange(len(shares)) + 1 >= _ENOUGH))
    return float(surest[enough[-1]]) if len(enough) else float(surest[0]) if len(surest) else 1.0


def _ranked(claimed: Values, cases: Data) -> tuple[Values, Values, Values]:
    """Probabilities of the random cursors, the surest first; whether each was right, and whether exact."""
    inside = np.array(cases.rest)
    order = np.argsort(-claimed[inside], kind="stable")
    return claimed[inside][order], cases.right[inside][order], cases.exact[inside][order]


def _named(names: Iterable[str], values: Values) -> dict[str, float]:
    return {name: round(float(value), _DIGITS) for name, value in sorted(zip(names, values, strict=True))}


def _plain_numbers(judged: Judged) -> dict[str, Any]:
    """For a file that is read by people: plain and rounded."""
    figures: dict[str, Any] = msgspec.to_builtins(judged.quality)
    return {
        **{name: round(value, _DIGITS) for name, value in figures.items()},
        "right_among_the_surest": {part: round(share, 3) for part, share in judged.precision.items()},
        "shown": {
            mode: {name: round(share, 3) for name, share in msgspec.structs.asdict(display).items()}
            for mode, display in judged.shown.items()
        },
    }
