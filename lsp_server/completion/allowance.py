"""Which files of a large workspace the copy memory learns: those told of first, up to a number of bytes.

Does not know what is in them, nor which are open.
"""

#: Bytes of the files that the memory learns: about 10 million tokens, which is what it holds.
BYTES = 35_000_000


class Allowance:
    """See the module."""

    def __init__(self, most: int = BYTES) -> None:
        self._left = most
        self._sizes: dict[str, int] = {}

    def admits(self, path: str, size: int | None) -> bool:
        """Whether the memory is to be told of a file.

        Args:
            size: in bytes; ``None`` when it is gone.
        """
        before = self._sizes.pop(path, None)
        self._left += before or 0
        if size is None or size > self._left:
            # Of one that it knows it has to look, and finds that there is nothing, or that it is too much now.
            return before is not None
        self._sizes[path] = size
        self._left -= size
        return True

    def holds(self, path: str) -> bool:
        """Whether a file was admitted and is there."""
        return path in self._sizes
