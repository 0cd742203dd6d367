"""The page of ``offhand bench typing``: what is told of a result, in which order. Knows the figures, draws nothing.

Workspaces are told as one (see ``together``); each by itself is in the tables at the end.
"""

from collections.abc import Callable, Iterator, Sequence

from lsp_server.bench.page.document import Tile, folded, page, section, strong, table, tiles
from lsp_server.bench.page.html import Html, join, tag
from lsp_server.bench.page.words import amount, count, in_seconds, many, milliseconds, percent
from lsp_server.bench.typing.cast import Cast, cast
from lsp_server.bench.typing.chapters import chapters, spread
from lsp_server.bench.typing.figures import Figures
from lsp_server.bench.typing.run import Run, Typing
from lsp_server.bench.typing.table import ACCEPTORS, NOTES, groups, name, rows
from lsp_server.bench.typing.together import called, together
from lsp_server.bench.typing.typist import PROFILES

#: The typist of whom the first sentence is, if he was there.
_MAIN = "typical"

#: Keys that came so much later than they should mean that times are of a busy machine (ms).
_LATE = 10.0

_SPACE = "\N{NO-BREAK SPACE}"

_FOOT = (
    "Lines were cut out of source files and typed anew, key by key, as editors speak to the server. An answer is a "
    "suggestion, or that there is none; one that was not out before the next key does not count. The page holds "
    "numbers and the names of workspaces, no code. It is one file that loads nothing."
)


def typing_page(typing: Typing) -> Html:
    """The page of a result."""
    runs = together(typing)
    profiles = list(dict.fromkeys(one.profile for one in runs))
    each = [cast([one for one in runs if one.profile == profile]) for profile in profiles]
    main = each[profiles.index(_MAIN) if _MAIN in profiles else 0]
    parts: list[Html] = []
    if main.whole is not None:
        parts.append(tiles(list(_tiles(main.whole, main.bare))))
    parts += _typists(each)
    for one in each:
        parts += chapters(one, f", {one.profile} typist" if len(each) > 1 else "")
    parts.append(_numbers(typing))
    return page("typing in real time", _lead(main), parts, about=_about(typing, main, runs), foot=_FOOT)


def _lead(main: Cast) -> Html:
    whole, bare = main.whole, main.bare
    if whole is None or whole.fresh.value is None:
        return Html("Nothing could be measured.")
    fresh = strong(percent(whole.fresh.value))
    if whole.answer.p50 is not None:
        half = strong(milliseconds(whole.answer.p50))
        said: tuple[str, ...] = (
            "Half of all keys are answered within ",
            half,
            ", ",
            fresh,
            " before the next key.",
        )
    else:
        said = (fresh, " of all keys are answered before the next key.")
    others = [] if bare is None else [f" Without speculation: {percent(bare.fresh.value)}."]
    others += (f" In {called(one.run.subject)}: {percent(one.figures.fresh.value)}." for one in main.peers)
    return join((*said, tag("small", *others)) if others else said)


def _about(typing: Typing, main: Cast, runs: Sequence[Run]) -> Html:
    places = _listed([one.name for one in typing.workspaces])
    keys = sum(one.keys for one in typing.workspaces)
    profile = PROFILES.get(main.profile)
    rhythm = f" ({profile.median:.0f}{_SPACE}ms between most keys)" if profile is not None else ""
    typists = list(dict.fromkeys(one.profile for one in runs))
    typed = (
        f"as a {main.profile} typist does{rhythm}"
        if len(typists) == 1
        else f"as {_listed(typists)} typists do"
    )
    spent = sum(one.seconds for one in runs)
    busy = sum(one.others.during * one.seconds for one in runs) / spent if spent else 0.0
    late = max((one.figures.late_ms for one in runs if one.figures is not None), default=0.0)
    slow = (
        f" Keys were pressed up to {milliseconds(late)} late: the machine was too busy for exact times."
        if late > _LATE
        else ""
    )
    return join(
        (
            f"{many(keys, 'key')} in {places}, pressed in real time {typed}; ",
            f"{ACCEPTORS[runs[0].acceptor]}. ",
            f"Model {typing.model} ({typing.sha256[:8]}), Offhand {typing.version}, {many(typing.cores, 'core')}, ",
            f"{busy:.1f} of them busy with other programs.{slow}",
            *(f" {name(one)} came to no end: {one.fault}" for one in runs if one.fault),
        )
    )


def _tiles(whole: Figures, bare: Figures | None) -> Iterator[Tile]:
    def without(cell: Callable[[Figures], str], before: str = "") -> str:
        told = "" if bare is None else f"{cell(bare)} without speculation"
        return "; ".join(filter(None, (before, told)))

    def fresh(one: Figures) -> str:
        return percent(one.fresh.value)

    yield Tile(
        fresh(whole), "answered before the next key", without(fresh, "" if bare else spread(whole.fresh))
    )
    yield Tile(
        milliseconds(whole.text.p50),
        "from key to suggestion, median",
        without(lambda one: milliseconds(one.text.p50), f"95{_SPACE}% within {milliseconds(whole.text.p95)}"),
    )
    yield Tile(
        percent(whole.without_model),
        "needed no model after the key",
        without(lambda one: percent(one.without_model)),
    )
    yield Tile(
        percent(whole.saved.value),
        "of the keys saved",
        without(lambda one: percent(one.saved.value), f"with {many(whole.accepts, 'accept')}"),
    )
    yield Tile(
        in_seconds(whole.cpu_s), "processor time per 1,000 keys", without(lambda one: in_seconds(one.cpu_s))
    )
    yield Tile(
        percent(whole.reused),
        "of prompts from the KV cache",
        without(lambda one: percent(one.reused)),
    )
    yield Tile(
        percent(whole.unshown),
        "of the tokens never shown",
        without(lambda one: percent(one.unshown), f"of {count(whole.computed)} computed"),
    )
    yield Tile(
        amount(whole.wrong_shows),
        "wrong suggestions per accept",
        without(lambda one: amount(one.wrong_shows)),
    )


def _typists(each: Sequence[Cast]) -> Iterator[Html]:
    known = [(one.profile, one.whole) for one in each if one.whole is not None]
    if len(known) > 1:
        head = (
            "typist",
            "answered before the next key",
            "key to suggestion",
            "no model after the key",
            "keys saved",
        )
        lines = (
            (
                profile,
                percent(found.fresh.value),
                milliseconds(found.text.p50),
                percent(found.without_model),
                percent(found.saved.value),
            )
            for profile, found in known
        )
        yield section("By typist", table(head, lines))


def _numbers(typing: Typing) -> Html:
    """All there is, in each workspace by itself."""
    told = []
    for title, runs in groups(typing):
        lines = (
            (_SPACE * 2 * (len(line) - len(line.lstrip())) + line.lstrip(), *cells)
            for line, cells in rows(runs)
        )
        told.append(folded(title, table(("", *map(name, runs)), lines)))
    notes = (tag("p", note, class_="note") for note in NOTES)
    return section("All numbers", *told, folded("What to know of them", join(notes)))


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
