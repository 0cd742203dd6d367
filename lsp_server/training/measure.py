"""Files of the same model, measured: how well each predicts, how fast it is, whether the engines agree with PyTorch.

Writes nothing and decides nothing.
"""

import contextlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec

from lsp_server.base.errors import EngineError, ModelError, TrainingError
from lsp_server.engine.backends.ctransformers import CTransformers
from lsp_server.engine.protocol import Engine
from lsp_server.engine.tokenizer import Tokenizer
from lsp_server.training import heldout, parity
from lsp_server.training.bits import ALL, bits_per_byte
from lsp_server.training.checkpoint import Trained
from lsp_server.training.documents import Document
from lsp_server.training.gguf_file import Kind, as_stored
from lsp_server.training.llama_cpp import LlamaCpp
from lsp_server.training.network import Network
from lsp_server.training.parity import Agreement, Answer, Speed, cut_otherwise
from lsp_server.training.stages import Say

#: Opens a file: path, tokens of context, threads.
Open = Callable[[Path, int, int], Engine]

#: Held-out documents that are predicted; prompts for comparison; tokens of a prompt, and of what follows it.
_DOCUMENTS, _PROMPTS, _PROMPT, _GREEDY = 48, 20, 256, 24

#: A logit may differ this much, at the median, between an engine and PyTorch with the same weights: engines round what
#: they multiply to eight bits. A mistake in a file moves logits by several.
_TOLERANCE = 1.0

PRODUCT, MODERN = "ctransformers", "llama.cpp"


class Measured(msgspec.Struct, frozen=True):
    """What is known of one file.

    Attributes:
        bits_per_byte: of the documents that were held out, with the weights as the file holds them.
        speed: in the engine that the product uses; none where that does not run.
    """

    kind: Kind
    bytes: int
    bits_per_byte: float
    speed: Speed | None


class Outcome(msgspec.Struct, frozen=True):
    """What was found.

    Attributes:
        files: each of them.
        agreements: each of them in each engine, against each kind of weights.
        cut_otherwise: share of our tokens that llama.cpp's tokenizer makes otherwise, 0 to 1; none without llama.cpp.
        absent: an engine that does not run here, and why.
    """

    files: tuple[Measured, ...]
    agreements: tuple[Agreement, ...]
    cut_otherwise: float | None
    absent: dict[str, str]


def measure(
    trained: Trained,
    tokenizer: Tokenizer,
    documents: Sequence[Document],
    files: dict[Kind, Path],
    say: Say,
) -> Outcome:
    """Measure.

    Raises:
        TrainingError: an engine refuses a file or disagrees with PyTorch about it.
    """
    shape = trained.shape
    chosen = heldout.spread(documents, _DOCUMENTS)
    prompts = heldout.prompts(chosen, tokenizer, _PROMPTS, min(_PROMPT, shape.context // 2))
    engines, absent = _engines(next(iter(files.values())))
    for name, reason in absent.items():
        say(f"export: {name} is not compared: {reason}", None)
    answers: dict[Kind, dict[str, list[Answer]]] = {}
    for done, (kind, path) in enumerate(files.items()):
        say(f"export: asking the engines with {kind}", done / len(files) / 2)
        answers[kind] = {
            name: _answers(partial(opens, path, shape.context, 1), prompts) for name, opens in engines.items()
        }
    as_trained = Network(shape, trained.weights)
    say("export: comparing with PyTorch", 0.5)
    agreements = [
        parity.agree((name, kind, "training"), prompts, said, as_trained)
        for kind, by_engine in answers.items()
        for name, said in by_engine.items()
    ]
    measured: list[Measured] = []
    for done, (kind, path) in enumerate(files.items()):
        say(f"export: predicting text with {kind}", 0.5 + done / len(files) / 2)
        network = Network(shape, as_stored(trained.weights, kind))
        for name, said in answers[kind].items():
            agreement = parity.agree((name, kind, "file"), prompts, said, network)
            _believe(agreement)
            agreements.append(agreement)
        timed = (
            parity.speed(partial(engines[PRODUCT], path, shape.context, 1)) if PRODUCT in engines else None
        )
        costs = bits_per_byte(network, shape.context, tokenizer, chosen, shape.context, lambda *_: None)
        measured.append(Measured(kind, path.stat().st_size, round(costs[ALL].per_byte or 0.0, 4), timed))
    differently = _tokenized(next(iter(files.values())), tokenizer, chosen) if MODERN in engines else None
    return Outcome(tuple(measured), tuple(agreements), differently, absent)


def _engines(path: Path) -> tuple[dict[str, Open], dict[str, str]]:
    """The engines that run here, and why the others do not.

    Args:
        path: a file to try.
    """
    engines: dict[str, Open] = {PRODUCT: CTransformers, MODERN: LlamaCpp}
    absent: dict[str, str] = {}
    for name, opens in list(engines.items()):
        try:
            opens(path, 64, 1).close()
        except EngineError as error:
            del engines[name]
            absent[name] = str(error)
        except ModelError as error:
            raise TrainingError(f"The exported file is not accepted. {error}") from error
    return engines, absent


def _answers(opens: Callable[[], Engine], prompts: Sequence[Sequence[int]]) -> list[Answer]:
    with contextlib.closing(opens()) as engine:
        return parity.ask(engine, prompts, _GREEDY)


def _believe(agreement: Agreement) -> None:
    if agreement.difference > _TOLERANCE:
        raise TrainingError(
            f"{agreement.engine} and PyTorch disagree about the same weights ({agreement.kind}): a logit differs by "
            f"{agreement.difference}, and of {agreement.prompts} prompts {agreement.first_same} have the same next "
            "token. The exported file is not the model that was trained."
        )


def _tokenized(path: Path, tokenizer: Tokenizer, documents: Sequence[Document]) -> float:
    with contextlib.closing(LlamaCpp(path, 64, 1)) as engine:
        pairs = [(tokenizer.encode(one.text), engine.tokenize(one.text)) for one in documents]
    differing = sum(cut_otherwise(ours, theirs, tokenizer.bytes) for ours, theirs in pairs)
    return round(differing / sum(len(ours) for ours, _ in pairs), 4)
