"""How many threads evaluate: the choice on simulated machines, the clock around it, and what the machine gives."""

import itertools
import math
import random
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsp_server.base import cores
from lsp_server.base.errors import Aborted
from lsp_server.engine import process
from lsp_server.engine.backends.fake import Fake
from lsp_server.engine.load import Governor, most_threads
from lsp_server.engine.messages import Threads
from lsp_server.engine.pace import Pace, pace_of

COUNTS = (1, 2, 4)


class Machine(msgspec.Struct, frozen=True):
    """What an evaluation costs, by the number of threads.

    Attributes:
        idle, busy: while nothing else runs, and while something does.
        noise: standard deviation of the logarithm of a cost.
    """

    idle: dict[int, float]
    busy: dict[int, float]
    noise: float = 0.0

    def cost(self, threads: int, busy: bool) -> float:
        return (self.busy if busy else self.idle)[threads]


GOOD = Machine({1: 1.0, 2: 0.6, 4: 0.4}, {1: 1.2, 2: 4.0, 4: 12.0})


@st.composite
def machines(draw: st.DrawFn) -> Machine:
    """Each further thread helps less than the one before, or harms more; other programs slow many threads more."""
    gains = sorted(draw(st.tuples(*[st.floats(0.5, 1.3)] * 2)))
    harms = sorted(draw(st.tuples(*[st.floats(1.0, 8.0)] * 2)))
    slow = draw(st.floats(1.0, 2.5))
    idle = {1: 1.0, 2: gains[0], 4: gains[0] * gains[1]}
    busy = {1: slow, 2: slow * idle[2] * harms[0], 4: slow * idle[4] * harms[0] * harms[1]}
    return Machine(idle, busy, draw(st.sampled_from((0.0, 0.05, 0.15))))


def run(
    machine: Machine, most: int, phases: list[tuple[int, bool]], seed: int = 0
) -> Iterator[tuple[Governor, float]]:
    """Evaluate one token after the other; yields the state behind each, and what it cost."""
    chance, governor = random.Random(seed), Governor(1, most)
    for length, busy in phases:
        for _ in range(length):
            threads = governor.threads
            cost = machine.cost(threads, busy) * chance.lognormvariate(0.0, machine.noise)
            governor.observe(1, cost, threads)
            yield governor, cost


PHASES = st.lists(st.tuples(st.integers(100, 800), st.booleans()), min_size=1, max_size=4)


@settings(max_examples=20)
@given(machines(), st.sampled_from(COUNTS), PHASES, st.integers(0, 99))
def test_the_cost_is_close_to_the_best(
    machine: Machine, most: int, phases: list[tuple[int, bool]], seed: int
) -> None:
    """Against one who knows the future: some tens of percent, and a few evaluations for each change of the machine."""
    spent = sum(cost for _, cost in run(machine, most, phases, seed))
    able = [count for count in COUNTS if count <= most]
    best = sum(length * min(machine.cost(count, busy) for count in able) for length, busy in phases)
    noticing = sum(20 * max(machine.cost(count, busy) for count in able) for _, busy in phases)
    assert spent <= 1.35 * best * math.exp(machine.noise**2 / 2) + noticing


@settings(max_examples=20)
@given(machines(), st.sampled_from(COUNTS), st.booleans(), st.integers(0, 99))
def test_it_settles(machine: Machine, most: int, busy: bool, seed: int) -> None:
    """On a machine that stays as it is the count does not go to and fro, and is never more than there is."""
    states = [(g.threads, g.changes) for g, _ in run(machine, most, [(1500, busy)], seed)]
    assert max(threads for threads, _ in states) <= most
    assert states[-1][1] <= 4
    assert states[-1][1] - states[500][1] <= 2


@settings(max_examples=30)
@given(st.integers(1, 64), st.lists(st.tuples(st.integers(1, 600), st.floats(0, 1e6), st.integers(1, 64))))
def test_any_observation_is_taken(most: int, observations: list[tuple[int, float, int]]) -> None:
    """Times of nothing, of an hour, and of counts that nobody asked for are no matter."""
    governor = Governor(1, most)
    for tokens, seconds, threads in observations:
        governor.observe(tokens, seconds, threads)
        governor.observe(tokens, seconds, governor.threads)
        assert 1 <= governor.threads <= most


def after(machine: Machine, most: int, phases: list[tuple[int, bool]]) -> Governor:
    return [governor for governor, _ in run(machine, most, phases)][-1]


@pytest.mark.parametrize(
    ("machine", "phases", "settled"),
    [
        pytest.param(GOOD, [(500, False)], 4, id="idle"),
        pytest.param(GOOD, [(500, True)], 1, id="busy from the start"),
        pytest.param(GOOD, [(500, False), (40, True)], 1, id="lowered within a line"),
        pytest.param(GOOD, [(500, False), (300, True), (1500, False)], 4, id="raised again"),
        pytest.param(Machine(dict.fromkeys(COUNTS, 1.0), {}), [(500, False)], 1, id="memory is what limits"),
        pytest.param(
            Machine(GOOD.idle, {count: 3 * cost for count, cost in GOOD.idle.items()}),
            [(500, False), (500, True)],
            4,
            id="slowed alike",
        ),
    ],
)
def test_what_is_chosen(machine: Machine, phases: list[tuple[int, bool]], settled: int) -> None:
    """The count that is really the fastest, whatever was usual."""
    assert after(machine, 4, phases).settled == settled


def test_trials_seldom_cost_much() -> None:
    """While another program makes many threads very slow, no more than a tenth of the time goes into looking again."""
    awful = Machine(GOOD.idle, {1: 1.0, 2: 60.0, 4: 60.0})
    costs = [cost for _, cost in run(awful, 4, [(200, False), (4000, True)])]
    assert sum(costs[300:]) <= 1.1 * len(costs[300:])


def test_sizes_are_compared_with_their_like() -> None:
    """Long prompts after short ones, dear by the token or cheap, are no sign of a busy machine."""
    governor = Governor(1, 2)
    for tokens in itertools.islice(itertools.cycle((2, 64, 3, 5, 64)), 2000):
        seconds = (0.01 + tokens * 0.001) / governor.threads**0.7
        governor.observe(tokens, seconds, governor.threads)
    assert (governor.settled, governor.changes) == (2, 0)


@pytest.mark.parametrize(
    ("parameters", "cores", "threads"),
    [(0, 8, 1), (100_000_000, 8, 1), (494_000_000, 8, 4), (494_000_000, 2, 2), (7_000_000_000, 1, 1)],
)
def test_how_many_are_tried(parameters: int, cores: int, threads: int) -> None:
    """One for a small model or an unknown one, else as many as there are cores, four at most."""
    assert most_threads(parameters, cores) == threads


class Clocked:
    """An engine of which only the time and the threads are real."""

    def __init__(self, machine: Machine) -> None:
        self.machine, self.threads, self.busy, self.now = machine, 0, False, 0.0

    def evaluate(self) -> None:
        self.now += self.machine.cost(self.threads, self.busy)

    def pace(self, least: int = 1, most: int = 4, note: str = "") -> Pace:
        def use(threads: int) -> None:
            self.threads = threads

        return Pace(least, most, use, note, lambda: self.now)


def evaluate(engine: Clocked, pace: Pace, times: int, tokens: int = 1) -> list[int]:
    used = []
    for _ in range(times):
        with pace.timed(tokens):
            engine.evaluate()
            used.append(engine.threads)
    return used


def test_single_tokens_and_prompts_have_their_own() -> None:
    """A prompt is bound by computing, a token by memory: what is learnt of one is not believed of the other."""
    engine = Clocked(GOOD)
    pace = engine.pace()
    evaluate(engine, pace, 200)
    engine.busy = True
    evaluate(engine, pace, 60)
    said = pace.threads()
    assert (said.token, said.prompt) == (1, 4)
    assert said.why == (
        "Other programs keep the processor busy: with 4 threads a token took 30 times as long as usual."
    )
    evaluate(engine, pace, 1, tokens=64)
    assert engine.threads == 4


def test_speculation_teaches_nothing() -> None:
    """It runs at low priority, so that it may take long; and it is not what tries other counts."""
    engine = Clocked(GOOD)
    pace = engine.pace()
    evaluate(engine, pace, 7)
    engine.busy, pace.heed = True, False
    assert set(evaluate(engine, pace, 500)) == {4}
    assert pace.threads() == Threads(4, 4)


def test_an_aborted_evaluation_teaches_nothing() -> None:
    """It took less time than it would have, or, waiting to be aborted, more."""
    engine = Clocked(Machine(GOOD.idle, GOOD.idle))
    pace = engine.pace()
    evaluate(engine, pace, 7)

    def abort() -> None:
        with pace.timed(1):
            engine.now += 100.0
            raise Aborted("stopped")

    for _ in range(50):
        with pytest.raises(Aborted):
            abort()
    assert pace.threads() == Threads(4, 4)


@pytest.mark.parametrize("wanted", [1, 3])
def test_a_number_is_kept(wanted: int) -> None:
    """Who sets a number decides for himself, on a busy machine too."""
    engine = Clocked(Machine(dict.fromkeys((1, 3), 1.0), dict.fromkeys((1, 3), 9.0)))
    pace = engine.pace(wanted, wanted)
    used = evaluate(engine, pace, 100)
    engine.busy = True
    assert {*used, *evaluate(engine, pace, 300)} == {wanted}


class Spinning(Fake):
    """An engine whose threads spin."""

    capabilities = msgspec.structs.replace(Fake.capabilities, sleeps=False)


def test_threads_that_spin_are_never_two() -> None:
    """Whatever is set: two of them cost seconds a token beside another program."""
    pace = pace_of(Spinning(100, 64, 0), wanted=4, cores=8)
    assert pace.threads() == Threads(
        1, 1, "This engine's threads spin while they wait for one another: there is only one."
    )
    assert pace_of(Fake(100, 64, 0), wanted=4, cores=8).threads() == Threads(4, 4)


def test_no_variable_of_the_user_makes_the_workers_threads_spin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spinning is what slows a token by a factor of sixty on a busy machine."""
    for name, value in {
        "OMP_WAIT_POLICY": "active",
        "GOMP_SPINCOUNT": "infinite",
        "KMP_BLOCKTIME": "200",
    }.items():
        monkeypatch.setenv(name, value)
    environment = process.default_environment(0)
    assert environment["OMP_WAIT_POLICY"] == "passive"
    assert not {"GOMP_SPINCOUNT", "KMP_BLOCKTIME"} & environment.keys()
    assert environment["OMP_NUM_THREADS"] == "1"


@pytest.mark.parametrize(
    ("mine", "files", "expected"),
    [
        pytest.param("0::/a/b\n", {"a/b/cpu.max": "150000 100000\n"}, 1.5, id="second version"),
        pytest.param(
            "0::/a/b\n", {"a/cpu.max": "50000 100000", "a/b/cpu.max": "max 100000"}, 0.5, id="around it"
        ),
        pytest.param("0::/gone/from/here\n", {"cpu.max": "200000 100000"}, 2.0, id="in a container"),
        pytest.param(
            "3:cpu,cpuacct:/x\n0::/\n",
            {"cpu,cpuacct/x/cpu.cfs_quota_us": "300000", "cpu,cpuacct/x/cpu.cfs_period_us": "100000"},
            3.0,
            id="first version",
        ),
        pytest.param(
            "1:cpu:/\n",
            {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"},
            math.inf,
            id="no limit",
        ),
        pytest.param("nonsense\n0::/\n", {"cpu.max": "much 0"}, math.inf, id="no numbers"),
        pytest.param("", {}, math.inf, id="no groups"),
    ],
)
def test_a_containers_share_of_the_processor(
    tmp_path: Path, mine: str, files: dict[str, str], expected: float
) -> None:
    """The smallest of the limits on the way up; what cannot be read limits nothing."""
    for name, text in files.items():
        (tmp_path / "groups" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "groups" / name).write_text(text)
    (tmp_path / "mine").write_text(mine)
    assert cores.quota(tmp_path / "groups", tmp_path / "mine") == expected
    assert cores.quota(tmp_path / "groups", tmp_path / "absent") == math.inf


def test_only_the_given_cores_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of eight cores with two hardware threads each, four of sixteen processors are two cores."""
    monkeypatch.setattr("psutil.cpu_count", lambda logical=True: 16 if logical else 8)
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: set(range(4)), raising=False)
    monkeypatch.setattr(cores, "quota", lambda *_: math.inf)
    assert cores.usable() == 2
    monkeypatch.setattr(cores, "quota", lambda *_: 0.5)
    assert cores.usable() == 1
