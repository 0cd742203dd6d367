"""An ablation as a table and as a picture. Knows its figures, not how they came about."""

from collections.abc import Iterator

from lsp_server.bench.ablation import ALL, STEPS, SUREST, Ablation, Row
from lsp_server.bench.compare import Change
from lsp_server.bench.picture import GAP, MARGIN, PANEL, ROW, bars, sheet, text
from lsp_server.bench.table import head, percent

#: Languages with fewer random cursors are not shown; the JSON has them.
_FEW = 10

_SUREST = f"surest {SUREST:.0%}".replace("%", " %")


def table(ablation: Ablation) -> str:
    """For a terminal."""
    return "\n".join(_lines(ablation))


def _lines(ablation: Ablation) -> Iterator[str]:
    yield from head(ablation.product, ablation.seed, ablation.workspaces)
    for language in _languages(ablation):
        yield ""
        rows = {outcome.step: outcome.rows[language] for outcome in ablation.steps}
        count = next(iter(rows.values()))
        yield (
            f"{language}: {count.rest.n} rests of lines and {count.whole.n} whole lines, exactly right in percent"
        )
        yield (
            f"  {'':<14}{'rest of line':<15}{'change':<13}{'similarity':<13}{'first word':<12}{'whole lines':<15}"
            f"{_SUREST:<15}{'change':<13}median ms"
        )
        for name, row in rows.items():
            yield f"  {name:<14}{_row(row)}"
        shown = ablation.steps[-1].shown.get(language)
        if shown is not None:
            yield (
                f"  The gate shows {percent(shown.coverage)}, of these exactly right {percent(shown.precision)}, "
                f"first word right {percent(shown.first_word)}, right as far as it goes {percent(shown.so_far)}."
            )
    yield ""
    for step in STEPS:
        against = f" (change: against '{step.against}')" if step.against else ""
        yield f"  {step.name:<14}{step.meaning}{against}"


def _row(row: Row) -> str:
    rest = row.rest
    similarity = "-" if rest.similarity is None else f"{rest.similarity:.1f} ± {rest.similarity_error:.1f}"
    median = "-" if row.median_ms is None else f"{row.median_ms:.0f}"
    return (
        f"{percent(rest.exact):<15}{_change(row.exact_change):<13}{similarity:<13}"
        f"{percent(rest.first_word, error=False):<12}{percent(row.whole):<15}"
        f"{percent(row.surest):<15}{_change(row.surest_change):<13}{median:>9}"
    )


def _change(change: Change | None) -> str:
    if change is None:
        return ""
    return f"{100 * (change.after - change.before):+.1f} ± {100 * change.error:.1f}"


def _languages(ablation: Ablation) -> list[str]:
    """All of them together, then each that has enough places; one alone is all."""
    rows = ablation.steps[0].rows
    large = [name for name, row in rows.items() if name != ALL and row.rest.n >= _FEW]
    return large if len(rows) == 2 and large else [ALL, *large]


def picture(ablation: Ablation) -> str:
    """Bars for each step: all languages, the surest of all, then language by language."""
    last = ablation.steps[-1]
    panels = [
        (
            "All languages, exactly right",
            {one.step: one.rows[ALL].rest.exact for one in ablation.steps if one is not last},
        ),
        (
            f"All languages, {_SUREST} exactly right",
            {one.step: one.rows[ALL].surest for one in ablation.steps},
        ),
        *(
            (
                f"{name}, exactly right",
                {one.step: one.rows[name].rest.exact for one in ablation.steps if one is not last},
            )
            for name in _languages(ablation)
            if name != ALL
        ),
    ]
    tall = len(ablation.steps) * ROW + 60
    top = 120
    parts = list(_title(ablation))
    for index, (title, shares) in enumerate(panels):
        left = MARGIN + (index % 2) * (PANEL + GAP)
        parts += bars(left, top + index // 2 * tall, title, shares)
    bottom = top + -(-len(panels) // 2) * tall
    notes = [
        *(f"{step.name}: {step.meaning}." for step in STEPS),
        "Orange whiskers are one standard error. Whatever was not answered counts as wrong.",
    ]
    parts += [text(MARGIN, bottom + number * 18, note, "small") for number, note in enumerate(notes)]
    return sheet(bottom + len(notes) * 18 + 15, "What each part of completing is worth", parts)


def _title(ablation: Ablation) -> Iterator[str]:
    yield text(MARGIN, 48, "What each part of completing is worth", "title")
    rest = ablation.steps[0].rows[ALL].rest.n
    product = ablation.product
    yield text(
        MARGIN,
        72,
        f"The same {rest} random cursors in {', '.join(place.name for place in ablation.workspaces)}; "
        f"Offhand {product.version}, model {product.model}, seed {ablation.seed}",
        "small",
    )
