"""The brackets that a text leaves open: closed behind it, it can be told whether they are all that is wrong with it.

Reads strings and comments as ``context.lexing`` does, line by line; does not know who counts errors.
"""

from lsp_server.context.languages import Language
from lsp_server.context.lexing import read

_CLOSER = {"(": ")", "[": "]", "{": "}"}


def closed(about: Language, before: str, text: str) -> str:
    """The text with what closes its own brackets at its end; itself when it leaves none open.

    Args:
        before: what stands in front of it on its line.
    """
    open_: list[str] = []
    margin = before
    for line in text.split("\n"):
        for column, sign in enumerate(read(about, margin + line).code):
            if column < len(margin):
                continue
            if sign in _CLOSER:
                open_.append(_CLOSER[sign])
            elif open_ and sign == open_[-1]:
                open_.pop()
        margin = ""
    return text + "".join(reversed(open_))
