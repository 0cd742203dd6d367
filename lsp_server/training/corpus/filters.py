"""Which files are worth learning from: those that somebody wrote by hand. Pure."""

import ast
import re
import warnings

#: Sizes in bytes outside of which a file is data, or nothing.
SMALLEST, LARGEST = 250, 250_000
#: Characters of the longest line and of the mean line; more is not typed.
_LONGEST_LINE, _MEAN_LINE = 600, 90
#: Shares of a text's characters.
_MOST_DIGITS, _FEWEST_LETTERS, _MOST_FOREIGN = 0.12, 0.35, 0.03
#: Share of the lines that are nothing but an entry of a table.
_MOST_TABLE = 0.45
#: So many examples make a docstring a transcript.
_MOST_PROMPTS = 150

#: Folders of other people's code, of output and of data.
_NOT_HERE = re.compile(
    r"(^|/)(_?vendor(ed|ized)?|third[-_]?party|3rd[-_]?party|extern(al|als)?|deps|node_modules|bower_components|"
    r"bundled|__pycache__|site-packages|locales?|lang|langs|translations|l10n|migrations|generated|_?gen|autogen|"
    r"generated_clients|testdata|test_data|fixtures?|__fixtures__|snapshots|__snapshots__|golden|emoji|cldr|zoneinfo)/",
    re.IGNORECASE,
)
#: Folders of what bundlers and compilers of JavaScript put out.
_PUT_OUT = re.compile(
    r"(^|/)(dist|build|umd|_?esm\d*|_?cjs|es\d*|bundles?|min|public|assets|static|amd|commonjs|system|lib-es\d*|esnext)/",
    re.IGNORECASE,
)
_NAMES = re.compile(
    r"(_pb2(_grpc)?\.pyi?|\.pb(\.\w+)*\.(go|cc|h)|_generated\.\w+|\.min\.\w+|\.(generated|gen|g|bundle|umd|esm|cjs)\.\w+|"
    r"zz_generated\S*|bindata\S*\.go|_string\.go|_easyjson\.go|parsetab\.py|lextab\.py|_version\.py|\.d\.[cm]?ts|"
    r"/(configure|config\.guess|config\.sub|ltmain\.sh|libtool|install-sh|depcomp|missing|aclocal\.m4)|pydoc_topics\.py)$"
)
_GENERATED = re.compile(
    r"auto-?\s?generated|generated (by|from|using|automatically|with|file|code)|do not (edit|modify|change)|"
    r"machine generated|@generated|don't edit|automatically (created|produced)",
    re.IGNORECASE,
)
#: What compilers to JavaScript leave, and source that only looks like it (Flow's).
_OTHER_SCRIPT = re.compile(
    r"__esModule|__awaiter|__createBinding|_interopRequire|tslib_1|__webpack_require__|sourceMappingURL=|"
    r"_classCallCheck|babelHelpers|_jsxRuntime|__commonJS|^ \* @flow|^// @flow",
    re.MULTILINE,
)
_HEAD = 1_500
_ENTRY = re.compile(r"""\s*([\[({]?["'\d\-][^=]*,\s*[\])}]*,?|[\[\](){}],?|0x[\da-fA-F]+.*)\s*$""")
_TEST = re.compile(
    r"(^|/)(tests?|testing|specs?|__tests__|e2e|testsuite|unittests?)/|(^|/)(test_|conftest)[^/]*$|"
    r"(_test|_tests|\.test|\.spec|Test|Tests|TestCase|_spec)\.\w+$"
)


def place(path: str, language: str) -> str | None:
    """Why a file is not taken, judged by its path inside of its package; ``None``: it may be."""
    if _NOT_HERE.search(path) or (language in ("javascript", "typescript") and _PUT_OUT.search(path)):
        return "folder"
    return "generated" if _NAMES.search(path) else None


def test(path: str) -> bool:
    """Whether a file is a test, by its path."""
    return _TEST.search(path) is not None


def text(content: str, language: str) -> str | None:
    """Why a text is not taken; ``None``: it is."""
    size = len(content)
    if not SMALLEST <= size <= LARGEST:
        return "size"
    if _GENERATED.search(content[:_HEAD]):
        return "generated"
    if language == "javascript" and _OTHER_SCRIPT.search(content):
        return "not JavaScript"
    lines = content.split("\n")
    if max(map(len, lines)) > _LONGEST_LINE or size / len(lines) > _MEAN_LINE:
        return "long lines"
    if sum(map(str.isdigit, content)) > _MOST_DIGITS * size:
        return "digits"
    if sum(map(str.isalpha, content)) < _FEWEST_LETTERS * size:
        return "letters"
    if not content.isascii() and sum(character > "\x7f" for character in content) > _MOST_FOREIGN * size:
        return "not English"
    if sum(_ENTRY.match(line) is not None for line in lines) > _MOST_TABLE * len(lines):
        return "table"
    if content.count(">>>") > _MOST_PROMPTS:
        return "transcript"
    return None


def parsed(content: str) -> ast.Module | None:
    """The syntax tree of Python source; ``None``: it is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(content)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
