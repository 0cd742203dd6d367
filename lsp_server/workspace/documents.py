"""The open documents: each a list of lines that the editor's changes are spliced into, with its syntax tree.

Takes LSP's word for positions (line, character, encoding) and nothing else of it. Does not know the disk, the
index or what a tree is good for.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import msgspec

from lsp_server.base.text import (
    PositionEncoding,
    byte_length,
    content,
    join_surrogates,
    split_lines,
    to_column,
)
from lsp_server.context.languages import Grammar
from lsp_server.context.syntax import MAX_PARSED_BYTES, Edit, Tree, Unparsed, parse

#: Edits kept for a tree that nobody brings up to date. More than this means that nobody will.
MAX_EDITS = 500


class Change(msgspec.Struct, frozen=True):
    """One change of the editor's, as in LSP's ``TextDocumentContentChangeEvent``.

    Attributes:
        text: what is there afterwards.
        start, end: line and character of the part that it replaces; no start means the whole document.
    """

    text: str
    start: tuple[int, int] | None = None
    end: tuple[int, int] = (0, 0)


class Document:
    """An open document.

    Attributes:
        uri, language_id: as the editor gave them.
        version: the editor's count.
        revision: our own count of changes, which never goes back.
        lines: LSP line ends kept, the last without; only this class writes to it.
        tree: of some revision, usually the current one.
    """

    def __init__(self, uri: str, language_id: str, version: int, text: str) -> None:
        self.uri = uri
        self.language_id = language_id
        self.version = version
        self.revision = 0
        self.tree: Tree | None = None
        self.lines: list[str] = []
        self._size = 0  # of the text in UTF-8
        self._edits: list[Edit] = []  # from revision ``_edits_from`` to the current one
        self._edits_from = 0
        self._snapshot: tuple[str, ...] | None = None
        self._replace_all(text)

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.lines)

    @property
    def too_large(self) -> bool:
        """Whether the text is longer than what is parsed."""
        return self._size > MAX_PARSED_BYTES

    @property
    def line_ending(self) -> str:
        """The line end that most lines have; \\n where there is none."""
        ends = Counter(line[len(content(line)) :] for line in self.lines[:-1])
        return ends.most_common(1)[0][0] if ends else "\n"

    def snapshot_lines(self) -> tuple[str, ...]:
        """The lines, frozen; the same object until the next change."""
        if self._snapshot is None:
            self._snapshot = tuple(self.lines)
        return self._snapshot

    def column(self, line: int, character: int, encoding: PositionEncoding) -> tuple[int, int]:
        """Turn an LSP position into a line and a column in code points, both inside the document."""
        if line >= len(self.lines):
            return len(self.lines) - 1, len(self.lines[-1])
        line = max(line, 0)
        return line, to_column(self.lines[line], character, encoding)

    def apply(self, changes: Sequence[Change], version: int, encoding: PositionEncoding) -> None:
        """Apply one notification's changes, each to the result of the one before."""
        for change in changes:
            self.revision += 1
            if change.start is None:
                self._replace_all(change.text)
            else:
                first, last = sorted(
                    (self.column(*change.start, encoding), self.column(*change.end, encoding))
                )
                self._splice(first, last, change.text)
        self.version = version
        self._snapshot = None

    def unparsed(self) -> Unparsed:
        """What ``context.syntax.parse`` needs to make this revision's tree, in whichever thread."""
        return Unparsed(self.snapshot_lines(), self.revision, self.tree, tuple(self._edits))

    def keep(self, tree: Tree) -> None:
        """Take a tree that was made of ``unparsed()``; one that is of no use any more is dropped."""
        if tree.revision >= self._edits_from:
            del self._edits[: tree.revision - self._edits_from]
            self._edits_from = tree.revision
            self.tree = tree

    def parse(self, grammar: Grammar, stop: Callable[[], bool] | None = None) -> Tree | None:
        """The current revision's tree, made here and now if need be.

        Args:
            stop: as in ``context.syntax.parse``.

        Returns:
            ``None`` when it was stopped or the document is too large.
        """
        if self.tree is not None and self.tree.revision == self.revision:
            return self.tree
        if self.too_large:
            return None
        tree = parse(grammar, self.unparsed(), stop)
        if tree is not None:
            self.keep(tree)
        return tree

    def _replace_all(self, text: str) -> None:
        text = join_surrogates(text)
        self.lines = split_lines(text)
        self._size = byte_length(text)
        self._forget_tree()

    def _forget_tree(self) -> None:
        self.tree = None
        self._edits = []
        self._edits_from = self.revision

    def _splice(self, first: tuple[int, int], last: tuple[int, int], text: str) -> None:
        """Put ``text`` in the place of what lies between two positions inside the document."""
        (line, column), (last_line, last_column) = first, last
        before = self.lines[line][:column]
        after = self.lines[last_line][last_column:]
        # The change grows by a neighbour that it would make one character, or one line end, with.
        if before[-1:] and "\ud800" <= before[-1:] <= "\udbff":
            before, column, text = before[:-1], column - 1, before[-1] + text
        if after[:1] and "\udc00" <= after[:1] <= "\udfff":
            text, after, last_column = text + after[0], after[1:], last_column + 1
        text = join_surrogates(text)
        if line and not before and self.lines[line - 1].endswith("\r") and (text + after)[:1] == "\n":
            line -= 1
            before = content(self.lines[line])
            column = len(before)
            text = "\r" + text

        spliced = split_lines(before + text + after)
        if last_line < len(self.lines) - 1:
            spliced.pop()  # ``after`` ends its line, so nothing follows it
        old_size = sum(map(byte_length, self.lines[line : last_line + 1]))
        new_size = sum(map(byte_length, spliced))
        self._size += new_size - old_size

        if self.too_large or len(self._edits) >= MAX_EDITS:
            self._forget_tree()
        else:
            start = sum(map(byte_length, self.lines[:line]))
            tail = byte_length(after)
            ends = split_lines(before + text)
            if text.endswith("\r") and after.startswith("\n"):
                ends.pop()  # the change ends inside a line end, and so on this line
            self._edits.append(
                Edit(
                    start_byte=start + byte_length(before),
                    old_end_byte=start + old_size - tail,
                    new_end_byte=start + new_size - tail,
                    start_point=(line, byte_length(before)),
                    old_end_point=(last_line, byte_length(self.lines[last_line][:last_column])),
                    new_end_point=(line + len(ends) - 1, byte_length(ends[-1])),
                )
            )
        self.lines[line : last_line + 1] = spliced


class Documents:
    """The open documents by uri."""

    def __init__(self) -> None:
        self._by_uri: dict[str, Document] = {}

    def __iter__(self) -> Iterator[Document]:
        return iter(self._by_uri.values())

    def open(self, uri: str, language_id: str, version: int, text: str) -> Document:
        """Open a document; one that is open already is replaced."""
        document = self._by_uri[uri] = Document(uri, language_id, version, text)
        return document

    def change(
        self, uri: str, changes: Sequence[Change], version: int, encoding: PositionEncoding
    ) -> Document | None:
        """Change a document; ``None`` when it is not open."""
        document = self._by_uri.get(uri)
        if document is not None:
            document.apply(changes, version, encoding)
        return document

    def close(self, uri: str) -> None:
        """Forget a document; one that is not open is no matter."""
        self._by_uri.pop(uri, None)

    def get(self, uri: str) -> Document | None:
        """The open document, if it is."""
        return self._by_uri.get(uri)
