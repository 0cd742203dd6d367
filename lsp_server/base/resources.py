"""Where the data that ships with Offhand lies: ``grammars/`` and ``model_cache/``.

In a wheel they are folders of the package; in a checkout or an editable install they lie beside it.
Does not know what is in them.
"""

from pathlib import Path

from lsp_server.base.errors import ResourceError


def directory(name: str) -> Path:
    """Return the shipped folder ``name``.

    Raises:
        ResourceError: it is neither inside the package nor beside it.
    """
    package = Path(__file__).resolve().parent.parent
    candidates = (package / name, package.parent / name)
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
    raise ResourceError(
        f"Offhand's own folder '{name}' is missing: looked at {candidates[0]} and {candidates[1]}. "
        "Install Offhand again."
    )
