"""Some files of the index as columns: numpy arrays over files, units, names and definitions. Never changed once made.

A name is a 63-bit hash here (two of a million names collide with a probability of 5e-8, and answers that give
definitions compare the names themselves), so a segment holds no text but that of definitions and paths. What is
derived, the inverted postings above all, is in ``Segment``; what must be kept is in ``Columns``. Does not know which
segments there are.
"""

import hashlib
from collections.abc import Sequence
from typing import TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from lsp_server.context.symbols import Definition, Import, Outline, Typed
from lsp_server.workspace.index.contents import Contents

Ints: TypeAlias = npt.NDArray[np.int64]
Small: TypeAlias = npt.NDArray[np.uint32]
Hashes: TypeAlias = npt.NDArray[np.uint64]
Mask: TypeAlias = npt.NDArray[np.bool_]

#: Of BM25: how soon a name says no more by standing there again, and how much long units are held back. The values
#: that Lucene takes; Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), name
#: 1.2 to 2 and 0.5 to 0.8.
_K1, _B = 1.2, 0.75

_encoder = msgspec.msgpack.Encoder()
_definition = msgspec.msgpack.Decoder(Definition)
_rest = msgspec.msgpack.Decoder(tuple[tuple[Import, ...], tuple[Typed, ...]])


def name_hash(name: str) -> int:
    """The number that stands for a name, the same in every process: 63 bits, never 0."""
    digest = hashlib.blake2b(name.encode(errors="replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1 or 1


class Columns(msgspec.Struct, frozen=True, eq=False):
    """The files of a segment; ``..._of`` are offsets, one more than there are rows.

    Attributes:
        paths, sizes, modified, languages: of the files, as ``Contents`` has them.
        units_of: the units of each file.
        starts, ends: of the units, in bytes.
        names_of: the names of each unit.
        names: of the units, as rows of ``vocabulary``.
        vocabulary: hashes, ascending.
        definitions_of: the definitions of each file.
        defined, owners: hashes of the definitions' names, and of their owners'; 0 for none.
        definition_at, definition_bytes: the definitions in msgpack.
        rest_at, rest_bytes: imports and types of each file in msgpack.
    """

    paths: tuple[str, ...]
    sizes: Ints
    modified: Ints
    languages: tuple[str, ...]
    units_of: Small
    starts: Small
    ends: Small
    names_of: Small
    names: Small
    vocabulary: Hashes
    definitions_of: Small
    defined: Hashes
    owners: Hashes
    definition_at: Small
    definition_bytes: bytes
    rest_at: Small
    rest_bytes: bytes


class Hasher:
    """Hashes of names, those of before remembered: most names come again."""

    #: Names that are remembered; all are forgotten when there are more.
    MOST = 100_000

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def __call__(self, name: str) -> int:
        """See ``name_hash``."""
        known = self._known.get(name)
        if known is None:
            if len(self._known) >= self.MOST:
                self._known.clear()
            known = self._known[name] = name_hash(name)
        return known


def columns(files: Sequence[Contents], hashed: Hasher) -> Columns:
    """Lay files out."""
    units = [unit for file in files for unit in file.units]
    definitions = [one for file in files for one in file.outline.definitions]
    names = np.array([hashed(name) for unit in units for name in unit.names], np.uint64)
    vocabulary, rows = np.unique(names, return_inverse=True)
    encoded = [_encoder.encode(one) for one in definitions]
    rest = [_encoder.encode((file.outline.imports, file.outline.types)) for file in files]
    return Columns(
        tuple(file.path for file in files),
        np.array([file.size for file in files], np.int64),
        np.array([file.modified for file in files], np.int64),
        tuple(file.language for file in files),
        _offsets([len(file.units) for file in files]),
        np.array([unit.start for unit in units], np.uint32),
        np.array([unit.end for unit in units], np.uint32),
        _offsets([len(unit.names) for unit in units]),
        rows.astype(np.uint32),
        vocabulary,
        _offsets([len(file.outline.definitions) for file in files]),
        np.array([hashed(one.name) for one in definitions], np.uint64),
        np.array([hashed(one.owner) if one.owner else 0 for one in definitions], np.uint64),
        _offsets([len(one) for one in encoded]),
        b"".join(encoded),
        _offsets([len(one) for one in rest]),
        b"".join(rest),
    )


def joined(parts: Sequence[tuple[Columns, Mask]]) -> Columns:
    """The files of several segments that count, in one.

    Args:
        parts: each with a mask over its files.
    """
    taken = [part if counts.all() else _taken(part, np.flatnonzero(counts)) for part, counts in parts]
    vocabulary = np.unique(np.concatenate([part.vocabulary for part in taken]))
    return Columns(
        tuple(path for part in taken for path in part.paths),
        np.concatenate([part.sizes for part in taken]),
        np.concatenate([part.modified for part in taken]),
        tuple(language for part in taken for language in part.languages),
        _chained([part.units_of for part in taken]),
        np.concatenate([part.starts for part in taken]),
        np.concatenate([part.ends for part in taken]),
        _chained([part.names_of for part in taken]),
        np.concatenate(
            [np.searchsorted(vocabulary, part.vocabulary).astype(np.uint32)[part.names] for part in taken]
        ),
        vocabulary,
        _chained([part.definitions_of for part in taken]),
        np.concatenate([part.defined for part in taken]),
        np.concatenate([part.owners for part in taken]),
        _chained([part.definition_at for part in taken]),
        b"".join(part.definition_bytes for part in taken),
        _chained([part.rest_at for part in taken]),
        b"".join(part.rest_bytes for part in taken),
    )


def _taken(part: Columns, files: Ints) -> Columns:
    """Some of a segment's files."""
    units, units_of = _rows(part.units_of, files)
    pairs, names_of = _rows(part.names_of, units)
    definitions, definitions_of = _rows(part.definitions_of, files)
    names = part.names[pairs]
    used = np.zeros(len(part.vocabulary), bool)
    used[names] = True
    definition_bytes, definition_at = _pieces(part.definition_bytes, part.definition_at, definitions)
    rest_bytes, rest_at = _pieces(part.rest_bytes, part.rest_at, files)
    return Columns(
        tuple(part.paths[file] for file in files),
        part.sizes[files],
        part.modified[files],
        tuple(part.languages[file] for file in files),
        units_of,
        part.starts[units],
        part.ends[units],
        names_of,
        (np.cumsum(used) - 1).astype(np.uint32)[names],
        part.vocabulary[used],
        definitions_of,
        part.defined[definitions],
        part.owners[definitions],
        definition_at,
        definition_bytes,
        rest_at,
        rest_bytes,
    )


class Segment:
    """Columns and what can be derived from them.

    Attributes:
        alive: per file, whether it counts; only ``count`` writes to it.
        lengths: of the units, in names.
        living_units, living_pairs, living_definitions: of the files that count; pairs are of a unit and a name.
    """

    def __init__(self, columns: Columns, *, alive: bool = True) -> None:
        self.columns = columns
        files, units = len(columns.paths), len(columns.starts)
        self.lengths: Ints = _counts(columns.names_of)
        self.file_of: Small = _owners(columns.units_of)
        self._postings, self._postings_of = _inverted(columns.names, self.lengths, len(columns.vocabulary))
        self._by_name: Ints = np.argsort(columns.defined, kind="stable")
        self._names: Hashes = columns.defined[self._by_name]
        self._by_owner: Ints = np.argsort(columns.owners, kind="stable")
        self._owners: Hashes = columns.owners[self._by_owner]
        self._defined_in: Small = _owners(columns.definitions_of)
        self.alive: Mask = np.full(files, alive)
        self._living: Ints = (
            np.diff(self._postings_of) if alive else np.zeros(len(columns.vocabulary), np.int64)
        )
        self.living_units = units if alive else 0
        self.living_pairs = len(columns.names) if alive else 0
        self.living_definitions = len(columns.defined) if alive else 0

    @property
    def size(self) -> int:
        """Pairs of a unit and a name, and files, those that do not count included."""
        return len(self.columns.names) + len(self.columns.paths)

    @property
    def living(self) -> int:
        """The same of the files that count."""
        return self.living_pairs + int(self.alive.sum())

    def count(self, file: int, counts: bool) -> None:
        """Let a file count from now on, or no more; it must not be so already."""
        of = self.columns
        first, last = int(of.units_of[file]), int(of.units_of[file + 1])
        names = of.names[int(of.names_of[first]) : int(of.names_of[last])]
        sign = 1 if counts else -1
        np.add.at(self._living, names, sign)
        self.alive[file] = counts
        self.living_units += sign * (last - first)
        self.living_pairs += sign * len(names)
        self.living_definitions += sign * int(of.definitions_of[file + 1] - of.definitions_of[file])

    # --- definitions

    def outline(self, file: int) -> Outline:
        """Of a file."""
        of = self.columns
        rows = range(int(of.definitions_of[file]), int(of.definitions_of[file + 1]))
        imports, types = _rest.decode(of.rest_bytes[int(of.rest_at[file]) : int(of.rest_at[file + 1])])
        return Outline(tuple(map(self.definition, rows)), imports, types)

    def definition(self, row: int) -> Definition:
        """The definition of a row."""
        of = self.columns
        return _definition.decode(
            of.definition_bytes[int(of.definition_at[row]) : int(of.definition_at[row + 1])]
        )

    def defining(self, name: int) -> Ints:
        """Rows of the living definitions of a name, by its hash."""
        return self._living_rows(self._by_name, self._names, name)

    def owned(self, owner: int) -> Ints:
        """Rows of the living definitions that belong to an owner, by its hash."""
        return self._living_rows(self._by_owner, self._owners, owner)

    def owned_in(self, file: int, owner: int) -> Ints:
        """Rows of a file's definitions that belong to an owner."""
        first, last = int(self.columns.definitions_of[file]), int(self.columns.definitions_of[file + 1])
        return np.flatnonzero(self.columns.owners[first:last] == np.uint64(owner)) + first

    def path_of_definition(self, row: int) -> str:
        """Path of the file that a definition stands in."""
        return self.columns.paths[int(self._defined_in[row])]

    def _living_rows(self, order: Ints, ascending: Hashes, key: int) -> Ints:
        first, last = ascending.searchsorted(
            np.array((key, key + 1), np.uint64)
        )  # one call: most find nothing
        rows = order[first:last]
        return rows if first == last else rows[self.alive[self._defined_in[rows]]]

    # --- units

    def rows(self, names: Hashes) -> Ints:
        """The row of each name in the vocabulary; -1 for those that are not in it."""
        vocabulary = self.columns.vocabulary
        if not len(vocabulary):
            return np.full(len(names), -1, np.int64)
        rows = np.searchsorted(vocabulary, names).clip(max=len(vocabulary) - 1)
        return np.where(vocabulary[rows] == names, rows, -1)

    def frequencies(self, rows: Ints) -> Ints:
        """In how many living units names stand, given their rows."""
        return (
            np.where(rows >= 0, self._living[rows], 0) if len(self._living) else np.zeros(len(rows), np.int64)
        )

    def units_with(self, row: int) -> Small:
        """The living units that a name stands in."""
        units = self._postings[self._postings_of[row] : self._postings_of[row + 1]]
        return units[self.alive[self.file_of[units]]]

    def scores(self, rows: Ints, gains: npt.NDArray[np.float64], average: float) -> npt.NDArray[np.float64]:
        """BM25 of all units, dead ones too, where a name counts once a unit; shape (units,).

        Args:
            rows, gains: of the question's names: where they are in the vocabulary, and what each is worth.
            average: length of a unit.
        """
        here = (rows >= 0) & (gains > 0)
        starts = self._postings_of[rows[here]]
        counts = self._postings_of[rows[here] + 1] - starts
        units = self._postings[_positions(starts, counts)]
        summed = np.bincount(units, np.repeat(gains[here], counts), len(self.lengths))
        return summed * (_K1 + 1) / (1 + _K1 * (1 - _B + _B * self.lengths / average))


def _inverted(names: Small, lengths: Ints, vocabulary: int) -> tuple[Small, Ints]:
    """The units of each name, ascending, and where those of each name begin."""
    units = np.repeat(np.arange(len(lengths), dtype=np.uint64), lengths)
    pairs = names.astype(np.uint64) << np.uint64(32) | units
    pairs.sort()
    counts = np.bincount(names, minlength=vocabulary)
    return pairs.astype(np.uint32), np.concatenate([[0], np.cumsum(counts)])  # the lower half is the unit


def _positions(starts: Ints, counts: Ints) -> Ints:
    """Whole numbers from each start on, as many as its count, one range after the other."""
    ends = np.cumsum(counts)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - ends + counts, counts)


def _rows(offsets: Small, chosen: Ints) -> tuple[Ints, Small]:
    """What belongs to the chosen ones, and the offsets among that."""
    starts = offsets[chosen].astype(np.int64)
    counts = offsets[chosen + 1].astype(np.int64) - starts
    return _positions(starts, counts), _offsets(counts)


def _pieces(data: bytes, offsets: Small, chosen: Ints) -> tuple[bytes, Small]:
    starts, ends = offsets[chosen].tolist(), offsets[chosen + 1].tolist()
    pieces = [data[start:end] for start, end in zip(starts, ends, strict=True)]
    return b"".join(pieces), _offsets([len(piece) for piece in pieces])


def _offsets(counts: Sequence[int] | Ints) -> Small:
    """Where each begins, and where the last one ends."""
    ends = np.zeros(len(counts) + 1, np.uint32)
    np.cumsum(counts, out=ends[1:], dtype=np.uint32)
    return ends


def _chained(offsets: Sequence[Small]) -> Small:
    """The offsets of columns that are put one behind the other."""
    return _offsets(np.concatenate([_counts(one) for one in offsets]))


def _counts(offsets: Small) -> Ints:
    """How many things each has, the inverse of ``_offsets``."""
    return (offsets[1:] - offsets[:-1]).astype(np.int64)


def _owners(offsets: Small) -> Small:
    """Whose each thing is, the inverse of the offsets."""
    return np.repeat(np.arange(len(offsets) - 1, dtype=np.uint32), _counts(offsets))
