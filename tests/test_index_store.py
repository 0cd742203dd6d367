"""The index in memory: its answers are those of a plain search, and the way it came about does not matter."""

import itertools
import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parsers import grammars

from lsp_server.context.symbols import Definition, Import, Outline, Typed
from lsp_server.workspace.index import index as index_module
from lsp_server.workspace.index import reading
from lsp_server.workspace.index import store as stores
from lsp_server.workspace.index.contents import Contents, Unit
from lsp_server.workspace.index.index import Index
from lsp_server.workspace.index.store import Store

NAMES = ["alpha", "beta", "gamma", "delta", "größe", "x"]
PATHS = ["/w/a.py", "/w/b.py", "/w/sub/a.py", "/w/sub/deep/b.py", "/v/a.py"]

_names = st.sampled_from(NAMES)


@st.composite
def units(draw: st.DrawFn) -> tuple[Unit, ...]:
    found, at = [], 0
    for names in draw(st.lists(st.sets(_names), max_size=4)):
        found.append(Unit(at, at + 10, tuple(sorted(names))))
        at += 10
    return tuple(found)


@st.composite
def outlines(draw: st.DrawFn) -> Outline:
    pairs = draw(st.lists(st.tuples(_names, st.sampled_from(["", *NAMES])), max_size=4))
    definitions = tuple(
        Definition(name, "method" if owner else "function", owner, at * 10, at * 10 + 3, at * 10 + 9)
        for at, (name, owner) in enumerate(pairs)
    )
    return Outline(definitions, (Import("m", "n"),), (Typed("t", "T", 3),))


files = st.builds(
    Contents,
    path=st.sampled_from(PATHS),
    size=st.integers(0, 9),
    modified=st.integers(0, 9),
    language=st.sampled_from(["python", "go"]),
    outline=outlines(),
    units=units(),
)
#: What can happen to a store: files are put, one is dropped (a path), order is brought in (``None``).
steps = st.lists(st.one_of(st.lists(files, max_size=3), st.sampled_from(PATHS), st.none()), max_size=12)


def after(history: "list[list[Contents] | str | None]") -> tuple[Store, dict[str, Contents]]:
    """A store that went through it all, and what should be known then."""
    store, known = Store(), dict[str, Contents]()
    for step in history:
        if step is None:
            store.tidy()
        elif isinstance(step, str):
            store.drop([step])
            known.pop(step, None)
        else:
            store.put(step)
            known |= {file.path: file for file in step}
    return store, known


def bm25(
    known: Iterable[Contents], weights: Mapping[str, float], exclude: str, languages: tuple[str, ...]
) -> list[tuple[str, int, int, float]]:
    """The formula as it is written down, over lists."""
    known = list(known)
    all_units = [(file, unit) for file in known for unit in file.units]
    if not all_units:
        return []
    average = sum(len(unit.names) for _, unit in all_units) / len(all_units)
    scored = []
    for file, unit in all_units:
        if file.path == exclude or (languages and file.language not in languages):
            continue
        score = 0.0
        for name, weight in weights.items():
            if name in unit.names:
                n = sum(name in other.names for _, other in all_units)
                idf = math.log(1 + (len(all_units) - n + 0.5) / (n + 0.5))
                score += weight * idf * 2.2 / (1 + 1.2 * (0.25 + 0.75 * len(unit.names) / average))
        if score > 0:
            scored.append((file.path, unit.start, unit.end, score))
    return sorted(scored, key=lambda one: (-round(one[3], 9), one[0], one[1]))


def same_scores(
    found: list[tuple[str, int, int, float]], expected: list[tuple[str, int, int, float]]
) -> bool:
    """Equal but for the last digits, which depend on the order of a sum."""
    rounded = [
        sorted((path, start, end, round(s, 9)) for path, start, end, s in one) for one in (found, expected)
    ]
    return rounded[0] == rounded[1]


@settings(deadline=None, max_examples=150)
@given(steps)
def test_answers_are_those_of_a_plain_search(history: "list[list[Contents] | str | None]") -> None:
    """Whatever happened before: definitions, members, mentions, outlines, paths and folders."""
    store, known = after(history)
    for name in [*NAMES, "unheard-of"]:
        every = [(file.path, one) for file in known.values() for one in file.outline.definitions]
        order = lambda pair: (pair[0], pair[1].start)  # noqa: E731
        assert store.definitions(name) == sorted((pair for pair in every if pair[1].name == name), key=order)
        members = sorted((pair for pair in every if pair[1].owner == name), key=order)
        assert store.members(name) == members
        for path in PATHS:
            assert store.members(name, path) == [pair for pair in members if pair[0] == path]
        places = [
            (f.path, unit.start, unit.end) for f in known.values() for unit in f.units if name in unit.names
        ]
        assert store.mentions(name, 100) == sorted(places)
        assert store.mentions(name, 2) == sorted(places)[:2]
    for path in PATHS:
        file = known.get(path)
        assert store.outline(path) == (file.outline if file else None)
        assert store.status(path) == ((file.size, file.modified) if file else None)
        assert store.language(path) == (file.language if file else "")
    assert store.files_in("/w/sub") == sorted(known.keys() & {"/w/sub/a.py"})
    assert store.files_in("/w/") == sorted(known.keys() & {"/w/a.py", "/w/b.py"})
    assert store.paths_ending("sub/a.py") == sorted(known.keys() & {"/w/sub/a.py"})
    assert store.paths_ending("a.py") == sorted(known.keys() & {"/w/a.py", "/w/sub/a.py", "/v/a.py"})
    assert store.size.files == len(known)
    assert store.size.units == sum(len(file.units) for file in known.values())


@settings(deadline=None, max_examples=150)
@given(
    steps,
    st.dictionaries(_names, st.sampled_from([0.5, 1.0, 2.0])),
    st.sampled_from(["", *PATHS]),
    st.booleans(),
)
def test_similarity_is_bm25(
    history: "list[list[Contents] | str | None]", weights: dict[str, float], exclude: str, only_go: bool
) -> None:
    """Of the living units only, whatever was there before."""
    store, known = after(history)
    languages = ("go",) if only_go else ()
    expected = bm25(known.values(), weights, exclude, languages)
    assert same_scores(store.similar(weights, exclude, 100, languages), expected)
    few = store.similar(weights, exclude, 2, languages)
    assert [round(one[3], 9) for one in few] == [round(one[3], 9) for one in expected[:2]]


@settings(deadline=None, max_examples=100)
@given(steps, st.dictionaries(_names, st.sampled_from([0.5, 1.0]), min_size=1))
def test_the_way_there_does_not_matter(
    history: "list[list[Contents] | str | None]", weights: dict[str, float]
) -> None:
    """A store with a history answers to the digit as one that is made of the same files at once."""
    store, known = after(history)
    anew = Store()
    anew.put(list(known.values()))
    assert store.similar(weights, "", 3) == anew.similar(weights, "", 3)
    while store.tidy():
        pass
    sizes = sorted(one.size for one in store._segments)
    assert all(larger > 2 * size for size, larger in itertools.pairwise(sizes))
    assert store.similar(weights, "", 3) == anew.similar(weights, "", 3)
    assert [store.definitions(name) for name in NAMES] == [anew.definitions(name) for name in NAMES]


@settings(deadline=None, max_examples=100)
@given(steps, st.sets(st.sampled_from(PATHS)), st.booleans())
def test_what_sleeps_does_not_count(
    history: "list[list[Contents] | str | None]", woken: set[str], kept: bool
) -> None:
    """Kept or not: only files that are woken, with the size and the time they had, are in an answer."""
    store, known = after(history)
    if kept:
        parts = store.snapshot()
        store = Store()
        store.sleep([columns for columns, alive in parts if alive.all()])
        known = {
            path: file
            for path, file in known.items()
            if any(path in columns.paths for columns, alive in parts if alive.all())
        }
    else:
        store.sleep()
    assert store.size.files == 0
    assert [store.definitions(name) for name in NAMES] == [[]] * len(NAMES)
    for path in woken:
        file = known.get(path)
        assert not store.wake(path, 77, 77)
        assert store.wake(path, file.size, file.modified) if file else not store.wake(path, 0, 0)
    awake = {path: file for path, file in known.items() if path in woken}
    store.forget_dormant()
    anew = Store()
    anew.put(list(awake.values()))
    assert store.size.files == len(awake)
    assert [store.definitions(name) for name in NAMES] == [anew.definitions(name) for name in NAMES]
    assert store.similar({"alpha": 1.0, "x": 2.0}) == anew.similar({"alpha": 1.0, "x": 2.0})


def test_order_is_brought_in() -> None:
    """Many small segments become few, and what is mostly dead is made anew; the answers stay."""
    store = Store()
    for number in range(40):
        store.put([file(f"/w/{number}.py", f"name{number}")])
    assert store.size.segments == 40
    while store.tidy():
        pass
    assert store.size.segments < 8
    assert store.definitions("name7") == [("/w/7.py", file("/w/7.py", "name7").outline.definitions[0])]
    store.drop(f"/w/{number}.py" for number in range(30))
    while store.tidy():
        pass
    assert sum(len(columns.paths) for columns, _ in store.snapshot()) == 10
    assert store.definitions("name7") == []
    assert store.paths_ending("7.py") == []


def test_names_that_everybody_uses_say_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a bound there is no answer rather than a long one; among a question's names the rarest count."""
    for limit in ("MOST_DEFINITIONS", "MOST_MEMBERS", "MOST_MENTIONS", "_COUNTED"):
        monkeypatch.setattr(stores, limit, 3)
    store = Store()
    store.put([file(f"/w/{number}.py", "common", *(["rare"] if number == 2 else [])) for number in range(4)])
    assert store.definitions("common") == []
    assert store.members("Owner") == []
    assert len(store.members("Owner", "/w/1.py")) == 1
    assert store.mentions("common", 9) == []
    assert [path for path, *_ in store.similar({"common": 1.0, "rare": 1.0})] == ["/w/2.py"]
    store.drop(["/w/0.py", "/w/2.py"])
    assert (
        len(store.definitions("common"))
        == len(store.members("Owner"))
        == len(store.mentions("common", 9))
        == 2
    )


def file(path: str, *names: str) -> Contents:
    definitions = tuple(
        Definition(name, "method", "Owner", at, at, at + 1) for at, name in enumerate(names[:1])
    )
    return Contents(path, 1, 1, "python", Outline(definitions), (Unit(0, 9, names),))


# --- over files on disk


@pytest.fixture
def index() -> Index:
    return Index(grammars())


def test_a_file_is_read_when_it_has_changed(index: Index, tmp_path: Path) -> None:
    """And dropped when it is gone, or nothing that may be read."""
    path = tmp_path / "zoo.py"
    path.write_text("class Zebra:\n    def graze(self): ...\n")
    index.update(str(path))
    assert [one.name for _, one in index.members("Zebra")] == ["graze"]
    assert index.current(str(path))
    path.write_text("class Zebra:\n    def sleeps(self): ...\n")
    assert not index.current(str(path))
    index.update(str(path))
    assert [one.name for _, one in index.members("Zebra")] == ["sleeps"]
    path.write_bytes(b"\0binary")
    index.update(str(path))
    assert index.outline(str(path)) is None
    path.write_text("x = 1\n")
    index.update(str(path))
    path.unlink()
    index.update(str(path))
    assert index.size.files == 0


def test_an_open_text_counts_more_than_its_file(index: Index, tmp_path: Path) -> None:
    """Until it is released, also while the file changes; offsets are those of the text."""
    path = tmp_path / "zoo.py"
    path.write_text("def on_disk(): ...\n")
    index.update(str(path))
    index.override(str(path), "é = 1\r\ndef in_editor(): ...\n", "python")
    path.write_text("def later(): ...\n")
    index.update(str(path))
    assert not index.definitions("on_disk")
    assert not index.definitions("later")
    (found,) = index.definitions("in_editor")
    assert index.text(found[0], found[1].start, found[1].end) == "def in_editor(): ..."
    index.release(str(path))
    assert index.outline(str(path)) is None
    index.update(str(path))
    assert index.definitions("later")
    index.override("untitled:1", "def unsaved(): ...", "python")
    assert index.definitions("unsaved")
    index.release("untitled:1")
    assert not index.definitions("unsaved")


def test_offsets_never_lie(index: Index, tmp_path: Path) -> None:
    """A file that changed since an answer gives no text, and is read anew for the next one."""
    path = tmp_path / "zoo.py"
    path.write_bytes("\ufeffname = 'größe'\ndef graze(): ...\n".encode())
    index.update(str(path))
    ((where, one),) = index.definitions("graze")
    assert index.text(where, one.start, one.end) == "def graze(): ..."
    assert index.text(where, one.start, one.end) == "def graze(): ..."
    path.write_text("# a line more\n" + path.read_text("utf-8-sig"))
    assert index.text(where, one.start, one.end) == ""
    ((where, one),) = index.definitions("graze")
    assert index.text(where, one.start, one.end) == "def graze(): ..."
    path.unlink()
    assert index.text(where, one.start, one.end) == ""
    assert index.text("/nowhere.py", 0, 9) == ""
    assert not index.definitions("graze")


def test_few_sources_are_held(index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those asked for last, so that a question that shows many pieces does not fill the memory."""
    monkeypatch.setattr(index_module, "_SOURCES", 100)
    paths = [tmp_path / f"{number}.py" for number in range(5)]
    for path in paths:
        path.write_text("def graze(): ...\n" * 2)
        index.update(str(path))
        assert index.text(str(path), 0, 9) == "def graze"
    assert index.text(str(paths[3]), 0, 3) == "def"
    assert list(index._sources) == [str(paths[4]), str(paths[3])]
    assert index._held == sum(len(source) for _, source in index._sources.values())


def test_a_file_that_cannot_be_understood_is_still_there(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault in a query, or too long a parse, costs that file's outline only; so do prose and unknown languages."""

    path = tmp_path / "zoo.py"
    path.write_text("def graze(): ...\n" * 1000)

    def fault(*_: object) -> Outline:
        raise RuntimeError("query")

    with monkeypatch.context() as patched:
        patched.setattr(reading, "outline", fault)
        index.update(str(path))
    assert index.outline(str(path)) == Outline()
    path.write_text("def graze(): ...\n" * 1001)
    with monkeypatch.context() as patched:
        patched.setattr(reading, "_PARSE_LIMIT", -1.0)
        index.update(str(path))
    assert index.outline(str(path)) == Outline()
    for name in ("zoo.hs", "zoo.md"):
        other = tmp_path / name
        other.write_text("graze = 1\n")
        index.update(str(other))
        assert index.outline(str(other)) == Outline()
        assert index.mentions("graze", 9) == []
        assert index.paths_ending(name) == [str(other)]
