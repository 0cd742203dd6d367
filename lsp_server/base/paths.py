"""Where the user's own files live. Nothing is created here; whoever writes makes the folder and copes with failure.

``OFFHAND_HOME`` moves all of them below one folder: for tests, portable installs and homes that are read-only.
"""

import os
from pathlib import Path

import platformdirs


def _folder(kind: str, default: str) -> Path:
    home = os.environ.get("OFFHAND_HOME")
    return Path(home) / kind if home else Path(default)


def config_file() -> Path:
    """The user's settings, TOML."""
    return _folder("config", platformdirs.user_config_dir("offhand", appauthor=False)) / "config.toml"


def data_dir() -> Path:
    """Models that the user brought."""
    return _folder("data", platformdirs.user_data_dir("offhand", appauthor=False))


def state_dir() -> Path:
    """What survives a restart but can be lost: the log, the quarantine list, the last requests' reasons."""
    return _folder("state", platformdirs.user_state_dir("offhand", appauthor=False))


def kept_caches() -> Path:
    """What the engine computed of the last prompt, where the user lets it be kept."""
    return state_dir() / "caches"


def cache_dir() -> Path:
    """What can be made again at any time: the indexes of workspaces, completions that were computed."""
    return _folder("cache", platformdirs.user_cache_dir("offhand", appauthor=False))
