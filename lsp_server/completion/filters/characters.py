"""Writes line ends as ``\\n`` and ends the text before a character that nobody types.

A token may hold ``\\r``, half a character, or a control character. Those that turn the direction of writing around can
make code look like what it is not (CVE-2021-42574). Looks at the text alone."""

import re

import msgspec

from lsp_server.completion.types import Candidate, Surroundings

#: Control characters but tab, line feed and form feed; zero width space and byte order mark; embeddings, overrides and
#: isolates of direction; halves of surrogate pairs; what stands for bytes that are no UTF-8.
_NEVER_TYPED = re.compile(
    "[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f\u200b\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffd]"
)


def apply(candidate: Candidate, around: Surroundings) -> Candidate | str:
    """Make ``\\n`` of other line ends; cut before the first character that nobody types."""
    text = candidate.text.replace("\r\n", "\n").replace("\r", "\n")
    found = _NEVER_TYPED.search(text)
    if found:
        text = text[: found.start()]
        if not text.strip():
            return "begins with a character that is no text"
    return candidate if text == candidate.text else msgspec.structs.replace(candidate, text=text)
