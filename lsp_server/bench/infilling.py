"""Benchmarks of others: holes in texts, read from a file, put to the real pipeline. References, not goals.

Two formats are read: OpenAI's HumanEval infilling (github.com/openai/human-eval-infilling), and CrossCodeEval as
github.com/TabbyML/tabby has it in ``experimental/eval``, with text of other files of the same project. Texts are
compared; nothing that a model wrote is run. Does not know how sessions are started, nor how the outcome is shown.
"""

import gzip
import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

import msgspec

from lsp_server.base.errors import OffhandError
from lsp_server.base.text import split_lines
from lsp_server.bench.figures import Share, group, share
from lsp_server.bench.files import Source, Workspace
from lsp_server.bench.languages import LANGUAGES, Spoken, of_file
from lsp_server.bench.lines import Case, Without, ask_in
from lsp_server.bench.report import Product
from lsp_server.bench.sample import Place, spread
from lsp_server.bench.table import percent
from lsp_server.completion.remember import forget, learn
from lsp_server.completion.session import Session
from lsp_server.context.languages import Grammars

#: The folder that the texts stand in, as far as the model is told.
_FOLDER = Path("/project").absolute()

#: Sizes of what is asked for: a line or a part of one, or more.
_SIZES = ("one line", "several lines")

#: Titles and widths of the table's columns of percentages.
_COLUMNS = (("all right", 11), ("first line", 12), ("similar", 9), ("names", 8), ("answered", 10))

#: The way in which the other files are open beside.
BESIDE = "other files"


class Hole(msgspec.Struct, frozen=True):
    """A text with a hole.

    Attributes:
        name: unique in its file.
        path: of the text's own file.
        before, behind: the text around the hole.
        answer: what was there.
        others: paths and texts of other files, or parts of them.
        project: name of the repository and its commit; empty where it is not told.
    """

    name: str
    path: str
    language: Spoken
    before: str
    behind: str
    answer: str
    others: tuple[tuple[str, str], ...] = ()
    project: str = ""


class Row(msgspec.Struct, frozen=True):
    """What came of some holes. Whatever was not answered counts as wrong.

    Attributes:
        exact: all that was asked for, white space aside.
        first_line: its first line.
        similarity: mean edit similarity of the first line, 0 to 100.
        identifiers: the first line has the same identifiers in the same order.
        answered: something was offered.
    """

    n: int
    exact: Share
    first_line: Share
    similarity: float | None
    identifiers: Share
    answered: Share


class Benchmark(msgspec.Struct, frozen=True):
    """What came of one file.

    Attributes:
        name: of the file.
        left_out: holes in it that held nothing but white space.
        ways: by the way of asking: rows by the size of what was asked for.
    """

    name: str
    left_out: int
    ways: dict[str, dict[str, Row]]


class Infilling(msgspec.Struct, frozen=True):
    """A run of ``offhand bench infilling``: by the models' labels, what each is, and what came of each file."""

    products: dict[str, Product]
    benchmarks: dict[str, tuple[Benchmark, ...]]


class _HumanEval(msgspec.Struct):
    task_id: str
    prompt: str
    suffix: str
    canonical_solution: str


class _Chunk(msgspec.Struct):
    filename: str
    retrieved_chunk: str


class _Chunks(msgspec.Struct):
    list: list[_Chunk]


class _About(msgspec.Struct):
    task_id: str
    file: str
    repository: str = ""


class _CrossFile(msgspec.Struct):
    prompt: str
    groundtruth: str
    right_context: str
    metadata: _About
    crossfile_context: _Chunks


def read(path: Path) -> list[Hole]:
    """The holes of a file, JSON line by line, as it comes or compressed by gzip.

    Raises:
        OffhandError: it cannot be read, or is of another format.
    """
    try:
        data = path.read_bytes()
        lines = (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines()
        return [_hole(line) for line in lines if line.strip()]
    except OSError as error:
        raise OffhandError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (msgspec.DecodeError, EOFError, zlib.error) as error:
        raise OffhandError(f"{path} holds no infilling benchmark that is known here: {error}.") from error


def _hole(line: bytes) -> Hole:
    if b'"canonical_solution"' in line:
        puzzle = msgspec.json.decode(line, type=_HumanEval)
        path, python = PurePosixPath(puzzle.task_id).name + ".py", LANGUAGES[0]
        return Hole(
            puzzle.task_id, path, python, *_cut(puzzle.prompt, puzzle.canonical_solution, puzzle.suffix)
        )
    case = msgspec.json.decode(line, type=_CrossFile)
    others: dict[str, str] = {}
    for chunk in case.crossfile_context.list:
        text = others.get(chunk.filename, "")
        others[chunk.filename] = text + chunk.retrieved_chunk.rstrip("\n") + "\n"
    path = case.metadata.file
    return Hole(
        case.metadata.task_id,
        path,
        of_file(path, Grammars()) or LANGUAGES[0],
        *_cut(case.prompt, case.groundtruth, case.right_context),
        tuple(others.items()),
        case.metadata.repository,
    )


def _cut(before: str, answer: str, behind: str) -> tuple[str, str, str]:
    """The parts as an editor has them: where a whole line is missing, the cursor is on an empty, indented line."""
    if before.endswith("\n") and answer.endswith("\n"):
        indentation = answer[: len(answer) - len(answer.lstrip(" \t"))]
        before, answer, behind = before + indentation, answer[len(indentation) : -1], "\n" + behind
    return before, behind, answer


async def measure(
    session: Session, name: str, holes: Sequence[Hole], ways: Mapping[str, Without]
) -> AsyncIterator[tuple[Hole, dict[str, Case]]]:
    """Ask at each hole, in a document that is open only for that; no file of it is on the disk.

    Args:
        name: of the benchmark.
        ways: by their names, what is left out.

    Raises:
        EngineError: there is no engine any more that could answer.
    """
    benchmark = Workspace(_FOLDER, name)
    for hole in holes:
        above = split_lines(hole.before)
        source = Source(_FOLDER / hole.path, hole.name, hole.language, len(hole.before))
        place = Place(source, "hole", len(above) - 1, len(above[-1]), hole.answer)
        text = hole.before + hole.behind
        cases = await ask_in(text, session, benchmark, place, tuple(ways.values()))
        found = dict(zip(ways, cases, strict=True))
        if hole.others:
            uris = [_open(session, path, text, hole.language) for path, text in hole.others]
            (found[BESIDE],) = await ask_in(text, session, benchmark, place, (frozenset(),))
            for uri in uris:
                session.documents.close(uri)
                forget(session, uri)
        forget(session, source.path.as_uri())
        yield hole, found


def _open(session: Session, path: str, text: str, language: Spoken) -> str:
    """Open another file of the project; the memory learns it as it learns what an editor opens."""
    uri = (_FOLDER / path).as_uri()
    learn(session, session.documents.open(uri, language.editors_id, 0, text))
    return uri


def benchmark(name: str, left_out: int, answers: Sequence[tuple[Hole, Mapping[str, Case]]]) -> Benchmark:
    """Count."""
    ways: dict[str, dict[str, Row]] = {}
    for way in dict.fromkeys(way for _, cases in answers for way in cases):
        for size in _SIZES:
            mine = [cases[way] for hole, cases in answers if way in cases and _size(hole) == size]
            if mine:
                ways.setdefault(way, {})[size] = _row(mine)
    return Benchmark(name, left_out, ways)


def _size(hole: Hole) -> str:
    return _SIZES["\n" in hole.answer.strip()]


def _row(cases: Sequence[Case]) -> Row:
    found = group(cases)
    return Row(
        n=found.n,
        exact=found.exact,
        first_line=share(case.first_line for case in cases),
        similarity=found.similarity,
        identifiers=found.identifiers,
        answered=found.answered,
    )


def asked(holes: Sequence[Hole], most: int) -> list[Hole]:
    """Those that are asked: where something but white space is missing, at most so many, evenly spread."""
    return spread([hole for hole in holes if hole.answer.strip()], most)


def table(run: Infilling) -> str:
    """For a terminal."""
    rows = [
        f"{label}: Offhand {made.version}, {made.model}, sha256 {made.sha256[:12]}, {made.engine}"
        for label, made in run.products.items()
    ]
    for name in dict.fromkeys(one.name for found in run.benchmarks.values() for one in found):
        titles = "".join(f"{title:>{width}}" for title, width in _COLUMNS)
        rows += ["", f"{name + ', percent':<50}{'n':>6}{titles}"]
        for label, found in run.benchmarks.items():
            for one in found:
                for way, sizes in one.ways.items() if one.name == name else ():
                    rows += [f"  {f'{label}, {way}, {size}':<48}{_shown(row)}" for size, row in sizes.items()]
    return "\n".join(rows)


def _shown(row: Row) -> str:
    shares = (row.exact, row.first_line, row.identifiers, row.answered)
    values = [percent(one, error=False).removesuffix(" %") for one in shares]
    values.insert(2, "-" if row.similarity is None else f"{row.similarity:.1f}")
    return f"{row.n:>6}" + "".join(
        f"{value:>{width}}" for value, (_, width) in zip(values, _COLUMNS, strict=True)
    )
