"""Export of a trained model: the files mean to both engines what the network means to PyTorch, and what is damaged is
refused with a sentence. The network here is tiny and random, its tokenizer real."""

import json
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import pytest
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from lsp_server.base.errors import EngineError, TrainingError
from lsp_server.engine.backends import llama_api
from lsp_server.engine.backends.ctransformers import CTransformers
from lsp_server.engine.protocol import Engine
from lsp_server.models import gguf, manifest, store

torch = pytest.importorskip("torch", reason="no PyTorch: pip install -c constraints.txt -e '.[train]'")
pytest.importorskip("gguf", reason="no gguf: pip install -c constraints.txt -e '.[train]'")

from lsp_server.training import card, checkpoint, export, gguf_file, measure  # noqa: E402
from lsp_server.training.corpus.manifest import Kept, Manifest, Package  # noqa: E402
from lsp_server.training.corpus.recipe import Corpus  # noqa: E402
from lsp_server.training.documents import Document, read  # noqa: E402
from lsp_server.training.gguf_file import KINDS, Kind  # noqa: E402
from lsp_server.training.llama_cpp import LlamaCpp  # noqa: E402
from lsp_server.training.measure import Measured  # noqa: E402
from lsp_server.training.model import Llama, Shape  # noqa: E402
from lsp_server.training.network import Network  # noqa: E402
from lsp_server.training.parity import Speed, cut_otherwise  # noqa: E402
from lsp_server.training.recipe import ExportRecipe, PackRecipe, Recipe  # noqa: E402
from lsp_server.training.run import Run  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]

SPECIAL = (
    *("<|endoftext|>", "<|fim_pad|>", "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),
    *("<|repo_name|>", "<|file_sep|>", *(f"<|reserved_{n}|>" for n in range(9))),
)
SOURCES = sorted(Path(sysconfig.get_path("stdlib")).glob("[a-d]*.py"))[:30]
CONTEXT = 256
ABOUT = gguf_file.About("tiny", "A tiny model", "Apache-2.0")


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Threads of PyTorch wait for each other by spinning, for seconds where other programs have the processors."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def fewer_prompts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines and PyTorch are compared behind eight prompts."""
    monkeypatch.setattr(measure, "_PROMPTS", 8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run directory as the stages before leave it."""
    run = tmp_path_factory.mktemp("run")
    for name in ("tokenizer", "fit", "corpus"):
        (run / name).mkdir()
    trained = Tokenizer(models.BPE())
    cut = Regex(r"\n+ *|[0-9]| ?_*[A-Za-z]+| ?[^\sA-Za-z0-9]+| +(?=\S)|\s+")
    trained.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(cut, "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trained.decoder = decoders.ByteLevel()
    trained.train(
        [str(path) for path in SOURCES],
        trainers.BpeTrainer(
            vocab_size=1000,
            special_tokens=list(SPECIAL),
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    trained.save(str(run / "tokenizer" / "tokenizer.json"))
    special = {name: number for number, name in enumerate(SPECIAL)}
    (run / "tokenizer" / "special.json").write_text(json.dumps(special))
    torch.manual_seed(1)
    shape = Shape(
        vocabulary=trained.get_vocab_size(),
        width=256,
        layers=2,
        heads=4,
        kv_heads=2,
        feed_forward=512,
        context=CONTEXT,
        theta=10_000.0,
        epsilon=1e-5,
    )
    network = Llama(shape)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.08 if parameter.ndim == 2 else 1.0)
    content = {"shape": msgspec.to_builtins(shape), "model": network.state_dict()}
    about = {"progress": {"tokens": 7, "seconds": 0.5}, "flop": 9, "recipe": {"fit": {"batch_tokens": 7}}}
    torch.save({**content, **about}, run / "fit" / "weights.pt")
    documents = [
        Document("python", "python", f"python/{path.name}", path.read_text("utf-8")) for path in SOURCES[:8]
    ]
    encode = msgspec.json.encode
    (run / "corpus" / "validation.jsonl").write_bytes(b"\n".join(encode(document) for document in documents))
    kept = {"PSF-2.0": {"python": Kept(8, 990_000), "lua": Kept(1, 500), "tsx": Kept(1, 250_000)}}
    packages = [
        Package("pypi", "one", "1.0", "train", kept),
        Package("pypi", "two", "2.0", "validation", {"MIT": {"go": Kept(8, 9000)}}),
    ]
    for name, text in (("curve.json", "[]"), ("curve.svg", "<svg/>")):
        (run / "fit" / name).write_text(text, encoding="utf-8")
    (run / "corpus" / "manifest.json").write_bytes(encode(Manifest(packages, {}, "3.11")))
    return run


@pytest.fixture(scope="module")
def trained(folder: Path) -> checkpoint.Trained:
    return checkpoint.read(folder / "fit" / "weights.pt")


@pytest.fixture(scope="module")
def files(folder: Path, trained: checkpoint.Trained) -> dict[Kind, Path]:
    words, _ = export.tokenizer(folder / "tokenizer")
    paths: dict[Kind, Path] = {}
    for kind in KINDS:
        paths[kind] = folder / f"{kind}.gguf"
        gguf_file.write(paths[kind], trained.shape, trained.weights, words, ABOUT, kind)
    return paths


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("opens", [CTransformers, LlamaCpp])
def test_both_engines_compute_what_pytorch_computes(
    files: dict[Kind, Path],
    trained: checkpoint.Trained,
    kind: Kind,
    opens: Callable[[Path, int, int], Engine],
) -> None:
    """With the weights that the file holds, at every place of the context: rounding is all that differs."""
    network = Network(trained.shape, gguf_file.as_stored(trained.weights, kind))
    ids = [(17 * place + 16) % trained.shape.vocabulary for place in range(CONTEXT)]
    rows = network(ids)
    engine = opens(files[kind], CONTEXT, 1)
    tolerance = 0.01 if kind == "f16" else 0.1  # engines round what they multiply with these to eight bits
    for keep, end in ((0, 1), (1, 100), (100, CONTEXT - 1), (CONTEXT - 1, CONTEXT)):
        row = engine.evaluate(ids[keep:end], keep)
        assert (row - rows[end - 1]).std() < tolerance * rows[end - 1].std(), (keep, end)
    engine.close()


def test_rounding_to_fewer_bits_changes_the_weights_a_little_more(trained: checkpoint.Trained) -> None:
    """What is read back is near what was written; the norms are exact in each kind."""
    errors = []
    for kind in KINDS:
        read = gguf_file.as_stored(trained.weights, kind)
        assert np.array_equal(read["norm.weight"], trained.weights["norm.weight"])
        errors.append(float(np.abs(read["blocks.1.up.weight"] - trained.weights["blocks.1.up.weight"]).max()))
    assert errors == sorted(errors)
    assert 0 < errors[0] < errors[-1] < 0.1


def test_the_header_says_what_engines_look_for(files: dict[Kind, Path]) -> None:
    """The product's own reader accepts the file; roles of special tokens are stated."""
    header = gguf.read(files["q8_0"])
    role = "tokenizer.ggml.{}_token_id"
    assert header.architecture == "llama"
    assert {tensor.name for tensor in header.tensors} >= {"token_embd.weight", "output.weight"}
    assert header.metadata["tokenizer.ggml.add_bos_token"] is False
    assert [header.metadata[role.format(name)] for name in ("eos", "eot", "padding")] == [0, 0, 1]
    assert [header.metadata[role.format(f"fim_{n}")] for n in ("pre", "suf", "mid", "rep", "sep")] == [
        2,
        3,
        4,
        5,
        6,
    ]


def test_llama_cpp_cuts_text_almost_as_we_do(folder: Path, files: dict[Kind, Path]) -> None:
    """Its users have only its own tokenizer. No text becomes a special token, not even a newline."""
    engine = LlamaCpp(files["q8_0"], 64, 1)
    _, tokenizer = export.tokenizer(folder / "tokenizer")
    text = SOURCES[0].read_text("utf-8") + "<|fim_prefix|>"
    ours, theirs = tokenizer.encode(text), engine.tokenize(text)
    engine.close()
    assert min(theirs) >= len(SPECIAL)
    assert b"".join(tokenizer.bytes[token] for token in theirs).decode() == text
    assert cut_otherwise(ours, theirs, tokenizer.bytes) < 0.05 * len(ours)


def test_tokens_that_are_cut_otherwise_are_counted() -> None:
    """Counted are those of ours that the other has not at the same place."""
    spelling = [b"a", b"b", b"ab", b"c"]
    assert cut_otherwise([2, 3], [2, 3], spelling) == 0
    assert cut_otherwise([2, 3], [0, 1, 3], spelling) == 1
    assert cut_otherwise([0, 1, 3], [2, 3], spelling) == 2


class Said(list[str]):
    def __call__(self, what: str, share: float | None) -> None:
        assert share is None or 0 <= share <= 1
        self.append(what)


def exported(folder: Path, ship: Literal["auto", "f16", "q8_0"]) -> tuple[Path, Said]:
    said = Said()
    recipe = Recipe(
        name="tiny-1",
        summary="A tiny model",
        corpus=Corpus(),
        pack=PackRecipe(tokens=1),
        export=ExportRecipe(ship=ship),
    )
    (folder / "recipe.toml").touch()
    export.run(recipe, Run(folder, folder / "recipe.toml"), said)
    return folder / "export", said


def test_the_folder_is_a_model(folder: Path) -> None:
    """The whole stage: what the store checks holds, the card has the measurements, and a second run changes nothing."""
    made, _ = exported(folder, "q8_0")
    about = manifest.read(made / manifest.FILE)
    store.verify(store.Model(about, made))
    assert (about.name, about.version, about.template) == ("bundled", "tiny-1", "offhand")
    assert (about.context_length, about.parameters) == (CONTEXT, 1_436_928)
    assert about.languages == ("python", "tsx", "typescriptreact")
    assert sorted(path.name for path in made.iterdir()) == [
        "NOTICE.md",
        "card.json",
        "corpus.json",
        "curve.json",
        "curve.svg",
        "manifest.json",
        "tiny-1-q8_0.gguf",
        "tokenizer.json",
    ]
    content = json.loads((made / "card.json").read_text("utf-8"))
    assert [one["kind"] for one in content["files"]["each"]] == list(KINDS)
    assert all(one["speed"]["prompt"] > 0 for one in content["files"]["each"])
    bits = [one["bits_per_byte"] for one in content["files"]["each"]]
    assert 2 < min(bits) <= max(bits) < 1.05 * min(bits)  # it knows nothing, in each kind of file
    alike = [one for one in content["engines"]["agreement"] if one["kind"] == "f16"]
    assert alike
    assert all(one["first_same"] == one["prompts"] > 2 for one in alike)
    assert content["training"]["progress"]["tokens"] == 7
    notice = (made / "NOTICE.md").read_text("utf-8")
    assert "one 1.0 (pypi)" in notice
    assert "two" not in notice
    again, _ = exported(folder, "q8_0")
    assert manifest.read(again / manifest.FILE) == about


def test_an_engine_that_is_absent_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A comparison that was not made is told, on the screen and in the card."""

    def refuse() -> None:
        raise EngineError("There is no prebuilt llama.cpp for this machine.")

    monkeypatch.setattr(llama_api, "load", refuse)
    made, said = exported(folder, "f16")
    assert any("llama.cpp is not compared: There is no prebuilt llama.cpp" in line for line in said)
    assert "llama.cpp" in json.loads((made / "card.json").read_text("utf-8"))["engines"]["absent"]


def test_a_file_that_is_another_model_is_noticed(
    folder: Path, trained: checkpoint.Trained, files: dict[Kind, Path]
) -> None:
    """Where engine and PyTorch do not compute the same the stage fails."""
    _, tokenizer = export.tokenizer(folder / "tokenizer")
    turned = dict(trained.weights)
    turned["blocks.0.q.weight"] = turned["blocks.0.q.weight"][::-1].copy()
    other = msgspec.structs.replace(trained, weights=turned)
    documents = list(read(folder / "corpus", "validation"))[:2]
    with pytest.raises(TrainingError, match="disagree about the same weights"):
        measure.measure(other, tokenizer, documents, files, Said())


def good(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(folder / "fit" / "weights.pt", weights_only=True)
    return content


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda content: content.pop("shape"), "cannot be read"),
        (lambda content: content["shape"].pop("width"), "cannot be read|otherwise"),
        (lambda content: content["model"].pop("norm.weight"), "not the weights that its shape promises"),
        (lambda content: content["shape"].update(layers=3), "not the weights that its shape promises"),
        (lambda content: content["model"]["norm.weight"].fill_(float("nan")), "training went astray"),
        (lambda content: content.update(model=[1]), "not a checkpoint"),
    ],
)
def test_a_damaged_checkpoint_is_refused(
    folder: Path, tmp_path: Path, damage: Callable[[dict[str, Any]], Any], complaint: str
) -> None:
    """One sentence says what is wrong, one what to do."""
    content = good(folder)
    damage(content)
    path = tmp_path / "weights.pt"
    torch.save(content, path)
    with pytest.raises(TrainingError, match=complaint) as caught:
        checkpoint.read(path)
    assert str(caught.value).endswith("Run the stage 'fit' again.")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("keep", [0, 10, 5000, -1])
def test_a_truncated_checkpoint_is_refused(folder: Path, tmp_path: Path, keep: int) -> None:
    """Wherever the file ends."""
    path = tmp_path / "weights.pt"
    path.write_bytes((folder / "fit" / "weights.pt").read_bytes()[:keep])
    with pytest.raises(TrainingError, match="Run the stage 'fit' again") as caught:
        checkpoint.read(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(TrainingError, match="is missing"):
        checkpoint.read(tmp_path / "absent.pt")


@pytest.mark.parametrize(
    ("special", "complaint"),
    [
        (
            {name: number for number, name in enumerate(SPECIAL) if name != "<|file_sep|>"},
            "lacks <|file_sep|>",
        ),
        ({name: number + 5000 for number, name in enumerate(SPECIAL)}, "has gaps"),
    ],
)
def test_a_vocabulary_without_what_engines_ask_for_is_refused(
    folder: Path, special: dict[str, int], complaint: str
) -> None:
    """The tokenizer stage is named."""
    with pytest.raises(TrainingError) as caught:
        gguf_file.vocabulary(folder / "tokenizer" / "tokenizer.json", special)
    assert complaint in str(caught.value)
    assert "'tokenizer'" in str(caught.value)


def found(kind: Kind, size: int, bits: float, prompt: float) -> Measured:
    return Measured(kind, size, bits, Speed(load=1, prompt=prompt, token=1, tokens=512))


@pytest.mark.parametrize(
    ("ship", "bits", "prompts", "chosen"),
    [
        ("auto", (1.0, 1.004, 1.02), (100, 100, 100), "q8_0"),
        ("auto", (1.0, 1.001, 1.004), (100, 100, 100), "q4_0"),
        ("auto", (1.0, 1.01, 1.02), (100, 100, 100), "f16"),
        ("auto", (1.0, 1.001, 1.002), (100, 100, 200), "q8_0"),
        ("auto", (1.0, 1.001, 1.02), (100, 130, 50), "q8_0"),
        ("q4_0", (1.0, 1.01, 1.5), (100, 100, 900), "q4_0"),
    ],
)
def test_which_file_ships(
    ship: Literal["auto", "q4_0"], bits: Sequence[float], prompts: Sequence[float], chosen: Kind
) -> None:
    """The smallest that is nearly as good as F16 and nearly as quick as the quickest such; or what the recipe says."""
    sizes = (100, 53, 30)
    measured = [found(*one) for one in zip(KINDS, sizes, bits, prompts, strict=True)]
    assert card.choose(ExportRecipe(ship=ship), measured) == chosen


def test_which_file_ships_where_nothing_was_timed() -> None:
    """Without the engine quality and size decide."""
    measured = [
        Measured(kind, size, bits, None)
        for kind, size, bits in zip(KINDS, (9, 5, 3), (1.0, 1.0, 1.0), strict=True)
    ]
    assert card.choose(ExportRecipe(), measured) == "q4_0"
