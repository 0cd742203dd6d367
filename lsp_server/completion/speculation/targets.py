"""Which questions may come next, the likeliest first. Computes none of them.

After a suggestion: what follows its acceptance, and after a complete line the next one. What follows the acceptance
of its first word or first line is its own rest, which the cache has. Then the next line's prompt, where its window
begins further below. Then the keys that would contradict what the model wrote: at each token of it the model had others
in mind, and said how likely they were (``Finished.branches``). llama.vim and its relatives go the first of these ways
only.
"""

from collections.abc import Callable, Iterator

from lsp_server.completion import snapshot as snapshots
from lsp_server.completion.cache import Found
from lsp_server.completion.manners import Level
from lsp_server.completion.speculation.ahead import Outcome, Question, Target
from lsp_server.completion.types import Snapshot, Suggestion
from lsp_server.context.headers import opens_block
from lsp_server.context.languages import Grammar
from lsp_server.context.lexing import read

#: Of the keys that contradict a suggestion how many are looked at, and how likely the least of them is.
_BRANCHES: dict[Level, tuple[int, float]] = {"normal": (2, 0.1), "eager": (8, 0.02)}

#: Steps of acceptance that are computed ahead; the line after a complete one counts as none.
_STEPS: dict[Level, int] = {"low": 1, "normal": 1, "eager": 2}


def targets(
    question: Question,
    level: Level,
    known: Callable[[Target], Outcome | None],
    found: Found | None,
    grammar: Grammar | None,
    begins: Callable[[Snapshot], int],
) -> Iterator[Target]:
    """The questions that may come, whether or not their outcomes are known; what comes after a question is told only
    when its outcome is.

    Args:
        known: the outcome of a question, if it is known.
        found: what the cache has for the question's place.
        begins: where the window of a prompt begins.
    """
    if question.place is None:
        yield Target(question.snapshot, "prefill")
        return
    here = Target(question.snapshot, "prefill", only_prompt=True)
    if found is None:  # it took too long: the next key shall have it easier
        yield here
    yield from _ahead(
        question.snapshot, question.suggestion, question.complete, _STEPS[level], known, grammar
    )
    if question.unsettled:
        yield here
    if level != "low":
        entered = _entered(question.snapshot, grammar)
        window = begins(entered)
        if window != begins(question.snapshot):  # then nearly all of the prompt is another
            yield Target(entered, "prefill", only_prompt=True, window=window)
    if found is not None and level in _BRANCHES:
        yield from _branches(question.snapshot, found, *_BRANCHES[level])


def _ahead(
    snapshot: Snapshot,
    suggestion: Suggestion | None,
    complete: bool,
    steps: int,
    known: Callable[[Target], Outcome | None],
    grammar: Grammar | None,
) -> Iterator[Target]:
    """What follows acceptance, and what follows Enter where the line is complete."""
    while steps and suggestion is not None:
        snapshot = snapshots.insert(snapshot, suggestion.text, snapshot.column, suggestion.replace)
        target = Target(snapshot, "lookahead")
        yield target
        outcome = known(target)
        if outcome is None:
            return
        suggestion, complete = outcome.suggestion, outcome.complete
        steps -= 1
    if complete and not snapshot.lines[snapshot.line][snapshot.column :].strip():
        yield Target(_entered(snapshot, grammar), "lookahead")


def _branches(snapshot: Snapshot, found: Found, most: int, least: float) -> Iterator[Target]:
    """The likeliest texts that part from the completion; each ends with the character that does."""
    typed = found.typed
    fitting = [
        (text[len(typed) :], likely)
        for text, likely in found.entry.branches
        if text.startswith(typed) and len(text) > len(typed)
    ]
    for text, likely in fitting[:most]:
        if likely >= least and "\n" not in text:
            yield Target(snapshots.insert(snapshot, text, snapshot.column, 0), "branch")


def _entered(snapshot: Snapshot, grammar: Grammar | None) -> Snapshot:
    """The snapshot after Enter, in an editor that indents by itself."""
    line = snapshot.lines[snapshot.line][: snapshot.column]
    indentation = line[: len(line) - len(line.lstrip())]
    if grammar is not None and opens_block(grammar.about, read(grammar.about, line).code.strip()):
        indentation += "\t" if "\t" in indentation else " " * grammar.about.indent_unit
    return snapshots.insert(snapshot, "\n" + indentation, snapshot.column, 0)
