"""The path that a document's URI names. Does not look whether anything is there."""

import os
from urllib.parse import unquote, urlsplit


def path_of(uri: str) -> str:
    """The file system's path of a ``file`` URI, normalised; any other URI as it is: such a document has no file.

    On Windows ``file:///c%3A/x`` and ``file:///C:/x`` are the same path.
    """
    parts = urlsplit(uri)
    if parts.scheme != "file":
        return uri
    path = unquote(parts.path)
    if os.name == "nt":
        if parts.netloc:
            path = f"//{parts.netloc}{path}"
        elif path[2:3] == ":":
            path = path[1].upper() + path[2:]
    return os.path.normpath(path)
