"""Reads numbers that were fitted to a model, from a JSON file that ships or lies beside the model's own files.

Does not know what they mean.
"""

from pathlib import Path
from typing import TypeVar

import msgspec

from lsp_server.base.errors import ModelError

Numbers = TypeVar("Numbers", bound=msgspec.Struct)


def read(path: Path, kind: type[Numbers]) -> Numbers:
    """What a file holds.

    Raises:
        ModelError: it cannot be read, or holds something else.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read: {error.strerror or error}. Copy the model again."
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelError(
            f"{path} does not hold the numbers that it should: {error}. Remove it, or copy the model again."
        ) from error
