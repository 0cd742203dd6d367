"""What a cursor may want from other files: the values that retrieval is asked with.

Does not know what other files there are.
"""

import msgspec


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
        recent: paths of the files opened or edited lately.
    """

    path: str
    language: str
    offset: int
    before: str
    after: str
    receiver: str = ""
    function: str = ""
    classes: tuple[str, ...] = ()
    recent: tuple[str, ...] = ()
