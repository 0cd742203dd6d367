"""From the name of an engine to a loaded model: which module it is, and what is done where it does not run.

Imports an engine's library only when that engine is asked for. Knows no request.
"""

import platform
import sys
from pathlib import Path

import msgspec

from lsp_server.base import digest
from lsp_server.base.errors import EngineError, ModelError
from lsp_server.engine.decoder import Decoder
from lsp_server.engine.messages import Load
from lsp_server.engine.protocol import Engine, TextEngine


def open_engine(request: Load, alone: Decoder) -> tuple[Engine, str, str]:
    """Load the model into the engine that is asked for, or else into the one that shall take its place.

    Args:
        alone: the memory without a network, and the tokenizer.

    Returns:
        the engine, its name, and why it is not the one that was asked for (empty if it is).

    Raises:
        ModelError: the model's file is missing, is not the expected one, or is refused.
        EngineError: the engine is unknown or does not run here, nor does the other.
    """
    try:
        return _open(request, alone), request.engine, ""
    except EngineError as error:
        if not request.otherwise:
            raise
        other = msgspec.structs.replace(request, engine=request.otherwise)
        return _open(other, alone), request.otherwise, str(error)


def open_http(request: Load, alone: Decoder) -> TextEngine:
    """Get to know a team's server.

    Raises:
        EngineError: the settings cannot be used.
    """
    if request.http is None:
        raise EngineError("The engine 'http' was told no server.")
    from lsp_server.engine.backends.http.engine import HttpEngine

    return HttpEngine(request.http, request.ask, alone)


def _open(request: Load, alone: Decoder) -> Engine:
    tokenizer, model = alone.tokenizer, Path(request.model)
    if request.engine == "memory":
        return alone.engine
    if request.engine == "fake":
        from lsp_server.engine.backends.fake import Fake

        end = tokenizer.special.get(request.end_tokens[0], 0) if request.end_tokens else 0
        return Fake(tokenizer.vocabulary, request.context, end, request.delay_ms)
    if request.engine == "ctransformers":
        _check(model, request.sha256)
        from lsp_server.engine.backends.ctransformers import CTransformers

        return CTransformers(model, request.context, threads=1)
    if request.engine == "llama_cpp":
        _check(model, request.sha256)
        from lsp_server.engine import flash
        from lsp_server.engine.backends.llama_cpp import LlamaCpp

        known = flash.known(request.sha256)
        engine = LlamaCpp(model, request.context, request.threads or 1, flash=known is True)
        if known is None:
            flash.settle(engine, request.sha256)
        return engine
    raise EngineError(f"There is no engine '{request.engine}'. Correct the setting 'engine'.")


def identity(sha256: str, engine: str) -> str:
    """What a state of an engine belongs to: the model file, the engine, its build, and the kind of machine."""
    build = ""
    if engine == "llama_cpp":
        from lsp_server.engine.backends import llama_api

        build = llama_api.BUILD
    return " ".join((sha256, engine, build, sys.platform, platform.machine()))


def _check(model: Path, expected: str) -> None:
    """Native code must see no other file than the one that was validated."""
    try:
        found = digest.remembered(model)
    except OSError as error:
        raise ModelError(
            f"Model file {model} cannot be read: {error.strerror or error}. Copy it again."
        ) from error
    if found != expected:
        raise ModelError(
            f"Model file {model} is damaged: its sha256 differs. Copy it again, or install Offhand again."
        )
