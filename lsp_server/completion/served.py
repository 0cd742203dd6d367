"""A team's server's model, described as if it were one of ours, for the layers that lay out prompts and judge answers.

Its tokens are counted with the tokenizer of the model that ships, which the memory works with too. Knows no network.
"""

from collections.abc import Iterable, Mapping

import msgspec

from lsp_server.base.config import Http
from lsp_server.engine.messages import Served
from lsp_server.models.manifest import Pieces
from lsp_server.models.store import Model
from lsp_server.prompt.templates import TEMPLATES

#: The template of a prompt that the server lays out itself.
INFILL = "infill"

#: Special tokens by which a family is told from all others.
_MARKS: Mapping[str, tuple[str, ...]] = {
    "offhand": ("<|fim_suffix|>", "<|fim_prefix|>", "<|file_sep|>", "<|reserved_0|>")
}


def asked(beside: Model) -> tuple[str, ...]:
    """Texts of special tokens that a server shall be asked for.

    Args:
        beside: the model that ships.
    """
    return tuple(
        dict.fromkeys((*beside.manifest.special_tokens, *(one for marks in _MARKS.values() for one in marks)))
    )


def as_model(beside: Model, settings: Http, served: Served | None, languages: Iterable[str]) -> Model:
    """The served model, as far as it is known.

    Args:
        beside: the model that ships.
        served: ``None`` before the server has answered.
        languages: that it is taken to know: all there are.
    """
    known = served or Served("")
    context = min(settings.context, known.context or settings.context)
    manifest = msgspec.structs.replace(
        beside.manifest,
        name=known.model or "of the server",
        version="",
        parameters=0,
        context_length=context,
        template=_template(settings, known),
        languages=tuple(languages),
        pieces=Pieces(),  # larger models gain by them
        special_tokens=known.tokens or beside.manifest.special_tokens,
    )
    return msgspec.structs.replace(beside, manifest=manifest)


def _template(settings: Http, known: Served) -> str:
    if settings.template != "auto":
        return settings.template
    fitting = (
        name for name, marks in _MARKS.items() if name in TEMPLATES and known.tokens.keys() >= set(marks)
    )
    return next(fitting, INFILL)
