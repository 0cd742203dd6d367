"""A recipe: everything that decides what comes of a training run. Does not know where a run is kept.

A TOML file, one table a stage. What is not in it has the value below; an unknown key is refused, so that a misspelt
one does not go unnoticed.
"""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from lsp_server.base.errors import TrainingError
from lsp_server.training.corpus.recipe import Corpus

Share = Annotated[float, Meta(ge=0, le=1)]
Positive = Annotated[int, Meta(ge=1)]


class TokenizerRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How text becomes tokens.

    Attributes:
        vocabulary: number of ids, the special ones included.
        megabytes: of text that the merges are learnt on.
        per_package: largest share that one package may have of it.
        compare: whether other sizes are measured too, on the held-out packages.
    """

    vocabulary: Annotated[int, Meta(ge=512, le=65_000)] = 8192
    megabytes: Positive = 40
    per_package: Share = 0.02
    compare: bool = False


class ModelRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The shape of a Llama (``model.Shape``), but for the vocabulary.

    ``width`` and ``feed_forward`` in multiples of 256: what K-quantised blocks need.
    """

    width: Annotated[int, Meta(ge=256, multiple_of=256)] = 256
    layers: Positive = 6
    heads: Positive = 4
    kv_heads: Positive = 2
    feed_forward: Annotated[int, Meta(ge=256, multiple_of=256)] = 768
    context: Annotated[int, Meta(ge=128, multiple_of=64)] = 1024
    rope_base: float = 10_000.0


class PackRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How documents become rows of tokens.

    Attributes:
        tokens: in all; the corpus is gone through as often as it takes, with other holes each time.
        validation_tokens: of the held-out documents.
        infill: share of samples with a hole, in the product's order; ``llama_infill`` in that of llama.cpp's server.
            What is left is plain text, left to right.
        snippets: share of samples that have pieces of other files of the same package in front.
        shares: of languages; those that are not named share the rest by size.
        shard_tokens: of one file.
        processes: that pack at once.
    """

    tokens: Positive
    validation_tokens: Positive = 250_000
    infill: Share = 0.5
    llama_infill: Share = 0.1
    snippets: Share = 0.3
    shares: dict[str, Share] = {}
    shard_tokens: Positive = 8_000_000
    processes: Positive = 2


class FitRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the weights are found.

    Attributes:
        seconds: of training, evaluation and compilation left out; 0 when ``passes`` counts instead.
        passes: over what was packed.
        processes: that share the work, by PyTorch's DistributedDataParallel; on a CPU each has one thread.
        batch_tokens: per step, all processes together.
        micro_batch: rows that are evaluated at once.
        compile: whether ``torch.compile`` is used.
        precision: of the matrix products; the weights are kept in float32.
        matrix_rate, embedding_rate, norm_rate: learning rates: Muon's for matrices, AdamW's for the others.
        weight_decay: of the matrices.
        warm_up, decay: shares of the budget in which the rates rise to their value, and fall to zero: WSD, constant
            between (https://arxiv.org/abs/2404.06395).
        end_weight: how much more the token that ends a completion counts than others.
        validate_every: steps.
    """

    seconds: Annotated[int, Meta(ge=0)] = 0
    passes: float = 1.0
    processes: Positive = 1
    batch_tokens: Positive = 16_384
    micro_batch: Positive = 4
    compile: bool = True
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    matrix_rate: float = 0.02
    embedding_rate: float = 0.008
    norm_rate: float = 0.004
    weight_decay: float = 0.02
    warm_up: Share = 0.015
    decay: Share = 0.5
    end_weight: float = 4.0
    validate_every: Positive = 100


class ExportRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which file ships.

    Attributes:
        ship: a type of weights; ``auto`` takes the smallest whose bits per byte are within ``tolerance`` of F16's.
        tolerance: relative.
    """

    ship: Literal["auto", "f16", "q8_0", "q4_0"] = "auto"
    tolerance: Share = 0.005


class EvaluateRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is measured at the end.

    Attributes:
        kilobytes: of held-out text in each language that bits per byte are measured on.
    """

    kilobytes: Positive = 200


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of it.

    Attributes:
        name: of the model.
        summary: one sentence on it, for people.
        seed: of every random choice.
    """

    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9.-]*\Z", max_length=60)]
    summary: str
    corpus: Corpus
    pack: PackRecipe
    seed: int = 1
    tokenizer: TokenizerRecipe = TokenizerRecipe()
    model: ModelRecipe = ModelRecipe()
    fit: FitRecipe = FitRecipe()
    export: ExportRecipe = ExportRecipe()
    evaluate: EvaluateRecipe = EvaluateRecipe()


def read(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        TrainingError: it cannot be read, or a key or value in it is not known.
    """
    try:
        recipe = msgspec.toml.decode(path.read_bytes(), type=Recipe)
    except OSError as error:
        raise TrainingError(f"Recipe {path} cannot be read: {error.strerror or error}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TrainingError(f"Recipe {path} cannot be used: {error}.") from error
    if recipe.pack.infill + recipe.pack.llama_infill > 1:
        raise TrainingError(f"Recipe {path}: 'infill' and 'llama_infill' are more than all samples.")
    if recipe.model.width % recipe.model.heads or recipe.model.heads % recipe.model.kv_heads:
        raise TrainingError(f"Recipe {path}: 'width' must be divisible by 'heads', 'heads' by 'kv_heads'.")
    return recipe


def shipped(name: str) -> Path:
    """Where a recipe lies that ships with Offhand.

    Raises:
        TrainingError: there is none of that name.
    """
    folder = Path(__file__).parent / "recipes"
    path = folder / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(each.stem for each in folder.glob("*.toml")))
        raise TrainingError(
            f"No recipe is called '{name}'. There are: {known}; or give the path of a TOML file."
        )
    return path
