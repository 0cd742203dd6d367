"""Completions computed before: found again exactly, or by what the user has typed of them since.

A key is the text before the cursor, the text behind it, and what else shaped the answer; so an entry can never be
shown anywhere that it was not computed for. Kept in memory, least recently used first out. Knows no documents.
"""

from collections import OrderedDict
from typing import Literal

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


Origin = Literal["asked", "lookahead", "branch", "prefill"]


class Entry(msgspec.Struct, frozen=True):
    """The completions of a place, the likeliest first, and whether they were computed before the question. None is a
    finding too: the model has nothing to say there."""

    candidates: tuple[Candidate, ...]
    origin: Origin
    uri: str
    version: int
    branches: tuple[tuple[str, float], ...] = ()


class Found(msgspec.Struct, frozen=True):
    """An entry, and what stands in the document of it already."""

    entry: Entry
    typed: str
    kept: bool = False

    def candidates(self) -> tuple[Candidate, ...]:
        """What is left of the completions that begin with what was typed."""
        return continued(self.entry.candidates, self.typed)


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

    def put(
        self,
        place: Place,
        candidates: tuple[Candidate, ...],
        *,
        origin: Origin,
        uri: str,
        version: int,
        keep: bool,
    ) -> None:
        """Remember the completions of a place."""
        key = _key(place, 0)
        self._entries[key] = Entry(candidates, origin, uri, version)
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


def continued(candidates: tuple[Candidate, ...], typed: str) -> tuple[Candidate, ...]:
    """What is left of the completions that begin with what was typed."""
    return tuple(_rest(one, len(typed)) for one in candidates if _continues(one, typed))


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


def typed_since(older: Place, newer: Place) -> str | None:
    """What was typed between two places; ``None`` if the one is not the other plus typing."""
    if older.setting != newer.setting or older.behind[:BEHIND] != newer.behind[:BEHIND]:
        return None
    for typed in range(min(TYPED_THROUGH, len(newer.before)) + 1):
        if _key(newer, typed) == _key(older, 0):
            return newer.before[len(newer.before) - typed :]
    return None
