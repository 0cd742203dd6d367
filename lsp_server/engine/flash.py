"""Attention in one fused step ("flash") or in several: which is faster depends on the model, the processor and the
build of llama.cpp, so it is tried once for a model file and remembered.

Small models only: to see a difference many tokens must stand in the cache, which takes a large model seconds. It is
given the several steps: with the build that is used here they were faster in what counts, a few tokens behind many
(0.5B, one thread, behind 1,500: a token 28 against 37 ms, 24 tokens 325 against 484), and slower in long prompts only
(8 %). Knows no request.
"""

import time

from lsp_server.base.notebook import Notebook
from lsp_server.engine.backends import llama_api
from lsp_server.engine.backends.llama_cpp import LlamaCpp

#: Largest model that is tried, in weights; with it trying takes a second or two.
_LARGEST = 100_000_000

#: What is timed: tokens that stand in the cache, more in one batch behind them, and single ones behind these. About
#: what a completion evaluates when its prompt has changed a little.
_DEPTH, _MORE, _SINGLE = 256, 24, 32

_KEPT = Notebook("flash.json", bool)


def known(sha256: str) -> bool | None:
    """What was found for a model file earlier; ``None`` when it has not been tried."""
    return _KEPT.read().get(_key(sha256))


def settle(engine: LlamaCpp, sha256: str) -> None:
    """Try both with a model that is small enough, take the faster, and remember it. The cache is empty afterwards.

    Raises:
        EngineError: the model cannot be evaluated.
    """
    if engine.parameters > _LARGEST or engine.context < _DEPTH + _MORE + _SINGLE:
        return
    faster = min((False, True), key=lambda flash: _cost(engine, flash))
    engine.use_flash(faster)
    _KEPT.write({**_KEPT.read(), _key(sha256): faster})


def _key(sha256: str) -> str:
    return f"{sha256} {llama_api.BUILD}"


def _cost(engine: LlamaCpp, flash: bool) -> float:
    """Processor time of this thread, which other programs do not lengthen much (s)."""
    engine.use_flash(flash)
    ids = [token % engine.vocabulary for token in range(_DEPTH + _MORE)]
    engine.evaluate(ids[:_DEPTH], 0)
    engine.evaluate(ids[:1], _DEPTH)
    begun = time.thread_time()
    engine.evaluate(ids[_DEPTH:], _DEPTH)
    for token in ids[:_SINGLE]:
        engine.evaluate([token], engine.evaluated)
    return time.thread_time() - begun
