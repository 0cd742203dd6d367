"""What a model says about itself: ``manifest.json`` beside its files. Does not know where models are kept."""

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from lsp_server.base.errors import ModelError

#: A manifest longer than this is not read (bytes).
_MAX_BYTES = 1 << 20

FILE = "manifest.json"

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\Z", max_length=100)]


class File(msgspec.Struct, frozen=True):
    """One file of a model.

    Attributes:
        name: a plain file name in the manifest's folder; never a path.
        bytes: its exact size.
        sha256: of its content, lower-case hexadecimal.
    """

    name: Name
    bytes: Annotated[int, Meta(ge=1)]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]


Share = Annotated[float, Meta(ge=0, le=0.8)]


class Pieces(msgspec.Struct, frozen=True):
    """How much of a prompt pieces of other files may have. A small model gains little by them, and loses by what they
    take from the document: ``offhand bench ablation`` tells.

    Attributes:
        always: share that they may have in any case.
        most: share that they may have where the document leaves room.
    """

    always: Share = 0.25
    most: Share = 0.5


class Manifest(msgspec.Struct, frozen=True):
    """What one must know to use a model.

    Attributes:
        name: by which the settings choose it.
        version, summary: for people.
        architecture: as the GGUF header has it.
        parameters: number of weights; 0 when unknown.
        context_length: tokens that the model was trained to see at once.
        template: prompt family it was trained on, see ``prompt.families``.
        languages: that it knows, by the names of the grammars and by the editors' ids for them; none if that is not
            known, which is taken for all.
        licence: of the weights.
        model, tokenizer: its files.
        special_tokens: text to id, all of them: none is ever part of a suggestion.
        end_tokens: those that end a completion.
        pieces: of other files, in its prompt.
        begin: name of the special token that every prompt begins with; empty for none.
        prompt_tokens: that a prompt may have; 0 for as many as the context holds. What a probe of this machine found
            counts more, see ``probe``.
        quantisation, author: as the GGUF header has them; empty when unknown.
        link: absolute path of the model's file, if it was not copied into the folder.
        imported: the file is of unknown origin: ``offhand models add`` brought it. Only an engine whose reader is
            maintained may see it.
    """

    name: Name
    version: str
    architecture: str
    context_length: Annotated[int, Meta(ge=64, le=1 << 20)]
    template: str
    languages: tuple[str, ...]
    licence: str
    model: File
    tokenizer: File
    special_tokens: dict[str, Annotated[int, Meta(ge=0)]]
    end_tokens: tuple[str, ...]
    parameters: Annotated[int, Meta(ge=0)] = 0
    summary: str = ""
    pieces: Pieces = Pieces()
    begin: str = ""
    prompt_tokens: Annotated[int, Meta(ge=0, le=1 << 20)] = 0
    quantisation: str = ""
    author: str = ""
    link: str = ""
    imported: bool = False


def read(path: Path) -> Manifest:
    """Read and check a manifest.

    Raises:
        ModelError: it is missing, damaged, or contradicts itself.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ModelError(f"Model manifest {path} cannot be read: {error.strerror or error}.") from error
    if len(data) > _MAX_BYTES:
        raise ModelError(f"Model manifest {path} is larger than {_MAX_BYTES} bytes, so it is not one.")
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ModelError(
            f"Model manifest {path} cannot be used: {error}. Correct it or remove the folder."
        ) from error
    used = {*manifest.end_tokens, *([manifest.begin] if manifest.begin else ())}
    unknown = sorted(used - manifest.special_tokens.keys())
    if unknown:
        raise ModelError(
            f"Model manifest {path} uses {', '.join(unknown)}, which its 'special_tokens' do not list. Correct it or "
            "remove the folder."
        )
    return manifest
