"""Models side by side as a table for a terminal. Knows the figures, not how they came about."""

from collections.abc import Iterator

from lsp_server.bench.figures import Share
from lsp_server.bench.models import ALL, SUREST, Models, Row
from lsp_server.bench.table import percent, places

#: Languages with fewer random cursors are not shown; the JSON has them.
_FEW = 10

#: Titles and widths of the columns of percentages.
_COLUMNS = (
    ("similar", 8),
    ("in a word", 10),
    ("that word", 10),
    ("whole line", 11),
    ("block", 6),
    ("its first line", 15),
    *((f"surest {part:.0%}", 11) for part in SUREST),
)


def table(models: Models) -> str:
    """For a terminal."""
    return "\n".join(_lines(models))


def _lines(models: Models) -> Iterator[str]:
    yield f"seed {models.seed}"
    yield from places(models.workspaces)
    for one in models.models:
        made = one.product
        yield f"  {one.label}: Offhand {made.version}, {made.model}, sha256 {made.sha256[:12]}, {made.engine}"
    for language in _languages(models):
        yield ""
        title = f"{language}, percent"
        yield f"{title:<32}{'n':>5}  {'rest of line':<14}" + "".join(
            f"{name:>{width}}" for name, width in _COLUMNS
        )
        for one in models.models:
            for way, rows in one.ways.items():
                if language in rows:
                    yield f"  {f'{one.label}, {way}':<30}{_row(rows[language])}"


def _row(row: Row) -> str:
    values = (
        "-" if row.similarity is None else f"{row.similarity:.1f}",
        *map(_short, (row.inside, row.word, row.line, row.blocks, row.first_line, *row.surest.values())),
    )
    cells = (f"{value:>{width}}" for value, (_, width) in zip(values, _COLUMNS, strict=True))
    return f"{row.n:>5}  {percent(row.exact):<14}" + "".join(cells)


def _short(share: Share) -> str:
    return percent(share, error=False).removesuffix(" %")


def _languages(models: Models) -> list[str]:
    """All together, then each that has places enough."""
    rows = [row for one in models.models for row in one.ways.values()]
    large = {name: row.n for found in rows for name, row in found.items() if name != ALL and row.n >= _FEW}
    return [ALL, *sorted(large, key=lambda name: (-large[name], name))]
