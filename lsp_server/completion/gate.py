"""Show or stay silent: a suggestion that is probably wrong costs more attention than it saves.

A logistic regression over what is known of a suggestion gives the probability that it is right; the setting ``mode``
says how sure one must be. Its numbers are fitted by ``offhand bench fit-gate`` to measured cases, and their file says
to which; a model may bring its own, for others there is ``gate.json``. Does not know the user; ``adaptation`` does.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from lsp_server.base import fitted
from lsp_server.completion.types import Candidate
from lsp_server.context.types import CursorClass
from lsp_server.engine.messages import Step

Mode = Literal["quiet", "balanced", "eager"]

#: Numbers for models that bring none of their own.
SHIPPED = Path(__file__).with_suffix(".json")

#: Beyond these log-odds a probability says nothing more.
_MOST_ODDS = 9.0

#: Matches of at least so many tokens are hardly ever chance.
_LONG_MATCH = 5

#: A text that ends with one of these is not finished.
_OPEN_ENDS = ("(", "[", "{", ",", "=", "+", "-", "*", "/", "|", "&", ".", "<", "\\")

#: Log-odds by which a feature must move a suggestion away from the usual to be told as a reason.
_TOLD = 0.15


#: Each feature in words: where it is larger than usual, and where it is smaller.
_WORDS = {
    "odds": ("the whole text is likely", "the whole text is not likely"),
    "first_odds": ("its first token is likely", "its first token is not likely"),
    "worst": ("no token of it is a guess", "a token of it is a guess"),
    "mean": ("its tokens are likely on average", "its tokens are not likely on average"),
    "tokens": ("it has many tokens", "it has few tokens"),
    "characters": ("it is long", "it is short"),
    "lines": ("it has several lines", "it has one line"),
    "match": ("it copies what follows long matches", "it copies little"),
    "long_match": ("it copies what follows long matches", "it copies little"),
    "first_match": ("it begins behind a long match", "it begins behind no long match"),
    "memory": ("it is mostly the memory's", "it is mostly the model's"),
    "healed": ("the cursor is inside a word", "the cursor is at the start of a word"),
    "known_language": ("the model knows the language", "the model does not know the language"),
    "no_network": ("the memory alone wrote it", "the model took part"),
    "odds_unknown": (
        "it is likely, in a language unknown to the model",
        "it is not likely, in such a language",
    ),
    "odds_alone": ("the memory alone is sure of it", "the memory alone is not sure of it"),
    "only_signs": ("it has no word", "it has a word"),
    "open_end": ("it ends open", "it does not end open"),
    "cursor_after_dot": ("the cursor is behind a dot", "the cursor is not behind a dot"),
    "cursor_call": ("the cursor is in a call", "the cursor is not in a call"),
    "cursor_string": ("the cursor is in a string", "the cursor is not in a string"),
    "cursor_line_start": ("a line begins", "no line begins"),
    "cursor_block_start": ("a block begins", "no block begins"),
}


class Reason(msgspec.Struct, frozen=True):
    """A feature, and what it does to a suggestion.

    Attributes:
        odds: log-odds by which it makes the suggestion likelier than a usual one; below 0 less likely.
        words: what is unusual about it.
    """

    feature: str
    odds: float
    words: str


class Gate(msgspec.Struct, frozen=True):
    """The numbers of the gate.

    Attributes:
        intercept, weights: of the regression; a feature without a weight does not count.
        usual: the mean of each feature over the cases that it was fitted to, to tell what is unusual.
        thresholds: by mode, the probability from which on a suggestion is shown unasked.
        origin: how they came about, for people.
    """

    intercept: float
    weights: dict[str, float]
    thresholds: dict[Mode, float]
    usual: dict[str, float] = {}
    origin: dict[str, Any] = {}

    def odds(self, features: Mapping[str, float]) -> float:
        """Log-odds that a suggestion with these features is right; one that is not known counts as usual."""
        return self.intercept + sum(
            weight * features.get(name, self.usual.get(name, 0.0)) for name, weight in self.weights.items()
        )

    def reasons(self, features: Mapping[str, float], most: int = 3) -> tuple[Reason, ...]:
        """What moved these odds furthest away from those of a usual suggestion, the strongest first."""
        moved = []
        for name, weight in self.weights.items():
            usual = self.usual.get(name, 0.0)
            more = features.get(name, usual) - usual
            if abs(weight * more) >= _TOLD:
                moved.append(Reason(name, weight * more, _WORDS[name][more < 0]))
        return tuple(sorted(moved, key=lambda reason: -abs(reason.odds))[:most])


def read(file: Path | None = None) -> Gate:
    """The gate with the numbers that a file holds, or with those that come with Offhand.

    Raises:
        ModelError: the file cannot be read, or holds something else.
    """
    return fitted.read(file or SHIPPED, Gate)


def features(
    candidate: Candidate, steps: Sequence[Step], cursor: CursorClass, known_language: bool
) -> dict[str, float]:
    """What the gate looks at.

    Log-probabilities are of the network and the memory together. ``odds`` are those of the whole text, ``first_odds``
    of its first token, ``worst`` is the least likely token, ``mean`` the average; ``odds_unknown`` and ``odds_alone``
    count ``odds`` once more where the model does not know the language or took no part. Lengths and counts are
    logarithms of one more than they are, flags 0 or 1.

    Args:
        candidate: as it would be shown.
        steps: those that its text is made of, see ``supporting``.
        known_language: the model was trained on the language.
    """
    if candidate.text and not candidate.steps:
        return _without_steps(candidate, cursor, known_language)
    logprobs = [step.logprob for step in steps] or [-_MOST_ODDS]
    count = max(len(steps), 1)
    odds = _odds(sum(logprobs))
    return {
        "odds": odds,
        "first_odds": _odds(logprobs[0]),
        "worst": max(min(logprobs), -_MOST_ODDS),
        "mean": max(sum(logprobs) / count, -_MOST_ODDS),
        "tokens": math.log1p(len(steps)),
        "match": sum(math.log1p(step.match) for step in steps) / count,
        "long_match": sum(step.match >= _LONG_MATCH for step in steps) / count,
        "first_match": math.log1p(steps[0].match) if steps else 0.0,
        "memory": sum(step.memory for step in steps) / count,
        "healed": math.log1p(sum(step.characters == 0 for step in steps)),
        "odds_unknown": odds * (not known_language),
        "odds_alone": odds * candidate.by_memory,
        **_without_steps(candidate, cursor, known_language),
    }


def _without_steps(candidate: Candidate, cursor: CursorClass, known_language: bool) -> dict[str, float]:
    """What can be told of a text whose tokens are not known: some servers tell no probabilities."""
    kinds = ("after_dot", "call", "string", "line_start", "block_start")
    return {
        "characters": math.log1p(len(candidate.text)),
        "lines": math.log1p(candidate.text.count("\n")),
        "known_language": float(known_language),
        "no_network": float(candidate.by_memory),
        "only_signs": float(not any(map(str.isalnum, candidate.text))),
        "open_end": float(candidate.text.rstrip().endswith(_OPEN_ENDS)),
        **{f"cursor_{kind}": float(cursor == kind) for kind in kinds},
    }


def supporting(computed: Candidate, shown: Candidate) -> tuple[Step, ...]:
    """The steps of a computed completion that made what is shown of it.

    What filters cut off at the end does not count, nor does what they took away at the front.
    """
    start = max(computed.text.find(shown.text), 0)
    end = start + len(shown.text)
    ends = [0, *(step.characters for step in computed.steps)]
    kept = [
        step
        for step, before in zip(computed.steps, ends, strict=False)
        if step.characters >= start and (before < end or end == len(computed.text))
    ]
    return tuple(kept)


def probability(odds: float) -> float:
    """The probability of some log-odds."""
    return 1 / (1 + math.exp(-min(max(odds, -50.0), 50.0)))


def _odds(logprob: float) -> float:
    """Log-odds of a log-probability, within reason."""
    if logprob > -1e-4:
        return _MOST_ODDS
    return min(max(logprob - math.log(-math.expm1(logprob)), -_MOST_ODDS), _MOST_ODDS)
