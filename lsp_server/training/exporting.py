"""What a recipe's section ``[export]`` says."""

from typing import Literal

import msgspec


class Export(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A recipe's section ``[export]``.

    Attributes:
        name: by which the settings choose the model.
        title: its own name, of which the file's name is made.
        version, summary, licence: as in ``models.manifest.Manifest``.
        languages: that it is said to know, by the names of the grammars.
        ship: the file that goes into the model folder, or ``auto``: see ``choose``.
        documents: held-out documents over which bits per byte are measured.
        prompts: that the engines are asked for comparison.
    """

    name: str = "bundled"
    title: str = "offhand"
    version: str = "0.0.0"
    summary: str = ""
    licence: str = "Apache-2.0"
    languages: tuple[str, ...] = ()
    ship: Literal["auto", "f16", "q8_0", "q4_0"] = "auto"
    documents: int = 48
    prompts: int = 20
