"""``offhand models``: what is in the model store, which one is in use, and what is known of it."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsp_server.base.errors import ModelError, OffhandError
from lsp_server.cli import models_add, models_quantize

if TYPE_CHECKING:
    from lsp_server.models.probe import Probe
    from lsp_server.models.store import Model


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = commands.add_parser("models", help="look at the models, bring your own, choose one")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="list the models that are installed")
    listing.set_defaults(run=run_list)
    models_add.add(actions)
    info = actions.add_parser("info", help="what is known of a model, and how fast it is here")
    info.add_argument("model", metavar="NAME|FILE", help="name of an installed model, or path of a GGUF file")
    info.set_defaults(run=run_info)
    use = actions.add_parser("use", help="choose the model, in the settings file")
    use.add_argument("name", metavar="NAME|auto", help="'auto' is the largest that is quick on this machine")
    use.set_defaults(run=run_use)
    verify = actions.add_parser("verify", help="read models' files again and compare them with their sha256")
    verify.add_argument("name", nargs="?", metavar="NAME", help="default: all")
    verify.set_defaults(run=run_verify)
    remove = actions.add_parser("remove", help="delete a model that you added")
    remove.add_argument("name", metavar="NAME")
    remove.add_argument("--yes", action="store_true", help="do not ask")
    remove.set_defaults(run=run_remove)
    models_quantize.add(actions)
    for one in (listing, info, use, verify, remove):
        one.add_argument("--json", action="store_true", help="print JSON")


def run_list(arguments: argparse.Namespace) -> int:
    """Print every model of the store; the one in use is marked."""
    from lsp_server.cli import local
    from lsp_server.models import choosing, store
    from lsp_server.models.about import short
    from lsp_server.models.probe import seconds

    models, problems = store.installed()
    setting = local.settings().model
    chosen = _chosen(setting)
    rows = [_row(model, chosen) for model in models]
    unfinished = [
        f"{folder} holds an unfinished copy: give the same 'offhand models add' again, or 'offhand models remove "
        f"{folder.name}'."
        for folder in store.unfinished()
    ]
    for problem in (*problems, *unfinished):
        print(f"offhand: {problem}", file=sys.stderr)
    if chosen is None:
        print(
            f"offhand: The settings choose '{setting}', which is not here; '{store.BUNDLED}' is used.",
            file=sys.stderr,
        )
    if arguments.json:
        print(json.dumps(rows))
        return 0
    for row in rows:
        cells = (
            f"{'*' if row['in_use'] else ' '} {row['name']:<24}",
            f"{short(row['parameters']) or '-':>7}",
            f"{row['quantisation'] or '-':<8}",
            f"{row['megabytes']:>7.0f} MB",
            f"{row['family']:<12}",
            f"{seconds(row['seconds_a_line'])} a line" if row["seconds_a_line"] else "not measured",
            row["licence"],
        )
        print("  ".join(cells).rstrip())
    if setting == choosing.AUTO:
        print("The settings leave the choice to speed ('auto').")
    return 0


def _chosen(setting: str) -> str | None:
    """Name of the model that the settings mean; ``None`` if there is none."""
    from lsp_server.models import choosing

    try:
        return choosing.find(setting).manifest.name
    except ModelError:
        return None


def _row(model: "Model", chosen: str | None) -> dict[str, Any]:
    manifest, found = model.manifest, model.probe
    return {
        "name": manifest.name,
        "in_use": manifest.name == chosen,
        "shipped": model.shipped,
        "parameters": manifest.parameters,
        "quantisation": manifest.quantisation or _quantisation(model),
        "family": manifest.template,
        "megabytes": round(manifest.model.bytes / 1e6, 1),
        "context": manifest.context_length,
        "prompt_tokens": manifest.prompt_tokens,
        "languages": ", ".join(manifest.languages) or "not stated",
        "licence": manifest.licence,
        "seconds_a_line": round(found.line_s, 3) if found else None,
        "folder": str(model.folder),
        "linked_to": manifest.link,
    }


def _quantisation(model: "Model") -> str:
    """Of a model whose manifest does not say it."""
    from lsp_server.models import gguf
    from lsp_server.models.about import quantisation

    try:
        return quantisation(gguf.read(model.model_file))
    except ModelError:
        return ""


def run_info(arguments: argparse.Namespace) -> int:
    """Print what is known of a model or a file; an installed one is measured."""
    from lsp_server.models import store

    names = [model.manifest.name for model in store.installed()[0]]
    if arguments.model not in names and (Path(arguments.model).exists() or "/" in arguments.model):
        facts = _file(Path(arguments.model))
    else:
        facts = _installed(store.find(arguments.model))
    if arguments.json:
        print(json.dumps(facts))
        return 0
    for name, value in facts.items():
        if value not in ("", None, [], ()):
            print(f"{name.replace('_', ' '):<16} {value}")
    return 0


def _file(path: Path) -> dict[str, Any]:
    import msgspec

    examined = models_add.examine(path, "")
    return {
        "file": str(path),
        **msgspec.to_builtins(examined.about),
        "family": examined.template,
        "megabytes": round(examined.stamp[0] / 1e6, 1),
        "remarks": " ".join(examined.remarks),
    }


def _installed(model: "Model") -> dict[str, Any]:
    from lsp_server.cli import local, probing
    from lsp_server.completion.asking import capacity_of, context_of
    from lsp_server.models import gguf, store
    from lsp_server.models.about import about

    store.verify(model)
    failure = ""
    try:
        probing.measure(local.settings(), model)
    except OffhandError as error:
        failure = f"it could not be measured: {error}"
    model = store.find(model.manifest.name)
    found = model.probe
    header, tokens = gguf.read(model.model_file), capacity_of(model.manifest)
    needed, free = probing.room(header, context_of(model.manifest))
    facts = about(header)
    return {
        **_row(model, _chosen(local.settings().model)),
        "title": facts.name,
        "author": facts.author,
        "source": facts.source,
        "architecture": facts.architecture,
        "vocabulary": facts.vocabulary,
        "sha256": model.manifest.model.sha256,
        "prompt_tokens": tokens,
        "memory_needed": f"{needed:.0f} MB, {free:.0f} MB are free",
        **(_speed(found) if found else {}),
        "verdict": failure or (found.verdict(tokens) if found else ""),
        "advice": probing.advice(model, found) if found else "",
    }


def _speed(found: "Probe") -> dict[str, Any]:
    return {
        "engine": found.engine,
        "threads": found.threads,
        "prompt_speed": found.prompt_speed,
        "speed": found.speed,
        "load_ms": found.load_ms,
        "memory_used_mb": found.rss_mb,
    }


def run_use(arguments: argparse.Namespace) -> int:
    """Write the choice into the settings file; ``auto`` measures what was not measured yet."""
    from lsp_server.base import paths
    from lsp_server.cli import local, probing, settings_file
    from lsp_server.models import choosing, store

    name = arguments.name
    if name == choosing.AUTO:
        for model in store.installed()[0]:
            if model.probe is None:
                print(f"Measuring {model.manifest.name} ...", file=sys.stderr)
                try:
                    probing.measure(local.settings(), model)
                except OffhandError as error:
                    print(f"offhand: {model.manifest.name}: {error}", file=sys.stderr)
    model = choosing.find(name)
    settings_file.put(paths.config_file(), "model", name)
    meant = model.manifest.name
    if arguments.json:
        print(json.dumps({"setting": name, "model": meant, "file": str(paths.config_file())}))
        return 0
    means = f", now '{meant}'" if name == choosing.AUTO else ""
    print(
        f"The model is '{name}'{means}, in {paths.config_file()}. A running server takes it at once, unless your "
        "editor's settings name another."
    )
    return 0


def run_verify(arguments: argparse.Namespace) -> int:
    """Read files again; exit status 1 if one is not what it was."""
    from lsp_server.models import store

    models = [store.find(arguments.name)] if arguments.name else list(store.installed()[0])
    faults = {}
    for model in models:
        try:
            store.verify(model, anew=True)
        except ModelError as error:
            faults[model.manifest.name] = str(error)
    if arguments.json:
        print(json.dumps({model.manifest.name: faults.get(model.manifest.name, "") for model in models}))
    else:
        for model in models:
            name = model.manifest.name
            print(f"{name:<24} {faults.get(name) or 'as it should be: ' + model.manifest.model.sha256}")
    return 1 if faults else 0


def run_remove(arguments: argparse.Namespace) -> int:
    """Delete a model; if the settings chose it they choose the bundled one then."""
    from lsp_server.base import paths
    from lsp_server.cli import local, settings_file
    from lsp_server.models import store

    name = arguments.name
    unfinished = [folder for folder in store.unfinished() if folder.name == name]
    folder = unfinished[0] if unfinished else store.find(name).folder
    if not unfinished and store.find(name).shipped:
        raise ModelError(f"'{name}' comes with Offhand and stays.")
    if not arguments.yes and not models_add.agreed(f"Delete {folder}?"):
        print("Nothing was removed.")
        return 1
    store.remove(folder)
    in_use = local.settings().model == name and not unfinished
    if in_use:
        settings_file.put(paths.config_file(), "model", store.BUNDLED)
    if arguments.json:
        print(json.dumps({"removed": str(folder), "was_in_use": in_use}))
        return 0
    print(
        f"Removed {folder}." + (f" It was in use: the settings have '{store.BUNDLED}' now." if in_use else "")
    )
    return 0
