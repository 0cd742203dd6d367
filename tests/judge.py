"""What may be shown: compares an item with what was written, and with what would be asked from scratch.

What is compared, and what may differ, is said in ``test_truth``.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any, cast

import msgspec
from lsprotocol import types
from origins import MARK, MEMORY, Library, Question, Writing, model_of
from typist import Page, model_text

from lsp_server.base.config import Config
from lsp_server.base.text import split_lines
from lsp_server.completion import asking
from lsp_server.completion import snapshot as snapshots
from lsp_server.completion.gather import NOTHING
from lsp_server.completion.look import View, look
from lsp_server.completion.session import Session
from lsp_server.completion.types import Gathered
from lsp_server.context.languages import Grammars
from lsp_server.models.manifest import Manifest
from lsp_server.workspace.documents import Document

#: As far back as a suggestion may have begun (characters).
BACK = 128

#: What editors insert by themselves behind the cursor: nothing that a prompt shows.
_CLOSERS = " \t)]}>\"'`;:,"


class Asked(msgspec.Struct, frozen=True):
    """A request, and the editor's state when it was sent.

    Attributes:
        opened, version, text, cursor, language: of the page.
        config: the settings in force.
        selected: the menu's choice, which would stand from ``start`` on.
    """

    page: Page
    opened: int
    version: int
    text: str
    cursor: int
    language: str
    kind: str
    invoked: bool
    selected: str
    start: int
    config: Config
    sent: float

    @property
    def before(self) -> str:
        return self.text[: self.start] + self.selected

    @property
    def behind(self) -> str:
        return self.text[self.cursor :]


class Verdict(msgspec.Struct, frozen=True):
    """About an item.

    Attributes:
        problem: what is wrong with it; empty if nothing is.
        shown: what it adds behind the cursor.
        id: of the suggestion.
    """

    problem: str
    shown: str = ""
    id: int = 0


class Judge:
    """Knows what was written.

    Attributes:
        session: of the server that runs.
    """

    def __init__(
        self,
        library: Library,
        grammars: Grammars,
        pieces: Sequence[Gathered],
        seen: Counter[str],
        *,
        filters: bool,
    ) -> None:
        """Judge by what these hold at each moment.

        Args:
            pieces: all that there ever were.
            seen: where it is counted what was seen.
            filters: what is shown went through the filters.
        """
        self._library, self._grammars, self._pieces, self._seen = library, grammars, pieces, seen
        self._filters = filters
        self.session: Session

    def silence(self, asked: Asked) -> str:
        """What is wrong with an answer that shows nothing: that the model has nothing to add must be true."""
        line, column = len(split_lines(asked.before)), len(split_lines(asked.before)[-1]) + 1
        traces = [
            one
            for one in self.session.traces
            if (one.kind, one.line, one.column) == (asked.kind, line, column)
            and one.path == snapshots.short_path(asked.page.uri)
        ]
        if not traces or not traces[-1].complete or traces[-1].filters:
            return ""
        self._seen["nothing to add"] += 1
        for _, question in self._questions(asked, asked.before, memory=True):
            for key in (question.key, *self._library.alike(question)):
                origin = self._library.origins.get(key)
                if origin is not None and not origin.writing.texts[0].whole:
                    return ""
        return "it is said that the model has nothing to add, which it did not say"

    def item(self, asked: Asked, item: Any) -> Verdict:
        """About an item that is about to be shown."""
        page = asked.page
        if (page.opened, page.version, page.text) != (asked.opened, asked.version, asked.text):
            return Verdict("it is about an older text")
        if not page.is_open:
            return Verdict("it is about a document that was closed")
        inline = asked.kind == "inline"
        span, text = (item.range, item.insert_text) if inline else (_span(item), item.text_edit.new_text)
        start, end = page.offset(span.start), page.offset(span.end)
        if "\n" in text.replace(page.eol, ""):
            return Verdict(f"it has other line ends than the document: {text!r}")
        text, before = model_text(text), page.text[start : asked.start] + asked.selected
        if not text.startswith(before):
            return Verdict(f"it takes away what stands before the cursor: {text!r}")
        taken = page.text[asked.cursor : end]
        if end < asked.cursor or taken.strip(_CLOSERS if self._filters else ""):
            return Verdict(f"it takes away {taken!r}")
        shown, id = text[len(before) :], item.command.arguments[0]
        source = next(one.source for one in self.session.traces if one.id == id)
        self._seen[f"from {source}"] += 1
        return Verdict(self._origin(asked, shown, source), shown, id)

    def _origin(self, asked: Asked, shown: str, source: str) -> str:
        """Look for what was written for the text as it was before something of it was typed."""
        library = self._library
        tail = model_text(asked.before)[-BACK:]  # a mark may have been begun there
        mark = next((one for one in MARK.finditer(tail + shown) if one.end() > len(tail)), None)
        if mark is None:  # the end of a text that was cut off
            lengths: Sequence[int] = range(BACK + 1)
        else:
            written, _, alternative = mark.groups()
            if written not in library.origins:
                return f"{shown!r} was never written"
            whole = library.text(written, int(alternative))
            start = whole.index(mark.group()) - (mark.start() - len(tail))
            if self._filters:  # which may have taken something away at either end, before anything was typed
                lengths = [one for one in range(len(tail) + 1) if tail[len(tail) - one :] in whole]
            elif start < 0 or whole[start : start + len(shown)] != shown:
                return f"{shown!r} is no part of what was written: {whole!r}"
            else:
                lengths = [start]
        why = ""
        for length in lengths:
            state = without(asked.before, length) if 0 <= length <= BACK else None
            if state is None:
                break
            before, typed = state
            for what, question in self._questions(asked, before, memory=source in ("memory", "joined")):
                for key in [question.key, *library.alike(question)] if mark is None else [written]:
                    if key != question.key and not library.differs_in_edge(key, question, model_text(before)):
                        why = why or library.differences(key, question)
                        continue
                    found = library.origins.get(key)
                    if found is not None and self._continues(found.writing, typed, shown):
                        self._seen["of it typed: " + ("a part" if typed else "nothing")] += 1
                        self._seen["as it was but for the edge"] += key != question.key
                        self._seen[f"as it was but for {what or 'nothing'}"] += 1
                        return self._extent(asked, key, typed + shown, source)
        return f"{shown!r} was not written for this place: {why}"

    def _continues(self, writing: Writing, typed: str, shown: str) -> bool:
        """Whether what was typed and what is shown are of one text; of what went through filters the first line."""
        if self._filters:
            line = shown.strip().split("\n")[0]
            return any(typed in one.whole and line in one.whole for one in writing.texts)
        return any(one.whole.startswith(typed + shown) for one in writing.texts)

    def _extent(self, asked: Asked, key: str, text: str, source: str) -> str:
        """What is wrong with how much is shown of a text. Who waits for it may be shown what there is."""
        library = self._library
        writing = library.origins[key].writing
        if not writing.sure and not asked.invoked:
            return f"nobody is sure of {text!r}"
        if self._filters:
            return ""
        ends = any(one.whole == text or one.whole.startswith(text + "\n") for one in writing.texts)
        cut = key in library.cut and source in ("model", "memory", "joined")
        return "" if ends or cut else f"{text!r} ends in the middle of a line"

    def _questions(
        self, asked: Asked, before: str, *, memory: bool = False
    ) -> Iterator[tuple[str, Question]]:
        """What a worker would be asked from scratch, if the text ended so at the cursor: with the pieces of other files
        that are there now, then with others that there were. Beside it, in a word, what of it is not as it is now.

        Args:
            memory: also what the memory would be asked in the model's place.
        """
        session, uri = self.session, asked.page.uri
        assert session.model is not None
        manifest, project = session.model.manifest, session.project(uri)
        here = session.gathered.get(uri, NOTHING)
        for behind, closed in ((asked.behind, ""), (without_closers(asked.behind), "closers")):
            if closed and behind == asked.behind:
                return
            view = view_of(self._grammars, asked.page.uri, asked.language, before, behind)
            for config in dict.fromkeys((session.config, asked.config)):
                for gathered in (here, *(one for one in self._pieces if one.snippets != here.snippets)):
                    question = question_at(view, manifest, config, gathered, project)
                    what = [
                        closed,
                        "pieces" * (gathered is not here),
                        "settings" * (config != session.config),
                    ]
                    yield " and ".join(filter(None, what)), question
                    if memory:
                        yield (
                            " and ".join(filter(None, what)),
                            msgspec.structs.replace(question, model=MEMORY),
                        )


def view_of(grammars: Grammars, uri: str, language: str, before: str, behind: str) -> View:
    """A document with the cursor in it, read as if nothing had been known of it."""
    document = Document(uri, language, 0, before + behind)
    lines, grammar = split_lines(before), grammars.load(language)
    snapshot = snapshots.take(document, grammar, len(lines) - 1, len(lines[-1]))
    return _now(look(snapshot, grammar, (), grammars.without_grammar(language)))


def question_at(
    view: View, manifest: Manifest, config: Config, gathered: Gathered, project: str = ""
) -> Question:
    """What a worker would be asked there."""
    prompt = asking.prompt_of(manifest, asking.capacity_of(manifest), view, gathered, project)
    model = SimpleNamespace(manifest=manifest)
    stop, tokens = cast("Any", asking)._stop(SimpleNamespace(config=config, model=model), view)
    engine = "llama_cpp" if config.engine == "auto" else config.engine
    familiar = not manifest.languages or view.context.language in manifest.languages
    return Question(prompt.parts, stop, tokens, familiar, model_of(engine, manifest.model.sha256))


def _span(item: types.CompletionItem) -> types.Range:
    edit = item.text_edit
    return edit.range if isinstance(edit, types.TextEdit) else cast("Any", edit).insert


def without(text: str, length: int) -> tuple[str, str] | None:
    """Take so many characters away from the end of a text, a line end being one, and return them."""
    end = len(text)
    for _ in range(length):
        if end == 0:
            return None
        end -= 2 if text[:end].endswith("\r\n") else 1
    return text[:end], model_text(text[end:])


def without_closers(text: str) -> str:
    """A text without the rest of its first line, if that is nothing but what editors insert by themselves."""
    rest = split_lines(text)[0].rstrip("\r\n")
    return text.removeprefix(rest) if not rest.strip(_CLOSERS) else text


def _now(work: Any) -> View:
    """The result of a coroutine that has nothing to wait for."""
    try:
        work.send(None)
    except StopIteration as stop:
        return cast("View", stop.value)
    raise AssertionError("It waits.")
