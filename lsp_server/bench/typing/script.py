"""From the source files of a folder to what somebody writes in them: which lines, in which order, key by key.

Bodies of functions and the like are cut out of some documents and written anew, a few lines here, a few lines there.
The same files and the same seed make the same script. Does not know when a key is pressed, nor who completes.
"""

import random
import re
from collections.abc import Iterator, Sequence

import msgspec

from lsp_server.base.errors import OffhandError
from lsp_server.base.text import content
from lsp_server.bench.files import Source, read
from lsp_server.bench.languages import code_lines
from lsp_server.bench.typing.keys import Key, keys_of, unit_of
from lsp_server.bench.typing.subject import Document
from lsp_server.context.lines import indent

#: Lines that a stretch has; where nothing in the folder is so long, shorter ones are taken.
_LEAST, _MOST = (8, 3, 1), 30

#: Share of a stretch's lines that hold code, at least: documentation is not what is measured.
_CODE = 0.6

#: Places that are being worked at, of which people go from one to another, and lines that they write before they do.
_DESK, _VISIT = 3, (2, 6)

#: How many stretches one document has, the first one, the second one, and so on again.
_IN_A_DOCUMENT = (2, 1)

#: Keys that a stretch has at least, and that one is allowed in a short script.
_SHORTEST, _ALLOWED = 20, 60

#: Files of tests repeat themselves, which would flatter whoever completes.
_TESTS = re.compile(
    r"(^|/)(tests?|specs?|__tests__|testdata|fixtures)/|(^|/)(test_|conftest)|[_.](test|spec)s?\.\w+$",
    re.IGNORECASE,
)


class Stretch(msgspec.Struct, frozen=True):
    """Lines that are written.

    Attributes:
        document: index in ``Script.documents``.
        line, column: where the cursor stands before the first key, in the document as it is opened: a line's end.
        text: what is written there in the end, beginning with a line end.
    """

    document: int
    line: int
    column: int
    text: str
    keys: tuple[Key, ...]


class Visit(msgspec.Struct, frozen=True):
    """The cursor goes to a stretch (by its index), and its keys are pressed up to ``until``, which is outside."""

    stretch: int
    until: int


class Script(msgspec.Struct, frozen=True):
    """What somebody does."""

    documents: tuple[Document, ...]
    stretches: tuple[Stretch, ...]
    visits: tuple[Visit, ...]

    @property
    def keys(self) -> int:
        """Keys without the help of anybody who completes."""
        return sum(len(one.keys) for one in self.stretches)


class _Body(msgspec.Struct):
    """A stretch that may be cut out of a file.

    Attributes:
        first: its first line, 0-based, below the one that opens it.
    """

    first: int
    lines: list[str]


class _Cut(msgspec.Struct):
    """A file, and what is cut out of it."""

    source: Source
    lines: list[str]
    bodies: list[tuple[_Body, tuple[Key, ...]]] = []


def script(sources: Sequence[Source], keys: int, seed: int) -> Script:
    """Write a script.

    Args:
        keys: about how many: the last line is written to its end.

    Raises:
        OffhandError: no file has lines that could be cut out.
    """
    ours = [source for source in sources if not _TESTS.search(source.name)] or list(sources)
    for least in _LEAST:
        cuts = _cuts(ours, keys, seed, least)
        if cuts:
            return _put_together(cuts, seed)
    raise OffhandError("There is no code that could be typed: no file has a body of a function or the like.")


def _cuts(sources: Sequence[Source], keys: int, seed: int, least: int) -> list[_Cut]:
    """Cut bodies out of files, drawn by their size, until there are enough keys."""
    cuts: list[_Cut] = []
    room = keys
    for source in _by_chance(sources, seed):
        cut = _Cut(source, [content(line) for line in read(source.path) or []])
        chance = random.Random(f"{seed}:{source.name}")
        unit = unit_of(cut.lines)
        for body in _apart(_bodies(cut, least), chance):
            # So that there are places to go to and fro between, even in a short script.
            written = _shortened(cut, body, unit, min(room, max(_ALLOWED, keys // _DESK)), chance)
            if len(written) >= _SHORTEST:
                cut.bodies.append((body, tuple(written)))
                room -= len(written)
            if len(cut.bodies) == _IN_A_DOCUMENT[len(cuts) % len(_IN_A_DOCUMENT)] or room < _SHORTEST:
                break
        if cut.bodies:
            cuts.append(cut)
        if room < _SHORTEST:
            break
    return cuts


def _by_chance(sources: Sequence[Source], seed: int) -> list[Source]:
    """Large ones are likelier to come early. Each draws by itself, so that a change in one moves no other."""
    return sorted(sources, key=lambda source: random.Random(f"{seed}:{source.name}").expovariate(source.size))


def _bodies(cut: _Cut, least: int) -> Iterator[_Body]:
    """Lines that are deeper than the one above them that opens a block."""
    language, lines = cut.source.language, cut.lines
    code = {one.number: one for one in code_lines(language, lines)}
    opens = re.compile(language.opens)
    for number, opener in code.items():
        if opener.end != len(lines[number]) or not opens.search(lines[number]):
            continue
        level, end = indent(lines[number]), number + 1
        while end < len(lines) and end - number <= _MOST and _inside(lines[end], level):
            end += 1
        while not lines[end - 1].strip():
            end -= 1
        inner = range(number + 1, end)
        if len(inner) >= least and sum(line in code for line in inner) >= _CODE * len(inner):
            yield _Body(number + 1, lines[number + 1 : end])


def _inside(line: str, level: int) -> bool:
    return not line.strip() or indent(line) > level


def _apart(bodies: Iterator[_Body], chance: random.Random) -> Iterator[_Body]:
    """Some of them, in random order, none inside another or right below it."""
    found = list(bodies)
    chance.shuffle(found)
    taken: list[_Body] = []
    for body in found:
        if all(
            body.first > one.first + len(one.lines) or one.first > body.first + len(body.lines)
            for one in taken
        ):
            taken.append(body)
            yield body


def _shortened(cut: _Cut, body: _Body, unit: int, room: int, chance: random.Random) -> list[Key]:
    """Take lines off the end of a body until its keys, which are returned, fit; one line is left in any case."""
    above, state = cut.lines[body.first - 1], chance.getstate()
    while True:
        chance.setstate(state)
        keys = keys_of(above, body.lines, unit, chance)
        if len(keys) <= room or len(body.lines) == 1:
            return keys
        body.lines.pop()
        while not body.lines[-1].strip():
            body.lines.pop()


def _put_together(cuts: Sequence[_Cut], seed: int) -> Script:
    documents: list[Document] = []
    stretches: list[Stretch] = []
    for cut in cuts:
        gone = {
            number for body, _ in cut.bodies for number in range(body.first, body.first + len(body.lines))
        }
        left = [number for number in range(len(cut.lines)) if number not in gone]
        places = {number: place for place, number in enumerate(left)}
        for body, keys in cut.bodies:
            above = body.first - 1
            text = "".join("\n" + line for line in body.lines)
            stretches.append(Stretch(len(documents), places[above], len(cut.lines[above]), text, keys))
        source = cut.source
        documents.append(
            Document(
                uri=source.path.as_uri(),
                path=str(source.path),
                language=source.language.editors_id,
                text="\n".join(cut.lines[number] for number in left),
            )
        )
    return Script(
        tuple(documents), tuple(stretches), tuple(_visits(stretches, random.Random(f"{seed}:visits")))
    )


def _visits(stretches: Sequence[Stretch], chance: random.Random) -> Iterator[Visit]:
    """A few lines here, a few lines there, until all are written."""
    ends = [_ends(one) for one in stretches]
    waiting = list(range(len(stretches)))
    desk, waiting = waiting[:_DESK], waiting[_DESK:]
    here = -1
    while desk:
        here = chance.choice([one for one in desk if one != here] or desk)
        count = min(chance.randint(*_VISIT), len(ends[here]))
        until, ends[here] = ends[here][count - 1], ends[here][count:]
        yield Visit(here, until)
        if not ends[here]:
            desk.remove(here)
            desk += waiting[:1]
            del waiting[:1]


def _ends(stretch: Stretch) -> list[int]:
    """Numbers of keys after which a line is written."""
    enters = [number for number, key in enumerate(stretch.keys) if key.kind == "enter" and number]
    return [*enters, len(stretch.keys)]
