"""What a model folder says about its model: ``manifest.json`` for the product, ``card.json`` for people; and which of
several files is shipped. Measures nothing; reads and writes no weights.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from lsp_server.base.digest import sha256
from lsp_server.models.manifest import File, Manifest, Pieces
from lsp_server.training.checkpoint import Trained
from lsp_server.training.corpus.manifest import Manifest as Corpus
from lsp_server.training.gguf_file import END, Kind, Vocabulary
from lsp_server.training.measure import Measured, Outcome
from lsp_server.training.parity import Speed
from lsp_server.training.recipe import ExportRecipe, Recipe

#: Special tokens at which a completion ends: a text's end, and the beginning of another file.
_ENDS = (END, "<|file_sep|>")

_PROMPT = {
    "suffix_first": "[<|file_sep|>path\\n snippet]* <|file_sep|>path\\n <|fim_suffix|>suffix<|fim_prefix|>prefix, "
    "which the model continues until <|endoftext|>",
    "left_to_right": "<|file_sep|>path\\n text, until <|endoftext|>",
    "llama_server": "/infill of llama-server with --spm-infill",
    "path": "its last three components",
}

_TOKENIZER = (
    "Byte-level BPE of the tokenizers library. Offhand never uses an engine's own tokenizer; the one in ctransformers "
    "0.2.27 crashes. Token 15 carries the text of a bare newline only because that library wants one."
)

#: By which the settings choose the model that ships.
_NAME = "bundled"

LICENCE = "Apache-2.0"

#: As it was measured with the model that ships: beside a document that fills the prompt, pieces of other files cost
#: such a small model more than they give.
_PIECES = Pieces(always=0.0, most=0.25)

#: A language is known if so many bytes of it were trained on.
_KNOWN = 200_000

#: Other names of languages: in editors, and of our grammars.
_ALSO_CALLED = {
    "javascript": ("javascriptreact",),
    "tsx": ("typescriptreact",),
    "shell": ("bash", "shellscript", "sh"),
}

#: How much slower a file may be than the quickest that is good enough.
_SLOWER = 1.25

#: Tokens that a usual completion evaluates singly; its prompt is the prompt that was timed.
_WRITTEN = 20


def choose(options: ExportRecipe, measured: Sequence[Measured]) -> Kind:
    """Which file is shipped.

    ``auto`` takes the smallest of those that predict about as well as F16, without those that make a completion more
    than a quarter slower than the quickest of them.
    """
    if options.ship != "auto":
        return options.ship
    limit = next(one.bits_per_byte for one in measured if one.kind == "f16") * (1 + options.tolerance)
    good = [one for one in measured if one.bits_per_byte <= limit]
    times = {one.kind: _completion(one.speed) for one in good if one.speed is not None}
    if len(times) == len(good):
        good = [one for one in good if times[one.kind] <= min(times.values()) * _SLOWER]
    return min(good, key=lambda one: one.bytes).kind


def _completion(speed: Speed) -> float:
    return speed.prompt + _WRITTEN * speed.token


def manifest(
    recipe: Recipe, trained: Trained, corpus: Corpus, words: Vocabulary, model: Path, tokenizer: Path
) -> Manifest:
    """Describe a model folder to the product.

    Args:
        model, tokenizer: its files.
    """
    return Manifest(
        name=_NAME,
        version=recipe.name,
        architecture="llama",
        context_length=trained.shape.context,
        template="offhand",
        languages=_known(corpus),
        licence=LICENCE,
        model=_file(model),
        tokenizer=_file(tokenizer),
        special_tokens=words.special,
        end_tokens=_ENDS,
        parameters=trained.parameters,
        summary=recipe.summary,
        pieces=_PIECES,
    )


def _known(corpus: Corpus) -> tuple[str, ...]:
    """The languages that were trained on, the most frequent first, by all names that editors have for them."""
    sizes: Counter[str] = Counter()
    for package in corpus.packages:
        if package.split == "train":
            for by_language in package.kept.values():
                sizes.update({language: kept.bytes for language, kept in by_language.items()})
    known = (language for language, size in sizes.most_common() if size >= _KNOWN)
    return tuple(name for language in known for name in (language, *_ALSO_CALLED.get(language, ())))


def _file(path: Path) -> File:
    return File(path.name, path.stat().st_size, sha256(path))


def card(about: Manifest, trained: Trained, kind: Kind, outcome: Outcome) -> dict[str, Any]:
    """What people want to know of the model; ready for JSON.

    Args:
        kind: of the file that ships.
    """
    return {
        "name": about.version,
        "summary": about.summary,
        "licence": f"{about.licence} (weights)",
        "languages": list(about.languages),
        "architecture": {
            "family": about.architecture,
            "parameters": about.parameters,
            **msgspec.to_builtins(trained.shape),
            "rope": "adjacent pairs (ggml NORM)",
            "embeddings": "tied in training; output.weight is written out because ctransformers refuses tied files",
            "numbers": kind,
        },
        "prompt": _PROMPT,
        "tokenizer": _TOKENIZER,
        "training": trained.training,
        "data": "see NOTICE.md",
        "files": {
            "measured": "bits per byte: the beginnings of held-out documents, left to right, with the weights as the "
            "file holds them. speed: ms of CPU time of one thread in ctransformers",
            "each": msgspec.to_builtins(outcome.files),
        },
        "engines": {
            "compared": "logits behind suffix-first prompts, and the likeliest tokens from there on, against PyTorch "
            "with the weights that the file holds, and with those that training left",
            "agreement": msgspec.to_builtins(outcome.agreements),
            "absent": outcome.absent,
            "share_of_tokens_that_llama_cpp_cuts_otherwise": outcome.cut_otherwise,
        },
    }
