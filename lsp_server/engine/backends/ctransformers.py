"""ctransformers 0.2.27, driven by token ids. Its own tokenizer crashes on byte-level vocabularies and is never used.

The library checks nothing: an id out of range or a negative position kills the process, a gap or an overflow silently
corrupts the KV cache. So every call is checked here first. Model files must be validated before they come here.
"""

import ctypes
import importlib
import importlib.util
import platform
import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lsp_server.base.errors import EngineError, ModelError
from lsp_server.engine.backends.guard import refuse
from lsp_server.engine.protocol import Capabilities, Logits

#: Tokens that the library evaluates at once. Its default of 8 makes prompts 1.5 times slower, 64 to 512 are equally
#: fast, and more than 512 abort the process (measured).
_BATCH = 64


class CTransformers:
    """A GGUF model of the llama or falcon architecture."""

    capabilities = Capabilities()
    parameters = 0  # the library does not tell

    def __init__(self, model: Path, context: int, threads: int) -> None:
        """Load a model.

        Args:
            context: tokens that the KV cache shall hold.

        Raises:
            ModelError: the library refuses the file.
            EngineError: the library does not run on this machine.
        """
        library = _import_library()
        config = library.Config(context_length=context, batch_size=_BATCH, threads=threads)
        try:
            self._llm: Any = library.LLM(str(model), config=config, lib=_build())
        except OSError as error:
            raise EngineError(
                f"The engine ctransformers has no build for this machine ({platform.system()}, {platform.machine()}): "
                f"{error}. Choose another engine in the settings."
            ) from error
        except (RuntimeError, ValueError) as error:
            raise ModelError(
                f"The engine ctransformers refuses {model}: {error}. Choose another model."
            ) from error
        self._threads = threads
        self.evaluated = 0
        self.vocabulary = int(self._llm.vocab_size)
        self.context = min(context, int(self._llm.context_length))

    def evaluate(self, ids: Sequence[int], keep: int) -> Logits:
        """See ``Engine.evaluate``. The view points into the library's memory: it dies with ``close``."""
        if self._llm is None:
            raise EngineError("The model was closed.")
        refuse(ids, keep, evaluated=self.evaluated, context=self.context, vocabulary=self.vocabulary)
        self.evaluated = keep
        tokens = (ctypes.c_int * len(ids))(*ids)
        if not self._llm.ctransformers_llm_batch_eval(tokens, len(ids), keep, _BATCH, self._threads):
            raise EngineError("The engine ctransformers failed to evaluate the prompt.")
        self.evaluated = keep + len(ids)
        if self._llm.ctransformers_llm_logits_size() != self.vocabulary:
            raise EngineError("The engine ctransformers returned no logits.")
        view: Logits = np.ctypeslib.as_array(self._llm.ctransformers_llm_logits_data(), (self.vocabulary,))
        return view

    def evaluate_all(self, ids: Sequence[int], keep: int) -> Logits:
        """Not there: the library keeps the last row only."""
        raise EngineError("The engine ctransformers returns the last row of logits only.")

    def snapshot(self) -> bytes:
        """Not there: the library does not give its cache."""
        raise EngineError("The engine ctransformers cannot save its cache.")

    def restore(self, state: bytes) -> None:
        """Not there: the library does not take a cache."""
        raise EngineError("The engine ctransformers cannot restore a cache.")

    def set_threads(self, threads: int) -> None:
        """Use this many threads from the next evaluation on."""
        self._threads = threads

    def abort(self) -> None:
        """Do nothing: the library cannot stop a running evaluation."""

    def resume(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Free the model."""
        if self._llm is not None:
            self._llm.ctransformers_llm_delete()
            self._llm._llm = None  # or its finaliser would free the model once more
            self._llm = None


def _import_library() -> Any:
    """Import ``ctransformers.llm`` without the package's ``__init__``, which loads huggingface_hub, an HTTP client."""
    if "ctransformers" not in sys.modules:
        spec = importlib.util.find_spec("ctransformers")
        if spec is None or spec.submodule_search_locations is None:
            raise EngineError("The engine ctransformers is not installed. Install Offhand again.")
        package = types.ModuleType("ctransformers")
        package.__path__ = list(spec.submodule_search_locations)
        sys.modules["ctransformers"] = package
    return importlib.import_module("ctransformers.llm")


def _build() -> str | None:
    """Return which of the library's builds fits this CPU; ``None`` lets it find out, which takes it a second."""
    if platform.system() != "Linux":
        return None
    if platform.machine() != "x86_64":
        raise EngineError(
            f"The engine ctransformers has no build for Linux on {platform.machine()}. Choose another engine in the "
            "settings."
        )
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    flags = set(next((line for line in text.splitlines() if line.startswith("flags")), "").split())
    if {"avx2", "fma", "f16c"} <= flags:
        return "avx2"
    return "avx" if {"avx", "f16c"} <= flags else "basic"
