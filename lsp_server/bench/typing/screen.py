"""What an editor shows of answers while somebody types on, and what became of it.

Ghost text stays as far as the keys agree with it, until an answer says otherwise. Knows no clock and no subject.
"""

import re
from collections import Counter
from typing import Literal

import msgspec

from lsp_server.bench.typing.subject import Answer

#: What one key takes of a ghost text when it is accepted word by word: a word with what stands in front of it, or a run
#: of other characters.
_WORD = re.compile(r"\s*(\w+|[^\w\s]+)|\s+")


Outcome = Literal["accepted", "typed", "contradicted", "left", "withdrawn"]


class Shows(msgspec.Struct, frozen=True):
    """Continuous displays of ghost text, by what became of them; and changes that nobody asked for.

    Attributes:
        accepted: taken by a key, at least a word of it.
        typed: typed by hand to the end.
        contradicted: another key came.
        left: the cursor went elsewhere.
        withdrawn: another answer came, which did not go on from what was shown, or there was none any more.
        flicker: of these, where a key that agreed had come between: what was on the screen changed in spite of it.
        characters: of all texts, as they were shown first, and what came to them later.
    """

    accepted: int = 0
    typed: int = 0
    contradicted: int = 0
    left: int = 0
    withdrawn: int = 0
    flicker: int = 0
    characters: int = 0

    @property
    def wrong(self) -> int:
        """Displays that were of no use."""
        return self.contradicted + self.left + self.withdrawn

    @property
    def count(self) -> int:
        """All displays."""
        return self.accepted + self.typed + self.wrong


class Screen:
    """The ghost text behind one cursor."""

    def __init__(self) -> None:
        self.text = ""
        self.answer: Answer | None = None  # that the text, or the rest of it, came with
        self._outcomes: Counter[str] = Counter()
        self._flicker = self._characters = 0
        self._taken = self._agreed = False

    @property
    def shows(self) -> Shows:
        """What became of all that is no longer on the screen."""
        return Shows(**self._outcomes, flicker=self._flicker, characters=self._characters)

    @property
    def word(self) -> str:
        """What accepting a word would insert."""
        match = _WORD.match(self.text)
        return match.group() if match else ""

    def key(self, text: str, remove: int) -> None:
        """A key was pressed that inserts something, or removes."""
        if not self.text:
            return
        if not remove and text and self.text.startswith(text):
            self._shrink(len(text), "typed")
        else:
            self._end("contradicted")

    def accept(self, count: int) -> None:
        """So many characters of the text were accepted."""
        self._taken = True
        self._shrink(count, "accepted")

    def leave(self) -> None:
        """The cursor goes elsewhere."""
        self._end("left")

    def show(self, answer: Answer | None) -> None:
        """An answer came for the text as it is now."""
        text = answer.text if answer is not None else ""
        if self.text and not text.startswith(self.text):
            self._flicker += self._agreed
            self._end("withdrawn")
        self._characters += len(text) - len(self.text)
        self.text, self.answer, self._agreed = text, answer, False

    def _shrink(self, count: int, outcome: Outcome) -> None:
        if count == len(self.text):
            self._end(outcome)
        else:
            self.text, self._agreed = self.text[count:], True

    def _end(self, outcome: Outcome) -> None:
        if self.text:
            self._outcomes["accepted" if self._taken else outcome] += 1
        self.text, self.answer, self._taken, self._agreed = "", None, False, False
