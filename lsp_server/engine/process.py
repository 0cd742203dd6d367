"""How the worker is started: its command line and its environment. Knows neither messages nor requests."""

import os

from lsp_server.base import child


def default_command() -> tuple[str, ...]:
    """The command line of a worker."""
    return child.command("lsp_server.engine.worker")


#: Variables that have a say in how threads wait, beside the standard's ``OMP_WAIT_POLICY``: of GCC's library, and of
#: LLVM's and Intel's. They would overrule it.
_OVERRULING = ("GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY")


def default_environment(threads: int) -> dict[str, str]:
    """The server's environment, and what the worker's libraries must find in theirs before they are loaded.

    Args:
        threads: as in ``Load``.
    """
    return {
        **{name: value for name, value in os.environ.items() if name not in _OVERRULING},
        # Spinning threads cost seconds a token when other programs want the CPU too (measured).
        "OMP_WAIT_POLICY": "passive",
        "OMP_NUM_THREADS": str(threads or 1),
        # A thread that may not move waits behind another program while the next core is free.
        "OMP_PROC_BIND": "false",
        "TOKENIZERS_PARALLELISM": "false",
        # Nothing in the worker but the HTTP engine reaches a network; these say so to libraries that could learn it.
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TRANSFORMERS_OFFLINE": "1",
    }
