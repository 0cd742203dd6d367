"""What typing showed, as text for a terminal: runs as columns, an ablation's steps also as rows."""

from collections.abc import Callable, Iterator, Sequence

from lsp_server.bench.typing.figures import Figures, Range, Times
from lsp_server.bench.typing.run import Run, Typing

_NAME, _COLUMN = 30, 26

_ACCEPTORS = {
    "none": "nothing is accepted",
    "a": "whole texts that are right are accepted with one key",
    "b": "each next word that is right is accepted with one key",
}

Cell = Callable[[Figures], str]


def table(typing: Typing) -> str:
    """All of it."""
    return "\n".join(_lines(typing))


def _lines(typing: Typing) -> Iterator[str]:
    yield f"Offhand {typing.version}, model {typing.model}, sha256 {typing.sha256[:12]}, seed {typing.seed}"
    for place in typing.workspaces:
        commit = f" {place.commit[:10]}" if place.commit else ""
        yield (
            f"  {place.name}{commit}: {place.keys} keys in {place.stretches} stretches of {place.documents} documents"
        )
    for workspace, profile in dict.fromkeys((one.workspace, one.profile) for one in typing.runs):
        runs = [one for one in typing.runs if (one.workspace, one.profile) == (workspace, profile)]
        yield ""
        yield f"{workspace}, {profile} typist; {_ACCEPTORS[runs[0].acceptor]}"
        yield from _columns(runs)
        steps = [one for one in runs if one.step]
        if len(steps) > 1:
            yield ""
            yield from _steps(steps)
    yield ""
    yield (
        "In brackets: where nine of ten sets of visits like these lie; of times, how many. A dash among times: it did "
        "not come before the next key."
    )


def _columns(runs: Sequence[Run]) -> Iterator[str]:
    yield _row("", (" ".join(filter(None, (one.subject, one.step))) for one in runs))
    sources = list(dict.fromkeys(name for one in runs if one.figures for name in one.figures.by_source))
    rows: list[tuple[str, Cell]] = [
        ("keys pressed, of so many", lambda found: f"{found.keys} of {found.script_keys}"),
        ("key to text, p50/p95/p99 ms", lambda found: _times(found.text)),
        *((f"  {name or 'unknown'}", _of(name)) for name in sources),
        ("key to answer, all keys", lambda found: _times(found.answer)),
        ("answer before the next key", lambda found: _percent(found.fresh)),
        ("text before the next key", lambda found: _percent(found.shown)),
        ("  its next word right", lambda found: _percent(found.right_word)),
        ("  all of it right", lambda found: _percent(found.right)),
        ("no model call after the key", lambda found: _part(found.without_model)),
        ("prompt tokens from KV", lambda found: _part(found.reused)),
        ("keys saved", lambda found: _percent(found.saved)),
        ("accepts", lambda found: str(found.accepts)),
        ("shows; typed to the end", lambda found: f"{found.shows.count}; {found.shows.typed}"),
        ("wrong shows per accept", lambda found: _number(found.wrong_shows, 1)),
        ("flicker per 1,000 keys", lambda found: _number(found.flicker, 1)),
        ("CPU s per 1,000 keys", lambda found: _number(found.cpu_s, 1)),
        ("memory, MiB", lambda found: f"{found.rss_mb:.0f}"),
        ("tokens computed", lambda found: str(found.computed)),
        ("  never shown, about", lambda found: _part(found.unshown)),
        ("stale answers; latest, ms", lambda found: f"{found.stale}; {found.stale_ms:.0f}"),
        ("keys late, p95 ms", lambda found: _number(found.late_ms, 1)),
    ]
    for name, cell in rows:
        yield _row(name, ("-" if one.figures is None else cell(one.figures) for one in runs))
    yield _row("cores busy with others", (_others(one) for one in runs))
    for one in runs:
        if one.fault:
            yield f"{one.subject} {one.step}: {one.fault}"


def _steps(runs: Sequence[Run]) -> Iterator[str]:
    titles = (
        "key to text p50/p95/p99",
        "fresh",
        "no model call",
        "next word right",
        "keys saved",
        "CPU s per 1,000",
    )
    widths = (25, 18, 15, 18, 18, 16)
    yield f"{'':<18}" + "".join(f"{title:>{width}}" for title, width in zip(titles, widths, strict=True))
    for one in runs:
        found = one.figures
        if found is None:
            continue
        cells = (
            _times(found.text, count=False),
            _percent(found.fresh),
            _part(found.without_model),
            _percent(found.right_word),
            _percent(found.saved),
            _number(found.cpu_s, 1),
        )
        yield f"{one.step:<18}" + "".join(
            f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True)
        )


def _of(source: str) -> Cell:
    return lambda found: _times(found.by_source[source]) if source in found.by_source else ""


def _row(name: str, cells: Iterator[str]) -> str:
    return f"{name:<{_NAME}}" + "".join(f"{cell:>{_COLUMN}}" for cell in cells)


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
