"""The language of a file on disk, by its name alone. Does not know whether it exists or is worth reading."""

import os
from pathlib import Path

import msgspec

from lsp_server.base import resources
from lsp_server.base.errors import ResourceError
from lsp_server.context.languages import Grammars


class FileTypes:
    """Names of languages by names of files: those that have a grammar first, then ``grammars/file_types.toml``. Files
    of data have none.

    May be asked from any thread.

    Args:
        grammars: whose patterns count first.
        table: another file in the place of the shipped one.

    Raises:
        ResourceError: the table is missing or damaged.
    """

    def __init__(self, grammars: Grammars, table: Path | None = None) -> None:
        self._grammars = grammars
        path = table or resources.directory("grammars") / "file_types.toml"
        try:
            listed = msgspec.toml.decode(path.read_bytes(), type=dict[str, list[str]])
        except (OSError, ValueError) as error:  # msgspec's and Unicode's errors are ValueErrors
            raise ResourceError(
                f"Offhand's table of file types cannot be used: {error}. Install Offhand again."
            ) from error
        self._by_key = {
            pattern.removeprefix("*"): language
            for language, patterns in listed.items()
            for pattern in patterns
        }
        self._with_grammar: dict[str, str | None] = {}

    def language(self, name: str) -> str | None:
        """The language of a file of this name (no folder); ``None`` when it is of no known kind of source."""
        key = os.path.splitext(name)[1].lower() or name
        if key and key not in self._with_grammar:
            # By extension, so that each is looked for once; a name without one is a kind of its own.
            found = self._grammars.name_of_file("x" + key if key[0] == "." else key)
            self._with_grammar[key] = None if found is None or self._grammars.is_data(found) else found
        return self._with_grammar.get(key) or self._by_key.get(name) or self._by_key.get(key)
