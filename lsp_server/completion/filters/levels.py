"""Cuts before a line of Python whose indentation fits no block: the parser takes it for good, Python does not.

Knows where statements begin from brackets and backslashes, as ``lexical`` sees them. Says nothing of languages in which
indentation means nothing, nor of lines less indented than the first: where a block ends is the business of
``indentation``."""

import re

import msgspec

from lsp_server.completion.filters.lexical import columns, head, scan
from lsp_server.completion.types import Candidate, Surroundings

_OPENS_BLOCK = re.compile(r":\s*(?:#.*)?$")


def apply(candidate: Candidate, around: Surroundings) -> Candidate | str:
    """Keep the lines before the first that is deeper without a header, not deeper behind one, or between levels."""
    lines = candidate.text.split("\n")
    if around.language != "python" or len(lines) == 1:
        return candidate
    start = head(around)
    inside = scan(start + candidate.text, len(start), around.line_comments)
    joined = bool(around.lines_above) and around.lines_above[-1].endswith("\\")
    if inside.before or joined or not (around.before + lines[0]).strip():
        return candidate
    lines[0] = around.before + lines[0]
    levels = [columns(lines[0])]
    last = lines[0]
    for number, line in enumerate(lines[1:], start=1):
        bare = line.strip()
        if not bare or bare.startswith("#"):
            continue
        if not inside.lines[number - 1]:
            level, header = columns(line), bool(_OPENS_BLOCK.search(last))
            if level < levels[0]:
                break
            fits = level > levels[-1] if header else level in levels
            if not fits:
                return _first(candidate, number)
            levels = [*(other for other in levels if other < level), level]
        last = line
    return candidate


def _first(candidate: Candidate, number: int) -> Candidate | str:
    """The text's first lines."""
    text = "\n".join(candidate.text.split("\n")[:number])
    return msgspec.structs.replace(candidate, text=text) if text.strip() else "fits no block"
