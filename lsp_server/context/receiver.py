"""What stands in front of a cursor that is behind a member access: ``self.files`` and ``op`` of ``self.files.op``.

Reads the text backwards, since code that is being written has no tree to rely on; the tree only says whether the
place is in a string or a comment. Does not know what the receiver is. Pure.
"""

import re

import msgspec

from lsp_server.context.languages import Language
from lsp_server.context.syntax import Tree

#: Bytes in front of the cursor that are read.
_REACH = 2000

_OPENED = {")": "(", "]": "[", "}": "{"}
_WORD = re.compile(r"[\w$@#]+$")


class Access(msgspec.Struct, frozen=True):
    """A member that is being written.

    Attributes:
        receiver: the expression in front, without the line breaks in it; never empty.
        operator: what stands between them, one of the language's ``member_access``.
        typed: what is there of the member's name, up to the cursor.
        at: where that begins, in bytes.
    """

    receiver: str
    operator: str
    typed: str
    at: int


def member_of(about: Language, tree: Tree, cursor: int) -> Access | None:
    """The member access that the cursor ends; ``None`` when it ends none, or is in a string or a comment.

    Args:
        cursor: in bytes of ``tree.source``.
    """
    text = tree.source[max(0, cursor - _REACH) : cursor].decode(errors="ignore")
    operators = sorted(about.member_access, key=len, reverse=True)
    if not operators:
        return None
    one = re.search(rf"({'|'.join(map(re.escape, operators))})\s*(\w*)$", text)
    if one is None or (one[2] and one[2][0].isdigit()):
        return None
    behind = len(text[one.start() :].encode())
    leaf = tree.root.descendant_for_byte_range(cursor - behind, cursor - behind + 1)
    if leaf is not None and re.search("comment|string|char", leaf.type) and leaf.type != "string_start":
        return None
    start = _start(about, text, one.start())
    receiver = re.sub(r"\s*\n\s*", "", text[start : one.start()]).strip()
    if not receiver or re.fullmatch(r"[\d_]+", receiver) or text[:start].endswith(tuple(operators)):
        return None
    return Access(receiver, one[1], one[2], cursor - len(one[2].encode()))


def _start(about: Language, text: str, end: int) -> int:
    """Where the expression begins that ends at ``end``."""
    operators = tuple(sorted(about.member_access, key=len, reverse=True))
    at = end
    while True:
        at = _blanks(text, at) if at == end else at
        last = text[at - 1 : at]
        if last and last in "?!":  # a part of the access: Rust's "?", TypeScript's "!"
            at -= 1
            continue
        if last and last in ")]}":
            opened = _opened(text, at)
            if opened < 0:
                return at
            at = opened
            if last == "}" or not re.search(r"[\w)\]>!?]$", text[:at]):
                return at
            continue
        if last == ">" and not text[:at].endswith(("->", "=>")):
            opened = text.rfind("<", max(0, at - 200), at)
            if opened <= 0 or not text[opened - 1].isidentifier():
                return at
            at = opened
            continue
        if last and last in "\"'`":
            opened = text.rfind(last, 0, at - 1)
            return at if opened < 0 else opened
        word = _WORD.search(text, max(0, at - 200), at)
        if word is None:
            return at
        at = word.start()
        front = _blanks(text, at)
        operator = next((one for one in operators if text.endswith(one, 0, front)), None)
        if operator is None:
            return at
        at = end = _blanks(text, front - len(operator))


def _blanks(text: str, at: int) -> int:
    """Where the blanks begin that end at ``at``."""
    return len(text[:at].rstrip())


def _opened(text: str, at: int) -> int:
    """Where the bracket stands that the one in front of ``at`` closes; -1 when it is out of sight."""
    depth = 0
    while at > 0:
        at -= 1
        one = text[at]
        if one in _OPENED:
            depth += 1
        elif one in "([{":
            depth -= 1
            if depth == 0:
                return at
        elif one in "\"'`":
            opened = text.rfind(one, 0, at)
            if opened >= 0 and "\n" not in text[opened:at]:
                at = opened
    return -1
