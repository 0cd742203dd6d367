"""From a GGUF file that somebody brings to a model of the store: examined, copied or linked, described.

What its vocabulary says about prompts comes from a function that is handed in. Does not know how fast the model is.
"""

import hashlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec

from lsp_server.base import atomic
from lsp_server.base.digest import sha256
from lsp_server.base.errors import ModelError
from lsp_server.models import copying, gguf, probe, store, tokenizer_file, vocabulary
from lsp_server.models.about import About, about
from lsp_server.models.choosing import AUTO
from lsp_server.models.manifest import FILE, File, Manifest
from lsp_server.models.store import Model
from lsp_server.models.vocabulary import Vocabulary

_MODEL, _TOKENIZER = "model.gguf", "tokenizer.json"

#: Bounds of a manifest's context; longer ones than the last are served with less.
_SHORTEST, _LONGEST = 64, 1 << 20

#: Tokens of the context that a completion takes.
_COMPLETION = 96

Progress = Callable[[int, int], None]


class Asked(Protocol):
    """How a model is asked, see ``prompt.families.Identity``."""

    @property
    def template(self) -> str:
        """Name of the family."""

    @property
    def special_tokens(self) -> dict[str, int]:
        """Name to id."""

    @property
    def end_tokens(self) -> tuple[str, ...]:
        """Names of those that end a completion."""

    @property
    def begin(self) -> str:
        """Name of the one that a prompt begins with."""


class Examined(msgspec.Struct, frozen=True):
    """A file that can be added.

    Attributes:
        stamp: size and time of its last change when it was read.
        template, special_tokens, end_tokens, begin: for the manifest.
        tokenizer: content of its ``tokenizer.json``.
        remarks: what one should know, whole sentences.
    """

    path: Path
    stamp: tuple[int, int]
    header: gguf.Header
    about: About
    template: str
    special_tokens: dict[str, int]
    end_tokens: tuple[str, ...]
    begin: str
    tokenizer: bytes
    remarks: tuple[str, ...]


def examine(path: Path, identify: Callable[[Vocabulary, str], Asked]) -> Examined:
    """Look at a file as far as is possible without loading it.

    Args:
        identify: from a vocabulary and the name of the architecture to how the model is asked.

    Raises:
        ModelError: it cannot be served.
    """
    stamp = _stamp(path)
    header = gguf.read(path)
    found = about(header)
    if found.context < _SHORTEST:
        raise ModelError(f"{path} has a context of fewer than {_SHORTEST} tokens. Use another model.")
    words = vocabulary.read(path)
    asked = identify(words, header.architecture)
    content = tokenizer_file.convert(words, asked.special_tokens.keys())
    return Examined(
        path,
        stamp,
        header,
        found,
        asked.template,
        dict(asked.special_tokens),
        tuple(asked.end_tokens),
        asked.begin,
        content,
        tokenizer_file.remarks(words),
    )


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}.") from error
    return found.st_size, found.st_mtime_ns


def name_of(path: Path) -> str:
    """A name for the model of a file: what a manifest allows of the file's own."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", path.name.removesuffix(".gguf")).strip("._-").lower()[:100]
    return name or "model"


def add(
    examined: Examined, name: str, *, link: bool, on_progress: Progress = lambda done, all: None
) -> Model:
    """Put a file into the store.

    Args:
        name: by which the settings choose it.
        link: leave the file where it is, and remember where that is.
        on_progress: bytes that are done, of all.

    Returns:
        the new model.

    Raises:
        ModelError: the name is taken or no name; the file changed; it cannot be copied. Nothing that looks whole is
            left.
    """
    folder = store.users_folder() / name
    _check_name(name, folder)
    source = examined.path.resolve()
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelError(
            f"{folder} cannot be made: {error.strerror or error}. Set OFFHAND_HOME to a folder that can be written to."
        ) from error
    try:
        if link:
            digest = sha256(source, lambda done: on_progress(done, examined.stamp[0]))
        else:
            digest = copying.copy(source, folder / _MODEL, on_progress)
        if _stamp(source) != examined.stamp:
            raise ModelError(
                f"{source} changed while it was added. Wait until it is complete, and try again."
            )
        atomic.write(folder / _TOKENIZER, examined.tokenizer)
        manifest = _manifest(examined, name, digest, str(source) if link else "")
        atomic.write(folder / FILE, msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n")
    except OSError as error:
        _clear(folder, made)
        raise ModelError(f"{folder} cannot be written: {error.strerror or error}.") from error
    except BaseException:  # Ctrl-C too
        _clear(folder, made)
        raise
    return Model(manifest, folder)


def _check_name(name: str, folder: Path) -> None:
    if name == AUTO or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise ModelError(
            f"'{name}' cannot be a model's name. Give another with --name: letters, digits, . _ -"
        )
    taken = [model for model in store.installed()[0] if model.manifest.name == name]
    if taken or (folder / FILE).exists():
        raise ModelError(
            f"There is a model '{name}' already. Give another name with --name, or 'offhand models remove {name}'."
        )


def _clear(folder: Path, made: bool) -> None:
    """Leave only what can be gone on with."""
    kept = [path for path in folder.glob("*") if path.name.endswith(copying.PART)]
    for path in folder.glob("*"):
        if path not in kept:
            path.unlink(missing_ok=True)
    if made and not kept:
        shutil.rmtree(folder, ignore_errors=True)


def _manifest(examined: Examined, name: str, digest: str, link: str) -> Manifest:
    found = examined.about
    context = min(found.context, _LONGEST)
    return Manifest(
        name=name,
        version=found.name,
        architecture=found.architecture,
        context_length=context,
        template=examined.template,
        languages=(),
        licence=found.licence,
        model=File(_MODEL, examined.stamp[0], digest),
        tokenizer=File(_TOKENIZER, len(examined.tokenizer), hashlib.sha256(examined.tokenizer).hexdigest()),
        special_tokens=examined.special_tokens,
        end_tokens=examined.end_tokens,
        parameters=found.parameters,
        begin=examined.begin,
        prompt_tokens=probe.default_prompt_tokens(context - _COMPLETION),
        quantisation=found.quantisation,
        author=found.author,
        link=link,
        imported=True,
    )
