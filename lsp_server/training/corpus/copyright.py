"""Debian's machine-readable copyright files: the licence of each file of a package.

The format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/. Opens no files.
"""

import re
from functools import cached_property

from lsp_server.training.corpus.licences import permissive


class Copyright:
    """A copyright file; one that is not machine-readable knows no licence."""

    def __init__(self, text: str) -> None:
        self._text = text if re.match(r"\s*Format(-Specification)?:", text, re.IGNORECASE) else ""

    def source(self, path: str) -> str:
        """The licence of a file by its path in the source package: what the last paragraph that names it says.

        SPDX; empty: not permissive, or unknown.
        """
        return next((licence for files, licence in reversed(self._stanzas) if files.fullmatch(path)), "")

    def installed(self, path: str) -> str:
        """The licence of a file where Debian installs it, which tells its place in the source only in part.

        Every paragraph that names the path, or the path without its first folders, must be permissive.
        """
        parts = path.split("/")
        tails = ["/".join(parts[at:]) for at in range(len(parts))]
        found = [licence for files, licence in self._stanzas if any(map(files.fullmatch, tails))]
        return found[-1] if found and all(found) else ""

    @cached_property
    def _stanzas(self) -> list[tuple[re.Pattern[str], str]]:
        """Patterns of files and their licence, in the order of the file; packaging itself is left out."""
        paragraphs = [_fields(each) for each in re.split(r"\n[ \t]*\n", self._text)]
        texts: dict[str, str] = {}
        for fields in paragraphs:
            name, _, text = fields.get("license", "").partition("\n")
            if text.strip():
                texts.setdefault(name.strip().lower(), text)
        found = []
        for fields in paragraphs:
            globs = [each for each in fields.get("files", "").split() if not each.startswith("debian/")]
            if globs and "license" in fields:
                name = fields["license"].partition("\n")[0].strip()
                found.append((re.compile("|".join(map(_regex, globs)), re.DOTALL), permissive(name, texts)))
        return found


def _fields(paragraph: str) -> dict[str, str]:
    """A paragraph's fields by their names in small letters."""
    found = re.findall(r"^([\w-]+):[ \t]*(.*(?:\n[ \t].*)*)", paragraph, re.MULTILINE)
    return {name.lower(): value for name, value in found}


def _regex(glob: str) -> str:
    """``*`` is anything, slashes too; ``?`` one character; a backslash takes the next one as it is."""
    parts = re.findall(r"\\.|.", glob.removeprefix("./"))
    return "".join({"*": ".*", "?": "."}.get(part) or re.escape(part[-1]) for part in parts)
