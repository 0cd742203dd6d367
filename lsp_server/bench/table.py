"""A report as text for a terminal. Only words and lines; colours are the caller's business."""

from collections.abc import Iterable, Iterator, Mapping

from lsp_server.bench.figures import Blocks, Figures, Group, Share
from lsp_server.bench.report import Measured, Product, Report

_BAR = 20

#: Titles and widths of the columns that each language has.
_COLUMNS = (
    ("similarity", 10),
    ("in a word", 11),
    ("that word", 11),
    ("whole line", 12),
    ("block", 7),
    ("1st line", 10),
    ("surest 20%", 12),
    ("surest 40%", 12),
    ("shown", 7),
    ("right", 7),
)


def table(report: Report) -> str:
    """The whole report."""
    return "\n".join(_lines(report))


def _lines(report: Report) -> Iterator[str]:
    figures = report.figures
    yield from head(report.product, report.seed, report.workspaces)
    yield ""
    yield from _groups(figures)
    yield ""
    yield from _gate(figures)


def head(product: Product, seed: int, workspaces: Iterable[Measured]) -> Iterator[str]:
    """What was measured, and where."""
    yield f"Offhand {product.version}, model {product.model}, sha256 {product.sha256[:12]}, seed {seed}"
    yield from places(workspaces)


def places(workspaces: Iterable[Measured]) -> Iterator[str]:
    """Which workspaces were measured, and at how many places."""
    for place in workspaces:
        commit = f" {place.commit[:10]}" if place.commit else ""
        yield (
            f"  {place.name}{commit}: {place.rest} rests of lines, {place.whole} whole lines and {place.blocks} blocks "
            f"from {place.files_asked} of {place.files} files"
        )


def _groups(figures: Figures) -> Iterator[str]:
    yield f"{'rest of the line':<22}{'n':>6}  {'exactly right':<15}{'':{_BAR}}  {'similarity':<11} first word  names"
    yield _row("all", figures.all)
    yield _row("rests with a word", figures.with_word)
    yield _row("inside a word", figures.inside)
    for title, groups in (
        ("by workspace", figures.by_workspace),
        ("by length of the rest", figures.by_length),
        ("by what the cursor is behind", figures.by_place),
        ("by what the syntax says", figures.by_cursor),
    ):
        if len(groups) > 1:
            yield from _section(title, groups)
    yield ""
    yield _row("whole lines", figures.whole)
    if figures.blocks.n:
        yield from (
            "",
            f"{'blocks':<22}{'n':>6}  {'exactly right':<15}{'':{_BAR}}  {'similarity':<11} first line",
        )
        yield _block_row("all", figures.blocks)
    if len(figures.by_language) > 1:
        yield ""
        yield from _languages(figures)


def _languages(figures: Figures) -> Iterator[str]:
    """A line for each language with all that is told of it."""
    titles = "".join(f"{title:>{width}}" for title, width in _COLUMNS)
    yield f"{'by language, percent':<22}{'n':>6}  {'exactly right':<15}{titles}"
    for name, found in figures.by_language.items():
        values = (
            "-" if found.rest.similarity is None else f"{found.rest.similarity:.1f}",
            *(
                percent(one, error=False).removesuffix(" %")
                for one in (
                    found.inside.exact,
                    found.inside.first_word,
                    found.whole.exact,
                    found.blocks.exact,
                    found.blocks.first_line,
                    found.precision["0.2"],
                    found.precision["0.4"],
                    found.gate.coverage,
                    found.gate.precision,
                )
            ),
        )
        cells = "".join(f"{value:>{width}}" for value, (_, width) in zip(values, _COLUMNS, strict=True))
        yield f"  {name:<20}{found.rest.n:>6}  {percent(found.rest.exact):<15}{cells}"


def _section(title: str, groups: Mapping[str, Group]) -> Iterator[str]:
    yield title
    for name, group in groups.items():
        yield _row(f"  {name}", group)


def _row(name: str, group: Group) -> str:
    part = group.exact.share or 0.0
    bar = "█" * round(part * _BAR)
    similarity = (
        "-" if group.similarity is None else f"{group.similarity:4.1f} ± {group.similarity_error:.1f}"
    )
    return (
        f"{name:<22}{group.n:>6}  {percent(group.exact):<15}{bar:<{_BAR}}  {similarity:<11} "
        f"{percent(group.first_word, error=False):>10} {percent(group.identifiers, error=False):>6}"
    )


def _block_row(name: str, found: Blocks) -> str:
    bar = "█" * round((found.exact.share or 0.0) * _BAR)
    similarity = (
        "-" if found.similarity is None else f"{found.similarity:4.1f} ± {found.similarity_error:.1f}"
    )
    return (
        f"{name:<22}{found.n:>6}  {percent(found.exact):<15}{bar:<{_BAR}}  {similarity:<11} "
        f"{percent(found.first_line, error=False):>10}"
    )


def _gate(figures: Figures) -> Iterator[str]:
    gate, safe, calibration, speed = figures.gate, figures.syntax_safe, figures.calibration, figures.speed
    parts = "".join(f"{f'{float(part):.0%}':>8}" for part in figures.precision)
    rights = "".join(f"{percent(right, error=False):>8}" for right in figures.precision.values())
    yield f"the surest part       {parts}"
    yield f"  exactly right       {rights}"
    yield (
        f"the gate in force     shows {percent(gate.coverage)}, of these exactly right {percent(gate.precision)}, "
        f"first word right {percent(gate.first_word)}, right as far as it goes {percent(gate.so_far)}"
    )
    if calibration.error is not None and calibration.brier is not None:
        yield (
            f"probability           calibration error {calibration.error:.3f}, Brier {calibration.brier:.3f}"
        )
    yield (
        f"syntax                {percent(safe)} of {safe.n} shown texts add no parse error; "
        f"{percent(figures.syntax_lasting)} when what stands open at their ends is closed"
    )
    counts = ", ".join(f"{name} {count}" for name, count in figures.filters.items())
    yield f"filters               {counts or 'changed nothing'}"
    for reason, count in figures.nothing.items():
        yield f"nothing               {count:>4}  {reason}"
    if speed.p50 is not None and speed.p95 is not None:
        yield f"first questions       median {speed.p50:.0f} ms, 95 % below {speed.p95:.0f} ms"


def percent(share: Share, *, error: bool = True) -> str:
    """A share in percent, with its standard error in points."""
    if share.share is None or share.error is None:
        return "-"
    return f"{100 * share.share:.1f}" + (f" ± {100 * share.error:.1f} %" if error else " %")
