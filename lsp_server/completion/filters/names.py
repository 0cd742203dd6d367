"""Drops or shortens a text that uses a name which certainly does not exist.

Small models make up names: half of one that was seen, or one that most files of the kind have. Does not know how a
name is found not to exist: without that knowledge everything passes."""

import msgspec

from lsp_server.completion.types import Candidate, Surroundings


def apply(candidate: Candidate, around: Surroundings) -> Candidate | str:
    """Cut before the first line that uses such a name; drop the text when that is its first."""
    if around.unresolved is None:
        return candidate
    text = candidate.text
    while (place := around.unresolved(msgspec.structs.replace(candidate, text=text))) is not None:
        # The characters to be replaced may stand on a line that would go.
        text = "" if candidate.replace else text[: max(0, text.rfind("\n", 0, place))].rstrip()
        if not text:
            return "uses a name that does not exist"
    return candidate if text == candidate.text else msgspec.structs.replace(candidate, text=text)
