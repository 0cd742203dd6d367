"""What a recipe's section ``[corpus]`` says."""

import msgspec

#: The endings of each language's files.
_ENDINGS = {
    "python": "py",
    "typescript": "ts mts cts",
    "tsx": "tsx",
    "javascript": "js mjs cjs jsx",
    "go": "go",
    "rust": "rs",
    "c": "c h",
    "cpp": "cc cpp cxx hpp hh hxx",
    "java": "java",
    "lua": "lua",
    "shell": "sh bash bats zsh",
    "ruby": "rb",
    "php": "php",
    "csharp": "cs",
    "kotlin": "kt",
    "swift": "swift",
}

#: The language of a file's source, by the file's ending.
LANGUAGES = {ending: language for language, endings in _ENDINGS.items() for ending in endings.split()}


class Corpus(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The packages to take and how much of them.

    Attributes:
        pypi: ``name==version`` each; wheels only.
        npm: ``name@version`` each.
        debian, debian_source: binary packages, source packages, ``name=version`` each, by the suite of Debian.
        installed: whether to take the standard library of the Python that runs.
        site_packages: whether to take the packages that are installed beside it.
        folders: of one's own source, which is taken whatever its licence.
        validation, test: names of packages that are held out whole.
        most: bytes kept of one package.
        caps: other limits than ``most``, by package or registry (as in ``fetch.Wanted``); the package's first.
        whole: bytes kept of all packages together; 0: no limit.
        tests: share of a package's kept bytes that its tests may have.
        shorten: share of the long docstrings that are cut to their first paragraph.
        similar: documents with a greater Jaccard similarity of their five-word sequences are duplicates.
        languages: which to keep; empty: all that are known.
    """

    pypi: tuple[str, ...] = ()
    npm: tuple[str, ...] = ()
    debian: dict[str, tuple[str, ...]] = {}
    debian_source: dict[str, tuple[str, ...]] = {}
    installed: bool = True
    site_packages: bool = False
    folders: tuple[str, ...] = ()
    validation: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    most: int = 4_000_000
    caps: dict[str, int] = {}
    whole: int = 0
    tests: float = 0.2
    shorten: float = 0.75
    similar: float = 0.7
    languages: tuple[str, ...] = ()

    def limit(self, package: str, registry: str) -> int:
        """Bytes that may be kept of a package."""
        return self.caps.get(package, self.caps.get(registry, self.most))
