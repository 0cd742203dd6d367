"""What a text leaves open at its end: written out, it can be told whether that is all that is wrong with it.

Reads brackets and strings as the filters do; does not know who counts errors.
"""

import itertools

from lsp_server.completion.filters.lexical import head, scan
from lsp_server.completion.types import Surroundings

#: Closers that are tried; nobody has more open at once, or hardly ever.
_MOST = 8


def endings(around: Surroundings, text: str) -> list[str]:
    """What may be written behind a text to close what stands open there: the innermost, then one more, and so on.

    Only what may go on below: brackets and strings of several lines.
    """
    before = head(around)
    found = scan(before + text, len(before), around.line_comments).open
    closers = [closer.lstrip("f") for closer in reversed(found)]
    lasting = itertools.takewhile(lambda closer: closer not in ('"', "'"), filter(str.strip, closers))
    return list(itertools.accumulate(itertools.islice(lasting, _MOST)))
