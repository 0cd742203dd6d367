"""A request as text: what the parts of a prompt spell, with special tokens by their names. Knows no server."""

import re
from collections.abc import Iterable, Sequence

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
        typed = self._typed(infill.prefix) if heals and "healing" not in request.without else ""
        prompt, typed = self._prompt(request.parts, infill.prefix, typed, special)
        return Question(
            prompt,
            _plain_infill(infill, typed, special),
            typed,
            request.stop.kind == "line",
            request.max_tokens + (_HEALED if typed else 0),
            milliseconds,
            context,
            special,
        )

    def _typed(self, prefix: str) -> str:
        """The last pre-token before the cursor, by the tokenizer at hand: others split much alike."""
        _, rest = self._alone.tokenizer.split_for_healing(prefix[-_TAIL:])
        try:
            return rest.decode()
        except UnicodeDecodeError:
            return ""  # it begins inside a character

    def _prompt(
        self, parts: Sequence[Part], prefix: str, typed: str, special: Sequence[str]
    ) -> tuple[str, str]:
        """The parts as one text without what is typed anew, and what that is."""
        last = max((index for index, part in enumerate(parts) if _before_cursor(part, prefix)), default=-1)
        texts: list[str] = []
        for index, part in enumerate(parts):
            text = part.text if part.special else self._alone.fit(part)[0]
            if index == last:
                typed = typed if text.endswith(typed) else ""
                text = text[: len(text) - len(typed)]
            texts.append(text if part.special else plain(text, special))
        if parts and last < 0:
            typed = ""
        return "".join(texts), typed


def _before_cursor(part: Part, prefix: str) -> bool:
    """Whether a part ends at the cursor: in some families it is not the last."""
    return bool(part.text) and not part.special and prefix.endswith(part.text)


def _plain_infill(infill: Infill, typed: str, special: Sequence[str]) -> Infill:
    return Infill(
        plain(infill.prefix[: len(infill.prefix) - len(typed)], special),
        plain(infill.suffix, special),
        tuple((path, plain(text, special)) for path, text in infill.extra),
    )


def plain(text: str, special: Iterable[str]) -> str:
    """A user's text in which nothing reads as a special token: servers look for their names in the whole prompt, so a
    blank goes behind the first character of each."""
    names = sorted(filter(None, special), key=len, reverse=True)
    if not names or not any(name in text for name in names):
        return text
    return re.sub("|".join(map(re.escape, names)), lambda found: f"{found[0][0]} {found[0][1:]}", text)
