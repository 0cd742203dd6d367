"""What llama.vim makes of text: the question for a place, the cache and its look-back, and what of a reply is shown.

Its ``s:fim_ctx_local``, ``s:cache_insert``, ``s:cache_get``, ``s:fim_try_hint`` and ``s:fim_render``, rule by rule, odd
ones too (https://github.com/ggml-org/llama.vim, MIT, autoload/llama.vim at a1c8e6e of 2026-01-31). Lines are without
their ends, rows begin at 0, columns are code points; where Vim counts bytes and it matters, so does this module. Does
not know when somebody asks, nor who replies.
"""

import re
from collections import OrderedDict
from collections.abc import Sequence

import msgspec

#: Replies that are kept (``max_cache_keys``).
_KEPT = 250

#: Keys of a reply beside its own: without the first, first two and first three lines of the prefix.
_SHIFTS = 3

#: How far back the cache looks (bytes).
_BACK = 128

_BLANK = re.compile(r"[ \t]*")


class Reach(msgspec.Struct, frozen=True):
    """How much is sent: lines above and below the cursor (``n_prefix``, ``n_suffix``), chunks of other places
    (``ring_n_chunks``)."""

    above: int = 256
    below: int = 64
    chunks: int = 16


class Key(msgspec.Struct, frozen=True):
    """What a reply is kept under: the text on both sides of the cursor, as UTF-8."""

    before: bytes
    behind: bytes


class Question(msgspec.Struct, frozen=True):
    """A place as ``/infill`` wants it.

    Attributes:
        prefix: the lines above.
        middle: the cursor's line, left of the cursor.
        suffix: what is right of the cursor, and the lines below.
        indent: columns that the cursor's line is indented by.
        rest: what is right of the cursor on its line.
    """

    prefix: str
    middle: str
    suffix: str
    indent: int
    rest: str

    def keys(self) -> tuple[Key, ...]:
        """What its reply is kept under, its own key first. With the others it is found again after a little
        scrolling, when lines have left the prefix at its top."""
        behind = self.suffix.encode()
        above, found = self.prefix, [Key((self.prefix + self.middle).encode(), behind)]
        for _ in range(_SHIFTS):
            above = above.partition("\n")[2]
            if not above:
                break
            found.append(Key((above + self.middle).encode(), behind))
        return tuple(found)


def question(
    lines: Sequence[str], row: int, column: int, reach: Reach, shown: Sequence[str] = (), indent: int = 0
) -> Question:
    """What is asked at a place.

    Args:
        shown: lines of a suggestion that is on display there: then it is asked for what follows its acceptance.
        indent: that the question before had; it counts for one behind a suggestion.
    """
    first = max(0, row - reach.above + max(0, len(shown) - 1))
    above = list(lines[first:row])
    if shown:
        # Its last line has what is right of the cursor at its end already (see ``hint``), and so has the cursor's line:
        # inside a line the speculation is about a line that has it twice, and is in vain.
        if len(shown) == 1:
            middle, rest = lines[row] + shown[0], ""
        else:
            above += [lines[row] + shown[0], *shown[1:-1]]
            middle, rest = shown[-1], ""
    elif is_blank(lines[row]):
        middle, rest, indent = "", "", 0
    else:
        middle, rest = lines[row][:column], lines[row][column:]
        indent = _indent(lines[row])
    below = lines[row + 1 : row + 1 + reach.below]
    suffix = rest + "\n" + "\n".join(below) + "\n"
    return Question("\n".join(above) + "\n", middle, suffix, indent, rest)


class Kept(msgspec.Struct, frozen=True):
    """A reply; ``speculated`` if nobody had asked there yet."""

    text: str
    speculated: bool = False


class Hit(msgspec.Struct, frozen=True):
    """What the cache has for a place: ``typed`` bytes of a reply are in the document already, ``text`` is the rest."""

    text: str
    typed: int
    speculated: bool


class Cache:
    """The last replies, the one that was not used for longest goes first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, Kept] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def put(self, keys: Sequence[Key], reply: Kept) -> None:
        """Keep a reply under each of its keys."""
        for key in keys:
            # Before it is known whether the key is new, as there: a reply that comes again costs an old one its place.
            if len(self._kept) > _KEPT - 1:
                self._kept.popitem(last=False)
            self._kept[key] = reply
            self._kept.move_to_end(key)

    def has(self, keys: Sequence[Key]) -> bool:
        """Whether one of them is known; it counts as used."""
        return any(self._get(key) is not None for key in keys)

    def _get(self, key: Key) -> Kept | None:
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def find(self, place: Question) -> Hit | None:
        """What is known for this very place, or for one up to 128 bytes back whose reply goes on as the text does."""
        before, behind = (place.prefix + place.middle).encode(), place.suffix.encode()
        exact = self._get(Key(before, behind))
        if exact is not None:
            return Hit(exact.text, 0, exact.speculated)
        found: Hit | None = None
        longest = 0
        # Vim tries the hash of each shorter text; here the keys are looked through, which finds the same ones.
        lengths = sorted(
            len(before) - len(key.before)
            for key in self._kept
            if key.behind == behind
            and 0 < len(before) - len(key.before) <= _BACK
            and before.startswith(key.before)
        )
        for typed in lengths:
            reply = self._get(Key(before[:-typed], behind))
            assert reply is not None
            data = reply.text.encode()
            if data[:typed] != before[-typed:] or len(data) == typed:
                continue
            # The length of the first that fits is not kept, as there: a second one always takes its place.
            left = len(data) - typed
            if found is not None and left <= longest:
                continue
            longest = left if found is not None else 0
            found = Hit(data[typed:].decode(), typed, reply.speculated)
        return found


class Hint(msgspec.Struct, frozen=True):
    """A reply as it is displayed.

    Attributes:
        lines: the first one begins at the cursor, the last one ends with what is right of the cursor now.
        text: what an acceptance adds at the cursor; empty if that is nothing.
        acceptable: the user may take it, and a later reply for the place does not replace it.
    """

    lines: tuple[str, ...]
    text: str
    acceptable: bool


def hint(lines: Sequence[str], row: int, column: int, reply: str) -> Hint:
    """Make of a reply what is displayed; nothing of it if that would repeat what stands there."""
    parts = reply.split("\n")
    while parts and not parts[-1]:
        parts.pop()
    said = bool(parts)
    parts = parts or [""]
    line = lines[row]
    if is_blank(line):
        lead = min(_indent(parts[0]), len(line))
        line, parts[0] = parts[0][:lead], parts[0][lead:]
    left, rest = line[:column], line[column:]
    if _repeats(parts, left, rest, lines, row):
        parts = [""]
    text = "\n".join(parts)
    parts[-1] += rest
    return Hint(tuple(parts), text, said and not is_blank("\n".join(parts)))


def _repeats(parts: list[str], left: str, rest: str, lines: Sequence[str], row: int) -> bool:
    """Whether a reply says what is right of the cursor, or the lines below, once more."""
    more = parts[1:]
    if more and not parts[0] and more == list(lines[row + 1 : row + len(parts)]):
        return True
    if not more and parts[0] == rest:
        return True
    below = row + 1
    while below < len(lines) - 1 and is_blank(lines[below]):
        below += 1
    beyond = lines[below + 1 : below + len(parts)]
    if left + parts[0] != (lines[below] if below < len(lines) else ""):
        return False
    if len(more) == 1:
        return (beyond[0] if beyond else "").startswith(more[0])
    return not more or "\n".join(more) == "\n".join(beyond)


def is_blank(text: str) -> bool:
    """Whether a line has blanks only, or nothing."""
    return _BLANK.fullmatch(text) is not None


def _indent(line: str) -> int:
    found = _BLANK.match(line)
    return found.end() if found else 0
