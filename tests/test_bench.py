"""The bench without a model: what is chosen, how it is compared, how it is counted, and what is shown of it."""

import random
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cases import Case as TextCase
from cases import parametrize
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.base.text import split_lines
from lsp_server.bench import files
from lsp_server.bench.blocks import blocks
from lsp_server.bench.compare import change, pairs
from lsp_server.bench.compare import table as compared
from lsp_server.bench.figures import (
    COVERAGES,
    Bin,
    calibration,
    figures,
    precision,
    ranked,
    share,
    speed,
)
from lsp_server.bench.languages import LANGUAGES, code_lines, of_file
from lsp_server.bench.lines import Case, Confidence
from lsp_server.bench.picture import picture
from lsp_server.bench.report import Measured, Product, Report, to_json
from lsp_server.bench.sample import hole, sample
from lsp_server.bench.score import length_class, place_class, score, score_block, score_hole
from lsp_server.bench.table import table
from lsp_server.context.languages import Grammars

BY_NAME = {language.name: language for language in LANGUAGES}


@parametrize("bench_score")
def test_score(case: TextCase) -> None:
    """One comparison, and the classes that its place belongs to."""
    text = case.values("text")
    before, said, truth = (text[name][1:-1].replace("\\n", "\n") for name in ("before", "said", "truth"))
    result = score(BY_NAME[text.get("language", "python")], before, said, truth)
    words = {True: "yes", False: "no"}
    assert case.values("expect") == {
        "exact": words[result.exact],
        "similarity": f"{round(result.similarity, 2):g}",
        "identifiers": words[result.identifiers],
        "first_word": words[result.first_word],
        "so_far": words[result.so_far],
        "stands": place_class(before, truth),
        "length": length_class(truth),
    }


@parametrize("bench_score_text")
def test_score_of_several_lines(case: TextCase) -> None:
    """One comparison of a block, or of a hole."""
    text = case.values("text")
    before, said, truth = (text[name][1:-1].replace("\\n", "\n") for name in ("before", "said", "truth"))
    compare = {"block": score_block, "hole": score_hole}[text["kind"]]
    found = msgspec.to_builtins(compare(BY_NAME["python"], before, said, truth))
    words = {True: "yes", False: "no"}
    shown = {name: words.get(value, "") for name, value in found.items()}
    assert case.values("expect") == {**shown, "similarity": f"{round(found['similarity'], 2):g}"}


@parametrize("bench_blocks")
def test_blocks(case: TextCase) -> None:
    """The short blocks of a text, in the order of the text."""
    language = BY_NAME[case.sections.get("language", "python").strip()]
    lines = split_lines(case.sections["input"])
    found = blocks(language, lines, code_lines(language, lines))
    shown = (f"{block.first + 1} {block.text}".replace("\n", "\\n") for block in found)
    assert "\n".join(shown) == case.sections["expect"].rstrip("\n")
    for block in found:
        text = [line.rstrip("\n") for line in lines[block.first : block.first + 1 + block.text.count("\n")]]
        assert block.text == "\n".join((text[0][block.column :], *text[1:]))


@parametrize("bench_lines")
def test_code_lines(case: TextCase) -> None:
    """Lines of code, with what is code of them."""
    lines = split_lines(case.sections["input"])
    found = code_lines(BY_NAME[case.sections.get("language", "python").strip()], lines)
    shown = []
    for one in found:
        line = lines[one.number].rstrip("\n")
        shown.append(f"{line[: one.start]}⟦{line[one.start : one.end]}⟧{line[one.end :]}")
    assert "\n".join(shown) == case.sections["expect"].rstrip("\n")


@given(st.sampled_from(LANGUAGES), st.text(), st.text(), st.text())
def test_any_text_can_be_compared(language: Any, before: str, said: str, truth: str) -> None:
    """No text is too strange; the truth itself is always right."""
    score(language, before, said, truth)
    same = score(language, before, truth.split("\n")[0], truth.split("\n")[0])
    assert same.exact
    assert same.first_word
    score_block(language, before, said, truth)
    score_hole(language, before, said, truth)
    assert score_block(language, before, truth, truth).exact
    assert score_hole(language, before, truth, truth).exact


def test_every_language_has_a_file_name() -> None:
    """The grammars' own patterns count first, then the endings; what nobody knows is not measured."""
    grammars = Grammars()
    assert {of_file(f"a{ending}", grammars) for one in LANGUAGES for ending in one.endings} == set(LANGUAGES)
    assert of_file("setup.pyw", grammars) == BY_NAME["python"]
    assert of_file("README.md", grammars) is None


# --- which files and places


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace of three source files, and of much that is not to be measured."""
    folder = tmp_path / "work"
    for number, count in enumerate((200, 40, 40)):
        text = "".join(f"def name_{number}_{index}(value):  # {index}\n" for index in range(count))
        write(folder / f"part{number}.py", text)
    text = "x = 1\n" * 40
    write(folder / "node_modules" / "a.js", text)
    write(folder / ".git" / "a.py", text)
    write(folder / "message_pb2.py", text)
    write(folder / "made.py", "# Code generated by a tool. DO NOT EDIT.\n" + text)
    write(folder / "minified.js", "x=1;" * 1_000)
    write(folder / "data.py", "y = 2\n" * 60_000)
    write(folder / "README.md", text)
    (folder / "latin.py").write_bytes(b"# caf\xe9\n" + text.encode())
    return folder


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_sources_are_what_people_write(root: Path) -> None:
    """Generated, minified, huge, hidden, foreign and unreadable files are left out."""
    assert [one.name for one in files.sources(root, Grammars())] == ["part0.py", "part1.py", "part2.py"]
    assert not files.sources(root, Grammars(), "rust")


def test_fingerprint_changes_with_the_files(root: Path) -> None:
    """The same files have the same one, wherever they lie."""
    before = files.fingerprint(files.sources(root, Grammars()))
    elsewhere = root.rename(root.with_name("elsewhere"))
    assert files.fingerprint(files.sources(elsewhere, Grammars())) == before
    write(elsewhere / "part1.py", "z = 3\n" * 40)
    assert files.fingerprint(files.sources(elsewhere, Grammars())) != before


def test_names_of_workspaces(root: Path) -> None:
    """The user's word counts; a folder that is no git checkout has no commit of its own."""
    assert files.workspace(root, "trio@abc").name == "trio"
    assert files.workspace(root, "trio@abc").commit == "abc"
    assert files.workspace(root).name == "work"


def test_sampling_is_reproducible(root: Path) -> None:
    """The same seed chooses the same places, also where the folder lies elsewhere; another seed chooses others. Blocks
    on top change none of them."""

    def chosen(folder: Path, seed: int) -> list[str]:
        return [place.id for place in sample(files.sources(folder, Grammars()), 60, 30, seed)]

    first = chosen(root, 1)
    assert len(first) == len(set(first)) == 90
    assert chosen(root, 2) != first
    write(root / "blocks.py", "".join(f"def f{number}():\n    return {number}\n" for number in range(30)))
    sources = files.sources(root, Grammars())
    more = sample(sources, 60, 30, 1, 20)
    assert Counter(place.kind for place in more) == {"rest": 60, "whole": 30, "block": 20}
    assert [one for one in more if one.kind != "block"] == sample(sources, 60, 30, 1)
    (root / "blocks.py").unlink()
    assert chosen(root.rename(root.with_name("elsewhere")), 1) == first


def test_a_change_in_one_file_leaves_the_others_places(root: Path) -> None:
    """Only a file that was touched is asked at other places; so two versions of a workspace stay comparable."""

    def elsewhere() -> set[str]:
        places = sample(files.sources(root, Grammars()), 40, 20, 1)
        return {place.id for place in places if place.source.name != "part1.py"}

    before = elsewhere()
    write(root / "part1.py", "z = 3\n" * 60)
    write(root / "part3.py", "z = 3\n" * 20)
    assert len(before & elsewhere()) >= 0.8 * len(before)


def test_no_file_dominates(root: Path) -> None:
    """A file with half of the lines gets its share; where too few files are left, they give what they have."""
    for number in range(3, 30):
        write(root / f"part{number}.py", "value = function(argument)\n" * 12)
    sources = files.sources(root, Grammars())
    counts = Counter(place.source.name for place in sample(sources, 60, 0, 1))
    assert counts["part0.py"] == 3
    assert sum(counts.values()) == 60
    assert len(sample(sources[:3], 60, 0, 1)) == 60
    assert len(sample(sources[:3], 900, 900, 1)) == 200 + 40 + 12


def test_the_truth_is_cut_out(root: Path) -> None:
    """The line ends at the cursor and everything else stays, line ends included; no comment is asked for."""
    for place in sample(files.sources(root, Grammars()), 40, 20, 3):
        lines = files.read(place.source.path)
        assert lines is not None
        cut = hole(lines, place)
        assert place.truth.strip()
        assert "#" not in place.truth
        assert lines[place.line][place.column :].startswith(place.truth)
        assert cut[place.line] == lines[place.line][: place.column] + "\n"
        assert cut[: place.line] + cut[place.line + 1 :] == lines[: place.line] + lines[place.line + 1 :]
        if place.kind == "whole":
            assert not cut[place.line].strip()


def test_a_block_is_cut_out(root: Path) -> None:
    """Its first line keeps the indentation, the others are gone, and what stood behind them stays."""
    (root / "block.py").write_bytes(b"def f():\r\n    a()\r\n    b()\r\n\r\n\r\nc()\r\n" + b"d()\r\n" * 20)
    sources = [one for one in files.sources(root, Grammars()) if one.name == "block.py"]
    (place,) = sample(sources, 0, 0, 1, 5)
    assert (place.kind, place.line, place.column, place.truth) == ("block", 1, 4, "a()\n    b()")
    lines = files.read(place.source.path) or []
    assert hole(lines, place)[:4] == ["def f():\r\n", "    \r\n", "\r\n", "\r\n"]
    assert len(hole(lines, place)) == len(lines) - 1


def test_line_ends_stay(root: Path) -> None:
    """A file with CRLF keeps it on the line that is cut."""
    (root / "crlf.py").write_bytes(b"value = function(argument)\r\n" * 30)
    (place,) = [
        one for one in sample(files.sources(root, Grammars()), 300, 0, 1) if one.source.name == "crlf.py"
    ][:1]
    lines = files.read(place.source.path) or []
    assert hole(lines, place)[place.line] == "value = function(argument)"[: place.column] + "\r\n"


# --- counting


def case(number: int, rank: float | None, exact: bool, **changes: Any) -> Case:
    """A case; without a rank nothing was offered."""
    sure = rank is not None and rank >= -3
    fields: dict[str, Any] = {
        "workspace": "w",
        "language": "python",
        "place": f"{number:012x}",
        "kind": "rest",
        "cursor": "code",
        "stands": "boundary",
        "length": 8,
        "length_class": "6-15",
        "bare": False,
        "predicted": 0 if rank is None else 8,
        "lines": 0 if rank is None else 1,
        "exact": exact,
        "similarity": 100.0 if exact else 40.0,
        "identifiers": exact,
        "first_word": exact,
        "so_far": exact,
        "confidence": None if rank is None else Confidence(rank, min(1.0, 2.0**rank), sure, {"mean": rank}),
        "source": "nothing" if rank is None else "model",
        "filters": (),
        "reason": "" if rank is not None else "no idea",
        "new_errors": None if rank is None else 0,
        "milliseconds": 10.0,
    }
    return Case(**{**fields, **changes})


#: Ten places: right where it is sure, wrong where not, one without an answer.
TEN = [
    case(0, -0.1, True),
    case(1, -0.2, True),
    case(2, -0.3, True),
    case(3, -0.5, False),
    case(4, -1.0, True, language="go"),
    case(5, -2.0, False, new_errors=1, language="go"),
    case(6, -3.0, True, new_errors=None),
    case(7, -4.0, False, filters=("closers",)),
    case(8, -5.0, False, filters=("closers", "echo")),
    case(9, None, False),
]


def test_shares() -> None:
    """A proportion and its standard error, by hand from 3 of 8; without cases there is neither."""
    assert share([True, False, False, False]).share == 0.25
    assert share([True, False, False, False]).error == pytest.approx((3 / 8 * 5 / 8 / 8) ** 0.5)
    assert share([False] * 4).error == pytest.approx((2 / 8 * 6 / 8 / 8) ** 0.5)
    assert share([]).share is None


def test_precision_at_coverage() -> None:
    """By hand: the surest 1, 2, 3, 4, 5, 7 and 10 of ten have 1, 2, 3, 3, 4, 5 and 5 right ones."""
    shuffled = random.Random(1).sample(TEN, len(TEN))
    surest = ranked(shuffled)
    assert [one.place for one in surest] == [one.place for one in TEN]
    right = [precision(surest, part).share for part in COVERAGES]
    assert right == pytest.approx([1, 1, 1, 3 / 4, 4 / 5, 5 / 7, 5 / 10])


def test_calibration_by_hand() -> None:
    """Four claims in two classes: (0.1 + 0.3) / 2 against 1/2 and (0.8 + 1.0) / 2 against 1/2."""
    found = calibration([(1.0, True), (0.1, False), (0.3, True), (0.8, False)], bins=2)
    assert found.bins[0] == Bin(pytest.approx(0.2), 0.5, 2)
    assert found.bins[1] == Bin(pytest.approx(0.9), 0.5, 2)
    assert found.error == pytest.approx((2 * 0.3 + 2 * 0.4) / 4)
    assert found.brier == pytest.approx((0 + 0.01 + 0.49 + 0.64) / 4)
    assert calibration([]).error is None
    assert sum(one.n for one in calibration([(0.5, True)] * 23).bins) == 23


def test_comparison_by_hand() -> None:
    """Two gained, one lost, of four: the difference is a quarter; its error is that of the four differences."""
    found = change([(0, 1), (0, 1), (1, 0), (1, 1)])
    assert (found.before, found.after, found.gained, found.lost) == (0.5, 0.75, 2, 1)
    assert found.error == pytest.approx((((0.75**2) * 2 + 1.25**2 + 0.25**2) / 3 / 4) ** 0.5)


def test_comparison_pairs_the_same_places() -> None:
    """A place that only one run has is left out; a run compared with itself changed nothing."""
    both = pairs(TEN, [*TEN[2:], case(99, -0.1, True)])
    assert len(both) == 8
    assert all(old.place == new.place for old, new in both)
    assert "+0.0 ± 0.0" in compared(both)
    wrong, right = case(1, -0.1, False, kind="block"), case(1, -0.1, True, kind="block")
    assert "block exactly right              1      0.0   100.0" in compared([(wrong, right)])


def test_percentiles() -> None:
    """Nearest rank."""
    assert (speed([]).p50, speed([]).p95) == (None, None)
    assert (speed([3.0, 1.0, 2.0]).p50, speed([3.0, 1.0, 2.0]).p95) == (2.0, 3.0)


def test_figures_by_hand() -> None:
    """Each figure of the ten places; whole lines are counted apart."""
    others = [
        case(20, -0.1, True, kind="whole"),
        case(21, -0.1, False, kind="whole"),
        case(22, -0.1, False, kind="block", first_line=True, language="rust"),
        case(23, None, False, kind="block"),
    ]
    found = figures([*TEN, *others])
    assert (found.all.n, found.all.exact.share, found.all.answered.share) == (10, 0.5, 0.9)
    assert found.all.similarity == pytest.approx(70)
    assert found.whole.exact.share == 0.5
    assert {name: one.rest.n for name, one in found.by_language.items()} == {"python": 8, "go": 2, "rust": 0}
    assert found.gate.coverage.share == 0.7
    assert found.gate.precision.share == pytest.approx(5 / 7)
    assert (found.syntax_safe.n, found.syntax_safe.share) == (6, pytest.approx(5 / 6))
    assert found.filters == {"closers": 2, "echo": 1}
    assert found.nothing == {"no idea": 1}
    assert found.curve[-1] == (1.0, 0.5)
    blocks = found.blocks
    assert (blocks.n, blocks.exact.share, blocks.first_line.share, blocks.answered.share) == (2, 0, 0.5, 0.5)


def test_each_language_has_its_figures() -> None:
    """The same, of its own places only; one that has none but blocks is told of too, last."""
    others = [
        case(20, -0.1, True, kind="whole", language="go"),
        case(21, -0.1, True, kind="block", first_line=True, language="rust"),
    ]
    within = [msgspec.structs.replace(TEN[0], stands="inside word"), *TEN[1:]]
    found = figures([*within, *others]).by_language
    assert list(found) == ["python", "go", "rust"]
    go, python = found["go"], found["python"]
    assert (go.rest.exact.share, go.whole.n, go.blocks.n) == (0.5, 1, 0)
    assert (go.precision["0.2"].share, go.precision["1.0"].share) == (1, 0.5)
    assert (go.gate.coverage.share, go.gate.precision.share) == (1, 0.5)
    assert (python.inside.n, python.inside.exact.share) == (1, 1)
    assert python.by_place["inside word"].n == 1
    assert python.by_length["6-15"] == python.rest.exact
    assert (found["rust"].rest.n, found["rust"].blocks.exact.share) == (0, 1)


def test_figures_of_nothing() -> None:
    """No case at all has no figures, and no fault either."""
    assert figures([]).all.exact.share is None


# --- showing


def report(cases: list[Case]) -> Report:
    product = Product("0.1.0", "bundled <1>", "ab" * 32, "ctransformers", "auto")
    measured = Measured("work & play", "abcdef", "0" * 16, 3, 2, len(cases), 0)
    return Report(product, 1, len(cases), (measured,), figures(cases))


@pytest.mark.parametrize("cases", [TEN, TEN[:1], []], ids=["ten", "one", "none"])
def test_every_report_can_be_shown(cases: list[Case]) -> None:
    """As a table, and as a picture that is XML and refers to nothing outside of it."""
    made = report(cases)
    assert f"{len(cases):>6}" in table(made)
    drawn = picture(made)
    assert ET.fromstring(drawn).tag.endswith("svg")
    assert drawn.count("http") == 1  # the name space
    assert "NaN" not in drawn
    assert "None" not in drawn + table(made)


def test_json_is_stable() -> None:
    """Equal figures make equal bytes; a kept result has no times; it can be read back."""
    data = to_json(report(TEN))
    assert data == to_json(report(list(reversed(TEN))))
    assert msgspec.json.decode(data, type=Report).figures.all.n == 10
    kept = msgspec.json.decode(to_json(report(TEN), kept=True))
    assert not {"speed", "curve"} & kept["figures"].keys()
