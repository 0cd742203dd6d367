"""Which model files are refused because they killed the worker; outlives the server. Does not know how they did it."""

import contextlib
import os
from pathlib import Path

import msgspec

from lsp_server.base.paths import state_dir


def reason(sha256: str) -> str:
    """Why the file with this hash is refused; empty when it is not."""
    return _read().get(sha256, "")


def add(sha256: str, why: str) -> None:
    """Refuse a file from now on. Where nothing can be written it is only forgotten sooner."""
    _write({**_read(), sha256: why})


def remove(sha256: str) -> None:
    """Give a file another chance."""
    entries = _read()
    if entries.pop(sha256, None) is not None:
        _write(entries)


def _path() -> Path:
    return state_dir() / "quarantine.json"


def _read() -> dict[str, str]:
    try:
        return msgspec.json.decode(_path().read_bytes(), type=dict[str, str])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return {}  # absent, unreadable or damaged: the list can be lost


def _write(entries: dict[str, str]) -> None:
    path = _path()
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(msgspec.json.encode(entries))
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
