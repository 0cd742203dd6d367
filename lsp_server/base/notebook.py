"""A few values by name, kept in the user's state folder. They may be lost at any time: nothing here fails.

Does not know what they mean.
"""

import contextlib
import os
from typing import Generic, TypeVar

import msgspec

from lsp_server.base.paths import state_dir

Value = TypeVar("Value")


class Notebook(Generic[Value]):
    """One file of them."""

    def __init__(self, file: str, kind: type[Value]) -> None:
        """Name it; nothing is read yet.

        Args:
            kind: of the values; a file with others counts as empty.
        """
        self._file = file
        self._kind = kind

    def read(self) -> dict[str, Value]:
        """All of them; empty where the file is absent, unreadable or damaged."""
        try:
            data = (state_dir() / self._file).read_bytes()
            return msgspec.json.decode(data, type=dict[str, self._kind])  # type: ignore[name-defined]
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return {}

    def write(self, values: dict[str, Value]) -> None:
        """Put these in place of all; where nothing can be written they are only forgotten sooner."""
        path = state_dir() / self._file
        temporary = path.with_name(f"{path.name}.{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(msgspec.json.encode(values))
            temporary.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink()
