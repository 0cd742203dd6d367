"""What decoding works on: an engine, its tokenizer, the memory, and what stands in the KV cache.

Knows which token is how likely, not where a completion begins or ends; no process, no file.
"""

import contextlib
import math
import time
from collections import deque
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from lsp_server.base.errors import Aborted, EngineError
from lsp_server.base.parts import Part, limited
from lsp_server.engine.drafting import Drafting
from lsp_server.engine.kept import Kept, common
from lsp_server.engine.memory import mixture
from lsp_server.engine.memory.mixture import Mixture, Weights
from lsp_server.engine.memory.segment import REACH
from lsp_server.engine.memory.store import Memory, View
from lsp_server.engine.offer import Offer
from lsp_server.engine.pace import Pace
from lsp_server.engine.protocol import Engine, Logits
from lsp_server.engine.tokenizer import Tokenizer


class Decoder:
    """A model that is ready to be asked.

    Attributes:
        cached: ids of the tokens in the KV cache, in order; what was drafted and is not chosen yet stands behind them.
        drafting: what is drafted, and how well that went.
        kept: caches of documents that were left.
        memory: what is mixed into the network's distribution.
        ends: ids of the tokens that end a completion.
        weights: of the mixture of both.
        pace: chooses the engine's threads; ``None`` leaves them as they are.
    """

    pace: Pace | None = None

    def __init__(
        self,
        engine: Engine,
        tokenizer: Tokenizer,
        end_tokens: Sequence[str],
        memory: Memory | None = None,
        weights: Weights | None = None,
    ) -> None:
        """Join an engine and its tokenizer.

        Args:
            end_tokens: names of the special tokens that end a completion.
            memory: of the tokenizer's ids; an empty one of its own if none is given.
            weights: of the mixture of both; those that come with Offhand if none are given.

        Raises:
            EngineError: they do not belong together.
        """
        if tokenizer.vocabulary > engine.vocabulary:
            raise EngineError(
                f"The tokenizer has {tokenizer.vocabulary} tokens, the model {engine.vocabulary}: they do not belong "
                "together. Copy the model again."
            )
        unknown = set(end_tokens) - tokenizer.special.keys()
        if unknown:
            raise EngineError(f"The model has no special token {', '.join(sorted(unknown))} to end with.")
        self.engine = engine
        self.tokenizer = tokenizer
        self.memory = memory or Memory(tokenizer.vocabulary)
        self.cached: list[int] = []
        self.drafting = Drafting()
        self.kept = Kept()
        self._ahead: deque[tuple[int, Logits]] = deque()
        self._seam = (0, 0)
        self.ends = frozenset(tokenizer.special[name] for name in end_tokens)
        self.weights = weights or mixture.weights()
        self._mixture = Mixture(self.weights)
        speakable = (bool(spelling) or token in self.ends for token, spelling in enumerate(tokenizer.bytes))
        self._free = np.flatnonzero(np.fromiter(speakable, dtype=bool))

    def prompt_ids(self, parts: Sequence[Part], healing: bool = True) -> tuple[list[int], bytes]:
        """Turn a prompt into ids.

        Args:
            healing: leave the last pre-token to be spelled anew.

        Returns:
            the ids, and the bytes behind them that are left to healing.

        Raises:
            EngineError: a part names a special token that the model does not have.
        """
        ids: list[int] = []
        above, self._seam = 0, (0, 0)
        for part in parts[:-1]:
            ids += (
                self._special(part) if part.special else limited(self.tokenizer.encode_kept(part.text), part)
            )
            if part.continued:
                above = len(ids)
        if above:
            self._seam = above, len(ids)
        if not parts or parts[-1].special:
            return ids + [token for part in parts[-1:] for token in self._special(part)], b""
        if not healing:
            return ids + limited(self.tokenizer.encode(parts[-1].text), parts[-1]), b""
        stable, rest = self.tokenizer.split_for_healing(parts[-1].text)
        return ids + limited(stable, parts[-1]), rest

    def fit(self, part: Part) -> tuple[str, int]:
        """What is left of a part within its limit, and how many tokens that has."""
        if part.special:
            return part.text, 1
        ids = self.tokenizer.encode(part.text)
        left = limited(ids, part)
        if len(left) == len(ids):
            return part.text, len(ids)
        return b"".join(self.tokenizer.bytes[token] for token in left).decode(errors="ignore"), len(left)

    def close(self) -> None:
        """Free the engine."""
        self.engine.close()

    def _special(self, part: Part) -> list[int]:
        token = self.tokenizer.special.get(part.text)
        if token is None:
            raise EngineError(
                f"The prompt has the special token '{part.text}', which this model does not know."
            )
        return [token]

    def evaluate(self, ids: list[int], keep: int) -> Logits:
        """Bring tokens into the KV cache behind its first ``keep``; the logits are valid until the next call.

        Raises:
            Aborted: ``cached`` holds what had been done by then.
        """
        return self._evaluate(ids, keep, rows=1)

    def _evaluate(self, ids: list[int], keep: int, rows: int) -> Logits:
        """Evaluate, with the row of the last token only or with all of them, and note how long that took: this thread's
        processor time, which other programs do not lengthen much."""
        self._ahead.clear()
        del self.cached[keep:]
        begun = time.thread_time()
        try:
            with self.pace.timed(len(ids)) if self.pace else contextlib.nullcontext():
                logits = (self.engine.evaluate if rows == 1 else self.engine.evaluate_all)(ids, keep)
        except Aborted:
            self.cached = [*self.cached, *ids][: self.engine.evaluated]
            raise
        self.drafting.cost.note(len(ids), rows, time.thread_time() - begun)
        self.cached += ids
        return logits

    def advance(
        self,
        ids: list[int],
        keep: int,
        view: View,
        most: int,
        goes_on: Callable[[Sequence[int]], bool],
        familiar: bool,
    ) -> Logits:
        """As ``evaluate``, with what the memory is sure of next in the same batch: where decoding then chooses it, the
        logits behind it are there already.

        Args:
            view: of the memory.
            most: tokens that may be drafted.
            goes_on: whether a completion could go on behind these tokens.
            familiar: the model was trained on the language.

        Raises:
            Aborted: as ``evaluate``.
        """
        self.drafting.chosen(keep, ids[0])
        if self._ahead and keep == len(self.cached) and ids == [self._ahead[0][0]]:
            self.drafting.taken += 1
            self.cached += ids
            return self._ahead.popleft()[1]
        if not most or not self.engine.capabilities.all_rows:
            return self.evaluate(ids, keep)
        before = [*self.cached[:keep], *ids]

        def favourite(drafted: Sequence[int]) -> tuple[int, float]:
            matches = view.matches(self.read([*before, *drafted]))
            begun = time.thread_time()  # the matches are needed in any case, should the token be chosen
            token, least = self._mixture.favourite(matches, familiar)
            self.drafting.cost.looked(time.thread_time() - begun)
            return (token, least) if token >= 0 and goes_on([*drafted, token]) else (-1, 0.0)

        drafted = self.drafting.draft(len(before), favourite, most)
        if not drafted:
            return self.evaluate(ids, keep)
        rows = self._evaluate([*ids, *drafted], keep, rows=len(ids) + len(drafted))
        del self.cached[len(before) :]
        self.drafting.drafted += len(drafted)
        self._ahead.extend(zip(drafted, rows[len(ids) :], strict=True))
        row: Logits = rows[len(ids) - 1]
        return row

    def reuse(self, ids: Sequence[int], document: str, *, logits: bool) -> int:
        """How many of a prompt's tokens need not be evaluated. Where the user has gone back to a document its cache is
        taken up again.

        Args:
            logits: are wanted; then at least one is evaluated, since the engine has only those of the last one.
        """
        if self.engine.capabilities.snapshots:
            self._ahead.clear()
            per_token = self.drafting.cost.prompt_token
            self.cached = self.kept.bring(self.engine, self.cached, ids, document, per_token)
        return min(common(ids, self.cached), len(ids) - logits)

    def save(self) -> None:
        """Have the cache written to disk, if the user wants that; call it when there is time."""
        self.kept.save(self.engine, self.cached, self.drafting.cost.prompt_token)

    def offer(self, logits: Logits, typed: bytes, view: View, familiar: bool = True) -> Offer:
        """What may come behind ``cached``; nothing if no token spells what was typed.

        Args:
            typed: what stands before the cursor and has no token yet; constrains the choice.
            view: of the memory.
            familiar: the model was trained on the language.

        Raises:
            EngineError: the logits are not numbers.
        """
        tokens = self.tokenizer.allowed(typed) if typed else self._free
        network = self.network(logits)
        matches = view.matches(self.read(self.cached))
        offered = self._mixture.mix(network, matches, familiar)[tokens]
        total = float(offered.sum())
        if math.isnan(total):
            raise EngineError("The engine returned logits that are not numbers.")
        if total == 0.0 and len(tokens):  # too improbable for a float; among themselves they still differ
            offered, total = _softmax(logits[tokens]), 1.0
        return Offer(tokens, offered, total, network, matches)

    def read(self, ids: list[int]) -> list[int]:
        """What the memory goes by of the ids of a prompt, the last that ``prompt_ids`` was asked for, and of those
        behind it: the end of the text before the place, without what stands between the lines above and the cursor's.
        """
        above, behind = self._seam
        return ids[max(0, above - REACH) : above] + ids[behind:] if behind else ids

    def network(self, logits: Logits) -> npt.NDArray[np.float64]:
        """The network's distribution over the tokens that may be said."""
        probabilities = np.zeros(len(logits))
        probabilities[self._free] = _softmax(logits[self._free])
        return probabilities


def _softmax(logits: Logits) -> npt.NDArray[np.float64]:
    values = logits.astype(np.float64)
    values = np.exp(values - values.max())
    probabilities: npt.NDArray[np.float64] = values / values.sum()
    return probabilities
