"""The corpus as the stages behind it read it. Does not know how it was made."""

import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal, cast

import msgspec

from lsp_server.base.errors import TrainingError

Split = Literal["train", "validation", "test"]


class Document(msgspec.Struct, frozen=True):
    """One source file.

    Attributes:
        package, version, registry, licence: where it came from.
        language: by the names of the grammars.
        path: in its package, ``/`` between the parts.
    """

    package: str
    language: str
    path: str
    text: str
    version: str = ""
    registry: str = ""
    licence: str = ""


def read(folder: Path, split: Split) -> Iterator[Document]:
    """The documents of a part of the corpus, packed by ``xz`` or not.

    Raises:
        TrainingError: it is not there, or damaged.
    """
    plain, packed = folder / f"{split}.jsonl", folder / f"{split}.jsonl.xz"
    decoder = msgspec.json.Decoder(Document)
    try:
        with cast("BinaryIO", plain.open("rb") if plain.exists() else lzma.open(packed)) as file:
            for line in file:
                yield decoder.decode(line)
    except (OSError, EOFError, lzma.LZMAError, msgspec.DecodeError) as error:
        raise TrainingError(f"The corpus in {folder} cannot be read: {error}. Run 'corpus' again.") from error
