"""What is known of the workspace's files, and the questions that can be asked of it.

A log-structured set of segments: a file that changed gets a new segment and does not count any more in the old one,
small segments are
joined into larger ones when there is time. Any order of changes leads to the same answers as a store that is made
anew. Knows names and offsets: no text, no disk, no time. For one thread.
"""

import os
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import numpy as np

from lsp_server.context.symbols import Definition, Outline
from lsp_server.workspace.index.contents import Contents, Size
from lsp_server.workspace.index.segment import (
    Columns,
    Hasher,
    Ints,
    Mask,
    Segment,
    Small,
    columns,
    joined,
    name_hash,
)

#: Pairs of a unit and a name in one segment. Bounds how long joining takes, and the memory it takes for a moment.
_SEGMENT = 500_000

#: A segment is joined with the smaller ones if it is at most so many times their size.
_RATIO = 2

#: A name with more definitions, or an owner with more members, says nothing any more: the answer is none.
MOST_DEFINITIONS, MOST_MEMBERS = 500, 5_000

#: A name that stands in more units is not looked for.
MOST_MENTIONS = 2_000

#: Places of a question's names that are counted for a similarity, the rarest names first: so many take 3 ms (measured),
#: and the names that are left out stand everywhere and tell little.
_COUNTED: Final = 80_000

#: Outlines that are held ready, the ones asked for last.
_OUTLINES: Final = 64


class Store:
    """See the module. Paths are as they were given; answers are in the order of paths and offsets, or as they say."""

    def __init__(self) -> None:
        self._segments: list[Segment] = []
        self._homes: dict[str, tuple[Segment, int]] = {}
        self._dormant: dict[str, tuple[Segment, int]] = {}
        self._by_name: dict[str, dict[str, None]] = {}
        self._folders: dict[str, dict[str, None]] = {}
        self._outlines: OrderedDict[str, Outline] = OrderedDict()
        self._hashed = Hasher()

    @property
    def size(self) -> Size:
        """How much is known."""
        return Size(
            len(self._homes),
            sum(one.living_definitions for one in self._segments),
            sum(one.living_units for one in self._segments),
            sum(one.living_pairs for one in self._segments),
            len(self._segments),
        )

    # --- telling

    def put(self, files: Sequence[Contents]) -> None:
        """Know files, in the place of what was known under their paths; of two with one path the last counts."""
        fresh = list({file.path: file for file in files}.values())
        if not fresh:
            return
        self.drop(file.path for file in fresh)
        segment = Segment(columns(fresh, self._hashed))
        self._segments.append(segment)
        for row, file in enumerate(fresh):
            self._settle(file.path, segment, row)

    def drop(self, paths: Iterable[str]) -> None:
        """Forget files; unknown ones are no matter."""
        for path in paths:
            self._dormant.pop(path, None)
            home = self._homes.pop(path, None)
            if home is not None:
                home[0].count(home[1], False)
                _remove(self._by_name, os.path.basename(path), path)
                _remove(self._folders, os.path.dirname(path), path)
                self._outlines.pop(path, None)
                if not home[0].alive.any() and not self._sleeps_in(home[0]):
                    self._segments.remove(home[0])

    def wake(self, path: str, size: int, modified: int) -> bool:
        """Have a dormant file count, if it is still that one; whether it was."""
        home = self._dormant.get(path)
        if home is None:
            return False
        segment, row = home
        of = segment.columns
        if (int(of.sizes[row]), int(of.modified[row])) != (size, modified):
            return False
        del self._dormant[path]
        segment.count(row, True)
        self._settle(path, segment, row)
        return True

    def sleep(self, kept: Iterable[Columns] | None = None) -> None:
        """Let nothing count any more until it is woken.

        Args:
            kept: take these in the place of what is known.
        """
        if kept is not None:
            self._segments = [Segment(one, alive=False) for one in kept]
            self._dormant = {
                path: (segment, row)
                for segment in self._segments
                for row, path in enumerate(segment.columns.paths)
            }
        else:
            for path, (segment, row) in self._homes.items():
                segment.count(row, False)
                self._dormant[path] = (segment, row)
        self._homes, self._by_name, self._folders = {}, {}, {}
        self._outlines.clear()

    def forget_dormant(self) -> bool:
        """Drop what was not woken; whether there was any."""
        some = bool(self._dormant)
        self._dormant.clear()
        self._segments = [one for one in self._segments if one.alive.any()]
        return some

    def tidy(self) -> bool:
        """Join a few small segments; call it when there is nothing more urgent. Whether there was anything to do."""
        group = [] if self._dormant else self._worth_joining()
        if not group:
            return False
        fresh = Segment(joined([(one.columns, one.alive) for one in group]))
        self._segments = [one for one in self._segments if one not in group]
        self._segments.append(fresh)
        for row, path in enumerate(fresh.columns.paths):
            self._homes[path] = (fresh, row)
        return True

    def snapshot(self, without: Iterable[str] = ()) -> list[tuple[Columns, Mask]]:
        """All there is, to be kept: columns, and which of their files count or sleep.

        Args:
            without: paths of files that are not to be kept.
        """
        parts = [(one.columns, one.alive.copy()) for one in self._segments]
        masks = dict(zip(map(id, self._segments), (mask for _, mask in parts), strict=True))
        for segment, row in self._dormant.values():
            masks[id(segment)][row] = True
        for path in without:
            if path in self._homes:
                segment, row = self._homes[path]
                masks[id(segment)][row] = False
        return parts

    def _settle(self, path: str, segment: Segment, row: int) -> None:
        self._homes[path] = (segment, row)
        self._by_name.setdefault(os.path.basename(path), {})[path] = None
        self._folders.setdefault(os.path.dirname(path), {})[path] = None

    def _sleeps_in(self, segment: Segment) -> bool:
        return any(home[0] is segment for home in self._dormant.values())

    def _worth_joining(self) -> list[Segment]:
        """The smallest segments that together make one of their own kind; or one that mostly does not count."""
        group: list[Segment] = []
        size = 0
        for one in sorted(self._segments, key=lambda one: one.size):
            if group and (one.size > _RATIO * size or one.size + size > _SEGMENT):
                if len(group) > 1:
                    return group
                group, size = [], 0
            group.append(one)
            size += one.size
        if len(group) > 1:
            return group
        return [one for one in self._segments if one.living < one.size / 2][:1]

    # --- asking

    def status(self, path: str) -> tuple[int, int] | None:
        """Size and time of change that a file had when it was read; ``None`` when it is not known."""
        home = self._homes.get(path)
        return (int(home[0].columns.sizes[home[1]]), int(home[0].columns.modified[home[1]])) if home else None

    def language(self, path: str) -> str:
        """The language of a file; empty when it is not known."""
        home = self._homes.get(path)
        return home[0].columns.languages[home[1]] if home else ""

    def outline(self, path: str) -> Outline | None:
        """What a file defines and imports; ``None`` when it is not known."""
        known = self._outlines.get(path)
        if known is not None:
            self._outlines.move_to_end(path)
            return known
        home = self._homes.get(path)
        if home is None:
            return None
        outline = self._outlines[path] = home[0].outline(home[1])
        if len(self._outlines) > _OUTLINES:
            self._outlines.popitem(last=False)
        return outline

    def definitions(self, name: str) -> list[tuple[str, Definition]]:
        """What defines a name, with its path; none where more than ``MOST_DEFINITIONS`` do."""
        key = name_hash(name)
        found = self._decoded([(one, one.defining(key)) for one in self._segments], MOST_DEFINITIONS)
        return [(path, one) for path, one in found if one.name == name]

    def members(self, owner: str, path: str = "") -> list[tuple[str, Definition]]:
        """The members of all classes of a name; none where there are more than ``MOST_MEMBERS``.

        Args:
            path: only of those in this file.
        """
        key = name_hash(owner)
        if path:
            home = self._homes.get(path)
            rows = [(home[0], home[0].owned_in(home[1], key))] if home else []
        else:
            rows = [(one, one.owned(key)) for one in self._segments]
        return [(path, one) for path, one in self._decoded(rows, MOST_MEMBERS) if one.owner == owner]

    def paths_ending(self, tail: str) -> list[str]:
        """The files whose path ends so, whole components taken: "b/c.py" is the end of "/a/b/c.py"."""
        tail = tail.strip("/")
        named = self._by_name.get(tail.rpartition("/")[2], ())
        return sorted(path for path in named if ("/" + _slashes(path)).endswith("/" + tail))

    def files_in(self, folder: str) -> list[str]:
        """The files of a folder, not of those in it."""
        return sorted(self._folders.get(os.path.normpath(folder), ()))

    def folders_ending(self, tail: str) -> list[str]:
        """The folders with files in them whose path ends so, whole components taken."""
        end = "/" + tail.strip("/")
        return sorted(folder for folder in self._folders if ("/" + _slashes(folder)).endswith(end))

    def mentions(self, name: str, limit: int) -> list[tuple[str, int, int]]:
        """Units that a name stands in: path, and start and end in bytes; none for a name of more than
        ``MOST_MENTIONS``."""
        key = np.array([name_hash(name)], np.uint64)
        rows = [one.rows(key) for one in self._segments]
        if (
            sum(int(one.frequencies(row)[0]) for one, row in zip(self._segments, rows, strict=True))
            > MOST_MENTIONS
        ):
            return []
        found = [
            place
            for one, row in zip(self._segments, rows, strict=True)
            if row[0] >= 0
            for place in _places(one, one.units_with(int(row[0])))
        ]
        return sorted(found)[:limit]

    def similar(
        self, weights: Mapping[str, float], exclude: str = "", limit: int = 8, languages: Collection[str] = ()
    ) -> list[tuple[str, int, int, float]]:
        """The units most like a question, by BM25 over distinct names: path, start, end, score; best first.

        Args:
            weights: the question's names, each with a factor for what it adds.
            exclude: a file that is left out.
            languages: only files of these; any, when empty.
        """
        units = sum(one.living_units for one in self._segments)
        pairs = sum(one.living_pairs for one in self._segments)
        if not pairs or not weights:
            return []
        average = pairs / units
        names = np.array([name_hash(name) for name in weights], np.uint64)
        rows = [one.rows(names) for one in self._segments]
        frequencies: Ints = np.zeros(len(names), np.int64)
        for one, row in zip(self._segments, rows, strict=True):
            frequencies += one.frequencies(row)
        gains = np.fromiter(weights.values(), np.float64, len(weights))
        gains = gains * np.log1p((units - frequencies + 0.5) / (frequencies + 0.5))
        rarest = np.argsort(frequencies, kind="stable")
        gains[rarest[np.cumsum(frequencies[rarest]) > _COUNTED]] = 0.0
        best: list[tuple[float, str, int, int]] = []
        least = 0.0
        for one, row in zip(self._segments, rows, strict=True):
            scores = one.scores(row, gains, average)
            scores[~self._counts(one, exclude, languages)[one.file_of]] = 0.0
            chosen = np.flatnonzero((scores >= least) & (scores > 0))
            if len(chosen) > limit:  # partitioned without the zeros, which it is slow with
                least = max(least, float(np.partition(scores[chosen], -limit)[-limit]))
                chosen = chosen[scores[chosen] >= least]
            places = zip(scores[chosen].tolist(), _places(one, chosen), strict=True)
            best += [(-score, *place) for score, place in places]
            best.sort()
            del best[limit:]
            if len(best) == limit:
                least = -best[-1][0]
        return [(path, start, end, -score) for score, path, start, end in best]

    def _counts(self, segment: Segment, exclude: str, languages: Collection[str]) -> Mask:
        """Which files of a segment may be in an answer."""
        mask = segment.alive
        if languages:
            mask = mask & np.array([one in languages for one in segment.columns.languages], bool)
        home = self._homes.get(exclude)
        if home is not None and home[0] is segment:
            mask = mask.copy()
            mask[home[1]] = False
        return mask

    def _decoded(self, rows: Iterable[tuple[Segment, Ints]], most: int) -> list[tuple[str, Definition]]:
        rows = list(rows)
        if sum(len(of) for _, of in rows) > most:
            return []
        found = [
            (one.path_of_definition(row), one.definition(row)) for one, of in rows for row in of.tolist()
        ]
        return sorted(found, key=lambda pair: (pair[0], pair[1].start, pair[1].end))


def _places(segment: Segment, units: Ints | Small) -> list[tuple[str, int, int]]:
    of = segment.columns
    return [
        (of.paths[file], start, end)
        for file, start, end in zip(
            segment.file_of[units].tolist(), of.starts[units].tolist(), of.ends[units].tolist(), strict=True
        )
    ]


def _remove(groups: dict[str, dict[str, None]], key: str, path: str) -> None:
    group = groups[key]
    del group[path]
    if not group:
        del groups[key]


def _slashes(path: str) -> str:
    return path.replace(os.sep, "/")
