"""The editor's end of a replay: documents as plain strings, and somebody who does random things to them.

Knows LSP's messages and positions, and nothing of the server: whatever is shown is checked against these strings.
"""

import random
from collections.abc import Sequence

import msgspec
from lsprotocol import types

from lsp_server.base.text import split_lines

#: What closes by itself in an editor.
_PAIRS = {"(": ")", "[": "]", "{": "}", '"': '"', "'": "'"}

#: What is typed where nothing is to be followed.
_KEYS = "abcdefxyz_   ..,:=+()[]{}\"'#12\u00e9"

#: What parts from what is shown, as the played worker foresees it.
_PARTS = "q"

_PASTED = (
    "value = total(items)",
    "for x in items:\n        print(x)\n",
    "\n\n",
    '"""',
    "class Thing:\n    def method(self):\n        pass\n",
    "import os\n",
    "\nif x:",
    "\ndef run(a):\n",
    "\U0001f600",
    "    ",
)


def model_text(text: str) -> str:
    """With the line ends that a model sees."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


class Edit(msgspec.Struct, frozen=True):
    """Offsets of what is replaced, in characters, and what is there then."""

    start: int
    end: int
    text: str


class Page(msgspec.Struct):
    """A document as the editor has it.

    Attributes:
        language: as it was opened last; ``usual``: as it mostly is.
        original: what it is like again after a reload.
        cursor: offset.
        opened: counts how often it was opened.
        is_open: it has not been closed since.
        guide: what is shown behind the cursor, or is about to be; the typist may follow it.
    """

    uri: str
    language: str
    usual: str
    original: str
    text: str = ""
    cursor: int = 0
    version: int = 0
    opened: int = 0
    is_open: bool = False
    guide: str = ""
    done: list[list[Edit]] = []
    undone: list[list[Edit]] = []

    @property
    def eol(self) -> str:
        return "\r\n" if "\r\n" in self.original else "\n"

    def open(self, text: str, version: int) -> types.DidOpenTextDocumentParams:
        self.text, self.version = text, version
        self.opened += 1
        self.is_open = True
        self.cursor = self.place(self.cursor)
        self.guide = ""
        self.done.clear()
        self.undone.clear()
        item = types.TextDocumentItem(self.uri, self.language, version, text)
        return types.DidOpenTextDocumentParams(item)

    def place(self, offset: int) -> int:
        """The nearest place before an offset that LSP can name: none is inside a line end."""
        offset = min(max(offset, 0), len(self.text))
        return offset - (self.text[:offset].endswith("\r") and self.text.startswith("\n", offset))

    def position(self, offset: int) -> types.Position:
        lines = split_lines(self.text[:offset])
        return types.Position(len(lines) - 1, len(lines[-1].encode("utf-16-le")) // 2)

    def offset(self, position: types.Position) -> int:
        lines = split_lines(self.text)
        line = lines[position.line].encode("utf-16-le")[: 2 * position.character]
        return sum(map(len, lines[: position.line])) + len(line.decode("utf-16-le"))

    def here(self) -> types.Position:
        return self.position(self.cursor)

    def typed_line(self) -> str:
        """The line up to the cursor."""
        return split_lines(self.text[: self.cursor])[-1]

    def change(
        self, edits: Sequence[Edit], *, whole: bool = False, kept: bool = True
    ) -> types.DidChangeTextDocumentParams:
        """Make some edits, each to the result of the one before; the cursor goes along as in an editor.

        Args:
            whole: tell the whole text, as some clients do.
            kept: they can be undone.
        """
        changes: list[types.TextDocumentContentChangePartial | types.TextDocumentContentChangeWholeDocument]
        changes, back = [], []
        for edit in edits:
            span = types.Range(self.position(edit.start), self.position(edit.end))
            changes.append(types.TextDocumentContentChangePartial(range=span, text=edit.text))
            back.insert(0, Edit(edit.start, edit.start + len(edit.text), self.text[edit.start : edit.end]))
            if self.cursor >= edit.end:
                self.cursor += len(edit.text) - (edit.end - edit.start)
            elif self.cursor > edit.start:
                self.cursor = edit.start + len(edit.text)
            self.text = self.text[: edit.start] + edit.text + self.text[edit.end :]
        self.cursor = self.place(self.cursor)
        self.version += 1
        self.guide = ""
        if kept:
            self.undone.clear()
            self.done.append(back)
            del self.done[:-200]
        if whole:
            changes = [types.TextDocumentContentChangeWholeDocument(text=self.text)]
        versioned = types.VersionedTextDocumentIdentifier(self.version, self.uri)
        return types.DidChangeTextDocumentParams(versioned, changes)


class Typist:
    """Draws what is done next. Makes no call to anybody."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def key(self, page: Page) -> types.DidChangeTextDocumentParams | None:
        """Type a character: of what is shown or foreseen, or any; ``None`` if only the cursor moved."""
        guide = page.guide
        if guide and self.chance.random() < 0.7:
            return self._follow(page, guide)
        if guide and self.chance.random() < 0.3:
            return self._type(page, _PARTS, "")
        if self.chance.random() < 0.07:
            return self._enter(page, "")
        return self._type(page, self.chance.choice(_KEYS), "")

    def _follow(self, page: Page, guide: str) -> types.DidChangeTextDocumentParams | None:
        if guide[0] == "\n":
            return self._enter(page, guide[1:])
        return self._type(page, guide[0], guide[1:])

    def _type(self, page: Page, key: str, rest: str) -> types.DidChangeTextDocumentParams | None:
        at = page.cursor
        if key in ")]}\"'" and page.text.startswith(key, at) and self.chance.random() < 0.8:
            page.cursor += 1  # typed over
            page.guide = rest
            return None
        closer = _PAIRS.get(key, "") if self.chance.random() < 0.8 else ""
        params = page.change([Edit(at, at, key + closer)])
        page.cursor = at + len(key)
        page.guide = rest
        return params

    def _enter(self, page: Page, rest: str) -> types.DidChangeTextDocumentParams:
        line = page.typed_line()
        indentation = line[: len(line) - len(line.lstrip(" "))]
        if line.rstrip().endswith((":", "{")):
            indentation += "    "
        wanted = rest[: len(rest) - len(rest.lstrip(" "))]
        if rest and self.chance.random() < 0.7:
            indentation = wanted
        params = page.change([Edit(page.cursor, page.cursor, page.eol + indentation)])
        page.guide = rest[len(indentation) :] if rest.startswith(indentation) else ""
        return params

    def backspace(self, page: Page) -> types.DidChangeTextDocumentParams | None:
        start = page.place(page.cursor - 1)
        return page.change([Edit(start, page.cursor, "")]) if start < page.cursor else None

    def undo(self, page: Page) -> types.DidChangeTextDocumentParams | None:
        """Take back, or do again, what was done last: one edit or several at once."""
        again = self.chance.random() < 0.25
        source = page.undone if again else page.done
        steps = min(len(source), self.chance.choice((1, 1, 3, 8)))
        edits = [edit for _ in range(steps) for edit in source.pop()]
        if not edits:
            return None
        undone = list(page.undone)
        params = page.change(edits)
        page.undone[:] = undone if again else [*undone, page.done.pop()]
        page.cursor = page.place(edits[-1].start + len(edits[-1].text))
        return params

    def paste(self, page: Page) -> types.DidChangeTextDocumentParams:
        text = self.chance.choice(_PASTED)
        if self.chance.random() < 0.3:
            start = self.chance.randrange(len(page.text) + 1)
            text = page.text[page.place(start) : page.place(start + 40)]
        text = text.replace("\r\n", "\n").replace("\n", page.eol)
        return page.change([Edit(page.cursor, page.cursor, text)])

    def block(self, page: Page) -> types.DidChangeTextDocumentParams:
        """Begin a block below the line."""
        line = page.typed_line()
        indentation = line[: len(line) - len(line.lstrip(" "))]
        ends = [end for end in (page.text.find(one, page.cursor) for one in "\r\n") if end >= 0]
        at = min(ends, default=len(page.text))
        header = "if (x) {" if page.language == "javascript" else "if x:"
        params = page.change([Edit(at, at, page.eol + indentation + header)])
        page.cursor = at + len(page.eol + indentation + header)
        return params

    def imports(self, page: Page) -> types.DidChangeTextDocumentParams:
        """A tool adds an import to the top, or takes one away."""
        line = "import added" + page.eol
        if page.text.startswith(line) and page.cursor >= len(line):
            return page.change([Edit(0, len(line), "")])
        return page.change([Edit(0, 0, line)])

    def jump(self, page: Page) -> None:
        """The cursor goes elsewhere: to the end of a line, mostly."""
        page.cursor = page.place(self.chance.randrange(len(page.text) + 1))
        if self.chance.random() < 0.7:
            ends = [end for end in (page.text.find(one, page.cursor) for one in "\r\n") if end >= 0]
            page.cursor = min(ends, default=len(page.text))
        page.guide = ""

    def elsewhere(self, page: Page) -> types.DidChangeTextDocumentParams:
        """Somebody else writes in the document, near or far, above or below."""
        near = self.chance.random() < 0.5
        reach = 200 if near else len(page.text)
        at = page.place(page.cursor + self.chance.randint(-reach, reach))
        text = self.chance.choice(("z", "other ", "# note", "\n", '"', "other_name = 1\n"))
        end = page.place(at + self.chance.choice((0, 0, 1, 5)))
        if not at <= page.cursor < end:
            guide = page.guide
            params = page.change([Edit(at, max(at, end), text.replace("\n", page.eol))], kept=False)
            page.done.clear()
            page.undone.clear()
            page.guide = guide
            return params
        return page.change([Edit(at, at, text.replace("\n", page.eol))])

    def outside(self, page: Page) -> types.DidChangeTextDocumentParams:
        """The file was changed by a program, or reloaded: the whole text is another."""
        text = page.original
        if self.chance.random() < 0.5:
            at = page.place(self.chance.randrange(len(page.text) + 1))
            text = page.text[:at] + "x = 1" + page.eol + page.text[at:]
        cursor = page.cursor
        params = page.change([Edit(0, len(page.text), text)], whole=True)
        page.cursor = page.place(cursor)
        page.done.clear()
        page.undone.clear()
        return params

    def accept(self, page: Page, shown: str) -> types.DidChangeTextDocumentParams:
        """Insert a beginning of what is shown: its first word, its first line, all."""
        how = self.chance.random()
        text = shown
        if how < 0.25:
            first = shown.lstrip(" \n")
            text = shown[: len(shown) - len(first)] + first.split(" ")[0]
        elif how < 0.5:
            text = shown[: shown.find("\n", 1)] if "\n" in shown[1:] else shown
        params = page.change([Edit(page.cursor, page.cursor, text.replace("\n", page.eol))])
        page.guide = shown[len(text) :]
        return params
