"""Languages as folders: what is shipped fits its parsers, what is broken is said once, what is new needs no code."""

import re
import sys
from pathlib import Path

import pytest
from parsers import grammar

from lsp_server.base.config import Config
from lsp_server.base.errors import GrammarError
from lsp_server.base.text import split_lines
from lsp_server.cli import doctor
from lsp_server.completion.session import Session
from lsp_server.context.extract import extract
from lsp_server.context.languages import Grammars, Language, Nodes
from lsp_server.context.syntax import Unparsed, parse
from lsp_server.workspace.filetypes import FileTypes

ROOT = Path(__file__).parent.parent
FOLDERS = sorted(path.parent for path in ROOT.glob("grammars/*/language.toml"))
SAMPLES = sorted((ROOT / "tests" / "fixtures" / "languages").glob("*.txt"))


def broken(folder: Path, **replaced: str) -> Grammars:
    """The shipped Python grammar with some of its files changed (``language`` stands for ``language.toml``)."""
    source = ROOT / "grammars" / "python"
    target = folder / "python"
    target.mkdir()
    for path in source.iterdir():
        (target / path.name).write_text(
            replaced.get(path.stem, path.read_text(encoding="utf-8")), encoding="utf-8"
        )
    return Grammars(folder)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_every_language_that_is_shipped_loads(folder: Path) -> None:
    """Its parser is installed, its queries fit, and each node that it names is one of the parser's."""
    grammar = Grammars().load(folder.name)
    assert grammar is not None
    known = {grammar.language.node_kind_for_id(kind) for kind in range(grammar.language.node_kind_count)}
    nodes = grammar.about.nodes
    named = {nodes.string_start} - {""}
    for field in Nodes.__struct_fields__:
        if field != "string_start":
            named |= getattr(nodes, field)
    assert named <= known
    assert grammar.about.ids
    assert grammar.about.patterns


def test_every_language_is_sampled_and_has_cases() -> None:
    """A language without cases is a language that nobody has looked at."""
    names = {path.name for path in FOLDERS}
    assert {path.stem for path in SAMPLES} == names
    assert {path.name for path in (ROOT / "tests" / "cases" / "context").iterdir()} == names


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_there_is_an_answer_at_every_place(sample: Path) -> None:
    """With and without a tree, in whole and in half-written code; and the sample itself is without error."""
    read_as = grammar(sample.stem)
    lines = split_lines(sample.read_text(encoding="utf-8"))
    tree = parse(read_as, Unparsed(tuple(lines), 0))
    assert tree is not None
    assert not tree.root.has_error
    for number, line in enumerate(lines):
        half = [*lines[:number], line[: len(line) // 2] + "\n", *lines[number + 1 :]]
        half_tree = parse(read_as, Unparsed(tuple(half), 0))
        for column in {0, len(line) // 2, len(line.rstrip("\n"))}:
            assert extract(read_as, tree, lines, number, column).language == sample.stem
            assert extract(read_as, None, lines, number, column).language == sample.stem
        assert extract(read_as, half_tree, half, number, len(line) // 2).from_syntax


@pytest.mark.parametrize(
    ("replaced", "reason"),
    [
        ({"language": "name = 1"}, "language.toml"),
        ({"language": 'name = "python"\nunknown = 1'}, "unknown"),
        ({"language": "]["}, "language.toml"),
        ({"language": 'name = "java"'}, "java"),
        ({"language": 'name = "python"\nblock_end = "("'}, "no regular expression"),
        ({"language": 'name = "python"\nfunctions = ["def"]'}, "one group"),
        ({"language": 'name = "python"\nliterals = ["(a)"]'}, "no groups"),
        ({"language": 'name = "python"\nmodule = "tree_sitter_absent"'}, "tree-sitter-absent"),
        ({"language": 'name = "python"\nmodule = "json"'}, "json"),
        ({"names": "(no_such_node) @name"}, "query"),
        ({"imports": "((("}, "query"),
        ({"names": '((identifier) @name (#eq? @name "x"))'}, r"compares texts.*#eq\?"),
        ({"uses": '((identifier) @use\n  (#match? @use "^x"))'}, "names|uses"),
    ],
)
def test_broken_grammar_is_reported_once(tmp_path: Path, replaced: dict[str, str], reason: str) -> None:
    """A grammar that cannot be used says why and what to do, and from then on counts as absent."""
    grammars = broken(tmp_path, **replaced)
    with pytest.raises(GrammarError, match=reason) as error:
        grammars.load("python")
    assert "Install" in str(error.value)
    assert grammars.load("python") is None


def test_missing_query_is_reported(tmp_path: Path) -> None:
    """A folder that describes functions but has no query for their names is a broken grammar, not a crash."""
    grammars = broken(tmp_path)
    (tmp_path / "python" / "names.scm").unlink()
    with pytest.raises(GrammarError, match="query"):
        grammars.load("python")


def test_a_predicate_in_a_comment_harms_nobody(tmp_path: Path) -> None:
    """Only a query that would compare texts is refused; a remark about it is a remark."""
    grammars = broken(
        tmp_path, imports='; no (#eq? @a "b") here\n(import_from_statement "import") @import ; (#eq?\n'
    )
    assert grammars.load("python") is not None


def test_without_its_parser_a_language_is_read_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user is told once, and what is known of the language still counts: comments, headers, blocks."""
    monkeypatch.setitem(sys.modules, "tree_sitter_go", None)
    said: list[str] = []
    session = Session(Config(), warn=said.append)
    assert session.grammar("go") is None
    assert session.grammar("go") is None
    assert len(said) == 1
    assert re.search("grammar for go is not installed.*read as plain text.*tree-sitter-go", said[0])
    about = session.grammars.without_grammar("go")
    lines = split_lines("// Get it.\nfunc (s *Store) Get(key string) int {\n\t\n}\n")
    context = extract(None, None, lines, 2, 1, about)
    assert (context.language, context.cursor, context.from_syntax) == ("go", "block_start", False)
    assert [(scope.name, scope.docstring) for scope in context.scopes] == [("Get", "Get it.")]
    assert session.grammar("rust") is not None
    assert len(said) == 1


def test_what_is_known_of_a_language_without_a_folder() -> None:
    """Its comments, by its editors' ids; of the others nothing is."""
    grammars = Grammars()
    assert grammars.without_grammar("kotlin").line_comments == ("//",)
    assert grammars.without_grammar("shellscript").name == "bash"
    assert grammars.without_grammar("klingon") == Language()


def test_a_language_is_added_by_a_folder() -> None:
    """No line of code knows it: its files, its editor's ids, its scopes, imports and names all come from the folder."""
    grammars = Grammars(ROOT / "tests" / "fixtures" / "grammars")
    assert grammars.name_of_file("/a/b/Tidefile") == "tide"
    assert FileTypes(grammars).language("low.tide") == "tide"
    grammar = grammars.load("tide-script")
    assert grammar is not None
    header = 'wash("shore")\n\n-- Comes in.\nfunction flood(height)\n'
    lines = split_lines(header + "   level = height\n   if level then\n      \n   end\nend\n")
    context = extract(grammar, parse(grammar, Unparsed(tuple(lines), 0)), lines, 6, 6)
    assert (context.cursor, context.block_indent, context.from_syntax) == ("block_start", 3, True)
    assert [(scope.name, scope.signature, scope.docstring) for scope in context.scopes] == [
        ("flood", "function flood(height)", "Comes in.")
    ]
    assert context.imports == ('wash("shore")',)
    assert context.names == ("level", "height", "flood")


def test_doctor_names_a_grammar_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A parser that is not installed is a note with its package's name, not a fault."""
    monkeypatch.setitem(sys.modules, "tree_sitter_go", None)
    check = doctor._grammars()
    assert check.level == "warning"
    assert "tree-sitter-go" in check.text
    assert check.advice
