"""Lines and their blocks: which line begins a statement, which opens the block that another is in.

Goes by indentation, as Python does and as tidy code in any language allows, because that survives broken code: while
somebody types, the tree is full of errors, but the lines above still stand where they stood. The tree, where there is
one, tells which lines are the insides of strings, comments and brackets, and on which line a definition begins.
"""

import re
from collections.abc import Iterator, Sequence

import msgspec
import tree_sitter

from lsp_server.base.text import byte_length, content, to_column
from lsp_server.context.headers import block_braces, has_braces, is_definition, is_unindented, opens_block
from lsp_server.context.languages import Language
from lsp_server.context.lexing import Opening, open_at, read, unclosed

#: Longest header, and longest unclosed bracket, in lines; and how far above a comment may begin where no tree tells.
_REACH = 40

#: How many lines above are looked at for the headers of blocks.
_WALK = 5000

#: Lines between the beginning of a header and the brace below that opens its block.
_BELOW = 8

#: A line of types alone, as old C has it above a function's name.
_TYPES = re.compile(r"[A-Za-z_][\w\s*&:<>,]*(?<![,:])$")

#: How many ancestors of a node are looked at. Each costs as much as the node is deep, so that data nested a thousand
#: deep would cost a second.
_CLIMB = 60

_BLANK = " \t\x0c"


class Page(msgspec.Struct, frozen=True):
    """A text, its language and its tree's root, if it has one."""

    about: Language
    lines: Sequence[str]
    root: tree_sitter.Node | None


class Block(msgspec.Struct, frozen=True):
    """A block by its header.

    Attributes:
        first, last: lines of the header.
        indent: columns of its first line.
        column: where it ends on its last line (code points); -1 for that line's end.
    """

    first: int
    last: int
    indent: int
    column: int = -1


def indent(text: str) -> int:
    """Columns in front of a line's text; tabs go to the next multiple of 8, as Python counts them."""
    width = len(text) - len(text.lstrip(_BLANK))
    blank = text[:width]
    return len(blank.expandtabs(8)) if "\t" in blank else width


def above(page: Page, line: int) -> int | None:
    """The line that is next above and not blank."""
    for candidate in range(line - 1, max(-1, line - 1 - _WALK), -1):
        if not is_blank(page, candidate):
            return candidate
    return None


def is_blank(page: Page, line: int) -> bool:
    """Whether a line holds nothing, or a comment only."""
    about = page.about
    text = content(page.lines[line]).lstrip(_BLANK)
    if not text or text.startswith(about.line_comments):
        return True
    if not about.block_comments:
        return False
    # A line in the middle of a comment shows it by a star, or not at all.
    if text[0] == "*":
        return text[1:2] in ("", " ", "/") and about.block_comments[0][0] == "/*"
    begins = text.startswith(tuple(begin for begin, _ in about.block_comments))
    return begins and not read(about, text).code.strip()


def ancestors(node: tree_sitter.Node | None) -> Iterator[tree_sitter.Node]:
    """A node and those around it, innermost first."""
    for _ in range(_CLIMB):
        if node is None:
            return
        yield node
        node = node.parent


def code_of(page: Page, line: int) -> str:
    """A line as code, white space at both ends left out."""
    return read(page.about, content(page.lines[line])).code.strip()


def open_above(page: Page, line: int) -> tuple[Opening, int, int] | None:
    """The string or comment that is open at a line's start, and the line and column (code points) where it began."""
    if line == 0:
        return None
    if page.root is not None:
        nodes = page.about.nodes
        for node in ancestors(page.root.descendant_for_point_range((line, 0), (line, 0))):
            if node.type in nodes.interpolation:
                break
            if node.type in nodes.strings or node.type in nodes.comments:
                began = _began(page, node, comment=node.type in nodes.comments)
                # What begins without a delimiter is the text of a heredoc, and open on its first line, too.
                first = line if began[0].quote else line + 1
                if node.start_point < (first, 0) and (line, 0) < node.end_point:
                    return began
        if not page.root.has_error:
            return None
        start = _never_closed(page, line)
        if start is not None:
            return _began(page, start)
    return _comment_above(page, line)


def _began(page: Page, node: tree_sitter.Node, *, comment: bool = False) -> tuple[Opening, int, int]:
    """How a string's or comment's node, or the token that opens one, begins."""
    row, column = node.start_point
    column = to_column(page.lines[row], column, "utf-8")
    return open_at(page.about, content(page.lines[row])[column:]) or Opening("", comment=comment), row, column


def _never_closed(page: Page, line: int) -> tree_sitter.Node | None:
    """The token, above a line, that opens a string of several lines and is in an error because nothing closes it."""
    assert page.root is not None
    stack = [page.root] if page.about.nodes.string_start else []
    while stack:
        node = stack.pop()
        for child in node.children:
            if child.start_point[0] >= line:
                break
            if node.is_error and child.type == page.about.nodes.string_start:
                if child.end_point[1] - child.start_point[1] >= 3:
                    return child
            elif child.has_error:
                stack.append(child)
    return None


def _comment_above(page: Page, line: int) -> tuple[Opening, int, int] | None:
    """The comment that the lines above begin and do not end, as far as text tells."""
    pairs = page.about.block_comments
    for row in range(line - 1, max(-1, line - 1 - _REACH), -1) if pairs else ():
        text = page.lines[row]
        if any(begin in text for begin, _ in pairs):
            open_ = read(page.about, content(text)).block
            return (open_, row, text.rfind(open_.quote)) if open_ else None
        if any(end in text for _, end in pairs):
            return None
    return None


def first_line(page: Page, line: int) -> int:
    """The line on which the statement begins that a line is part of."""
    while line > 0:
        above = _continued(page, line)
        if above is None:
            return line
        line = above
    return line


def _continued(page: Page, line: int) -> int | None:
    """A line above that this one goes on with; ``None`` when it begins a statement."""
    about = page.about
    text = content(page.lines[line])
    if content(page.lines[line - 1]).endswith("\\"):
        return line - 1
    if page.root is not None:
        nodes = about.nodes
        start = len(text) - len(text.lstrip(_BLANK))
        for node in ancestors(page.root.descendant_for_point_range((line, start), (line, start + 1))):
            if node.is_error:
                break  # around it may be a bracket that somebody has only just opened: this line is not its own
            row = node.start_point[0]
            if row == line and node.type in nodes.members:
                return None
            if row < line:
                if node.type in nodes.strings or node.type in nodes.comments:
                    return row
                if node.type in nodes.brackets and _spans(page, node, line):
                    return row
                defines = node.type in nodes.functions or node.type in nodes.classes
                if defines and about.block == "braces" and _is_head(page, node, line):
                    while row < line and _is_above_header(page, row):
                        row += 1
                    return row if row < line else None
                if node.type in nodes.blocks:
                    break
    bare = text.lstrip(_BLANK)
    if bare.startswith((")", "]", "}")):
        return _opener(page, line)
    return _header_of_brace(page, line, bare) if has_braces(about) else None


def _header_of_brace(page: Page, line: int, bare: str) -> int | None:
    """The line above that a line goes on with, if it is a brace or a name under its type; by text alone."""
    if bare.startswith("{"):
        level = indent(page.lines[line])
        for before in range(line - 1, max(-1, line - 1 - _BELOW), -1):
            width = indent(page.lines[before])
            code = code_of(page, before)
            if width < level or not code or code.endswith((";", "{", "}")):
                break
            if width == level:
                return before
        return None
    if page.about.methods and re.match(r"\w+\s*\(", bare):
        over = content(page.lines[line - 1])
        if _TYPES.fullmatch(over) and indent(page.lines[line]) == 0:
            return line - 1
    return None


def _spans(page: Page, node: tree_sitter.Node, line: int) -> bool:
    """Whether a bracket that begins above a line really holds it. Where it holds errors it may be one that nobody has
    closed, and which took in all that follows; what stands less deep than it tells."""
    if not node.has_error:
        return True
    first, column = node.start_point
    if line - first > _REACH:
        return False
    if page.about.block == "braces":
        before = content(page.lines[first])[: to_column(page.lines[first], column + 1, "utf-8")]
        if before.endswith("{") and opens_block(page.about, read(page.about, before).code.strip()):
            return False  # taken for the brace of a literal
    level = indent(page.lines[first])
    return all(
        is_blank(page, row)
        or indent(page.lines[row]) > level - (row == line)
        or page.lines[row].lstrip(_BLANK).startswith((")", "]", "}"))
        for row in range(first + 1, min(line + 1, len(page.lines)))
    )


def _is_head(page: Page, node: tree_sitter.Node, line: int) -> bool:
    """Whether a line stands in front of a function's body."""
    level = indent(page.lines[node.start_point[0]])
    if node.has_error and (indent(page.lines[line]) <= level or not _spans(page, node, line)):
        return False  # the text above it will tell
    body = node.child_by_field_name("body")
    return body is not None and body.start_point[0] >= line


def _is_above_header(page: Page, line: int) -> bool:
    """Whether a line of a definition stands above its header: an annotation, a directive, a comment."""
    bare = content(page.lines[line]).lstrip(_BLANK)
    return bare.startswith(page.about.annotations) or is_blank(page, line) or is_unindented(page.about, bare)


def _opener(page: Page, line: int) -> int | None:
    """The line above that opens the bracket which a line begins by closing."""
    depth = 1
    for above in range(line - 1, max(-1, line - 1 - _REACH), -1):
        opened, closed = unclosed(read(page.about, content(page.lines[above])).code)
        if len(opened) >= depth:
            return above
        depth += closed - len(opened)
    return None


def block(page: Page, first: int, last: int | None = None) -> Block | None:
    """The block that the statement which begins on line ``first`` opens.

    Args:
        last: the header's last line, where it is known.
    """
    about = page.about
    head = content(page.lines[first]).lstrip(_BLANK)
    word = re.match(r"\w*", head)
    if about.block_openers and (word is None or word.group() not in about.block_openers):
        return None
    if last is None:
        last = header_end(page, first)
    if opens_block(about, code_of(page, last)) or (about.block == "indent" and is_definition(about, head)):
        return Block(first, last, indent(page.lines[first]))
    return None


def header_end(page: Page, first: int) -> int:
    """The last line of the header that begins on line ``first``."""
    about = page.about
    depth = 0
    for line in range(first, min(first + _REACH, len(page.lines))):
        code = code_of(page, line)
        opens = opens_block(about, code)
        if opens and about.block != "indent":
            return line
        # A brace that opens the block is not one of the header's brackets.
        opened, closed = unclosed(code[:-1] if opens else code)
        depth += len(opened) - closed
        if depth <= 0 and not code.endswith("\\"):
            return _brace_below(page, first, line, code) if has_braces(about) else line
    return first


def _brace_below(page: Page, first: int, last: int, code: str) -> int:
    """The line that opens the block of a header which the line ``last`` may not be the end of, else that line."""
    level = indent(page.lines[first])
    for line in range(last + 1, min(last + 1 + _BELOW, len(page.lines))):
        if code.endswith((";", "{", "}")) or not code:
            break
        code = code_of(page, line)
        width = indent(page.lines[line])
        if (width == level and code.startswith("{")) or (width > level and opens_block(page.about, code)):
            return line
        if width < level or opens_block(page.about, code):
            break
    return last


def enclosing(page: Page, line: int, level: int) -> list[Block]:
    """The blocks around a statement on ``line`` that is indented by ``level`` columns, innermost first."""
    blocks: list[Block] = []
    top = max(0, line - _WALK)
    line -= 1
    while line >= top and level > 0:
        if indent(page.lines[line]) < level and not is_blank(page, line):
            first = first_line(page, line)
            width = indent(page.lines[first])
            if width < level and not is_unindented(page.about, content(page.lines[line]).lstrip(_BLANK)):
                level = width
                own = opens_block(page.about, code_of(page, line)) and page.about.block != "indent"
                closes = content(page.lines[line]).lstrip(_BLANK).startswith("}")
                opened = block(page, first, line if own and not closes else None)
                if opened is not None:
                    blocks.append(opened)
            line = first
        line -= 1
    return blocks


def brackets(page: Page, line: int, column: int, code: str) -> list[tuple[int, int]]:
    """The brackets that are open at the cursor, as lines and columns (code points); innermost first. What is around a
    block of statements does not count in it.

    Args:
        code: the cursor's line up to the cursor, read.
    """
    about = page.about
    opened, closed = unclosed(code)
    inner = block_braces(about, code)
    if inner:
        return [(line, at) for at in reversed(opened) if at > inner[-1]]
    found = [(line, at) for at in reversed(opened)]
    if page.root is not None:
        cursor = (line, byte_length(content(page.lines[line])[:column]))
        for node in ancestors(page.root.descendant_for_point_range(cursor, cursor)):
            row, at = node.start_point
            if row < line and cursor < node.end_point:
                if node.type in about.nodes.blocks:
                    break
                if node.type in about.nodes.brackets and _spans(page, node, line):
                    found.append((row, to_column(page.lines[row], at, "utf-8")))
        if not page.root.has_error or found:
            return found
    return found or _open_above(page, line, closed)


def _open_above(page: Page, line: int, closed: int) -> list[tuple[int, int]]:
    """Brackets of the lines above that nothing closes before ``line``; its indentation must say that it is inside."""
    level = indent(page.lines[line])
    for above in range(line - 1, max(-1, line - 1 - _REACH), -1):
        if is_blank(page, above):
            continue
        code = read(page.about, content(page.lines[above])).code
        opened, closes = unclosed(code)
        width = indent(page.lines[above])
        if len(opened) > closed and width < level:
            opened = opened[: len(opened) - closed]
            if opens_block(page.about, code.strip()):
                if page.about.block != "indent":
                    return []
                if opened[-1] == len(code.rstrip()) - 1:
                    opened.pop()  # the brace of a block
            return [(above, at) for at in reversed(opened)]
        closed = max(closed - len(opened), 0) + closes
        if not closed and (width < level or block(page, above, above) is not None):
            return []
    return []
