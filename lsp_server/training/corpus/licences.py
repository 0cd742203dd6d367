"""Which licence something has, and whether it is a permissive one. Opens no files.

Read are SPDX expressions, the names that people write instead of them, and whole licence texts by their telling
sentences. Unknown is refused: nothing is guessed in favour of taking a file.
"""

import re

#: Permissive licences: the SPDX name, then what else is written for it, in small letters with single hyphens. ``BSD``
#: is not of SPDX: it stands where nobody says which of the BSD licences it is; all that are in use are permissive.
_NAMES = """
MIT: expat; mit-license; the-mit-license; mit-x11; mit-expat; mit-licence; the-mit-license-mit; mit-license-mit
MIT-0: mit-no-attribution-license-mit-0
Apache-2.0: apache; apache-2; apache2; apache2.0; apache-license; apache-license-2.0; apache-software-license; asl-2.0
Apache-2.0: apache-license-version-2.0; apache-v2; apache-software-license-2.0; apache-2.0-license; apachev2; asl2
Apache-2.0: apache-license-v2.0; apache-license-2; the-apache-license-version-2.0
Apache-2.0 WITH LLVM-exception: apache-2.0-with-llvm-exception; apache-2.0-with-llvm-exceptions
BSD: bsd-license
BSD-1-Clause:
BSD-2-Clause: bsd-2; 2-clause-bsd; simplified-bsd; bsd-2-clause-license; freebsd; simplified-bsd-license; bsd2
BSD-2-Clause: bsd-2-clauses; bsd-2clause
BSD-2-Clause-Patent:
BSD-3-Clause: bsd-3; 3-clause-bsd; bsd-3-clause-license; new-bsd; new-bsd-license; modified-bsd; modified-bsd-license
BSD-3-Clause: bsd-new; bsd3; 3-clause-bsd-license; the-bsd-3-clause-license; bsd-3-clauses; bsd-3clause; bsd-clause-3
BSD-3-Clause: revised-bsd; edl-1.0
BSD-3-Clause-Clear:
BSD-3-Clause-LBNL:
BSD-Source-Code:
ISC: isc-license; isc-license-iscl; iscl
PSF-2.0: psf; psfl; psf-2; python-software-foundation-license; psf-license
Python-2.0: python-2; python
Python-2.0.1:
CNRI-Python:
Zlib: zlib-libpng; zlib-libpng-license; zlib-license
0BSD: zero-clause-bsd-0bsd
Unlicense: unlicence; the-unlicense; the-unlicense-unlicense; the-unlicence
CC0-1.0: cc0; cc0-1; cc0-1.0-universal; cc0-1.0-universal-cc0-1.0-public-domain-dedication
BSL-1.0: boost; boost-1.0; boost-software-license-1.0-bsl-1.0; boost-software-license-1.0
"""

#: How headers and texts name licences under which a file is not taken.
_COPYLEFT = re.compile(
    r"GNU (Lesser |Library |Affero |Free )?(General Public|Documentation)|\b[AL]?GPL(v?-?[23]|\b)|"
    r"Mozilla Public License|\bMPL-?[12]|Eclipse Public License|\bEPL-?[12]|Common Development and Distribution|"
    r"\bCDDL\b|Creative Commons Attribution-(Share|Non)|CC-BY-(SA|NC)|Artistic License|European Union Public|"
    r"Business Source License|Elastic License|Server Side Public|Commons Clause|Academic Free License",
    re.IGNORECASE,
)
_SPDX = re.compile(r"SPDX-License-Identifier:\s*([^\n*/]+)")

#: Telling sentences of whole texts, blanks as one; the first that is found counts.
_TEXTS = (
    ("Apache License,? Version 2.0", "Apache-2.0"),
    ("Permission is hereby granted, free of charge, to any person obtaining", "MIT"),
    ("Permission to use, copy, modify, and(/or)? distribute this software for any", "ISC"),
    ("Redistributions? and use in source and binary.* Neither the names? ", "BSD-3-Clause"),
    (
        "Redistributions? and use in source and binary.* may (not be used|be used only) to endorse",
        "BSD-3-Clause",
    ),
    ("Redistributions? and use in source and binary", "BSD-2-Clause"),
    ("PYTHON SOFTWARE FOUNDATION LICENSE VERSION 2", "PSF-2.0"),
    ("This is free and unencumbered software released into the public domain", "Unlicense"),
    ("Boost Software License - Version 1.0", "BSL-1.0"),
)


def permissive(expression: str, texts: dict[str, str] | None = None) -> str:
    """The expression in SPDX's words where it allows use under permissive licences only; else empty.

    Of alternatives the permissive ones are kept; of licences that hold together each must be permissive.

    Args:
        texts: of licences, by the names in the expression, where the names are not to be relied on.
    """
    words = re.findall(r"\(|\)|,|[^\s(),]+", re.sub(r"\s*/\s*|\s*\|\|?\s*", " or ", expression))
    return _SPDX_NAMES.get(_key(expression)) or _Reader(words, texts or {}).whole()


def by_name(name: str) -> str:
    """A licence's SPDX name from what somebody wrote; empty: not known to be permissive."""
    key = _key(name)
    # Debian's authors tell variants of a licence apart, BSD-3-clause-Google; restrictions are no variants.
    variant = re.sub(r"(?<=-clause)-(?!no-|with-|and-|or-)[\w.~]+$", "", key)
    return _SPDX_NAMES.get(key) or _SPDX_NAMES.get(variant, "")


def _key(name: str) -> str:
    """A licence's name as the table has it."""
    return re.sub(r"^licen[cs]e-", "", re.sub(r"[\s_(),:'\"]+", "-", name.strip().lower()).strip("-"))


def of_text(text: str) -> str:
    """The licence that a whole text is; empty: not known, or not permissive."""
    plain = re.sub(r"[\s*#/;]+", " ", text)
    if _COPYLEFT.search(plain):
        return ""
    return next((name for pattern, name in _TEXTS if re.search(pattern, plain, re.IGNORECASE)), "")


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
    told = [of_text(text) for text in texts]
    in_files = " AND ".join(sorted(set(told))) if told and all(told) else ""
    if expression:
        found = permissive(expression)
    elif named := [
        name for each in classifiers if (name := each.rpartition("::")[2].strip()) != "OSI Approved"
    ]:
        each_found = [by_name(each) for each in named]
        found = " AND ".join(sorted(set(each_found))) if all(each_found) else ""
    elif licence and len(licence) < _LONGEST_NAME:
        found = permissive(licence) or by_name(licence)
    else:
        found = of_text(licence) if licence else in_files
    return in_files if found == "BSD" and in_files.startswith("BSD-") else found


#: Characters; a longer field is the licence's text.
_LONGEST_NAME = 120

_SPDX_NAMES = {
    other: name
    for name, _, others in (line.partition(":") for line in _NAMES.strip().splitlines())
    for other in (name.lower(), *filter(None, others.strip().split("; ")))
}


class _Reader:
    """Reads an expression from left to right: or < and < with."""

    def __init__(self, words: list[str], texts: dict[str, str]) -> None:
        self._words = words
        self._texts = texts
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
        name = " ".join(words)
        return by_name(name) or of_text(self._texts.get(name.lower(), ""))
