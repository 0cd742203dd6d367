"""Which model files are refused because they killed the worker; outlives the server. Does not know how they did it."""

from lsp_server.base.notebook import Notebook

_KEPT = Notebook("quarantine.json", str)


def reason(sha256: str) -> str:
    """Why the file with this hash is refused; empty when it is not."""
    return _KEPT.read().get(sha256, "")


def add(sha256: str, why: str) -> None:
    """Refuse a file from now on. Where nothing can be written it is only forgotten sooner."""
    _KEPT.write({**_KEPT.read(), sha256: why})


def remove(sha256: str) -> None:
    """Give a file another chance."""
    entries = _KEPT.read()
    if entries.pop(sha256, None) is not None:
        _KEPT.write(entries)
