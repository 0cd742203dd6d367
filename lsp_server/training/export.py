"""The stage ``export``: a checkpoint and a tokenizer become a model folder as the product keeps them.

All kinds of files are written and measured; one of them goes into the folder. Does not know how the model was trained.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from lsp_server.base.errors import ModelError, TrainingError
from lsp_server.engine.tokenizer import Tokenizer
from lsp_server.models import gguf, store
from lsp_server.models.manifest import FILE
from lsp_server.training import card, checkpoint, gguf_file, heldout
from lsp_server.training.checkpoint import Trained
from lsp_server.training.exporting import Export
from lsp_server.training.gguf_file import KINDS, About, Kind, Vocabulary
from lsp_server.training.measure import measure

Say = Callable[[str, float | None], None]


def run(recipe: Any, run: Any, say: Say) -> None:
    """Export what was trained into the folder ``export``; all kinds of files stay in ``gguf``.

    Raises:
        TrainingError: an earlier stage's result is missing or damaged, or an engine disagrees with PyTorch.
    """
    options: Export = recipe.export
    trained = checkpoint.read(run.path("fit") / "checkpoint.pt")
    words, spelled = tokenizer(run.path("tokenizer"))
    documents = heldout.documents(run.path("corpus"), options.documents)
    files = _write(_fresh(run.path("gguf")), options, trained, words, say)
    outcome = measure(options, trained, spelled, documents, files, say)
    kind = card.choose(options.ship, outcome.files)
    say(f"{kind} is the file that ships", 1.0)
    folder = _fresh(run.path("export"))
    model = folder / f"{options.title}-{kind}.gguf"
    shutil.copy2(files[kind], model)
    spelling = folder / "tokenizer.json"
    shutil.copy2(run.path("tokenizer") / spelling.name, spelling)
    about = card.manifest(options, trained, words, model, spelling)
    _write_json(folder / FILE, msgspec.to_builtins(about))
    _write_json(folder / "card.json", card.card(about, trained, kind, outcome))
    (folder / "NOTICE.md").write_text(_notice(run.path("corpus")), encoding="utf-8")
    store.verify(store.Model(about, folder))


def tokenizer(folder: Path) -> tuple[Vocabulary, Tokenizer]:
    """Read what the stage ``tokenizer`` left, as files for engines have it and as the product reads it.

    Raises:
        TrainingError: it is missing or unusable.
    """
    path = folder / "tokenizer.json"
    try:
        special = msgspec.json.decode((folder / "special.json").read_bytes(), type=dict[str, int])
        return gguf_file.vocabulary(path, special), Tokenizer(path, special)
    except (OSError, msgspec.MsgspecError, ModelError) as error:
        raise TrainingError(
            f"The tokenizer in {folder} cannot be used: {error} Run the stage 'tokenizer' again."
        ) from error


def _write(folder: Path, options: Export, trained: Trained, words: Vocabulary, say: Say) -> dict[Kind, Path]:
    about = About(options.title, options.version, options.licence, options.summary)
    files: dict[Kind, Path] = {}
    for kind in KINDS:
        say(f"writing {kind}", 0.0)
        files[kind] = folder / f"{options.title}-{kind}.gguf"
        gguf_file.write(files[kind], trained.shape, trained.weights, words, about, kind)
        gguf.read(files[kind])
    return files


def _fresh(folder: Path) -> Path:
    """An empty folder in place of what an earlier run left there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _notice(corpus: Path) -> str:
    """The text of ``NOTICE.md``, from what the stage ``corpus`` wrote down."""
    return (corpus / "manifest.json").read_text(encoding="utf-8")
