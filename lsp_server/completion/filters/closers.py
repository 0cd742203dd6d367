"""Pairs the text with the brackets and quotes around it, so that accepting neither doubles nor loses one.

Editors close brackets by themselves: in ``print(|)`` the model may write ``x`` or ``x)``, and both must come
to ``print(x)``. A closer of the text that stands behind the cursor already takes the place of that one
(``replace``); one that closes nothing ends the text. What is replaced is always contained in the text in the
same order, as ghost text requires. Knows brackets as ``lexical`` sees them, not the grammar."""

import msgspec

from lsp_server.completion.filters.lexical import Closer, fits, head, scan
from lsp_server.completion.types import Candidate, Surroundings

_PUNCTUATION = ",:;"


class _Behind(msgspec.Struct, frozen=True):
    """The closers behind the cursor.

    Attributes:
        run: those that stand at the cursor, without a gap; only they can be replaced.
        line: all on the line, ``run`` first.
        all: those of the lines below, too.
    """

    run: tuple[str, ...]
    line: tuple[str, ...]
    all: tuple[str, ...]


def apply(candidate: Candidate, around: Surroundings) -> Candidate | str:
    """Set ``replace``; cut the text before a closer that is one too many, or an opener that nobody will
    close."""
    before = head(around)
    start = len(before)
    behind = _behind(before, around)
    above = sum(len(line) + 1 for line in around.lines_above)
    # What stands open from the lines above; the rest was opened on this line.
    floor = scan(before, above, around.line_comments).floor
    inside = scan(before + candidate.text, start, around.line_comments)

    end = len(candidate.text)
    swallowed: list[Closer] = []
    for closer in inside.closers:
        match _place(closer, behind, len(swallowed), floor):
            case "replaces":
                swallowed.append(closer)
            case "surplus":
                end = closer.position
                break
    text = candidate.text[:end]
    if not text.strip() and candidate.text.strip():
        return "closes a bracket that is not open"

    text = _closed(text, before, around, around.after.strip())
    replace = _replace(text, swallowed, behind, around)
    # A comment may follow the last closer, but would hide whatever else comes behind it.
    behind_it = around.after[replace:].strip()
    text = _closed(text, before, around, behind_it, comments=True)
    if not text.strip() and candidate.text.strip():
        return "leaves a bracket open in front of what follows"
    if text == candidate.text and replace == candidate.replace:
        return candidate
    return msgspec.structs.replace(candidate, text=text, replace=replace)


def _closed(text: str, before: str, around: Surroundings, behind: str, *, comments: bool = False) -> str:
    """The text up to the first bracket, or comment, that it leaves open in front of ``behind``."""
    while behind:
        found = scan(before + text, len(before), around.line_comments)
        opened = zip(found.openers, found.open[found.floor :], strict=True)
        place = next((place for place, item in opened if (item == "\n") == comments), None)
        if place is None:
            break
        # On a later line, a line without its brackets says too little: the whole line goes, which may open
        # what was closed on it.
        newline = text.rfind("\n", 0, place)
        text = text[:place].rstrip() if comments else text[: newline if newline > 0 else place]
    return text


def _replace(text: str, swallowed: list[Closer], behind: _Behind, around: Surroundings) -> int:
    """How many characters behind the cursor the text takes the place of."""
    replaced = [closer for closer in swallowed if closer.position < len(text)]
    replace = sum(len(closer.text) for closer in replaced)
    if len(replaced) == len(behind.run):
        last = replaced[-1].position + len(replaced[-1].text) if replaced else 0
        line = text[last:].split("\n", 1)[0].rstrip()
        punctuation = around.after[replace:].rstrip()
        if punctuation and not punctuation.strip(_PUNCTUATION) and line.endswith(punctuation):
            replace += len(punctuation)
    return replace


def _behind(before: str, around: Surroundings) -> _Behind:
    found = scan(
        "\n".join((before + around.after, *around.lines_below)), len(before), around.line_comments
    ).closers
    run: list[str] = []
    for closer in found:
        if closer.own or closer.position != sum(map(len, run)):
            break
        run.append(closer.text)
    line = tuple(closer.text for closer in found if closer.position < len(around.after))
    return _Behind(tuple(run[: len(line)]), line, tuple(closer.text for closer in found))


def _place(closer: Closer, behind: _Behind, swallowed: int, floor: int) -> str:
    """Whether a closer of the text is "new", "replaces" the next one behind the cursor, or is "surplus".

    Args:
        swallowed: how many behind the cursor are replaced already.
        floor: how many of the open brackets were opened on lines above.
    """
    if closer.own:
        return "surplus"
    opened, rest = closer.open, behind.line[swallowed:]
    matches = fits(opened, (closer.text,))
    # Opened on this line, and what follows on it closes something else: this one is missing.
    missing = matches and len(opened) > floor and fits(opened[floor:-1], rest)
    if not missing and swallowed < len(behind.run) and behind.run[swallowed] == closer.text:
        return "replaces"
    if not matches:
        return "surplus"
    # Is it closed further on? The lines below can tell only if brackets and closers tally as they are.
    further = behind.all[swallowed:]
    wanted = fits(opened[:-1], further) if fits(opened, further) else missing or fits(opened[:-1], rest)
    return "new" if wanted else "surplus"
