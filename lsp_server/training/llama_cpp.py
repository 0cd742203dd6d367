"""Today's llama.cpp, through cyllama, as an engine: only to check that an exported model means the same to it.

The product does not use it. cyllama 0.2.18 is for Python 3.10 and 3.11, 0.7.0 for newer ones; both are met here.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from cyllama.llama import llama_cpp

from lsp_server.base.errors import EngineError, ModelError
from lsp_server.engine.protocol import Capabilities, Logits


class LlamaCpp:
    """A GGUF model of any architecture."""

    capabilities = Capabilities()

    def __init__(self, model: Path, context: int, threads: int) -> None:
        """Load a model.

        Args:
            context: tokens that the KV cache shall hold.

        Raises:
            ModelError: llama.cpp refuses the file.
        """
        llama_cpp.disable_logging()
        settings = llama_cpp.LlamaContextParams()
        settings.n_ctx = settings.n_batch = settings.n_ubatch = context
        settings.n_threads = settings.n_threads_batch = threads
        try:
            self._model: Any = _Model(str(model), verbose=False)
            self._context: Any = llama_cpp.LlamaContext(self._model, settings, verbose=False)
        except (ValueError, RuntimeError, OSError) as error:
            raise ModelError(f"llama.cpp refuses {model}: {error}") from error
        self._batch: Any = llama_cpp.LlamaBatch(n_tokens=context, embd=0, n_seq_max=1)
        self.vocabulary = int(self._model.n_vocab)
        self.context = context
        self.parameters = int(self._model.n_params)

    def evaluate(self, ids: Sequence[int], keep: int) -> Logits:
        """See ``Engine.evaluate``."""
        if not ids or keep + len(ids) > self.context:
            raise EngineError(f"{keep} and {len(ids)} tokens do not fit into the context of {self.context}.")
        self._context.memory_seq_rm(0, keep, -1)
        self._batch.reset()
        for place, token in enumerate(ids):
            self._batch.add(token, keep + place, [0], place == len(ids) - 1)
        try:
            self._context.decode(self._batch)
        except (ValueError, RuntimeError) as error:
            raise EngineError(f"llama.cpp failed: {error}") from error
        return np.array(self._context.get_logits(), dtype=np.float32)

    def tokenize(self, text: str) -> list[int]:
        """The ids that llama.cpp's own tokenizer makes of a text; special tokens' names are text."""
        ids: list[int] = self._model.get_vocab().tokenize(text, False, False)
        return ids

    def set_threads(self, threads: int) -> None:
        """Use this many threads from the next evaluation on."""
        self._context.set_n_threads(threads, threads)

    def abort(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Free the model."""
        for part in (self._batch, self._context, self._model):
            part.close()


class _Model(llama_cpp.LlamaModel):
    """0.2.18 asks its model for ``n_vocab`` when it is asked for logits, but does not define it."""

    @property
    def n_vocab(self) -> int:
        """Number of token ids."""
        return int(self.get_vocab().n_vocab)
