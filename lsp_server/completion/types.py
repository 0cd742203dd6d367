"""The values of one request, from the editor's view to what is shown. Frozen; none refers to the session."""

from collections.abc import Callable
from typing import Literal

import msgspec

from lsp_server.context.syntax import Tree, Unparsed
from lsp_server.engine.messages import Step

#: Where an answer comes from: from an earlier one or one of an earlier session; computed before it was asked for, see
#: ``cache.Origin``; from what the model was already writing; from the memory alone, from the model.
Source = Literal["cache", "disk", "lookahead", "branch", "prefill", "joined", "memory", "model", "nothing"]


class Snapshot(msgspec.Struct, frozen=True):
    """The editor's state at the moment a request arrived.

    Attributes:
        uri, language, version: of the document.
        path: the document's path as the model sees it: last three components, slashes between them.
        lines: the whole document, LSP line ends kept; the last element has none.
        line: 0-based line of the cursor.
        column: of the cursor, in code points.
        syntax: the document's tree; or, where parsing takes longer than the event loop may wait, what is needed to make
            one elsewhere; ``None`` when there is no grammar or the document is too large.
        invoked: the user asked for it explicitly.
    """

    uri: str
    path: str
    language: str
    version: int
    lines: tuple[str, ...]
    line: int
    column: int
    syntax: Tree | Unparsed | None = None
    invoked: bool = False


class Candidate(msgspec.Struct, frozen=True, array_like=True):
    """A completion on its way through the filters.

    Attributes:
        text: what would be inserted at the cursor, ``\\n`` line ends.
        replace: characters behind the cursor, on its line, that the insertion takes the place of.
        steps: how the text came about, as in ``engine.messages.Finished``; ``characters`` counts ``text``'s.
        by_memory: no network took part.
    """

    text: str
    replace: int = 0
    steps: tuple[Step, ...] = ()
    by_memory: bool = False


class Snippet(msgspec.Struct, frozen=True):
    """A piece of another file that stands in the prompt.

    Attributes:
        path: of the file, absolute.
        source: what found it, see ``workspace.retrieval``.
        score: how much it is needed; the higher the more.
        tokens: that it has there, its heading included.
    """

    path: str
    text: str
    source: str
    score: float
    tokens: int


class Gathered(msgspec.Struct, frozen=True):
    """The pieces of other files for one document, frozen while somebody types.

    Attributes:
        place: what the cursor was in when they were looked for.
        receivers: names whose members were looked for.
        snippets: in the order of the prompt, the most needed last.
    """

    place: tuple[str, ...] = ()
    receivers: frozenset[str] = frozenset()
    snippets: tuple[Snippet, ...] = ()

    @property
    def tokens(self) -> int:
        """All tokens that they take."""
        return sum(one.tokens for one in self.snippets)


class Surroundings(msgspec.Struct, frozen=True):
    """All that a filter may look at.

    Attributes:
        before: the line up to the cursor.
        after: the line behind the cursor, without its line end.
        lines_above: the lines above the cursor's, nearest last, without line ends (at most 50).
        open_above: what the string begins with in which ``lines_above`` begin; empty outside of strings.
        lines_below: the lines below the cursor's, nearest first, without line ends (at most 50).
        language: name of the grammar.
        line_comments: what begins a comment to the end of the line, as the language's ``language.toml`` has it.
        block_closers, block_ends: what ends a block, and what may stand for the rest of one, as in
            ``context.languages.Language``.
        block_indent: as in ``context.types.Context``.
        special_tokens: texts of the model's special tokens.
        new_errors: given a candidate, how many more parse errors the document has with it than with its half-written
            line taken out, or left as it is, whichever has fewer; ``None`` as the answer or as the function when that
            cannot be told (no grammar, document too large).
        unresolved: given a candidate, where in its text (code points) the first name stands that certainly does not
            exist; ``None`` as the answer when there is none, and as above.
    """

    before: str
    after: str
    lines_above: tuple[str, ...] = ()
    open_above: str = ""
    lines_below: tuple[str, ...] = ()
    language: str = ""
    line_comments: tuple[str, ...] = ("#",)
    block_closers: tuple[str, ...] = ()
    block_ends: tuple[str, ...] = ()
    block_indent: int = -1
    special_tokens: tuple[str, ...] = ()
    new_errors: Callable[[Candidate], int | None] | None = None
    unresolved: Callable[[Candidate], int | None] | None = None


class Suggestion(msgspec.Struct, frozen=True):
    """What is shown: insert ``text`` at the cursor in place of the ``replace`` characters behind it.

    Attributes:
        tokens: that the model wrote for it.
    """

    text: str
    replace: int
    source: Source
    id: int
    tokens: int = 0
