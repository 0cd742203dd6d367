"""``offhand doctor``: is everything there that completion needs, how fast is it, and what to do where it is not."""

import argparse
import asyncio
import contextlib
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from lsp_server.base.errors import OffhandError

if TYPE_CHECKING:
    from lsp_server.completion.session import Session
    from lsp_server.models.probe import Probe

_EDITORS = {
    "nvim": "Neovim",
    "code": "VS Code",
    "codium": "VSCodium",
    "emacs": "Emacs",
    "vim": "Vim",
    "hx": "Helix",
}

#: Longest wait for the indexer to have read one file (s).
_PATIENCE_S = 30.0

#: Decoded tokens per second below which ghost text lags behind typing: a line of 12 tokens then takes over 200 ms.
_SLOW = 60.0


class Check(msgspec.Struct, frozen=True):
    """One line of the report; ``advice`` says what to do about a line that is not ok."""

    name: str
    level: Literal["ok", "warning", "error"]
    text: str
    advice: str = ""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = commands.add_parser("doctor", help="check the installation and say what to do about each fault")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the report; exit status 1 when something is broken."""
    checks = [
        _python(),
        _cpu(),
        _settings(),
        *_model(),
        *asyncio.run(_engine()),
        _grammars(),
        asyncio.run(_index()),
        _writable(),
        _learnt(),
        _kept(),
        *_editors(),
    ]
    broken = any(check.level == "error" for check in checks)
    if arguments.json:
        print(json.dumps({"ok": not broken, "checks": [msgspec.to_builtins(check) for check in checks]}))
    else:
        colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        print("\n".join(_line(check, colours) for check in checks))
    return 1 if broken else 0


def _line(check: Check, colours: bool) -> str:
    mark, colour = {"ok": ("ok", 32), "warning": ("note", 33), "error": ("FAULT", 31)}[check.level]
    word = f"\033[{colour}m{mark:<5}\033[0m" if colours else f"{mark:<5}"
    return f"{word} {check.name:<9} {check.text}" + (f"\n{'':16}-> {check.advice}" if check.advice else "")


def _python() -> Check:
    return Check("python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")


def _cpu() -> Check:
    import psutil
    from cpuinfo import get_cpu_info

    known = set(get_cpu_info().get("flags", ()))
    names = [name for name in ("avx", "avx2", "f16c", "fma", "avx512f", "avx512_vnni") if name in known]
    memory = psutil.virtual_memory().available / 1e9
    text = (
        f"{os.cpu_count()} processors, {', '.join(names) or 'features unknown'}, {memory:.1f} GB memory free"
    )
    if known and "avx2" not in known:
        return Check("cpu", "warning", text, "There is no AVX2: completion works, two to four times slower.")
    return Check("cpu", "ok", text)


def _settings() -> Check:
    from lsp_server.base import paths
    from lsp_server.base.config import Config, merge, read_file

    path = paths.config_file()
    try:
        _config, warnings = merge(Config(), read_file(path), "settings file", own_file=True)
    except OffhandError as error:
        return Check("settings", "error", str(error), "Correct the file or remove it.")
    if warnings:
        return Check("settings", "warning", " ".join(warnings), f"Correct {path}.")
    return Check("settings", "ok", f"{path}" if path.exists() else f"defaults ({path} does not exist)")


def _model() -> list[Check]:
    from lsp_server.cli import local
    from lsp_server.models import choosing, store
    from lsp_server.models.about import short

    try:
        model = choosing.find(local.settings().model)
        store.verify(model, anew=True)
    except OffhandError as error:
        return [Check("model", "error", str(error), "'offhand models list' shows which there are.")]
    manifest = model.manifest
    about = (
        f"{short(manifest.parameters)} parameters" if manifest.parameters else "",
        manifest.quantisation,
        f"prompts of the family '{manifest.template}'",
        f"{manifest.model.bytes / 1e6:.1f} MB",
        f"sha256 {manifest.model.sha256[:16]}… verified",
        "linked" if manifest.link else "",
    )
    return [Check("model", "ok", ", ".join((manifest.name, *filter(None, about))))]


async def _engine() -> list[Check]:
    """Load the model in a worker and time it: a prompt, then tokens. And where code goes."""
    from lsp_server.cli import local, probing

    before: list[Check] = []
    try:
        begun = time.perf_counter()
        async with local.engine(local.settings()) as session:
            loaded_ms = (time.perf_counter() - begun) * 1_000
            try:
                found = await probing.ask(session, loaded_ms)
            finally:
                before.append(_server(session))
            note = session.worker.loaded.note if session.worker and session.worker.loaded else ""
    except OffhandError as error:
        advice = "See the line above; 'offhand models list' shows the choices."
        if before and local.settings().engine == "http":
            advice = "Until it answers the memory completes alone. Start the server, or correct the settings."
        return [*before, Check("engine", "error", str(error), advice)]
    text = (
        f"{found.engine}, {_threads(found)}: loaded in {found.load_ms:.0f} ms, "
        f"{found.prompt_speed:.0f} prompt tokens/s, {found.speed:.0f} tokens/s, {found.rss_mb:.0f} MB"
    )
    text += f"; {found.slowed}" if found.slowed else ""
    text += f". {found.lowered}" if found.lowered else ""
    if note:
        advice = f"It stands in for llama.cpp, which does not run here. {note}"
        return [*before, Check("engine", "warning", text, advice)]
    if found.speed < _SLOW:
        advice = (
            "Slow: close other programs, or let 'offhand models use auto' choose a model that is quick here."
        )
        return [*before, Check("engine", "warning", text, advice)]
    return [*before, Check("engine", "ok", text)]


def _threads(found: "Probe") -> str:
    """How many evaluated; a server does not tell."""
    return f"{found.threads} thread{'s' * (found.threads > 1)}" if found.threads else "elsewhere"


def _server(session: "Session") -> Check:
    """Whether code goes to a team's server, and where that is."""
    settings, model, worker = session.config.http, session.model, session.worker
    if session.config.engine != "http":
        return Check("server", "ok", "none is asked: no code leaves this machine")
    where = f"the engine 'http' is on and sends code to {settings.url}, "
    where += (
        "which may be another machine (http.allow_remote)" if settings.allow_remote else "on this machine"
    )
    known = worker.loaded.served if worker and worker.loaded else None
    if known is None or model is None:
        return Check("server", "warning", f"{where}; what it is is not known yet")
    about = model.manifest
    return Check(
        "server",
        "ok",
        f"{where}: {known.api}, model '{known.model}', prompts as '{about.template}', {about.context_length} tokens",
    )


def _grammars() -> Check:
    """Load the parser and the queries of every language."""
    from lsp_server.base.errors import GrammarError
    from lsp_server.context.languages import Grammars

    try:
        grammars = Grammars()
    except OffhandError as error:
        return Check("grammars", "error", str(error), "Install Offhand again.")
    faults = []
    for name in grammars.names:
        try:
            grammars.load(name)
        except GrammarError as error:
            faults.append(str(error))
    if faults:
        return Check("grammars", "warning", " ".join(faults), "Until then those languages are read as text.")
    return Check("grammars", "ok", f"{len(grammars.names)} languages")


async def _index() -> Check:
    """Have an indexer read one small file, and look at what is kept of workspaces."""
    from lsp_server.workspace.index import where
    from lsp_server.workspace.index.client import IndexClient

    kept = list(where.folder().glob("*.index"))
    text = f"{len(kept)} workspaces kept, {sum(path.stat().st_size for path in kept) / 1e6:.1f} MB"
    with tempfile.TemporaryDirectory() as temporary:
        probe = Path(temporary) / "probe.py"
        probe.write_text("def probe(): ...\n", encoding="utf-8")
        begun, read = time.perf_counter(), asyncio.Event()

        def look() -> None:
            if client.settled:
                read.set()

        client = IndexClient([temporary], file=Path(temporary) / "probe.index", on_progress=look)
        try:
            client.tell([str(probe)])
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(read.wait(), _PATIENCE_S)
            found, memory = client.progress.size.definitions, client.rss_mb
            taken = time.perf_counter() - begun
        finally:
            await client.close()
    if not found:
        return Check(
            "index",
            "error",
            f"the indexer does not run; {text}",
            "Install Offhand again; report this with the log.",
        )
    return Check("index", "ok", f"ready in {taken * 1_000:.0f} ms, {memory:.0f} MB empty; {text}")


def _writable() -> Check:
    from lsp_server.base import paths

    folder = paths.state_dir()
    existing = next((place for place in (folder, *folder.parents) if place.exists()), Path("/"))
    if os.access(existing, os.W_OK):
        return Check("state", "ok", str(folder))
    return Check(
        "state",
        "warning",
        f"{folder} cannot be written to",
        "Completion works; set OFFHAND_HOME to keep logs.",
    )


def _learnt() -> Check:
    from lsp_server.base import paths
    from lsp_server.completion import adaptation

    path = paths.state_dir() / adaptation.FILE
    learnt = adaptation.load(path)
    if learnt is not None:
        return Check("learnt", "ok", adaptation.describe(learnt))
    if path.exists():
        return Check(
            "learnt", "warning", f"{path} cannot be read and counts as empty", "Remove it: 'offhand reset'."
        )
    return Check("learnt", "ok", "nothing yet from accepts and rejects")


def _kept() -> Check:
    from lsp_server.base import paths
    from lsp_server.completion import cachefile

    path = paths.cache_dir() / cachefile.FILE
    try:
        found = cachefile.count(path)
    except FileNotFoundError:
        return Check("kept", "ok", "no completions of earlier sessions yet")
    except (OSError, ValueError):
        text = f"{path} cannot be read: no completion is kept for later sessions"
        return Check("kept", "warning", text, "Remove it: 'offhand reset'.")
    return Check("kept", "ok", f"{found} completions, sealed, {path.stat().st_size / 1e6:.1f} MB in {path}")


def _editors() -> list[Check]:
    found = [name for program, name in _EDITORS.items() if shutil.which(program)]
    if found:
        return [Check("editors", "ok", ", ".join(found))]
    return [Check("editors", "warning", "none found on PATH", "See editors/ for how to set yours up.")]
