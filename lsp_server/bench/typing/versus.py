"""The part of the page of ``offhand bench typing`` that sets Offhand beside another program, figure by figure."""

from collections.abc import Callable, Iterator

from lsp_server.bench.page.charts import Pair, pairs
from lsp_server.bench.page.document import section
from lsp_server.bench.page.html import Html
from lsp_server.bench.page.words import amount, difference, in_seconds, milliseconds, percent
from lsp_server.bench.typing.cast import Cast

_SPACE = "\N{NO-BREAK SPACE}"


def versus(cast: Cast, of: str) -> Iterator[Html]:
    """A section for each peer that came to an end.

    Args:
        of: as in ``chapters.chapters``.
    """
    if cast.whole is None:
        return
    for peer in cast.peers:
        mine, other = cast.whole, peer.figures
        half, theirs = mine.text.p50, other.text.p50
        longer = (
            f"Half of the suggestions come within {milliseconds(half)}; {peer.name} takes {_longer(half, theirs)}."
            if half and theirs
            else ""
        )
        names = (("Offhand", cast.steps[-1].tone), (peer.name, peer.tone))
        times = [
            ("key to suggestion, median", mine.text.p50, other.text.p50),
            (f"95{_SPACE}% of suggestions within", mine.text.p95, other.text.p95),
            ("key to answer, median of all keys", mine.answer.p50, other.answer.p50),
        ]
        rows = [_pair(*one, milliseconds, _longer) for one in times]
        portions = [
            ("answered before the next key", mine.fresh, other.fresh),
            ("a suggestion before the next key", mine.shown, other.shown),
            ("its next word is right", mine.right_word, other.right_word),
            ("keys saved", mine.saved, other.saved),
        ]
        rows += [_pair(what, one.value, two.value, percent, _points, 1.0) for what, one, two in portions]
        amounts = [
            ("wrong suggestions per accept", mine.wrong_shows, other.wrong_shows, amount),
            ("flicker per 1,000 keys", mine.flicker, other.flicker, amount),
            ("processor time per 1,000 keys", mine.cpu_s, other.cpu_s, in_seconds),
            ("memory, MiB", mine.rss_mb, other.rss_mb, amount),
        ]
        rows += [_pair(what, one, two, form, _ratio) for what, one, two, form in amounts]
        yield section(
            f"Beside {peer.name}{of}",
            pairs(f"Offhand and {peer.name} side by side", names, rows),
            note=f"The same keys at the same times, the same model. {longer} Times are of what came before the next "
            "key: what came later was not there.",
        )


def _pair(
    what: str,
    mine: float | None,
    other: float | None,
    form: Callable[[float | None], str],
    verdict: Callable[[float, float], str],
    whole: float | None = None,
) -> Pair:
    """Two numbers.

    Args:
        verdict: says what the other's is against ours.
        whole: what a bar of the whole width is; without it, the larger of the two.
    """
    most = whole or max(mine or 0.0, other or 0.0) or 1.0
    told = "" if mine is None or other is None else verdict(mine, other)
    if mine is not None and other is None:
        told = "not known, or not before the next key"
    return Pair(what, told, [((one or 0.0) / most, form(one)) for one in (mine, other)])


def _longer(mine: float, other: float) -> str:
    return f"{amount(other / mine)} times as long" if mine > 0 else ""


def _ratio(mine: float, other: float) -> str:
    return f"{amount(other / mine)} times as much" if mine > 0 else ""


def _points(mine: float, other: float) -> str:
    return f"{difference(100 * (other - mine))} points of a hundred"
