"""Computing ahead: which questions, in which order, and when it stops."""

from lsp_server.base.text import content
from lsp_server.completion import snapshot as snapshots
from lsp_server.completion.cache import Entry, Found, Place
from lsp_server.completion.speculation.ahead import Outcome, Question, Target
from lsp_server.completion.speculation.targets import targets
from lsp_server.completion.types import Candidate, Snapshot, Suggestion
from lsp_server.context.languages import Grammars
from lsp_server.workspace.documents import Documents
from tests.cases import CURSOR, Case, parametrize

URI = "file:///project/sample.py"


def shown(target: Target) -> str:
    """A target as the cases write it."""
    snapshot = target.snapshot
    line = content(snapshot.lines[snapshot.line])
    return f"{target.origin} | {line[: snapshot.column]}{CURSOR}{line[snapshot.column :]}"


def suggestion(text: str, replace: int = 0) -> Suggestion:
    return Suggestion(text, replace, "model", 1)


def question(case: Case) -> tuple[Question, Found]:
    text, offset = case.cursor()
    before = text[:offset]
    line, column = before.count("\n"), len(before) - before.rfind("\n") - 1
    if "crlf" in case.sections:
        text = text.replace("\n", "\r\n")
    grammar = Grammars().load("python")
    document = Documents().open(URI, "python", 0, text)
    snapshot: Snapshot = snapshots.take(document, grammar, line, column)
    branches = tuple((name, float(value)) for name, value in case.values("branches").items())
    entry = Entry((Candidate("..."),), "asked", URI, 0, branches)
    found = Found(entry, case.sections.get("typed", ""))
    if "unasked" in case.sections:
        return Question(snapshot), found
    says = case.sections.get("suggestion")
    answer = suggestion(says, int(case.sections.get("replace", "0"))) if says else None
    return Question(snapshot, Place(before, "", ""), answer, "complete" in case.sections), found


@parametrize("speculation")
def test_targets(case: Case) -> None:
    """Each case says what is computed, in its order, given what became of what was computed before."""
    asked, found = question(case)
    level = case.sections.get("level", "normal")
    says = [line for line in case.sections.get("next", "").split("\n") if line]
    outcomes: dict[tuple[object, ...], Outcome] = {}
    done: list[str] = []
    while True:
        every = targets(
            asked, level, lambda target: outcomes.get(target.key), found, Grammars().load("python")
        )
        target = next((one for one in every if one.key not in outcomes), None)
        if target is None:
            break
        done.append(shown(target))
        said = says.pop(0) if says and target.origin == "lookahead" else ""
        complete = said == "(complete)"
        outcomes[target.key] = Outcome(suggestion(said) if said and not complete else None, complete)
    assert done == [line for line in case.sections["expect"].split("\n") if line]
