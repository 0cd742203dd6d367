"""How the worker is started: its command line and its environment. Knows neither messages nor requests."""

import os

from lsp_server.base import child


def default_command() -> tuple[str, ...]:
    """The command line of a worker."""
    return child.command("lsp_server.engine.worker")


def default_environment(threads: int) -> dict[str, str]:
    """The server's environment, and what the worker's libraries must find in theirs before they are loaded."""
    return {
        **os.environ,
        # Spinning threads cost seconds a token when other programs want the CPU too (measured).
        "OMP_WAIT_POLICY": "passive",
        "OMP_NUM_THREADS": str(threads),
        "TOKENIZERS_PARALLELISM": "false",
        # Nothing in the worker but the HTTP engine reaches a network; these say so to libraries that could learn it.
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TRANSFORMERS_OFFLINE": "1",
    }
