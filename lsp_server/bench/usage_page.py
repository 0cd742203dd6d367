"""The page of ``offhand stats``: what is told of a span, in which order. Knows the figures, draws nothing itself."""

from collections.abc import Iterator

from lsp_server.base.histogram import bin_of, edge, percentile
from lsp_server.base.metrics import Counts
from lsp_server.bench.page.charts import Along, Series, bars, columns, lines, shares
from lsp_server.bench.page.document import (
    Tile,
    beside,
    meter,
    page,
    section,
    strong,
    table,
    tiles,
)
from lsp_server.bench.page.frame import Tone
from lsp_server.bench.page.html import Html, join
from lsp_server.bench.page.words import count, many, milliseconds, percent, seconds
from lsp_server.bench.usage import Figures, Span, figures

#: Where an answer came from, in words, and its colour: there before it was asked for, computed ahead, begun ahead,
#: waited for. A source that is not named here is taken for one that was computed ahead.
_SOURCES: dict[str, tuple[str, Tone]] = {
    "cache": ("computed before, or typed along", "deep"),
    "disk": ("kept from an earlier session", "deep"),
    "lookahead": ("computed ahead: what follows a suggestion", "mid"),
    "branch": ("computed ahead: another beginning", "mid"),
    "prefill": ("computed ahead: when the cursor came", "mid"),
    "joined": ("already being computed", "light"),
    "memory": ("the memory of what you wrote, alone", "sand"),
    "model": ("the model, while you waited", "warm"),
}

#: The same, gathered for a chart over time.
_GROUPS: tuple[tuple[str, Tone, tuple[str, ...]], ...] = (
    ("computed before", "deep", ("cache", "disk")),
    ("computed ahead", "mid", ("lookahead", "branch", "prefill")),
    ("already begun", "light", ("joined",)),
    ("the memory alone", "sand", ("memory",)),
    ("the model, waited for", "warm", ("model",)),
)

#: What became of suggestions, in words.
_ENDINGS: dict[str, tuple[str, Tone]] = {
    "accepted": ("accepted", "deep"),
    "partly": ("accepted in part", "mid"),
    "typed": ("typed by hand as shown", "light"),
    "ignored": ("left alone", "grey"),
    "rejected": ("something else was typed", "warm"),
}

_FOOT = (
    "Offhand counts on this machine, for ninety days, and nothing else: numbers and the names of languages, no text "
    "and no file names. This page is one file that loads nothing. “offhand reset” forgets it all."
)


def usage_page(span: Span) -> Html:
    """The page of a span in which something was counted."""
    total = span.total
    told = figures(total)
    along = Along(span.by, [one.name for one in span.slices], [one.label for one in span.slices])
    each = [one.counts for one in span.slices]
    parts = (
        tiles(list(_tiles(told))),
        _waiting(along, each, total, told),
        _sources(along, each, told),
        beside(_taken(told), *_endings(told)),
        *_work(along, each, told),
        *_languages(told),
    )
    return page(span.words(), _lead(told), parts, foot=_FOOT)


def _lead(told: Figures) -> Html:
    share = told.share_of_code
    wrote = (" They are ", strong(percent(share)), " of what you wrote.") if share else ()
    shown = " suggestion." if told.suggestions == 1 else " suggestions."
    return join(
        ("You took ", strong(count(told.taken)), " of ", strong(count(told.suggestions)), shown, *wrote)
    )


def _tiles(told: Figures) -> Iterator[Tile]:
    yield Tile(percent(told.ready_share), "there before you asked", "of all answers")
    yield Tile(milliseconds(told.wait.p50), "median wait", f"95 % within {milliseconds(told.wait.p95)}")
    yield Tile(seconds(told.saved_s), "of waiting saved", "against asking the model each time")
    yield Tile(count(told.suggestions), "suggestions shown", f"for {many(told.requests, 'request')}")
    yield Tile(percent(told.taken_share), "accepted", "of the suggestions, whole or in part")
    yield Tile(percent(told.share_of_code), "of your code", f"{count(told.accepted_characters)} characters")
    last = list(told.stood.items())[-1:]
    for after, share in last:
        yield Tile(percent(share), f"still there {_later(after)}", "of the accepted")
    if told.cpu_per_1000_keys_s:
        whole = seconds(told.cpu_asked_s + told.cpu_ahead_s)
        yield Tile(seconds(told.cpu_per_1000_keys_s), "processor time per 1,000 keys", f"{whole} in all")


def _waiting(along: Along, each: list[Counts], total: Counts, told: Figures) -> Html:
    def wait(share: float, waited_only: bool = False) -> list[float | None]:
        return [percentile(_waits(one, waited_only), share) for one in each]

    half, slow = wait(0.5), wait(0.95)
    over_time = lines(
        "Waiting over time: median, 95th percentile, and the median of what the model was asked for",
        along,
        (
            Series("95 % are quicker", "mid", slow),
            Series("median of the model", "warm", wait(0.5, waited_only=True)),
            Series("median of all", "deep", half),
        ),
        milliseconds,
        band=(half, slow),
        log=True,
    )
    numbers = sorted({*total.ready_ms, *total.waited_ms})
    every = range(min(numbers, default=0), max(numbers, default=0) + 1)
    decades = [one for one in every if one % 10 == bin_of(1)]
    marks = [milliseconds(edge(one)) if one in decades or len(decades) < 2 else "" for one in every]
    distribution = columns(
        "How many answers took how long",
        Along(
            "wait", [f"{milliseconds(edge(one))} to {milliseconds(edge(one + 1))}" for one in every], marks
        ),
        (
            Series("there already, or begun", "deep", [total.ready_ms.get(one, 0) for one in every]),
            Series("computed when asked", "warm", [total.waited_ms.get(one, 0) for one in every]),
        ),
    )
    medians = (
        (told.wait_ready.p50, "What is there already takes {}, in the median. "),
        (told.wait_asked.p50, "What has to be computed takes {}. "),
    )
    known = "".join(words.format(milliseconds(taken)) for taken, words in medians if taken is not None)
    return section(
        "How long you wait",
        over_time,
        distribution,
        note=f"From a request to its suggestion. {known}The scale is logarithmic.",
    )


def _waits(counts: Counts, waited_only: bool) -> dict[int, int]:
    every = dict(counts.waited_ms)
    for number, times in counts.ready_ms.items() if not waited_only else ():
        every[number] = every.get(number, 0) + times
    return every


def _sources(along: Along, each: list[Counts], told: Figures) -> Html:
    known = {name for _, _, names in _GROUPS for name in names}
    other = tuple(name for name in told.sources if name not in known and name != "nothing")
    groups = [(name, tone, (*names, *(other if tone == "mid" else ()))) for name, tone, names in _GROUPS]
    over_time = columns(
        "Where the answers came from, over time",
        along,
        [
            Series(name, tone, [sum(one.answers.get(source, 0) for source in names) for one in each])
            for name, tone, names in groups
            if any(told.sources.get(source) for source in names)
        ],
    )
    named = {**_SOURCES, **{name: (name, "mid") for name in other}}
    parts = [(words, tone, told.sources.get(name, 0)) for name, (words, tone) in named.items()]
    return section(
        "Where the answers came from",
        over_time,
        shares("Where the answers came from, in all", parts),
        note="The best answer is the one that is there before the question. "
        f"To {many(told.sources.get('nothing', 0), 'request')} besides there was no answer: "
        "nothing was sure enough, or the next key came first.",
    )


def _taken(told: Figures) -> Html:
    top = max(told.suggestions, told.taken, 1)
    rows = [
        ("shown", told.suggestions / top, count(told.suggestions), ""),
        ("accepted, whole or in part", told.taken / top, count(told.taken), percent(told.taken_share)),
    ]
    whole = told.endings["accepted"]
    rows.append(("accepted as a whole", whole / top, count(whole), percent(whole / top)))
    rows += [
        (f"still there {_later(after)}", share * whole / top, percent(share), "of these")
        for after, share in told.stood.items()
    ]
    return section(
        "From shown to kept",
        bars("From shown to kept", rows),
        note="Code that is deleted soon was not a good suggestion.",
    )


def _endings(told: Figures) -> Iterator[Html]:
    if any(told.endings.values()):
        yield section(
            "What became of them",
            shares(
                "What became of the suggestions",
                [(words, tone, told.endings[name]) for name, (words, tone) in _ENDINGS.items()],
            ),
            note="As far as the text that followed tells. It moves what is shown next, a little.",
        )


def _work(along: Along, each: list[Counts], told: Figures) -> Iterator[Html]:
    if not told.cpu_asked_s and not told.cpu_ahead_s:
        return
    most = max(sum(one.cpu_ms.values()) for one in each) / 1_000
    unit = next((unit for unit in (3_600, 60) if most >= unit), 1)  # so that the scale has round numbers

    def spent(ahead: bool) -> list[float | None]:
        return [
            sum(spent for kind, spent in one.cpu_ms.items() if (kind != "asked") == ahead) / 1_000 / unit
            for one in each
        ]

    over_time = columns(
        "Processor time of the model over time",
        along,
        (Series("while you waited", "warm", spent(ahead=False)), Series("ahead", "mid", spent(ahead=True))),
        lambda number: seconds(unit * number),
    )
    used = f" {percent(told.used_share)} of all tokens computed were shown." if told.used_share else ""
    reused = (
        f" {percent(told.reused_share)} of what the model reads it had read before."
        if told.reused_share
        else ""
    )
    yield section(
        "What it costs, and what it saves",
        over_time,
        note=f"{seconds(told.cpu_asked_s)} of processor time while you waited, {seconds(told.cpu_ahead_s)} ahead; "
        f"that saved you {seconds(told.saved_s)} of waiting.{used}{reused}",
    )


def _languages(told: Figures) -> Iterator[Html]:
    rows = [
        (
            one.language or "no language",
            count(one.suggestions),
            percent(one.taken / one.suggestions if one.suggestions else None),
            percent(one.share_of_code),
            meter(one.share_of_code),
        )
        for one in told.languages
    ]
    if rows:
        head = ("language", "suggestions", "accepted", "of your code", "")
        yield section("By language", table(head, rows))


def _later(after: int) -> str:
    return f"{after} s later" if after < 60 else f"{after // 60} min later"


def summary(span: Span) -> str:
    """The same in a few lines of plain text."""
    told = figures(span.total)
    stood = "".join(f", {percent(share)} still there {_later(after)}" for after, share in told.stood.items())
    return "\n".join(
        (
            f"{span.words()}: {many(told.suggestions, 'suggestion')}, {count(told.taken)} accepted "
            f"({percent(told.taken_share)}), {percent(told.share_of_code)} of what you wrote{stood}.",
            f"Median wait {milliseconds(told.wait.p50)}, 95 % within {milliseconds(told.wait.p95)}; "
            f"{percent(told.ready_share)} of the answers were there before you asked.",
            f"Processor time {seconds(told.cpu_asked_s)} while you waited and {seconds(told.cpu_ahead_s)} ahead; "
            f"{seconds(told.saved_s)} of waiting saved.",
        )
    )
