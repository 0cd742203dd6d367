"""What the indexer does next: the most urgent thing, one at a time; and when it keeps the index."""

from collections.abc import Callable
from pathlib import Path

import pytest
from parsers import grammars

from lsp_server.workspace.index import kept, work
from lsp_server.workspace.index.index import Index
from lsp_server.workspace.index.messages import Override
from lsp_server.workspace.index.work import Work


class Clock:
    """Stands unless it is set on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Desk:
    """A work over some files, and what it did."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.read: list[str] = []
        self.index = Index(grammars())
        self.work = Work(self.index, "print", self.read.append)
        self.work.begin(folder / "x.index", ())

    def write(self, *names: str, text: str = "def graze(): ...\n") -> list[str]:
        for name in names:
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return [str(self.folder / name) for name in names]

    def settle(self) -> float | None:
        """Work until there is nothing to do just now; how long that holds."""
        for _ in range(1000):
            left = self.work.step()
            if left != 0.0:
                return left
        raise AssertionError("it does not end")

    def names(self) -> list[str]:
        """Of the files that were read, in order, since the last time."""
        read, self.read[:] = [Path(path).name for path in self.read if path], []
        return read


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(work, "time", clock)
    return clock


@pytest.fixture
def desk(tmp_path: Path, clock: Clock) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def saves(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many files were in each index that was kept."""
    found: list[int] = []
    save: Callable[..., None] = kept.save

    def noted(path: Path, fingerprint: str, parts: "list[tuple[object, object]]") -> None:
        found.append(sum(int(mask.sum()) for _, mask in parts))  # type: ignore[attr-defined]
        save(path, fingerprint, parts)

    monkeypatch.setattr(kept, "save", noted)
    return found


def test_one_file_a_step(desk: Desk) -> None:
    """In the order told, each once however often it was told of; what is the same is not read again."""
    paths = desk.write("a.py", "b.py", "c.py")
    desk.work.tell(paths)
    desk.work.tell(paths)
    assert desk.work.waiting == 3
    for left in (2, 1, 0):
        assert desk.work.step() == 0.0
        assert desk.work.waiting == left
    assert desk.read == [*paths, ""]
    desk.read.clear()
    desk.work.tell(paths)
    desk.settle()
    assert desk.read == [""]


def test_open_texts_come_first_and_what_lies_beside_them_next(desk: Desk) -> None:
    """Whatever was told before; of several texts for one document the last counts."""
    desk.work.tell(desk.write("far/a.py", "near/b.py", "far/c.py"))
    text = str(desk.folder / "near" / "open.py")
    desk.work.override(Override(text, "def first(): ...\n", "python"))
    desk.work.override(Override(text, "def second(): ...\n", "python"))
    desk.work.tell(desk.write("near/d.py"))
    desk.settle()
    assert desk.names() == ["open.py", "b.py", "d.py", "a.py", "c.py"]
    assert desk.index.definitions("second")
    assert not desk.index.definitions("first")


def test_a_document_that_is_closed(desk: Desk) -> None:
    """Its file is read if it is one of the workspace's; a text that waited is forgotten."""
    (path,) = desk.write("a.py")
    other = str(desk.folder / "unsaved.py")
    desk.work.tell([path])
    desk.work.override(Override(path, "def in_editor(): ...\n", "python"))
    desk.work.override(Override(other, "def unsaved(): ...\n", "python"))
    desk.settle()
    desk.work.override(Override(path, "def waiting(): ...\n", "python"))
    desk.work.release(path)
    desk.work.release(other)
    desk.settle()
    assert [desk.index.outline(one) is None for one in (path, other)] == [False, True]
    assert desk.index.definitions("graze")
    assert not desk.index.definitions("waiting")


def test_refused_files_are_not_looked_into(desk: Desk) -> None:
    """Not as files and not as open texts; that they are there is known."""
    (path,) = desk.write("a.py")
    desk.work.begin(desk.folder / "x.index", [path])
    desk.work.tell([path])
    desk.settle()
    desk.work.override(Override(path, "def in_editor(): ...\n", "python"))
    desk.settle()
    assert desk.index.paths_ending("a.py") == [path]
    assert not desk.index.definitions("graze")
    assert not desk.index.definitions("in_editor")


def test_it_is_kept_when_it_is_whole_and_rarely_then(desk: Desk, clock: Clock, saves: list[int]) -> None:
    """Not while things happen, not more often than every five minutes, not when nothing has changed."""
    desk.work.tell(desk.write("a.py", "b.py"))
    assert desk.settle() == work._QUIET
    clock.now += work._QUIET
    assert desk.settle() is None
    desk.work._wait()
    assert saves == [2]
    desk.work.tell(desk.write("c.py"))
    assert desk.settle() == work._EVERY
    clock.now += work._EVERY - 1
    desk.work.tell(desk.write("d.py"))
    assert desk.settle() == work._QUIET
    clock.now += work._QUIET
    assert desk.settle() is None
    desk.work._wait()
    assert saves == [2, 4]
    clock.now += 10 * work._EVERY
    assert desk.settle() is None
    desk.work.keep()
    assert saves == [2, 4]


def test_it_is_kept_at_the_end(desk: Desk, saves: list[int]) -> None:
    """With what was read so far and not put in yet."""
    desk.work.tell(desk.write("a.py", "b.py"))
    desk.work.step()
    desk.work.keep()
    assert saves == [1]


def test_another_workspace(desk: Desk, saves: list[int]) -> None:
    """The one before is kept; a file that belongs to both is not read again; what was not told of goes in the end."""
    a, b, c = desk.write("a.py", "b.py", "c.py")
    desk.work.tell([a, b])
    desk.work.override(Override(c, "def in_editor(): ...\n", "python"))
    desk.settle()
    assert desk.names() == ["c.py", "a.py", "b.py"]
    desk.work.begin(desk.folder / "y.index", ())
    assert saves == [2]
    assert desk.index.size.files == 0
    desk.work.tell([b, c])
    desk.work.listed()
    desk.settle()
    assert desk.names() == ["c.py"]
    assert [path for path, _ in desk.index.definitions("graze")] == [b, c]
    desk.work.begin(desk.folder / "x.index", ())
    desk.work.tell([a, b])
    desk.settle()
    assert desk.names() == []
    assert [path for path, _ in desk.index.definitions("graze")] == [a, b]
