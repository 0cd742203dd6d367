"""The fingerprint of a file. Does not know what it is compared with."""

import hashlib
from pathlib import Path

#: Read at a time, in bytes: a model of gigabytes must not be held in memory for this.
_BLOCK = 1 << 20


def sha256(path: Path) -> str:
    """SHA-256 of a file's content, lower-case hexadecimal.

    Raises:
        OSError: it cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
