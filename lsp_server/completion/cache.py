"""Completions computed before: found again exactly, or by what the user has typed of them since.

A place is the text around a cursor as far as the model may see it, and what else shaped the answer; so an entry is
never shown where anything differs that the model saw. Texts are compared whole, not by digests.

A completion belongs to the line that it begins on. What stands above that line, behind the cursor and in the setting is
the same for each key on it, so the entries of a line share these texts: a ``_Stretch``. Of a place only the lines are
looked at on which a completion may have begun that reaches the cursor now, and of these only stretches that end alike.

The least recently used entries go first. Knows no documents, and not how entries are kept beyond the process.
"""

import sys
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Literal, Protocol

import msgspec

from lsp_server.completion.types import Candidate, Source
from lsp_server.prompt.window import behind, model_text

#: How far back a completion may have begun, in characters (llama.vim looks back as far).
TYPED_THROUGH = 128

#: Characters above a line by which its stretches are found before the whole text is compared.
_TAIL = 64

#: Lines that are joined at a time on the way up from a cursor.
_LINES = 64

#: Bounds of what is held: entries, and characters with all that they share. A step counts as so many.
_ENTRIES, _CHARACTERS, _STEP = 1_000, 8_000_000, 32

#: Why an entry was computed: somebody asked; it follows a suggestion's acceptance; another beginning might be typed;
#: the cursor came there.
Origin = Literal["asked", "lookahead", "branch", "prefill"]


class Place(msgspec.Struct, frozen=True):
    """Where a completion belongs.

    Attributes:
        before: text up to the cursor, ``\\n`` line ends: from ``reach`` characters above the first line on which a
            completion may have begun that was typed through since; or all there is.
        behind: text after the cursor, closers that editors insert by themselves left out.
        setting: everything else that the answer depends on, see ``asking.place_at``.
        reach: characters of ``before`` that the model may have seen above the cursor's line.
    """

    before: str
    behind: str
    setting: str
    reach: int = sys.maxsize

    def above(self, start: int) -> str:
        """What the model may have seen above a line; ``start``: where that begins in ``before``."""
        return self.before[max(0, start - self.reach) : start]


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """The completions of a place, the likeliest first. None is a finding too: the model has nothing to say there.

    Attributes:
        uri, version: document for which they were computed.
        branches: texts that part from the likeliest completion with their last character, and how likely each was.
    """

    candidates: tuple[Candidate, ...]
    origin: Origin
    uri: str
    version: int
    branches: tuple[tuple[str, float], ...] = ()

    def begins_with(self, typed: str) -> bool:
        """Whether the likeliest completion begins with what was typed and goes on."""
        return not typed or any(_continues(best, typed) for best in self.candidates[:1])


class Found(msgspec.Struct, frozen=True):
    """An entry, and what stands in the document of it already.

    Attributes:
        kept: it was kept beyond a process, mostly that of an earlier session.
    """

    entry: Entry
    typed: str
    kept: bool = False

    @property
    def source(self) -> Source:
        """Where an answer comes from that is made of this."""
        if self.kept:
            return "disk"
        return "cache" if self.entry.origin == "asked" else self.entry.origin

    def candidates(self) -> tuple[Candidate, ...]:
        """What is left of the completions that begin with what was typed."""
        return continued(self.entry.candidates, self.typed)


class Store(Protocol):
    """What keeps entries beyond the process. Both are called on the event loop and may not wait."""

    def keep(self, place: Place, entry: Entry) -> None:
        """Take an entry along."""

    def find(self, place: Place) -> Found | None:
        """As ``Cache.find``."""


class _Stretch(msgspec.Struct, eq=False):
    """The entries of one line.

    Attributes:
        above, behind, setting: as in ``Place``, for any cursor on the line.
        whole: the text begins there; otherwise it is cut.
        entries: by the line's text up to the cursor.
    """

    above: str
    behind: str
    setting: str
    whole: bool
    entries: dict[str, Entry] = {}

    def stands(self, place: Place, start: int) -> bool:
        """Whether it is of the line that begins at ``start`` of a place's ``before``."""
        return (
            (not self.whole or len(self.above) == start)
            and place.before.endswith(self.above, 0, start)
            and place.behind == self.behind
            and place.setting == self.setting
        )

    def is_of(self, other: "_Stretch") -> bool:
        """Whether both are of the same line."""
        return (
            self.whole == other.whole
            and self.above == other.above
            and self.behind == other.behind
            and self.setting == other.setting
        )

    def size(self) -> int:
        """Characters that its entries share."""
        return len(self.above) + len(self.behind) + len(self.setting)


class Cache:
    """A bounded map from places to completions.

    Attributes:
        store: what keeps entries beyond the process, if anything does.
    """

    def __init__(self, entries: int = _ENTRIES, characters: int = _CHARACTERS) -> None:
        """Make an empty one.

        Args:
            entries, characters: the most that it holds; one entry is held in any case.
        """
        self.store: Store | None = None
        self._most = entries, characters
        self._stretches: dict[str, list[_Stretch]] = {}
        self._sizes: OrderedDict[tuple[_Stretch, str], int] = OrderedDict()
        self._characters = 0

    def __len__(self) -> int:
        return len(self._sizes)

    def clear(self) -> None:
        """Forget everything that this process computed. What a store keeps tells by its places what it is of."""
        self._stretches.clear()
        self._sizes.clear()
        self._characters = 0

    def put(
        self,
        place: Place,
        candidates: tuple[Candidate, ...],
        *,
        origin: Origin,
        uri: str,
        version: int,
        keep: bool,
        branches: tuple[tuple[str, float], ...] = (),
    ) -> None:
        """Remember the completions of a place.

        Args:
            origin, uri, version, branches: as in ``Entry``.
            keep: they may be kept beyond the process.
        """
        entry = Entry(candidates, origin, uri, version, branches)
        stretch, head = self._stretch(place)
        self._drop(stretch, head)
        if not stretch.entries:
            self._stretches.setdefault(stretch.above[-_TAIL:], []).append(stretch)
            self._characters += stretch.size()
        stretch.entries[head] = entry
        size = len(head) + sum(len(one.text) + _STEP * len(one.steps) for one in candidates)
        self._sizes[stretch, head] = size
        self._characters += size
        entries, characters = self._most
        while len(self._sizes) > entries or (self._characters > characters and len(self._sizes) > 1):
            self._drop(*next(iter(self._sizes)))
        if keep and self.store is not None:
            self.store.keep(place, entry)

    def shown(self, place: Place, computed: Candidate, shown: Candidate) -> None:
        """Have what was shown at a place be what is typed through there, where the likeliest completion begins
        otherwise: filters have changed more of it than its end, or have dropped it for another.

        Args:
            computed: one of the place's completions; if it has none, nothing happens.
            shown: what filters have left of it there. They would do so again, so this is as good as what was computed.
        """
        stretch, head = self._stretch(place)
        entry = stretch.entries.get(head)
        if entry is None or computed not in entry.candidates:
            return
        at = entry.candidates.index(computed)
        if at or not computed.text.startswith(shown.text):
            others = (*entry.candidates[at + 1 :], *entry.candidates[:at])
            candidates = (_as_shown(computed, shown), *others)
            stretch.entries[head] = msgspec.structs.replace(entry, candidates=candidates)

    def find(self, place: Place) -> Found | None:
        """Look up a place: exactly first, then every earlier place on the way to it whose likeliest completion begins
        with what was typed since; the latest wins. What this process computed comes before what was kept."""
        for start, end in beginnings(place):
            for stretch in self._stretches.get(_tail(place, start), ()):
                if stretch.stands(place, start):
                    for head in sorted(stretch.entries, key=len, reverse=True):
                        typed = typed_behind(place, start, end, head)
                        if typed is not None and stretch.entries[head].begins_with(typed):
                            self._sizes.move_to_end((stretch, head))
                            return Found(stretch.entries[head], typed)
        return self.store.find(place) if self.store is not None else None

    def _stretch(self, place: Place) -> tuple[_Stretch, str]:
        """A place's stretch, held already or new, and the line's text up to the cursor."""
        new, head = _split(place)
        alike = self._stretches.get(new.above[-_TAIL:], ())
        return next((stretch for stretch in alike if stretch.is_of(new)), new), head

    def _drop(self, stretch: _Stretch, head: str) -> None:
        if stretch.entries.pop(head, None) is None:
            return
        self._characters -= self._sizes.pop((stretch, head))
        if not stretch.entries:
            self._characters -= stretch.size()
            tail = stretch.above[-_TAIL:]
            alike = self._stretches[tail]
            alike.remove(stretch)
            if not alike:
                del self._stretches[tail]


def place_of(lines: Sequence[str], line: int, column: int, seen: tuple[int, int], setting: str) -> Place:
    """The place of a cursor.

    Args:
        lines: the document, with line ends.
        line, column: the cursor, column in code points.
        seen: the most that the model sees before and behind it, from ``prompt.window.reach``.
        setting: as in ``Place``.
    """
    reach, beyond = seen
    first, typed = line, column
    while first > 0 and typed <= TYPED_THROUGH:
        first -= 1
        typed += len(lines[first]) - lines[first].endswith("\r\n")
    text = model_text("".join(lines[first:line]) + lines[line][:column])
    above = ""
    while first > 0 and len(above) < reach:
        last, first = first, max(0, first - _LINES)
        above = model_text("".join(lines[first:last])) + above
    text = above[max(0, len(above) - reach) :] + text
    return Place(text, behind(lines, line, column, beyond), setting, reach)


def typed_since(older: Place, newer: Place) -> str | None:
    """What was typed between two places: at most ``TYPED_THROUGH`` characters, empty if they are the same.

    Returns:
        ``None`` if the newer place is not the older one and some typing, as far as the model may see.
    """
    stretch, head = _split(older)
    for start, end in beginnings(newer):
        if stretch.stands(newer, start):
            typed = typed_behind(newer, start, end, head)
            if typed is not None:
                return typed
    return None


def beginnings(place: Place) -> Iterator[tuple[int, int]]:
    """Where the lines begin and end, the cursor's first, on which a completion may have begun that was typed through;
    in characters of ``place.before``."""
    end = length = len(place.before)
    while True:
        start = place.before.rfind("\n", 0, end) + 1
        yield start, end
        end = start - 1
        if end < 0 or length - end > TYPED_THROUGH:
            return


def typed_behind(place: Place, start: int, end: int, head: str) -> str | None:
    """What was typed since a line had only ``head`` up to the cursor; ``None`` if it does not begin so, or if that is
    too long ago.

    Args:
        start, end: of the line, from ``beginnings``.
    """
    begun = start + len(head)
    if len(place.before) - begun > TYPED_THROUGH or not place.before.startswith(head, start, end):
        return None
    return place.before[begun:]


def _split(place: Place) -> tuple[_Stretch, str]:
    """A place's line, without its entries, and its text up to the cursor."""
    start = place.before.rfind("\n") + 1
    above = place.above(start)
    return _Stretch(above, place.behind, place.setting, len(above) < place.reach), place.before[start:]


def _tail(place: Place, start: int) -> str:
    return place.above(start)[-_TAIL:] if place.reach < _TAIL else place.before[max(0, start - _TAIL) : start]


def continued(candidates: tuple[Candidate, ...], typed: str) -> tuple[Candidate, ...]:
    """What is left of the completions that begin with what was typed."""
    return tuple(_rest(one, len(typed)) for one in candidates if _continues(one, typed))


def _continues(candidate: Candidate, typed: str) -> bool:
    """Whether a completion begins with what was typed and goes on."""
    return candidate.text.startswith(typed) and (not typed or len(candidate.text) > len(typed))


def _as_shown(computed: Candidate, shown: Candidate) -> Candidate:
    """A completion without what was taken away at its front, or else, in the whole, as it was shown."""
    start = computed.text.find(shown.text)
    if start < 0:
        return msgspec.structs.replace(computed, text=shown.text)
    steps = tuple(
        msgspec.structs.replace(step, characters=step.characters - start)
        for step in computed.steps
        if step.characters >= start
    )
    return msgspec.structs.replace(computed, text=computed.text[start:], steps=steps)


def _rest(candidate: Candidate, typed: int) -> Candidate:
    """What a completion holds beyond the characters that were typed of it."""
    steps = tuple(
        msgspec.structs.replace(step, characters=step.characters - typed)
        for step in candidate.steps
        if not typed or step.characters > typed
    )
    return msgspec.structs.replace(candidate, text=candidate.text[typed:], steps=steps)
