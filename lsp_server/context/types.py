"""What is known about a cursor: frozen values that cross from ``context`` to everyone above."""

from typing import Literal

import msgspec

CursorClass = Literal[
    "comment",  # inside a comment
    "docstring",  # inside a string that documents a definition
    "string",  # inside any other string
    "after_dot",  # right after a dot, or inside the name that follows it
    "call",  # between the parentheses of a call
    "block_start",  # where the first statement of an empty block belongs, or right after what opens the block
    "line_start",  # only indentation before the cursor
    "code",  # anywhere else
]


class Scope(msgspec.Struct, frozen=True):
    """A class or function that encloses the cursor.

    Attributes:
        kind: what it is.
        name: its identifier.
        signature: its header as it stands in the source, decorators left out, on one line.
        docstring: the first line of its documentation, without quotes; empty when it has none.
        line: 0-based line of its header.
    """

    kind: Literal["class", "function"]
    name: str
    signature: str
    docstring: str
    line: int


class Context(msgspec.Struct, frozen=True):
    """The view that one request has of the syntax around its cursor.

    Attributes:
        language: name of the grammar; empty when none is known.
        cursor: what the cursor is in; the first that holds, in the order of ``CursorClass``.
        block_indent: columns of the line that opens the innermost enclosing block; -1 outside of any.
        scopes: enclosing definitions, outermost first.
        imports: import statements of the file in source order, each on one line.
        names: names in reach, nearest first, without repeats; attributes of a method's object as ``self.name``.
        from_syntax: false when no tree was to be had and this was read off the text alone.
    """

    language: str
    cursor: CursorClass
    block_indent: int = -1
    scopes: tuple[Scope, ...] = ()
    imports: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    from_syntax: bool = False
