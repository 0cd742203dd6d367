"""From cases to figures: shares with their standard errors, precision at coverage, calibration. Pure.

Does not know where cases come from, nor how figures are shown.
"""

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import msgspec

from lsp_server.bench.lines import Case
from lsp_server.bench.score import INSIDE, LENGTH_CLASSES

#: Shares of all places at which the precision is told.
COVERAGES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)

#: Classes of equal size that probabilities are sorted into for the calibration error.
_BINS = 10

#: Points of the curve that is drawn.
_POINTS = 100


class Share(msgspec.Struct, frozen=True):
    """A share of ``n`` cases, and its standard error; both are ``None`` when there are no cases."""

    share: float | None
    error: float | None
    n: int


class Group(msgspec.Struct, frozen=True):
    """What is told of any group of cases. Whatever was not answered counts as wrong.

    Attributes:
        similarity: mean edit similarity, 0 to 100, with its standard error.
        answered: something was offered, whether or not the gate would have shown it.
    """

    n: int
    exact: Share
    similarity: float | None
    similarity_error: float | None
    identifiers: Share
    first_word: Share
    answered: Share


class Blocks(msgspec.Struct, frozen=True):
    """What is told of blocks; whatever was not answered counts as wrong.

    Attributes:
        exact: every line right, and none too many.
        first_line: right, whatever comes behind it.
        similarity: of all lines, as in ``Group``.
        answered: something was offered.
    """

    n: int
    exact: Share
    first_line: Share
    similarity: float | None
    similarity_error: float | None
    answered: Share


class Gate(msgspec.Struct, frozen=True):
    """What the gate in force shows.

    Attributes:
        coverage: shown, of all places.
        precision, first_word, so_far: of what is shown.
    """

    coverage: Share
    precision: Share
    first_word: Share
    so_far: Share


class Bin(msgspec.Struct, frozen=True):
    """One class of the calibration: the mean of what was claimed, the share that was right, how many."""

    claimed: float
    right: float
    n: int


class Calibration(msgspec.Struct, frozen=True):
    """How far the probability can be believed, over all that was offered.

    Attributes:
        error: expected calibration error: the mean distance between what is claimed and what is right, over classes of
            equal size; 0 is best.
        brier: mean squared distance of the probability from 0 or 1; 0 is best.
    """

    error: float | None
    brier: float | None
    bins: tuple[Bin, ...]


class Speed(msgspec.Struct, frozen=True):
    """Milliseconds of a first question: median and 95th percentile."""

    p50: float | None
    p95: float | None


class Language(msgspec.Struct, frozen=True):
    """The figures of one language.

    Attributes:
        rest: random cursors.
        inside: those of them inside a word.
        by_length, by_place, by_cursor: exactly right, of random cursors.
        whole, blocks, precision, gate, calibration_error: as in ``Figures``.
    """

    rest: Group
    inside: Group
    by_length: dict[str, Share]
    by_place: dict[str, Share]
    by_cursor: dict[str, Share]
    whole: Group
    blocks: Blocks
    precision: dict[str, Share]
    gate: Gate
    calibration_error: float | None


class Figures(msgspec.Struct, frozen=True):
    """All figures of a run. Every group but ``whole`` and ``blocks`` is of random cursors.

    Attributes:
        with_word: cases whose true rest holds a letter or a digit.
        inside: the cursor stands inside a word, whose other half is missing: where healing counts.
        by_workspace, by_length, by_place, by_cursor: groups by their names.
        by_language: the same figures for each language, the one with the most random cursors first.
        whole: whole lines from their start on ("perfect lines").
        blocks: the blocks that ``blocks`` finds.
        precision: share exactly right among the surest part of all places; the part is the key.
        curve: the same for drawing: pairs of part and precision.
        syntax_safe: share of what the gate shows that adds no parse error, where a grammar can tell.
        syntax_lasting: the same, once what stands open at its end is closed there, see ``lines.Case``.
        filters: how many texts each filter changed or dropped.
        nothing: how many places got nothing, by reason.
    """

    all: Group
    with_word: Group
    inside: Group
    by_language: dict[str, Language]
    by_workspace: dict[str, Group]
    by_length: dict[str, Group]
    by_place: dict[str, Group]
    by_cursor: dict[str, Group]
    whole: Group
    blocks: Blocks
    precision: dict[str, Share]
    curve: tuple[tuple[float, float], ...]
    gate: Gate
    syntax_safe: Share
    syntax_lasting: Share
    calibration: Calibration
    filters: dict[str, int]
    nothing: dict[str, int]
    speed: Speed


def figures(cases: Sequence[Case]) -> Figures:
    """Count."""
    rest = [case for case in cases if case.kind == "rest"]
    surest = ranked(rest)
    shown = _shown(rest)
    counts = _count(case.language for case in rest)
    names = {**counts, **_count(case.language for case in cases if case.language not in counts)}
    return Figures(
        all=group(rest),
        with_word=group([case for case in rest if not case.bare]),
        inside=group(inside(rest)),
        by_language={name: _language([case for case in cases if case.language == name]) for name in names},
        by_workspace=_groups(rest, lambda case: case.workspace),
        by_length=_groups(rest, lambda case: case.length_class, LENGTH_CLASSES),
        by_place=_groups(rest, lambda case: case.stands),
        by_cursor=_groups(rest, lambda case: case.cursor),
        whole=group([case for case in cases if case.kind == "whole"]),
        blocks=blocks(cases),
        precision=_precision(surest),
        curve=_curve(surest),
        gate=gate(rest),
        syntax_safe=share(case.new_errors <= 0 for case in shown if case.new_errors is not None),
        syntax_lasting=share(case.lasting_errors <= 0 for case in shown if case.lasting_errors is not None),
        calibration=_calibration(rest),
        filters=_count(name for case in rest for name in case.filters),
        nothing=_count(case.reason for case in rest if not case.predicted),
        speed=speed([case.milliseconds for case in rest]),
    )


def _language(cases: Sequence[Case]) -> Language:
    rest = [case for case in cases if case.kind == "rest"]

    def exact(name: Callable[[Case], str], order: Sequence[str] = ()) -> dict[str, Share]:
        return {one: found.exact for one, found in _groups(rest, name, order).items()}

    return Language(
        rest=group(rest),
        inside=group(inside(rest)),
        by_length=exact(lambda case: case.length_class, LENGTH_CLASSES),
        by_place=exact(lambda case: case.stands),
        by_cursor=exact(lambda case: case.cursor),
        whole=group([case for case in cases if case.kind == "whole"]),
        blocks=blocks(cases),
        precision=_precision(ranked(rest)),
        gate=gate(rest),
        calibration_error=_calibration(rest).error,
    )


def inside(rest: Iterable[Case]) -> list[Case]:
    """Those of some random cursors that stand inside a word."""
    return [case for case in rest if case.stands == INSIDE]


def blocks(cases: Iterable[Case]) -> Blocks:
    """The figures of those cases that are blocks."""
    mine = [case for case in cases if case.kind == "block"]
    mean, error = _mean([case.similarity for case in mine])
    return Blocks(
        n=len(mine),
        exact=share(case.exact for case in mine),
        first_line=share(case.first_line for case in mine),
        similarity=mean,
        similarity_error=error,
        answered=share(case.predicted > 0 for case in mine),
    )


def share(outcomes: Iterable[bool]) -> Share:
    """The share of true ones, with its standard error: Agresti and Coull's, taken two right and two wrong cases
    further, which does not claim certainty where few cases agree (The American Statistician 52, 1998)."""
    seen = list(outcomes)
    if not seen:
        return Share(None, None, 0)
    right, count = sum(seen), len(seen)
    centre = (right + 2) / (count + 4)
    return Share(right / count, math.sqrt(centre * (1 - centre) / (count + 4)), count)


def group(cases: Sequence[Case]) -> Group:
    """The figures of one group."""
    similarities = [case.similarity for case in cases]
    mean, error = _mean(similarities)
    return Group(
        n=len(cases),
        exact=share(case.exact for case in cases),
        similarity=mean,
        similarity_error=error,
        identifiers=share(case.identifiers for case in cases),
        first_word=share(case.first_word for case in cases),
        answered=share(case.predicted > 0 for case in cases),
    )


def gate(cases: Sequence[Case]) -> Gate:
    """What the gate in force makes of some cases."""
    shown = _shown(cases)
    return Gate(
        coverage=share(case.confidence is not None and case.confidence.shown for case in cases),
        precision=share(case.exact for case in shown),
        first_word=share(case.first_word for case in shown),
        so_far=share(case.so_far for case in shown),
    )


def _shown(cases: Sequence[Case]) -> list[Case]:
    return [case for case in cases if case.confidence and case.confidence.shown]


def ranked(cases: Sequence[Case]) -> list[Case]:
    """Surest first; what was not answered comes last."""

    def key(case: Case) -> tuple[float, str]:
        return (-case.confidence.rank if case.confidence else math.inf, case.place)

    return sorted(cases, key=key)


def precision(surest: Sequence[Case], part: float) -> Share:
    """The share exactly right among the first ``part`` (0 to 1) of the cases, at least one."""
    return share(case.exact for case in surest[: max(1, round(part * len(surest)))])


def _precision(surest: Sequence[Case]) -> dict[str, Share]:
    return {f"{part:.1f}": precision(surest, part) for part in COVERAGES}


def _calibration(cases: Iterable[Case]) -> Calibration:
    return calibration([(case.confidence.probability, case.exact) for case in cases if case.confidence])


def calibration(claims: Sequence[tuple[float, bool]], bins: int = _BINS) -> Calibration:
    """Compare probabilities with what came true.

    Args:
        claims: what was claimed, and whether it was right.
    """
    if not claims:
        return Calibration(None, None, ())
    ordered = sorted(claims)
    edges = [round(index * len(ordered) / bins) for index in range(bins + 1)]
    found = []
    for start, end in itertools.pairwise(edges):
        inside = ordered[start:end]
        if inside:
            claimed = sum(probability for probability, _ in inside) / len(inside)
            right = sum(correct for _, correct in inside) / len(inside)
            found.append(Bin(claimed, right, len(inside)))
    return Calibration(
        error=sum(one.n * abs(one.claimed - one.right) for one in found) / len(ordered),
        brier=sum((probability - correct) ** 2 for probability, correct in ordered) / len(ordered),
        bins=tuple(found),
    )


def speed(milliseconds: Sequence[float]) -> Speed:
    """The percentiles (nearest rank)."""
    if not milliseconds:
        return Speed(None, None)
    ordered = sorted(milliseconds)
    return Speed(*(ordered[max(0, math.ceil(part * len(ordered)) - 1)] for part in (0.50, 0.95)))


def _mean(values: Sequence[float]) -> tuple[float | None, float | None]:
    if not values:
        return None, None
    mean = sum(values) / len(values)
    spread = sum((value - mean) ** 2 for value in values) / max(len(values) - 1, 1)
    return mean, math.sqrt(spread / len(values))


def _curve(surest: Sequence[Case]) -> tuple[tuple[float, float], ...]:
    """Precision at every hundredth of the cases; fewer points where there are fewer cases."""
    points = []
    right = 0
    step = max(1, len(surest) // _POINTS)
    for count, case in enumerate(surest, start=1):
        right += case.exact
        if count % step == 0 or count == len(surest):
            points.append((count / len(surest), right / count))
    return tuple(points)


def _groups(
    cases: Sequence[Case], name: Callable[[Case], str], order: Sequence[str] = ()
) -> dict[str, Group]:
    """Groups by name: in the given order, else the largest first."""
    members: defaultdict[str, list[Case]] = defaultdict(list)
    for case in cases:
        members[name(case)].append(case)
    names = [one for one in order if one in members] or sorted(
        members, key=lambda one: (-len(members[one]), one)
    )
    return {one: group(members[one]) for one in names}


def _count(names: Iterable[str]) -> dict[str, int]:
    counts: defaultdict[str, int] = defaultdict(int)
    for name in names:
        counts[name] += 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
