"""The source files of the workspace: which there are, one after the other. Reads folders, never files.

Does not know what the files are wanted for, nor whether anything is being watched.
"""

import contextlib
import os
import stat
from collections import deque
from collections.abc import Callable, Iterator

import msgspec

from lsp_server.base.sourcefile import MAX_BYTES
from lsp_server.workspace.filetypes import FileTypes
from lsp_server.workspace.ignore import IgnoreRules

#: Folders that are looked into, and watched, at most.
MAX_FOLDERS = 20_000


class Entry(msgspec.Struct, frozen=True):
    """A source file.

    Attributes:
        path: absolute; below a root as the root was given.
        size: in bytes.
        modified: nanoseconds since 1970.
        language: its name, as ``FileTypes`` has it.
    """

    path: str
    size: int
    modified: int
    language: str


class Limits(msgspec.Struct, frozen=True):
    """How much of a workspace is taken: files, and their bytes in total."""

    files: int = 20_000
    bytes: int = 150_000_000


_DEFAULT_LIMITS = Limits()


def look(path: str, rules: IgnoreRules, types: FileTypes) -> Entry | None:
    """The source file at an absolute path; ``None`` when there is none that may be remembered."""
    language = types.language(os.path.basename(path))
    if language is None or rules.ignored(path):
        return None
    try:
        status = os.lstat(path)
    except (OSError, ValueError):
        return None
    return _entry(path, status, language)


def below(
    start: str,
    rules: IgnoreRules,
    types: FileTypes,
    entering: Callable[[str], object] = lambda _folder: None,
    seen: set[tuple[int, int]] | None = None,
) -> Iterator[Entry]:
    """The source files of a folder and, breadth first, of those in it. What cannot be read is passed over.

    Links are not followed: what they point to inside the roots is found where it lies, what is outside does
    not belong to the workspace. Each real folder is visited once. A folder that is a root itself is left out
    below another.

    Args:
        entering: called with each folder before it is read.
        seen: the folders visited before, as (device, inode); those of this call are added.
    """
    seen = set() if seen is None else seen
    waiting = deque([start])
    while waiting and len(seen) < MAX_FOLDERS:
        folder = waiting.popleft()
        if rules.ignored(folder, folder=True):
            continue
        try:
            status = os.stat(folder)
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            entering(folder)
            files, folders = _read_folder(folder, types)
        except OSError:
            continue
        waiting.extend(path for path in folders if path not in rules.roots)
        for entry in files:
            if not rules.ignored(entry.path):
                yield entry


def files(
    rules: IgnoreRules,
    types: FileTypes,
    near: str | None = None,
    limits: Limits = _DEFAULT_LIMITS,
    entering: Callable[[str], object] = lambda _folder: None,
) -> Iterator[Entry]:
    """The source files of all roots, each once, up to the limits; see ``below``.

    Args:
        near: a file or folder whose surroundings come first: its own folder, then the one above, and so on.
    """
    seen: set[tuple[int, int]] = set()
    count = size = 0
    for start in (*_outward(near, rules), *rules.roots):
        for entry in below(start, rules, types, entering, seen):
            count += 1
            size += entry.size
            if count > limits.files or size > limits.bytes:
                return
            yield entry


def _outward(near: str | None, rules: IgnoreRules) -> Iterator[str]:
    """The folders from ``near`` up to its root; none when it lies in none."""
    place = os.path.normpath(near) if near else ""
    chain = []
    while place and place not in rules.roots:
        parent = os.path.dirname(place)
        if parent == place:
            return
        chain.append(place)
        place = parent
    yield from chain
    if place:
        yield place


def _read_folder(folder: str, types: FileTypes) -> tuple[list[Entry], list[str]]:
    """Its source files and its folders, by name; ignored ones too.

    Raises:
        OSError: the folder cannot be read.
    """
    files, folders = [], []
    with os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                elif (language := types.language(entry.name)) is not None:
                    file = _entry(entry.path, entry.stat(follow_symlinks=False), language)
                    if file is not None:
                        files.append(file)
    files.sort(key=lambda file: file.path)
    return files, sorted(folders)


def _entry(path: str, status: os.stat_result, language: str) -> Entry | None:
    if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
        return None
    return Entry(path, status.st_size, status.st_mtime_ns, language)
