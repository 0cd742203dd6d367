"""Which files may be remembered: ignore files as git reads them, secrets, and files that are no source."""

import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from cases import Case, parametrize
from hypothesis import given, settings
from hypothesis import strategies as st

from lsp_server.base.sourcefile import MAX_BYTES, machine_made, readable_text, secret
from lsp_server.workspace.ignore import IgnoreRules


def git(folder: Path, *arguments: str) -> str:
    """Run git as if the user had no settings."""
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "XDG_CONFIG_HOME": os.devnull}
    return subprocess.run(
        ["git", "-c", "core.quotePath=false", *arguments],
        cwd=folder,
        env={**os.environ, **quiet},
        capture_output=True,
        encoding="utf-8",
        check=True,
    ).stdout


def kept_by_git(folder: Path) -> set[str]:
    """What git would add."""
    return set(filter(None, git(folder, "ls-files", "-zco", "--exclude-standard").split("\0")))


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@parametrize("workspace")
def test_ignore_rules(case: Case, tmp_path: Path) -> None:
    """The rules say what the case says, and so does git."""
    git(tmp_path, "init", "-q")
    files = case.sections["files"].split()
    rule_files = {
        name: text for name, text in case.sections.items() if name not in ("about", "files", "ignored")
    }
    write(tmp_path, dict.fromkeys(files, "") | rule_files)

    rules = IgnoreRules([str(tmp_path)])

    expected = set(case.sections["ignored"].split())
    assert {name for name in files if rules.ignored(str(tmp_path / name))} == expected
    if case.values("about").get("git") != "no":
        assert set(files) - kept_by_git(tmp_path) == expected


NAMES = st.sampled_from(["a", "b", "ab", "a.py", "b.py"])
SEGMENT = st.sampled_from(["a", "b", "*", "**", "?", "a*", "*.py", "*b", "[ab]", "[!a]", "a.py", "ab"])
LINE = st.builds(
    lambda negated, front, segments, end: negated + front + "/".join(segments) + end,
    st.sampled_from(["", "", "!"]),
    st.sampled_from(["", "", "/"]),
    st.lists(SEGMENT, min_size=1, max_size=3),
    st.sampled_from(["", "", "/"]),
)
TREE = st.lists(st.lists(NAMES, min_size=1, max_size=4).map("/".join), min_size=1, max_size=12)
IGNORE_FILES = st.dictionaries(
    st.sampled_from(["", "a/", "b/", "a/b/", "a/a/", ".git/info/"]),
    st.lists(LINE, min_size=1, max_size=5),
    max_size=3,
)


@settings(max_examples=150, deadline=None)
@given(tree=TREE, ignore_files=IGNORE_FILES)
def test_git_agrees(tree: list[str], ignore_files: dict[str, list[str]]) -> None:
    """Over trees of few names and lines that match them often, the answer is git's."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        git(folder, "init", "-q")
        files = []
        for path in tree:  # one that is a folder already, or below a file, is left out
            try:
                write(folder, {path: ""})
            except OSError:
                continue
            files.append(path)
        for place, lines in ignore_files.items():
            file = folder / place / ("exclude" if place.startswith(".git/") else ".gitignore")
            if file.parent.is_dir():
                file.write_text("\n".join(lines))

        rules = IgnoreRules([name])

        kept = {path for path in files if not rules.ignored(str(folder / path))}
        assert kept == kept_by_git(folder) & set(files)


def test_a_root_inside_a_repository(tmp_path: Path) -> None:
    """The folders above a root count up to the repository's; the root itself is never ignored."""
    git(tmp_path, "init", "-q")
    write(tmp_path, {".gitignore": "gen.py\n/part/\n", ".git/info/exclude": "private.py\n", "part/a.py": ""})
    rules = IgnoreRules([str(tmp_path / "part")])
    ignored = {
        name for name in ("a.py", "gen.py", "private.py") if rules.ignored(str(tmp_path / "part" / name))
    }
    assert ignored == {"gen.py", "private.py"}


def test_a_worktree_reads_its_repositorys_exclude(tmp_path: Path) -> None:
    """``.git`` may be a file that points elsewhere."""
    main = tmp_path / "main"
    main.mkdir()
    git(main, "init", "-q")
    git(main, "-c", "user.name=n", "-c", "user.email=e", "commit", "-q", "--allow-empty", "-m", "m")
    git(main, "worktree", "add", "-q", "../other")
    write(main, {".git/info/exclude": "private.py\n"})
    rules = IgnoreRules([str(tmp_path / "other")])
    assert rules.ignored(str(tmp_path / "other" / "private.py"))
    assert not rules.ignored(str(tmp_path / "other" / "public.py"))


def test_the_users_own_ignore_file(tmp_path: Path) -> None:
    """It counts after all of the repository's."""
    write(tmp_path, {"ignore": "mine.py\ntaken.py\n", "root/.gitignore": "!taken.py\n"})
    rules = IgnoreRules([str(tmp_path / "root")], user_file=str(tmp_path / "ignore"))
    assert rules.ignored(str(tmp_path / "root" / "mine.py"))
    assert not rules.ignored(str(tmp_path / "root" / "taken.py"))


def test_refresh(tmp_path: Path) -> None:
    """Changed ignore files count once that was said."""
    rules = IgnoreRules([str(tmp_path)])
    assert not rules.ignored(str(tmp_path / "a.py"))
    write(tmp_path, {".gitignore": "a.py"})
    rules.refresh()
    assert rules.ignored(str(tmp_path / "a.py"))


def test_outside_the_roots_the_name_decides(tmp_path: Path) -> None:
    """A file that is open but in no root is not remembered when it is a secret."""
    rules = IgnoreRules([str(tmp_path / "root")])
    assert not rules.ignored(str(tmp_path / ".hidden" / "a.py"))
    assert rules.ignored(str(tmp_path / ".env"))


def test_deep_paths_and_strange_ignore_files(tmp_path: Path) -> None:
    """Neither a path of a thousand folders, nor bytes that are no text, nor a pipe for an ignore file is trouble."""
    (tmp_path / ".gitignore").write_bytes(b"\xef\xbb\xbfgen.py\r\n\xff\xfe\n")
    (tmp_path / "a").mkdir()
    os.mkfifo(tmp_path / "a" / ".gitignore")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / ".gitignore").symlink_to(tmp_path / ".gitignore")
    rules = IgnoreRules([str(tmp_path)])
    assert rules.ignored(str(tmp_path / "gen.py"))
    assert not rules.ignored(str(tmp_path / "a" / "x.py"))
    assert not rules.ignored(os.path.join(tmp_path, *["d"] * 1500, "x.py"))


@pytest.mark.parametrize(
    ("data", "readable"),
    [
        (b"x = 1\n", True),
        ("größe = 1\r\n".encode(), True),
        (b"\xef\xbb\xbfx = 1\n", True),
        (b"", True),
        (b"x = 1\n" * 2000 + b"\0", True),
        (b"x = 1\0\n", False),
        ("x = 1\n".encode("utf-16"), False),
        ("größe\n".encode("latin-1"), False),
        (b"x" * MAX_BYTES, False),
        (b"x = 1\n" * (MAX_BYTES // 6), True),
        (b"x = 1\n" * (MAX_BYTES // 6 + 1), False),
        (b"// Code generated by protoc-gen-go. DO NOT EDIT.\npackage a\n", False),
        (b"/* @generated by a program */\n", False),
        (b"# This file is autogenerated by pip-compile\n", False),
        (b"x = 1\n" * 500 + b"# DO NOT EDIT\n", True),
        (b"function a(){" + b"b();" * 500 + b"}\n", False),
        (b"x = 1\n" * 500 + b"y = '" + b"z" * 600 + b"'\n", True),
    ],
)
def test_readable_text(tmp_path: Path, data: bytes, readable: bool) -> None:
    """Text that somebody wrote is read; binaries, other encodings, huge, generated and minified files are not."""
    path = tmp_path / "a.py"
    path.write_bytes(data)
    expected = data.decode("utf-8-sig") if readable else None
    assert readable_text(str(path)) == expected


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    """A pipe would block for ever; a link may lead anywhere; a name may be none."""
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "real.py").write_text("x = 1")
    (tmp_path / "link.py").symlink_to(tmp_path / "real.py")
    (tmp_path / "secrets.py").write_text("x = 1")
    for name in ("pipe.py", "link.py", "missing.py", "secrets.py", "nul\0.py", "."):
        assert readable_text(os.path.join(tmp_path, name)) is None


@given(st.text())
def test_any_name_has_an_answer(name: str) -> None:
    """Names are untrusted."""
    assert secret(name) in (True, False)
    assert machine_made(name) in (True, False)
