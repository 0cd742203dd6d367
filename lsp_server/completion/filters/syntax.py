"""Drops or shortens a text that makes the document's syntax worse than it is.

Only a rise in the number of parse errors counts: the code around the cursor is usually half written. A text
may also be half written by right, when the user is to go on behind it; then it is judged with its end written
out. Does not know who counts the errors: without a count everything passes."""

import msgspec

from lsp_server.completion.filters.lexical import fits, head, leading, scan
from lsp_server.completion.types import Candidate, Surroundings

#: Parses that one candidate may cost.
_TRIES = 24

#: A text may stop behind these and go on later.
_GOES_ON = (":", "(", "[", "{", ",", "\\")


def apply(candidate: Candidate, around: Surroundings) -> Candidate | str:
    """Drop lines from the end until the text adds no parse error; drop it when the first line does so by
    itself."""
    if around.new_errors is None or not candidate.text.strip():
        return candidate
    tries = 0
    text = candidate.text
    while text.strip():
        for end in ("", *_ends(text, candidate, around)):
            tries += 1
            probe = text.rstrip().removesuffix("\\") + end if end else text
            errors = around.new_errors(msgspec.structs.replace(candidate, text=probe))
            if errors is None or tries > _TRIES:
                return candidate if errors is None else "adds a syntax error"
            if errors <= 0:
                return candidate if text == candidate.text else msgspec.structs.replace(candidate, text=text)
        if candidate.replace:
            # The characters to be replaced may stand on the line that would go.
            break
        text = text.rpartition("\n")[0].rstrip()
    return "adds a syntax error"


def _ends(text: str, candidate: Candidate, around: Surroundings) -> list[str]:
    """Ways to write the end of a text that legitimately has none; none for a text that should be complete."""
    if around.after[candidate.replace :].strip():
        return []
    before = head(around)
    here = scan(before + text, len(before), around.line_comments)
    said = text.rstrip()
    last = said.rpartition("\n")[2].strip()
    opened = [item for item in here.open if item != "\n"]
    below = scan("\n".join((before, *around.lines_below)), len(before), around.line_comments)
    closers = [closer.text for closer in below.closers]
    # The outermost may be closed below already.
    kept = len(closers) if fits(opened[: len(closers)], closers) else 0
    missing = "".join(item.lstrip("f") for item in reversed(opened[kept:]))
    if opened and opened[-1].lstrip("f") in ("'", '"'):
        return []
    if said.endswith(",") and not opened and around.language == "python":
        return []  # only inside brackets the next line goes on
    ends = []
    if last.startswith("@") and around.language == "python":
        margin = leading(around.before if "\n" not in said else said.rpartition("\n")[2])
        ends.append(f"\n{margin}def _(): pass")
    # Behind a bracket's first thing the line may end where the next string is to be joined, or in a string of several
    # lines; hardly anywhere else.
    own = [at for at, item in zip(here.openers, here.open[here.floor :], strict=True) if len(item) == 1]
    brackets = [at for at in own if text[at] in "([{"]
    broken_off = (
        bool(brackets)
        and brackets[-1] > said.rfind("\n")
        and opened[-1] in (")", "]", "}")
        and not said.endswith(("'", '"'))
    )
    if said.endswith(_GOES_ON) or (missing and not broken_off):
        tails = ("", ": pass") if around.language == "python" else ("",)
        ends += [filler + missing + tail for tail in tails for filler in ("", " _")]
    if said.endswith(":"):
        ends.append(" pass")
    ends += [f"\n{end}" for end in around.block_ends]
    return [end for end in ends if end]
