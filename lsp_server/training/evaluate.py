"""The stage ``evaluate``: bits per byte on the packages that are held out for test, by language.

How good completions are is what ``offhand bench`` measures, with the memory and everything else that completing is.
"""

import msgspec

from lsp_server.training import bits, checkpoint
from lsp_server.training.bits import Bits
from lsp_server.training.documents import read
from lsp_server.training.network import Network
from lsp_server.training.recipe import Recipe
from lsp_server.training.run import Run
from lsp_server.training.stages import Say
from lsp_server.training.tokenizer import load

#: Tokens of a document that are predicted.
_MOST = 4_000


def run(recipe: Recipe, run: Run, say: Say) -> None:
    """Write ``evaluate/bits.json`` and say what is in it.

    Raises:
        TrainingError: an earlier stage's result is missing or damaged.
    """
    trained = checkpoint.read(run.path("fit/weights.pt"))
    spelled = load(run.path("tokenizer"))
    chosen = bits.choose(read(run.path("corpus"), "test"), recipe.evaluate.kilobytes * 1000)
    network = Network(trained.shape, trained.weights)
    found = bits.bits_per_byte(network, trained.shape.context, spelled, chosen, _MOST, say)
    path = run.path("evaluate/bits.json")
    path.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
    say(table(found), None)


def table(found: dict[str, Bits]) -> str:
    """For people."""
    rows = [f"{'bits per byte':<14}{'all text':>10}{'code':>8}{'kB':>7}{'bytes a token':>15}"]
    for language, each in found.items():
        numbers = (each.per_byte, each.per_code_byte, each.bytes_per_token)
        text, code, token = ("-" if number is None else f"{number:.3f}" for number in numbers)
        rows.append(f"{language:<14}{text:>10}{code:>8}{each.bytes / 1000:>7.0f}{token:>15}")
    return "\n".join(rows)
