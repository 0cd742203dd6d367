"""The filters: what a model's text must pass before it is shown. Each is one file with one pure function::

    def apply(candidate: Candidate, around: Surroundings) -> Candidate | str

which returns the candidate, changed or not, or the reason why nothing is shown. Filters are idempotent and
raise on no text whatever. A new filter is a new file and its place in one of the two tuples below;
``lexical`` is what they share. This module knows their order and nothing else."""

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from lsp_server.completion.filters import (
    blank,
    characters,
    closers,
    duplicate_suffix,
    echo,
    foreign,
    indentation,
    joint,
    levels,
    mid_line,
    names,
    repetition,
    special_tokens,
    syntax,
)
from lsp_server.completion.types import Candidate, Surroundings

Filter = Callable[[Candidate, Surroundings], Candidate | str]

#: For what the text says by itself. It stays true while the user types, so it is done once, before the cache.
#: Special tokens before repetitions: what stands behind one is another document, and its repetitions are nobody's
#: business.
BEFORE_CACHE: tuple[Filter, ...] = (characters.apply, special_tokens.apply, repetition.apply)

#: For what depends on the document as it is now; done at every showing, also of a cached text.
AFTER_CACHE: tuple[Filter, ...] = (
    mid_line.apply,  # settles how many lines there are, for all that follow
    indentation.apply,  # settles where the block ends and what the first line looks like
    levels.apply,  # needs the native indentation
    foreign.apply,  # what is no code must not be taken for a repetition of it
    echo.apply,  # takes away, at the front, what stands before the cursor
    duplicate_suffix.apply,  # takes away, at the end, what stands behind the cursor; needs the front in order
    closers.apply,  # pairs what is left with the brackets behind the cursor; sets ``replace``
    joint.apply,  # looks at the two seams, which nobody moves any more
    names.apply,  # needs whole words, and may leave a line that only ``syntax`` can judge
    syntax.apply,  # dear, and judges the very document that accepting would make
    blank.apply,  # whatever the others have left may be nothing
)


class Verdict(msgspec.Struct, frozen=True):
    """What one filter did to a candidate; ``reason`` is empty unless it was dropped."""

    filter: str
    outcome: Literal["kept", "changed", "dropped"]
    reason: str = ""


def run(
    filters: Sequence[Filter], candidate: Candidate, around: Surroundings
) -> tuple[Candidate | None, tuple[Verdict, ...]]:
    """Put a candidate through filters in order.

    Returns:
        what is left of it, ``None`` if a filter dropped it, and a verdict of each filter that was asked.
    """
    verdicts: list[Verdict] = []
    for apply in filters:
        name = apply.__module__.rpartition(".")[2]
        result = apply(candidate, around)
        if isinstance(result, str):
            return None, (*verdicts, Verdict(name, "dropped", result))
        verdicts.append(Verdict(name, "kept" if result == candidate else "changed"))
        candidate = result
    return candidate, tuple(verdicts)
