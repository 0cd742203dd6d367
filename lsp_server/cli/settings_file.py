"""Changing one setting in the user's settings file; everything else in it, comments too, stays as it is."""

from pathlib import Path

from lsp_server.base import atomic
from lsp_server.base.errors import ConfigError


def put(path: Path, name: str, value: str) -> None:
    """Write a setting; the file is made if there is none.

    Raises:
        ConfigError: the file is no TOML, or cannot be read or written.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        text = ""
    except OSError as error:
        raise ConfigError(f"Settings file {path} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"Settings file {path} is not UTF-8. Correct it, then try again.") from error
    try:
        document = tomlkit.parse(text)
    except TOMLKitError as error:
        raise ConfigError(
            f"Settings file {path} is not valid TOML: {error}. Correct it, then try again."
        ) from error
    document[name] = value
    try:
        atomic.write(path, tomlkit.dumps(document).encode())
    except OSError as error:
        raise ConfigError(f"Settings file {path} cannot be written: {error.strerror or error}.") from error
