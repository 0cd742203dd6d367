"""Completions computed before: found again exactly, or by what the user has typed of them since.

A key is the text before the cursor, the text behind it, and what else shaped the answer; so an entry can never be
shown anywhere that it was not computed for. Kept in memory, least recently used first out. Knows no documents.
"""

from collections import OrderedDict

import msgspec

from lsp_server.completion.types import Candidate

#: Text before and behind the cursor that must agree, in characters. More than the bundled model ever sees.
BEFORE, BEHIND = 2_000, 500

#: How far back a suggestion may have begun (llama.vim looks back as far).
TYPED_THROUGH = 128


class Place(msgspec.Struct, frozen=True):
    """Where a completion belongs.

    Attributes:
        before: text up to the cursor, at least ``BEFORE + TYPED_THROUGH`` characters where the document has them.
        behind: text after the cursor, closers that editors insert by themselves left out.
        setting: everything else that the answer depends on (language, model, line or block).
    """

    before: str
    behind: str
    setting: str


class Entry(msgspec.Struct, frozen=True):
    """The completions of a place, the likeliest first, and whether they were computed before the question. None is a
    finding too: the model has nothing to say there."""

    candidates: tuple[Candidate, ...]
    speculated: bool


class Found(msgspec.Struct, frozen=True):
    """An entry, and what stands in the document of it already."""

    entry: Entry
    typed: str

    def candidates(self) -> tuple[Candidate, ...]:
        """What is left of the completions that begin with what was typed."""
        fitting = (candidate for candidate in self.entry.candidates if _continues(candidate, self.typed))
        return tuple(_rest(candidate, len(self.typed)) for candidate in fitting)


class Cache:
    """A bounded map from places to completions."""

    def __init__(self, capacity: int = 500) -> None:
        self._capacity = capacity
        self._entries: OrderedDict[tuple[str, str, str], Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def clear(self) -> None:
        """Forget everything: another model, other settings."""
        self._entries.clear()

    def put(self, place: Place, candidates: tuple[Candidate, ...], *, speculated: bool) -> None:
        """Remember the completions of a place."""
        key = _key(place, 0)
        self._entries[key] = Entry(candidates, speculated)
        self._entries.move_to_end(key)
        while len(self._entries) > self._capacity:
            self._entries.popitem(last=False)

    def find(self, place: Place) -> Found | None:
        """Look up a place: exactly first, then every earlier place on the way to it whose likeliest completion begins
        with what was typed since; the latest wins."""
        for typed in range(min(TYPED_THROUGH, len(place.before)) + 1):
            key = _key(place, typed)
            entry = self._entries.get(key)
            text = place.before[len(place.before) - typed :]
            if entry is None or (typed and not any(_continues(best, text) for best in entry.candidates[:1])):
                continue
            self._entries.move_to_end(key)
            return Found(entry, text)
        return None


def _continues(candidate: Candidate, typed: str) -> bool:
    """Whether a completion begins with what was typed and goes on."""
    return candidate.text.startswith(typed) and (not typed or len(candidate.text) > len(typed))


def _rest(candidate: Candidate, typed: int) -> Candidate:
    """What a completion holds beyond the characters that were typed of it."""
    steps = tuple(
        msgspec.structs.replace(step, characters=step.characters - typed)
        for step in candidate.steps
        if not typed or step.characters > typed
    )
    return msgspec.structs.replace(candidate, text=candidate.text[typed:], steps=steps)


def _key(place: Place, typed: int) -> tuple[str, str, str]:
    end = len(place.before) - typed
    return place.before[max(0, end - BEFORE) : end], place.behind[:BEHIND], place.setting
