"""Prompt families: which one a vocabulary belongs to, and the exact tokens that its model is asked with."""

import json
from functools import cache
from pathlib import Path

import msgspec
import pytest
from cases import Case, parametrize
from hypothesis import given
from hypothesis import strategies as st
from shapes import identity, shapes, tokenizer, vocabulary
from synthetic import write_gguf

from lsp_server.base.errors import ModelError
from lsp_server.base.neutral import neutralise
from lsp_server.base.parts import Part
from lsp_server.base.text import split_lines
from lsp_server.completion.filters import special_tokens
from lsp_server.completion.types import Candidate, Surroundings
from lsp_server.engine.backends.absent import Absent
from lsp_server.engine.decoder import Decoder
from lsp_server.engine.decoding import complete
from lsp_server.engine.messages import Complete, Stop
from lsp_server.models import gguf
from lsp_server.models.vocabulary import read
from lsp_server.prompt import families
from lsp_server.prompt.families import Identity, identify
from lsp_server.prompt.render import About, budget, render
from lsp_server.prompt.window import Window, window

FAMILIES = families.names()


@cache
def known(shape: str, add_bos: bool | None = None) -> Identity:
    words = vocabulary(shapes()[shape])
    found = identity(words, shapes()[shape].architecture)
    if add_bos is None:
        return found
    begin = words.tokens[words.bos] if add_bos and words.bos is not None else ""
    return Identity(found.template, found.special_tokens, found.end_tokens, begin)


@pytest.fixture(scope="module")
def decoders(tmp_path_factory: pytest.TempPathFactory) -> "Decoders":
    return Decoders(tmp_path_factory.mktemp("tokenizers"))


class Decoders:
    """What turns prompts into ids, by shape; made when first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._made = folder, dict[str, Decoder]()

    def __getitem__(self, shape: str) -> Decoder:
        if shape not in self._made:
            words, about = vocabulary(shapes()[shape]), known(shape)
            spelling = tokenizer(words, about, self._folder)
            self._made[shape] = Decoder(Absent(spelling.vocabulary, 4096), spelling, about.end_tokens)
        return self._made[shape]


def of_family(template: str) -> str:
    """A shape of a family."""
    return next(name for name, shape in shapes().items() if shape.template == template)


def asked(template: str, text: str, **more: object) -> tuple[Part, ...]:
    """A prompt about a text with a cursor in it."""
    before, _, behind = text.partition("<CURSOR>")
    capacity = int(str(more.pop("capacity", 900)))
    most = budget(template, capacity)
    above = split_lines(before)
    shown = window(split_lines(before + behind), len(above) - 1, len(above[-1]), most.prefix, most.suffix)
    about = About("shop/src/cart.py", "shop", "python")
    return render(template, shown, about, (), most, begin=known(of_family(template)).begin, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", shapes())
def test_a_vocabulary_is_identified(name: str) -> None:
    """Each is taken for its family, by its tokens and metadata alone."""
    found = known(name)
    assert found.template == shapes()[name].template
    assert set(found.end_tokens) <= found.special_tokens.keys()
    assert found.begin in found.special_tokens or not found.begin


@pytest.mark.parametrize("name", shapes())
def test_whatever_asks_or_ends_is_an_end(name: str) -> None:
    """Every token of the format, of repositories and files, and what the vocabulary says ends a text, that first."""
    shape, found = shapes()[name], known(name)
    row = families.family(found.template)
    assert found.end_tokens[0] == shape.eos
    assert set(row.tokens.values()) <= set(found.end_tokens)
    assert set(found.end_tokens) >= {shape.eos, shape.eot or shape.eos}
    assert set(found.special_tokens) >= {*shape.special}
    ends = {
        "<|fim_pad|>",
        "<fim_pad>",
        "<file_sep>",
        "<|file_sep|>",
        "<|repo_name|>",
        "<reponame>",
        "<|im_end|>",
    }
    assert set(found.end_tokens) >= ends & {*shape.special, *shape.literal}


def test_a_files_name_says_nothing(tmp_path: Path) -> None:
    """A StarCoder that somebody called Qwen is asked as a StarCoder."""
    path = tmp_path / "qwen2.5-coder-0.5b.gguf"
    write_gguf(path, vocabulary(shapes()["starcoder"]), "starcoder", width=8)
    architecture = gguf.read(path).metadata["general.architecture"]
    assert identity(read(path), str(architecture)).template == "starcoder"


def test_every_family_is_tested() -> None:
    """A new row needs a shape and golden prompts."""
    assert {shape.template for shape in shapes().values()} == set(FAMILIES)
    folder = Path(__file__).parent / "cases" / "families"
    assert {path.stem for path in folder.glob("*.case")} == set(FAMILIES)


def test_nothing_begins_twice() -> None:
    """The beginning of text is named where the metadata say so, and is not repeated by a format that has it itself."""
    assert known("codegemma").begin == "<bos>"
    assert not known("starcoder2").begin
    row = families.family("codegeex")
    about, most = About("a.py"), budget("codegeex", 900)
    parts = render("codegeex", Window("", "", 0), about, (), most, begin=row.tokens["mask"])
    assert [part.text for part in parts].count(row.tokens["mask"]) == 1


@parametrize("families")
def test_golden_prompt(case: Case, decoders: Decoders) -> None:
    """The exact ids, one a line beside what they spell; the bytes that are left to healing last."""
    given_ = case.values("given")
    about = known(given_["shape"], {"yes": True, "no": False, "": None}[given_.get("add_bos", "")])
    assert about.template == Path(case.file).stem
    before, place = case.cursor("document")
    above = split_lines(before[:place])
    capacity = int(given_.get("capacity", 900))
    pieces = [
        (name.removeprefix("file:"), text) for name, text in case.sections.items() if name.startswith("file:")
    ]
    outline = [("shop/cart.py", case.sections["outline"] + "\n")] if "outline" in case.sections else []
    most = budget(about.template, capacity)
    shown = window(split_lines(before), len(above) - 1, len(above[-1]), most.prefix, most.suffix)
    cursor = About("shop/cart.py", "shop", "python", given_.get("comment", "#"))
    parts = render(about.template, shown, cursor, outline, most, pieces, about.begin)
    decoder = decoders[given_["shape"]]
    ids, typed = decoder.prompt_ids(parts)
    by_id = {token: name for name, token in about.special_tokens.items()}
    lines = [
        f"{token} {by_id[token] if token in by_id else json.dumps(_spelled(decoder, token))}" for token in ids
    ]
    assert "\n".join([*lines, f"healed {json.dumps(typed.decode())}"]) == case.sections["ids"]


def _spelled(decoder: Decoder, token: int) -> str:
    return decoder.tokenizer.bytes[token].decode("latin-1")


@pytest.mark.parametrize("template", FAMILIES)
def test_typing_only_appends(template: str, decoders: Decoders) -> None:
    """While one line is written, what was evaluated for the key before stays the beginning of the prompt."""
    decoder = decoders[of_family(template)]
    text = "import shop\n\n\ndef total(cart):\n{}<CURSOR>)\n    return price\n"
    line = "    price = sum(item.price for item in cart"
    previous: list[int] = []
    for length in range(len(line) + 1):
        ids, typed = decoder.prompt_ids(asked(template, text.format(line[:length])))
        assert ids[: len(previous)] == previous
        assert (text.partition("{}")[0] + line[:length]).encode().endswith(typed)
        previous = ids


@pytest.mark.parametrize("template", FAMILIES)
@pytest.mark.parametrize("capacity", [200, 900])
def test_limits_fit_the_capacity(template: str, capacity: int) -> None:
    """Whatever the texts, the parts' limits and the special tokens add up to no more than the prompt may have."""
    most = budget(template, capacity)
    shown = Window("value\n" * 900 + "x " * 900, "value\n" * 900, 8)
    about = About("a" * 90 + ".py", "b" * 90, "c" * 90, "//")
    snippets = [("a.py", "x\n")] * 2
    parts = render(template, shown, about, snippets, most, begin="<s>")
    assert sum(part.limit or 1 for part in parts) <= capacity
    assert all(part.limit or part.special for part in parts)


@pytest.mark.parametrize("template", FAMILIES)
def test_what_looks_special_in_the_users_text_is_text(template: str, decoders: Decoders) -> None:
    """Only what the format itself puts in is a special token, in code, in other files and in paths."""
    name = of_family(template)
    decoder, special = decoders[name], known(name).special_tokens
    nasty = "".join(f"{text}{text[1:]}{text[:-1]} {text}\n" for text in special)
    most = budget(template, 4000)
    window_ = Window(nasty + "x = " + nasty.replace("\n", ""), nasty, 0)
    about, pieces = About(f"a/{nasty[:40]}", nasty[:40], "python"), [(nasty, nasty)]
    parts = render(template, window_, about, [(nasty, nasty)], most, pieces, known(name).begin)
    ids, _ = decoder.prompt_ids(parts, healing=False)
    meant = [special[part.text] for part in parts if part.special]
    assert [token for token in ids if token in set(special.values())] == meant


def test_what_is_left_of_the_cursor_goes_on_for_the_memory(decoders: Decoders) -> None:
    """Where the line stands behind the token that asks for the middle, the memory sees it behind the lines above."""
    decoder = decoders[of_family("qwen")]
    encode = decoder.tokenizer.encode
    decoder.memory.learn([("old", [encode("import shop\ndef total(cart):\n    return price\n")])])
    ids, typed = decoder.prompt_ids(asked("qwen", "import shop\ndef total(cart):\n<CURSOR>\nsum(item)\n"))
    assert not typed
    decoder.cached = ids
    row = decoder.engine.evaluate(ids, 0)
    (best, *_) = decoder.offer(row, typed, decoder.memory.view("")).best(3)
    decoder.memory.forget(["old"])
    assert decoder.tokenizer.bytes[best.token] == b"    "[: len(decoder.tokenizer.bytes[best.token])]
    assert best.match > 5


@pytest.mark.parametrize("template", FAMILIES)
@pytest.mark.parametrize("typed", ["", "    ", "    ret", "    return pri"])
def test_a_line_is_completed(template: str, typed: str, decoders: Decoders) -> None:
    """From prompt to text: what the memory has seen goes on where the cursor is, in a word and at a line's start; no
    heading and no blank of the format is in it."""
    decoder = decoders[of_family(template)]
    seen = "def total(cart):\n    return price + 1\n\n"
    decoder.memory.learn([("seen", [decoder.tokenizer.encode(seen * 3)])])
    parts = asked(template, f"import shop\n\ndef total(cart):\n{typed}<CURSOR>\n\nx = 1\n")
    finished = complete(decoder, Complete(1, parts, Stop(), 48, 10_000, "mine"))
    decoder.memory.forget(["seen"])
    assert typed + finished.text == "    return price + 1"


def test_without_a_hole_the_text_behind_is_left_out() -> None:
    """A model that continues texts would take it for what comes first."""
    parts = asked("plain", "x = <CURSOR>\nafter = 1\n")
    assert "after" not in "".join(part.text for part in parts)
    assert families.family("plain").one_line


@pytest.mark.parametrize("template", FAMILIES)
def test_what_a_family_would_not_say_is_cut(template: str) -> None:
    """A format's tokens and stops end a suggestion also where a model spells them in ordinary characters."""
    row = families.family(template)
    for text in (*row.tokens.values(), *row.ends, *row.stops):
        around = Surroundings("", "", special_tokens=row.stops)
        spelt = f"price{text.replace(chr(0x2581) + '<', '<')}more"
        cut = special_tokens.apply(Candidate(spelt), around)
        assert isinstance(cut, Candidate)
        assert cut.text == "price"


def test_what_people_write_themselves_is_not_cut() -> None:
    """``<s>`` strikes out text in HTML, whatever the model calls its beginning of text."""
    candidate = Candidate("<s>old</b>")
    assert special_tokens.apply(candidate, Surroundings("", "", special_tokens=("<s>", "<pad>"))) == candidate


@given(
    st.text(alphabet="<|abc> \n", max_size=40),
    st.lists(st.text(alphabet="<|abc> ", min_size=1, max_size=6), max_size=4),
)
def test_a_neutral_text_has_no_special_token(text: str, specials: list[str]) -> None:
    """Whatever the tokens are, also where breaking one makes another, or leaves nothing; and once is enough."""
    neutral = neutralise(text, specials)
    assert not any(name in neutral for name in specials if name.strip())
    assert neutralise(neutral, specials) == neutral


def test_a_neutral_text_can_still_be_read() -> None:
    """A space breaks the token; all else stays as it is."""
    assert neutralise('END = "<|endoftext|>"\n', ["<|endoftext|>", "</s>"]) == 'END = "< |endoftext|>"\n'
    assert neutralise("a\n+++++ b", ["\n+++++ "]) == "ab"


_ROW = 'models = ""\nsource = ""\nvocabularies = []\ntokens = {}\nfile = "{text}"\nprompt = "%s"\n'


@pytest.mark.parametrize(
    ("prompt", "fault"),
    [
        ("<no>{before}", "no"),
        ("\\n{nothing}\\n{before}", "nothing"),
        ("{path}{path}\\n{before}", "twice"),
        ("\\n{before}{behind}", "ends with"),
        ("{above}\\n{before}", "ends with"),
        ("\\n{line}", "ends with"),
        ("x {before}", "on its own"),
        ("", "ends with"),
    ],
)
def test_a_damaged_row_is_refused(prompt: str, fault: str) -> None:
    """A slot or role that is not there, and a prompt that does not end at the cursor, are said when the row is read."""
    with pytest.raises(msgspec.ValidationError, match=fault):
        msgspec.toml.decode(_ROW % prompt, type=families.Family)


def test_a_vocabulary_has_all_that_a_prompt_needs() -> None:
    """A family is not told by less than it is asked with."""
    row = (_ROW % "<a>{before}").replace("tokens = {}", "tokens = { a = 'x' }")
    assert msgspec.toml.decode(row, type=families.Family).tokens == {"a": "x"}
    with pytest.raises(msgspec.ValidationError, match="lack"):
        msgspec.toml.decode(row.replace("[]", "[{ has = ['y'] }]"), type=families.Family)
    assert msgspec.toml.decode(_ROW % "a < b\\n{before}", type=families.Family).prompt == "a < b\n{before}"


def test_an_unknown_family_is_named() -> None:
    """With what to do; a name is never a path."""
    for name in ("gwen", "../families/qwen", ""):
        with pytest.raises(ModelError, match="Known: "):
            families.family(name)


def test_metadata_say_which_tokens_ask() -> None:
    """Ids that a file names agree with the family, or it is not the one."""
    tokens = {text: number for number, text in enumerate(shapes()["codegemma"].special)}
    right = {"prefix": tokens["<|fim_prefix|>"], "pad": 0}
    assert identify(tokens, fim=right).template == "codegemma"
    assert identify(tokens, fim={**right, "middle": 0}).template == "plain"
