"""Drops what would show nothing, or what would change nothing, and cuts white space off the end."""

import msgspec

from lsp_server.completion.filters.lexical import only_closers
from lsp_server.completion.types import Candidate, Surroundings


def apply(candidate: Candidate, around: Surroundings) -> Candidate | str:
    """Drop a text of white space, or of closers that stand behind the cursor anyway; cut trailing white
    space."""
    text = candidate.text
    said = text.strip()
    if not said:
        return "nothing but white space"
    if said == around.after[: candidate.replace].strip():
        return "is already behind the cursor"
    behind = around.after[candidate.replace :]
    if only_closers(said) and behind.strip().startswith(said):
        return "is already behind the cursor"
    # In front of code the last space separates.
    if not behind.strip() or behind[0].isspace():
        text = text.rstrip()
    return candidate if text == candidate.text else msgspec.structs.replace(candidate, text=text)
