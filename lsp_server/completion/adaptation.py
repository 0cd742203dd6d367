"""What the user makes of suggestions moves the gate, slowly and within bounds.

The gate's log-odds get a correction: one number for all languages and one for each, learnt from outcomes by Bayesian
logistic regression (one Newton step an outcome, the variances kept apart: assumed-density filtering), and a quick part
that follows the last dozen outcomes and ends with the session. Everything fades: half of what was learnt, and of the
certainty about it, is gone after a month. Nothing but these numbers and counts is kept, in one file of this machine.

Does not know how outcomes are observed (``acceptance``, ``survival``) nor what the gate looks at.
"""

import contextlib
import math
import os
import time
from pathlib import Path
from typing import Any

import msgspec

from lsp_server.completion.gate import probability

#: Name of the file, in the folder of what can be lost.
FILE = "learnt.json"

#: Of the file's form; a file of another version is not read.
_VERSION = 1

#: What a number is believed to be before anything was seen: 0, with this variance. Twenty rejections in a row
#: of suggestions that were right with probability one half then lower the log-odds by a third.
_VARIANCE = 0.02

#: The most that is learnt for good and in a session, in log-odds. Together they make of a probability of 0.9 no less
#: than 0.71 and of 0.1 no more than 0.29: no mode falls silent, none shows everything.
_MOST, _MOST_QUICK = 1.0, 0.3

#: Share of the quick part that one outcome replaces, and the log-odds that it stands for at its largest.
_QUICK = 1 / 12

#: Days after which half is forgotten.
_HALF_LIFE_DAYS = 30.0
_DAY = 86_400.0

#: Languages that are kept; the one that was least recently learnt of goes first.
_LANGUAGES = 50


class Belief(msgspec.Struct, frozen=True):
    """A number as far as it is known: normally distributed.

    Attributes:
        mean: in log-odds.
        variance: of it.
        at: when it was last brought up to date, seconds since 1970.
    """

    mean: float = 0.0
    variance: float = _VARIANCE
    at: float = 0.0

    def faded(self, now: float) -> "Belief":
        """As it is believed after some time without news. A clock that was set back makes no difference."""
        kept = 0.5 ** (max(now - self.at, 0.0) / _DAY / _HALF_LIFE_DAYS) if self.at else 1.0
        precision = 1 / _VARIANCE + kept * (1 / self.variance - 1 / _VARIANCE)
        return Belief(self.mean * kept, 1 / precision, max(now, self.at))


class Counts(msgspec.Struct):
    """How often each outcome was seen.

    Attributes:
        accepted: taken whole or in part.
        typed: typed by hand as it was shown.
        rejected: something else was typed.
        ignored: the user went elsewhere.
        survived, lost: accepted text that mostly still stood when it was last looked at, or mostly not.
    """

    accepted: int = 0
    typed: int = 0
    rejected: int = 0
    ignored: int = 0
    survived: int = 0
    lost: int = 0


class Learnt(msgspec.Struct):
    """What the file holds.

    Attributes:
        everywhere: the correction for all languages; ``languages`` has what comes on top of it in each.
    """

    version: int = _VERSION
    everywhere: Belief = Belief()
    languages: dict[str, Belief] = {}
    counts: Counts = msgspec.field(default_factory=Counts)


class Adaptation:
    """The correction in force."""

    def __init__(self, learnt: Learnt | None = None) -> None:
        self.learnt = learnt or Learnt()
        self.changed = False
        self._quick = 0.0

    @property
    def counts(self) -> Counts:
        """How often each outcome was seen, since the last reset."""
        return self.learnt.counts

    def shift(self, language: str, now: float) -> float:
        """What to add to the gate's log-odds.

        Args:
            now: seconds since 1970.
        """
        slow = self.learnt.everywhere.faded(now).mean + self._of(language).faded(now).mean
        return _within(slow, _MOST) + _MOST_QUICK * self._quick

    def learn(self, language: str, odds: float, right: float, weight: float, now: float) -> None:
        """Learn from one outcome.

        Args:
            odds: that the gate gave the suggestion, without any correction.
            right: 1 where the suggestion was right, 0 where it was wrong; a share in between is possible.
            weight: how much the outcome says, up to 1 for what leaves no doubt.
            now: seconds since 1970.
        """
        claimed = probability(odds + self.shift(language, now))
        surprise = weight * (right - claimed)
        curvature = weight * claimed * (1 - claimed)
        everywhere, own = self.learnt.everywhere.faded(now), self._of(language).faded(now)
        self.learnt.everywhere = _moved(everywhere, surprise, curvature)
        self.learnt.languages.pop(language, None)
        self.learnt.languages[language] = _moved(own, surprise, curvature)
        while len(self.learnt.languages) > _LANGUAGES:
            del self.learnt.languages[next(iter(self.learnt.languages))]
        self._quick += _QUICK * (surprise - weight * self._quick)
        self.changed = True

    def status(self, now: float | None = None) -> dict[str, Any]:
        """What ``offhand.status`` tells of it: the counts, and by language what is added to the log-odds.

        Args:
            now: seconds since 1970; the present without it.
        """
        present = time.time() if now is None else now
        return {
            **msgspec.to_builtins(self.counts),
            "shift": {name: round(self.shift(name, present), 3) for name in sorted(self.learnt.languages)},
        }

    def forget(self) -> None:
        """Be as new."""
        self.learnt = Learnt()
        self._quick = 0.0
        self.changed = False

    def _of(self, language: str) -> Belief:
        return self.learnt.languages.get(language, Belief())


def _moved(belief: Belief, surprise: float, curvature: float) -> Belief:
    variance = 1 / (1 / belief.variance + curvature)
    return Belief(_within(belief.mean + variance * surprise, _MOST), variance, belief.at)


def _within(value: float, most: float) -> float:
    return min(max(value, -most), most)


def describe(learnt: Learnt) -> str:
    """What was learnt, in one line for people."""
    counts, present = learnt.counts, time.time()
    adaptation = Adaptation(learnt)
    shifts = "".join(
        f", {name or 'no language'} {adaptation.shift(name, present):+.2f}"
        for name in sorted(learnt.languages)
    )
    return (
        f"{counts.accepted} accepted, {counts.typed} typed as shown, {counts.rejected} rejected, "
        f"{counts.ignored} ignored; {counts.survived} kept, {counts.lost} deleted later{shifts}"
    )


class Keeper:
    """Keeps an adaptation in a file: read when made, written when something was learnt.

    Somebody may remove the file meanwhile (``offhand reset``): that makes this adaptation forget too. Of two servers at
    the same time, the one that writes last is the one that is remembered.
    """

    def __init__(self, path: Path, adaptation: Adaptation) -> None:
        self._path = path
        self._adaptation = adaptation
        found = load(path)
        self._kept = found is not None
        if found is not None:
            adaptation.learnt = found

    def save(self) -> None:
        """Write what was learnt since the last time, if anything was."""
        if self._kept and not self._path.exists():
            self._adaptation.forget()
            self._kept = False
        if self._adaptation.changed:
            self._adaptation.changed = False
            self._kept = save(self._adaptation.learnt, self._path)

    def forget(self) -> None:
        """Forget it all, here and on disk."""
        self._adaptation.forget()
        self._kept = False
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)


def load(path: Path) -> Learnt | None:
    """What ``save`` wrote; ``None`` where there is nothing, or nothing that can be believed."""
    try:
        learnt = msgspec.json.decode(path.read_bytes(), type=Learnt)
    except (OSError, msgspec.DecodeError):
        return None
    beliefs = (learnt.everywhere, *learnt.languages.values())
    believable = learnt.version == _VERSION and all(
        math.isfinite(one.at) and abs(one.mean) <= _MOST and 0 < one.variance <= _VARIANCE * 1.001
        for one in beliefs
    )
    return learnt if believable else None


def save(learnt: Learnt, path: Path) -> bool:
    """Write down what was learnt, readable for this user alone, never half of it. A home that cannot be written to
    costs only the memory of it: then the value is false."""
    draft = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.touch(mode=0o600)
        draft.write_bytes(msgspec.json.encode(learnt))
        draft.replace(path)
    except OSError:
        return False
    return True
