"""Counters of one server's life. They stay in memory and are shown by ``offhand.status``; nothing is sent anywhere."""

from collections import Counter, deque

#: Latencies kept for the percentiles.
_RECENT = 1_000


class Metrics:
    """What happened since the start."""

    def __init__(self) -> None:
        self.requests = 0
        self.shown = 0
        self.accepted = 0
        self.partly_accepted = 0
        self.runs: Counter[str] = Counter()
        self.tokens: Counter[str] = Counter()
        self.answered_from: Counter[str] = Counter()
        self.prompt_tokens = 0
        self.reused_tokens = 0
        self._latencies: deque[float] = deque(maxlen=_RECENT)

    def answered(self, source: str, milliseconds: float) -> None:
        """Count one answered request."""
        self.answered_from[source] += 1
        self._latencies.append(milliseconds)

    def prompted(self, tokens: int, reused: int) -> None:
        """Count the tokens of one evaluated prompt."""
        self.prompt_tokens += tokens
        self.reused_tokens += reused

    def latency_ms(self) -> dict[str, float]:
        """Median and 95th percentile of the recent answers, in milliseconds; 0 when there are none."""
        ordered = sorted(self._latencies)
        if not ordered:
            return {"p50": 0.0, "p95": 0.0}
        return {
            name: round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 2)
            for name, share in (("p50", 0.50), ("p95", 0.95))
        }

    def computed(self, kind: str, tokens: int, cpu_ms: float) -> None:
        """Count one generation."""
        self.runs[kind] += 1
        self.tokens[kind] += tokens

    def used(self, tokens: int) -> None:
        """Count tokens that are shown for the first time."""

    def speculation(self) -> dict[str, object]:
        """stub"""
        return {"runs": dict(self.runs), "tokens": dict(self.tokens)}
