"""Lines and their blocks: which line begins a statement, which opens the block that another is in.

Goes by indentation, as Python does and as tidy code in any language allows, because that survives broken code: while
somebody types, the tree is full of errors, but the lines above still stand where they stood. The tree, where there is
one, tells which lines are the insides of strings and brackets.
"""

import re
from collections.abc import Iterator, Sequence

import msgspec
import tree_sitter

from lsp_server.base.text import byte_length, content, to_column
from lsp_server.context.languages import Language
from lsp_server.context.lexing import Opening, read, unclosed

#: Longest header, and longest unclosed bracket, in lines.
_REACH = 40

#: How many lines above are looked at for the headers of blocks.
_WALK = 5000

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
    """

    first: int
    last: int
    indent: int


def indent(text: str) -> int:
    """Columns in front of a line's text; tabs go to the next multiple of 8, as Python counts them."""
    width = len(text) - len(text.lstrip(_BLANK))
    blank = text[:width]
    return len(blank.expandtabs(8)) if "\t" in blank else width


def above(page: Page, line: int) -> int | None:
    """The first line of the statement above a line."""
    for candidate in range(line - 1, max(-1, line - 1 - _WALK), -1):
        if not is_blank(page, candidate):
            return first_line(page, candidate)
    return None


def is_blank(page: Page, line: int) -> bool:
    """Whether a line holds nothing, or a comment only."""
    text = content(page.lines[line]).lstrip(_BLANK)
    return not text or text.startswith(page.about.line_comments)


def ancestors(node: tree_sitter.Node | None) -> Iterator[tree_sitter.Node]:
    """A node and those around it, innermost first."""
    for _ in range(_CLIMB):
        if node is None:
            return
        yield node
        node = node.parent


def open_string(page: Page, line: int) -> tuple[Opening, int, int] | None:
    """The string that is open at a line's start, and the line and column (code points) where it began."""
    if page.root is None or line == 0:
        return None
    nodes = page.about.nodes
    for node in ancestors(page.root.descendant_for_point_range((line, 0), (line, 0))):
        if node.type == nodes.interpolation:
            break
        if node.type in nodes.strings and node.start_point < (line, 0) < node.end_point:
            return _began(page, node)
    start = _never_closed(page, line) if page.root.has_error else None
    return None if start is None else _began(page, start)


def _began(page: Page, node: tree_sitter.Node) -> tuple[Opening, int, int] | None:
    """How a string node, or the token that opens one, begins."""
    row, column = node.start_point
    column = to_column(page.lines[row], column, "utf-8")
    text = content(page.lines[row])[column:]
    prefix = text[: len(text) - len(text.lstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"))]
    for quote in page.about.strings:
        if text.startswith(quote, len(prefix)):
            return Opening(quote, prefix), row, column
    return None


def _never_closed(page: Page, line: int) -> tree_sitter.Node | None:
    """The token, above a line, that opens a string of several lines and is in an error because nothing closes it."""
    assert page.root is not None
    stack = [page.root]
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
    text = content(page.lines[line])
    if content(page.lines[line - 1]).endswith("\\"):
        return line - 1
    if page.root is not None:
        nodes = page.about.nodes
        start = len(text) - len(text.lstrip(_BLANK))
        for node in ancestors(page.root.descendant_for_point_range((line, start), (line, start + 1))):
            if node.is_error:
                break  # around it may be a bracket that somebody has only just opened: this line is not its own
            row = node.start_point[0]
            if row < line and (node.type in nodes.brackets or node.type in nodes.strings):
                return row
    if text.lstrip(_BLANK).startswith((")", "]", "}")):
        return _opener(page, line)
    return None


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
    code = read(about, content(page.lines[last])).code.rstrip()
    if code.endswith(about.block_end) or is_definition(about, head):
        return Block(first, last, indent(page.lines[first]))
    return None


def header_end(page: Page, first: int) -> int:
    """The last line of the header that begins on line ``first``."""
    depth = 0
    for line in range(first, min(first + _REACH, len(page.lines))):
        code = read(page.about, content(page.lines[line])).code.rstrip()
        # A brace that opens the block is not one of the header's brackets.
        opened, closed = unclosed(code[:-1] if code.endswith(page.about.block_end) else code)
        depth += len(opened) - closed
        if depth <= 0 and not code.endswith("\\"):
            return line
    return first


def is_definition(about: Language, head: str) -> bool:
    """Whether a line's text begins as the header of a class or function does."""
    return definition(about, head) is not None


def definition(about: Language, head: str) -> tuple[bool, str] | None:
    """Read a definition's first line, without indentation.

    Returns:
        whether it is a class, and its name.
    """
    for is_class, starts in ((True, about.class_words), (False, about.function_words)):
        for start in starts:
            match = re.match(r"\s+".join([*start.split(), r"(\w+)"]), head)
            if match:
                return is_class, match[1]
    return None


def enclosing(page: Page, line: int, level: int) -> list[Block]:
    """The blocks around a statement on ``line`` that is indented by ``level`` columns, innermost first."""
    blocks: list[Block] = []
    top = max(0, line - _WALK)
    line -= 1
    while line >= top and level > 0:
        if indent(page.lines[line]) < level and not is_blank(page, line):
            first = first_line(page, line)
            width = indent(page.lines[first])
            if width < level:
                level = width
                opened = block(page, first)
                if opened is not None:
                    blocks.append(opened)
            line = first
        line -= 1
    return blocks


def brackets(page: Page, line: int, column: int, code: str) -> list[tuple[int, int]]:
    """The brackets that are open at the cursor, as lines and columns (code points); innermost first.

    Args:
        code: the cursor's line up to the cursor, read.
    """
    opened, closed = unclosed(code)
    found = [(line, at) for at in reversed(opened)]
    if page.root is not None:
        cursor = (line, byte_length(content(page.lines[line])[:column]))
        for node in ancestors(page.root.descendant_for_point_range(cursor, cursor)):
            row, at = node.start_point
            if row < line and cursor < node.end_point and node.type in page.about.nodes.brackets:
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
            if code.rstrip().endswith(page.about.block_end) and opened[-1] == len(code.rstrip()) - 1:
                opened.pop()  # the brace of a block
            return [(above, at) for at in reversed(opened)]
        closed = max(closed - len(opened), 0) + closes
        if not closed and (width < level or block(page, above, above) is not None):
            return []
    return []
