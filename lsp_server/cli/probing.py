"""Measuring a model in a worker process: how fast it is here. Used by ``doctor`` and ``models``."""

import asyncio
import datetime
import sys
import time
from typing import TYPE_CHECKING

from lsp_server.base.errors import EngineError

if TYPE_CHECKING:
    from lsp_server.base.config import Config
    from lsp_server.completion.session import Session
    from lsp_server.engine.messages import Threads
    from lsp_server.models.gguf import Header
    from lsp_server.models.probe import Probe
    from lsp_server.models.store import Model

#: A first, short question tells how long the prompt of the second may be: both together take some seconds.
_FIRST_PROMPT, _FIRST_TOKENS = 32, 8
_PROMPT_S, _LEAST, _MOST = 2.5, 48, 512
_TOKENS = 48

#: Processor time comes in steps of 10 ms: less than this says nothing (s).
_TELLING_S = 0.2

#: Longest wait for an answer (ms).
_PATIENCE_MS = 15_000


async def ask(session: "Session", load_ms: float) -> "Probe":
    """Time the loaded model of a session: a prompt that it has not seen, then tokens.

    Args:
        load_ms: how long loading took.

    Raises:
        EngineError: it gave nothing.
    """
    from lsp_server.models.probe import Probe, machine

    worker = session.worker
    assert worker is not None
    assert worker.loaded is not None
    prompted, *_ = await _once(session, "first", _FIRST_PROMPT, _FIRST_TOKENS)
    affordable = int(prompted * _PROMPT_S)
    size = max(_LEAST, min(affordable, _MOST, worker.loaded.context - 2 * _TOKENS))
    begun, used = time.monotonic(), _processor_time(worker.pid)
    prompt_speed, speed, threads = await _once(session, "second", size, _TOKENS)
    took, used = time.monotonic() - begun, _processor_time(worker.pid) - used
    # With one thread the processor time is what it takes on a machine that has nothing else to do.
    here = session.config.engine != "http"
    alone = here and threads is not None and (threads.token, threads.prompt) == (1, 1) and used >= _TELLING_S
    busy = max(took / used, 1.0) if alone else 1.0
    return Probe(
        machine=machine(),
        engine=worker.loaded.engine,
        threads=threads.token if threads else 0,
        lowered=threads.why if threads else "",
        prompt_speed=round(prompt_speed * busy, 2),
        speed=round(speed * busy, 2),
        load_ms=round(load_ms, 1),
        rss_mb=round(worker.rss_mb, 1),
        day=datetime.date.today().isoformat(),
        busy=round(busy, 2),
    )


def _processor_time(pid: int | None) -> float:
    """Of a process, user and system (s); 0 if it is gone."""
    import psutil

    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)


async def _once(
    session: "Session", name: str, prompt: int, tokens: int
) -> "tuple[float, float, Threads | None]":
    """Tokens of the prompt, and generated tokens, in a second; the threads that had a part in it."""
    from lsp_server.base.parts import Part
    from lsp_server.engine.messages import Stop

    worker = session.worker
    assert worker is not None
    text = "".join(f"{name}_{number} = table[{number}]\n" for number in range(prompt))
    part = Part(text, limit=prompt)
    done = await worker.complete((part,), Stop("block", indent=-1, max_lines=40), tokens, _PATIENCE_MS)
    if done is not None and done.trouble is not None:  # of a team's server
        raise EngineError(done.trouble.text)
    if done is None or done.error or not done.tokens:
        reason = worker.last_failure if done is None else done.error
        raise EngineError(
            f"The engine gave nothing: {reason or f'not a token within {_PATIENCE_MS / 1000:.0f} s'}."
        )
    evaluated = done.prompt_tokens - done.reused_tokens
    prompt_speed = evaluated / max(done.prompt_ms, 1e-3) * 1_000
    return prompt_speed, done.tokens / max(done.decode_ms, 1e-3) * 1_000, done.threads


def measure(config: "Config", model: "Model") -> "Probe":
    """Load a model in a worker, time it, and keep the figures beside it.

    Args:
        config: the settings; an engine that uses no model of the store does not count.

    Raises:
        OffhandError: it cannot be loaded, or gives nothing.
    """
    import msgspec

    from lsp_server.models import probe

    if config.engine not in ("auto", "ctransformers", "llama_cpp"):
        config = msgspec.structs.replace(config, engine="auto")
    found = asyncio.run(_measure(config, model))
    try:
        probe.write(model.probe_file, found)
    except OSError as error:
        print(f"offhand: {model.probe_file} cannot be written: {error.strerror or error}.", file=sys.stderr)
    return found


async def _measure(config: "Config", model: "Model") -> "Probe":
    from lsp_server.cli import local

    begun = time.perf_counter()
    async with local.engine(config, model) as session:
        return await ask(session, (time.perf_counter() - begun) * 1_000)


def advice(model: "Model", found: "Probe") -> str:
    """What to use instead of a model that is slow here, a sentence; empty if it is quick."""
    from lsp_server.models.probe import QUICK_S

    if found.line_s <= QUICK_S:
        return ""
    name, wide = model.manifest.name, model.manifest.quantisation
    smaller = (
        f"'offhand models quantize {name} Q4_0' makes it smaller and quicker; "
        if wide.startswith(("F", "BF", "Q8", "Q6", "Q5"))
        else "A model with fewer parameters is quicker; "
    )
    return (
        f"{smaller}the bundled model is quick, and 'offhand models use auto' takes the largest that is; a server of "
        "your team (engine 'http') may run larger ones."
    )


def room(header: "Header", tokens: int) -> tuple[float, float]:
    """Megabytes of memory that a model needs, and that are free.

    Args:
        tokens: of its context that are used.
    """
    import psutil

    from lsp_server.models.about import memory

    return memory(header, tokens) / 1e6, psutil.virtual_memory().available / 1e6
