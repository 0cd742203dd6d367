"""The stage ``export``: a checkpoint and a tokenizer become a model folder as the product keeps them.

All kinds of files are written and measured; one of them goes into the folder. Does not know how the model was trained.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import msgspec

from lsp_server.base.errors import TrainingError
from lsp_server.engine.tokenizer import Tokenizer
from lsp_server.models import gguf, store
from lsp_server.models.manifest import FILE
from lsp_server.training import card, checkpoint, gguf_file
from lsp_server.training.checkpoint import Trained
from lsp_server.training.corpus import manifest as corpora
from lsp_server.training.documents import read as read_documents
from lsp_server.training.gguf_file import KINDS, About, Kind, Vocabulary
from lsp_server.training.measure import measure
from lsp_server.training.recipe import Recipe
from lsp_server.training.run import Run
from lsp_server.training.stages import Say
from lsp_server.training.tokenizer import load

_NOTICE = """\
# What the bundled model was trained on

The weights and the tokenizer are published under Apache-2.0. They were trained on the source code of the packages
below; none of it is part of the model's files. Licences are those that the packages declare.

"""


def run(recipe: Recipe, run: Run, say: Say) -> None:
    """Export what was trained into the folder ``export``; all kinds of files stay in ``gguf``.

    Raises:
        TrainingError: an earlier stage's result is missing or damaged, or an engine disagrees with PyTorch.
    """
    trained = checkpoint.read(run.path("fit/weights.pt"))
    words, spelled = tokenizer(run.path("tokenizer"))
    corpus = _corpus(run.path("corpus"))
    documents = list(read_documents(run.path("corpus"), "validation"))
    files = _write(_fresh(run.path("gguf")), recipe, trained, words, say)
    outcome = measure(trained, spelled, documents, files, say)
    kind = card.choose(recipe.export, outcome.files)
    say(f"export: {kind} is the file that ships", 1.0)
    folder = _fresh(run.path("export"))
    model = folder / files[kind].name
    shutil.copy2(files[kind], model)
    spelling = folder / "tokenizer.json"
    shutil.copy2(run.path("tokenizer") / spelling.name, spelling)
    about = card.manifest(recipe, trained, corpus, words, model, spelling)
    _write_json(folder / FILE, msgspec.to_builtins(about))
    _write_json(folder / "card.json", card.card(about, trained, kind, outcome))
    shutil.copy2(run.path("corpus/manifest.json"), folder / "corpus.json")
    for name in ("curve.json", "curve.svg"):
        shutil.copy2(run.path(f"fit/{name}"), folder / name)
    (folder / "NOTICE.md").write_text(_NOTICE + corpora.notice(corpus), encoding="utf-8")
    store.verify(store.Model(about, folder))


def tokenizer(folder: Path) -> tuple[Vocabulary, Tokenizer]:
    """Read what the stage ``tokenizer`` left, as files for engines have it and as the product reads it.

    Raises:
        TrainingError: it is missing or unusable.
    """
    spelled = load(folder)
    return gguf_file.vocabulary(folder / "tokenizer.json", spelled.special), spelled


def _corpus(folder: Path) -> corpora.Manifest:
    try:
        return msgspec.json.decode((folder / "manifest.json").read_bytes(), type=corpora.Manifest)
    except (OSError, msgspec.MsgspecError) as error:
        raise TrainingError(
            f"What the corpus in {folder} is made of cannot be read: {error}. Run the stage 'corpus' again."
        ) from error


def _write(folder: Path, recipe: Recipe, trained: Trained, words: Vocabulary, say: Say) -> dict[Kind, Path]:
    about = About(recipe.name, recipe.summary, card.LICENCE)
    files: dict[Kind, Path] = {}
    for kind in KINDS:
        say(f"export: writing {kind}", 0.0)
        files[kind] = folder / f"{recipe.name}-{kind}.gguf"
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
