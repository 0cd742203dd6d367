"""The loop from a prompt to a completion, over any engine. Knows no process, no file and no clock but the deadline's.

Greedy decoding with three rules of its own: the KV cache keeps whatever prefix two prompts share; the last pre-token
before the cursor is spelled anew under the constraint that it spells what was typed (token healing); special tokens
never become text.
"""

import codecs
import math
import time
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from lsp_server.base.errors import EngineError
from lsp_server.base.parts import LEFT_STEP, Part
from lsp_server.engine import stops
from lsp_server.engine.memory import Memory
from lsp_server.engine.messages import Complete, Finished, FinishReason, Remember
from lsp_server.engine.protocol import Engine, Logits
from lsp_server.engine.tokenizer import Tokenizer

#: Prompt tokens between two looks at the clock and at whether the request was cancelled.
_CHUNK = 64


class _Stopped(Exception):
    """The request was cancelled or its time is up; never leaves this module."""

    def __init__(self, reason: FinishReason) -> None:
        super().__init__(reason)
        self.reason = reason


class Decoder:
    """An engine, its tokenizer, and what stands in the KV cache.

    Attributes:
        cached: ids of the tokens in the KV cache, in order.
        memory: what is mixed into the network's distribution.
    """

    def __init__(self, engine: Engine, tokenizer: Tokenizer, end_tokens: Sequence[str]) -> None:
        """Join an engine and its tokenizer.

        Args:
            end_tokens: names of the special tokens that end a completion.

        Raises:
            EngineError: they do not belong together.
        """
        if tokenizer.vocabulary > engine.vocabulary:
            raise EngineError(
                f"The tokenizer has {tokenizer.vocabulary} tokens, the model {engine.vocabulary}: they do not belong "
                "together. Copy the model again."
            )
        self.engine = engine
        self.tokenizer = tokenizer
        self.cached: list[int] = []
        self.memory = Memory()
        unknown = set(end_tokens) - tokenizer.special.keys()
        if unknown:
            raise EngineError(f"The model has no special token {', '.join(sorted(unknown))} to end with.")
        self._ends = frozenset(tokenizer.special[name] for name in end_tokens)
        speakable = (bool(spelling) or token in self._ends for token, spelling in enumerate(tokenizer.bytes))
        self._free = np.flatnonzero(np.fromiter(speakable, dtype=bool))

    def complete(
        self,
        request: Complete,
        *,
        deadline: float = math.inf,
        cancelled: Callable[[], bool] = lambda: False,
        on_partial: Callable[[str], None] = lambda text: None,
    ) -> Finished:
        """Complete a prompt.

        Args:
            deadline: on the clock of ``time.monotonic``, seconds; ``request.deadline_ms`` is not looked at.
            cancelled: asked before each evaluation.
            on_partial: called whenever a further line of a block is complete, with all complete lines.
        """
        run = _Run(self, request, deadline, cancelled, on_partial)
        try:
            run.prompt()
            run.decode()
        except _Stopped as stopped:
            run.stop(stopped.reason)
        except EngineError as error:
            self.cached = []
            return Finished(request.id, "", "end", error=str(error))
        return run.finished()

    def remember(self, message: Remember) -> None:
        """Learn a text for the copy memory."""
        self.memory.remember(message.document, [self.tokenizer.encode(piece) for piece in message.pieces])

    def prompt_ids(self, parts: Sequence[Part]) -> tuple[list[int], bytes]:
        """Turn a prompt into ids.

        Returns:
            the ids, and the bytes behind them that are left to healing.

        Raises:
            EngineError: a part names a special token that the model does not have.
        """
        ids: list[int] = []
        for part in parts[:-1]:
            ids += self._special(part) if part.special else _limited(self.tokenizer.encode(part.text), part)
        if not parts or parts[-1].special:
            return ids + [token for part in parts[-1:] for token in self._special(part)], b""
        stable, rest = self.tokenizer.split_for_healing(parts[-1].text)
        return ids + _limited(stable, parts[-1]), rest

    def _special(self, part: Part) -> list[int]:
        token = self.tokenizer.special.get(part.text)
        if token is None:
            raise EngineError(
                f"The prompt has the special token '{part.text}', which this model does not know."
            )
        return [token]

    def choose(
        self, logits: Logits, allowed: npt.NDArray[np.int64] | None, document: str = ""
    ) -> tuple[int, float]:
        """Take the likeliest of the allowed tokens, or of all speakable ones.

        Args:
            logits: for the token behind ``cached``.
            document: that is being written.

        Returns:
            its id, and its natural log-probability among those that were allowed.

        Raises:
            EngineError: the logits are not numbers.
        """
        values = logits[self._free].astype(np.float64)
        values = np.exp(values - values.max())
        probabilities = np.zeros(len(logits))
        probabilities[self._free] = values / values.sum()
        probabilities = self.memory.mix(probabilities, self.cached, document)
        candidates = self._free if allowed is None else allowed
        offered = probabilities[candidates]
        best = int(offered.argmax())
        total = float(offered.sum())
        if math.isnan(total):
            raise EngineError("The engine returned logits that are not numbers.")
        if (
            total == 0.0
        ):  # too improbable for a float next to the best token; among themselves they still differ
            values = logits[candidates].astype(np.float64)
            best = int(values.argmax())
            return int(candidates[best]), -math.log(float(np.exp(values - values[best]).sum()))
        return int(candidates[best]), math.log(float(offered[best]) / total)

    def ends(self, token: int) -> bool:
        """Whether the model says with this token that it is done."""
        return token in self._ends


class _Run:
    """The course of one request."""

    def __init__(
        self,
        decoder: Decoder,
        request: Complete,
        deadline: float,
        cancelled: Callable[[], bool],
        on_partial: Callable[[str], None],
    ) -> None:
        self._decoder = decoder
        self._request = request
        self._deadline = deadline
        self._cancelled = cancelled
        self._on_partial = on_partial
        self._logits: Logits | None = None
        self._rest = b""
        self._text = ""
        self._reason: FinishReason = "end"
        self._logprobs: list[float] = []
        self._prompt_tokens = self._reused = 0
        self._started = self._prompted = time.monotonic()

    def prompt(self) -> None:
        """Bring the prompt into the KV cache, as far as it is not there already."""
        decoder = self._decoder
        ids, self._rest = decoder.prompt_ids(self._request.parts)
        if not ids:
            raise EngineError("The prompt is empty.")
        if len(ids) >= decoder.engine.context:
            raise EngineError(
                f"The prompt has {len(ids)} tokens, the model's context {decoder.engine.context}."
            )
        self._prompt_tokens = len(ids)
        # At least one token is evaluated again: the engine has only the logits of the last one.
        self._reused = min(_common(ids, decoder.cached), len(ids) - 1)
        for start in range(self._reused, len(ids), _CHUNK):
            self._evaluate(ids[start : start + _CHUNK], start)
        self._prompted = time.monotonic()

    def _evaluate(self, ids: list[int], keep: int) -> None:
        if self._cancelled():
            raise _Stopped("cancelled")
        if time.monotonic() >= self._deadline:
            raise _Stopped("deadline")
        cached = self._decoder.cached
        del cached[keep:]
        self._logits = self._decoder.engine.evaluate(ids, keep)
        cached += ids

    def decode(self) -> None:
        """Write until something ends it."""
        decoder, spelling = self._decoder, self._decoder.tokenizer.bytes
        utf8 = codecs.getincrementaldecoder("utf-8")()
        shown = ""
        written = 0
        while True:
            assert self._logits is not None
            allowed = decoder.tokenizer.allowed(self._rest) if self._rest else None
            if allowed is not None and not len(allowed):
                break  # the vocabulary cannot spell what was typed
            token, logprob = decoder.choose(self._logits, allowed, self._request.document)
            self._logprobs.append(logprob)
            if decoder.ends(token):
                break
            new = spelling[token][len(self._rest) :]
            self._rest = self._rest[len(spelling[token]) :]
            written += bool(new)
            try:
                self._text += utf8.decode(new)
            except UnicodeDecodeError:
                break  # no text can come of these bytes
            done = stops.cut(self._text, self._request.stop)
            if done is not None:
                self._text, self._reason = done
                return
            lines = stops.complete_lines(self._text, self._request.stop)
            if lines != shown:
                shown = lines
                self._on_partial(lines)
            if written == self._request.max_tokens or len(decoder.cached) == decoder.engine.context:
                raise _Stopped("length")
            self._evaluate([token], len(decoder.cached))
        self._text = stops.without_blank_end(self._text)

    def stop(self, reason: FinishReason) -> None:
        """End before the model did."""
        self._reason = reason
        self._text = "" if reason == "cancelled" else stops.unfinished(self._text, self._request.stop)

    def finished(self) -> Finished:
        """The answer."""
        now, logprobs = time.monotonic(), self._logprobs
        return Finished(
            id=self._request.id,
            text=self._text,
            reason=self._reason,
            logprob_sum=sum(logprobs),
            logprob_mean=sum(logprobs) / len(logprobs) if logprobs else 0.0,
            logprob_min=min(logprobs, default=0.0),
            prompt_tokens=self._prompt_tokens,
            reused_tokens=self._reused,
            tokens=len(logprobs),
            prompt_ms=(self._prompted - self._started) * 1000,
            decode_ms=(now - self._prompted) * 1000,
        )


def _limited(ids: list[int], part: Part) -> list[int]:
    """Cut a text's ids to its limit, on the side and in the steps that ``Part`` describes."""
    over = len(ids) - part.limit
    if not part.limit or over <= 0:
        return ids
    return ids[-(-over // LEFT_STEP) * LEFT_STEP :] if part.cut == "left" else ids[: part.limit]


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    """Length of the longest common prefix."""
    for index, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return index
    return min(len(first), len(second))
