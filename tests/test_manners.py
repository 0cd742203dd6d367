"""When work ahead is welcome: what decides it, as data; the looks at the machine; both joined, on a simulated one."""

import asyncio
import math
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import psutil
import pytest

from lsp_server.base import busy, cores
from lsp_server.base.busy import Look, Looker, on_battery, taken_by_others
from lsp_server.base.config import Config
from lsp_server.completion.manners import Level, Load, Manners, State, judge, loaded, used_up

# --- what decides


@pytest.mark.parametrize(
    ("state", "level", "why"),
    [
        (State("normal"), "normal", ""),
        (State("eager"), "eager", ""),
        (State("off"), "off", ""),
        (State("off", on_battery=True), "off", ""),
        (State("normal", known=False), "off", "looked at"),
        (State("eager", on_battery=True), "off", "on battery"),
        (State("normal", load="part"), "low", "a good part"),
        (State("eager", load="part"), "low", "a good part"),
        (State("eager", load="all"), "off", "nearly all"),
        (State("normal", used_up=True, seconds=7), "off", "7 s of processor time"),
        (State("normal", on_battery=True, load="part", used_up=True), "off", "on battery"),
    ],
)
def test_the_level(state: State, level: Level, why: str) -> None:
    """The setting, unless something speaks against it; the reason names what does."""
    found, reason = judge(state)
    assert found == level
    assert why in reason
    assert bool(reason) == bool(why)


@pytest.mark.parametrize(
    ("parts", "loads"),
    [
        pytest.param([0.1, 0.3, 0.45], "little little little", id="little stays little"),
        pytest.param([0.1, 0.5], "little part", id="a good part counts at once"),
        pytest.param([0.1, 0.95], "little all", id="so does nearly all"),
        pytest.param([0.95, 0.1, 0.1], "all all little", id="it ends when two looks say so"),
        pytest.param([0.95, 0.1, 0.95, 0.1], "all all all all", id="one look does not end it"),
        pytest.param(
            [0.86, 0.8, 0.72, 0.84], "all all all all", id="around the edge of all it does not flap"
        ),
        pytest.param([0.51, 0.45, 0.4, 0.49], "part part part part", id="nor around that of a part"),
        pytest.param([0.95, 0.6, 0.6], "all all part", id="from all to a part"),
        pytest.param([0.95, 0.4, 0.4, 0.4], "all all part part", id="a part ends lower than it begins"),
        pytest.param([0.6, 0.3, 0.3, 0.6], "part part little part", id="a program comes and goes"),
    ],
)
def test_the_load(parts: list[float], loads: str) -> None:
    """What a sequence of looks makes of it."""
    load: Load = "little"
    seen = []
    for number in range(len(parts)):
        load = loaded(load, parts[: number + 1])
        seen.append(load)
    assert " ".join(seen) == loads


@pytest.mark.parametrize(
    ("before", "seconds", "most", "now"),
    [
        (False, 19.9, 20, False),
        (False, 20.0, 20, True),
        (True, 19.0, 20, True),
        (True, 15.9, 20, False),
        (True, 19.0, 60, False),  # the setting was raised
        (False, 0.0, 0, True),
    ],
)
def test_the_time_is_used_up(before: bool, seconds: float, most: float, now: bool) -> None:
    """At the limit; and again to be had when there is a good deal of it."""
    assert used_up(before, seconds, most) == now


# --- looking at the machine


def look(at: float = 0.0, used: float | None = 0.0, own: dict[int, float] | None = None, **more: Any) -> Look:
    return Look(at=at, busy=used, processors=2, own=own or {}, **more)


@pytest.mark.parametrize(
    ("before", "after", "part"),
    [
        pytest.param(look(), look(2.0, 2.0), 0.5, id="one of two processors"),
        pytest.param(look(), look(2.0, 2.0, {1: 2.0}), 0.0, id="it was us, in a new process"),
        pytest.param(look(0.0, 0.0, {1: 5.0}), look(2.0, 3.0, {1: 6.0}), 0.5, id="ours is taken off"),
        pytest.param(
            look(0.0, 0.0, {1: 5.0, 2: 9.0}), look(2.0, 4.0, {1: 6.0}), 0.75, id="one of ours has ended"
        ),
        pytest.param(look(0.0, 0.0, {1: 5.0}), look(2.0, 2.0, {1: 4.0}), 0.5, id="our count went backwards"),
        pytest.param(look(0.0, 9.0), look(2.0, 8.0), None, id="the machine's count went backwards"),
        pytest.param(look(), look(2.0, 99.0), 1.0, id="no more than all"),
        pytest.param(look(), look(2.0, 1.0, {1: 2.0}), 0.0, id="no less than nothing"),
        pytest.param(look(), look(0.1, 0.1), None, id="too close together"),
        pytest.param(look(), look(60.0, 60.0), None, id="too far apart"),
        pytest.param(look(used=None), look(2.0), None, id="unknown before"),
        pytest.param(look(), look(2.0, None), None, id="unknown after"),
        pytest.param(
            look(group=0.0, allowed=0.5), look(2.0, 0.5, group=0.5, allowed=0.5), 0.5, id="a container's part"
        ),
        pytest.param(
            look(group=0.0, allowed=0.5), look(2.0, 3.0, group=0.0, allowed=0.5), 0.75, id="or the machine's"
        ),
        pytest.param(
            look(used=None, group=0.0, allowed=1.0),
            look(2.0, None, group=1.0, allowed=1.0),
            0.5,
            id="the container's alone is known",
        ),
    ],
)
def test_what_others_took(before: Look, after: Look, part: float | None) -> None:
    """The machine's time less our own, of the processors or of what a container may have."""
    assert taken_by_others(before, after) == pytest.approx(part)


def raises(error: type[Exception]) -> Any:
    def function(*_arguments: Any, **_more: Any) -> Any:
        raise error

    return function


@pytest.mark.parametrize(
    ("battery", "supplies", "runs_on_it"),
    [
        pytest.param(lambda: None, {}, False, id="none"),
        pytest.param(lambda: SimpleNamespace(power_plugged=True), {}, False, id="plugged in"),
        pytest.param(lambda: SimpleNamespace(power_plugged=None), {}, False, id="not known"),
        pytest.param(lambda: SimpleNamespace(power_plugged=False), {}, True, id="unplugged"),
        pytest.param(raises(NotImplementedError), {}, False, id="no such thing here"),
        pytest.param(raises(RuntimeError), {}, False, id="odd hardware"),
        pytest.param(None, {}, False, id="no such function"),
        pytest.param(
            lambda: SimpleNamespace(power_plugged=False),
            {"mouse/type": "Battery\n", "mouse/scope": "Device\n"},
            False,
            id="a mouse's",
        ),
        pytest.param(
            lambda: SimpleNamespace(power_plugged=False),
            {
                "mouse/type": "Battery\n",
                "mouse/scope": "Device\n",
                "BAT0/type": "Battery\n",
                "AC/type": "Mains",
            },
            True,
            id="a mouse's and its own",
        ),
    ],
)
def test_the_battery(
    battery: Any, supplies: dict[str, str], runs_on_it: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a machine that says that it runs on its battery does."""
    for name, text in supplies.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    if battery is None:
        monkeypatch.delattr(psutil, "sensors_battery", raising=False)
    else:
        monkeypatch.setattr(psutil, "sensors_battery", battery, raising=False)
    assert on_battery(tmp_path) == runs_on_it


@pytest.mark.parametrize(
    ("files", "used"),
    [
        ({"cpu.stat": "usage_usec 2500000\nuser_usec 1\n"}, 2.5),
        ({"cpu.stat": "nr_periods 0\n", "cpuacct.usage": "1500000000\n"}, 1.5),
        ({"cpu.stat": "usage_usec much\n"}, None),
        ({}, None),
    ],
)
def test_what_a_container_has_used(files: dict[str, str], used: float | None, tmp_path: Path) -> None:
    """Both versions of control groups say it in their own way, some not at all."""
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert cores.Group(1.0, tmp_path).used() == used


def test_a_real_look() -> None:
    """On this machine: the time of all programs includes ours, and a process that does not exist harms nothing."""
    seen = Looker().look([2**22 + 1])
    assert seen.busy is not None
    assert seen.busy >= sum(seen.own.values()) > 0
    assert len(seen.own) == 1


def test_a_look_counts_the_given_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs on processors that we were not given takes nothing from us."""
    each = [SimpleNamespace(user=float(number), system=0.5, idle=9.0, iowait=3.0) for number in range(4)]
    monkeypatch.setattr(busy.os, "sched_getaffinity", lambda _: {1, 3}, raising=False)
    monkeypatch.setattr(psutil, "cpu_count", lambda: 4)
    monkeypatch.setattr(psutil, "cpu_times", lambda percpu=False: each if percpu else each[0])
    seen = Looker().look([])
    assert (seen.busy, seen.processors) == (5.0, 2)
    monkeypatch.setattr(psutil, "cpu_times", raises(PermissionError))
    assert Looker().look([]).busy is None


# --- both joined


class Machine:
    """A simulated one with two processors, and a clock that goes when it is told to.

    Attributes:
        others: processors that other programs use.
        looks: how often it was looked at.
    """

    def __init__(self) -> None:
        self.config = Config()
        self.now = 1_000.0
        self.others = 0.0
        self.unplugged = self.broken = False
        self.looks = 0
        self._used = 0.0
        self.manners = Manners(lambda: self.config, lambda: (7,), self.look, lambda: self.now)

    def look(self, pids: Iterable[int]) -> Look:
        assert tuple(pids) == (7,)
        self.looks += 1
        if self.broken:
            raise OSError
        return look(self.now, self._used, on_battery=self.unplugged)

    def set(self, **settings: Any) -> None:
        self.config = msgspec.structs.replace(self.config, **settings)

    async def passes(self, seconds: float) -> Level:
        """Let somebody work for a time, who asks every half second; the last level."""
        for _ in range(math.ceil(seconds / 0.5)):
            self.pass_by(0.5)
            await self.level()
        return await self.level()

    def pass_by(self, seconds: float) -> None:
        """Let time go by in which nobody works."""
        self.now += seconds
        self._used += seconds * self.others

    async def level(self) -> Level:
        """Ask, wait for the look that this may begin, and ask again."""
        self.manners.level()
        while self.manners._looking:  # noqa: ASYNC110 - a thread ends, nothing tells
            await asyncio.sleep(0)
        return self.manners.level()


async def test_it_is_off_until_the_machine_was_looked_at() -> None:
    """The first question begins a look, and does not wait for it."""
    machine = Machine()
    assert machine.manners.level() == "off"
    assert machine.manners.why
    assert await machine.level() == "normal"
    assert machine.manners.why == ""


async def test_the_battery_comes_and_goes() -> None:
    """Unplugged it is off, and says so; plugged in it goes on as before."""
    machine = Machine()
    assert await machine.passes(3) == "normal"
    machine.unplugged = True
    assert await machine.passes(3) == "off"
    assert machine.manners.why == "on battery"
    machine.unplugged = False
    assert await machine.passes(3) == "normal"


async def test_another_program_comes_and_goes() -> None:
    """One of two processors taken: the cheapest only. Both: nothing. It recovers when they are free again."""
    machine = Machine()
    machine.set(speculation="eager")
    assert await machine.passes(5) == "eager"
    machine.others = 1.0
    assert await machine.passes(5) == "low"
    machine.others = 2.0
    assert await machine.passes(5) == "off"
    assert "other programs" in machine.manners.why
    machine.others = 0.1
    assert await machine.passes(2) == "off"
    assert await machine.passes(5) == "eager"


async def test_the_time_that_it_may_take() -> None:
    """It stops at the limit, and goes on when a good part of what it took is more than a minute ago."""
    machine = Machine()
    await machine.passes(3)
    for _ in range(20):
        machine.manners.spent(1.0)
        machine.now += 1.0
    assert machine.manners.level() == "off"
    status = machine.manners.status()
    assert (status["level"], status["cpu_seconds_last_minute"], status["cpu_seconds_total"]) == (
        "off",
        20,
        20,
    )
    assert "20 s" in status["why"]
    machine.now += 42.0
    assert machine.manners.level() == "off"  # 1 to 3 s are free again, which would be gone at once
    machine.now += 5.0
    assert machine.manners.level() == "normal"
    machine.now += 600.0
    assert machine.manners.status()["cpu_seconds_last_minute"] == 0
    assert machine.manners.status()["cpu_seconds_total"] == 20


async def test_settings_count_at_once() -> None:
    """Switched off, on again, another limit: no restart. Switched off it does not look at the machine either."""
    machine = Machine()
    machine.set(speculation="off")
    assert await machine.passes(5) == "off"
    assert machine.manners.why == ""
    assert machine.looks == 0
    machine.set(speculation="normal")
    assert await machine.level() == "normal"
    machine.manners.spent(5.0)
    machine.set(speculation_seconds=5)
    assert machine.manners.level() == "off"
    machine.set(speculation_seconds=30)
    assert machine.manners.level() == "normal"
    machine.set(speculation_seconds=0)
    assert machine.manners.level() == "off"


async def test_it_looks_seldom_and_only_when_asked() -> None:
    """Twice at first, then every two seconds while somebody works; never while nobody does."""
    machine = Machine()
    await machine.passes(20)
    assert 9 <= machine.looks <= 12
    seen = machine.looks
    machine.now += 3_600.0
    await asyncio.sleep(0)
    assert machine.looks == seen
    machine.others = 2.0
    assert await machine.passes(0.5) == "normal"  # the hour before says nothing of now
    assert await machine.passes(1) == "off"


async def test_the_load_is_known_where_somebody_works_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a pause one more look follows by itself, so that the load is known, and its end too."""
    machine, later = Machine(), []
    monkeypatch.setattr(asyncio.get_running_loop(), "call_later", lambda *planned: later.append(planned))

    async def works() -> Level:
        machine.pass_by(60.0)
        await machine.level()
        ((seconds, look),) = later
        later.clear()
        machine.pass_by(seconds)
        look()
        return await machine.level()

    machine.others = 2.0
    assert await works() == "off"
    machine.others = 0.0
    assert [await works() for _ in range(2)] == ["off", "normal"]
    assert machine.looks == 6


async def test_a_machine_that_cannot_be_looked_at(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is done, nothing falls over, and the log is not filled."""
    machine = Machine()
    machine.broken = True
    assert await machine.passes(30) == "off"
    assert machine.looks == 1
    assert len(caplog.records) == 1
    machine.broken = False
    assert await machine.passes(60) == "normal"
