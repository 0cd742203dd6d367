"""The page of ``offhand bench typing``: what it says of a result, and how several workspaces become one."""

import math
import re
from typing import Any

import msgspec
import pytest

from lsp_server.base.histogram import percentile
from lsp_server.bench.typing.figures import Range
from lsp_server.bench.typing.page import typing_page
from lsp_server.bench.typing.run import Typing
from lsp_server.bench.typing.together import summed, together
from tests.test_page import EVIL, Reader
from tests.typed_result import result

replace = msgspec.structs.replace


def told(typing: Typing) -> str:
    """What is read on its page, without what only the mouse shows."""
    text = re.sub(r"<style>.*?</style>|<title>.*?</title>", "", typing_page(typing), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", text).replace("\N{NO-BREAK SPACE}", " ").split())


def changed(typing: Typing, number: int, **changes: Any) -> Typing:
    """The same with another run."""
    runs = list(typing.runs)
    runs[number] = replace(runs[number], **changes)
    return replace(typing, runs=tuple(runs))


@pytest.fixture(scope="module")
def whole() -> Typing:
    return result()


def test_it_begins_with_what_speculation_is_worth(whole: Typing) -> None:
    """One sentence, what it is beside, and what was typed where."""
    assert told(whole).startswith(
        "Offhand typing in real time Half of all keys are answered within 5.3 ms , 96 % before the next key. Without "
        "speculation: 47 %. In llama.vim: 38 %. 1,200 keys in httpie and datasette, pressed in real time as a typical "
        "typist does (170 ms between most keys); whole texts that are right are accepted with one key. Model bundled "
        "(01234567), Offhand 1.2.3, 2 cores, 0.4 of them busy with other programs. answered before the next key 47 % "
        "without speculation 96 % from key to suggestion"
    )


def test_its_parts(whole: Typing) -> None:
    """Each with the numbers of the runs, in the order in which they are understood."""
    text = told(whole)
    parts = [
        "Before the next key How many",
        "the next key, median 1",
        "Beside llama.vim The same keys",
        "takes 17 times as long.",
        "key to answer, median of all keys not known, or not before the next key 5.3 ms -",
        "What a key gets",
        "Where the suggestions came from",
        "+ branches (all) 336",
        "How long each took",
        "What each part brings",
        "+ typed through what is shown answers the keys that agree +26 74 %",
        "What it costs",
        "Tokens that were computed",
        "llama.vim 14,800",
        "What you see Of all keys.",
        "What became of it Flicker, a change in spite of a key that agreed: 4.6 per 1,000 keys.",
        "All numbers httpie, typical typist",
        "96.1 % (90-99)",
        "datasette, typical typist",
    ]
    places = [text.find(part) for part in parts]
    assert places == sorted(places)
    assert min(places) > 0, parts[places.index(-1)]


def test_names_are_never_markup(whole: Typing) -> None:
    """Of workspaces, steps, subjects, sources, models and faults: shown as they are."""
    plain = Reader(typing_page(whole))
    found = whole.runs[-1].figures
    assert found is not None
    evil = replace(found, by_source={EVIL: found.text}, waits={EVIL: {3: 1}})
    named = changed(whole, -1, subject=EVIL, figures=evil)
    named = changed(named, 0, figures=None, fault=EVIL)
    named = changed(named, 5, step=EVIL)
    named = replace(named, model=EVIL, workspaces=(replace(named.workspaces[0], name=EVIL),))
    page = typing_page(named)
    assert Reader(page).names <= plain.names
    assert EVIL not in page
    assert " ".join(Reader(page).texts).count(EVIL) > 8


def test_what_is_not_known_is_a_dash(whole: Typing) -> None:
    """Nothing accepted, nothing computed, nothing in time, no source: dashes, and no sentence about it."""
    found = whole.runs[5].figures
    assert found is not None
    nothing = replace(
        found,
        fresh=Range(0.2, 0.1, 0.3),
        answer=replace(found.answer, p50=None),
        without_model=None,
        wrong_shows=None,
        unshown=None,
        computed=0,
    )
    text = told(replace(whole, runs=(replace(whole.runs[5], step="", figures=nothing),)))
    assert "in real time 20 % of all keys are answered before the next key. 1,200 keys" in text
    assert "answered before the next key 10 to 30 % 20 % from key" in text
    assert "needed no model after the key - of the keys saved" in text
    assert "wrong suggestions per accept - Before" in text
    assert "without speculation" not in text
    assert "What each part brings" not in text
    assert "What it costs" not in text  # a single dot says nothing


def test_results_without_histograms(whole: Typing) -> None:
    """Those of earlier versions have no curves, and all else."""
    found = whole.runs[5].figures
    assert found is not None
    text = told(replace(whole, runs=(replace(whole.runs[5], figures=replace(found, waits={}, gaps={})),)))
    assert "Half of all keys are answered within 4.7 ms" in text
    assert "How many of all keys" not in text
    assert "+ branches 168" in text


def test_runs_that_failed(whole: Typing) -> None:
    """Nothing is told of a step that failed anywhere, but why; the best is the last that did not. If all fail there is
    only that."""
    text = told(changed(whole, 5, figures=None, fault="It ended."))
    assert "93 % before the next key. Without speculation: 47 %." in text
    assert "+ branches came to no end: httpie: It ended." in text
    assert "(all)" not in text
    without = told(changed(whole, 0, figures=None, fault="It ended."))
    assert "without speculation" not in without.lower().replace("no speculation", "")
    failed = replace(whole, runs=(replace(whole.runs[0], figures=None, fault="It ended."),))
    assert "Nothing could be measured." in told(failed)
    assert "no speculation came to no end: It ended." in told(failed)


def test_several_typists() -> None:
    """The typical one's sentence, a table of all, and each one's chapters under his name."""
    text = told(result(workspaces=1, profiles=("fast", "typical"), peer=False))
    assert "pressed in real time as fast and typical typists do" in text
    assert text.index("By typist") < text.index("Before the next key, fast typist")
    assert text.index("What it costs, fast typist") < text.index("Before the next key, typical typist")


# --- several workspaces as one


def test_one_workspace_is_told_as_it_is() -> None:
    """Exact percentiles, ranges and names."""
    alone = result(workspaces=1)
    assert together(alone) == alone.runs


def test_workspaces_together(whole: Typing) -> None:
    """Counts add up, shares lie between those of the workspaces by their keys, ranges are narrower, and the peer is one
    however many threads it took."""
    runs = together(whole)
    assert [one.subject for one in runs] == ["Offhand"] * 6 + ["llama.vim"]
    assert {one.workspace for one in runs} == {"httpie, datasette"}
    first, second = whole.runs[5].figures, whole.runs[12].figures
    assert first is not None
    assert second is not None
    second = replace(second, keys=3 * first.keys, fresh=Range(0.5, 0.4, 0.6))
    both = together(changed(whole, 12, figures=second))[5].figures
    assert both is not None
    assert both.keys == 4 * first.keys
    assert both.computed == 2 * first.computed
    assert both.shows.accepted == 44
    one, low = first.fresh.value or 0.0, first.fresh.low or 0.0
    assert both.fresh.value == pytest.approx(one / 4 + 0.5 * 3 / 4)
    away = math.hypot((one - low) / 4, 0.1 * 3 / 4)
    assert both.fresh.low == pytest.approx(both.fresh.value - away)
    assert summed(both.waits.values()) == summed([*first.waits.values(), *second.waits.values()])
    assert sum(one.n for one in both.by_source.values()) == both.text.n == 336
    assert both.text.p50 == percentile(
        summed(bins for name, bins in both.waits.items() if name != "nothing"), 0.5
    )
    assert both.answer.n == both.keys
    assert both.answer.p50 is None  # fewer than half of so many were in time


def test_a_percentile_of_all_keys_is_beyond_those_that_were_answered(whole: Typing) -> None:
    """Half of all keys are the 52nd percentile of those 96 % that were in time; the 99th is none."""
    both = together(whole)[5].figures
    assert both is not None
    answered = summed(both.waits.values())
    assert both.answer.p50 == percentile(answered, 0.5 * both.keys / sum(answered.values()))
    assert both.answer.p99 is None
