"""From settings to a running engine: choose the model, check its file, start the worker."""

import asyncio
import logging
import os
from collections.abc import Callable

from lsp_server.base.errors import OffhandError
from lsp_server.completion import gate
from lsp_server.completion.remember import learn
from lsp_server.completion.session import Session
from lsp_server.engine.client import WorkerClient, without_model
from lsp_server.engine.messages import Load
from lsp_server.models import store
from lsp_server.models.store import Model
from lsp_server.prompt.families import family

logger = logging.getLogger(__name__)

#: What ctransformers can run of GGUF files.
OLD_ARCHITECTURES = ("llama", "falcon")


async def start_engine(session: Session, on_state: Callable[[], None], named: Model | None = None) -> None:
    """Start the worker for the model of the settings, in place of one that runs already.

    Whatever goes wrong becomes ``session.trouble``, a sentence for the user.

    Args:
        named: a model to take in place of that one, for a command that names it.
    """
    async with session.starting:  # settings may change again while a model is being checked
        await stop_engine(session)
        session.cache.clear()
        session.remembered.clear()
        session.gathered.clear()
        session.trouble = ""
        try:
            model = await asyncio.get_running_loop().run_in_executor(
                None, _checked, named or session.config.model
            )
            session.model, session.gate = model, gate.read(model.gate_file)
            session.worker = WorkerClient(load_message(session, model), on_state=on_state)
        except OffhandError as error:
            session.trouble = str(error)
            logger.warning("%s", error)
            _without_model(session, on_state)
        for document in session.documents:
            learn(session, document)
        session.started.set()
    on_state()


def _without_model(session: Session, on_state: Callable[[], None]) -> None:
    """Let the memory answer alone, with the tokens of the model that ships, if that is whole at least."""
    try:
        session.model = store.find("bundled")
    except OffhandError:
        session.model = None
    else:
        load = without_model(load_message(session, session.model))
        session.worker = WorkerClient(load, on_state=on_state)


def _checked(which: Model | str) -> Model:
    """A model, or the one of that name, its files verified before native code reads them; it can be asked."""
    model = store.find(which) if isinstance(which, str) else which
    family(model.manifest.template)
    store.verify(model)
    return model


async def stop_engine(session: Session) -> None:
    """End the worker, if there is one."""
    session.stop_speculation()
    worker, session.worker = session.worker, None
    if worker is not None:
        await worker.close()


def load_message(session: Session, model: Model) -> Load:
    """What the worker is told to load."""
    manifest = model.manifest
    engine, otherwise = engines(session.config.engine, manifest.architecture, model.shipped)
    return Load(
        engine=engine,
        otherwise=otherwise,
        model=str(model.model_file),
        tokenizer=str(model.tokenizer_file),
        sha256=manifest.model.sha256,
        context=manifest.context_length,
        threads=session.config.threads,
        special_tokens=manifest.special_tokens,
        end_tokens=manifest.end_tokens,
        mixture=str(model.mixture_file or ""),
        keep=session.config.keep_cache,
        delay_ms=float(os.environ.get("OFFHAND_FAKE_DELAY_MS", "0")),
    )


def engines(setting: str, architecture: str, shipped: bool) -> tuple[str, str]:
    """What evaluates a model, and what else where that does not run on the machine.

    Args:
        setting: as the user has it.
        architecture: as the GGUF header has it.
        shipped: the file is one that comes with Offhand. The parser in ctransformers is old and trusts its input: of
            its own accord Offhand gives it nothing else. Whoever names it in the settings has decided for himself.
    """
    if setting != "auto":
        return setting, ""
    return "llama_cpp", "ctransformers" if shipped and architecture in OLD_ARCHITECTURES else ""
