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
            layers = [(read_file(self.path), str(self.path))]
        except ConfigError as error:
            layers, warnings = [], [str(error)]
        layers += [(dict(self._initial), "initializationOptions"), (dict(self._workspace), "editor settings")]
        for values, origin in layers:
            config, ignored = merge(config, values, origin)
            warnings += ignored
        fresh = [text for text in warnings if text not in self._warned]
        self._warned.update(fresh)
        return config, fresh


def _section(values: Any) -> Mapping[str, Any]:
    """The settings in what an editor sent: bare, or below the section's name; anything else is no setting."""
    if isinstance(values, Mapping) and isinstance(values.get(SECTION), Mapping):
        values = values[SECTION]
    return values if isinstance(values, Mapping) else {}
