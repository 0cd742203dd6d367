"""What a cursor may want from other files: the values that retrieval is asked with.

Does not know what other files there are.
"""

import re

import msgspec

#: A receiver is read this far back (code points).
_BACK = 200

class Wants(msgspec.Struct, frozen=True, array_like=True):
    """What a cursor may want.

    Attributes:
        path: of its file, absolute, as the index has it.
        language: name of its grammar.
        offset: the cursor, in bytes of the file.
        before, after: what the prompt shows of the file around the cursor.
        receiver: what stands in front of the member access that the cursor is behind (``self.model``); empty when it
            is behind none.
        function: name of the function around the cursor; empty outside of any.
        classes: names of the classes around the cursor, outermost first.
    """

    path: str
    language: str
    offset: int
    before: str
    after: str
    receiver: str = ""
    function: str = ""
    classes: tuple[str, ...] = ()


def receiver(line: str, member_access: tuple[str, ...]) -> str:
    """What stands in front of the last member access, if the line up to the cursor ends with one and part of a name."""
    piece = line[-_BACK:]
    stem = re.sub(r"[\w$]*$", "", piece)
    access = next((mark for mark in sorted(member_access, key=len, reverse=True) if stem.endswith(mark)), None)
    if access is None:
        return ""
    return _chain(stem[: -len(access)].rstrip(), member_access)


def _chain(text: str, member_access: tuple[str, ...]) -> str:
    """The names, calls and subscripts at a text's end, as far as one is the other's part."""
    end = len(text)
    start = end
    while start > 0:
        if text[start - 1] in ")]":
            depth = 0
            while start > 0:
                start -= 1
                depth += (text[start] in ")]") - (text[start] in "([")
                if depth == 0:
                    break
            if depth:
                return ""
            continue
        word = start
        while word > 0 and (text[word - 1].isalnum() or text[word - 1] in "_$@"):
            word -= 1
        if word == start:
            return text[start:end]
        start = word
        access = next((mark for mark in member_access if text.endswith(mark, 0, start)), None)
        if access is None:
            return text[start:end]
        start -= len(access)
    return text[start:end]
