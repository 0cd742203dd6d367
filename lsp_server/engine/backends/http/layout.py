"""A request as text: what the parts of a prompt spell, with special tokens by their names. Knows no server."""

from lsp_server.base.neutral import neutralise
from lsp_server.base.parts import Part
from lsp_server.engine.backends.http.dialect import Question
from lsp_server.engine.decoder import Decoder
from lsp_server.engine.messages import Complete, Infill, Served

#: Tokens that healing may add to an answer, and characters in which the last pre-token is looked for.
_HEALED, _TAIL = 16, 256


class Layout:
    """Makes questions of requests."""

    def __init__(self, alone: Decoder) -> None:
        """Make one.

        Args:
            alone: counts tokens with its own vocabulary, which is smaller than most: what it cuts fits.
        """
        self._alone = alone

    def question(
        self, request: Complete, served: Served, heals: bool, milliseconds: int, context: int
    ) -> Question:
        """What a server is asked.

        Args:
            heals: it can be made to begin with given characters.
            milliseconds, context: as in ``Question``.
        """
        infill = request.infill or Infill("", "")
        special = tuple({*served.tokens, *(part.text for part in request.parts if part.special)})
        texts = [self._text(part, special) for part in request.parts]
        before = texts[-1] if texts else infill.prefix
        typed = self._typed(before) if heals and "healing" not in request.without else ""
        left = len(before) - len(typed)
        if texts:
            texts[-1] = before[:left]
        return Question(
            "".join(texts),
            Infill(
                neutralise(infill.prefix if texts else before[:left], special),
                neutralise(infill.suffix, special),
                tuple((path, neutralise(text, special)) for path, text in infill.extra),
            ),
            typed,
            request.stop.kind == "line",
            request.max_tokens + (_HEALED if typed else 0),
            milliseconds,
            context,
            special,
        )

    def _text(self, part: Part, special: tuple[str, ...]) -> str:
        """A part as the server reads it."""
        return part.text if part.special else neutralise(self._alone.fit(part)[0], special)

    def _typed(self, prefix: str) -> str:
        """The last pre-token before the cursor, by the tokenizer at hand: others split much alike."""
        _, rest = self._alone.tokenizer.split_for_healing(prefix[-_TAIL:])
        try:
            return rest.decode()
        except UnicodeDecodeError:
            return ""  # it begins inside a character
