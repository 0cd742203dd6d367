"""What no library is asked to do: those behind the engines check little of it, and die or go wrong by it."""

from collections.abc import Sequence

from lsp_server.base.errors import EngineError


def refuse(ids: Sequence[int], keep: int, *, evaluated: int, context: int, vocabulary: int) -> None:
    """Refuse an evaluation that cannot be right.

    Args:
        ids, keep: as in ``Engine.evaluate``.
        evaluated: tokens that stand in the cache.

    Raises:
        EngineError: with what is wrong.
    """
    if not 0 <= keep <= evaluated:
        raise EngineError(f"Cannot keep {keep} tokens: {evaluated} are evaluated.")
    if not ids:
        raise EngineError("There is nothing to evaluate.")
    if keep + len(ids) > context:
        raise EngineError(f"{keep + len(ids)} tokens do not fit into the context of {context}.")
    if min(ids) < 0 or max(ids) >= vocabulary:
        raise EngineError(f"A token id is not below {vocabulary}, the size of the vocabulary.")
