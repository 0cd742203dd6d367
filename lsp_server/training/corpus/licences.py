"""Which licence a package or a file has, and whether it is a permissive one. Does not open files.

Read are SPDX expressions, the names that people write instead of them, whole licence texts by their telling
sentences, and Debian's machine-readable copyright files (https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/).
Unknown is refused: nothing is guessed in favour of taking a file.
"""

import fnmatch
import re

import msgspec

#: Permissive licences by their SPDX names in small letters.
PERMISSIVE = {
    **{name.lower(): name for name in ("MIT", "MIT-0", "Apache-2.0", "ISC", "Zlib", "0BSD", "Unlicense")},
    **{name.lower(): name for name in ("CC0-1.0", "BSL-1.0", "PSF-2.0", "Python-2.0", "Python-2.0.1")},
    **{name.lower(): name for name in ("BSD-1-Clause", "BSD-2-Clause", "BSD-3-Clause", "BSD-3-Clause-LBNL")},
    **{name.lower(): name for name in ("BSD-3-Clause-Clear", "BSD-2-Clause-Patent", "BSD-Source-Code", "CNRI-Python")},
}

#: What is written instead of an SPDX name: small letters, words apart by one hyphen.
_ALIASES = {
    **dict.fromkeys(("expat", "mit-license", "the-mit-license", "mit-x11", "x11", "mit-expat", "mit-licence"), "MIT"),
    **dict.fromkeys(("the-mit-license-mit", "mit-license-mit", "mit-style", "mit-1", "mit-2", "mit-3"), "MIT"),
    **dict.fromkeys(("apache", "apache-2", "apache2", "apache2.0", "apache-license", "apache-license-2.0"), "Apache-2.0"),
    **dict.fromkeys(("apache-software-license", "apache-license-version-2.0", "apache-v2", "asl-2.0"), "Apache-2.0"),
    **dict.fromkeys(("apache-software-license-2.0", "apache-2.0-license", "apache-license-v2.0"), "Apache-2.0"),
    **dict.fromkeys(("apache-license-2", "the-apache-license-version-2.0", "asl2", "apachev2"), "Apache-2.0"),
    **dict.fromkeys(("apache-2.0-with-llvm-exception", "apache-2.0-with-llvm-exceptions"), "Apache-2.0"),
    **dict.fromkeys(("bsd", "bsd-license", "bsd-3", "3-clause-bsd", "bsd-3-clause-license", "new-bsd"), "BSD-3-Clause"),
    **dict.fromkeys(("new-bsd-license", "modified-bsd", "modified-bsd-license", "bsd-new", "bsd3"), "BSD-3-Clause"),
    **dict.fromkeys(("3-clause-bsd-license", "the-bsd-3-clause-license", "bsd-3-clauses", "bsd-style"), "BSD-3-Clause"),
    **dict.fromkeys(("bsd-3clause", "bsd-clause-3", "revised-bsd", "edl-1.0"), "BSD-3-Clause"),
    **dict.fromkeys(("bsd-2", "2-clause-bsd", "simplified-bsd", "bsd-2-clause-license", "freebsd"), "BSD-2-Clause"),
    **dict.fromkeys(("simplified-bsd-license", "bsd2", "bsd-2-clauses", "bsd-2clause"), "BSD-2-Clause"),
    **dict.fromkeys(("isc-license", "isc-license-iscl", "iscl"), "ISC"),
    **dict.fromkeys(("psf", "psfl", "psf-2", "python-software-foundation-license", "psf-license"), "PSF-2.0"),
    **dict.fromkeys(("python-2", "python"), "Python-2.0"),
    **dict.fromkeys(("zlib-libpng", "zlib-libpng-license", "zlib-license"), "Zlib"),
    **dict.fromkeys(("cc0", "cc0-1", "cc0-1.0-universal", "cc0-1.0-universal-cc0-1.0-public-domain-dedication"), "CC0-1.0"),
    **dict.fromkeys(("unlicence", "the-unlicense", "the-unlicense-unlicense", "the-unlicence"), "Unlicense"),
    **dict.fromkeys(("boost", "boost-1.0", "boost-software-license-1.0-bsl-1.0", "boost-software-license-1.0"), "BSL-1.0"),
    "mit-no-attribution-license-mit-0": "MIT-0",
}

#: Licences under which a file is not taken, as headers and expressions name them.
_COPYLEFT = re.compile(
    r"GNU (Lesser |Library |Affero |Free )?(General Public|Documentation)|\b[AL]?GPL(v?-?[23]|\b)|"
    r"Mozilla Public License|\bMPL-?[12]|Eclipse Public License|\bEPL-?[12]|Common Development and Distribution|"
    r"\bCDDL\b|Creative Commons Attribution-(Share|Non)|CC-BY-(SA|NC)|Artistic License|European Union Public|"
    r"Business Source License|Elastic License|Server Side Public|Commons Clause",
    re.IGNORECASE,
)
_SPDX = re.compile(r"SPDX-License-Identifier:\s*([^\n*/]+)")

#: Telling sentences of whole texts; the first that is found counts.
_TEXTS = (
    (re.compile(r"GNU (LESSER |LIBRARY |AFFERO )?GENERAL PUBLIC LICENSE|Mozilla Public License", re.IGNORECASE), ""),
    (re.compile(r"Apache License,?\s+Version 2\.0", re.IGNORECASE), "Apache-2.0"),
    (re.compile(r"Permission is hereby granted, free of charge, to any person obtaining"), "MIT"),
    (re.compile(r"Permission to use, copy, modify, and(/or)? distribute this software for any"), "ISC"),
    (re.compile(r"Redistribution and use in source and binary.*Neither the name", re.DOTALL | re.IGNORECASE), "BSD-3-Clause"),
    (re.compile(r"Redistribution and use in source and binary", re.IGNORECASE), "BSD-2-Clause"),
    (re.compile(r"PYTHON SOFTWARE FOUNDATION LICENSE VERSION 2"), "PSF-2.0"),
    (re.compile(r"This is free and unencumbered software released into the public domain"), "Unlicense"),
    (re.compile(r"Boost Software License - Version 1\.0", re.IGNORECASE), "BSL-1.0"),
)


def permissive(expression: str) -> str:
    """The expression in SPDX's words where it allows use under permissive licences only; else empty.

    Of alternatives the permissive ones are kept; of licences that hold together each must be permissive.
    """
    words = re.findall(r"\(|\)|,|[^\s(),]+", re.sub(r"\s*/\s*|\s*\|\|?\s*", " or ", expression))
    return _Reader(words).whole()


def by_name(name: str) -> str:
    """A licence's SPDX name from what somebody wrote; empty: not known to be permissive."""
    key = re.sub(r"[\s_(),:'\"]+", "-", name.strip().lower()).strip("-")
    key = re.sub(r"^licence-|^license-", "", key)
    if key in PERMISSIVE:
        return PERMISSIVE[key]
    if key in _ALIASES:
        return _ALIASES[key]
    key = re.sub(r"(?<=-clause)-[\w.~-]+$", "", key)  # Debian numbers its variants: BSD-3-clause-Google
    return PERMISSIVE.get(key, "")


def of_text(text: str) -> str:
    """The licence that a whole text is; empty: not known, or not permissive."""
    for pattern, name in _TEXTS:
        if pattern.search(text):
            return name
    return ""


def copyleft(head: str) -> bool:
    """Whether the head of a file says that the file itself is under a licence that is not permissive."""
    said = _SPDX.search(head)
    return bool(_COPYLEFT.search(head)) or (said is not None and not permissive(said[1].strip()))


def of_metadata(expression: str, classifiers: list[str], licence: str, texts: list[str]) -> str:
    """A Python package's licence: by its expression, else its classifiers, else its field, else its texts.

    Args:
        classifiers: those that begin with ``License ::``, without that.
        texts: of its licence files.
    """
    if expression:
        return permissive(expression)
    named = [each.rpartition("::")[2].strip() for each in classifiers if each != "OSI Approved"]
    if named:
        found = [by_name(each) for each in named]
        return " AND ".join(sorted(set(found))) if all(found) else ""
    if licence and len(licence) < 120:
        return permissive(licence) or by_name(licence)
    if licence:
        return of_text(licence)
    found = [of_text(text) for text in texts]
    return " AND ".join(sorted(set(found))) if found and all(found) else ""


class Stanza(msgspec.Struct, frozen=True):
    """One paragraph of a Debian copyright file: patterns of files and the licence's short names."""

    patterns: tuple[str, ...]
    licence: str


def debian(text: str) -> list[Stanza]:
    """The ``Files`` paragraphs of a machine-readable copyright file; empty: it is none."""
    if not re.match(r"\s*Format(-Specification)?:", text, re.IGNORECASE):
        return []
    stanzas = []
    for paragraph in re.split(r"\n[ \t]*\n", text):
        fields = {
            name.lower(): value
            for name, value in re.findall(r"^([\w-]+):[ \t]*(.*(?:\n[ \t].*)*)", paragraph, re.MULTILINE)
        }
        if "files" in fields and "license" in fields:
            stanzas.append(Stanza(tuple(fields["files"].split()), fields["license"].split("\n")[0].strip()))
    return stanzas


def in_debian(stanzas: list[Stanza], path: str) -> str:
    """The licence of a file by its path in the source package: what the last paragraph that names it says."""
    for stanza in reversed(stanzas):
        if any(fnmatch.fnmatchcase(path, pattern.removeprefix("./")) for pattern in stanza.patterns):
            return permissive(stanza.licence)
    return ""


def installed_by_debian(stanzas: list[Stanza], path: str) -> str:
    """The licence of a file where Debian installs it, which tells its place in the source only in part.

    Every paragraph whose pattern fits the path, or the path without its first folders, must be permissive.
    """
    parts = path.split("/")
    tails = ["/".join(parts[at:]) for at in range(len(parts))]
    found = ""
    for stanza in stanzas:
        patterns = [pattern.removeprefix("./") for pattern in stanza.patterns if not pattern.startswith("debian/")]
        if any(fnmatch.fnmatchcase(tail, pattern) for pattern in patterns for tail in tails):
            found = permissive(stanza.licence)
            if not found:
                return ""
    return found


class _Reader:
    """Reads an expression from left to right: or < and < with."""

    def __init__(self, words: list[str]) -> None:
        self._words = words
        self._at = 0

    def whole(self) -> str:
        found = self._either() if self._words else ""
        return found if self._at == len(self._words) else ""

    def _next(self) -> str:
        return self._words[self._at].lower() if self._at < len(self._words) else ""

    def _either(self) -> str:
        found = [self._together()]
        while self._next() == "or":
            self._at += 1
            found.append(self._together())
        return " OR ".join(dict.fromkeys(filter(None, found)))

    def _together(self) -> str:
        found = [self._one()]
        while self._next() in ("and", ","):
            self._at += 1
            if self._next() == "and":
                self._at += 1
            elif self._next() == "or":  # "A, or B"
                self._at += 1
                return " OR ".join(dict.fromkeys(filter(None, (self._all(found), self._either()))))
            found.append(self._one())
        return self._all(found)

    @staticmethod
    def _all(found: list[str]) -> str:
        return " AND ".join(sorted(set(found))) if all(found) else ""

    def _one(self) -> str:
        if self._next() == "(":
            self._at += 1
            found = self._either()
            if self._next() != ")":
                return ""
            self._at += 1
            return f"({found})" if " OR " in found else found
        words = []
        while self._next() and self._next() not in ("and", "or", ",", "(", ")"):
            words.append(self._words[self._at])
            self._at += 1
        return by_name(" ".join(words))
