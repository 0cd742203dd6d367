"""The identifiers of a text, counted: what texts are compared by. Does not know what a name means, nor comments."""

from collections import Counter

from lsp_server.context.languages import Grammar

#: What no language calls a keyword and every reader does.
_LITERALS = frozenset({"True", "False", "None", "true", "false", "null", "nil", "undefined", "self", "this"})

#: Bytes that may stand in an identifier, as they are; the others as blanks. All of UTF-8 beyond ASCII counts.
_WORDS = bytes(
    byte if byte >= 128 or chr(byte).isalnum() or byte == ord("_") else ord(" ") for byte in range(256)
)


def identifiers(source: bytes, without: frozenset[str] = frozenset()) -> dict[str, int]:
    """How often each identifier occurs, in the order of their first occurrences; numbers are none.

    Args:
        without: names that are left out, such as the language's ``keywords``.
    """
    # Three times as fast as a regular expression on text.
    counts = Counter(source.translate(_WORDS).split())
    found = {word.decode(errors="replace"): count for word, count in counts.items() if not word[:1].isdigit()}
    for name in without & found.keys():
        del found[name]
    return found


def keywords(grammar: Grammar) -> frozenset[str]:
    """The words of a language that name nothing, as its grammar has them. Takes 0.1 ms."""
    language = grammar.language
    words = set(_LITERALS)
    for kind in range(language.node_kind_count):
        word = language.node_kind_for_id(kind)
        if (
            word
            and not language.node_kind_is_named(kind)
            and language.node_kind_is_visible(kind)
            and word.isidentifier()
        ):
            words.add(word)
    return frozenset(words)
