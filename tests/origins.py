"""Texts that a played worker writes, and what they were written for.

A text is a function of all that an answer depends on, its ``Question``. Each line of it ends in a mark, so that whoever
finds a text anywhere can look up where it comes from.
"""

import random
import re
from collections import OrderedDict
from hashlib import blake2b
from typing import Any

import msgspec

from lsp_server.base.parts import LEFT_STEP, Part
from lsp_server.engine.messages import Stop
from lsp_server.prompt.window import EDGE_STEP

#: At the end of each line: what it was written for, which line it is, and of which alternative.
MARK = re.compile(r"#([0-9a-v]{13})\.(\d+)\.(\d+)~")

#: Prompts that are kept, so that a difference can be shown.
_KEPT = 2_000

_WORDS = (
    *("alpha", "beta", "gamma", "delta", "x", "total", "self.", "items", "if x:", "value"),
    *(" = ", " + ", ", ", "(", ")", "[0]", ": ", '"s"', "é", "\U0001f600", " "),
)


class Text(msgspec.Struct, frozen=True):
    """What is written: pieces as long as tokens."""

    tokens: tuple[str, ...]

    @property
    def whole(self) -> str:
        return "".join(self.tokens)


class Writing(msgspec.Struct, frozen=True):
    """All that is written for a prompt.

    Attributes:
        texts: the likeliest first; that is empty if there is nothing to add.
        sure: all is likely; otherwise nothing of it is.
    """

    texts: tuple[Text, ...]
    sure: bool


#: The model of what the memory says alone.
MEMORY = "memory"


def model_of(engine: str, sha256: str) -> str:
    """The model, as ``Question`` has it."""
    return f"{engine} {sha256}"


class Question(msgspec.Struct, frozen=True):
    """All that an answer depends on.

    Attributes:
        tokens: that may be written.
        model: the engine and the digest of the model's file.
    """

    parts: tuple[Part, ...]
    stop: Stop
    tokens: int
    familiar: bool
    model: str

    @property
    def key(self) -> str:
        """Of the whole, in one word."""
        return _digest(self)

    @property
    def prefix(self) -> str:
        """The text before the cursor, from the window's edge on."""
        return "".join(part.text for part in self.parts if grows(part))

    @property
    def rest(self) -> str:
        """Of all but that text, in one word."""
        parts = tuple(msgspec.structs.replace(part, text="") if grows(part) else part for part in self.parts)
        return _digest(msgspec.structs.replace(self, parts=parts))


def grows(part: Part) -> bool:
    """Whether it is of the text before the cursor, which some families lay out as one part and some as two."""
    return part.step == LEFT_STEP


def _digest(value: Any) -> str:
    number = int.from_bytes(blake2b(msgspec.msgpack.encode(value), digest_size=8).digest(), "big")
    return "".join("0123456789abcdefghijklmnopqrstuv"[number >> 5 * place & 31] for place in range(13))


class Origin(msgspec.Struct, frozen=True):
    """What was written for a question, and so much of the question that others can be compared with it.

    Attributes:
        rest: see ``Question``.
        length, lines, digest: of its text before the cursor.
    """

    writing: Writing
    rest: str
    length: int
    lines: int
    digest: str


class Library:
    """What was written for what.

    Attributes:
        asked: by key, the newest last; not all of it.
        cut: texts by their keys that were not written to their end.
    """

    def __init__(self) -> None:
        self.origins: dict[str, Origin] = {}
        self._alike: dict[str, list[str]] = {}
        self.asked: OrderedDict[str, Question] = OrderedDict()
        self.cut: set[str] = set()

    def write(self, question: Question) -> tuple[str, Writing]:
        """What is written for a question, always the same; and its key."""
        key = question.key
        self.asked[key] = question
        while len(self.asked) > _KEPT:
            self.asked.popitem(last=False)
        origin = self.origins.get(key)
        if origin is None:
            prefix = question.prefix
            writing = _compose(key, prefix, question.stop)
            origin = Origin(writing, question.rest, len(prefix), prefix.count("\n"), _digest(prefix))
            self.origins[key] = origin
            self._alike.setdefault(origin.rest, []).append(key)
        return key, origin.writing

    def text(self, key: str, alternative: int) -> str:
        return self.origins[key].writing.texts[alternative].whole

    def alike(self, question: Question) -> list[str]:
        """The keys of questions that are the same but for the text before the cursor."""
        return self._alike.get(question.rest, [])

    def differs_in_edge(self, key: str, question: Question, before: str) -> bool:
        """Whether another question was the same, but that its window began at another line, less than a step away.

        Args:
            before: the document's text up to the cursor.
        """
        origin = self.origins[key]
        return (
            origin.rest == question.rest
            and abs(origin.lines - question.prefix.count("\n")) < EDGE_STEP
            and len(before) >= origin.length
            and origin.digest == _digest(before[len(before) - origin.length :])
        )

    def differences(self, key: str, question: Question) -> str:
        """In what another question differs from one that was asked, for people."""
        if key not in self.asked:
            return "it was asked long ago"
        other = self.asked[key]
        found = [
            f"{getattr(other, name)} became {getattr(question, name)}"
            for name in ("stop", "tokens", "familiar", "model")
            if getattr(other, name) != getattr(question, name)
        ]
        if len(other.parts) != len(question.parts):
            return f"{other.parts} became {question.parts}"
        for one, two in zip(other.parts, question.parts, strict=True):
            if one != two:
                same = _same(one.text, two.text)
                old, new = (f"{text[max(0, same - 20) : same + 40]!r}" for text in (one.text, two.text))
                found.append(
                    f"{old} became {new} at {same} of {len(two.text)}, limits {one.limit}, {two.limit}"
                )
        return "; ".join(found)


def _same(one: str, other: str) -> int:
    """Characters that two texts begin with alike."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))


def _compose(key: str, before: str, stop: Stop) -> Writing:
    chance = random.Random(key)
    if chance.random() < 0.06:
        return Writing((Text(()),), sure=True)
    lines = chance.randint(1, 4) if stop.kind == "block" else 1
    first = _text(chance, key, 0, before, stop, lines, ())
    others = []
    for number in range(1, 1 + chance.choice((0, 0, 1, 2))):
        same = first.tokens[: chance.randint(0, 2)]
        others.append(_text(chance, key, number, before, stop, 1, same))
    return Writing((first, *others), sure=chance.random() < 0.85)


def _text(
    chance: random.Random,
    key: str,
    number: int,
    before: str,
    stop: Stop,
    lines: int,
    begun: tuple[str, ...],
) -> Text:
    tokens = list(begun)
    indentation = " " * (max(stop.indent, 0) + 4)
    for line in range(lines):
        if line or (stop.kind == "block" and before.rstrip(" ").endswith((":", "{"))):
            tokens += ["\n", indentation]
        # More than may be written, now and then.
        words = chance.randint(1, 7) if chance.random() < 0.97 else 60
        tokens += (chance.choice(_WORDS) for _ in range(words))
        tokens += [" ", f"#{key}.{line}.{number}~"]
    return Text(tuple(tokens))
