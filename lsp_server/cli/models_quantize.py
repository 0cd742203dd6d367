"""``offhand models quantize``: a smaller and quicker file of a model that is there in full precision."""

import argparse
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from lsp_server.base.errors import EngineError, ModelError
from lsp_server.cli import progress

if TYPE_CHECKING:
    from lsp_server.models.requantise import Plan

_PART = ".part"


def add(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = actions.add_parser("quantize", help="make a smaller, quicker file of a model")
    parser.add_argument(
        "model", metavar="NAME|FILE", help="an installed model, or a GGUF file: F16, BF16 or Q8_0"
    )
    parser.add_argument("type", metavar="TYPE", help="Q8_0, Q6_K, Q5_K_M, Q4_K_M or Q4_0 (the quickest)")
    parser.add_argument(
        "--output", type=Path, help="default: beside the file, or here; with the type in its name"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Plan it, have a process do it, check what came of it."""
    from lsp_server.models import gguf, requantise

    source, output = _paths(arguments.model, arguments.type.upper(), arguments.output)
    plan = requantise.plan(source, gguf.read(source), arguments.type.upper())
    if output.exists():
        raise ModelError(f"{output} is there already. Name another file with --output.")
    part = output.with_name(output.name + _PART)
    try:
        _begin(part, plan)
        with progress.Progress("quantising") as shown:
            _have_done(source, part, plan, shown)
        gguf.read(part)
        part.replace(output)
    except OSError as error:
        raise ModelError(f"{output} cannot be written: {error.strerror or error}.") from error
    finally:
        part.unlink(missing_ok=True)
    before = source.stat().st_size
    if arguments.json:
        print(json.dumps({"file": str(output), "bytes": plan.bytes, "from_bytes": before}))
        return 0
    print(f"{output}: {plan.bytes / 1e6:.1f} MB instead of {before / 1e6:.1f}.")
    print(f"To use it: offhand models add {output}")
    return 0


def _paths(model: str, kind: str, output: Path | None) -> tuple[Path, Path]:
    """The file that is meant, and the one to make."""
    from lsp_server.models import store

    if Path(model).exists() or "/" in model:
        source = Path(model)
        return source, output or source.with_name(f"{source.name.removesuffix('.gguf')}-{kind}.gguf")
    found = store.find(model)
    store.verify(found)
    return found.model_file, output or Path(f"{model}-{kind}.gguf")


def _begin(part: Path, plan: "Plan") -> None:
    free = shutil.disk_usage(part.absolute().parent).free
    if free < plan.bytes:
        raise ModelError(
            f"There is not enough room in {part.absolute().parent}: {plan.bytes / 1e6:.0f} MB are needed, "
            f"{free / 1e6:.0f} MB are free. Choose another place with --output."
        )
    with part.open("wb") as file:
        file.write(plan.header)
        file.truncate(plan.bytes)


def _have_done(source: Path, part: Path, plan: "Plan", shown: "progress.Progress") -> None:
    """Native code works in a process of its own, so that it cannot take this one along."""
    from lsp_server.base import child
    from lsp_server.base.framing import frame, read
    from lsp_server.engine import jobs

    job = jobs.Job(str(source.resolve()), str(part.resolve()), plan.moves, os.cpu_count() or 1)
    with subprocess.Popen(
        child.command("lsp_server.engine.quantising"), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        output = cast("BinaryIO", process.stdout)
        try:
            process.stdin.write(frame(job))
            process.stdin.close()
            while (said := read(output, jobs.SAID)) is not None:
                if said.error:
                    raise EngineError(said.error)
                shown.show(said.done, plan.bytes)
                if said.complete:
                    return
            process.wait()  # it is ending, of something that it did not say
        finally:
            process.kill()
    raise EngineError(f"Quantising ended early: {child.describe(process.returncode)}. Report this.")
