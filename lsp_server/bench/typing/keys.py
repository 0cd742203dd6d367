"""From the lines that somebody shall write to the keys that he presses, as in an editor that indents by itself.

Enter brings the indentation of the line that comes, where that is as deep or deeper; where it is less deep, the old one
stays and is taken back step by step. Blank lines are left blank. Brackets are not closed by the editor. Pure; does not
know when a key is pressed.
"""

import itertools
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

Kind = Literal["type", "enter", "dedent", "wrong", "back"]

#: Share of characters before which something wrong is typed. With ``_TWICE`` of them two characters long, 6 % of all
#: keys are backspaces; that share is an assumption (the measured ones are of free text).
_SLIPS, _TWICE = 0.057, 0.2

_LETTERS = "abcdefghijklmnopqrstuvwxyz"

#: Columns that one dedent takes back in a text that has no indentation of its own to tell.
_UNIT = 4


class Key(msgspec.Struct, frozen=True):
    """One key: what it does in front of the cursor.

    Attributes:
        remove: characters that go, all of them on the cursor's line.
        text: what is inserted in their place.
    """

    kind: Kind
    text: str = ""
    remove: int = 0

    def after(self, typed: str) -> str:
        """The text in front of the cursor once it is pressed."""
        return typed[: len(typed) - self.remove] + self.text


def keys_of(above: str, lines: Sequence[str], unit: int, chance: random.Random) -> list[Key]:
    """The keys that write some lines below another one, at whose end the cursor stands.

    Args:
        above: that line.
        lines: without line ends; the last one is not blank.
        unit: columns of one step of indentation, where it is made of spaces.
        chance: decides where something wrong is typed.
    """
    keys: list[Key] = []
    current, blank = (
        _indentation(above),
        "",
    )  # of the last line with text; what stands on the line now if it has none
    for number, line in enumerate(lines):
        wanted = _indentation(next(one for one in lines[number:] if one.strip()))
        offered = current if current.startswith(wanted) else wanted
        # What an editor put on a line that stays blank goes with the next Enter.
        before = lines[number - 1] if number and not lines[number - 1].strip() else ""
        keys.append(Key("enter", before + "\n" + offered, remove=len(blank)))
        blank = offered
        if line.strip():
            keys += _dedents(offered, wanted, unit)
            keys += _written(line[len(wanted) :], chance)
            current, blank = wanted, ""
    return keys


def unit_of(lines: Sequence[str]) -> int:
    """Columns of one step of indentation in a text: the step that its lines take most often, of spaces."""
    widths = [len(line) - len(line.lstrip(" ")) for line in lines if line.strip()]
    steps = Counter(below - above for above, below in itertools.pairwise(widths) if 1 < below - above <= 8)
    return steps.most_common(1)[0][0] if steps else _UNIT


def _indentation(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]


def _dedents(now: str, wanted: str, unit: int) -> Iterator[Key]:
    """Back from an indentation to one that it begins with."""
    while len(now) > len(wanted):
        step = 1 if now[-1] == "\t" else (len(now) - 1) % unit + 1
        step = min(step, len(now) - len(wanted))
        yield Key("dedent", remove=step)
        now = now[:-step]


def _written(text: str, chance: random.Random) -> Iterator[Key]:
    """Character by character, with slips that are put right again."""
    for character in text:
        if chance.random() < _SLIPS:
            wrong = chance.choice([letter for letter in _LETTERS if letter != character])
            slip = (wrong, character) if chance.random() < _TWICE else (wrong,)
            yield from (Key("wrong", one) for one in slip)
            yield from (Key("back", remove=1) for _ in slip)
        yield Key("type", character)
