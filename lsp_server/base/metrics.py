"""Counters of one server's life: numbers by name, never a text or a path. Nothing is sent anywhere.

``Counts`` can be added, so the same value serves the whole life (``offhand.status``) and a quarter of an hour of it
(``completion.history``). To count costs a microsecond or two. Knows no clock and no disk.
"""

from collections import deque
from statistics import median
from typing import Literal, TypeVar

import msgspec

from lsp_server.base.histogram import bin_of

#: Latencies kept for the percentiles of ``offhand.status``.
_RECENT = 1_000

#: Answers of the model by which is judged what waiting a ready one saved.
_TYPICAL = 100

#: Insertions of more characters at once are pasted, reloaded or formatted text, which nobody wrote here and now.
_LARGEST = 2_000

#: What tokens were computed for: a request that waits; what follows a suggestion; another beginning than the suggested
#: one; a prompt that will be asked with.
Kind = Literal["asked", "lookahead", "branch", "prefill"]

#: What became of a suggestion: taken as a whole or in part, typed by hand, contradicted, left behind.
Ending = Literal["accepted", "partly", "typed", "rejected", "ignored"]

_Key = TypeVar("_Key", str, int)


class OfLanguage(msgspec.Struct, omit_defaults=True):
    """What is counted for each language: suggestions, those taken whole or in part, characters taken and written."""

    suggestions: int = 0
    taken: int = 0
    accepted_characters: int = 0
    written_characters: int = 0

    def add(self, other: "OfLanguage") -> None:
        """Count what another one counted, too."""
        self.suggestions += other.suggestions
        self.taken += other.taken
        self.accepted_characters += other.accepted_characters
        self.written_characters += other.written_characters


class Counts(msgspec.Struct, omit_defaults=True):
    """What happened in some span of time.

    Attributes:
        requests: of completions.
        shown: answers with a suggestion; ``suggestions`` leaves out those that are the rest of one shown before.
        answers: by source, "nothing" included.
        ready_ms: latencies of answers that were there before they were asked for, or nearly; see ``histogram``.
        waited_ms: latencies of those that the model, or the memory alone, computed when asked.
        saved_ms: waiting that ready answers saved: each the median of what the model took lately, less its own latency.
        accepted: suggestions taken as a whole; ``partly``, ``typed``, ``rejected``, ``ignored``: other endings.
        parts: insertions of a part.
        accepted_characters: inserted by accepting, whole or in part.
        written_characters: inserted in all, by accepting and by hand; large insertions left out.
        keys: changes that inserted one character or none.
        looked: accepted texts that were looked at, by seconds after acceptance; ``stood``: those mostly still there.
        cpu_ms: processor time of the worker, by ``Kind``.
        tokens: computed, by ``Kind``; ``tokens_used``: those of completions that were shown.
        computed: how often the worker was asked, by ``Kind``.
        prompt_tokens: of the prompts of requests; ``reused_tokens``: those that did not have to be evaluated then.
        languages: by the editor's language id.
    """

    requests: int = 0
    shown: int = 0
    suggestions: int = 0
    answers: dict[str, int] = {}
    ready_ms: dict[int, int] = {}
    waited_ms: dict[int, int] = {}
    saved_ms: float = 0.0
    accepted: int = 0
    partly: int = 0
    typed: int = 0
    rejected: int = 0
    ignored: int = 0
    parts: int = 0
    accepted_characters: int = 0
    written_characters: int = 0
    keys: int = 0
    looked: dict[int, int] = {}
    stood: dict[int, int] = {}
    cpu_ms: dict[str, float] = {}
    tokens: dict[str, int] = {}
    tokens_used: int = 0
    computed: dict[str, int] = {}
    prompt_tokens: int = 0
    reused_tokens: int = 0
    languages: dict[str, OfLanguage] = {}

    def add(self, other: "Counts") -> None:
        """Count what another one counted, too."""
        for name in self.__struct_fields__:
            own, more = getattr(self, name), getattr(other, name)
            if name == "languages":
                for language, counted in more.items():
                    own.setdefault(language, OfLanguage()).add(counted)
            elif isinstance(own, dict):
                for key, number in more.items():
                    own[key] = own.get(key, 0) + number
            else:
                setattr(self, name, own + more)


class Metrics:
    """What happened since the start, and since it was last taken away to be kept.

    Attributes:
        counts: since the start, for reading.
    """

    def __init__(self) -> None:
        self._taken = Counts()
        self._fresh = Counts()
        self._latencies: deque[float] = deque(maxlen=_RECENT)
        self._by_model: deque[float] = deque(maxlen=_TYPICAL)
        self._typical_ms = 0.0

    @property
    def counts(self) -> Counts:
        """All since the start; a copy."""
        counts = Counts()
        counts.add(self._taken)
        counts.add(self._fresh)
        return counts

    def take(self) -> Counts:
        """What was counted since the last call. It belongs to the caller."""
        fresh, self._fresh = self._fresh, Counts()
        self._taken.add(fresh)
        return fresh

    def asked(self) -> None:
        """Count a request."""
        self._fresh.requests += 1

    def answered(self, source: str, milliseconds: float) -> None:
        """Count an answered request.

        Args:
            source: as ``completion.types.Source`` has them.
        """
        fresh = self._fresh
        _count(fresh.answers, source)
        self._latencies.append(milliseconds)
        if source == "nothing":
            return
        if source not in ("model", "memory"):
            _count(fresh.ready_ms, bin_of(milliseconds))
            fresh.saved_ms += max(self._typical_ms - milliseconds, 0.0)
            return
        _count(fresh.waited_ms, bin_of(milliseconds))
        if source == "model":
            self._by_model.append(milliseconds)
            self._typical_ms = median(self._by_model)

    def showed(self, language: str, *, new: bool) -> None:
        """Count an answer with a suggestion; ``new`` where it is not the rest of one that was shown before."""
        self._fresh.shown += 1
        if new:
            self._fresh.suggestions += 1
            self._of(language).suggestions += 1

    def inserted(self, characters: int, language: str, *, whole: bool) -> None:
        """Count that a suggestion, or the rest of one, was accepted; or without ``whole`` a part of one."""
        fresh = self._fresh
        if not whole:
            fresh.parts += 1
        fresh.accepted_characters += characters
        self._of(language).accepted_characters += characters

    def ended(self, ending: Ending, language: str) -> None:
        """Count what became of a suggestion."""
        setattr(self._fresh, ending, getattr(self._fresh, ending) + 1)
        if ending in ("accepted", "partly"):
            self._of(language).taken += 1

    def wrote(self, characters: int, language: str) -> None:
        """Count what one change inserted, by whatever way."""
        if characters <= 1:
            self._fresh.keys += 1
        if 0 < characters <= _LARGEST:
            self._fresh.written_characters += characters
            self._of(language).written_characters += characters

    def looked(self, seconds: int, *, stood: bool) -> None:
        """Count a look at an accepted text, so many seconds after its acceptance."""
        _count(self._fresh.looked, seconds)
        if stood:
            _count(self._fresh.stood, seconds)

    def computed(self, kind: Kind, tokens: int, cpu_ms: float) -> None:
        """Count what the worker wrote for one question, and its processor time in milliseconds."""
        fresh = self._fresh
        _count(fresh.computed, kind)
        fresh.tokens[kind] = fresh.tokens.get(kind, 0) + tokens
        fresh.cpu_ms[kind] = fresh.cpu_ms.get(kind, 0.0) + cpu_ms

    def used(self, tokens: int) -> None:
        """Count the tokens of a completion that is shown for the first time."""
        self._fresh.tokens_used += tokens

    def prompted(self, tokens: int, reused: int) -> None:
        """Count the tokens of one request's prompt."""
        self._fresh.prompt_tokens += tokens
        self._fresh.reused_tokens += reused

    def latency_ms(self) -> dict[str, float]:
        """Median and 95th percentile of the recent answers, in milliseconds; 0 when there are none."""
        ordered = sorted(self._latencies)
        if not ordered:
            return {"p50": 0.0, "p95": 0.0}
        return {
            name: round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 2)
            for name, share in (("p50", 0.50), ("p95", 0.95))
        }

    def _of(self, language: str) -> OfLanguage:
        return self._fresh.languages.setdefault(language, OfLanguage())


def _count(numbers: dict[_Key, int], key: _Key) -> None:
    numbers[key] = numbers.get(key, 0) + 1
