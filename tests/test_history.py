"""What is counted over time: it adds up, however it is split, joined and compacted; no file and no end of a server
breaks it."""

import logging
import os
import stat
import subprocess
import sys
from datetime import date
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsp_server.base.histogram import FIRST, LAST, bin_of, edge, percentile
from lsp_server.base.metrics import Counts, Metrics, OfLanguage
from lsp_server.completion import history
from lsp_server.completion.history import DAYS, QUARTER, History, Record, read

NOW = 1_700_000_000.0
DAY = 86_400.0

#: Of no process: Linux gives none above 2**22.
GONE = 2**30

NUMBER = st.integers(0, 1_000)
COUNTS = st.builds(
    Counts,
    requests=NUMBER,
    answers=st.dictionaries(st.sampled_from(["cache", "model", "nothing"]), NUMBER),
    waited_ms=st.dictionaries(st.integers(FIRST, LAST), NUMBER),
    cpu_ms=st.dictionaries(st.sampled_from(["asked", "lookahead"]), NUMBER.map(float)),
    languages=st.dictionaries(st.sampled_from(["python", "go"]), st.builds(OfLanguage, NUMBER, NUMBER)),
)


def total(record: Record) -> Counts:
    """All of a record in one."""
    counts = Counts()
    for one in (*record.quarters.values(), *record.days.values()):
        counts.add(one)
    return counts


def counted(number: int) -> Counts:
    return Counts(requests=number, answers={"cache": number})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / history.FOLDER


# --- arithmetic


@given(st.lists(st.tuples(COUNTS, st.floats(0, 80 * DAY)), max_size=12), st.integers(0, 12))
@settings(max_examples=30)
def test_totals_survive(counts: list[tuple[Counts, float]], cut: int) -> None:
    """Counted in one record or in two, compacted before they are joined or after, or through bytes: the sum is one."""
    expected = Counts()
    one, other = Record(), Record()
    for at, (some, age) in enumerate(counts):
        expected.add(some)
        (one if at < cut else other).count(some, NOW - age)
    one.compact(NOW)
    other = msgspec.json.decode(msgspec.json.encode(other), type=Record)
    one.add(other)
    assert total(one) == expected
    one.compact(NOW)
    one.compact(NOW)
    assert total(one) == expected
    today = date.fromtimestamp(NOW)
    assert all((today - date.fromtimestamp(quarter * QUARTER)).days <= 2 for quarter in one.quarters)


def test_what_is_too_old_is_dropped() -> None:
    """And nothing else; so a record does not grow for ever."""
    record = Record()
    for day in range(200):
        for hour in range(24):
            record.count(counted(1), NOW - day * DAY - hour * 3_600)
    record.compact(NOW)
    assert len(record.days) + len({date.fromtimestamp(one * QUARTER) for one in record.quarters}) == DAYS
    assert len(record.quarters) <= 3 * 24 + 24
    assert total(record).requests == pytest.approx(DAYS * 24, abs=24)


@given(st.lists(st.floats(0.2, 90_000), min_size=1, max_size=50), st.floats(0.01, 1))
@settings(max_examples=50)
def test_percentiles_are_within_a_bin(durations: list[float], share: float) -> None:
    """What is read off the bins lies in the bin of the true value."""
    bins: dict[int, int] = {}
    for one in durations:
        bins[bin_of(one)] = bins.get(bin_of(one), 0) + 1
    exact = sorted(durations)[max(-(-int(share * len(durations) * 1e6) // 1_000_000) - 1, 0)]
    found = percentile(bins, share)
    assert found is not None
    assert edge(bin_of(exact)) * 0.79 <= found <= edge(bin_of(exact) + 1) * 1.26


def test_bins() -> None:
    """The ends take what lies beyond them; of nothing there is no percentile."""
    assert [bin_of(one) for one in (0.0, 0.05, 1.0, 1.25, 10.0, 1e9)] == [FIRST, FIRST, 0, 0, 10, LAST]
    assert percentile({}, 0.5) is None
    assert percentile({10: 4}, 0.5) == pytest.approx(10 * 10**0.05)


def test_metrics_are_taken_once() -> None:
    """What was taken away to be kept is not given again, and the life's sum has it still."""
    metrics = Metrics()
    metrics.asked()
    metrics.showed("go", new=True)
    assert metrics.take().languages == {"go": OfLanguage(suggestions=1)}
    metrics.asked()
    assert metrics.take() == Counts(requests=1)
    assert metrics.take() == Counts()
    assert (metrics.counts.requests, metrics.counts.suggestions) == (2, 1)


def test_what_a_ready_answer_saved() -> None:
    """The median of what the model took, less its own time; nothing as long as the model has not been asked."""
    metrics = Metrics()
    metrics.answered("disk", 1.0)
    for took in (100.0, 400.0, 200.0):
        metrics.answered("model", took)
    metrics.answered("memory", 3.0)
    metrics.answered("nothing", 300.0)
    metrics.answered("lookahead", 2.0)
    metrics.answered("joined", 500.0)
    counts = metrics.counts
    assert counts.saved_ms == pytest.approx(198.0)
    assert sum(counts.ready_ms.values()) == 3
    assert sum(counts.waited_ms.values()) == 4
    assert counts.answers["nothing"] == 1


def test_large_insertions_are_nobodys_writing() -> None:
    """Pasted and reloaded text does not count as written."""
    metrics = Metrics()
    for length in (1, 0, 40, 5_000):
        metrics.wrote(length, "go")
    assert (metrics.counts.written_characters, metrics.counts.keys) == (41, 2)


# --- files


def test_a_share_is_the_users_alone_and_written_seldom(folder: Path) -> None:
    """Mode 0600; between two writes lies a minute, but for the end."""
    one = History(folder, GONE)
    one.add(counted(1), NOW)
    one.save(NOW)
    assert not folder.exists()
    one.save(NOW, at_once=True)
    (file,) = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert total(read(folder, NOW)) == counted(1)


def test_servers_at_once_and_one_after_the_other(folder: Path) -> None:
    """Nothing is lost or counted twice; the share of a server that is gone is gone on with by one other."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    first, second = History(folder, ended.pid), History(folder, os.getpid())
    for number, server in ((1, first), (2, second), (4, first), (8, second)):
        server.add(counted(number), NOW)
        server.save(NOW, at_once=True)
    assert len(list(folder.iterdir())) == 2
    assert total(read(folder, NOW)) == counted(15)
    for number, process in ((16, os.getppid()), (32, GONE)):
        server = History(folder, process)
        server.add(counted(number), NOW)
        server.save(NOW, at_once=True)
    assert len(list(folder.iterdir())) == 3
    assert total(read(folder, NOW)) == counted(63)


def test_a_reset_from_outside_is_heeded(folder: Path) -> None:
    """Somebody removes the files: what was counted before does not come back."""
    one = History(folder, os.getpid())
    one.add(counted(1), NOW)
    one.save(NOW, at_once=True)
    for file in folder.iterdir():
        file.unlink()
    one.add(counted(2), NOW)
    one.save(NOW, at_once=True)
    assert total(read(folder, NOW)) == counted(2)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"rubbish\xff",
        b"{}"[:1],
        b'{"version": 2}',
        b'{"version": 1, "quarters": {"x": {}}}',
        b'{"version": 1, "quarters": {"99999999999": {}}}',
        b'{"version": 1, "days": {"yesterday": {}}}',
        b'{"version": 1, "days": {"2023-11-01": {"requests": "many"}}}',
    ],
)
def test_broken_files_cost_only_themselves(
    folder: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Read, or left by a server that is gone, or one's own: a line in the log, and counting begins anew."""
    folder.mkdir(parents=True)
    left = folder / f"{history._machine()}-{GONE}.json"
    left.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert read(folder, NOW) == Record()
    assert len(caplog.messages) == 1
    one = History(folder, os.getpid())
    one.add(counted(3), NOW)
    one.save(NOW, at_once=True)
    assert left.read_bytes() == content
    again = History(folder, GONE)
    again.add(counted(4), NOW)
    again.save(NOW, at_once=True)
    assert total(read(folder, NOW)) == counted(7)


def test_what_cannot_be_written_is_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file stands where the folder should be; when it is gone everything is written."""
    folder = tmp_path / "file" / history.FOLDER
    folder.parent.write_text("")
    one = History(folder, os.getpid())
    for number in (1, 2):
        one.add(counted(number), NOW)
        one.save(NOW, at_once=True)
    assert len(caplog.messages) == 2
    folder.parent.unlink()
    one.save(NOW, at_once=True)
    assert total(read(folder, NOW)) == counted(3)


def test_old_shares_go(folder: Path) -> None:
    """A share that nobody wrote for ninety days is removed, by whatever machine it was."""
    folder.mkdir(parents=True)
    old = folder / "00000000-1.json"
    old.write_bytes(msgspec.json.encode(Record()))
    os.utime(old, (NOW - DAYS * DAY, NOW - DAYS * DAY))
    one = History(folder, os.getpid())
    one.add(counted(1), NOW)
    one.save(NOW, at_once=True)
    assert not old.exists()
