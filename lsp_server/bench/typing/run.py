"""One run: a script, a typist, a subject; and which runs an ablation is made of."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from lsp_server.base.errors import OffhandError
from lsp_server.bench.typing.figures import Figures, figures
from lsp_server.bench.typing.offhand import PARTS
from lsp_server.bench.typing.player import Acceptor, Player
from lsp_server.bench.typing.processes import Machine
from lsp_server.bench.typing.script import Script
from lsp_server.bench.typing.subject import Subject
from lsp_server.bench.typing.typist import Gaps

#: Seconds for which other programs are watched before a run and behind it.
_WATCH = 1.0


class Step(msgspec.Struct, frozen=True):
    """A step of the ablation, and the parts that are left out in it."""

    name: str
    without: tuple[str, ...]


#: What is kept on disk helps only after a restart, which no run has: it comes with the last step. Manners stay.
STEPS = (
    Step("no speculation", PARTS[:-1]),
    Step("+ typed through", PARTS[2:-1]),
    Step("+ joined", PARTS[3:-1]),
    Step("+ prefill", PARTS[4:-1]),
    Step("+ look-ahead", PARTS[5:-1]),
    Step("+ branches", ()),
)


class Others(msgspec.Struct, frozen=True):
    """Cores that other programs kept busy, on average: before a run, during it, behind it."""

    before: float
    during: float
    after: float


class Run(msgspec.Struct, frozen=True):
    """What was measured.

    Attributes:
        workspace: its name.
        subject: who completed; ``step`` is the ablation's, or says what was left out; empty for neither.
        seconds: that it took.
        fault: why it came to no end; then there are no figures.
    """

    workspace: str
    profile: str
    subject: str
    step: str
    acceptor: Acceptor
    seconds: float
    others: Others
    figures: Figures | None
    fault: str = ""


class Typed(msgspec.Struct, frozen=True):
    """A workspace as it was typed in.

    Attributes:
        commit: empty when unknown.
        fingerprint: of its source files, see ``files.fingerprint``.
        documents, stretches, keys: of the script.
    """

    name: str
    commit: str
    fingerprint: str
    documents: int
    stretches: int
    keys: int


class Typing(msgspec.Struct, frozen=True):
    """All of ``offhand bench typing``, as its JSON has it.

    Attributes:
        model: name of the model and its file's hash, of Offhand.
        seed, keys: of the scripts.
        cores: that the machine has.
    """

    version: str
    model: str
    sha256: str
    seed: int
    keys: int
    cores: int
    workspaces: tuple[Typed, ...]
    runs: tuple[Run, ...]


async def run(
    about: tuple[str, str, str],
    folder: Path,
    script: Script,
    gaps: Gaps,
    subject: Subject,
    acceptor: Acceptor,
    say: Callable[[str], None] = lambda text: None,
    step: Callable[[int], None] = lambda keys: None,
) -> Run:
    """Start a subject, have a script typed into it, end it. A subject that fails makes a run without figures.

    Args:
        about: names of workspace, profile and step.
        folder: the workspace.
        say: told what is going on before and behind the typing.
        step: as in ``Player``.
    """
    say("watching what else runs")
    before = await _watched()
    begun = time.monotonic()
    found: Figures | None = None
    fault, during = "", 0.0
    try:
        say("starting")
        await subject.start(folder)
        for document in script.documents:
            await subject.open(document)
        usage, machine = subject.usage(), Machine()
        played = await Player(script, gaps, subject, acceptor, step).play()
        spent = subject.usage()
        during = machine.others(spent.cpu_s - usage.cpu_s)
        found = figures(played, usage, spent)
    except OffhandError as error:
        fault = str(error)
    finally:
        await subject.stop()
    seconds = time.monotonic() - begun
    say("watching what else runs")
    others = Others(before, during, await _watched())
    workspace, profile, name = about
    return Run(workspace, profile, subject.name, name, acceptor, seconds, others, found, fault)


async def _watched() -> float:
    machine = Machine()
    await asyncio.sleep(_WATCH)
    return machine.others()
