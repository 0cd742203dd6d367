"""The languages that are measured, and how their files are read: which lines are code, where a comment begins, which
words are identifiers.

Pygments reads; it knows comments, strings and keywords of every language here, whether or not Offhand has a grammar for
it, and it is another reader than the one that is measured. Does not know what is asked at a place.
"""

import functools
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Any

import msgspec
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Name, String

from lsp_server.base.text import content
from lsp_server.context.languages import Grammars


class Spoken(msgspec.Struct, frozen=True):
    """A language that can be measured.

    Attributes:
        name: as in ``grammars/`` and in models' manifests.
        editors_id: the language id that editors open its files with.
        endings: of its files' names.
        lexer: Pygments' name for it.
        opens: how a line's code ends behind which a block of lines belongs; a regular expression.
    """

    name: str
    editors_id: str
    endings: tuple[str, ...]
    lexer: str
    opens: str = r"\{$"


LANGUAGES = (
    Spoken("python", "python", (".py", ".pyi", ".pyw"), "python", r":$"),
    Spoken("javascript", "javascript", (".js", ".mjs", ".cjs", ".jsx"), "javascript"),
    Spoken("typescript", "typescript", (".ts", ".mts", ".cts", ".tsx"), "typescript"),
    Spoken("go", "go", (".go",), "go"),
    Spoken("rust", "rust", (".rs",), "rust"),
    Spoken("c", "c", (".c", ".h"), "c"),
    Spoken("cpp", "cpp", (".cc", ".cpp", ".cxx", ".hh", ".hpp", ".hxx"), "cpp"),
    Spoken("java", "java", (".java",), "java"),
    Spoken("lua", "lua", (".lua",), "lua", r"(\b(then|do|else|repeat)|\bfunction\b[^()]*\([^()]*\))$"),
    Spoken(
        "ruby",
        "ruby",
        (".rb", ".rake"),
        "ruby",
        r"^\s*(def|class|module|if|elsif|else|unless|while|until|when|begin|rescue|ensure)\b|\bdo(\s*\|[^|]*\|)?$",
    ),
    Spoken("php", "php", (".php",), "php"),
    Spoken("csharp", "csharp", (".cs",), "csharp"),
    Spoken("bash", "shellscript", (".sh", ".bash"), "bash", r"(\b(then|do|else)|\{)$"),
)

_BY_NAME = {language.name: language for language in LANGUAGES}
_BY_ENDING = {ending: language for language in LANGUAGES for ending in language.endings}

Token = tuple[int, Any, str]
_CODE, _COMMENT, _STRING = 0, 1, 2


def of_file(name: str, grammars: Grammars) -> Spoken | None:
    """The language of a file by its name, the grammars' word first; ``None`` when it is not measured."""
    known = grammars.name_of_file(name)
    return _BY_NAME.get(known or "") or _BY_ENDING.get(PurePath(name).suffix.lower())


class CodeLine(msgspec.Struct, frozen=True):
    """A line that holds code: its 0-based number, and the columns where the code starts and ends. Indentation, and a
    comment at the end, are outside.

    Attributes:
        goes_on: a string in it goes on below.
    """

    number: int
    start: int
    end: int
    goes_on: bool = False


def code_lines(language: Spoken, lines: Sequence[str]) -> list[CodeLine]:
    """The lines that begin as code: not blank, no comment, no documentation, not inside a string from further up."""
    bare = [content(line) for line in lines]
    text = "\n".join(bare)
    kinds = bytearray(len(text) + 1)
    letters = 0  # in front of the string that comes next: r"""..."""
    for offset, kind, value in _tokens(language, text):
        start, end = offset - letters, offset + len(value)
        kinds[start:end] = bytes((_kind(kind),)) * (end - start)
        letters = len(value) if kind in String.Affix else 0
    found = []
    begin = 0
    for number, line in enumerate(bare):
        here, begin = begin, begin + len(line) + 1
        start = len(line) - len(line.lstrip())
        if start == len(line) or kinds[here + start] == _COMMENT or (here and kinds[here - 1] == _STRING):
            continue
        end = len(line)
        while end > start and (line[end - 1].isspace() or kinds[here + end - 1] == _COMMENT):
            end -= 1
        found.append(CodeLine(number, start, end, kinds[here + len(line)] == _STRING))
    return found


def without_comment(language: Spoken, before: str, text: str) -> str:
    """The text up to the comment that begins in it.

    Args:
        before: what stands in front of it on its line.
    """
    for offset, kind, _value in _tokens(language, before + text):
        if offset >= len(before) and _kind(kind) == _COMMENT:
            return text[: offset - len(before)]
    return text


def identifiers(language: Spoken, before: str, text: str) -> list[str]:
    """The identifiers of a text, in order: no keywords, nothing inside strings. One that began in front of it is whole.

    Args:
        before: what stands in front of it on its line.
    """
    return [
        word
        for offset, kind, value in _tokens(language, before + text)
        if kind in Name and offset + len(value) > len(before)
        for word in value.replace(".", " ").replace("@", " ").split()
    ]


def names(language: Spoken, before: str, text: str) -> set[str]:
    """The identifiers of a text that a program or a library must have made: no built-in names, nothing inside strings.

    Args:
        before: what stands in front of it on its line.
    """
    return {
        word
        for offset, kind, value in _tokens(language, before + text)
        if kind in Name and kind not in Name.Builtin and offset + len(value) > len(before)
        for word in value.replace(".", " ").replace("@", " ").split()
        if word.isidentifier()
    }


def _tokens(language: Spoken, text: str) -> Iterator[Token]:
    # With a line end, which some lexers need to recognise a comment.
    tokens: Iterator[Token] = _lexer(language.lexer).get_tokens_unprocessed(text + "\n")
    return tokens


@functools.lru_cache(maxsize=len(LANGUAGES))
def _lexer(name: str) -> Any:
    return get_lexer_by_name(name)


def _kind(kind: Any) -> int:
    if kind in String.Doc:
        return _COMMENT
    if kind in Comment:
        # Pygments' word for C's #include and PHP's <?php.
        return _CODE if kind in Comment.Preproc or kind in Comment.PreprocFile else _COMMENT
    return _STRING if kind in String else _CODE
