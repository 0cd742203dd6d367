"""The state of one server: it holds the parts, the parts act. Made once, passed as first argument, no globals."""

import asyncio
import itertools
import logging
import os
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from pathlib import PurePath
from typing import Any, Literal, get_args

import msgspec

from lsp_server.base.config import Config
from lsp_server.base.errors import GrammarError
from lsp_server.base.metrics import Metrics
from lsp_server.base.text import content
from lsp_server.base.uri import path_of
from lsp_server.completion import gate
from lsp_server.completion.adaptation import Adaptation
from lsp_server.completion.allowance import Allowance
from lsp_server.completion.cache import Cache
from lsp_server.completion.flight import Flights
from lsp_server.completion.manners import Level, Manners
from lsp_server.completion.rhythm import Rhythm
from lsp_server.completion.speculation.ahead import Ahead
from lsp_server.completion.trace import Trace
from lsp_server.completion.types import Gathered, Snapshot, Source, Suggestion
from lsp_server.context.languages import Grammar, Grammars
from lsp_server.engine.client import WorkerClient
from lsp_server.engine.messages import Stage, Threads
from lsp_server.models.store import Model
from lsp_server.workspace.documents import Documents
from lsp_server.workspace.index.client import IndexClient
from lsp_server.workspace.tree import WorkspaceTree

logger = logging.getLogger(__name__)

#: Requests whose course is remembered for ``why``.
_TRACES = 50

#: Suggestions whose outcome may still be seen.
_SHOWN = 100

#: What became of a suggestion: taken, typed by hand, contradicted, left behind, never to be known; empty while open.
Outcome = Literal["accepted", "typed", "rejected", "ignored", "unknown", ""]


#: Environment variable of the server by which benchmarks leave parts out, see ``Session.without``.
WITHOUT = "OFFHAND_WITHOUT"

#: What completing can do without beside decoding's stages, so that a benchmark can tell what each is worth.
Part = Literal[
    "retrieval",
    "filters",
    "cache",
    "typed_through",
    "disk",
    "joined",
    "prefill",
    "lookahead",
    "branches",
    "manners",
]


def spared(names: str) -> frozenset[Stage | Part]:
    """What ``Session.without`` shall be, from names with commas between them; unknown ones are no matter."""
    wanted = names.split(",")
    return frozenset(part for part in (*get_args(Stage), *get_args(Part)) if part in wanted)


class Shown(msgspec.Struct):
    """A suggestion that is on the screen, or was.

    Attributes:
        language: of the document.
        line: where the cursor was, 0-based; ``before`` and ``after`` are what stood on the line around it.
        odds: that the gate gave it, before any adaptation.
        goes_on: the suggestion that this one is the rest of, shown before.
        taken: characters of it that were accepted in parts.
    """

    uri: str
    language: str
    line: int
    before: str
    after: str
    suggestion: Suggestion
    odds: float
    goes_on: "Shown | None" = None
    taken: int = 0
    outcome: Outcome = ""

    @property
    def first(self) -> "Shown":
        """The suggestion that this is part of, as it was first shown."""
        return self.goes_on or self

    def would_be(self) -> str:
        """The line up to the end of the suggestion, if it is accepted."""
        return self.before + self.suggestion.text


class Standing(msgspec.Struct):
    """An accepted text that is followed, see ``survival``.

    Attributes:
        line: where it begins now, 0-based.
        since: when it was accepted, seconds since 1970.
        looks: how often it was looked at.
    """

    uri: str
    language: str
    odds: float
    text: str
    line: int
    since: float
    looks: int = 0


class Session:
    """Everything that lasts longer than a request.

    Attributes:
        without: what benchmarks leave out to tell what it is worth; empty otherwise.

    Args:
        warn: tells the user something, once.
        more: told the uri of a document whose suggestion has got more lines than were shown.
    """

    def __init__(
        self,
        config: Config,
        warn: Callable[[str], None] = logger.warning,
        more: Callable[[str], None] = lambda uri: None,
    ) -> None:
        self.config = config
        self.warn = warn
        self.grammars = Grammars()
        self.enabled = config.enabled
        self.documents = Documents()
        self.cache = Cache()
        self.gate = gate.read()
        self.without: frozenset[Stage | Part] = frozenset()
        self.adaptation = Adaptation()
        self.metrics = Metrics()
        self.threads: Threads | None = None  # of the engine, when it answered last
        self.traces: deque[Trace] = deque(maxlen=_TRACES)
        self.shown: OrderedDict[int, Shown] = OrderedDict()
        self.standing: list[Standing] = []
        self.model: Model | None = None
        self.worker: WorkerClient | None = None
        self.trouble = ""
        self.laid_out_there = False  # a team's server lays out prompts itself
        self.outage = ""  # why a team's server could not be asked lately; the user knows
        self.starting = asyncio.Lock()
        self.started = asyncio.Event()
        self.workspace: WorkspaceTree | None = None
        self.allowance = Allowance()
        self.index: IndexClient | None = None
        self.pauses: dict[str, asyncio.TimerHandle] = {}
        self.closing: set[asyncio.Task[None]] = set()
        self.ignored: dict[str, bool] = {}
        self.gathered: dict[str, Gathered] = {}
        self.recent: OrderedDict[str, None] = OrderedDict()
        self.deleted: deque[list[str]] = deque()
        self.remembered: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
        self.newest: dict[str, tuple[int, int, int]] = {}  # version and cursor of each newest question
        self.flights = Flights()
        self.ahead = Ahead()
        self.manners = Manners(lambda: self.config, self._processes)
        self.rhythm = Rhythm()
        self.more = more
        self._running: dict[tuple[str, str], asyncio.Task[Any]] = {}
        self._ids = itertools.count(1)

    def _processes(self) -> Iterator[int]:
        """The numbers of the processes that work for this one."""
        for client in (self.worker, self.index):
            if client is not None and client.pid is not None:
                yield client.pid

    def shift(self, language: str) -> float:
        """What was learnt from this user, in log-odds, to be added to the gate's."""
        return self.adaptation.shift(language, time.time()) if self.config.adapt else 0.0

    def next_id(self) -> int:
        """A number for a request and for the suggestion that comes of it."""
        return next(self._ids)

    def grammar(self, language: str) -> Grammar | None:
        """The grammar of an editor's language id; a broken one is reported once and then counts as absent."""
        try:
            return self.grammars.load(language)
        except GrammarError as error:
            self.warn(str(error))
            return None

    def familiar(self, language: str) -> bool:
        """Whether the model was trained on a language, by the name of its grammar or the editor's id. One that does not
        say which it knows was trained on many."""
        if self.model is None:
            return False
        return not self.model.manifest.languages or language in self.model.manifest.languages

    def project(self, uri: str) -> str:
        """Name of the workspace folder that a document is in; empty outside of any."""
        path = path_of(uri)
        roots = self.index.roots if self.index is not None else ()
        return next((PurePath(root).name for root in roots if path.startswith(os.path.join(root, ""))), "")

    def supersede(self, uri: str, kind: str, task: asyncio.Task[Any]) -> None:
        """Make ``task`` the one that counts for a document and a kind of request; the one before it is cancelled.

        Clients do not do that themselves: Neovim 0.12 sent four requests while typing and cancelled none.
        """
        key = (uri, kind)
        older = self._running.get(key)
        if older is not None:
            older.cancel()
        self._running[key] = task

        def forget(done: asyncio.Task[Any]) -> None:
            if self._running.get(key) is done:
                del self._running[key]

        task.add_done_callback(forget)

    def may_work_ahead(self) -> Level:
        """How much may be computed ahead, now."""
        if "manners" in self.without:
            return self.config.speculation
        level = self.manners.level()
        # A team shares its server.
        return "low" if self.config.engine == "http" and level != "off" else level

    def dismiss(self, uri: str) -> None:
        """A document is closed: what was asked about it is answered with nothing."""
        for (about, _kind), task in self._running.items():
            if about == uri:
                task.cancel()
        self.newest.pop(uri, None)

    def stop_speculation(self) -> None:
        """Free the engine for a question that was really asked, within one token."""
        self.ahead.stop()

    def show(self, snapshot: Snapshot, suggestion: Suggestion, odds: float) -> None:
        """Note a suggestion as shown.

        Args:
            odds: that the gate gave it, before any adaptation.
        """
        line = content(snapshot.lines[snapshot.line])
        shown = Shown(
            uri=snapshot.uri,
            language=snapshot.language,
            line=snapshot.line,
            before=line[: snapshot.column],
            after=line[snapshot.column :],
            suggestion=suggestion,
            odds=odds,
        )
        shown.goes_on = self._open_before(shown)
        self.metrics.showed(snapshot.language, new=shown.goes_on is None)
        if shown.goes_on is None:
            self.metrics.used(suggestion.tokens)
        self.shown[suggestion.id] = shown
        while len(self.shown) > _SHOWN:
            self.shown.popitem(last=False)

    def _open_before(self, shown: Shown) -> Shown | None:
        """The open suggestion that another one is the rest of, or the same again with more or fewer lines."""
        text = shown.would_be() + "\n"
        for older in reversed(self.shown.values()):
            before = older.would_be() + "\n"
            same = (older.uri, older.line) == (shown.uri, shown.line)
            if same and not older.first.outcome and (text.startswith(before) or before.startswith(text)):
                return older.first
        return None

    def status(self) -> dict[str, Any]:
        """What ``offhand.status`` answers."""
        worker, model, counts = self.worker, self.model, self.metrics.counts
        loaded = worker.loaded if worker else None
        return {
            "state": self.state(),
            "message": self.trouble or (worker.refusal if worker else ""),
            "model": model.manifest.name if model else self.config.model,
            "engine": loaded.engine if loaded else self.config.engine,
            "engine_note": loaded.note if loaded else "",
            "threads": self.config.threads,
            "threads_used": msgspec.to_builtins(self.threads),
            "requests": counts.requests,
            "shown": counts.shown,
            "accepted": counts.accepted,
            "partly_accepted": counts.parts,
            "speculation": {
                **self.manners.status(),
                "waiting": self.ahead.timer is not None,
                "working": self.ahead.working,
                "runs": counts.computed,
                "tokens": counts.tokens,
                "tokens_used": counts.tokens_used,
                "cpu_ms": {kind: round(spent, 1) for kind, spent in counts.cpu_ms.items()},
                "saved_ms": round(counts.saved_ms),
            },
            "learnt": self.adaptation.status(),
            "answered_from": {name: counts.answers.get(name, 0) for name in get_args(Source)},
            "kv": {"prompt_tokens": counts.prompt_tokens, "reused_tokens": counts.reused_tokens},
            "latency_ms": self.metrics.latency_ms(),
            "memory": {
                "documents": worker.learnt.documents if worker else 0,
                "tokens": worker.learnt.tokens if worker else 0,
                "reading": bool(worker and worker.reading),
                "fault": self.workspace.fault if self.workspace else "",
            },
            "index": self.index.status() if self.index else {},
            "worker": {
                "pid": worker.pid if worker else None,
                "restarts": worker.restarts if worker else 0,
                "rss_mb": worker.rss_mb if worker else 0.0,
            },
        }

    def state(self) -> str:
        """One word: starting, loading, ready, restarting, disabled or error."""
        if not self.enabled:
            return "disabled"
        if self.trouble or self.worker is None:
            return "error" if self.trouble else "starting"
        return {"backing_off": "restarting", "refused": "error", "stopped": "error"}.get(
            self.worker.state, self.worker.state
        )
