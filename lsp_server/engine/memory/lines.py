"""Tokens of texts that were seen before with few changes: line by line, since all but one line are the same.

Right where a tokenizer never joins what stands before a line end with what stands behind it, as that of the bundled
model; with another the memory's tokens at line starts may differ from the prompt's, and it finds less there.
"""

import re
from collections import OrderedDict

from lsp_server.engine.tokenizer import Tokenizer

#: A run of line ends belongs to the line behind it, as in the tokens.
_LINE = re.compile(r"\n*[^\n]+|\n+\Z")

#: Lines whose tokens are kept; the one not asked for longest goes.
_LINES = 30_000


class LineTokens:
    """A tokenizer that remembers lines."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._known: OrderedDict[str, list[int]] = OrderedDict()

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text."""
        ids: list[int] = []
        known = self._known
        for line in _LINE.findall(text):
            found = known.get(line)
            if found is None:
                found = known[line] = self._tokenizer.encode(line)
            else:
                known.move_to_end(line)
            ids += found
        while len(known) > _LINES:
            known.popitem(last=False)
        return ids
