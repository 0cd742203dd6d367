"""How long things took, as counts by bins of equal ratio: counts can be added, and a percentile of any sum read off.

Ten bins a decade, so that a value read off is at most a quarter away from the true one; between the edges of a bin it
is interpolated. What a bin is, is part of what lies on disk: do not change it without another version there.
"""

import math
from collections.abc import Mapping

#: Bins that make a factor of ten.
_DECADE = 10

#: The first and the last bin: 0.1 ms, and all that took longer than 100 s.
FIRST, LAST = -10, 50


def bin_of(milliseconds: float) -> int:
    """The number of the bin that a duration belongs to; what is beyond all of them is in the last of its side."""
    if milliseconds <= 0.1:
        return FIRST
    return min(math.floor(_DECADE * math.log10(milliseconds)), LAST)


def edge(number: int) -> float:
    """Where a bin begins, in milliseconds; it ends where the next one begins."""
    return math.pow(10, number / _DECADE)


def percentile(bins: Mapping[int, int], share: float) -> float | None:
    """The duration that a share of all stayed below, in milliseconds; ``None`` where nothing was counted.

    Args:
        bins: counts by number of bin.
        share: 0 to 1.
    """
    total = sum(bins.values())
    if not total:
        return None
    ratio = math.pow(10, 1 / _DECADE)
    wanted, below = share * total, 0
    for number, count in sorted(bins.items()):
        if count and below + count >= wanted:
            return edge(number) * math.pow(ratio, max(wanted - below, 0.0) / count)
        below += count
    return edge(LAST + 1)
