"""``offhand models add``: from a GGUF file to a model of the store, measured on this machine."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lsp_server.base.errors import ModelError, OffhandError
from lsp_server.cli.progress import Progress

if TYPE_CHECKING:
    from lsp_server.models.adding import Examined
    from lsp_server.models.probe import Probe
    from lsp_server.models.vocabulary import Vocabulary
    from lsp_server.prompt.families import Identity


def add(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = actions.add_parser("add", help="bring a model of your own, a GGUF file; nothing is downloaded")
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--name", default="", help="what to call it (default: as the file)")
    parser.add_argument(
        "--link", action="store_true", help="leave the file where it is, and remember where that is"
    )
    parser.add_argument(
        "--template",
        default="",
        metavar="FAMILY",
        help="ask it as this family of models is asked (default: found out from its vocabulary)",
    )
    parser.add_argument("--no-probe", action="store_true", help="do not load it now to measure its speed")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Examine, copy, measure, and say what came of it."""
    import msgspec

    from lsp_server.cli import probing
    from lsp_server.completion.asking import capacity_of
    from lsp_server.models import adding, store
    from lsp_server.models.about import short
    from lsp_server.models.probe import default_prompt_tokens

    examined = examine(arguments.file, arguments.template)
    needed, free = probing.room(examined.header, default_prompt_tokens(examined.about.context))
    for remark in examined.remarks:
        print(f"offhand: {remark}", file=sys.stderr)
    if needed > free:
        print(f"offhand: It needs about {needed:.0f} MB of memory, {free:.0f} MB are free.", file=sys.stderr)
        if not arguments.yes and not agreed("Add it all the same?"):
            print("Nothing was added.")
            return 1
    name = arguments.name or adding.name_of(arguments.file)
    with Progress("linking" if arguments.link else "copying") as progress:
        model = adding.add(examined, name, link=arguments.link, on_progress=progress.show)
    found, failure = (None, "") if arguments.no_probe else _probed(name)
    model = next((one for one in store.installed()[0] if one.manifest.name == name), model)
    tokens = capacity_of(model.manifest)
    if arguments.json:
        facts = msgspec.to_builtins(model.manifest) | {"special_tokens": len(model.manifest.special_tokens)}
        verdict = found.verdict(tokens) if found else failure
        print(json.dumps({**facts, "folder": str(model.folder), "verdict": verdict}))
        return 0
    about = examined.about
    print(
        f"Added '{name}': {about.name or about.architecture}, {short(about.parameters)} parameters, "
        f"{about.quantisation}, asked as the family '{examined.template}'"
        + (f", licence {about.licence}" if about.licence else ", licence not stated")
        + (f", by {about.author}." if about.author else ".")
    )
    if found is not None:
        print(f"On this machine: {found.verdict(tokens)}.")
        if advice := probing.advice(model, found):
            print(advice)
    elif failure:
        print(f"It could not be measured: {failure} To take it away again: offhand models remove {name}")
    print(f"To use it: offhand models use {name}")
    return 0


def examine(path: Path, template: str) -> "Examined":
    """What can be known of a file without loading it.

    Args:
        template: family to ask it as; empty to find out.

    Raises:
        ModelError: it cannot be served.
    """
    from lsp_server.models import adding

    return adding.examine(path, lambda words, architecture: _identify(words, architecture, template))


def _identify(words: "Vocabulary", architecture: str, template: str) -> "Identity":
    import msgspec

    from lsp_server.models.vocabulary import CONTROL, UNKNOWN, UNUSED
    from lsp_server.prompt import families

    tokens = {text: token for token, text in enumerate(words.tokens)}
    kinds = zip(words.tokens, words.types, strict=True)
    found = families.identify(
        tokens,
        architecture=architecture,
        bos=words.bos,
        eos=words.eos,
        eot=words.eot,
        add_bos=words.add_bos,
        fim=words.fim,
        control=[text for text, kind in kinds if kind in (CONTROL, UNKNOWN, UNUSED)],
    )
    if not template or template == found.template:
        return found
    row = families.family(template)
    if missing := [text for text in row.tokens.values() if text not in tokens]:
        raise ModelError(
            f"The model has no token {', '.join(missing)}, which the family '{template}' is asked with. Leave "
            f"--template out: its vocabulary is that of '{found.template}'."
        )
    own = [text for text in (*row.tokens.values(), *row.ends) if text in tokens]
    return msgspec.structs.replace(
        found,
        template=template,
        special_tokens=found.special_tokens | {text: tokens[text] for text in own},
        end_tokens=tuple(dict.fromkeys((*found.end_tokens, *own))),
    )


def _probed(name: str) -> "tuple[Probe | None, str]":
    """What was measured, or why nothing was."""
    from lsp_server.cli import local, probing
    from lsp_server.models import store

    try:
        return probing.measure(local.settings(), store.find(name)), ""
    except OffhandError as error:
        return None, str(error)


def agreed(question: str) -> bool:
    """Ask; where nobody can answer that is a yes."""
    if not sys.stdin.isatty():
        return True
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
