"""The stage ``tokenizer``: byte-level BPE that is learnt on the corpus and knows how code is laid out.

Pre-tokens are words as identifiers are made of (parts between ``_`` and at changes of case), single digits, runs of
punctuation, and a run of newlines with the indentation behind it. Their boundaries are where token healing steps back
to, and where the memory's matches begin. Does not know the model.
"""

import json
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from lsp_server.base.errors import ModelError, TrainingError
from lsp_server.engine.tokenizer import Tokenizer as Spelling
from lsp_server.training.documents import Document, read
from lsp_server.training.recipe import Recipe
from lsp_server.training.run import Run
from lsp_server.training.stages import Say

#: By the names that llama.cpp finds them by (``llama-vocab.cpp``). The last one is never in a text: its place is for
#: a token that an engine may need.
SPECIAL = (
    *("<|endoftext|>", "<|fim_pad|>", "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),
    *("<|repo_name|>", "<|file_sep|>"),
    *(f"<|reserved_{number}|>" for number in range(9)),
)

_PRE_TOKEN = (
    r"\n+[ \t]*|[0-9]"
    r"| ?_*(?:[A-Z]+(?![a-z])|[A-Z]?[a-z]+)(?:__(?![A-Za-z0-9_]))?|_+"
    r"| ?[^\sA-Za-z0-9_]+|[ \t]+(?=\S)|\s+"
)

#: Sizes that are compared; a smaller vocabulary is the beginning of a larger one, as merges are learnt in order.
_SIZES = (4096, 6144, 8192, 12_288, 16_384)

#: Characters that a token may have.
_LONGEST = 24


def run(recipe: Recipe, run: Run, say: Say) -> None:
    """Learn the merges; write ``tokenizer.json``, ``special.json`` and, of other sizes, ``sizes.json``.

    Raises:
        TrainingError: there is no corpus, or too little of it.
    """
    corpus, folder = run.path("corpus"), run.path("tokenizer")
    folder.mkdir(exist_ok=True)
    say("tokenizer: choosing text", 0.0)
    sample = _sample(read(corpus, "train"), recipe)
    say(f"tokenizer: learning merges on {sum(map(len, sample)) / 1e6:.0f} MB", 0.1)
    wanted = recipe.tokenizer.vocabulary
    learnt = learn(sample, max(wanted, *_SIZES) if recipe.tokenizer.compare else wanted)
    chosen = _first(learnt, wanted)
    if chosen.get_vocab_size() < wanted:
        raise TrainingError(
            f"The corpus has text for {chosen.get_vocab_size()} tokens only, not {wanted}: make 'vocabulary' smaller."
        )
    if recipe.tokenizer.compare:
        say("tokenizer: comparing sizes", 0.9)
        held = [document.text for document in read(corpus, "validation")]
        rates = {size: _characters_per_token(_first(learnt, size), held) for size in _SIZES}
        (folder / "sizes.json").write_text(json.dumps(rates, indent=2) + "\n", encoding="utf-8")
        said = ", ".join(f"{size}: {rate:.2f}" for size, rate in rates.items())
        say(f"tokenizer: characters per token, held-out packages: {said}", None)
    chosen.save(str(folder / "tokenizer.json"))
    special = {name: number for number, name in enumerate(SPECIAL)}
    (folder / "special.json").write_text(json.dumps(special, indent=2) + "\n", encoding="utf-8")


def _sample(documents: Iterable[Document], recipe: Recipe) -> list[str]:
    """Text of all packages, none of them with much more than the others."""
    whole = recipe.tokenizer.megabytes * 1_000_000
    by_package: dict[str, list[str]] = defaultdict(list)
    for document in documents:
        by_package[document.package].append(document.text)
    random_order = random.Random(recipe.seed)
    taken: list[str] = []
    for texts in by_package.values():
        random_order.shuffle(texts)
        room = max(whole * recipe.tokenizer.per_package, whole / len(by_package))
        for text in texts:
            if room <= 0:
                break
            taken.append(text)
            room -= len(text)
    random_order.shuffle(taken)
    while taken and sum(map(len, taken)) > whole:
        del taken[-max(1, len(taken) // 50) :]
    return taken


def learn(sample: Sequence[str], size: int) -> Tokenizer:
    """A vocabulary of at most ``size`` tokens, the special ones first."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PRE_TOKEN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        min_frequency=2,
        show_progress=False,
        max_token_length=_LONGEST,
    )
    tokenizer.train_from_iterator(sample, trainer)
    return tokenizer


def _first(tokenizer: Tokenizer, size: int) -> Tokenizer:
    """The same with the first ``size`` tokens only."""
    whole = json.loads(tokenizer.to_str())
    model = whole["model"]
    model["vocab"] = {spelling: token for spelling, token in model["vocab"].items() if token < size}
    model["merges"] = [merge for merge in model["merges"] if "".join(merge) in model["vocab"]]
    return Tokenizer.from_str(json.dumps(whole))


def _characters_per_token(tokenizer: Tokenizer, texts: Sequence[str]) -> float:
    tokens = sum(len(encoding.ids) for encoding in tokenizer.encode_batch_fast(list(texts)))
    return round(sum(map(len, texts)) / max(tokens, 1), 3)


def load(folder: Path) -> Spelling:
    """What ``run`` wrote, as the product reads it.

    Raises:
        TrainingError: it is not there, or damaged.
    """
    try:
        special = msgspec.json.decode((folder / "special.json").read_bytes(), type=dict[str, int])
        return Spelling(folder / "tokenizer.json", special)
    except (OSError, msgspec.MsgspecError, ModelError) as error:
        raise TrainingError(
            f"The tokenizer in {folder} cannot be used: {error} Run the stage 'tokenizer' again."
        ) from error
