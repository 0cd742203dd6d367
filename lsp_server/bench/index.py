"""How long the workspace's index takes to build, how large it is, and how quick: on real folders, in its real
process.

Nothing is written into the folders. Does not know how good what is found is.
"""

import asyncio
import random
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import psutil

from lsp_server.base.errors import OffhandError
from lsp_server.base.sourcefile import readable_text
from lsp_server.context.languages import Grammars
from lsp_server.workspace.filetypes import FileTypes
from lsp_server.workspace.index import kept, reading
from lsp_server.workspace.index.client import IndexClient
from lsp_server.workspace.index.index import Index
from lsp_server.workspace.tree import WorkspaceTree

#: Files that are read again, and questions of each kind.
_FILES, _QUESTIONS = 300, 500

#: Lines that a question's names are taken from.
_LINES = 80

#: Seconds between two looks at the process.
_LOOK_S = 0.02

_NAME = re.compile(r"[^\W\d]\w+")

#: Median, 95th percentile and longest of some times, in milliseconds of processor time, so that other programs do not
#: count.
Times = tuple[float, float, float]


class Figures(msgspec.Struct, frozen=True):
    """What was measured.

    Attributes:
        files, bytes: that are indexed; ``definitions``, ``units`` and ``names`` (pairs of a unit and a name) in them.
        build_s, build_cpu_s: from nothing to all files known, by the clock and in processor time of the indexer.
        peak_mb: the most memory that the process was seen to have resident, MiB, looked at every 20 ms.
        kept_mb: the index on disk, MB.
        restart_s: from starting another process, with the index on disk, to all files known.
        saved_ms: one changed file read, parsed and put in the place of the old one.
        definitions_ms, mentions_ms, similar_ms: one question, of a name, and of the names of 80 lines.
    """

    files: int
    bytes: int
    definitions: int
    units: int
    names: int
    build_s: float
    build_cpu_s: float
    peak_mb: float
    kept_mb: float
    restart_s: float
    saved_ms: Times
    definitions_ms: Times
    mentions_ms: Times
    similar_ms: Times


async def measure(roots: Sequence[Path], say: Callable[[str], object]) -> Figures:
    """Measure the index of some folders, taken as one workspace.

    Args:
        say: told how far it is.

    Raises:
        OffhandError: there are no source files in them, or the indexer does not run.
    """
    folders = [str(root.resolve()) for root in roots]
    with tempfile.TemporaryDirectory() as temporary:
        file = Path(temporary) / "bench.index"
        built = await _run(folders, file, say)
        again = await _run(folders, file, say)
        parts = kept.load(file, reading.fingerprint(Grammars()))
        kept_mb = file.stat().st_size / 1e6 if parts is not None else 0.0
    if parts is None:
        raise OffhandError("The index could not be kept: is there no room in the folder for temporary files?")
    index = Index(Grammars())
    index.sleep(parts)
    paths = [path for part in parts for path in part.paths]
    total = sum(int(size) for part in parts for size in part.sizes)
    for path in paths:
        index.current(path)
    chance = random.Random(1)
    questions = list(_questions(chance.sample(paths, min(_QUESTIONS, len(paths))), chance))
    names = [chance.choice(list(weights)) for _, weights in questions if weights]
    saved = _times(lambda path: _save(index, path), chance.sample(paths, min(_FILES, len(paths))), index.tidy)
    while index.tidy():
        pass
    size = built["size"]
    return Figures(
        files=size.files,
        bytes=total,
        definitions=size.definitions,
        units=size.units,
        names=size.names,
        build_s=built["wall"],
        build_cpu_s=built["cpu"],
        peak_mb=built["peak"],
        kept_mb=round(kept_mb, 1),
        restart_s=again["wall"],
        saved_ms=saved,
        definitions_ms=_times(index.definitions, names),
        mentions_ms=_times(lambda name: index.mentions(name, 20), names),
        similar_ms=_times(lambda question: index.similar(question[1], question[0], 8), questions),
    )


async def _run(folders: list[str], file: Path, say: Callable[[str], object]) -> dict[str, Any]:
    """Let an indexer take in the folders as the server would have it, and end it."""
    loop = asyncio.get_running_loop()
    begun, peak, cpu = time.perf_counter(), 0.0, 0.0
    index = IndexClient(folders, file=file)
    tree = WorkspaceTree(
        folders,
        FileTypes(Grammars()),
        lambda paths: loop.call_soon_threadsafe(index.tell, paths),
        lambda paths: loop.call_soon_threadsafe(index.tell, paths),
        all_told=lambda: loop.call_soon_threadsafe(index.listed),
    )
    try:
        while not (tree.listed and index.settled):
            await asyncio.sleep(_LOOK_S)
            peak = max(peak, index.rss_mb)
            cpu = _cpu_s(index.pid) or cpu
            if index.restarts > 0:
                raise OffhandError("The indexer died. See the lines above.")
            size = index.progress.size
            say(
                f"{size.files:,} of {tree.count:,} files, {size.definitions:,} definitions, "
                f"{time.perf_counter() - begun:.0f} s, {index.rss_mb:.0f} MB"
            )
        wall, size = time.perf_counter() - begun, index.progress.size
        peak = max(peak, index.rss_mb)
    finally:
        tree.close()
        await index.close()
    if not size.files:
        raise OffhandError(f"There are no source files in {' '.join(folders)}.")
    return {"wall": round(wall, 2), "cpu": round(cpu, 2), "peak": round(peak, 1), "size": size}


def _cpu_s(pid: int | None) -> float:
    try:
        times = psutil.Process(pid).cpu_times() if pid else None
    except psutil.Error:
        return 0.0
    return float(times.user + times.system) if times else 0.0


def _save(index: Index, path: str) -> None:
    """What the indexer does about a file that was written."""
    contents = index.look(path)
    if contents is not None:
        index.put((contents,))


def _questions(paths: Iterable[str], chance: random.Random) -> Iterable[tuple[str, dict[str, float]]]:
    """Of each file, the names around some line."""
    for path in paths:
        lines = (readable_text(path) or "").split("\n")
        first = chance.randrange(len(lines))
        text = "\n".join(lines[max(0, first - _LINES // 2) : first + _LINES // 2])
        weights = dict.fromkeys(_NAME.findall(text), 1.0)
        if weights:
            yield path, weights


def _times(
    call: Callable[[Any], object], arguments: Sequence[Any], between: Callable[[], object] = lambda: None
) -> Times:
    """Of one call each.

    Args:
        between: called between two, not measured.
    """
    taken = []
    for argument in arguments:
        begun = time.thread_time()
        call(argument)
        taken.append(round((time.thread_time() - begun) * 1000, 3))
        between()
    taken.sort()
    return taken[len(taken) // 2], taken[int(len(taken) * 0.95)], taken[-1]
