"""What is known about a cursor: the one door to this package for those who complete.

Combines the text of the lines, which is always what the user sees, with the tree, which knows what is around but is
full of errors where somebody types. Pure; fast enough for every key.
"""

import re
from collections.abc import Sequence

import msgspec

from lsp_server.base.text import byte_length, content
from lsp_server.context.headers import (
    block_braces,
    comment_text,
    definition,
    documentation,
    ends_in_access,
    is_unindented,
    method,
    opens_block,
)
from lsp_server.context.languages import UNKNOWN, Grammar, Language
from lsp_server.context.lexing import MAX_PIECE, one_line, read
from lsp_server.context.lines import (
    Block,
    Page,
    above,
    block,
    brackets,
    enclosing,
    first_line,
    indent,
    is_blank,
    open_above,
)
from lsp_server.context.names import find
from lsp_server.context.syntax import Tree
from lsp_server.context.types import Context, CursorClass, Scope

#: Brackets around the cursor that are looked at, innermost first, and the characters in front of each.
_NESTED, _HEAD = 20, 200

#: What stands in front of a call's arguments.
_CALLED = re.compile(r"(\.?[\w$]+[!?]?|[)\]]|\w<[^()]*>)\s*\($")

#: Lines above a definition in which its documentation may begin.
_DOCUMENTED = 60

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
    inner = () if place.inner is None else (place.inner,)
    blocks = (*inner, *enclosing(page, place.line, place.level))
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


def scopes_around(about: Language, tree: Tree | None, lines: Sequence[str], line: int) -> tuple[Scope, ...]:
    """The definitions that enclose a line, outermost first; for an empty line, those around the next that is not.

    Args:
        about: the language; of its grammar, where there is a tree.
        tree, lines: as for ``extract``.
    """
    page = Page(about, lines, tree.root if tree else None)
    while line < len(lines) - 1 and is_blank(page, line):
        line += 1
    return _scopes(page, enclosing(page, line, indent(lines[line])))


def string_at(grammar: Grammar | None, tree: Tree | None, lines: Sequence[str], line: int) -> str:
    """What the string begins with in which a line begins (``f\"\"\"``); empty when it begins in none, as far as the
    tree knows."""
    if grammar is None or tree is None:
        return ""
    found = open_above(Page(grammar.about, lines, tree.root), line)
    if found is None or found[0].quote not in grammar.about.strings:
        return ""
    return found[0].prefix + found[0].quote


def _scopes(page: Page, blocks: Sequence[Block]) -> tuple[Scope, ...]:
    return tuple(filter(None, (_scope(page, header) for header in reversed(blocks))))


class _Place(msgspec.Struct, frozen=True):
    """Where the cursor is.

    Attributes:
        cursor: its class.
        line, level: the line on which its statement begins, and how far that is indented.
        inner: a block around it that begins on that line or, where it has no statement yet, right above.
    """

    cursor: CursorClass
    line: int
    level: int
    inner: Block | None = None


def _place(page: Page, line: int, column: int) -> _Place:
    text = content(page.lines[line])
    before, after = text[:column], text[column:]
    open_ = open_above(page, line)
    reading = read(page.about, before, open_[0] if open_ else None)
    if reading.string is not None:
        began = (line, reading.string_column) if reading.string_column >= 0 or not open_ else open_[1:]
        return _statement(page, "docstring" if _documents(page, *began) else "string", began[0])
    if reading.comment:
        return _statement(page, "comment", line)

    outer = brackets(page, line, column, reading.code)
    in_string = open_ is not None and not open_[0].comment
    start = outer[-1][0] if outer else open_[1] if open_ and in_string else line
    braces = block_braces(page.about, reading.code)
    cursor = _cursor(page, reading.code, outer) or ("code" if outer or in_string else None)
    if braces and (cursor is not None or reading.code[braces[-1] + 1 :].strip()):
        # The statement stands behind the brace of its block, on one line.
        first = first_line(page, line)
        level = indent(page.lines[first])
        return _Place(cursor or "code", first, level, Block(first, line, level, braces[-1] + 1))
    if cursor is not None:
        return _statement(page, cursor, start)

    start = first_line(page, line)
    if before.strip() or start < line:
        header = None
        if _ends_header(page.about, reading.code, after):
            end = len(reading.code.rstrip())
            if page.about.block != "indent":
                header = Block(start, line, indent(page.lines[start]), end)
            else:
                header = block(page, start, line)
        if header is not None and (_is_closed(page.about, after) or _is_empty(page, header, line)):
            return _Place("block_start", start, header.indent, header)
        return _statement(page, "code", start)
    return _line_start(page, line, text, column)


def _line_start(page: Page, line: int, text: str, column: int) -> _Place:
    """The place of a cursor that has only white space in front."""
    level = indent(text if text[column:].strip() else text[:column])
    header = None if text[column:].strip() else _header_above(page, line)
    if header is not None and _is_empty(page, header, line):
        if header.indent < level:
            return _Place("block_start", line, level)
        if page.about.block != "indent":  # what is not indented yet is inside all the same
            return _Place("block_start", header.first, header.indent, header)
    return _Place("line_start", line, level)


def _statement(page: Page, cursor: CursorClass, line: int) -> _Place:
    line = first_line(page, line)
    return _Place(cursor, line, indent(page.lines[line]))


def _cursor(page: Page, code: str, open_: Sequence[tuple[int, int]]) -> CursorClass | None:
    """The class of a cursor that is behind a dot or inside a call."""
    about = page.about
    if ends_in_access(about, code):
        return "after_dot"
    for row, at in open_[:_NESTED]:
        head = content(page.lines[row])[: at + 1].lstrip()[-_HEAD:]
        called = _CALLED.search(head)  # behind a dot no word is a keyword
        if called is not None and called[1] not in about.keywords and not _names_definition(about, head):
            return "call"
    return None


def _names_definition(about: Language, head: str) -> bool:
    """Whether the bracket at the end of ``head`` follows the name in a definition's header."""
    defined = definition(about, head)
    return defined is not None and re.search(rf"{re.escape(defined.name)}\s*\($", head) is not None


def _ends_header(about: Language, code: str, after: str) -> bool:
    rest = after.strip()
    return opens_block(about, code.strip()) and (
        not rest or rest.startswith(about.line_comments) or _is_closed(about, after)
    )


def _is_closed(about: Language, after: str) -> bool:
    """Whether what stands behind a brace is the brace that closes it, and what may follow that."""
    return about.block == "braces" and after.lstrip().startswith("}") and not after.strip(" \t})];,")


def _is_empty(page: Page, header: Block, line: int) -> bool:
    """Whether nothing behind ``line`` belongs to a header's block."""
    for below in range(line + 1, min(line + 1 + _BELOW, len(page.lines))):
        text = content(page.lines[below]).lstrip()
        if not is_blank(page, below) and not is_unindented(page.about, text):
            return indent(page.lines[below]) <= header.indent
    return True


def _header_above(page: Page, line: int) -> Block | None:
    """The header that the statement on ``line`` comes right after, but for a docstring."""
    last = above(page, line)
    if last is None:
        return None
    header = first_line(page, last)
    text = content(page.lines[header])
    at = len(text) - len(text.lstrip())
    if page.about.docstrings and _quote(page.about, text[at:]) is not None and _documents(page, header, at):
        last = above(page, header)
        if last is None:
            return None
        header = first_line(page, last)
    return block(page, header) if page.about.block == "indent" else block(page, header, last)


def _documents(page: Page, line: int, column: int) -> bool:
    """Whether a string that begins here is the documentation of a definition or the file."""
    about = page.about
    text = content(page.lines[line])
    if text[:column].strip() or not about.docstrings:
        return False
    before = above(page, line)
    if before is None:
        return True
    head = content(page.lines[first_line(page, before)])
    return indent(head) < indent(text) and definition(about, head.lstrip()) is not None


def _scope(page: Page, header: Block) -> Scope | None:
    """The definition that a block belongs to."""
    about = page.about
    lines = list(map(content, page.lines[header.first : header.last + 1]))
    if header.column >= 0:
        lines[-1] = lines[-1][: header.column]
    defined = definition(about, lines[0].lstrip())
    if defined is None and not about.methods:
        return None
    signature = one_line(about, lines)
    defined = defined or method(about, signature)
    if defined is None:
        return None
    return Scope(
        kind="class" if defined.is_class else "function",
        name=defined.name,
        signature=signature,
        docstring=_docstring(page, header.last + 1)
        if about.docstrings
        else _comment_above(page, header.first),
        line=header.first,
    )


def _comment_above(page: Page, line: int) -> str:
    """The first line that the comment right above a definition says; empty when there is none."""
    about = page.about
    begins = tuple(begin for begin, _ in about.block_comments)
    ends = tuple(end for _, end in about.block_comments)
    said: list[str] = []
    inside = False
    for row in range(line - 1, max(-1, line - 1 - _DOCUMENTED), -1):
        text = content(page.lines[row]).strip()
        if not said and not inside and text.startswith(about.annotations):
            continue
        inside = inside or text.endswith(ends)
        if not inside and not text.startswith(about.line_comments):
            break
        said.append(comment_text(about, text))
        if inside and text.startswith(begins):
            break
    return documentation(said[::-1])


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
