"""From a prompt to a completion, over any engine: what is evaluated, chosen, tried beside it, and when it ends.

The likeliest token is taken again and again; the last pre-token before the cursor is spelled anew under the constraint
that it spells what was typed (token healing). A line is then tried again from the places where another token was
nearly as likely: best first, as long as one can still turn out likelier than the best so far. Knows no process, no
file, and no clock but the deadline's.
"""

import codecs
import functools
import heapq
import itertools
import math
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from lsp_server.base.errors import Aborted, EngineError
from lsp_server.engine import drafting, stops
from lsp_server.engine.decoder import Decoder
from lsp_server.engine.kept import common
from lsp_server.engine.memory.store import ABOVE, BELOW, View
from lsp_server.engine.messages import Complete, Finished, FinishReason, Partial, Step, Written
from lsp_server.engine.offer import Choice, Offer
from lsp_server.engine.partings import partings
from lsp_server.engine.protocol import Logits

#: Prompt tokens between two looks at the clock and at whether the request was cancelled.
_CHUNK = 64

#: Other tokens that are remembered at each step of the first path.
_OTHERS = 2

#: Paths that are tried beside the first, and the tokens that all of them may have.
_BRANCHES, _BRANCH_TOKENS = 3, 32


class _Stopped(Exception):
    """The request was cancelled or its time is up; never leaves this module."""

    def __init__(self, reason: FinishReason) -> None:
        super().__init__(reason)
        self.reason = reason


class _Path(msgspec.Struct, frozen=True):
    """A beginning of a completion.

    Attributes:
        tokens: behind the prompt.
        typed: what was typed and is not spelled by them yet.
        spelled: what they spell beyond what was typed.
        steps: of each token.
        score: sum of their log-probabilities among all tokens.
        reason: why it ends; empty while it may go on.
        text: what it spells, cut where it ends.
    """

    tokens: tuple[int, ...]
    typed: bytes
    spelled: bytes = b""
    steps: tuple[Step, ...] = ()
    score: float = 0.0
    reason: FinishReason | None = None
    text: str = ""

    def agrees(self, typed: str) -> bool:
        """Whether it goes where typing goes."""
        if self.reason is not None:
            return stops.agree(self.text, typed)
        return stops.agree(self.spelled, typed.encode())


class _Branch(NamedTuple):
    """A path that might be likelier; sorts by how likely it is so far, best first."""

    badness: float
    number: int
    path: _Path
    choice: Choice


def complete(
    decoder: Decoder,
    request: Complete,
    *,
    deadline: float = math.inf,
    cancelled: Callable[[], bool] = lambda: False,
    typed: Callable[[], str] = lambda: "",
    on_partial: Callable[[Partial], None] = lambda partial: None,
) -> Finished:
    """Complete a prompt.

    Args:
        deadline: on the clock of ``time.monotonic``, seconds; ``request.deadline_ms`` is not looked at.
        cancelled: asked before each evaluation.
        typed: asked too: what was typed behind the cursor by now. As long as a text that is finished, or the one that
            is being written, agrees with it the work goes on; otherwise it is as if it had been cancelled.
        on_partial: called whenever a further line of a block is complete.
    """
    run = _Run(decoder, request, deadline, cancelled, typed, on_partial)
    try:
        run.prompt()
        if request.max_tokens == 0:
            raise _Stopped("length")
        run.first()
        run.others()
    except _Stopped as stopped:
        run.stop(stopped.reason)
    except Aborted:
        run.stop("cancelled")
    except EngineError as error:
        decoder.cached = []
        return Finished(request.id, "", "end", error=str(error))
    return run.finished()


class _Run:
    """The course of one request."""

    def __init__(
        self,
        decoder: Decoder,
        request: Complete,
        deadline: float,
        cancelled: Callable[[], bool],
        typed: Callable[[], str],
        on_partial: Callable[[Partial], None],
    ) -> None:
        self._decoder = decoder
        self._request = request
        self._deadline = deadline
        self._cancelled = cancelled
        self._typed = typed
        self._on_partial = on_partial
        self._view = _view(decoder, request)
        self._prompt: list[int] = []
        self._logits: Logits | None = None
        self._path = _Path((), b"")
        self._paths: list[_Path] = []
        self._branches: list[_Branch] = []
        self._numbers = itertools.count()
        self._tokens = self._reused = 0
        self._characters: dict[str, float] = defaultdict(float)
        self._undecided = 1.0
        self._others: list[tuple[bytes, float]] = []
        self._started = self._prompted = time.monotonic()

    def prompt(self) -> None:
        """Bring the prompt into the KV cache, as far as it is not there already."""
        decoder = self._decoder
        ids, rest = decoder.prompt_ids(self._request.parts, healing="healing" not in self._request.without)
        if not ids:
            raise EngineError("The prompt is empty.")
        if len(ids) >= decoder.engine.context:
            raise EngineError(
                f"The prompt has {len(ids)} tokens, the model's context {decoder.engine.context}."
            )
        self._prompt, self._path = ids, _Path((), rest)
        self._reused = decoder.reuse(ids, self._request.document, logits=self._request.max_tokens > 0)
        for start in range(self._reused, len(ids), _CHUNK):
            self._evaluate(ids[start : start + _CHUNK], start)
        self._prompted = time.monotonic()

    def _evaluate(self, ids: list[int], keep: int) -> None:
        self._look_up(self._path)
        self._logits = self._decoder.evaluate(ids, keep)

    def _look_up(self, path: _Path) -> None:
        """Between two evaluations: is it still wanted? ``path`` is what is being written."""
        typed = self._typed()
        if self._cancelled() or not any(one.agrees(typed) for one in (path, *self._paths)):
            raise _Stopped("cancelled")
        if time.monotonic() >= self._deadline:
            raise _Stopped("deadline")

    def first(self) -> None:
        """Write the completion that always takes the likeliest token."""
        shown = ""
        while self._path.reason is None:
            path = self._path
            offer = self._offer(path)
            self._foresee(path, offer)
            choices = self._choices(offer)
            if not choices:  # while something typed is not spelled yet, the path spells nothing
                self._path = _ended(path, "end")
                break
            for choice in choices[1:]:
                self._note(path, choice)
            self._path = self._extend(path, choices[0])
            lines = stops.complete_lines(self._path.text, self._request.stop)
            if lines != shown and self._path.reason is None:
                shown = lines
                self._on_partial(Partial(self._request.id, lines, self._path.steps))
            self._advance(self._path)
        self._paths.append(self._path)

    def others(self) -> None:
        """Try what may turn out likelier than the first path. A block is not worth it: it seldom comes out whole."""
        request = self._request
        if request.stop.kind != "line" or self._path.reason not in ("line", "end"):
            return
        if "candidates" in request.without:
            return
        best, spent = self._path.score, self._tokens + _BRANCH_TOKENS
        for _ in range(_BRANCHES):
            if not self._branches or -self._branches[0].badness <= best or self._tokens >= spent:
                break
            branch = heapq.heappop(self._branches)
            path = self._extend(branch.path, branch.choice)
            while path.reason is None and path.score > best and self._tokens < spent:
                self._advance(path)
                choices = self._choices(self._offer(path))
                if not choices:
                    break
                for choice in choices[1:]:
                    self._note(path, choice)
                path = self._extend(path, choices[0])
            if path.reason in ("line", "end") and path.score > best:
                best = path.score
            if path.reason in ("line", "end"):
                self._paths.append(path)

    def _offer(self, path: _Path) -> Offer:
        assert self._logits is not None
        return self._decoder.offer(self._logits, path.typed, self._view, self._request.familiar)

    def _choices(self, offer: Offer) -> list[Choice]:
        """The likeliest tokens; without a network only those that the memory has seen there."""
        choices = offer.best(1 + _OTHERS)
        if self._decoder.engine.capabilities.network:
            return choices
        return [choice for choice in choices if choice.match]

    def _foresee(self, path: _Path, offer: Offer) -> None:
        """Learn which characters may come first. Where a token may spell nothing but what was typed, what would follow
        it is what follows the token that is taken."""
        if path.spelled or not self._decoder.engine.capabilities.network:
            return
        shares, undecided = offer.characters(self._decoder.tokenizer.bytes, path.typed)
        for character, share in shares.items():
            self._characters[character] += self._undecided * share
        self._undecided *= undecided

    def _note(self, path: _Path, choice: Choice) -> None:
        """Remember a way that was not taken."""
        if not self._paths and self._decoder.engine.capabilities.network:
            spelling = self._decoder.tokenizer.bytes[choice.token][len(path.typed) :]
            share = sum(step.logprob for step in path.steps) + choice.share
            self._others.append((path.spelled + spelling, math.exp(share)))
        badness = -(path.score + choice.logprob)
        heapq.heappush(self._branches, _Branch(badness, next(self._numbers), path, choice))

    def _extend(self, path: _Path, choice: Choice) -> _Path:
        """The path with one token more, and whether it ends with it."""
        decoder, stop = self._decoder, self._request.stop
        spelling = decoder.tokenizer.bytes[choice.token]
        self._tokens += 1
        longer = msgspec.structs.replace(
            path,
            tokens=(*path.tokens, choice.token),
            typed=path.typed[len(spelling) :],
            spelled=path.spelled + spelling[len(path.typed) :],
            score=path.score + choice.logprob,
        )
        text = None if choice.token in decoder.ends else _text(longer.spelled)
        step = Step(len(path.text if text is None else text), choice.share, choice.match, choice.memory)
        longer = msgspec.structs.replace(longer, steps=(*path.steps, step))
        if text is None:
            return _ended(longer, "end")
        done = stops.cut(text, stop)
        if done is not None:
            return msgspec.structs.replace(longer, text=done[0], reason=done[1])
        return msgspec.structs.replace(longer, text=text)

    def _advance(self, path: _Path) -> None:
        """Get the logits behind a path that goes on."""
        if path.reason is not None:
            return
        written = sum(bool(one) for one in _growth(path))
        if written == self._request.max_tokens or self._full(path):
            raise _Stopped("length")
        self._look_up(path)
        decoder, request = self._decoder, self._request
        known = common(path.tokens, decoder.cached[len(self._prompt) :])
        ids, keep = list(path.tokens[known:]), len(self._prompt) + known
        # While something typed constrains the next token the memory is not asked; and a path that is tried beside the
        # first ends so soon, wherever it becomes less likely, that most of a draft is in vain (measured).
        if path.typed or self._paths or "drafts" in request.without:
            self._logits = decoder.evaluate(ids, keep)
            return
        room = decoder.engine.context - len(self._prompt) - len(path.tokens)
        most = max(0, min(drafting.MOST, room, request.max_tokens - written - 1))
        goes_on = functools.partial(self._goes_on, path)
        self._logits = decoder.advance(ids, keep, self._view, most, goes_on, request.familiar)

    def _goes_on(self, path: _Path, tokens: Sequence[int]) -> bool:
        """Whether a path could go on behind further tokens."""
        if tokens[-1] in self._decoder.ends:
            return False
        spellings = (self._decoder.tokenizer.bytes[token] for token in tokens)
        text = _text(path.spelled + b"".join(spellings))
        return text is not None and stops.cut(text, self._request.stop) is None

    def _full(self, path: _Path) -> bool:
        return len(self._prompt) + len(path.tokens) - 1 == self._decoder.engine.context

    def stop(self, reason: FinishReason) -> None:
        """End before the model did."""
        if reason == "cancelled":
            self._paths = []
            self._path = _Path((), b"", reason=reason)
        elif not self._paths:
            text = stops.unfinished(self._path.text, self._request.stop)
            self._path = msgspec.structs.replace(self._path, text=text, reason=reason)

    def finished(self) -> Finished:
        """The answer."""
        now = time.monotonic()
        ranked = sorted(self._paths, key=lambda path: -path.score) or [self._path]
        best = ranked[0]
        return Finished(
            id=self._request.id,
            text=best.text,
            reason=best.reason or "end",
            steps=best.steps,
            source="model" if self._decoder.engine.capabilities.network else "memory",
            others=tuple(Written(path.text, path.steps) for path in ranked[1:] if path.text != best.text),
            prompt_tokens=len(self._prompt),
            reused_tokens=self._reused,
            tokens=self._tokens,
            prompt_ms=(self._prompted - self._started) * 1000,
            decode_ms=(now - self._prompted) * 1000,
            branches=partings(best.text, self._characters, self._others),
            threads=self._decoder.pace.threads() if self._decoder.pace else None,
        )


def _view(decoder: Decoder, request: Complete) -> View:
    """What a request sees of the memory: all of it, but for what benchmarks leave out."""
    view = decoder.memory.view(request.document)
    if "memory" in request.without:
        return view.only(())
    return view.only((ABOVE, BELOW)) if "workspace" in request.without else view


def _ended(path: _Path, reason: FinishReason) -> _Path:
    return msgspec.structs.replace(path, text=stops.without_blank_end(path.text), reason=reason)


def _growth(path: _Path) -> Sequence[int]:
    """Characters that each step of a path added; those of healed tokens add none."""
    ends = [0, *(step.characters for step in path.steps)]
    return [after - before for before, after in itertools.pairwise(ends)]


def _text(spelled: bytes) -> str | None:
    """The whole characters at the beginning of some bytes; ``None`` if no text begins so."""
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(spelled)
    except UnicodeDecodeError:
        return None
