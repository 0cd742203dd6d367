"""The headers of blocks: how a language's lines look that open a block, and what they say of a definition.

Reads text only, so that it works on code that does not parse. Does not know where lines stand in a file.
"""

import functools
import re
from collections.abc import Sequence

import msgspec

from lsp_server.context.languages import Language
from lsp_server.context.lexing import unclosed

_NEVER = r"(?!)"

#: Characters of a longer header that are read: patterns of C++ take time by the square of them.
_LONGEST = 1000


class Defined(msgspec.Struct, frozen=True):
    """What a header defines."""

    is_class: bool
    name: str


class _Shape:
    """A language's regular expressions, compiled."""

    def __init__(self, about: Language) -> None:
        self.block_end = re.compile(about.block_end or _NEVER)
        self.literal_brace = re.compile(about.literal_brace or _NEVER)
        self.unindented = re.compile(about.unindented or _NEVER)
        self.member = re.compile(rf"(?:{'|'.join(map(re.escape, about.member_access)) or _NEVER})\s*\w*$")
        self.headers = [(True, re.compile(one)) for one in about.classes]
        self.headers += [(False, re.compile(one)) for one in about.functions]
        self.braces = about.block != "indent" and self.block_end.search("{") is not None
        self.methods = [re.compile(one) for one in about.methods]


@functools.lru_cache(maxsize=64)
def _shape(about: Language) -> _Shape:
    return _Shape(about)


def opens_block(about: Language, code: str) -> bool:
    """Whether a line that reads so opens a block.

    Args:
        code: as ``lexing.read`` makes it, white space at both ends left out.
    """
    if _shape(about).block_end.search(code) is None:
        return False
    return not code.endswith("{") or not _is_literal(about, code[:-1])


def has_braces(about: Language) -> bool:
    """Whether a brace opens blocks."""
    return _shape(about).braces


def block_braces(about: Language, code: str) -> list[int]:
    """Columns of the braces that a line opens and does not close, and behind which statements stand."""
    if about.block != "braces":
        return []
    return [at for at in unclosed(code)[0] if code[at] == "{" and not _is_literal(about, code[:at])]


def _is_literal(about: Language, before: str) -> bool:
    return _shape(about).literal_brace.search(before) is not None


def is_unindented(about: Language, text: str) -> bool:
    """Whether a line, given without its indentation, says nothing by where it begins."""
    return _shape(about).unindented.match(text) is not None


def ends_in_access(about: Language, code: str) -> bool:
    """Whether a piece of code ends behind what stands between an object and its part, or in the part's name."""
    if _shape(about).member.search(code) is None:
        return False
    # Not the dot of a number, nor an ellipsis or a range; but "from .." goes on with a name.
    number = re.search(r"(?<![\w.])\d[\d_]*\.\w*$", code)
    return not number and (not re.search(r"\.\.\s*\w*$", code) or re.match(r"\s*from\s", code) is not None)


def definition(about: Language, head: str) -> Defined | None:
    """What a line defines that begins so, indentation left out."""
    head = head[:_LONGEST]
    for is_class, pattern in _shape(about).headers:
        match = pattern.match(head)
        if match:
            return Defined(is_class, match[1])
    return None


def method(about: Language, header: str) -> Defined | None:
    """What a whole header defines that opens a block and could be a call or another statement but for that."""
    methods = _shape(about).methods
    if not methods or len(header) > _LONGEST or unclosed(header)[0] not in ([], [len(header) - 1]):
        return None
    for pattern in methods:
        match = pattern.match(header)
        if match and about.keywords.isdisjoint([match[1], *re.findall(r"\w+", header[: match.start(1)])]):
            return Defined(False, match[1])
    return None


def is_definition(about: Language, head: str) -> bool:
    """Whether a line's text begins as the header of a class or function does."""
    return definition(about, head) is not None


def comment_text(about: Language, line: str) -> str:
    """What a line of a comment says, without its marks."""
    text = line.strip()
    marks = sorted({*about.line_comments, *(mark for pair in about.block_comments for mark in pair)}, key=len)
    for mark in reversed(marks):
        text = text.removeprefix(mark).removesuffix(mark).strip()
    # Doubled marks (///, //!, /**), the star at a line's beginning, and tags of XML.
    text = re.sub(r"^[/*!#\-]+|\*+/?$", "", text)
    return re.sub(r"</?\w[^<>]*>", "", text).strip()


def documentation(lines: Sequence[str]) -> str:
    """The first of some lines that says anything in words."""
    return next((line for line in lines if re.search(r"\w", line)), "")
