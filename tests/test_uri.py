"""A document's URI and its file's path name the same document."""

import os
from pathlib import Path

import pytest

from lsp_server.base.uri import path_of


@pytest.mark.parametrize("name", ["a.py", "with space.py", "ümläut/é.py", "100%.py", "a#b?.py"])
def test_what_pathlib_writes_is_read_back(tmp_path: Path, name: str) -> None:
    """Every character that a file's name may have survives."""
    assert path_of((tmp_path / name).as_uri()) == str(tmp_path / name)


@pytest.mark.skipif(os.name == "nt", reason="these are POSIX paths")
@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///a/./b/../c.py", "/a/c.py"),
        ("file:///a%2Fb.py", "/a/b.py"),
        ("file:/a/b.py", "/a/b.py"),
        ("untitled:Untitled-1", "untitled:Untitled-1"),
        ("vscode-notebook-cell:/a/b.ipynb#W0", "vscode-notebook-cell:/a/b.ipynb#W0"),
        ("", ""),
    ],
)
def test_paths(uri: str, path: str) -> None:
    """Normalised; what is no file keeps its URI as its name."""
    assert path_of(uri) == path
