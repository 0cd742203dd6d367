"""The grammars that ship, the same for all tests of a process: one language's queries take a twentieth of a second."""

from functools import cache

from lsp_server.context.languages import Grammar, Grammars


@cache
def grammars() -> Grammars:
    return Grammars()


def grammar(language: str) -> Grammar:
    loaded = grammars().load(language)
    assert loaded is not None
    return loaded
