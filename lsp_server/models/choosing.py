"""Which model the setting ``model`` means: a name, or ``auto`` for the largest one that is quick on this machine.

Goes by what was measured before; measures nothing, so that a server's start never waits for it.
"""

from collections.abc import Sequence

from lsp_server.models import store
from lsp_server.models.probe import QUICK_S
from lsp_server.models.store import Model

#: The setting that leaves the choice to ``best``.
AUTO = "auto"


def find(setting: str) -> Model:
    """The model that is meant.

    Raises:
        ModelError: there is none of that name.
    """
    if setting != AUTO:
        return store.find(setting)
    models, _problems = store.installed()
    return best(models) or store.find(store.BUNDLED)


def best(models: Sequence[Model]) -> Model | None:
    """The largest of those that were measured here and write a line in time; of equally large ones the fastest.

    One whose file is not there, on a stick that was pulled out, does not count.
    """
    quick = [
        (model.manifest.parameters, model.probe.speed, model)
        for model in models
        if model.probe is not None and model.probe.line_s <= QUICK_S and model.model_file.is_file()
    ]
    return max(quick, key=lambda entry: entry[:2])[2] if quick else None
