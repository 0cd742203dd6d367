"""Two runs over the same places, place by place: is one better, or is it chance? Knows the files with cases only."""

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from lsp_server.base.errors import OffhandError
from lsp_server.bench.lines import Case

Pair = tuple[Case, Case]


class Change(msgspec.Struct, frozen=True):
    """How one figure changed.

    Attributes:
        before, after: means over the pairs.
        error: standard error of the difference; pairs that agree add nothing to it.
        gained, lost: pairs in which it rose and fell.
    """

    before: float
    after: float
    error: float
    gained: int
    lost: int


def read(path: Path) -> list[Case]:
    """What ``offhand bench lines --cases`` wrote.

    Raises:
        OffhandError: the file cannot be read, or is something else.
    """
    try:
        return [
            msgspec.json.decode(line, type=Case) for line in path.read_bytes().splitlines() if line.strip()
        ]
    except OSError as error:
        raise OffhandError(f"{path} cannot be read: {error.strerror}.") from error
    except msgspec.DecodeError as error:
        raise OffhandError(f"{path} holds no cases of 'offhand bench lines': {error}.") from error


def pairs(before: Iterable[Case], after: Iterable[Case]) -> list[Pair]:
    """The places that both runs asked at."""
    older = {(case.workspace, case.place): case for case in before}
    return [
        (older[case.workspace, case.place], case) for case in after if (case.workspace, case.place) in older
    ]


def change(values: Sequence[tuple[float, float]]) -> Change:
    """Compare the two values of each pair.

    Args:
        values: at least one pair.
    """
    count = len(values)
    differences = [new - old for old, new in values]
    mean = sum(differences) / count
    spread = sum((one - mean) ** 2 for one in differences) / max(count - 1, 1)
    return Change(
        before=sum(old for old, _ in values) / count,
        after=sum(new for _, new in values) / count,
        error=math.sqrt(spread / count),
        gained=sum(one > 0 for one in differences),
        lost=sum(one < 0 for one in differences),
    )


def table(both: Sequence[Pair]) -> str:
    """The changes as text for a terminal."""
    return "\n".join(_lines(both))


def _lines(both: Sequence[Pair]) -> Iterator[str]:
    rest = [pair for pair in both if pair[0].kind == "rest"]
    whole = [pair for pair in both if pair[0].kind == "whole"]
    block = [pair for pair in both if pair[0].kind == "block"]
    yield f"{'percent':<28}{'n':>6}  {'before':>7} {'after':>7}   difference    gained  lost"
    yield from _row("rest exactly right", [(old.exact, new.exact) for old, new in rest])
    yield from _row("first word right", [(old.first_word, new.first_word) for old, new in rest])
    yield from _row("similarity", [(old.similarity / 100, new.similarity / 100) for old, new in rest])
    yield from _row("shown by the gate", [(_shown(old), _shown(new)) for old, new in rest])
    yield from _row(
        "shown and exactly right",
        [(_shown(old) and old.exact, _shown(new) and new.exact) for old, new in rest],
    )
    yield from _row(
        "shown and wrong",
        [(_shown(old) and not old.exact, _shown(new) and not new.exact) for old, new in rest],
    )
    yield from _row("whole line exactly right", [(old.exact, new.exact) for old, new in whole])
    yield from _row("block exactly right", [(old.exact, new.exact) for old, new in block])
    for name in sorted({new.language for _, new in rest}):
        members = [(old.exact, new.exact) for old, new in rest if new.language == name]
        yield from _row(f"  {name}, exactly right", members)


def _row(name: str, values: Sequence[tuple[float, float]]) -> Iterator[str]:
    if values:
        found = change(values)
        yield (
            f"{name:<28}{len(values):>6}  {100 * found.before:>7.1f} {100 * found.after:>7.1f}   "
            f"{100 * (found.after - found.before):+5.1f} ± {100 * found.error:<4.1f} {found.gained:>7} {found.lost:>5}"
        )


def _shown(case: Case) -> bool:
    return case.confidence is not None and case.confidence.shown
