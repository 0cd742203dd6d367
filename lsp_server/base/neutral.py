"""Text of the user for engines that are given text: what looks like a special token there is none any more. Pure.

An engine that is given ids needs none of this: a special token is put in by its id, and user text is never tokenised to
one (``engine.tokenizer``). A server that is given a prompt as text finds the special tokens in all of it, and code that
is about language models has them: ``END = "<|endoftext|>"`` would end the prompt there.
"""

import re
from collections.abc import Collection


def neutralise(text: str, specials: Collection[str]) -> str:
    """The text with no special token in it.

    Behind the first character of each a space is put in: that can still be read, and a completion made from it is
    recognised as wrong by whoever sees it. A token that a space does not break (of one character, or with spaces of its
    own) is left out.

    Args:
        specials: texts of the special tokens, and whatever else must not be in the text. Blank ones do not count.
    """
    names = sorted(filter(str.strip, specials), key=len, reverse=True)
    if not names:
        return text
    pattern = re.compile("|".join(map(re.escape, names)))
    before = None
    while text != before:  # what is behind a space, or where something was left out, may be one again
        before, text = text, pattern.sub(_broken, text)
    return text


def _broken(found: "re.Match[str]") -> str:
    name = found[0]
    return "" if len(name) == 1 or " " in name else f"{name[0]} {name[1:]}"
