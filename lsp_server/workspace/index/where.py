"""Where the indexes of workspaces are kept. Does not know what is in them."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from lsp_server.base import paths


def place(roots: Sequence[str]) -> Path:
    """The file that the index of some folders, in whatever order, is kept in."""
    name = hashlib.sha256("\0".join(sorted(roots)).encode(errors="surrogateescape")).hexdigest()[:24]
    return folder() / f"{name}.index"


def folder() -> Path:
    """Where the indexes are."""
    return paths.cache_dir() / "index"
