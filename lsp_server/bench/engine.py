"""Engines side by side with one model: each in a process of its own, all of them asked the same in turns.

The turns make what else runs on the machine strike all alike. Knows no engine: ``bench.engine_child`` does.
"""

import contextlib
import math
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import msgspec

from lsp_server.base import child
from lsp_server.base.errors import EngineError
from lsp_server.base.framing import frame, read
from lsp_server.engine import process
from lsp_server.engine.messages import Load

#: Prompts that are timed, in tokens, beside one that fills the context; what stands in front of single tokens.
PROMPTS, DEPTH = (128, 512), 512

#: The longest prompt, whatever the context is (tokens): more takes a large model minutes.
_LONGEST = 1024

#: Single tokens in a turn; sizes of batches that return every row.
_SINGLE, BATCHES = 16, (4, 8)

#: The test under load: turns, single tokens in each and seconds that they may take, tokens in front of them.
_LOAD_TURNS, _LOAD_TOKENS, _LOAD_SECONDS, _LOAD_DEPTH = 3, 100, 3.0, 32

#: What an engine's threads can be told to do while they wait for one another: those that are OpenMP's.
_WAITING = {"llama_cpp": ("passive", "active")}


class Open(msgspec.Struct, frozen=True, tag="open"):
    """Load a model; answered by ``Ready`` or ``Failed``."""

    load: Load


Step = Literal["load", "prompt", "token", "batch", "snapshot", "abort"]


class Do(msgspec.Struct, frozen=True, tag="do"):
    """Do something once; answered by ``Took`` or ``Failed``.

    Attributes:
        tokens: of the prompt, or in front of what is timed.
        times: single tokens; or of a batch; or milliseconds until an abort.
        seconds: after which no further single token is begun.
    """

    step: Step
    tokens: int = 0
    times: int = 0
    seconds: float = math.inf


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The model is loaded; the rest is as in ``Loaded`` and ``Capabilities``."""

    engine: str
    note: str
    parameters: int
    all_rows: bool
    abort: bool
    snapshots: bool


class Took(msgspec.Struct, frozen=True, tag="took"):
    """What something took in milliseconds, and the memory that the process had afterwards (MiB)."""

    times: tuple[float, ...]
    rss: float


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """It could not be done."""

    message: str


TO_CHILD: msgspec.msgpack.Decoder[Open | Do] = msgspec.msgpack.Decoder(Open | Do)
_FROM_CHILD: msgspec.msgpack.Decoder[Ready | Took | Failed] = msgspec.msgpack.Decoder(Ready | Took | Failed)


class Spread(msgspec.Struct, frozen=True):
    """Some measurements: their median, the smallest and the largest."""

    median: float
    least: float
    most: float


class Measured(msgspec.Struct, frozen=True):
    """One engine.

    Attributes:
        absent: why it does not run here; then there is nothing else.
        rows: what was timed (ms), by what it was; an engine lacks what it cannot do.
        rss: memory of its process after a prompt that fills the context (MiB).
        snapshot_mb: size of a snapshot of ``DEPTH`` tokens (MiB); 0 when there are none.
    """

    engine: str
    absent: str = ""
    rows: dict[str, Spread] = {}
    rss: float = 0.0
    snapshot_mb: float = 0.0


class Loaded(msgspec.Struct, frozen=True):
    """One way to run an engine, while the machine is idle and while it is not.

    Attributes:
        waiting: what its threads do while they wait for one another; empty for one thread.
        idle, busy: of a token: the median and the 95th percentile (ms).
        ratio: of the two 95th percentiles.
    """

    engine: str
    threads: int
    waiting: str
    idle: tuple[float, float]
    busy: tuple[float, float]
    ratio: float


class Child:
    """A process with one engine."""

    def __init__(self, load: Load, waiting: str = "passive") -> None:
        """Start it and load the model.

        Args:
            waiting: what its OpenMP threads do while they wait: ``passive`` or ``active``.

        Raises:
            EngineError: the engine does not run here, or refuses the model.
        """
        environment = {**process.default_environment(load.threads), "OMP_WAIT_POLICY": waiting}
        self._process = subprocess.Popen(
            child.command("lsp_server.bench.engine_child"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        try:
            self.ready = self._ask(Open(load))
        except EngineError:
            self.close()
            raise

    def _ask(self, message: Open | Do) -> Ready | Took:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(frame(message))
            self._process.stdin.flush()
            answer = read(self._process.stdout, _FROM_CHILD)  # type: ignore[arg-type]
        except OSError:
            answer = None
        if answer is None:
            code = self._process.wait()
            raise EngineError(f"The process with the engine died: {child.describe(code)}.")
        if isinstance(answer, Failed):
            raise EngineError(answer.message)
        return answer

    def do(self, step: Step, tokens: int = 0, times: int = 0, seconds: float = math.inf) -> Took:
        """Have something done.

        Raises:
            EngineError: it could not be.
        """
        answer = self._ask(Do(step, tokens, times, seconds))
        assert isinstance(answer, Took)
        return answer

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


def side_by_side(
    loads: Sequence[Load], rounds: int, say: Callable[[str], None] = lambda text: None
) -> list[Measured]:
    """Measure engines.

    Args:
        loads: one for each engine, of the same model.
        rounds: turns; the figures are medians over them.
        say: told what is going on.
    """
    with contextlib.ExitStack() as stack:
        children: dict[str, Child] = {}
        absent: dict[str, str] = {}
        for load in loads:
            say(f"loading into {load.engine}")
            try:
                children[load.engine] = stack.enter_context(contextlib.closing(Child(load)))
            except EngineError as error:
                absent[load.engine] = str(error)
        full = min(loads[0].context, _LONGEST) - _SINGLE
        found = {name: _Found() for name in children}
        for turn in range(rounds):
            for name, engine in children.items():
                say(f"round {turn + 1} of {rounds}: {name}")
                found[name].turn(engine, full)
    return [
        Measured(load.engine, absent[load.engine])
        if load.engine in absent
        else found[load.engine].measured(load.engine)
        for load in loads
    ]


class _Found:
    """What was measured of one engine so far."""

    def __init__(self) -> None:
        self._rows: dict[str, list[float]] = {}
        self._rss = self._snapshot = 0.0

    def _add(self, row: str, *times: float) -> None:
        self._rows.setdefault(row, []).extend(times)

    def turn(self, engine: Child, full: int) -> None:
        """Ask everything once."""
        able = engine.ready
        assert isinstance(able, Ready)
        self._add("load", *engine.do("load").times)
        for tokens in (*(one for one in PROMPTS if one < full), full):
            took = engine.do("prompt", tokens)
            self._add(f"prompt of {tokens}", *took.times)
        self._rss = max(self._rss, took.rss)
        depth = min(DEPTH, full - max(BATCHES))
        self._add(f"a token behind {depth}", *engine.do("token", depth, _SINGLE).times)
        for size in BATCHES if able.all_rows else ():
            self._add(f"{size} tokens, every row", *engine.do("batch", depth, size).times)
        if able.snapshots:
            made, restored, self._snapshot = engine.do("snapshot", depth).times
            self._add(f"snapshot of {depth}", made)
            self._add(f"restoring {depth}", restored)
        if able.abort:
            half = max(1, int(statistics.median(self._rows[f"prompt of {full}"]) / 2))
            self._add("from abort to return", *engine.do("abort", full, half).times)

    def measured(self, name: str) -> Measured:
        """All of it."""
        rows = {row: spread(times) for row, times in self._rows.items() if times}
        return Measured(name, "", rows, round(self._rss, 1), round(self._snapshot, 2))


def under_load(
    loads: Sequence[Load], hogs: int, say: Callable[[str], None] = lambda text: None
) -> list[Loaded]:
    """Time single tokens while nothing else runs, then beside programs that take all the processor time they get.

    Args:
        loads: one for each engine; their threads do not count: one is tried, and two, which wait for each other
            passively (asleep) or, where the engine's threads are OpenMP's, actively (spinning).
        hogs: how many such programs.

    Raises:
        EngineError: an engine does not run here.
    """
    ways = [
        (msgspec.structs.replace(load, threads=threads), waiting)
        for load in loads
        for threads, waiting in ((1, ""), *((2, one) for one in _WAITING.get(load.engine, ("",))))
    ]
    calm: list[list[float]] = [[] for _ in ways]
    pressed: list[list[float]] = [[] for _ in ways]
    for turn in range(_LOAD_TURNS):
        for (load, waiting), idle, busy in zip(ways, calm, pressed, strict=True):
            say(f"round {turn + 1} of {_LOAD_TURNS}: {way(load.engine, load.threads, waiting)}")
            # One process at a time: threads that wait actively would be busy programs for the others.
            with contextlib.closing(Child(load, waiting or "passive")) as engine:
                idle += _tokens(engine)
                with _hogs(hogs):
                    busy += _tokens(engine)
    return [
        Loaded(
            load.engine,
            load.threads,
            waiting,
            _two(idle),
            _two(busy),
            round(_two(busy)[1] / _two(idle)[1], 2),
        )
        for (load, waiting), idle, busy in zip(ways, calm, pressed, strict=True)
    ]


def _tokens(engine: Child) -> tuple[float, ...]:
    """Times of single tokens (ms)."""
    return engine.do("token", _LOAD_DEPTH, _LOAD_TOKENS, _LOAD_SECONDS).times


@contextlib.contextmanager
def _hogs(count: int) -> Iterator[None]:
    """Programs that compute for ever, ended at the end."""
    command = (sys.executable, "-S", "-c", "while True: pass")
    running = [subprocess.Popen(command) for _ in range(count)]
    try:
        yield
    finally:
        for one in running:
            one.kill()
            one.wait()


def _two(times: Sequence[float]) -> tuple[float, float]:
    """The median and the 95th percentile."""
    ranked = sorted(times)
    return round(statistics.median(ranked), 3), round(ranked[math.ceil(0.95 * len(ranked)) - 1], 3)


def spread(times: Sequence[float]) -> Spread:
    """Summarise measurements, at least one."""
    return Spread(*(round(one, 3) for one in (statistics.median(times), min(times), max(times))))


def way(engine: str, threads: int, waiting: str) -> str:
    """One way to run an engine, for people."""
    return f"{engine}, {threads} thread{'s' * (threads > 1)}" + (f", waiting {waiting}" if waiting else "")
