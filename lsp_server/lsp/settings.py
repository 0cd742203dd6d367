"""The settings as an editor sends them, laid over the settings file. Warns once about each that is ignored."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lsp_server.base.config import Config, merge, read_file
from lsp_server.base.errors import ConfigError

#: The section that editors keep Offhand's settings under.
SECTION = "offhand"


class Settings:
    """Three sources, the later over the earlier: the file, initializationOptions, workspace/configuration."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._initial: Mapping[str, Any] = {}
        self._workspace: Mapping[str, Any] = {}
        self._warned: set[str] = set()

    def initialize(self, options: Any) -> None:
        """Take the initializationOptions."""
        self._initial = _section(options)

    def configure(self, values: Any) -> None:
        """Take an answer to workspace/configuration, or what a didChangeConfiguration brought."""
        self._workspace = _section(values)

    def resolve(self) -> tuple[Config, list[str]]:
        """The settings in force, and the warnings that the user has not seen yet."""
        config, warnings = Config(), []
        try:
            layers = [(read_file(self.path), str(self.path), True)]
        except ConfigError as error:
            layers, warnings = [], [str(error)]
        layers += [
            (_nested(self._initial), "initializationOptions", False),
            (_nested(self._workspace), "editor settings", False),
        ]
        for values, origin, own_file in layers:
            config, ignored = merge(config, values, origin, own_file=own_file)
            warnings += ignored
        fresh = [text for text in warnings if text not in self._warned]
        self._warned.update(fresh)
        return config, fresh


def _section(values: Any) -> Mapping[str, Any]:
    """The settings in what an editor sent: bare, or below the section's name; anything else is no setting."""
    if isinstance(values, Mapping) and isinstance(values.get(SECTION), Mapping):
        values = values[SECTION]
    return values if isinstance(values, Mapping) else {}


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with ``http.api`` as ``api`` in the table ``http``: VS Code names a table's settings so."""
    nested: dict[str, Any] = {}
    for name, value in values.items():
        table, dot, rest = str(name).partition(".")
        inner = nested.get(table)
        if dot and isinstance(inner, dict):
            nested[table] = {**inner, rest: value}
        elif isinstance(inner, dict) and isinstance(value, Mapping):
            nested[table] = {**value, **inner}
        else:
            nested[table] = {rest: value} if dot else value
    return nested
