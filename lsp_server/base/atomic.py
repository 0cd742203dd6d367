"""Writing a small file so that whoever reads it finds the old content or the new, never half of either."""

import contextlib
import os
from pathlib import Path


def write(path: Path, data: bytes, *, private: bool = False) -> None:
    """Replace a file's content; its folder is made if there is none. A link stays one: what it leads to is replaced.

    Args:
        private: it shall be for this user alone; otherwise whoever could read the old content can read the new.

    Raises:
        OSError: it cannot be written; the old content is still there.
    """
    path = path.resolve()
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        if private:
            temporary.touch(mode=0o600)
        temporary.write_bytes(data)
        with contextlib.suppress(OSError):  # there is none yet, or it is somebody else's
            temporary.chmod(0o600 if private else path.stat().st_mode & 0o777)
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
