"""What ``offhand bench typing`` types, and when: scripts and typists. Nothing is typed here."""

import itertools
import math
import random
import shutil
import statistics
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.base.errors import OffhandError
from lsp_server.base.text import content
from lsp_server.bench import files
from lsp_server.bench.languages import LANGUAGES
from lsp_server.bench.typing.keys import Key, keys_of, unit_of
from lsp_server.bench.typing.script import Script, Stretch, Visit, script
from lsp_server.bench.typing.typist import PROFILES, gaps
from lsp_server.context.languages import Grammars
from tests.rawclient import ROOT

FIXTURES = ROOT / "tests" / "fixtures" / "languages"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file in each language, the longer sample, and a test that must not be typed."""
    home = tmp_path_factory.mktemp("shop")
    for language in LANGUAGES:
        source = FIXTURES / f"{language.name}.txt"
        if source.exists():
            shutil.copy(source, home / f"sample{language.endings[0]}")
    sample = (ROOT / "lsp_server" / "cli" / "sample" / "inventory.py").read_text()
    (home / "inventory.py").write_text(sample)
    (home / "windows.py").write_bytes(sample.replace("\n", "\r\n").encode())
    (home / "test_inventory.py").write_text(sample * 4)
    return home


def written(made: Script, document: int) -> str:
    """A document after all of its stretches were typed, from the last one to the first."""
    lines = made.documents[document].text.split("\n")
    mine = [one for one in made.stretches if one.document == document]
    for one in sorted(mine, key=lambda one: -one.line):
        assert len(lines[one.line]) == one.column
        for key in one.keys:
            before = lines[one.line]
            lines[one.line] = key.after(before)
            assert "\n" not in before[len(before) - key.remove :]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "language", [one.name for one in LANGUAGES if (FIXTURES / f"{one.name}.txt").exists()]
)
def test_typing_a_script_makes_the_files(folder: Path, language: str) -> None:
    """Whatever was cut out is typed anew, to the character, with any seed."""
    sources = files.sources(folder, Grammars(), language)
    for seed in range(5):
        made = script(sources, 400, seed)
        for number, document in enumerate(made.documents):
            original = files.read(Path(document.path)) or []
            assert written(made, number) == "\n".join(content(line) for line in original)


@given(
    st.lists(st.tuples(st.sampled_from(["", "  ", "    ", "\t", "\t\t", "        "]), st.text("ab(:\t é😀"))),
    st.integers(0, 99),
)
def test_keys_write_any_lines(lines: list[tuple[str, str]], seed: int) -> None:
    """Mixed indentation, blank lines with and without blanks, trailing blanks, astral characters."""
    texts = [*("".join(line) for line in lines), "end"]
    typed = "    above:"
    for key in keys_of(typed, texts, 4, random.Random(seed)):
        assert "\n" not in typed[len(typed) - key.remove :]
        typed = key.after(typed)
    assert typed == "\n".join(("    above:", *texts))


def test_keys_are_those_of_an_editor_that_indents() -> None:
    """Enter brings the indentation or keeps it, a dedent takes one step back, a blank line is left blank."""

    class Certain(random.Random):
        def random(self) -> float:
            return 1.0  # nothing goes wrong

    lines = ["        if a:", "", "            b", "    c"]
    assert [key for key in keys_of("    def f():", lines, 4, Certain()) if key.kind != "type"] == [
        Key("enter", "\n        "),
        Key("enter", "\n            "),
        Key("enter", "\n            ", remove=12),
        Key("enter", "\n            "),
        Key("dedent", remove=4),
        Key("dedent", remove=4),
    ]


def test_the_step_of_indentation_is_the_files_own() -> None:
    """The commonest one; four columns where there is none."""
    assert unit_of(["a", "  b", "    c", "", "d", "  e"]) == 2
    assert unit_of(["a", "\tb"]) == 4


def test_a_script_is_the_same_for_a_seed(folder: Path) -> None:
    """The same files, keys and seed; another seed types something else, and tests are not typed."""
    sources = files.sources(folder, Grammars(), "python")
    first, again, other = (script(sources, 600, seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert not any("test_" in document.path for document in (*first.documents, *other.documents))


def test_a_script_is_about_as_long_as_asked(folder: Path) -> None:
    """The last line is written to its end; where there is not enough code there are fewer keys."""
    sources = files.sources(folder, Grammars())
    for keys in (40, 200, 600):
        assert keys - 60 <= script(sources, keys, 3).keys <= keys + 100
    assert 1_000 < script(sources, 100_000, 3).keys < 20_000


def test_visits_write_everything_and_come_back(folder: Path) -> None:
    """Each stretch is written to its end, its lines in order; places of one file and of others take turns."""
    made = script(files.sources(folder, Grammars()), 1_500, 1)
    for number, stretch in enumerate(made.stretches):
        ends = [visit.until for visit in made.visits if visit.stretch == number]
        assert ends == sorted(set(ends))
        assert ends[-1] == len(stretch.keys)


def test_places_take_turns(folder: Path) -> None:
    """People go from one place of a file to another one, to another file, and back to where they were."""
    seen = set()
    for seed in range(5):
        made = script(files.sources(folder, Grammars(), "python"), 1_500, seed)
        here: list[int] = []
        for visit in made.visits:
            document = made.stretches[visit.stretch].document
            if here and visit.stretch != here[-1]:
                same = document == made.stretches[here[-1]].document
                seen.add(("back " if visit.stretch in here else "on ") + ("same" if same else "other"))
            here.append(visit.stretch)
    assert seen == {"on same", "on other", "back same", "back other"}


def test_six_of_a_hundred_keys_are_backspaces() -> None:
    """As many characters go wrong as are taken back, now and then two at once."""
    keys = keys_of("", ["a" * 20_000], 4, random.Random(1))
    back, wrong = (sum(key.kind == kind for key in keys) for kind in ("back", "wrong"))
    assert back == wrong
    assert 0.055 < back / len(keys) < 0.065
    assert any(one.kind == two.kind == "back" for one, two in itertools.pairwise(keys))


def test_a_folder_without_bodies_is_refused(tmp_path: Path) -> None:
    """One sentence."""
    (tmp_path / "flat.py").write_text("a = 1\n" * 60)
    with pytest.raises(OffhandError, match="no code that could be typed"):
        script(files.sources(tmp_path, Grammars()), 100, 1)


def long_script(keys: int) -> Script:
    """Lines of twenty keys, without slips."""
    some = [Key("enter" if number % 20 == 0 else "type", "a") for number in range(keys)]
    return Script((), (Stretch(0, 0, 0, "", tuple(some)),), (Visit(0, keys),) * 2_000)


@pytest.mark.parametrize("name", PROFILES)
def test_a_typist_types_as_the_formula_says(name: str) -> None:
    """The share of gaps that are longer than some times is that of a log-normal distribution with some pauses."""
    profile = PROFILES[name]
    drawn = gaps(long_script(20_000), profile, 1)
    for limit in (100, 150, 200, 300, 500, 1_000):
        parts = (
            (1 - profile.pauses, profile.median, profile.sigma),
            (profile.pauses, profile.pause, 0.9),
        )
        expected = sum(
            part * statistics.NormalDist(math.log(median), sigma).cdf(-math.log(limit) + 2 * math.log(median))
            for part, median, sigma in parts
        )
        assert abs(sum(gap > limit for gap in drawn.keys[0]) / 20_000 - expected) < 0.015
    assert max(drawn.keys[0]) == 8_000
    assert abs(statistics.median(drawn.visits) / profile.pause - 1) < 0.1


def test_pauses_are_where_lines_end() -> None:
    """A pause before Enter, or before a line's first character, is likelier than inside a line."""
    drawn = gaps(long_script(20_000), PROFILES["typical"], 1).keys[0]
    at_ends, inside = (
        [drawn[n] for n in range(20_000) if (n % 20 < 2) == wanted] for wanted in (True, False)
    )
    shares = [sum(gap > 1_200 for gap in some) / len(some) for some in (at_ends, inside)]
    assert shares[0] > 4 * shares[1] > 0


def test_gaps_are_the_same_for_a_seed() -> None:
    """Whoever completes, and whatever is accepted, the rhythm is the same; another typist or seed has another."""
    typed = long_script(100)
    first = gaps(typed, PROFILES["fast"], 1)
    assert first == gaps(typed, PROFILES["fast"], 1)
    assert first.keys != gaps(typed, PROFILES["fast"], 2).keys
    assert first.keys != gaps(typed, PROFILES["slow"], 1).keys
    assert first.seconds == pytest.approx((sum(first.keys[0]) + sum(first.visits) + first.last) / 1_000)
