"""Logging to stderr and to a file of its own, never to stdout, never with code in it."""

import logging
import logging.handlers

from lsp_server.base.paths import state_dir

#: Size of one log file in bytes; one older one is kept.
_MAX_BYTES = 1_000_000


class _WithoutContent(logging.Filter):
    """Drops the arguments of other libraries' records: pygls logs whole messages, and so the user's code."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith("lsp_server"):
            record.msg, record.args = str(record.msg).split("%")[0].split("\n")[0], ()
            record.exc_text = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
            record.exc_info = None
        return True


def start(level: str) -> None:
    """Log from ``level`` on. A folder that cannot be written to costs the file, not the service."""
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    try:
        folder = state_dir()
        folder.mkdir(parents=True, exist_ok=True)
        handlers.append(
            logging.handlers.RotatingFileHandler(
                folder / "offhand.log", maxBytes=_MAX_BYTES, backupCount=1, encoding="utf-8", delay=True
            )
        )
    except OSError:
        pass
    for handler in handlers:
        handler.addFilter(_WithoutContent())
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=handlers, force=True)
    for noisy in ("pygls", "asyncio"):
        logging.getLogger(noisy).setLevel(max(logging.ERROR, logging.getLogger().level))


def set_level(level: str) -> None:
    """Log from ``level`` on, from now on."""
    logging.getLogger().setLevel(level.upper())
