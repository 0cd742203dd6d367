"""Cuts before a line that belongs to no program: what models learnt from chats, diffs and other people's files.

Inside a string such a line may be meant. Knows the marks only, not the formats they come from."""

import re

import msgspec

from lsp_server.completion.filters.lexical import head, scan
from lsp_server.completion.types import Candidate, Surroundings

#: Fences of Markdown, marks of a conflict in git, headers of a diff.
_FOREIGN = re.compile(r"\s*(?:```|~~~)|(?:<{7}|>{7}) |={7}$|diff --git ")

#: Whose work this is, and what others may do with it, is not for a model to say.
_RIGHTS = re.compile(r"copyright\b|\blicen[cs]ed under\b|all rights reserved|spdx-license", re.IGNORECASE)

#: Lines above in which rights may be mentioned already: then the header is being written, by the user.
_HEADER = 3

#: Where prose with fences is what the file is made of; empty is a language that nobody described.
_PROSE = ("", "markdown")


def apply(candidate: Candidate, around: Surroundings) -> Candidate | str:
    """Cut before the first foreign line, or before a comment about rights that nobody has begun."""
    start = head(around)
    lines = candidate.text.split("\n")
    if around.language in _PROSE or not _suspect(candidate.text, around):
        return candidate
    inside = scan(start + candidate.text, len(start), around.line_comments)
    for number, line in enumerate(lines):
        whole = line if number else around.before + line
        opened = inside.lines[number - 1] if number else inside.before
        if any(item.endswith(('"', "'")) for item in opened):
            continue
        if (number or not around.before.strip()) and _FOREIGN.match(whole):
            break
        if _about_rights(whole, around) and not (number == 0 and _RIGHTS.search(around.before)):
            break
    else:
        return candidate
    text = "\n".join(lines[:number])
    if not text.strip():
        return "is no code of this file"
    return msgspec.structs.replace(candidate, text=text)


def _suspect(text: str, around: Surroundings) -> bool:
    """Whether there is anything to look for; the typed part of the line may hold the beginning of it."""
    return bool(_RIGHTS.search(around.before + text)) or any(
        _FOREIGN.match(line) for line in (around.before + text).split("\n")
    )


def _about_rights(line: str, around: Surroundings) -> bool:
    marks = tuple(filter(None, around.line_comments))
    begun = any(map(_RIGHTS.search, around.lines_above[-_HEADER:]))
    return not begun and line.strip().startswith(marks) and bool(_RIGHTS.search(line))
