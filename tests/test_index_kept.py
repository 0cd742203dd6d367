"""The index on disk: what was kept comes back, and what is not whole, or of another make, does not."""

import logging
import os
import stat
from pathlib import Path

import pytest

from lsp_server.context.languages import Grammars
from lsp_server.context.symbols import Definition, Outline
from lsp_server.workspace.index import kept, reading, where
from lsp_server.workspace.index.contents import Contents, Unit
from lsp_server.workspace.index.store import Store


def store(*paths: str) -> Store:
    """One file a segment, so that there are several."""
    made = Store()
    for path in paths:
        outline = Outline((Definition("graze", "method", "Zebra", 1, 2, 3, bases=("Animal",)),))
        made.put(
            [Contents(path, 5, 7, "python", outline, (Unit(0, 9, ("graze", "größe")), Unit(9, 12, ("x",))))]
        )
    return made


def answers(of: Store) -> tuple[object, ...]:
    return (
        of.definitions("graze"),
        of.members("Zebra"),
        of.mentions("größe", 9),
        of.similar({"graze": 1.0, "x": 1.0}),
        of.size.files,
    )


def restored(path: Path, fingerprint: str = "print") -> Store | None:
    parts = kept.load(path, fingerprint)
    if parts is None:
        return None
    made = Store()
    made.sleep(parts)
    for columns in parts:
        for file in columns.paths:
            assert made.wake(file, 5, 7)
    return made


def test_what_was_kept_comes_back(tmp_path: Path) -> None:
    """All of it, also after further changes; for the user alone to read, and without remains."""
    path = tmp_path / "some" / "where" / "x.index"
    before = store("/w/a.py", "/w/b.py", "/w/c.py")
    kept.save(path, "print", before.snapshot())
    after = restored(path)
    assert after is not None
    assert answers(after) == answers(before)
    assert [file.name for file in path.parent.iterdir()] == ["x.index"]
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    for one in (before, after):
        one.drop(["/w/b.py"])
        one.put([Contents("/w/d.py", 5, 7, "go", Outline(), (Unit(0, 9, ("x", "y")),))])
        one.tidy()
    kept.save(path, "print", after.snapshot())
    again = restored(path)
    assert again is not None
    assert answers(again) == answers(before)


def test_what_sleeps_is_kept_too(tmp_path: Path) -> None:
    """Who leaves before all files were told of does not lose them."""
    path = tmp_path / "x.index"
    before = store("/w/a.py", "/w/b.py")
    expected = answers(before)
    before.sleep()
    before.wake("/w/a.py", 5, 7)
    kept.save(path, "print", before.snapshot())
    after = restored(path)
    assert after is not None
    assert answers(after) == expected


def test_an_empty_index_is_kept(tmp_path: Path) -> None:
    """Nothing is something that can be kept."""
    kept.save(tmp_path / "x.index", "print", Store().snapshot())
    after = restored(tmp_path / "x.index")
    assert after is not None
    assert after.size.files == 0


def test_a_damaged_file_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Cut off anywhere, with any bit turned, with something behind it: never half an index, never an exception."""
    path = tmp_path / "x.index"
    kept.save(path, "print", store("/w/a.py", "/w/b.py").snapshot())
    whole = path.read_bytes()
    for end in range(0, len(whole), 7):
        path.write_bytes(whole[:end])
        assert kept.load(path, "print") is None, end
    for at in range(0, len(whole), 5):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :])
        assert kept.load(path, "print") is None, at
    path.write_bytes(whole + b"\0")
    assert kept.load(path, "print") is None
    assert "cannot be used" in caplog.text
    path.write_bytes(whole)
    assert kept.load(path, "print") is not None


def test_another_make_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of other queries, of another version, or none at all."""
    path = tmp_path / "x.index"
    assert kept.load(path, "print") is None
    kept.save(path, "print", store("/w/a.py").snapshot())
    assert kept.load(path, "other") is None
    monkeypatch.setattr(kept, "_FORMAT", kept._FORMAT + 1)
    assert kept.load(path, "print") is None


def test_the_fingerprint_is_of_the_queries(tmp_path: Path) -> None:
    """It stays from one time to the next, and changes with any of them."""
    assert reading.fingerprint(Grammars()) == reading.fingerprint(Grammars())
    folder = tmp_path / "toy"
    folder.mkdir()
    (folder / "language.toml").write_text('name = "toy"\nmodule = "tree_sitter_python"\n')
    before = Grammars(tmp_path).fingerprint()
    (folder / "symbols.scm").write_text("(module) @x\n")
    between = Grammars(tmp_path).fingerprint()
    (folder / "symbols.scm").write_text("(module) @y\n")
    assert len({before, between, Grammars(tmp_path).fingerprint()}) == 3


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Costs the next start its time, nothing else."""
    tmp_path.chmod(0o500)
    kept.save(tmp_path / "x.index", "print", store("/w/a.py").snapshot())
    tmp_path.chmod(0o700)
    assert list(tmp_path.iterdir()) == []
    assert "not kept" in caplog.text


@pytest.mark.parametrize("what", ["fsync", "replace"])
def test_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    """What was kept before stays, one line is logged, and nothing is left behind."""
    path = tmp_path / "x.index"
    before = store("/w/a.py")
    kept.save(path, "print", before.snapshot())

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched, caplog.at_level(logging.WARNING):
        patched.setattr(os, what, full)
        kept.save(path, "print", store("/w/a.py", "/w/b.py").snapshot())
    assert caplog.text.count("No space left") == 1
    assert [file.name for file in tmp_path.iterdir()] == ["x.index"]
    after = restored(path)
    assert after is not None
    assert answers(after) == answers(before)


def test_a_file_in_the_place_of_the_folder(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The same as any other reason why it cannot be written."""
    (tmp_path / "index").write_text("")
    kept.save(tmp_path / "index" / "x.index", "print", store("/w/a.py").snapshot())
    assert "not kept" in caplog.text


def test_only_some_workspaces_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those used last; to load is to use."""
    monkeypatch.setattr(kept, "_WORKSPACES", 2)
    for age, name in ((300, "old"), (200, "older-but-used"), (100, "young")):
        path = tmp_path / f"{name}.index"
        kept.save(path, "print", store("/w/a.py").snapshot())
        os.utime(path, (1e9 - age, 1e9 - age))
    assert kept.load(tmp_path / "older-but-used.index", "print") is not None
    kept.save(tmp_path / "new.index", "print", store("/w/a.py").snapshot())
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["new", "older-but-used"]


def test_what_an_interrupted_writing_left_is_removed(tmp_path: Path) -> None:
    """But not what another server may be writing just now."""
    old, new = tmp_path / ".old.part", tmp_path / ".new.part"
    for path in (old, new):
        path.write_text("")
    os.utime(old, (1e9, 1e9))
    kept.save(tmp_path / "x.index", "print", store("/w/a.py").snapshot())
    assert sorted(path.name for path in tmp_path.iterdir()) == [".new.part", "x.index"]


def test_each_set_of_roots_has_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever their order."""
    monkeypatch.setenv("OFFHAND_HOME", str(tmp_path))
    assert where.place(["/a", "/b"]) == where.place(["/b", "/a"])
    assert len({where.place(["/a"]), where.place(["/b"]), where.place(["/a", "/b"])}) == 3
    assert where.place(["/a"]).is_relative_to(tmp_path)
