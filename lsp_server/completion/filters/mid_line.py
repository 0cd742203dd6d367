"""Keeps to one line where code stands behind the cursor: more would push that code to the end of the last
line.

Brackets and quotes behind the cursor are no code in this sense: they belong around a text of several lines.
"""

import msgspec

from lsp_server.completion.filters.lexical import only_closers
from lsp_server.completion.types import Candidate, Surroundings


def apply(candidate: Candidate, around: Surroundings) -> Candidate | str:
    """Cut after the first line unless the line ends at the cursor, or with closers only."""
    first, newline, _ = candidate.text.partition("\n")
    if not newline or only_closers(around.after):
        return candidate
    if not first.strip():
        return "begins a new line in the middle of a line"
    return msgspec.structs.replace(candidate, text=first)
