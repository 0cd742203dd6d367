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
_LONGEST = 2048

#: Single tokens in a turn; sizes of batches that return every row.
_SINGLE, BATCHES = 16, (4, 8)

#: Turns, and single tokens in each, of the test under load.
_LOAD_TURNS, _LOAD_TOKENS = 8, 40


class Open(msgspec.Struct, frozen=True, tag="open"):
    """Load a model; answered by ``Ready`` or ``Failed``."""

    load: Load


Step = Literal["load", "prompt", "token", "batch", "snapshot", "abort", "threads"]


class Do(msgspec.Struct, frozen=True, tag="do"):
    """Do something once; answered by ``Took`` or ``Failed``.

    Attributes:
        tokens: of the prompt, or in front of what is timed.
        times: single tokens; or of a batch; milliseconds until an abort; or threads, 0 for those
            that the worker would take.
    """

    step: Step
    tokens: int = 0
    times: int = 0


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The model is loaded; the rest is as in ``Loaded`` and ``Capabilities``."""

    engine: str
    note: str
    parameters: int
    all_rows: bool
    abort: bool
    snapshots: bool


class Took(msgspec.Struct, frozen=True, tag="took"):
    """What something took in milliseconds, and the memory that the process had afterwards (MiB).

    Attributes:
        threads: that the next token will have; 0 where that is not chosen but fixed.
    """

    times: tuple[float, ...]
    rss: float
    threads: int = 0


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
        threads: 0 where they are chosen by what was measured, as the worker does.
        waiting: what its threads do while they wait for one another; empty for one thread.
        chosen: where they are chosen, how many there were at the end of the idle and of the busy time.
        idle, busy: of a token: the median and the 95th percentile (ms).
        ratio: of the two 95th percentiles.
    """

    engine: str
    threads: int
    waiting: str
    idle: tuple[float, float]
    busy: tuple[float, float]
    ratio: float
    chosen: tuple[int, int] = (0, 0)


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

    def do(self, step: Step, tokens: int = 0, times: int = 0) -> Took:
        """Have something done.

        Raises:
            EngineError: it could not be.
        """
        answer = self._ask(Do(step, tokens, times))
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
        loads: one for each engine; their threads do not count: one is tried, as many as the worker chooses, and two,
            which wait for each other passively (asleep) or, where the engine's threads are OpenMP's, actively
            (spinning).
        hogs: how many such programs.

    Raises:
        EngineError: an engine does not run here.
    """
    ways = [
        (msgspec.structs.replace(load, threads=threads), waiting)
        for load in loads
        for threads, waiting in ((1, "passive"), (2, "passive"), (2, "active"), (0, "passive"))
    ]
    with contextlib.ExitStack() as stack:
        children = []
        for load, waiting in ways:
            engine = stack.enter_context(contextlib.closing(Child(load, waiting)))
            engine.do("threads", times=load.threads)
            children.append(engine)
        say("tokens while nothing else runs")
        idle, calmly = _tokens(children)
        with _hogs(hogs):
            say(f"tokens beside {hogs} busy programs")
            busy, chosen = _tokens(children)
    return [
        Loaded(
            load.engine,
            load.threads,
            "" if load.threads == 1 else waiting,
            _two(calm),
            _two(pressed),
            round(_two(pressed)[1] / _two(calm)[1], 2),
            counts,
        )
        for (load, waiting), calm, pressed, counts in zip(
            ways, idle, busy, zip(calmly, chosen, strict=True), strict=True
        )
    ]


def _tokens(children: Sequence[Child]) -> tuple[list[list[float]], list[int]]:
    """Times of single tokens (ms), of each process; the threads that each has at the end, where it chooses them."""
    found: list[list[float]] = [[] for _ in children]
    threads = [0 for _ in children]
    for _ in range(_LOAD_TURNS):
        for place, engine in enumerate(children):
            took = engine.do("token", DEPTH // 2, _LOAD_TOKENS)
            found[place] += took.times
            threads[place] = took.threads
    return found, threads


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


def table(measured: Sequence[Measured]) -> str:
    """The engines as columns."""
    present = [one for one in measured if not one.absent]
    rows = list(dict.fromkeys(row for one in present for row in one.rows))
    lines = [f"{'ms, median (least-most)':<26}" + "".join(f"{one.engine:>32}" for one in present)]
    for row in rows:
        cells = (_cell(one.rows.get(row)) for one in present)
        lines.append(f"{row:<26}" + "".join(f"{cell:>32}" for cell in cells))
    lines.append(f"{'memory, MiB':<26}" + "".join(f"{one.rss:>32.0f}" for one in present))
    lines += [f"{one.engine} does not run: {one.absent}" for one in measured if one.absent]
    return "\n".join(lines)


def _cell(found: Spread | None) -> str:
    return f"{found.median:.2f} ({found.least:.2f}-{found.most:.2f})" if found else "-"


def load_table(loaded: Sequence[Loaded]) -> str:
    """The test under load as text."""
    head = f"{'a token, ms: p50 / p95':<40}{'idle':>18}{'busy':>18}{'p95 to idle':>14}"
    return "\n".join(
        (
            head,
            *(
                f"{_way(one):<40}{_pair(one.idle):>18}{_pair(one.busy):>18}{one.ratio:>13.1f}x"
                for one in loaded
            ),
        )
    )


def _way(one: Loaded) -> str:
    waiting = f", waiting {one.waiting}" if one.waiting else ""
    if not one.threads:
        return f"{one.engine}, auto: {one.chosen[0]} idle, {one.chosen[1]} busy"
    return f"{one.engine}, {one.threads} thread{'s' * (one.threads > 1)}{waiting}"


def _pair(times: tuple[float, float]) -> str:
    return f"{times[0]:.2f} / {times[1]:.2f}"
