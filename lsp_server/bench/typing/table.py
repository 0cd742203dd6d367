"""What typing showed, as rows of text, and these for a terminal: runs as columns, an ablation's steps also as rows."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from lsp_server.bench.typing.figures import Figures, Range, Times
from lsp_server.bench.typing.run import Run, Typing

#: Spaces between two columns.
_APART = 3

#: What the acceptors do, in words.
ACCEPTORS = {
    "none": "nothing is accepted",
    "a": "whole texts that are right are accepted with one key",
    "b": "each next word that is right is accepted with one key",
}

#: What to know of the numbers.
NOTES = (
    "In brackets: where nine of ten sets of visits like these lie; of times, how many.",
    "A dash among times: it did not come before the next key. An answer is a text, or that there is none.",
    "Cores busy with others: before the run, during it, behind it.",
)

Cell = Callable[[Figures], str]


def table(typing: Typing) -> str:
    """All of it."""
    return "\n".join(_lines(typing))


def groups(typing: Typing) -> Iterator[tuple[str, list[Run]]]:
    """The runs that are to be compared with each other, and what was typed in them."""
    for workspace, profile in dict.fromkeys((one.workspace, one.profile) for one in typing.runs):
        runs = [one for one in typing.runs if (one.workspace, one.profile) == (workspace, profile)]
        yield f"{workspace}, {profile} typist", runs


def name(run: Run) -> str:
    """What a run is called beside others: its step, or who completed."""
    return run.step or run.subject


def rows(runs: Sequence[Run]) -> list[tuple[str, list[str]]]:
    """Each figure's name and its values in some runs, of the same workspace and typist; a dash where one is not known.
    Names that belong to the one above begin with spaces."""
    sources = list(dict.fromkeys(source for one in runs if one.figures for source in one.figures.by_source))
    told: list[tuple[str, Cell]] = [
        ("keys pressed, of so many", lambda found: f"{found.keys} of {found.script_keys}"),
        ("key to text, p50/p95/p99 ms", lambda found: _times(found.text)),
        *((f"  from {source or 'unknown'}", _of(source)) for source in sources),
        ("key to answer, all keys", lambda found: _times(found.answer)),
        ("answer before the next key", lambda found: _percent(found.fresh)),
        ("text before the next key", lambda found: _percent(found.shown)),
        ("  its next word right", lambda found: _percent(found.right_word)),
        ("  all of it right", lambda found: _percent(found.right)),
        ("no model call after the key", lambda found: _part(found.without_model)),
        ("prompt tokens from KV", lambda found: _part(found.reused)),
        ("keys saved", lambda found: _percent(found.saved)),
        ("accepts", lambda found: str(found.accepts)),
        ("texts shown", lambda found: str(found.shows.count)),
        ("  typed to the end by hand", lambda found: str(found.shows.typed)),
        ("wrong shows per accept", lambda found: _number(found.wrong_shows, 1)),
        ("flicker per 1,000 keys", lambda found: _number(found.flicker, 1)),
        ("CPU s per 1,000 keys", lambda found: _number(found.cpu_s, 1)),
        ("memory, MiB", lambda found: f"{found.rss_mb:.0f}"),
        ("tokens computed", lambda found: str(found.computed)),
        ("  never shown, about", lambda found: _part(found.unshown)),
        ("stale answers; latest, ms", lambda found: f"{found.stale}; {found.stale_ms:.0f}"),
        ("keys pressed late, p95 ms", lambda found: _number(found.late_ms, 1)),
    ]
    made = [
        (title, ["-" if one.figures is None else cell(one.figures) for one in runs]) for title, cell in told
    ]
    return [*made, ("cores busy with others", [_others(one) for one in runs])]


def _lines(typing: Typing) -> Iterator[str]:
    yield (
        f"Offhand {typing.version}, model {typing.model}, sha256 {typing.sha256[:12]}, seed {typing.seed}, "
        f"{typing.cores} cores"
    )
    for place in typing.workspaces:
        commit = f" {place.commit[:10]}" if place.commit else ""
        yield (
            f"  {place.name}{commit}: {place.keys} keys in {place.stretches} stretches of {place.documents} documents"
        )
    for title, runs in groups(typing):
        yield ""
        yield f"{title}; {ACCEPTORS[runs[0].acceptor]}"
        yield ""
        yield from _aligned([("", [name(one) for one in runs]), *rows(runs)])
        for one in runs:
            if one.fault:
                yield f"{one.subject} {one.step}: {one.fault}"
        steps = [one for one in runs if one.step and one.figures is not None]
        if len(steps) > 1:
            yield ""
            yield from _aligned(_steps(steps))
    yield ""
    yield from NOTES


def _steps(runs: Sequence[Run]) -> Iterator[tuple[str, list[str]]]:
    titles = ("key to text p50/p95/p99", "fresh", "no model call", "next word right", "keys saved")
    yield "", [*titles, "CPU s per 1,000 keys"]
    for one in runs:
        found = one.figures
        if found is not None:
            yield (
                one.step,
                [
                    _times(found.text, count=False),
                    _percent(found.fresh),
                    _part(found.without_model),
                    _percent(found.right_word),
                    _percent(found.saved),
                    _number(found.cpu_s, 1),
                ],
            )


def _aligned(lines: Iterable[tuple[str, list[str]]]) -> Iterator[str]:
    """Rows as wide as what stands in them."""
    known = list(lines)
    first = max(len(title) for title, _ in known)
    widths = [_APART + max(map(len, column)) for column in zip(*(cells for _, cells in known), strict=True)]
    for title, cells in known:
        aligned = (f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        yield (f"{title:<{first}}" + "".join(aligned)).rstrip()


def _of(source: str) -> Cell:
    return lambda found: _times(found.by_source[source]) if source in found.by_source else "-"


def _times(found: Times, *, count: bool = True) -> str:
    three = "/".join("-" if one is None else f"{one:.0f}" for one in (found.p50, found.p95, found.p99))
    return f"{three} ({found.n})" if count else three


def _percent(found: Range) -> str:
    if found.value is None or found.low is None or found.high is None:
        return "-"
    return f"{100 * found.value:.1f} % ({100 * found.low:.0f}-{100 * found.high:.0f})"


def _part(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _others(run: Run) -> str:
    return " / ".join(f"{one:.1f}" for one in (run.others.before, run.others.during, run.others.after))
