"""The alphabet in which byte-level BPEs write bytes as text. Does not know tokens or files."""

#: Bytes that no UTF-8 has; some vocabularies have no token for them.
NEVER = frozenset((0xC0, 0xC1, *range(0xF5, 0x100)))


def byte_alphabet() -> dict[str, int]:
    """Return the character that stands for each byte in the vocabulary of a byte-level BPE.

    Printable Latin-1 stands for itself, the other bytes for the characters from U+0100 on, in order: GPT-2's
    ``bytes_to_unicode``, https://github.com/openai/gpt-2/blob/master/src/encoder.py.
    """
    printable = {
        *range(ord("!"), ord("~") + 1),
        *range(ord("¡"), ord("¬") + 1),
        *range(ord("®"), ord("ÿ") + 1),
    }
    others = (byte for byte in range(256) if byte not in printable)
    return {chr(byte): byte for byte in printable} | {chr(256 + n): byte for n, byte in enumerate(others)}
