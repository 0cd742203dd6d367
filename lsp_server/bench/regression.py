"""Logistic regression by penalised maximum likelihood, and how good its probabilities are. Pure; knows no cases.

Newton's method on the log-likelihood less ``penalty / 2`` times the squared weights of the standardised features: the
usual ridge, so that two features that say the same share the work instead of one undoing the other.
"""

import itertools
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

#: Newton steps; five or six are enough where a solution exists, and the penalty makes it exist.
_STEPS = 50

#: Largest change of a coefficient at which it has converged.
_CONVERGED = 1e-9

#: No probability is believed to be nearer to 0 or 1.
_SURE = 1e-6

#: Classes of equal size for the calibration error.
_BINS = 10


class Fit(msgspec.Struct, frozen=True):
    """Coefficients on the features as they are: ``log-odds = intercept + features @ weights``."""

    intercept: float
    weights: Values

    def odds(self, features: Values) -> Values:
        """Log-odds of each row."""
        odds: Values = self.intercept + features @ self.weights
        return odds


def probabilities(odds: Values) -> Values:
    """The probabilities of log-odds."""
    return np.asarray(1 / (1 + np.exp(-np.clip(odds, -50, 50))))


def fit(features: Values, right: Values, penalty: float) -> Fit:
    """Fit the regression.

    Args:
        features: a row for each case, a column for each feature. A column that never changes gets the weight 0.
        right: 1 or 0 for each row.
        penalty: on the standardised weights; larger keeps them nearer to 0. The intercept is free.
    """
    mean, spread = features.mean(axis=0), features.std(axis=0)
    changes = spread > 1e-12
    scale = np.where(changes, spread, 1.0)
    rows = np.column_stack((np.ones(len(features)), np.where(changes, (features - mean) / scale, 0.0)))
    ridge = np.full(rows.shape[1], penalty)
    ridge[0] = 1e-9  # only so that a fit without both outcomes has an end
    ridge[1:][~changes] = 1.0
    beta: Values = np.zeros(rows.shape[1])
    for _ in range(_STEPS):
        claimed = probabilities(rows @ beta)
        slope = rows.T @ (right - claimed) - ridge * beta
        curvature = (rows * (claimed * (1 - claimed))[:, None]).T @ rows + np.diag(ridge)
        step = np.linalg.solve(curvature, slope)
        beta = np.clip(beta + step, -30, 30)
        if np.abs(step).max() < _CONVERGED:
            break
    weights = np.where(changes, beta[1:] / scale, 0.0)
    return Fit(float(beta[0] - weights @ mean), weights)


class Quality(msgspec.Struct, frozen=True):
    """How good probabilities are.

    Attributes:
        log_loss: mean negative log-likelihood in nats; 0 is best.
        brier: mean squared distance from the outcome.
        ece: expected calibration error over classes of equal size.
        auc: how often a right case is ranked above a wrong one; 0.5 is chance.
    """

    log_loss: float
    brier: float
    ece: float
    auc: float


def quality(claimed: Values, right: Values) -> Quality:
    """Compare probabilities with outcomes.

    Args:
        claimed: at least one probability.
    """
    ordered = np.argsort(claimed, kind="stable")
    edges = np.round(np.linspace(0, len(claimed), _BINS + 1)).astype(int)
    classes = [ordered[start:end] for start, end in itertools.pairwise(edges) if end > start]
    gaps = [len(one) * abs(claimed[one].mean() - right[one].mean()) for one in classes]
    return Quality(
        log_loss=log_loss(claimed, right),
        brier=float(np.mean((claimed - right) ** 2)),
        ece=float(sum(gaps) / len(claimed)),
        auc=_auc(claimed, right),
    )


def log_loss(claimed: Values, right: Values) -> float:
    """Mean negative log-likelihood, nats."""
    believed = np.clip(claimed, _SURE, 1 - _SURE)
    return float(-np.mean(right * np.log(believed) + (1 - right) * np.log(1 - believed)))


def _auc(claimed: Values, right: Values) -> float:
    """The Mann-Whitney statistic; ties count half. 0.5 where there is nothing to compare."""
    values, counts = np.unique(claimed, return_counts=True)
    ranks: Any = np.cumsum(counts) - (counts - 1) / 2
    of_right = ranks[np.searchsorted(values, claimed[right > 0.5])]
    rights, wrongs = len(of_right), len(claimed) - len(of_right)
    if not rights or not wrongs:
        return 0.5
    return float((of_right.sum() - rights * (rights + 1) / 2) / (rights * wrongs))
