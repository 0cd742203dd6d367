"""A completion that is being written by a server: from the pieces that come to a text, its steps and its end.

Pure but for a look at the clock.

It ends where a local engine would have ended it (``engine.stops``), whatever the server thinks.
"""

import codecs
import math
import time
from collections.abc import Sequence

from lsp_server.engine import stops
from lsp_server.engine.backends.http.dialect import Piece, Token
from lsp_server.engine.messages import FinishReason, Step, Stop


class Draft:
    """What was written so far.

    Attributes:
        text: behind the cursor, cut where it ends.
        steps: its tokens, if the server tells them.
        reason: why it ended; ``None`` while it goes on.
        tokens: that were written, those of the typed characters included.
        last: the server's last message, with what it tells at the end.
        began: when the first piece came (``time.monotonic``); 0 before.
    """

    def __init__(self, stop: Stop, typed: str, special: tuple[str, ...], max_tokens: int) -> None:
        """Begin.

        Args:
            typed: what the server writes first, see ``Question``.
            special: texts that end the completion, if the server lets them through.
            max_tokens: after so many it ends, whatever the server does.
        """
        self.text = ""
        self.steps: tuple[Step, ...] = ()
        self.reason: FinishReason | None = None
        self.tokens = 0
        self.last = Piece()
        self.began = 0.0
        self._stop = stop
        self._typed = typed
        self._special = special
        self._most = max_tokens
        self._written = ""
        self._spelled = b""

    def add(self, piece: Piece) -> None:
        """Take in what comes next."""
        self.began = self.began or time.monotonic()
        self._written += piece.text
        self.tokens += len(piece.tokens) or bool(piece.text)
        self.steps += tuple(map(self._step, piece.tokens))
        if piece.end is not None:
            self.last = piece
        self._look(piece)

    def _look(self, piece: Piece) -> None:
        """See whether it has come to its end."""
        written, typed = self._written, self._typed
        if not written.startswith(typed):
            if piece.end is not None or not typed.startswith(written):
                self._end("", "end")  # it says nothing that fits
            return
        text = written[len(typed) :]
        cuts = [place for place in map(text.find, self._special) if place >= 0]
        ended = bool(cuts)
        if ended:
            text = text[: min(cuts)]
        done = stops.cut(text, self._stop)
        if done is not None:
            self._end(*done)
        elif ended or piece.end in ("end", "line"):
            self._end(stops.without_blank_end(text), "end" if ended else piece.end)
        elif piece.end is not None or self.tokens > self._most:
            self.stop("length", text)
        else:
            self.text = text

    def stop(self, reason: FinishReason, text: str | None = None) -> None:
        """End before the server did."""
        self._end(stops.unfinished(self.text if text is None else text, self._stop), reason)

    def _end(self, text: str, reason: FinishReason | None) -> None:
        self.text, self.reason = text, reason

    @property
    def lines(self) -> str:
        """Its lines that will not change any more; empty for one that is a line itself."""
        return stops.complete_lines(self.text, self._stop)

    def _step(self, token: Token) -> Step:
        """A token as the gate knows it: how likely it was among those that the typed characters allowed."""
        typed = self._typed.encode()
        left = typed[len(self._spelled) :]
        share, others = min(token.logprob, 0.0), dict(token.others)
        if left and token.spelling in others:
            share -= _together([logprob for one, logprob in others.items() if one and stops.agree(one, left)])
        elif left and len(token.spelling) <= len(left):
            share = 0.0  # hardly likely by itself, but what was typed leaves no choice
        self._spelled += token.spelling
        behind = self._spelled[len(typed) :]
        return Step(len(codecs.getincrementaldecoder("utf-8")("replace").decode(behind)), min(share, 0.0))


def _together(logprobs: Sequence[float]) -> float:
    """The log-probability that one of some things happens; there is one at least."""
    most = max(logprobs)
    return most + math.log(sum(math.exp(one - most) for one in logprobs))
