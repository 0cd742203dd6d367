"""What an engine must be able to do, at the level of token ids. Knows nothing of text, prompts or processes.

The protocol fits a token-level library (ctransformers, a llama.cpp binding) and, by its flags, a server that is
given text and decodes on its own (``logits`` false): see ``Capabilities``.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from lsp_server.engine.messages import Complete, Finished, Partial, Served

Logits = npt.NDArray[np.float32]


class Capabilities(msgspec.Struct, frozen=True):
    """What an engine can do beyond evaluating tokens and returning the last row of logits.

    Attributes:
        network: knows more than the memory; without one only what is remembered is said.
        logits: gives logits at all. A text-level server (HTTP) does not: it is a ``TextEngine``.
        all_rows: returns the logits of every evaluated token, so that drafts can be verified in one batch.
        abort: a running evaluation can be stopped from another thread.
        snapshots: the KV cache can be saved and brought back.
    """

    network: bool = True
    logits: bool = True
    all_rows: bool = False
    abort: bool = False
    snapshots: bool = False


class Engine(Protocol):
    """A loaded model and its KV cache. Not thread-safe, except ``abort``."""

    @property
    def capabilities(self) -> Capabilities:
        """What this engine can do."""

    @property
    def vocabulary(self) -> int:
        """Number of token ids."""

    @property
    def context(self) -> int:
        """Tokens that the KV cache holds."""

    @property
    def parameters(self) -> int:
        """Number of weights; 0 when unknown."""

    def evaluate(self, ids: Sequence[int], keep: int) -> Logits:
        """Rewind the KV cache to its first ``keep`` tokens, append ``ids`` and return the last row of logits.

        Returns:
            shape (vocabulary,); a view that is valid only until the next call.

        Raises:
            EngineError: an id is out of range, ``keep`` is beyond what was evaluated, or the context would overflow.
        """

    def set_threads(self, threads: int) -> None:
        """Use this many threads from the next evaluation on."""

    def abort(self) -> None:
        """Stop a running evaluation, where ``capabilities.abort`` says so; otherwise do nothing."""

    def close(self) -> None:
        """Free the model. No view of its logits may be used afterwards."""


class TextEngine(Protocol):
    """What is given a whole request and decodes on its own. Not thread-safe."""

    @property
    def capabilities(self) -> Capabilities:
        """What this engine can do; ``logits`` is false."""

    @property
    def vocabulary(self) -> int:
        """Number of token ids of the tokenizer beside it; its own is not known."""

    @property
    def context(self) -> int:
        """Tokens of a prompt and its completion."""

    @property
    def parameters(self) -> int:
        """Number of weights; 0 when unknown."""

    @property
    def served(self) -> Served | None:
        """What is known of the server; ``None`` while it has not answered."""

    def complete(
        self,
        request: Complete,
        *,
        deadline: float,
        cancelled: Callable[[], bool],
        on_partial: Callable[[Partial], None],
    ) -> Finished:
        """Complete a prompt; arguments as in ``decoding.complete``.

        Returns:
            with ``trouble`` where it could not be asked, and then without text.
        """

    def close(self) -> None:
        """Close what is open."""
