"""Where a text may part from the one that was written: the characters that would contradict it, and how likely each is.

At each token of a text others were nearly as likely. As texts some of them agree with it for a while, since the same
characters can be cut into tokens in many ways; what tells is the first character that differs. Pure; knows characters
and probabilities only.
"""

import codecs
import heapq
from collections.abc import Iterable, Mapping
from operator import itemgetter

#: How many are told, and how likely the least of them is.
_MOST, _LEAST = 8, 0.01


def partings(
    written: str, first: Mapping[str, float], others: Iterable[tuple[bytes, float]]
) -> tuple[tuple[str, float], ...]:
    """The likeliest texts that part from ``written`` with their last character.

    Args:
        first: the probability of each character that may come first; all tokens together.
        others: what else could have been written as far as it is spelled, and how likely that was. What parts with its
            first character is in ``first`` already.

    Returns:
        the texts with their probabilities, the likeliest first.
    """
    found = {character: share for character, share in first.items() if character != written[:1]}
    for spelled, share in others:
        text = codecs.getincrementaldecoder("utf-8")("ignore").decode(spelled)
        at = next((i for i, one in enumerate(text) if one != written[i : i + 1]), 0)
        if at:
            found[text[: at + 1]] = found.get(text[: at + 1], 0.0) + share
    likely = (one for one in found.items() if one[1] >= _LEAST)
    return tuple(heapq.nlargest(_MOST, likely, key=itemgetter(1)))
