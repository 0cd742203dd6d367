"""The one value that the prompt and the engine share: a piece of a prompt, before it is tokenised."""

from typing import Literal

import msgspec


class Part(msgspec.Struct, frozen=True, array_like=True):
    """A special token, by name, or a text.

    Attributes:
        text: the text, or the special token's name as the model's manifest spells it.
        special: whether ``text`` names a special token.
        limit: for a text, how many tokens it may take; 0 means no limit.
        cut: what goes when a text is over its limit: ``right`` drops its last tokens, ``left`` its first ones.
        step: tokens that a left cut drops at a time. With ``LEFT_STEP`` the tokens that stay of a growing text are
            the same from one key to the next.
        continued: the prompt's last part goes on where this text ends: in the document nothing stands between them.
    """

    text: str
    special: bool = False
    limit: int = 0
    cut: Literal["left", "right"] = "right"
    step: int = 1
    continued: bool = False


#: Tokens that a left cut of a growing text drops at a time. One step costs one re-evaluation of the prefix; a larger
#: step makes that rarer and the remaining prefix shorter.
LEFT_STEP = 64


def limited(ids: list[int], part: Part) -> list[int]:
    """Cut a text's tokens to its part's limit."""
    over = len(ids) - part.limit
    if not part.limit or over <= 0:
        return ids
    return ids[-(-over // part.step) * part.step :] if part.cut == "left" else ids[: part.limit]
