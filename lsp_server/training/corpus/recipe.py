"""What a recipe's section ``[corpus]`` says."""

import msgspec

#: The language of a file's source, by the file's ending.
LANGUAGES = {
    **{"py": "python", "ts": "typescript", "mts": "typescript", "cts": "typescript", "tsx": "tsx"},
    **{"js": "javascript", "mjs": "javascript", "cjs": "javascript", "jsx": "javascript"},
    **{"go": "go", "rs": "rust", "c": "c", "h": "c", "java": "java", "lua": "lua"},
    **{"cc": "cpp", "cpp": "cpp", "cxx": "cpp", "hpp": "cpp", "hh": "cpp", "hxx": "cpp"},
    **{"sh": "shell", "bash": "shell", "bats": "shell", "zsh": "shell"},
    **{"rb": "ruby", "php": "php", "cs": "csharp", "kt": "kotlin", "swift": "swift"},
}


class Corpus(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The packages to take and how much of them.

    Attributes:
        pypi: ``name==version`` each; wheels only.
        npm: ``name@version`` each.
        debian: binary packages of the suite, ``name=version`` each.
        debian_source: source packages of the suite, ``name=version`` each.
        suite: of Debian.
        installed: whether to take the standard library of the Python that runs.
        validation, test: names of packages that are held out whole.
        most: bytes kept of one package.
        caps: other limits than ``most``, by package.
        whole: bytes kept of all packages together; 0: no limit.
        tests: share of a package's kept bytes that its tests may have.
        shorten: share of the long docstrings that are cut to their first paragraph.
        similar: documents with a greater Jaccard similarity of their five-word sequences are duplicates.
        languages: which to keep; empty: all that are known.
    """

    pypi: tuple[str, ...] = ()
    npm: tuple[str, ...] = ()
    debian: tuple[str, ...] = ()
    debian_source: tuple[str, ...] = ()
    suite: str = "trixie"
    installed: bool = True
    validation: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    most: int = 4_000_000
    caps: dict[str, int] = {}
    whole: int = 0
    tests: float = 0.2
    shorten: float = 0.75
    similar: float = 0.7
    languages: tuple[str, ...] = ()
