"""The workspace's files: listed once each, in a useful order, and followed as they change on a real disk."""

import errno
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lsp_server.base.errors import ResourceError
from lsp_server.base.sourcefile import MAX_BYTES
from lsp_server.context.languages import Grammars
from lsp_server.workspace import inotify, watch
from lsp_server.workspace.files import Limits, below, files
from lsp_server.workspace.filetypes import FileTypes
from lsp_server.workspace.ignore import IgnoreRules
from lsp_server.workspace.tree import WorkspaceTree
from lsp_server.workspace.watch import Changes, FileWatch, TreeWatch

#: Seconds after which a test gives up waiting. Reached only when it fails.
PATIENCE = 30

TYPES = FileTypes(Grammars())


def write(folder: Path, *names: str, text: str = "x = 1\n") -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def listed(*roots: Path, near: Path | None = None, limits: Limits | None = None) -> list[str]:
    """The paths below the first root's parent that are listed, in order."""
    rules = IgnoreRules([str(root) for root in roots])
    found = files(rules, TYPES, str(near) if near else None, limits or Limits())
    return [os.path.relpath(entry.path, roots[0].parent) for entry in found]


# -- which files


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("a.py", "python"),
        ("a.pyi", "python"),
        ("A.PY", "python"),
        ("a.tsx", "tsx"),
        ("a.tar.go", "go"),
        ("Makefile", "make"),
        ("CMakeLists.txt", "cmake"),
        ("notes.txt", None),
        ("data.json", None),
        ("settings.jsonc", None),
        ("package-lock.json", None),
        ("index.jsx", "javascript"),
        ("run.sh", "bash"),
        ("notes.md", "markdown"),
        ("a.", None),
        ("py", None),
        (".py", "python"),
        ("", None),
        (".gitignore", None),
    ],
)
def test_the_language_of_a_name(name: str, language: str | None) -> None:
    """Extensions and whole names are known; data and text of any kind are no source."""
    assert TYPES.language(name) == language


def test_a_grammars_patterns_count_first(tmp_path: Path) -> None:
    """A language that has a folder of its own needs no line in the table, and wins over one."""
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "language.toml").write_text('name = "odd"\npatterns = ["*.zig", "Oddfile"]\n')
    types = FileTypes(Grammars(tmp_path))
    assert [types.language(name) for name in ("a.zig", "Oddfile", "a.kt")] == ["odd", "odd", "kotlin"]


def test_a_damaged_table(tmp_path: Path) -> None:
    """It is said what to do."""
    (tmp_path / "types.toml").write_text("python = 1")
    with pytest.raises(ResourceError, match="Install Offhand again"):
        FileTypes(Grammars(), tmp_path / "types.toml")


def test_what_is_listed(tmp_path: Path) -> None:
    """Source files of a decent size, each with what is known of it without reading it."""
    root = tmp_path / "root"
    write(root, "a.py", "lib/b.rs", "node_modules/c/d.js", "secrets.py", "note.txt", "gen/e.py", "x.lock")
    write(root, ".gitignore", text="gen/\n")
    write(root, "huge.py", text="x" * (MAX_BYTES + 1))
    os.mkfifo(root / "pipe.py")
    found = list(files(IgnoreRules([str(root)]), TYPES))
    assert [os.path.relpath(entry.path, root) for entry in found] == ["a.py", "lib/b.rs"]
    status = (root / "lib" / "b.rs").stat()
    assert (found[1].size, found[1].modified, found[1].language) == (
        status.st_size,
        status.st_mtime_ns,
        "rust",
    )


def test_links_are_not_followed(tmp_path: Path) -> None:
    """Neither loops, nor links to what is inside, nor to what is outside."""
    root = tmp_path / "root"
    write(root, "a/b.py")
    write(tmp_path, "outside/c.py")
    (root / "a" / "loop").symlink_to(root)
    (root / "again").symlink_to(root / "a")
    (root / "out").symlink_to(tmp_path / "outside")
    (root / "link.py").symlink_to(root / "a" / "b.py")
    (root / "dangling.py").symlink_to(root / "nothing.py")
    assert listed(root) == ["root/a/b.py"]


def test_a_root_may_be_a_link(tmp_path: Path) -> None:
    """Its files have the paths that the editor knows, and are listed once even if the folder is a root itself."""
    write(tmp_path, "real/a.py")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert listed(tmp_path / "link", tmp_path / "real") == ["link/a.py"]


def test_several_roots_and_roots_in_roots(tmp_path: Path) -> None:
    """Each file once; a root is listed even where the one around it ignores it."""
    one, inner = tmp_path / "one", tmp_path / "one" / "gen" / "inner"
    write(one, "a.py", "gen/b.py", "gen/inner/c.py", "sub/d.py")
    write(one, ".gitignore", text="gen/\n")
    write(tmp_path, "two/e.py")
    roots = [one, inner, one / "sub", tmp_path / "two"]
    assert sorted(listed(*roots)) == ["one/a.py", "one/gen/inner/c.py", "one/sub/d.py", "two/e.py"]


def test_the_nearest_come_first(tmp_path: Path) -> None:
    """The folder of the open file with what is in it, then the one around it, and so on outward."""
    root = tmp_path / "root"
    write(root, "a.py", "near/b.py", "near/here/c.py", "near/here/in/d.py", "near/x/e.py", "far/f.py")
    assert listed(root, near=root / "near" / "here" / "c.py") == [
        "root/near/here/c.py",
        "root/near/here/in/d.py",
        "root/near/b.py",
        "root/near/x/e.py",
        "root/a.py",
        "root/far/f.py",
    ]
    assert len(listed(root, near=tmp_path / "elsewhere" / "x.py")) == 6


def test_limits(tmp_path: Path) -> None:
    """So many files, and so many bytes, and no more."""
    root = tmp_path / "root"
    write(root, *[f"{number}.py" for number in range(9)], text="12345")
    assert len(listed(root, limits=Limits(files=4))) == 4
    assert len(listed(root, limits=Limits(bytes=17))) == 3


def test_folders_that_cannot_be_read(tmp_path: Path) -> None:
    """They, and roots that do not exist, are passed over."""
    root = tmp_path / "root"
    write(root, "a.py", "shut/b.py")
    (root / "shut").chmod(0)
    try:
        shut = not os.access(root / "shut", os.R_OK)  # root may read everything
        assert listed(root, tmp_path / "missing") == ["root/a.py"] + ([] if shut else ["root/shut/b.py"])
    finally:
        (root / "shut").chmod(0o700)


def test_a_folder_that_fails_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It costs its own files only."""
    root = tmp_path / "root"
    write(root, "a.py", "bad/b.py", "good/c.py")
    scandir = os.scandir

    def failing(path: str) -> object:
        if path.endswith("bad"):
            raise PermissionError(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", failing)
    assert listed(root) == ["root/a.py", "root/good/c.py"]


# -- what becomes of them


class Seen:
    """What a watch told, as the state that a listener would have."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: set[str] = set()
        self.calls: list[Changes] = []
        self.known: list[int] = []  # files each time that all were told
        self._news = threading.Condition()

    def __call__(self, changes: Changes) -> None:
        with self._news:
            self.calls.append(changes)
            self.files |= {entry.path for entry in changes.changed}
            for path in changes.removed:
                self.files -= {file for file in self.files if file == path or file.startswith(path + os.sep)}
            self._news.notify_all()

    def changed(self, paths: list[str]) -> None:
        with self._news:
            self.files |= set(paths)
            self.calls.append(Changes())
            self._news.notify_all()

    def removed(self, paths: list[str]) -> None:
        with self._news:
            assert set(paths) <= self.files
            self.files -= set(paths)
            self.calls.append(Changes())
            self._news.notify_all()

    def all_told(self) -> None:
        with self._news:
            self.known.append(len(self.files))
            self._news.notify_all()

    def until(self, condition: Callable[[], bool]) -> None:
        with self._news:
            assert self._news.wait_for(condition, PATIENCE), (self.names, self.calls[-3:])

    @property
    def names(self) -> set[str]:
        return {os.path.relpath(path, self.root) for path in self.files}


@pytest.fixture(params=[False, True], ids=["by folder", "recursive"])
def seen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Seen]:
    """A watch over a folder with two files and an ignored folder, by each of the two ways to watch."""
    root = tmp_path / "root"
    write(root, "a.py", "lib/b.py", "gen/c.py")
    write(root, ".gitignore", text="gen/\n")
    seen = Seen(root)
    rules = IgnoreRules([str(root)])
    tree = TreeWatch(rules, TYPES, seen, recursive=request.param)
    seen.files = {entry.path for entry in below(str(root), rules, TYPES, tree.add)}
    assert tree.fault == ""
    yield seen
    tree.close()


def test_files_come_change_and_go(seen: Seen) -> None:
    """Creating, writing, renaming and deleting are told; what is ignored or no source is not."""
    write(seen.root, "new.py", "gen/d.py", "lib/note.txt")
    seen.until(lambda: "new.py" in seen.names)
    write(seen.root, "lib/b.py", text="y = 2\n")
    seen.until(lambda: any(entry.path.endswith("b.py") for call in seen.calls for entry in call.changed))
    (seen.root / "a.py").rename(seen.root / "lib" / "moved.py")
    seen.until(lambda: seen.names == {"new.py", "lib/b.py", "lib/moved.py"})
    (seen.root / "new.py").unlink()
    seen.until(lambda: seen.names == {"lib/b.py", "lib/moved.py"})
    told = {entry.path for call in seen.calls for entry in call.changed}
    assert not [path for path in told if "gen" in path or path.endswith(".txt")]
    assert not any(call.relist for call in seen.calls)


def test_an_editor_saves_by_renaming(seen: Seen) -> None:
    """The file is told as changed, its temporary double is not, and nothing as removed."""
    write(seen.root, "a.py~", text="z = 3\n")
    (seen.root / "a.py~").replace(seen.root / "a.py")
    seen.until(lambda: bool(seen.calls))
    assert [os.path.basename(entry.path) for call in seen.calls for entry in call.changed] == ["a.py"]
    assert seen.names == {"a.py", "lib/b.py"}


def test_folders_come_move_and_go(seen: Seen) -> None:
    """With all that is in them, and what is written in them afterwards is seen too."""
    write(seen.root, "deep/er/x.py", "deep/er/y.py")
    seen.until(lambda: {"deep/er/x.py", "deep/er/y.py"} <= seen.names)
    (seen.root / "deep").rename(seen.root / "lib" / "other")
    seen.until(lambda: seen.names == {"a.py", "lib/b.py", "lib/other/er/x.py", "lib/other/er/y.py"})
    write(seen.root, "lib/other/er/z.py")
    seen.until(lambda: "lib/other/er/z.py" in seen.names)
    shutil.rmtree(seen.root / "lib")
    seen.until(lambda: seen.names == {"a.py"})


def test_a_folder_moves_in_from_outside_and_out_again(seen: Seen) -> None:
    """What lies outside is nobody's business."""
    outside = seen.root.parent / "outside"
    write(outside, "x.py", "in/y.py")
    outside.rename(seen.root / "inside")
    seen.until(lambda: {"inside/x.py", "inside/in/y.py"} <= seen.names)
    (seen.root / "inside").rename(outside)
    seen.until(lambda: seen.names == {"a.py", "lib/b.py"})
    write(outside, "in/z.py")
    write(seen.root, "last.py")
    seen.until(lambda: "last.py" in seen.names)
    assert seen.names == {"a.py", "lib/b.py", "last.py"}


def test_an_ignore_file_changes(seen: Seen) -> None:
    """It is said that only a new listing tells what there is."""
    write(seen.root, "lib/.gitignore", text="b.py\n")
    seen.until(lambda: any(call.relist for call in seen.calls))


def test_what_a_listener_raises_is_only_logged(tmp_path: Path) -> None:
    """The next change is told all the same."""
    calls: list[Changes] = []
    done = threading.Event()

    def broken(changes: Changes) -> None:
        calls.append(changes)
        done.set()
        raise ValueError("broken")

    tree = TreeWatch(IgnoreRules([str(tmp_path)]), TYPES, broken)
    tree.add(str(tmp_path))
    for name in ("a.py", "b.py"):
        done.clear()
        write(tmp_path, name)
        assert done.wait(PATIENCE)
    tree.close()
    assert len(calls) == 2


def test_lost_events_mean_a_new_listing(tmp_path: Path) -> None:
    """As the kernel tells when its queue is full."""
    seen = Seen(tmp_path)
    tree = TreeWatch(IgnoreRules([str(tmp_path)]), TYPES, seen, recursive=False)
    events = tree._events
    assert isinstance(events, inotify.Inotify)
    events._event(-1, inotify._OVERFLOW, b"")
    seen.until(lambda: seen.calls == [Changes(relist=True)])
    tree.close()


@pytest.mark.parametrize(
    ("number", "reason"),
    [(errno.EMFILE, "fs.inotify.max_user_instances"), (errno.ENOSPC, "fs.inotify.max_user_watches")],
)
def test_without_inotify_there_is_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, reason: str
) -> None:
    """Running out costs the watching, and one sentence says so."""

    def fail(*_arguments: object) -> None:
        raise OSError(number, os.strerror(number))

    if number == errno.EMFILE:
        monkeypatch.setattr(watch, "Inotify", fail)
    else:
        monkeypatch.setattr(inotify.Inotify, "add", fail)
    tree = TreeWatch(IgnoreRules([str(tmp_path)]), TYPES, Seen(tmp_path), recursive=False)
    tree.add(str(tmp_path))
    tree.add(str(tmp_path / "lib"))
    tree.close()
    assert reason in tree.fault


def test_a_root_that_goes(seen: Seen) -> None:
    """All its files go with it."""
    shutil.rmtree(seen.root)
    seen.until(lambda: not seen.files)


def test_a_root_that_was_never_there(tmp_path: Path) -> None:
    """There is nothing to list and nothing to watch, and a reason."""
    seen = Seen(tmp_path)
    tree = WorkspaceTree([str(tmp_path / "missing")], TYPES, seen.changed, seen.removed)
    tree.close()
    assert tree.count == 0


def test_file_watch_still_watches_one_file(tmp_path: Path) -> None:
    """The settings file, which may not exist yet."""
    changed = threading.Event()
    one = FileWatch(tmp_path / "config.toml", changed.set)
    write(tmp_path, "config.toml")
    assert changed.wait(PATIENCE)
    one.close()


# -- both together


def git(folder: Path, *arguments: str) -> None:
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", "-c", "user.name=n", "-c", "user.email=e", *arguments]
    subprocess.run(command, cwd=folder, env={**os.environ, **quiet}, check=True, capture_output=True)


def test_it_is_said_when_all_were_told(tmp_path: Path) -> None:
    """Behind the last of them, and again after a new listing; sizes are those of files that are there."""
    root = tmp_path / "root"
    write(root, *[f"f{number}.py" for number in range(100)], "gen/b.py")
    seen = Seen(root)
    tree = WorkspaceTree([str(root)], TYPES, seen.changed, seen.removed, all_told=seen.all_told)
    seen.until(lambda: bool(seen.known))
    assert seen.known == [101]
    assert tree.size(str(root / "f1.py")) == 6
    assert tree.size(str(root / "f1000.py")) is None
    write(root, ".gitignore", text="gen/\n")
    seen.until(lambda: len(seen.known) > 1)
    assert seen.known[-1] == 100
    tree.close()


def test_a_branch_switch_is_few_calls(tmp_path: Path) -> None:
    """Real git takes 500 files away, brings 500 others and changes one."""
    root = tmp_path / "root"
    write(root, *[f"old{number % 10}/f{number}.py" for number in range(500)], "same.py", "other.py")
    git(root.parent, "init", "-q", "root")
    git(root, "add", ".")
    git(root, "commit", "-qm", "old")
    git(root, "checkout", "-qb", "next")
    git(root, "rm", "-rq", *[f"old{number}" for number in range(10)])
    write(root, *[f"new{number % 10}/f{number}.py" for number in range(500)])
    write(root, "other.py", text="y = 22\n")
    git(root, "add", ".")
    git(root, "commit", "-qm", "next")
    git(root, "checkout", "-q", "-")
    seen = Seen(root)
    tree = WorkspaceTree([str(root)], TYPES, seen.changed, seen.removed)
    seen.until(lambda: len(seen.files) == 502)
    before = len(seen.calls)
    git(root, "checkout", "-q", "next")
    expected = {f"new{number % 10}/f{number}.py" for number in range(500)} | {"same.py", "other.py"}
    seen.until(lambda: seen.names == expected)
    assert len(seen.calls) - before <= 8
    tree.close()


def test_the_tree_follows_ignore_files(tmp_path: Path) -> None:
    """What is ignored from now on is removed and not watched any more; what is not, appears."""
    root = tmp_path / "root"
    write(root, "a.py", "gen/b.py", "gen/in/c.py", "out/d.py")
    write(root, ".gitignore", text="out/\n")
    seen = Seen(root)
    tree = WorkspaceTree([str(root)], TYPES, seen.changed, seen.removed)
    seen.until(lambda: seen.names == {"a.py", "gen/b.py", "gen/in/c.py"})
    assert tree.rules.ignored(str(root / "out" / "d.py"))
    write(root, ".gitignore", text="gen/\n")
    seen.until(lambda: seen.names == {"a.py", "out/d.py"})
    write(root, ".offhandignore", text="out/d.py\n!gen/\n")
    seen.until(lambda: seen.names == {"a.py", "gen/b.py", "gen/in/c.py"})
    assert tree.rules.ignored(str(root / "out" / "d.py"))
    write(root, "gen/in/e.py")
    seen.until(lambda: "gen/in/e.py" in seen.names)
    tree.close()


def test_a_virtual_environment_is_made(tmp_path: Path) -> None:
    """Its mark may come after the folder; then what was told of it is taken back."""
    root = tmp_path / "root"
    write(root, "a.py", "env/bin/activate.py")
    seen = Seen(root)
    tree = WorkspaceTree([str(root)], TYPES, seen.changed, seen.removed)
    seen.until(lambda: seen.names == {"a.py", "env/bin/activate.py"})
    write(root, "env/pyvenv.cfg")
    seen.until(lambda: seen.names == {"a.py"})
    tree.close()


def test_a_new_folder_with_an_ignore_file_of_its_own(tmp_path: Path) -> None:
    """The folder is judged by what its file says when it is told of, not when it was made."""
    seen = Seen(tmp_path)
    tree = WorkspaceTree([str(tmp_path)], TYPES, seen.changed, seen.removed)
    write(tmp_path, "first.py")
    seen.until(lambda: seen.names == {"first.py"})
    (tmp_path / "new").mkdir()
    write(tmp_path, "new/.gitignore", text="gen.py\n")
    write(tmp_path, "new/gen.py", "new/own.py")
    seen.until(lambda: "new/own.py" in seen.names)
    assert seen.names == {"first.py", "new/own.py"}
    tree.close()


def test_the_tree_pauses(tmp_path: Path) -> None:
    """While the caller's event is not set nothing is told; then the nearest come first."""
    root = tmp_path / "root"
    write(root, "near/a.py", *[f"far{number}/b.py" for number in range(100)])
    go = threading.Event()
    batches: list[list[str]] = []
    done = threading.Event()

    def changed(paths: list[str]) -> None:
        assert go.is_set()
        batches.append(paths)
        if sum(map(len, batches)) == 101:
            done.set()

    near = str(root / "near" / "a.py")
    tree = WorkspaceTree([str(root)], TYPES, changed, lambda _paths: None, near, go)
    assert tree.count == 0
    go.set()
    assert done.wait(PATIENCE)
    tree.close()
    assert batches[0][0] == near
    assert len(batches[0]) < 101


def test_closing_while_paused(tmp_path: Path) -> None:
    """It does not wait for the caller's event."""
    write(tmp_path, "a.py")
    tree = WorkspaceTree(
        [str(tmp_path)], TYPES, lambda _paths: None, lambda _paths: None, go=threading.Event()
    )
    tree.close()
    assert tree.count == 0


def test_the_tree_holds_to_its_limits(tmp_path: Path) -> None:
    """Files that come later are not taken beyond them; one that goes makes room."""
    root = tmp_path / "root"
    write(root, "a.py", "b.py")
    seen = Seen(root)
    tree = WorkspaceTree([str(root)], TYPES, seen.changed, seen.removed, limits=Limits(files=2))
    seen.until(lambda: seen.names == {"a.py", "b.py"})
    (root / "a.py").unlink()
    write(root, "c.py", "d.py")
    seen.until(lambda: seen.names == {"b.py", "c.py"})
    tree.close()
