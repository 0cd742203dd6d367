"""Short pieces of code read as text: the name in a type, the names in an import's path, the comment above a line.

Does not know trees.
"""

import re

from lsp_server.context.languages import Language

#: Characters of a type and of an import that are looked at, braces in braces, and bytes of comments.
_LONGEST_TYPE, _LONGEST_PATHS, _DEEPEST, _LONGEST_COMMENT = 1000, 20_000, 20, 20_000

_NAMES = r"[^\W\d]\w*(?:(?:\.|::?|\\|->)[^\W\d]\w*)*"

#: A name with what it is reached through; not a lifetime (``'a``), but what is quoted.
_PATH = re.compile(rf"(?<![\w']){_NAMES}|(?<='){_NAMES}(?=')")
_SEPARATOR = re.compile(r"\.|::?|\\|->")


def path(text: str) -> str:
    """The first name of a text with what it is reached through, ``a.Foo``; empty when there is none."""
    found = _PATH.search(text[:_LONGEST_TYPE].lstrip("'"))
    return found[0] if found else ""


def type_name(about: Language, text: str) -> str:
    """The name of a type as it is written, ``Foo`` of ``Optional[a.Foo]``; empty when there is none.

    It is the last part of the first path that is not one of the language's ``wrappers``. Where that part begins in
    lower case and the one in front of it does not, as in ``Foo.create``, it is the latter: what an object is made with
    is called so for the most part. Of a chain of calls that does not begin so, ``make().next``, nothing is known.
    """
    text = text[:_LONGEST_TYPE].lstrip("'")
    for found in _PATH.finditer(text):
        parts: list[str] = _SEPARATOR.split(found[0])
        if parts[-1] in about.wrappers:
            continue
        if text.startswith("(", found.end()) and parts[0][0].islower() and parts[-1][0].islower():
            return ""
        if len(parts) > 1 and parts[-1][0].islower() and parts[-2][0].isupper():
            return parts[-2]
        return parts[-1]
    return ""


def expand(text: str) -> list[tuple[str, str, str]]:
    """Modules, names and aliases of an import that may hold groups: ``a::{self, b as c, d::*}`` has three of them.

    Parts are separated by ``::``, ``\\`` or ``.``. Of what cannot be read nothing is returned.
    """
    found: list[tuple[str, str, str]] = []
    text = text[:_LONGEST_PATHS].strip()
    if text.count("{") <= _DEEPEST:
        _expand("", text, found)
    return found


def _expand(prefix: str, text: str, found: list[tuple[str, str, str]]) -> None:
    head, brace, rest = text.partition("{")
    if brace:
        for piece in _pieces(rest.rpartition("}")[0]):
            _expand(prefix + "".join(head.split()), piece, found)
        return
    words = text.split()
    words = words[1:] if len(words) == 2 else words  # PHP: "function f"
    if not words or not re.fullmatch(r"(?:[\w\\.:$#]|\*)+", words[0]):
        return
    whole = prefix + words[0]
    alias = words[2] if len(words) == 3 and words[1].lower() == "as" else ""
    at = [one for one in re.finditer(r"::|\\|\.", whole) if one.start() > 0]
    module, name = (whole[: at[-1].start()], whole[at[-1].end() :]) if at else (whole, "")
    if name == "self":  # Rust: the module itself, among names of it
        name = ""
        at = at[:-1]
        if at:
            module, name = module[: at[-1].start()], module[at[-1].end() :]
    found.append((module, name, "" if alias == (name or module) else alias))


def _pieces(text: str) -> list[str]:
    """What stands between the commas that are in no braces."""
    pieces, depth, start = [], 0, 0
    for one in re.finditer(r"[{},]", text):
        if one[0] == ",":
            if depth == 0:
                pieces.append(text[start : one.start()])
                start = one.end()
        else:
            depth += 1 if one[0] == "{" else -1
    return [*pieces, text[start:]]


def comment_above(source: bytes, at: int, marks: tuple[bytes, ...]) -> tuple[int, int]:
    """Where the comment begins and ends that stands on the lines right above; 0 and 0 when there is none.

    Args:
        at: a byte of the line below it, with nothing but blanks in front.
        marks: what starts a comment up to the line's end.
    """
    line = source.rfind(b"\n", 0, at) + 1
    if line == 0 or source[line:at].strip():
        return 0, 0
    top, bottom = -1, line - 1
    stop = max(0, bottom - _LONGEST_COMMENT)
    while line > stop:
        above = source.rfind(b"\n", stop, line - 1) + 1 or stop
        text = source[above : line - 1].strip()
        if text.endswith(b"*/"):
            opened = source.rfind(b"/*", stop, line - 1)
            begun = source.rfind(b"\n", 0, opened) + 1
            if opened >= 0 and not source[begun:opened].strip():
                top = opened
            break
        if not text.startswith(marks) or text.startswith(b"#!"):
            break
        top = above + source[above : line - 1].find(text[:1])
        line = above
    return (0, 0) if top < 0 else (top, bottom)
