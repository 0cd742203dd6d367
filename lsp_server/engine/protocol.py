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
        all_rows: has ``evaluate_all``, so that drafts can be verified in one batch.
        abort: a running evaluation can be stopped from another thread.
        snapshots: has ``snapshot`` and ``restore``.
        sleeps: its threads sleep while they wait for one another, in the environment that the worker is started with.
            Where they spin a second thread costs seconds a token beside other programs, and there must be none.
    """

    network: bool = True
    logits: bool = True
    all_rows: bool = False
    abort: bool = False
    snapshots: bool = False
    sleeps: bool = False


class Engine(Protocol):
    """A loaded model and its KV cache. Not thread-safe, except ``abort``.

    Where ``capabilities`` says no to something, its method raises ``EngineError`` (``abort`` does nothing).
    """

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

    @property
    def evaluated(self) -> int:
        """Tokens in the KV cache, at most so many can be kept. After an error it says what is left."""

    def evaluate(self, ids: Sequence[int], keep: int) -> Logits:
        """Rewind the KV cache to its first ``keep`` tokens, append ``ids`` and return the last row of logits.

        Returns:
            shape (vocabulary,); a view that is valid only until the next call.

        Raises:
            Aborted: ``abort`` was called. Some of ``ids`` may be in the cache: see ``evaluated``.
            EngineError: an id is out of range, ``keep`` is beyond what was evaluated, or the context would overflow.
        """

    def evaluate_all(self, ids: Sequence[int], keep: int) -> Logits:
        """As ``evaluate``, but return the row of each of ``ids``.

        Returns:
            shape (len(ids), vocabulary); may be a view that is valid only until the next call.
        """

    def snapshot(self) -> bytes:
        """The KV cache, to be restored into this model later, by another process too. Without logits."""

    def restore(self, state: bytes) -> None:
        """Put a snapshot of the same model file in place of the KV cache; ``evaluated`` is then what it was.

        Raises:
            EngineError: it is not one; the cache is then empty. A snapshot of another model is not always noticed.
        """

    def set_threads(self, threads: int) -> None:
        """Use this many threads from the next evaluation on."""

    def abort(self) -> None:
        """From any thread: have the running evaluation, and any that is begun before ``resume``, raise ``Aborted``."""

    def resume(self) -> None:
        """Take an ``abort`` back: evaluate again."""

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
        typed: Callable[[], str],
        on_partial: Callable[[Partial], None],
    ) -> Finished:
        """Complete a prompt; arguments as in ``decoding.complete``. It is never asked to write nothing.

        Returns:
            with ``trouble`` where it could not be asked, and then without text.
        """

    def close(self) -> None:
        """Close what is open."""
