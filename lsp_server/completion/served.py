"""A team's server's model, described as if it were one of ours, for the layers that lay out prompts and judge answers.

Its tokens are counted with the tokenizer of the model that ships, which the memory works with too. Knows no network.
"""

from collections.abc import Iterable

import msgspec

from lsp_server.base.config import Http
from lsp_server.engine.messages import Served
from lsp_server.models.manifest import Pieces
from lsp_server.models.store import Model
from lsp_server.prompt.families import family, identify, names

#: The setting by which a server lays out prompts itself.
INFILL = "infill"


def lays_out(settings: Http, served: Served | None) -> bool:
    """Whether the server has to lay out prompts, as its model's family is not known here.

    Args:
        served: ``None`` before the server has answered.
    """
    return settings.template not in names() and not (settings.template == "auto" and served and served.tokens)


def as_model(beside: Model, settings: Http, served: Served | None, languages: Iterable[str]) -> Model:
    """The served model, as far as it is known. Where its family is not, prompts are shared out as for ``beside``.

    Args:
        beside: the model that ships.
        served: ``None`` before the server has answered.
        languages: that it is taken to know: all there are.

    Raises:
        ModelError: the settings name a family that is unknown.
    """
    known = served or Served("")
    about = identify(known.tokens)
    template = beside.manifest.template
    if not lays_out(settings, served):
        template = about.template if settings.template == "auto" else settings.template
    elif settings.template not in ("auto", INFILL):
        family(settings.template)  # says what is wrong
    manifest = msgspec.structs.replace(
        beside.manifest,
        name=known.model or "of the server",
        version="",
        parameters=0,
        context_length=min(settings.context, known.context or settings.context),
        template=template,
        languages=tuple(languages),
        pieces=Pieces(),  # larger models gain by them
        special_tokens=about.special_tokens or beside.manifest.special_tokens,
        end_tokens=about.end_tokens or beside.manifest.end_tokens,
        begin="",  # servers put it there themselves
    )
    return msgspec.structs.replace(beside, manifest=manifest)
