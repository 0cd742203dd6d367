"""Today's llama.cpp, driven by token ids through its C interface. One sequence; its own tokenizer is not used.

What decoding refuses by a return code (ids out of range, gaps, an overflow) is refused here first, with a sentence.
Model files must be validated before they come here. Which library it is, and how it is found: ``llama_api``.
"""

import ctypes
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lsp_server.base.errors import Aborted, EngineError, ModelError
from lsp_server.engine.backends import llama_api
from lsp_server.engine.backends.guard import refuse
from lsp_server.engine.protocol import Capabilities, Logits

#: Tokens that are evaluated at once, without and with flash attention: an aborted evaluation loses at most so many.
#: More are not faster, and with fewer than 64 flash attention takes a slower way (measured).
_BATCH = {False: 32, True: 64}

#: A list that ends at once: no graphics card is asked for anything.
_NO_DEVICES = (ctypes.c_void_p * 1)(None)

#: The one that all tokens belong to.
_SEQUENCE = 0


class LlamaCpp:
    """A GGUF model of any architecture whose cache can step back.

    Attributes:
        evaluated: see ``Engine.evaluated``.
    """

    capabilities = Capabilities(all_rows=True, abort=True, snapshots=True, sleeps=True)

    def __init__(
        self,
        model: Path,
        context: int,
        threads: int,
        *,
        flash: bool = False,
        library: llama_api.Library | None = None,
    ) -> None:
        """Load a model.

        Args:
            context: tokens that the KV cache shall hold.
            flash: attention in one fused step, or in several: see ``engine.flash``.
            library: the loaded library; opened if none is given.

        Raises:
            ModelError: llama.cpp refuses the file, or has no memory for it.
            EngineError: llama.cpp does not run on this machine.
        """
        self._model: Any = None
        self._context: Any = None
        self._library = library or llama_api.load()
        self._flag = ctypes.create_string_buffer(2)
        self._stopped = _string_length()
        self._batch = _Batch(max(_BATCH.values()))
        self._threads = threads
        self.context = context
        self.evaluated = 0
        self._load(model)
        try:
            self._open(flash)
        except ModelError:
            self.close()
            raise

    def _load(self, model: Path) -> None:
        library = self._library
        if not model.is_file():
            raise ModelError(f"Model file {model} does not exist. Choose another model.")
        params = library.model_default_params()
        params.n_gpu_layers = 0
        params.devices = ctypes.addressof(_NO_DEVICES)
        library.complaints.clear()
        self._model = library.model_load_from_file(os.fsencode(model), params)
        if not self._model:
            raise ModelError(f"llama.cpp refuses {model}: {self._complaint()}. Choose another model.")
        tests = ("model_is_recurrent", "model_is_hybrid", "model_is_diffusion", "model_has_encoder")
        if any(getattr(library, test)(self._model) for test in tests):
            self.close()
            raise ModelError(
                f"{model} holds a network that cannot step back to an earlier token, which completion needs. Choose "
                "another model."
            )
        self.vocabulary = int(library.vocab_n_tokens(library.model_get_vocab(self._model)))
        self.parameters = int(library.model_n_params(self._model))

    def _complaint(self) -> str:
        return self._library.complaints[0] if self._library.complaints else "it does not say why"

    def _open(self, flash: bool) -> None:
        """Make the KV cache; f16, since smaller ones are slower on a CPU and cost accuracy."""
        library = self._library
        params = library.context_default_params()
        params.n_ctx = self.context
        self._size = _BATCH[flash]
        params.n_batch = params.n_ubatch = params.n_outputs_max = self._size
        params.n_threads = params.n_threads_batch = self._threads
        params.flash_attn_type = int(flash)
        params.offload_kqv = params.op_offload = False
        params.abort_callback = ctypes.cast(self._stopped, ctypes.c_void_p)
        params.abort_callback_data = ctypes.addressof(self._flag)
        library.complaints.clear()
        self._context = library.init_from_model(self._model, params)
        if not self._context:
            raise ModelError(
                f"llama.cpp has no room for {self.context} tokens: {self._complaint()}. Choose a smaller model."
            )
        self._memory = library.get_memory(self._context)

    def use_flash(self, flash: bool) -> None:
        """Choose how attention is computed; the cache is made anew and empty.

        Raises:
            ModelError: there is no memory for it.
        """
        self._library.free(self._context)
        self._context, self.evaluated = None, 0
        self._open(flash)

    # --- evaluating

    def evaluate(self, ids: Sequence[int], keep: int) -> Logits:
        """See ``Engine.evaluate``. The view points into the library's memory: it dies with ``close``."""
        self._begin(ids, keep)
        for start in range(0, len(ids), self._size):
            part = ids[start : start + self._size]
            self._decode(part, keep + start, rows=1 if start + self._size >= len(ids) else 0)
        row: Logits = self._rows(1)[0]
        return row

    def evaluate_all(self, ids: Sequence[int], keep: int) -> Logits:
        """See ``Engine.evaluate_all``. A view as with ``evaluate`` for up to 32 tokens, maybe a copy for more."""
        self._begin(ids, keep)
        if len(ids) <= self._size:
            self._decode(ids, keep, rows=len(ids))
            return self._rows(len(ids))
        found = np.empty((len(ids), self.vocabulary), np.float32)
        for start in range(0, len(ids), self._size):
            part = ids[start : start + self._size]
            self._decode(part, keep + start, rows=len(part))
            found[start : start + len(part)] = self._rows(len(part))
        return found

    def _begin(self, ids: Sequence[int], keep: int) -> None:
        """Refuse what must not reach the library, and take back what is behind ``keep``."""
        if self._context is None:
            raise EngineError("The model was closed.")
        refuse(ids, keep, evaluated=self.evaluated, context=self.context, vocabulary=self.vocabulary)
        if keep < self.evaluated:
            self.evaluated = 0
            if not self._library.memory_seq_rm(self._memory, _SEQUENCE, keep, -1):
                self._library.memory_clear(self._memory, False)
                raise EngineError("llama.cpp cannot step back in this model's cache. Choose another model.")
            self.evaluated = keep

    def _decode(self, ids: Sequence[int], start: int, rows: int) -> None:
        """Evaluate one batch behind ``start`` tokens; keep the logits of its last ``rows`` tokens."""
        outcome = self._library.decode(self._context, self._batch.fill(ids, start, rows))
        if outcome == 0:
            self.evaluated = start + len(ids)
            return
        # What stays of a batch that was not finished is for the library to say; all of it is taken back, so that
        # the cache holds whole batches only.
        self._library.memory_seq_rm(self._memory, _SEQUENCE, start, -1)
        self.evaluated = max(0, min(start, self._library.memory_seq_pos_max(self._memory, _SEQUENCE) + 1))
        if outcome == llama_api.ABORTED:
            raise Aborted(f"Stopped after {self.evaluated} tokens.")
        if outcome == llama_api.NO_SPACE:
            raise EngineError(f"llama.cpp found no room for {start + len(ids)} tokens in its cache.")
        raise EngineError(f"llama.cpp failed to evaluate the prompt (code {outcome}).")

    def _rows(self, rows: int) -> Logits:
        data = self._library.get_logits(self._context)
        if not data:
            raise EngineError("llama.cpp returned no logits.")
        view: Logits = np.ctypeslib.as_array(data, (rows, self.vocabulary))
        return view

    # --- the cache, as bytes

    def snapshot(self) -> bytes:
        """See ``Engine.snapshot``."""
        if self._context is None:
            raise EngineError("The model was closed.")
        size = self._library.state_seq_get_size(self._context, _SEQUENCE)
        state = np.empty(size, np.uint8)
        written = self._library.state_seq_get_data(self._context, state.ctypes.data, size, _SEQUENCE)
        if not 0 < written <= size:
            raise EngineError("llama.cpp did not give the state of its cache.")
        return state[:written].tobytes()

    def restore(self, state: bytes) -> None:
        """See ``Engine.restore``."""
        if self._context is None:
            raise EngineError("The model was closed.")
        self.evaluated = 0
        self._library.memory_clear(self._memory, False)
        read = self._library.state_seq_set_data(self._context, state, len(state), _SEQUENCE)
        if not state or read != len(state):
            self._library.memory_clear(self._memory, False)
            raise EngineError("llama.cpp does not take back the state of its cache: it is damaged.")
        self.evaluated = self._library.memory_seq_pos_max(self._memory, _SEQUENCE) + 1

    # --- threads

    def set_threads(self, threads: int) -> None:
        """Use this many threads from the next evaluation on."""
        self._threads = threads
        if self._context is not None:
            self._library.set_n_threads(self._context, threads, threads)

    def abort(self) -> None:
        """See ``Engine.abort``. Looked at before every operation of the network."""
        self._flag[0] = b"\1"

    def resume(self) -> None:
        """See ``Engine.resume``."""
        self._flag[0] = b"\0"

    def close(self) -> None:
        """Free the model."""
        if self._context is not None:
            self._library.free(self._context)
            self._context = None
        if self._model is not None:
            self._library.model_free(self._model)
            self._model = None
        self.evaluated = 0


class _Batch:
    """The memory that a ``llama_batch`` points to, filled anew for each call."""

    def __init__(self, size: int) -> None:
        self._tokens = (ctypes.c_int32 * size)()
        self._places = (ctypes.c_int32 * size)()
        self._counts = (ctypes.c_int32 * size)(*[1] * size)
        self._sequence = ctypes.c_int32(_SEQUENCE)
        self._sequences = (ctypes.POINTER(ctypes.c_int32) * size)(*[ctypes.pointer(self._sequence)] * size)
        self._wanted = (ctypes.c_int8 * size)()
        self._batch = llama_api.Batch(
            0, self._tokens, None, self._places, self._counts, self._sequences, self._wanted
        )

    def fill(self, ids: Sequence[int], start: int, rows: int) -> llama_api.Batch:
        """Tokens behind ``start`` others, the last ``rows`` of them with logits; valid until it is filled again."""
        count = len(ids)
        self._tokens[:count] = list(ids)
        self._places[:count] = list(range(start, start + count))
        ctypes.memset(self._wanted, 0, count)
        ctypes.memset(ctypes.addressof(self._wanted) + count - rows, 1, rows)
        self._batch.n_tokens = count
        return self._batch


def _string_length() -> Any:
    """The C library's ``strlen``, as the function that llama.cpp asks whether to stop.

    It is asked before every operation, by the thread that computes; a Python function would have to wait for the
    interpreter's lock each time. ``strlen`` of our flag is 0, "go on", or 1, "stop", and needs no lock.
    """
    library = ctypes.CDLL("msvcrt") if sys.platform == "win32" else ctypes.CDLL(None)
    return library.strlen
