"""Pairs the text with the brackets and quotes around it, so that accepting neither doubles nor loses one.

Editors close brackets by themselves: in ``print(|)`` the model may write ``x`` or ``x)``, and both must come
to ``print(x)``. A closer of the text that stands behind the cursor already takes the place of that one
(``replace``); one that closes nothing ends the text. What is replaced is always contained in the text in the
same order, as ghost text requires. Knows brackets as ``lexical`` sees them, not the grammar."""

import re

import msgspec

from lsp_server.completion.filters.lexical import Closer, columns, fits, head, scan
from lsp_server.completion.types import Candidate, Surroundings

_PUNCTUATION = ",:;"

_OPENERS = {")": "(", "]": "[", "}": "{"}

#: A line that ends a block and does nothing else.
_ONLY_CLOSERS = re.compile(r"[)\]}]+[,;]?")


#: No line inside brackets begins so, or hardly any.
_STATEMENT = re.compile(
    r"\s*(?:(?:async )?def \w+\(|class \w+[(:]|@\w|import \w|from [\w.]+ import |return\b)"
)


class _Behind(msgspec.Struct, frozen=True):
    """The closers behind the cursor that close something from before it.

    Attributes:
        run: those that stand at the cursor, without a gap; only they can be replaced.
        line: all on the line, ``run`` first.
        below: those on the lines below.
    """

    run: tuple[str, ...]
    line: tuple[str, ...]
    below: tuple[str, ...]


def apply(candidate: Candidate, around: Surroundings) -> Candidate | str:
    """Set ``replace``; cut before a closer that is one too many, or an opener that nobody will close."""
    before = head(around)
    at_line_end = not (candidate.replace or around.after.strip())
    if at_line_end and _ends_a_block(candidate.text, around):
        return candidate
    if at_line_end and not scan(before + candidate.text, len(before), around.line_comments).closers:
        return candidate
    behind = _behind(before, around)
    above = len(before) - len(around.before)
    # What stands open from the lines above; the rest was opened on this line.
    floor = scan(before, above, around.line_comments).floor

    if (
        not candidate.replace
        and around.after.strip()
        and _closes_what_it_opens(candidate.text, before, around)
    ):
        return candidate
    text = candidate.text
    while True:
        length = len(text)
        text, swallowed = _matched(text, before, behind, floor, around)
        if not text.strip() and candidate.text.strip():
            return "closes a bracket that is not open"
        text = _closed(text, before, around, around.after.strip())
        replace = _replace(text, swallowed, behind, around)
        text = _without_end(text, swallowed, replace, around)
        # A comment may follow the last closer, but would hide whatever else comes behind it.
        text = _closed(text, before, around, around.after[replace:].strip(), comments=True)
        if not text.strip() and candidate.text.strip():
            return "leaves a bracket open in front of what follows"
        # An opener that went may have been what allowed for a closer before it.
        if len(text) == length:
            break
    if text == candidate.text and replace == candidate.replace:
        return candidate
    return msgspec.structs.replace(candidate, text=text, replace=replace)


def _ends_a_block(text: str, around: Surroundings) -> bool:
    """Whether the text is a line of closers that stands under the line which opened the block, and is not there yet.

    Brackets cannot tell where the view begins or ends inside blocks; the layout of the lines can.
    """
    said = text.strip()
    if around.before.strip() or not _ONLY_CLOSERS.fullmatch(said):
        return False
    level = columns(around.before + text)
    above = next(
        (line for line in reversed(around.lines_above) if line.strip() and columns(line) <= level), ""
    )
    below = next(filter(str.strip, around.lines_below), "")
    opens = above.rstrip()[-1:] == _OPENERS[said[0]] and columns(above) == level
    return opens and not (columns(below) == level and below.strip()[:1] == said[0])


def _closes_what_it_opens(text: str, before: str, around: Surroundings) -> bool:
    """Whether the text closes what stands open and opens the same again: behind ``{"a`` it is ``": "b``, with the
    quote behind the cursor for its last."""
    found = scan(before + text, len(before), around.line_comments)
    return (
        bool(found.closers)
        and found.open == found.before
        and all(not closer.own and fits(closer.open, (closer.text,)) for closer in found.closers)
    )


def _matched(
    text: str, before: str, behind: _Behind, floor: int, around: Surroundings
) -> tuple[str, list[Closer]]:
    """The text up to the first closer that is one too many, and those that replace one behind the cursor."""
    inside = scan(before + text, len(before), around.line_comments)
    # In front of a closer nothing may stay open, see ``_closed``; at the end of a line the lines below may
    # close it.
    left = () if around.after.strip() else inside.open[inside.floor :]
    swallowed: list[Closer] = []
    for closer in inside.closers:
        line = (around.before + text)[: len(around.before) + closer.position].rpartition("\n")[2]
        if not closer.open and not line.strip() and _begins_inside(around):
            continue
        match _place(closer, behind, len(swallowed), floor, left):
            case "replaces":
                swallowed.append(closer)
            case "surplus":
                return text[: closer.position], swallowed
    return text, swallowed


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


def _without_end(text: str, swallowed: list[Closer], replace: int, around: Surroundings) -> str:
    """The text less punctuation behind its last closer that stands further on in the line: ``):`` in front of
    ``) -> int:``."""
    if not swallowed:
        return text
    end = swallowed[-1].position + len(swallowed[-1].text)
    rest, said = around.after[replace:].strip(), text[end:].strip()
    further_on = said and not said.strip(_PUNCTUATION) and rest.endswith(said) and not rest.startswith(said)
    return text[:end] if further_on else text


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
    opened = scan(before, len(before), around.line_comments).before
    in_docstring = bool(opened) and len(opened[-1].lstrip("f")) == 3
    lines = around.lines_below if in_docstring else _same_statement(around)
    source = "\n".join((before + around.after, *lines))
    found = scan(source, len(before), around.line_comments)
    run: list[str] = []
    for closer in found.closers:
        if closer.own or closer.position != sum(map(len, run)):
            break
        run.append(closer.text)
    line = tuple(closer.text for closer in found.closers if closer.position < len(around.after))
    below = tuple(closer.text for closer in found.closers[len(line) :])
    if in_docstring and found.open and len(found.open[-1].lstrip("f")) == 3:
        # Code and strings have changed places all the way down: what closes this string is missing.
        below = ()
    return _Behind(tuple(run[: len(line)]), line, below)


def _same_statement(around: Surroundings) -> tuple[str, ...]:
    """The lines below up to the first that begins a statement for certain: what is open there was never
    closed."""
    lines = around.lines_below
    return lines[: next((at for at, line in enumerate(lines) if _STATEMENT.match(line)), len(lines))]


def _begins_inside(around: Surroundings) -> bool:
    """Whether what is in view may begin inside brackets: nothing in it stands at the margin but their
    ends."""
    said = [line for line in (*around.lines_above, around.before) if line.strip()]
    return bool(said) and all(line[0] in " \t)]}" for line in said)


def _tallies(opened: tuple[str, ...], line: tuple[str, ...], below: tuple[str, ...]) -> bool:
    """Whether the closers on the line and those below close what stands open, in order."""
    if not fits(opened, line):
        return False
    left = opened[: len(opened) - len(line)]
    # Strings in single quotes, and what is open in them, do not reach the next line.
    broken = next((at for at, item in enumerate(left) if item.lstrip("f") in ("'", '"')), len(left))
    return fits(left[:broken], below)


def _place(closer: Closer, behind: _Behind, swallowed: int, floor: int, left: tuple[str, ...]) -> str:
    """Whether a closer of the text is "new", "replaces" the next one behind the cursor, or is "surplus".

    Args:
        swallowed: how many behind the cursor are replaced already.
        floor: how many of the open brackets were opened on lines above.
        left: what the text leaves open at its end, for the lines below to close.
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
    if _tallies(opened, rest, behind.below):
        wanted = _tallies(opened[:-1] + left, rest, behind.below)
    else:
        wanted = missing or fits(opened[:-1], rest)
    return "new" if wanted else "surplus"
