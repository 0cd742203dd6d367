"""What is known about a cursor: the one door to this package for those who complete.

Combines the text of the lines, which is always what the user sees, with the tree, which knows what is around but is
full of errors where somebody types. Pure; fast enough for every key.
"""

import re
from collections.abc import Sequence

import msgspec

from lsp_server.base.text import byte_length, content
from lsp_server.context.languages import UNKNOWN, Grammar, Language
from lsp_server.context.lexing import MAX_PIECE, one_line, read
from lsp_server.context.lines import (
    Block,
    Page,
    above,
    block,
    brackets,
    definition,
    enclosing,
    first_line,
    indent,
    is_blank,
    open_string,
)
from lsp_server.context.names import find
from lsp_server.context.syntax import Tree
from lsp_server.context.types import Context, CursorClass, Scope

#: Brackets around the cursor that are looked at, innermost first, and the characters in front of each.
_NESTED, _HEAD = 20, 200

#: Empty lines and comments behind the cursor, beyond which a block counts as empty.
_BELOW = 1000


def extract(
    grammar: Grammar | None,
    tree: Tree | None,
    lines: Sequence[str],
    line: int,
    column: int,
    about: Language = UNKNOWN,
) -> Context:
    """Read the context of a cursor.

    Args:
        tree: of exactly these lines; without one the text alone is read, as well as that goes.
        lines: LSP line ends kept.
        line, column: inside the document; column in code points.
        about: what is known of the language where there is no grammar.
    """
    about = grammar.about if grammar else about
    if grammar is None or len(lines[line]) > MAX_PIECE:
        tree = None
    page = Page(about, lines, tree.root if tree else None)
    place = _place(page, line, column)
    blocks = enclosing(page, place.line, place.level)
    scopes = _scopes(page, blocks)
    imports: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    if grammar is not None and tree is not None:
        cursor = sum(map(len if tree.source.isascii() else byte_length, lines[:line]))
        cursor += byte_length(lines[line][:column])
        found = find(grammar, tree, cursor, {scope.line for scope in scopes})
        imports = tuple(one_line(about, statement.split("\n")) for statement in found.imports)
        names = found.names
    return Context(
        language=about.name,
        cursor=place.cursor,
        block_indent=blocks[0].indent if blocks else -1,
        scopes=scopes,
        imports=imports,
        names=names,
        from_syntax=tree is not None,
    )


def scopes_around(
    grammar: Grammar | None, tree: Tree | None, lines: Sequence[str], line: int
) -> tuple[Scope, ...]:
    """The definitions that enclose a line, outermost first; for an empty line, those around the next that is not.

    Args:
        tree, lines: as for ``extract``.
    """
    page = Page(grammar.about if grammar else UNKNOWN, lines, tree.root if tree and grammar else None)
    while line < len(lines) - 1 and is_blank(page, line):
        line += 1
    return _scopes(page, enclosing(page, line, indent(lines[line])))


def string_at(grammar: Grammar | None, tree: Tree | None, lines: Sequence[str], line: int) -> str:
    """What the string begins with in which a line begins (``f\"\"\"``); empty when it begins in none, as far as the
    tree knows."""
    if grammar is None or tree is None:
        return ""
    found = open_string(Page(grammar.about, lines, tree.root), line)
    return "" if found is None else found[0].prefix + found[0].quote


def _scopes(page: Page, blocks: Sequence[Block]) -> tuple[Scope, ...]:
    return tuple(filter(None, (_scope(page, header) for header in reversed(blocks))))


class _Place(msgspec.Struct, frozen=True):
    """Where the cursor is: its class, the line on which its statement begins, and how far that is indented."""

    cursor: CursorClass
    line: int
    level: int


def _place(page: Page, line: int, column: int) -> _Place:
    text = content(page.lines[line])
    before, after = text[:column], text[column:]
    string = open_string(page, line)
    reading = read(page.about, before, string[0] if string else None)
    if reading.string is not None:
        began = (line, reading.string_column) if reading.string_column >= 0 or not string else string[1:]
        return _statement(page, "docstring" if _documents(page, *began) else "string", began[0])
    if reading.comment:
        return _statement(page, "comment", line)

    open_ = brackets(page, line, column, reading.code)
    start = open_[-1][0] if open_ else string[1] if string else line
    cursor = _cursor(page, reading.code, open_)
    if cursor is not None:
        return _statement(page, cursor, start)
    if open_ or string is not None:
        return _statement(page, "code", start)

    start = first_line(page, line)
    if before.strip() or start < line:
        header = block(page, start, line) if _ends_header(page.about, reading.code, after) else None
        if header is not None and _is_empty(page, header, line):
            return _Place("block_start", line + 1, header.indent + 1)
        return _statement(page, "code", start)
    level = indent(text if after.strip() else before)
    header = None if after.strip() else _header_above(page, line)
    if header is not None and header.indent < level and _is_empty(page, header, line):
        return _Place("block_start", line, level)
    return _Place("line_start", line, level)


def _statement(page: Page, cursor: CursorClass, line: int) -> _Place:
    line = first_line(page, line)
    return _Place(cursor, line, indent(page.lines[line]))


def _cursor(page: Page, code: str, open_: Sequence[tuple[int, int]]) -> CursorClass | None:
    """The class of a cursor that is behind a dot or inside a call."""
    about = page.about
    member = "|".join(map(re.escape, about.member_access))
    if re.search(rf"(?:{member})\s*\w*$", code):
        # Not the dot of a number, nor an ellipsis; but "from .." goes on with a name.
        number = re.search(r"(?<![\w.])\d[\d_]*\.\w*$", code)
        ellipsis = re.search(r"\.\.\s*\w*$", code) and not re.match(r"\s*from\s", code)
        if not number and not ellipsis:
            return "after_dot"
    for row, at in open_[:_NESTED]:
        head = content(page.lines[row])[: at + 1].lstrip()[-_HEAD:]
        called = re.search(r"(\.?\w+|[)\]])\s*\($", head)  # behind a dot no word is a keyword
        if called is not None and called[1] not in about.keywords and not _names_definition(about, head):
            return "call"
    return None


def _names_definition(about: Language, head: str) -> bool:
    """Whether the bracket at the end of ``head`` follows the name in a definition's header."""
    defined = definition(about, head)
    return defined is not None and re.search(rf"\b{defined[1]}\s*\($", head) is not None


def _ends_header(about: Language, code: str, after: str) -> bool:
    rest = after.strip()
    return code.rstrip().endswith(about.block_end) and (not rest or rest.startswith(about.line_comments))


def _is_empty(page: Page, header: Block, line: int) -> bool:
    """Whether nothing behind ``line`` belongs to a header's block."""
    for below in range(line + 1, min(line + 1 + _BELOW, len(page.lines))):
        if not is_blank(page, below):
            return indent(page.lines[below]) <= header.indent
    return True


def _header_above(page: Page, line: int) -> Block | None:
    """The header that the statement on ``line`` comes right after, but for a docstring."""
    header = above(page, line)
    if header is not None:
        text = content(page.lines[header])
        at = len(text) - len(text.lstrip())
        if _quote(page.about, text[at:]) is not None and _documents(page, header, at):
            header = above(page, header)
    return None if header is None else block(page, header)


def _documents(page: Page, line: int, column: int) -> bool:
    """Whether a string that begins here is the documentation of a definition or the file."""
    about = page.about
    text = content(page.lines[line])
    if text[:column].strip() or not about.function_words:
        return False
    header = above(page, line)
    if header is None:
        return True
    head = content(page.lines[header])
    return indent(head) < indent(text) and definition(about, head.lstrip()) is not None


def _scope(page: Page, header: Block) -> Scope | None:
    """The definition that a block belongs to."""
    lines = page.lines[header.first : header.last + 1]
    defined = definition(page.about, content(lines[0]).lstrip())
    if defined is None:
        return None
    is_class, name = defined
    return Scope(
        kind="class" if is_class else "function",
        name=name,
        signature=one_line(page.about, lines),
        docstring=_docstring(page, header.last + 1),
        line=header.first,
    )


def _quote(about: Language, text: str) -> tuple[str, str] | None:
    """The delimiter of the string that a text begins with, and the text behind it."""
    prefix = re.match(r"[A-Za-z]{0,2}", text)
    bare = text[prefix.end() :] if prefix else text
    for quote in about.strings:
        if bare.startswith(quote):
            return quote, bare[len(quote) :]
    return None


def _docstring(page: Page, line: int) -> str:
    """The first line of the documentation that stands at or behind a line; empty when there is none."""
    while line < len(page.lines) and is_blank(page, line):
        line += 1
    if line == len(page.lines):
        return ""
    began = _quote(page.about, content(page.lines[line]).strip())
    if began is None:
        return ""
    quote, text = began
    if not text and line + 1 < len(page.lines):
        text = content(page.lines[line + 1])
    return text.partition(quote)[0].strip()
