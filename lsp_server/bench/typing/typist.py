"""When the keys of a script are pressed: three typists, whose gaps are drawn for each key, whatever is shown.

So every subject, and every part that is left out of one, is typed into in the same rhythm. Does not know who completes.
"""

import random
from collections.abc import Iterator

import msgspec

from lsp_server.bench.typing.script import Script, Stretch


class Profile(msgspec.Struct, frozen=True):
    """A typist. Gaps between keys are log-normal, which fits people's keystrokes well; some are pauses, longer and
    log-normal too.

    Attributes:
        median, sigma: of the gaps (ms; standard deviation of their logarithm).
        pauses: share of the keys that a pause comes before.
        pause: median of the pauses (ms).
    """

    name: str
    median: float
    sigma: float
    pauses: float
    pause: float


#: Medians lie around what was measured of 168,000 people who typed text (Dhakal et al., CHI 2018: 120 ms for fast ones,
#: 239 on average). Nothing is published of programmers: sigmas and pauses are assumptions.
PROFILES = {
    one.name: one
    for one in (
        Profile("fast", 115, 0.45, 0.04, 1_800),
        Profile("typical", 170, 0.50, 0.06, 2_100),
        Profile("slow", 300, 0.50, 0.08, 2_500),
    )
}

#: Standard deviation of a pause's logarithm; nobody thinks longer than this in a benchmark (ms).
_PAUSE_SIGMA, _LONGEST = 0.9, 8_000.0

#: How much likelier a pause is where a line begins or ends than inside of it.
_AT_LINE_ENDS = 6.0


class Gaps(msgspec.Struct, frozen=True):
    """Milliseconds.

    Attributes:
        keys: before each key, stretch by stretch.
        visits: before the cursor goes to each visit's place.
        last: that the last key's answer is waited for.
    """

    keys: tuple[tuple[float, ...], ...]
    visits: tuple[float, ...]
    last: float

    @property
    def seconds(self) -> float:
        """All of them."""
        return (sum(map(sum, self.keys)) + sum(self.visits) + self.last) / 1_000


def gaps(script: Script, profile: Profile, seed: int) -> Gaps:
    """Draw the gaps of a script: before each key, and a pause wherever the cursor goes to another place."""
    weights = [list(_weights(stretch)) for stretch in script.stretches]
    scale = profile.pauses * script.keys / max(1.0, sum(map(sum, weights)))
    drawn = []
    for number, mine in enumerate(weights):
        chance = random.Random(f"{seed}:{profile.name}:{number}")
        drawn.append(tuple(_gap(profile, chance, scale * weight) for weight in mine))
    chance = random.Random(f"{seed}:{profile.name}:visits")
    visits = tuple(_pause(profile, chance) for _ in script.visits)
    return Gaps(tuple(drawn), visits, _pause(profile, chance))


def _weights(stretch: Stretch) -> Iterator[float]:
    """How likely a pause is before each key, against another."""
    before = ""
    for key in stretch.keys:
        yield _AT_LINE_ENDS if key.kind == "enter" or before in ("enter", "dedent") else 1.0
        before = key.kind


def _gap(profile: Profile, chance: random.Random, pause: float) -> float:
    # Both are drawn in any case, so that a key's gap does not depend on those before it.
    gap, rest = profile.median * chance.lognormvariate(0, profile.sigma), _pause(profile, chance)
    return rest if chance.random() < pause else gap


def _pause(profile: Profile, chance: random.Random) -> float:
    return min(_LONGEST, profile.pause * chance.lognormvariate(0, _PAUSE_SIGMA))
