"""Reads ``.case`` files, the data of all tests that are data. Does not know what any section means.

A file holds cases, one after the other::

    === A dot ends a name            the intent; "[not yet] ..." marks a case known to fail
    --- input
    self.<CURSOR>
    --- expect
    cursor: after_dot

The text of a section ends before the newline in front of the next ``---``, ``===`` or the end of the file:
that one newline belongs to the format. What stands before the first ``===`` is a remark. A test uses it so::

    from cases import Case, parametrize

    @parametrize("context")
    def test_context(case: Case) -> None: ...
"""

import re
from pathlib import Path

import msgspec
import pytest

CURSOR = "<CURSOR>"
_FOLDER = Path(__file__).parent / "cases"
_INTENT = re.compile(r"^=== +(.+?) *$", re.MULTILINE)
_SECTION = re.compile(r"^--- +(\S+) *$", re.MULTILINE)


class Case(msgspec.Struct, frozen=True):
    """One case.

    Attributes:
        id: file and number, then the intent; unique.
        intent: what it shows, without the mark.
        sections: name to text, in the order of the file.
        file: where it stands, relative to ``tests/cases``.
        marks: for pytest; a strict xfail when the intent begins with ``[not yet]``.
    """

    id: str
    intent: str
    sections: dict[str, str]
    file: str
    marks: tuple[pytest.MarkDecorator, ...] = ()

    def values(self, section: str) -> dict[str, str]:
        """The section's ``key: value`` lines, in order; a blank line is nothing.

        Raises:
            ValueError: a line is not of that form, or a key stands there twice.
        """
        pairs: dict[str, str] = {}
        for line in filter(str.strip, self.sections.get(section, "").split("\n")):
            key, colon, value = line.partition(":")
            if not colon or key.strip() in pairs:
                raise ValueError(f"{self.id}: '{line}' in '{section}' is not a new 'key: value' line.")
            pairs[key.strip()] = value.strip()
        return pairs

    def cursor(self, section: str = "input") -> tuple[str, int]:
        """The section's text without ``<CURSOR>``, and the mark's offset in code points.

        Raises:
            ValueError: there is not exactly one mark.
        """
        pieces = self.sections[section].split(CURSOR)
        if len(pieces) != 2:
            raise ValueError(f"{self.id}: '{section}' must hold {CURSOR} once.")
        return "".join(pieces), len(pieces[0])


def parse(text: str, file: str) -> list[Case]:
    """The cases of one file's text.

    Raises:
        ValueError: a case has no section, or two of the same name.
    """
    cases: list[Case] = []
    pieces = _INTENT.split(text)
    for number, (intent, body) in enumerate(zip(pieces[1::2], pieces[2::2], strict=True), start=1):
        identity = f"{file.removesuffix('.case')}:{number} {intent}"
        parts = _SECTION.split(body)
        names = parts[1::2]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"{identity}: needs sections, each with a name of its own.")
        texts = [part.removeprefix("\n").removesuffix("\n") for part in parts[2::2]]
        known_bad = intent.startswith("[not yet]")
        marks = (pytest.mark.xfail(strict=True, reason=intent),) if known_bad else ()
        plain = intent.removeprefix("[not yet]").strip()
        cases.append(Case(identity, plain, dict(zip(names, texts, strict=True)), file, marks))
    return cases


def load(folder: str) -> list[Case]:
    """All cases below ``tests/cases/<folder>``, by file name.

    Raises:
        ValueError: there is none, or a file is malformed.
    """
    cases = [
        case
        for path in sorted((_FOLDER / folder).rglob("*.case"))
        for case in parse(path.read_text(encoding="utf-8"), path.relative_to(_FOLDER).as_posix())
    ]
    if not cases:
        raise ValueError(f"No .case file below {_FOLDER / folder}.")
    return cases


def parametrize(folder: str) -> pytest.MarkDecorator:
    """Run a test once for each case of ``tests/cases/<folder>``, as its argument ``case``."""
    return pytest.mark.parametrize(
        "case", [pytest.param(case, id=case.id, marks=case.marks) for case in load(folder)]
    )
