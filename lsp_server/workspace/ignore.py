"""What of the workspace must not be remembered, as git and ``.offhandignore`` say it, and by name.

The only module that knows pathspec, which turns one line of an ignore file into one regular expression. The
order in which lines count is git's (gitignore(5)): a folder that is ignored hides everything below it; of the
lines that match an entry itself the last counts, those of a deeper file before those of a higher one, and
those of ``.git/info/exclude`` and of the user's own ignore file last. ``.offhandignore`` has the same syntax
and stands above all of these.

``pathspec.GitIgnoreSpec`` is made for paths of files only: asked for the folder ``x/`` under ``*`` and
``!*/`` it says "ignored", which would hide whatever is in it. Hence this module.
"""

import fnmatch
import os
import re
import stat
import warnings
from collections.abc import Sequence

import msgspec
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from lsp_server.base import sourcefile

OWN_FILE = ".offhandignore"

#: Folders of other people's and of generated code, whatever ignore files say. Hidden ones come on top.
_FOLDERS = re.compile(
    "|".join(
        map(
            fnmatch.translate,
            (
                "node_modules",
                "bower_components",
                "jspm_packages",
                "__pycache__",
                "__pypackages__",
                "site-packages",
                "*.egg-info",
                "Pods",
                "DerivedData",
            ),
        )
    )
)

#: A folder with this file was made by a program: (the file, the folder's name or "", a file that acquits it).
#: virtualenv; bford.info/cachedir (Cargo, pytest, mypy ...); CMake; ``go mod vendor``; Composer.
_MARKERS = (
    ("pyvenv.cfg", "", ""),
    ("CACHEDIR.TAG", "", ""),
    ("CMakeCache.txt", "", "CMakeLists.txt"),
    ("modules.txt", "vendor", ""),
    ("autoload.php", "vendor", ""),
)

#: Names of the files that this module reads or looks for: a change to one of them may change any answer.
RULE_FILES = frozenset({".gitignore", OWN_FILE, *(marker for marker, _, _ in _MARKERS)})

#: Bytes read of one ignore file.
_MAX_BYTES = 1_000_000


class _Patterns:
    """The lines of one ignore file, for the paths below one folder."""

    def __init__(self, base: str, text: str) -> None:
        self._skip = len(base.rstrip(os.sep)) + 1
        self._lines: list[tuple[re.Pattern[str], bool]] = []
        for line in text.removeprefix("\ufeff").split("\n"):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of ``re``, about odd but lawful sets of characters
                    pattern = GitIgnoreSpecPattern(_as_read_by_git(line.removesuffix("\r")))
            except (ValueError, re.error, RecursionError, OverflowError):
                continue  # git takes a malformed line for one that matches nothing
            if pattern.include is not None and pattern.regex is not None:
                self._lines.append((pattern.regex, pattern.include))
        self._lines.reverse()

    def __bool__(self) -> bool:
        return bool(self._lines)

    def verdict(self, path: str, folder: bool) -> bool | None:
        """Whether the entry itself is ignored; ``None`` when no line matches it."""
        relative = path[self._skip :]
        if os.sep != "/":
            relative = relative.replace(os.sep, "/")
        if folder:
            relative += "/"
        for regex, ignored in self._lines:
            for match in regex.finditer(relative):
                if _matches_itself(match, folder, len(relative)):
                    return ignored
        return None


def _as_read_by_git(line: str) -> str:
    """The line, with "folders below", ``a/**/``, spelled so that pathspec reads it so, not as ``a/``."""
    return line[:-1] + "/*/" if line.endswith("/**/") else line


def _matches_itself(match: "re.Match[str]", folder: bool, length: int) -> bool:
    """Whether the entry is what matched, not a folder that it lies in.

    pathspec's expressions mark with the group ``ps_d`` the slash behind the folder that a line names. Without
    it either the end of the path matched, or the line ends in ``/**``, which means all that lies below.
    """
    if match.groupdict().get("ps_d"):
        return folder and match.end() == length
    return not folder or match.end() < length


class _Folder(msgspec.Struct, frozen=True):
    """What is known of a folder: is it ignored, and which files count below it, the first to count first."""

    ignored: bool
    git: tuple[_Patterns, ...] = ()
    own: tuple[_Patterns, ...] = ()


_IGNORED = _Folder(True)


class IgnoreRules:
    """Answers whether a path below the roots is ignored. May be asked from any thread.

    What was read is kept until ``refresh``. A root is never ignored itself, even where a repository around
    it says so: the user opened it.

    Args:
        roots: absolute paths of folders.
        user_file: the user's own ignore file for git; ``None`` for none.
    """

    def __init__(self, roots: Sequence[str], user_file: str | None = None) -> None:
        self.roots = tuple(dict.fromkeys(os.path.normpath(root) for root in roots))
        self._user_file = user_file
        self._folders: dict[str, _Folder] = {}

    def ignored(self, path: str, folder: bool = False) -> bool:
        """Whether the file, or folder, at an absolute path must not be remembered, be it there or not.

        That is what ignore files, the list of folders and ``base.sourcefile`` (secrets, machine-made files) say;
        not, whether it is of a known language. Outside the roots a file is judged by its name alone.
        """
        path = os.path.normpath(path)
        name = os.path.basename(path)
        if folder:  # judged without its own files, which may not be written yet
            return path not in self.roots and _skips(self._folder(os.path.dirname(path)), path)
        if sourcefile.secret(name) or sourcefile.machine_made(name):
            return True
        above = self._folder(os.path.dirname(path))
        return above.ignored or _judge(above, path, folder=False)

    def refresh(self, folder: str | None = None) -> None:
        """Forget what was read, since ignore files have changed; with a folder, there and below it alone."""
        below = f"{folder}{os.sep}"
        self._folders = {
            path: known
            for path, known in list(self._folders.items())
            if folder is not None and path != folder and not path.startswith(below)
        }

    def _folder(self, path: str) -> _Folder:
        known = self._folders
        missing = []
        place = path
        while (found := known.get(place)) is None and place not in self.roots:
            missing.append(place)
            parent = os.path.dirname(place)
            if parent == place:
                return _Folder(False)  # outside of all roots
            place = parent
        if found is None:
            found = known[place] = self._root(place)
        for place in reversed(missing):
            found = known[place] = _IGNORED if _skips(found, place) else self._extend(place, found)
        return found

    def _root(self, root: str) -> _Folder:
        """A root, with what its repository's folders above it say."""
        above = [root]
        while not os.path.lexists(os.path.join(above[-1], ".git")):
            parent = os.path.dirname(above[-1])
            if parent == above[-1]:
                above = [root]  # in no repository: only its own files count
                break
            above.append(parent)
        folder = _Folder(False, git=self._of_user(above[-1]))
        for place in reversed(above):
            folder = self._extend(place, folder)
        return folder

    def _extend(self, path: str, above: _Folder) -> _Folder:
        """What counts in a folder: what counts above it, and its own files."""
        git = above.git
        dot_git = os.path.join(path, ".git")
        if os.path.lexists(dot_git):
            # A repository of its own: git asks no file outside of it.
            exclude = _read(os.path.join(_common_dir(dot_git), "info", "exclude"))
            git = (_Patterns(path, exclude), *self._of_user(path))
        return _Folder(
            False,
            git=_with(_Patterns(path, _read(os.path.join(path, ".gitignore"))), git),
            own=_with(_Patterns(path, _read(os.path.join(path, OWN_FILE))), above.own),
        )

    def _of_user(self, base: str) -> tuple[_Patterns, ...]:
        return (_Patterns(base, _read(self._user_file)),) if self._user_file else ()


def user_ignore_file() -> str:
    """Where git looks for the user's own ignore file when ``core.excludesFile`` is not set (gitignore(5))."""
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    return os.path.join(home, "git", "ignore")


def _skips(above: _Folder, path: str) -> bool:
    """Whether a folder is ignored, given what counts in the one above."""
    name = os.path.basename(path)
    if above.ignored or name.startswith(".") or _FOLDERS.match(name) or _judge(above, path, folder=True):
        return True
    return any(
        only in ("", name)
        and os.path.lexists(os.path.join(path, marker))
        and not (acquits and os.path.lexists(os.path.join(path, acquits)))
        for marker, only, acquits in _MARKERS
    )


def _judge(above: _Folder, path: str, folder: bool) -> bool:
    for patterns in (*above.own, *above.git):
        verdict = patterns.verdict(path, folder)
        if verdict is not None:
            return verdict
    return False


def _with(patterns: _Patterns, others: tuple[_Patterns, ...]) -> tuple[_Patterns, ...]:
    return (patterns, *others) if patterns else others


def _read(path: str) -> str:
    """The text of a regular file, as git reads it; nothing when there is none. Links are not followed."""
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return ""
        with open(path, "rb") as file:
            return os.fsdecode(file.read(_MAX_BYTES))
    except (OSError, ValueError):
        return ""


def _common_dir(dot_git: str) -> str:
    """The folder that holds ``info``, for ``.git`` itself or the file that stands for it (gitrepository-layout)."""
    if os.path.isdir(dot_git):
        return dot_git
    pointer = _read(dot_git)
    if not pointer.startswith("gitdir:"):
        return dot_git
    own = os.path.join(os.path.dirname(dot_git), pointer.removeprefix("gitdir:").strip())
    shared = _read(os.path.join(own, "commondir")).strip()
    return os.path.join(own, shared) if shared else own
