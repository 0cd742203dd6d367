"""Which tokens are worth evaluating before it is known that they come: those that the memory is sure of.

A draft is evaluated in one batch with the token that was chosen. Each of its tokens that decoding then chooses saves an
evaluation; the batch costs more than a single one. Both are measured while completions are written: what batches cost
on this machine with this model, and how often decoding chose what the memory spoke for. Knows no request, and nothing
of how a token is chosen; time only as durations that it is told.
"""

import statistics
from collections import deque
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

#: Tokens of a draft at most: with the chosen one a batch of sixteen. Few lines are longer.
MOST = 15

#: Largest batch that tells what a draft costs; larger ones go through other kernels.
_SMALL = 24

#: Measurements that count, of single tokens and of batches: the last ones, since the load of the machine changes.
_SINGLES, _BATCHES = 15, 48

#: What a batch costs until it has been measured, in evaluations of a single token: a constant, for each token, and for
#: each row of logits; and how many measurements this is worth. About a 0.5B with AVX2 (8 tokens: 5, 16 tokens: 8.8).
_UNMEASURED, _WORTH = (1.2, 0.35, 0.12), 1.0

#: How fast what is measured of looking follows a change.
_SLOWLY = 0.1

#: A draft must save so many times what it costs: what is measured is not exact.
_MARGIN = 1.15

#: Where the memory's least probability for its favourite is cut into classes.
_CLASSES = (0.02, 0.05, 0.2, 0.3, 0.5)

#: How often decoding chose the favourite, by class (the bundled model in thefuck, gson and zod, 3,800 tokens), and how
#: many observations this knowledge is worth. From one half on it is certain: nothing can be likelier.
_USUAL, _WEIGHT = (0.15, 0.4, 0.6, 0.75, 0.95, 0.99), 10.0


class Cost:
    """What it costs to evaluate, measured.

    Attributes:
        prompt_token: what a token of a long prompt takes (s), by the last one; 0 until one was evaluated.
    """

    def __init__(self) -> None:
        """Know nothing."""
        self.prompt_token = 0.0
        self._singles: deque[float] = deque(maxlen=_SINGLES)
        self._batches: deque[tuple[int, int, float]] = deque(maxlen=_BATCHES)
        self._fitted: tuple[float, float, float] | None = _UNMEASURED
        self._looking = 0.0

    def note(self, tokens: int, rows: int, seconds: float) -> None:
        """An evaluation of so many tokens, with logits of so many of them, took so long."""
        if tokens == 1:
            self._singles.append(seconds)
        elif tokens > _SMALL:
            self.prompt_token = seconds / tokens
        elif self.single > 0:
            # A batch that something else held up says nothing about batches.
            self._batches.append((tokens, rows, min(seconds / self.single, 2.0 * tokens)))
            self._fitted = None

    def looked(self, seconds: float) -> None:
        """To see what the memory speaks for took so long."""
        self._looking += _SLOWLY * (seconds - self._looking)

    @property
    def single(self) -> float:
        """Of one token (s); 0 until one was evaluated."""
        return statistics.median(self._singles) if self._singles else 0.0

    def of(self, tokens: int) -> float:
        """Of a small batch with all its logits and of finding what stands in it, in evaluations of a single token."""
        if self._fitted is None:
            self._fitted = self._fit()
        constant, token, row = self._fitted
        looking = self._looking / self.single if self.single > 0 else 0.0
        return constant + (token + row + looking) * tokens

    def _fit(self) -> tuple[float, float, float]:
        """Least squares, with what is known beforehand as further measurements. A batch counts by its size, as what is
        wrong is in proportion to it."""
        seen = np.array(self._batches, float)
        weights = 1 / seen[:, 0]
        measured = np.column_stack((np.ones(len(seen)), seen[:, :2])) * weights[:, None]
        before = np.diag([0.3, 1.0, 1.0]) * _WORTH
        wanted: npt.NDArray[np.float64] = np.concatenate(
            (seen[:, 2] * weights, before @ np.array(_UNMEASURED))
        )
        constant, token, row = np.linalg.lstsq(np.concatenate((measured, before)), wanted, rcond=None)[0]
        return float(constant), float(token), float(row)


class Trust:
    """How often decoding chose what the memory spoke for."""

    def __init__(self) -> None:
        """Begin with what is usual."""
        self._chosen = [usual * _WEIGHT for usual in _USUAL]
        self._seen = [_WEIGHT] * len(_USUAL)

    def of(self, least: float) -> float:
        """Probability that a token is chosen to which the memory alone gives this probability."""
        index = _index(least)
        return self._chosen[index] / self._seen[index]

    def note(self, least: float, *, chosen: bool) -> None:
        """It was chosen, or another was."""
        index = _index(least)
        self._seen[index] += 1
        self._chosen[index] += chosen


def _index(least: float) -> int:
    return sum(least >= bound for bound in _CLASSES)


class Drafting:
    """What is drafted, and what comes of it.

    Attributes:
        drafted, taken: tokens so far: evaluated ahead; and of these, chosen.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self.cost = Cost()
        self.trust = Trust()
        self.drafted = self.taken = 0
        self._expected: deque[tuple[int, int, float]] = deque()

    def draft(
        self, place: int, favourite: Callable[[Sequence[int]], tuple[int, float]], most: int
    ) -> list[int]:
        """What is worth evaluating along.

        Args:
            place: number of the first token of the draft.
            favourite: the token that the memory speaks for most behind a draft, and with which probability; a negative
                one where there is none that may be drafted.
            most: tokens that the draft may have.
        """
        self._expected.clear()
        tokens: list[int] = []
        sure, saved, best, length = 1.0, 0.0, 0.0, 0

        def gain(longer: int, saved: float) -> float:
            return saved - _MARGIN * (self.cost.of(1 + longer) - 1)

        # What a batch costs grows evenly, so a longer draft is best with one token more or with all that it may have.
        while len(tokens) < most and best < max(
            gain(longer, saved + sure * (longer - len(tokens))) for longer in (len(tokens) + 1, most)
        ):
            token, least = favourite(tokens)
            if token < 0:
                break
            self._expected.append((place + len(tokens), token, least))
            tokens.append(token)
            sure *= self.trust.of(least)
            saved += sure
            if gain(len(tokens), saved) > best:
                best, length = gain(len(tokens), saved), len(tokens)
        return tokens[:length]

    def chosen(self, place: int, token: int) -> None:
        """Learn from which token came at a place."""
        if not self._expected:
            return
        expected, foreseen, least = self._expected.popleft()
        if expected == place:
            self.trust.note(least, chosen=token == foreseen)
        if expected != place or token != foreseen:
            self._expected.clear()
