"""What is shown of a definition: its signature; of a class, its members' too.

Cuts source text at the borders that an outline names. Does not know why it is shown.
"""

import re
from collections.abc import Callable, Sequence

from lsp_server.context.symbols import FUNCTIONS, Definition

#: A signature or a field is shown on one line of so many characters at most.
_LINE = 160

_COMMENT = re.compile(r"\s(#|//)[^\n]*|/\*.*?\*/", re.DOTALL)

Text = Callable[[int, int], str]


def lines(
    definition: Definition | None, members: Sequence[Definition], text: Text, comment: str
) -> list[str]:
    """The skeleton of a definition, or of a file (none): a class's fields on one line, then its methods.

    Args:
        members: of the class or the file.
        text: gives the source between two bytes.
        comment: what begins a comment in the language.
    """
    shown = [] if definition is None else [signature(definition, text)]
    indent = "" if definition is None else "    "
    fields = [one for one in members if one.kind == "field"]
    if fields:
        names = dict.fromkeys(f"{one.name}: {one.type}" if one.type else one.name for one in fields)
        shown.append(f"{indent}{comment} {', '.join(names)}".rstrip())
    shown += [indent + signature(one, text) for one in members if one.kind != "field"]
    return list(dict.fromkeys(shown))


def brief(
    definition: Definition | None, members: Sequence[Definition], text: Text, comment: str
) -> list[str]:
    """The same as ``lines``, of the members the names only."""
    shown = [] if definition is None else [signature(definition, text)]
    indent = "" if definition is None else "    "
    names = dict.fromkeys(one.name + ("()" if one.kind in FUNCTIONS else "") for one in members)
    shown.append(f"{indent}{comment} {', '.join(names)}".rstrip())
    return shown


def signature(one: Definition, text: Text) -> str:
    """A definition's head on one line, its comments left out."""
    head = text(one.head_start or one.start, one.head_end)
    head = " ".join(_COMMENT.sub("", head).split())
    head = re.sub(r"(?<=[(\[{]) |,? (?=[)\]}])", "", head)
    return head if len(head) <= _LINE else head[:_LINE].rstrip() + " ..."
