"""From a number to its height in a chart, and the round numbers at the side. Pure arithmetic."""

import math
from collections.abc import Iterable
from typing import NamedTuple

#: Lines across a chart, at most.
_MOST_TICKS = 5


class Axis(NamedTuple):
    """A range of numbers, drawn along a length of 1.

    Attributes:
        low, high: the ends.
        ticks: round numbers between them, to be written down.
        log: equal ratios are equally far apart.
    """

    low: float
    high: float
    ticks: tuple[float, ...]
    log: bool = False

    def at(self, value: float) -> float:
        """Where a number is: 0 at the low end, 1 at the high one; what lies beyond is put at the end."""
        value = min(max(value, self.low), self.high)
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def linear(values: Iterable[float], least: float = 0.0) -> Axis:
    """From 0 to a little more than the largest value.

    Args:
        least: that two round numbers are apart.
    """
    largest = max(values, default=0.0)
    if largest <= 0:
        return Axis(0.0, 1.0, (0.0,))
    step = max(_round_step(largest / _MOST_TICKS), least)
    steps = math.ceil(round(largest / step, 6))
    return Axis(0.0, steps * step, tuple(number * step for number in range(steps + 1)))


def logarithmic(values: Iterable[float]) -> Axis:
    """From a round number below the smallest value above 0 to one above the largest; a factor of ten at least."""
    positive = [value for value in values if value > 0]
    low, high = min(positive, default=1.0), max(positive, default=10.0)
    first = _below(low)
    last = max(_above(high), first + 2)
    bounds = [_half_decade(number) for number in range(first, last + 1)]
    decades = [one for one in bounds if abs(math.log10(one) - round(math.log10(one))) < 1e-9]
    return Axis(bounds[0], bounds[-1], tuple(decades if len(bounds) > _MOST_TICKS + 1 else bounds), log=True)


def _round_step(least: float) -> float:
    """1, 2 or 5 times a power of ten, not smaller than ``least``."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least * (1 - 1e-9))


def _half_decade(number: int) -> float:
    """1, 3, 10, 30, ... for 0, 1, 2, 3, ...; smaller ones below 0."""
    return 10.0 ** (number // 2) * (3 if number % 2 else 1)


def _below(value: float) -> int:
    number = 2 * math.floor(math.log10(value)) + 1
    return number if _half_decade(number) <= value else number - 1


def _above(value: float) -> int:
    number = _below(value)
    return number if _half_decade(number) >= value else number + 1
