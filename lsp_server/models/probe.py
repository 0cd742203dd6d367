"""How fast a model is on this machine: what was measured, kept beside it, and what follows from it.

Does not measure: ``cli.probing`` does. Nothing here is part of what makes a model's files trusted.
"""

import os
import platform
from functools import cache
from pathlib import Path

import msgspec

from lsp_server.base import atomic

FILE = "probe.json"

#: Tokens of a line, and tokens that a key or two add to the prompt before it: what a completion costs while one types.
_LINE, _TYPED = 12, 8

#: A cold prompt shall be evaluated in so long (s): about what people wait for once, when they come to another file.
_COLD_S = 2.5

#: Bounds of the prompt that is chosen by it (tokens); what one evaluates at a time makes finer steps useless.
_LEAST, _MOST, _STEP = 256, 2048, 64

#: How many times slower is worth a word.
_BUSY = 1.5

#: A line within this is there before most people type on; within that it is still worth waiting for (s). ``auto`` takes
#: no model beyond the first.
QUICK_S, USABLE_S = 0.5, 1.0


class Probe(msgspec.Struct, frozen=True):
    """What was measured.

    Attributes:
        machine: as ``machine`` has it; figures of another one say nothing.
        engine: that evaluated the model.
        threads: that it used.
        prompt_speed, speed: tokens of a prompt, and generated tokens, in a second, when nothing else runs.
        load_ms: from the order to load to the loaded model.
        rss_mb: of the worker, with a filled prompt.
        day: when, as 2026-01-31.
        busy: how many times slower it was when it was measured, because other programs ran.
    """

    machine: str
    engine: str
    threads: int
    prompt_speed: float
    speed: float
    load_ms: float
    rss_mb: float
    day: str
    busy: float = 1.0

    @property
    def line_s(self) -> float:
        """How long a line takes while one types."""
        return _TYPED / max(self.prompt_speed, 1e-3) + _LINE / max(self.speed, 1e-3)

    def cold_s(self, tokens: int) -> float:
        """How long the first line takes behind a prompt of so many tokens that was never evaluated."""
        return tokens / max(self.prompt_speed, 1e-3) + _LINE / max(self.speed, 1e-3)

    def prompt_tokens(self, context: int) -> int:
        """Tokens that a prompt may have so that a cold one is evaluated in time.

        Args:
            context: that the model holds beside a completion.
        """
        affordable = int(self.prompt_speed * _COLD_S) // _STEP * _STEP
        return max(min(max(affordable, _LEAST), _MOST, context), 1)

    def verdict(self, tokens: int) -> str:
        """In words, without a full stop.

        Args:
            tokens: of a prompt.
        """
        if self.line_s <= QUICK_S:
            word = "quick"
        elif self.line_s <= USABLE_S:
            word = "usable, but you will often type faster"
        else:
            word = "too slow to help while typing"
        return (
            f"first line after a cold prompt of {tokens} tokens about {seconds(self.cold_s(tokens))}, then about "
            f"{seconds(self.line_s)} a line: {word}" + (f" ({self.slowed})" if self.slowed else "")
        )

    @property
    def slowed(self) -> str:
        """That other programs ran when it was measured; empty if they did not count."""
        if self.busy < _BUSY:
            return ""
        return f"just now {self.busy:.1f} times slower, since the machine is busy"


def seconds(time: float) -> str:
    """A time for people, as exact as it is known."""
    return f"{time:.0f} s" if time >= 10 else f"{time:.2g} s"


def default_prompt_tokens(context: int) -> int:
    """Tokens that a prompt may have as long as nothing was measured."""
    return max(min(_MOST, context), 1)


@cache
def machine() -> str:
    """What tells this machine's speed from another's, as far as that is quickly known."""
    name = platform.processor()
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    for line in text.splitlines():
        if line.startswith(("model name", "Model")):
            name = line.partition(":")[2].strip()
            break
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} x {name or 'unknown processor'}"


def read(path: Path) -> Probe | None:
    """What was measured, on this machine; ``None`` if nothing was, or the file is damaged."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Probe)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return found if found.machine == machine() else None


def write(path: Path, probe: Probe) -> None:
    """Keep what was measured.

    Raises:
        OSError: it cannot be written.
    """
    atomic.write(path, msgspec.json.format(msgspec.json.encode(probe), indent=1) + b"\n")
