"""What ``bench.engine`` measured, as text for a terminal."""

from collections.abc import Sequence

from lsp_server.bench.engine import Loaded, Measured, Spread, way


def table(measured: Sequence[Measured]) -> str:
    """The engines as columns."""
    present = [one for one in measured if not one.absent]
    rows = list(dict.fromkeys(row for one in present for row in one.rows))
    lines = [f"{'ms, median (least-most)':<26}" + "".join(f"{one.engine:>32}" for one in present)]
    for row in rows:
        cells = (_cell(one.rows.get(row)) for one in present)
        lines.append(f"{row:<26}" + "".join(f"{cell:>32}" for cell in cells))
    lines.append(f"{'memory, MiB':<26}" + "".join(f"{one.rss:>32.0f}" for one in present))
    lines += [f"{one.engine} does not run: {one.absent}" for one in measured if one.absent]
    return "\n".join(lines)


def _cell(found: Spread | None) -> str:
    return f"{found.median:.2f} ({found.least:.2f}-{found.most:.2f})" if found else "-"


def load_table(loaded: Sequence[Loaded]) -> str:
    """The test under load as text."""
    lines = [f"{'a token, ms: p50 / p95':<42}{'idle':>18}{'busy':>18}{'p95 to idle':>14}"]
    for one in loaded:
        name = way(one.engine, one.threads, one.waiting)
        lines.append(f"{name:<42}{_pair(one.idle):>18}{_pair(one.busy):>18}{one.ratio:>13.1f}x")
    return "\n".join(lines)


def _pair(times: tuple[float, float]) -> str:
    return f"{times[0]:.2f} / {times[1]:.2f}"
