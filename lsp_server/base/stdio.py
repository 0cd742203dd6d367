"""File descriptor 1 belongs to the protocol: whatever else prints, native libraries included, goes to stderr.

Must run before any library that may print is loaded. (A stray line on stdout kills vscode-jsonrpc's reader.)
"""

import os
import sys
from typing import BinaryIO


def claim_stdout() -> BinaryIO:
    """Keep the process's stdout for the caller alone and point everyone else's at stderr."""
    sys.stdout.flush()
    protocol = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return protocol
