"""Which pieces of other files a cursor gets, from cases/retrieval: real files, the real index, the real question."""

import asyncio
from pathlib import Path

import pytest
from cases import CURSOR, Case, parametrize

from lsp_server.base.text import split_lines
from lsp_server.completion import snapshot as snapshots
from lsp_server.completion.gather import wants_of
from lsp_server.completion.look import look
from lsp_server.context.languages import Grammars
from lsp_server.prompt.window import window
from lsp_server.workspace.documents import Document
from lsp_server.workspace.index.index import Index
from lsp_server.workspace.retrieval.piece import SOURCES, Piece
from lsp_server.workspace.retrieval.retrieve import retrieve

#: Tokens of the document itself that the prompt shows.
PREFIX, SUFFIX = 200, 50


@pytest.fixture(scope="module")
def grammars() -> Grammars:
    return Grammars()


def pieces(folder: Path, grammars: Grammars, files: dict[str, str]) -> list[Piece]:
    """What the cursor in one of the files gets."""
    index = Index(grammars)
    asked = ""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if CURSOR in text:
            asked = name
        else:
            path.write_text(text, encoding="utf-8")
            index.update(str(path))
    before, behind = files[asked].split(CURSOR)
    path = folder / asked
    path.write_text("", encoding="utf-8")
    language = grammars.name_of_file(asked) or ""
    index.override(str(path), before + behind, language)
    document = Document(path.as_uri(), language, 0, before + behind)
    above = split_lines(before)
    grammar = grammars.load(language)
    snapshot = snapshots.take(document, grammar, len(above) - 1, len(above[-1]))
    view = asyncio.run(look(snapshot, grammar, ()))
    shown = window(snapshot.lines, snapshot.line, snapshot.column, PREFIX, SUFFIX)
    assert grammar is not None
    return retrieve(index, wants_of(view, shown), grammar.about)


@parametrize("retrieval")
def test_retrieval(case: Case, grammars: Grammars, tmp_path: Path) -> None:
    """The pieces that the case names come in its order, before any other of their sources."""
    files = dict(case.sections)
    expect, absent = files.pop("expect"), files.pop("absent", "")
    files = {
        name: text.replace("{gap}", "".join(f"        step_{n}()\n" for n in range(400)))
        for name, text in files.items()
    }
    found = pieces(tmp_path, grammars, files)
    left = list(found)
    for line in filter(None, expect.split("\n")):
        head, *texts = line.split(" | ")
        source, name = head.split()
        assert source in SOURCES
        fitting = [
            piece
            for piece in left
            if piece.source == source
            and piece.path.rstrip("/") == str(tmp_path / name)
            and all(text in piece.text for text in texts)
        ]
        assert fitting, (line, found)
        left = left[left.index(fitting[0]) + 1 :]
    if not expect.strip():
        assert found == []
    for text in filter(None, absent.split("\n")):
        assert all(text not in piece.text for piece in found)
