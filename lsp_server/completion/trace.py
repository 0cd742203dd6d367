"""Why a request was answered as it was: what ``offhand why`` and ``offhand.why`` show. Holds no code, only sizes."""

import contextlib
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from lsp_server.completion.gate import Reason
from lsp_server.completion.types import Source


class Trace(msgspec.Struct):
    """The course of one request, filled in as it goes.

    Attributes:
        path: as in ``Snapshot``.
        line, column: 1-based, as people count.
        cursor: what the cursor was in.
        source: where the answer came from.
        reason: why nothing was shown; empty when something was.
        shown: characters shown.
        complete: the model was asked, and has nothing to add.
        trouble: why the engine could not be asked, and the memory was; empty otherwise.
        filters: one row for every filter that changed or dropped the text.
        stages_ms: milliseconds spent in each stage, in order.
        tokens: of the prompt, of these reused, generated; empty when no model was asked.
        features: what the gate looked at, see ``gate.features``.
        odds: the gate's log-odds that the suggestion is right; ``shift`` is what adaptation adds.
        reasons: what moved these odds most, see ``gate.Reason``.
        confidence: the probability that follows; ``threshold`` is where the ``mode`` shows it unasked.
        sure: whether the gate lets the text through; one that was asked for explicitly is shown either way.
        unasked: whether the text would be shown without that: the gate is sure, and the place not one to be silent at.
    """

    id: int
    path: str
    line: int
    column: int
    kind: str
    cursor: str = ""
    source: Source = "nothing"
    reason: str = ""
    shown: int = 0
    complete: bool = False
    trouble: str = ""
    total_ms: float = 0.0
    filters: list[dict[str, str]] = []
    stages_ms: dict[str, float] = {}
    tokens: dict[str, int] = {}
    features: dict[str, float] = {}
    odds: float = 0.0
    shift: float = 0.0
    reasons: tuple[Reason, ...] = ()
    mode: str = ""
    confidence: float = 0.0
    threshold: float = 0.0
    sure: bool = False
    unasked: bool = False

    def as_json(self) -> dict[str, Any]:
        """Plain values, rounded for reading."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        plain["stages_ms"] = {name: round(spent, 2) for name, spent in self.stages_ms.items()}
        plain["features"] = {name: round(value, 2) for name, value in self.features.items()}
        plain["reasons"] = [{**reason, "odds": round(reason["odds"], 2)} for reason in plain["reasons"]]
        for name in ("total_ms", "odds", "shift", "confidence", "threshold"):
            plain[name] = round(plain[name], 2)
        return plain


class Stopwatch:
    """Charges wall time to the stages of a trace."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._begun = self._last = time.perf_counter()

    def stage(self, name: str) -> None:
        """Charge the time since the last call to ``name``."""
        now = time.perf_counter()
        stages = self._trace.stages_ms
        stages[name] = stages.get(name, 0.0) + (now - self._last) * 1_000
        self._last = now

    def stop(self) -> None:
        """Note the total."""
        self._trace.total_ms = (time.perf_counter() - self._begun) * 1_000


def save(traces: Iterable[Trace], path: Path) -> None:
    """Write traces down for ``offhand why``, newest first, readable for this user alone. A home that cannot be
    written to costs only that command."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_bytes(msgspec.json.encode([trace.as_json() for trace in reversed(list(traces))]))
        draft.replace(path)


def load(path: Path) -> list[dict[str, Any]]:
    """What ``save`` wrote; nothing where there is nothing to read."""
    try:
        rows: list[dict[str, Any]] = msgspec.json.decode(path.read_bytes(), type=list[dict[str, Any]])
    except (OSError, msgspec.DecodeError):
        return []
    return rows
