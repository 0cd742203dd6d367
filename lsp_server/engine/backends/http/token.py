"""The secret that a server wants to see. It is in no message, log or error, nor in the text of any object here."""

import os
import stat
from pathlib import Path

from lsp_server.base.config import Http
from lsp_server.base.errors import EngineError

#: Longest token (bytes); a file that is longer is not one.
_LONGEST = 8_192


class Token:
    """A token; ``reveal`` alone gives it away."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def __repr__(self) -> str:
        return "Token(...)"

    def reveal(self) -> bytes:
        """The token as it travels."""
        return self._secret.encode("ascii")


def token(settings: Http) -> Token | None:
    """The token that the settings name, ``None`` if they name none.

    Raises:
        EngineError: it is not there, others can read it, or it is no token.
    """
    if settings.token_env and settings.token_file:
        raise EngineError("Both http.token_env and http.token_file are set. Remove one of them.")
    if settings.token_env:
        origin = f"the environment variable {settings.token_env}, which http.token_env names,"
        text = os.environ.get(settings.token_env, "")
    elif settings.token_file:
        origin = f"the file {settings.token_file}, which http.token_file names,"
        text = _read(Path(settings.token_file).expanduser())
    else:
        return None
    text = text.strip()
    if not text:
        raise EngineError(f"There is no token: {origin} is empty or not there.")
    if len(text) > _LONGEST or not all("!" <= character <= "~" for character in text):
        raise EngineError(f"There is no token: {origin} holds more than one word of plain characters.")
    return Token(text)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode):
                raise EngineError(f"The token file {path} is no file. Correct http.token_file.")
            # Windows keeps others out of a home by its own means, which these bits do not show.
            if os.name == "posix" and about.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise EngineError(f"Others can read the token file {path}. Run: chmod 600 {path}")
            return file.read(_LONGEST + 1).decode("ascii", "replace")
    except OSError as error:
        raise EngineError(f"The token file {path} cannot be read: {error.strerror or error}.") from error
