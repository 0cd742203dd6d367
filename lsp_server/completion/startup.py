"""From settings to a running engine: choose the model, check its file, start the worker."""

import asyncio
import logging
import os
from collections.abc import Callable

import msgspec

from lsp_server.base import cores
from lsp_server.base.errors import EngineError, ModelError, OffhandError
from lsp_server.completion import gate, served
from lsp_server.completion.asking import context_of
from lsp_server.completion.remember import learn
from lsp_server.completion.session import Session
from lsp_server.engine.client import WorkerClient
from lsp_server.engine.messages import Load, Served, without_model
from lsp_server.models import choosing, store
from lsp_server.models.store import Model
from lsp_server.prompt.families import family, marks

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
        session.outage, session.laid_out_there = "", False
        if named is not None and session.config.engine == "http":  # that model is meant, and no server's
            session.config = msgspec.structs.replace(session.config, engine="auto")
        elsewhere = session.config.engine == "http"
        try:
            model = await asyncio.get_running_loop().run_in_executor(
                None, _checked, store.BUNDLED if elsewhere else named or session.config.model
            )
            session.model, session.gate = model, gate.read(model.gate_file)
            look = _served(session, model, on_state) if elsewhere else on_state
            session.worker = WorkerClient(load_message(session, model), on_state=look)
        except OffhandError as error:
            logger.warning("%s", error)
            await _without_model(session, on_state, str(error))
        for document in session.documents:
            learn(session, document)
        session.started.set()
    on_state()


def _served(session: Session, beside: Model, on_state: Callable[[], None]) -> Callable[[], None]:
    """Have the session know the model of a team's server, as soon as the worker does."""
    settings, languages = session.config.http, session.grammars.names
    known: Served | None = None

    def know(told: Served | None) -> None:
        nonlocal known
        known = told
        session.laid_out_there = served.lays_out(settings, told)
        session.model = served.as_model(beside, settings, told, languages)

    def look() -> None:
        loaded = session.worker.loaded if session.worker else None
        if loaded is not None and loaded.served not in (None, known):
            know(loaded.served)
            session.cache.clear()  # it is of prompts that were laid out otherwise
            session.ahead.forget()
            session.gathered.clear()
        on_state()

    know(None)
    return look


async def _without_model(session: Session, on_state: Callable[[], None], trouble: str) -> None:
    """Let the model that ships answer; if it was that one, or it is not whole, the memory alone with its tokens.

    Args:
        trouble: why the other one is not there.
    """
    try:
        session.model = store.find(store.BUNDLED)
    except OffhandError:
        session.model, session.trouble = None, trouble
        return
    session.gate = gate.read(session.model.gate_file)
    try:
        if session.config.model == store.BUNDLED or session.config.engine == "http":
            raise ModelError(trouble)
        await asyncio.get_running_loop().run_in_executor(None, _checked, session.model)
        load = load_message(session, session.model)
        trouble += f" Until then '{store.BUNDLED}' is used."
    except OffhandError:
        load = without_model(load_message(session, session.model))
    session.trouble = trouble  # told as soon as the worker says anything, once
    session.worker = WorkerClient(load, on_state=on_state)


def _checked(which: Model | str) -> Model:
    """A model, or the one of that name, its files verified before native code reads them; it can be asked."""
    model = choosing.find(which) if isinstance(which, str) else which
    family(model.manifest.template)
    store.verify(model)
    return model


async def stop_engine(session: Session) -> None:
    """End the worker, if there is one."""
    session.ahead.forget()
    session.flights.end()
    worker, session.worker = session.worker, None
    if worker is not None:
        await worker.close()


def load_message(session: Session, model: Model) -> Load:
    """What the worker is told to load.

    Raises:
        EngineError: the engine of the settings must not see this model.
    """
    manifest = model.manifest
    engine, otherwise = engines(session.config.engine, manifest.architecture, model.shipped)
    if engine == "ctransformers" and manifest.imported:
        raise EngineError(
            f"The engine 'ctransformers' is given no model that was added, such as '{manifest.name}': its reader is "
            "old and crashes on bad files. Set 'engine' to \"auto\"."
        )
    return Load(
        engine=engine,
        otherwise=otherwise,
        model=str(model.model_file),
        tokenizer=str(model.tokenizer_file),
        sha256=manifest.model.sha256,
        context=max(context_of(manifest), session.config.http.context if engine == "http" else 0),
        threads=0 if session.config.threads == "auto" else session.config.threads,
        cores=cores.usable(),
        special_tokens=manifest.special_tokens,
        end_tokens=manifest.end_tokens,
        http=session.config.http if engine == "http" else None,
        ask=marks() if engine == "http" else (),
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
