"""Today's llama.cpp as an engine: it computes what the other one does, and its cache is always what it says it is."""

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from shipped import MODEL, complete_message, load_message, tokenizer

from lsp_server.base.errors import Aborted, EngineError, ModelError
from lsp_server.bench import fit_memory
from lsp_server.completion.startup import engines
from lsp_server.engine import flash, opening
from lsp_server.engine.backends import llama_api
from lsp_server.engine.backends.absent import Absent
from lsp_server.engine.backends.ctransformers import CTransformers
from lsp_server.engine.backends.llama_cpp import LlamaCpp
from lsp_server.engine.decoder import Decoder
from lsp_server.engine.decoding import complete

CODE = "import os\n\n\ndef read(path):\n    with open(path) as file:\n        return file.read()\n\n\n"
IDS = tokenizer().encode(CODE * 8)[:200]


#: A logit may differ so much where the same tokens were evaluated in batches of another size (they spread over 3).
ROUNDING = 0.2


@pytest.fixture(scope="module")
def library() -> llama_api.Library:
    return llama_api.load()


@pytest.fixture(params=[False, True], ids=["plain", "flash"])
def engine(request: pytest.FixtureRequest, library: llama_api.Library) -> Iterator[LlamaCpp]:
    engine = LlamaCpp(MODEL.model_file, 256, threads=1, flash=request.param, library=library)
    yield engine
    engine.close()


@pytest.mark.slow
class TestLibrary:
    """With the real library and the model that ships."""

    def test_it_says_what_ctransformers_says(self, engine: LlamaCpp) -> None:
        """The same next token at every place, and nearly the same logits: kernels round differently."""
        other = CTransformers(MODEL.model_file, 256, threads=1)
        rows = engine.evaluate_all(IDS, 0)
        for place in range(0, len(IDS), 9):
            wanted = other.evaluate(IDS[: place + 1], 0)
            assert rows[place].argmax() == wanted.argmax() or np.sort(wanted)[-2:].ptp() < 0.3
            assert np.abs(rows[place] - wanted).max() < 0.1 * wanted.std()
        other.close()

    def test_rewinding_is_exact(self, engine: LlamaCpp) -> None:
        """The same tokens behind the same prefix give the same logits, whatever was evaluated in between."""
        first = engine.evaluate(IDS, 0).copy()
        engine.evaluate([9, 10, 11], 100)
        again = engine.evaluate(IDS[100:], 100)
        np.testing.assert_allclose(again, first, atol=ROUNDING)

    @pytest.mark.parametrize(("count", "rounding"), [(1, 0.01), (8, 0.01), (64, 0.6), (65, 0.6), (140, 0.6)])
    def test_all_rows_are_the_rows_one_by_one(self, engine: LlamaCpp, count: int, rounding: float) -> None:
        """A draft is verified by what decoding would have seen; long batches go through other kernels."""
        engine.evaluate(IDS[:20], 0)
        rows = engine.evaluate_all(IDS[20 : 20 + count], 20).copy()
        assert rows.shape == (count, engine.vocabulary)
        assert engine.evaluated == 20 + count
        for place, row in enumerate(rows):
            one = engine.evaluate([IDS[20 + place]], 20 + place)
            np.testing.assert_allclose(row, one, atol=rounding)

    def test_after_an_abort_the_cache_is_what_it_says(self, engine: LlamaCpp) -> None:
        """Stopped in the middle, and before the start: what is left can be kept, and going on gives what a fresh
        evaluation gives."""
        fresh = engine.evaluate(IDS, 0).copy()
        stopped = 0
        for delay in (0.0, 0.002, 0.006, 0.012):
            timer = threading.Timer(delay, engine.abort)
            timer.start()
            try:
                engine.evaluate(IDS, 0)
            except Aborted:
                stopped += 1
                with pytest.raises(Aborted):  # until it is taken back
                    engine.evaluate(IDS[engine.evaluated :], engine.evaluated)
            timer.join()
            engine.resume()
            kept = min(engine.evaluated, len(IDS) - 1)
            np.testing.assert_allclose(engine.evaluate(IDS[kept:], kept), fresh, atol=ROUNDING)
        assert stopped  # of the first at least

    def test_a_snapshot_comes_back(self, engine: LlamaCpp, library: llama_api.Library) -> None:
        """Into the same engine after other work, and into another one of the same file."""
        engine.evaluate(IDS[:150], 0)
        state = engine.snapshot()
        wanted = engine.evaluate(IDS[150:], 150).copy()
        engine.evaluate(IDS[50:], 0)
        engine.restore(state)
        assert engine.evaluated == 150
        assert np.array_equal(engine.evaluate(IDS[150:], 150), wanted)
        other = LlamaCpp(MODEL.model_file, 256, threads=1, flash=True, library=library)
        other.evaluate(IDS[:150], 0)
        state = other.snapshot()
        other.close()
        third = LlamaCpp(MODEL.model_file, 256, threads=1, flash=True, library=library)
        third.restore(state)
        np.testing.assert_allclose(third.evaluate(IDS[150:], 150), wanted, atol=ROUNDING)
        third.close()

    @pytest.mark.parametrize("damage", [b"", b"nothing at all", None], ids=["empty", "other", "cut"])
    def test_what_is_no_snapshot_leaves_an_empty_cache(self, engine: LlamaCpp, damage: bytes | None) -> None:
        """Refused, and evaluating from the start works."""
        engine.evaluate(IDS[:50], 0)
        state = engine.snapshot()[:-100] if damage is None else damage
        with pytest.raises(EngineError, match="damaged"):
            engine.restore(state)
        assert engine.evaluated == 0
        assert np.isfinite(engine.evaluate(IDS[:50], 0)).all()

    @pytest.mark.parametrize(
        ("ids", "keep", "complaint"),
        [
            ([-1], 0, "token id"),
            ([tokenizer().vocabulary], 0, "token id"),
            ([20, 2**31], 0, "token id"),
            ([20], -1, "Cannot keep -1"),
            ([20], 6, "Cannot keep 6 tokens: 5 are evaluated"),
            ([20] * 257, 0, "do not fit into the context of 256"),
            ([20] * 252, 5, "do not fit"),
            ([], 5, "nothing to evaluate"),
        ],
        ids=["negative", "beyond", "beyond int", "negative place", "gap", "too long", "overflow", "nothing"],
    )
    def test_what_must_not_reach_the_library_is_refused(
        self, engine: LlamaCpp, ids: list[int], keep: int, complaint: str
    ) -> None:
        """With a sentence; after the refusal the cache is what it was."""
        engine.evaluate([20] * 5, 0)
        for call in (engine.evaluate, engine.evaluate_all):
            with pytest.raises(EngineError, match=complaint):
                call(ids, keep)
        assert engine.evaluated == 5
        assert np.isfinite(engine.evaluate([21], 5)).all()

    def test_the_whole_context_can_be_used(self, engine: LlamaCpp) -> None:
        """The limit is exact: the last place counts."""
        engine.evaluate([20] * 255, 0)
        assert np.isfinite(engine.evaluate([21], 255)).all()
        with pytest.raises(EngineError, match="do not fit"):
            engine.evaluate([21], 256)

    def test_threads_change_at_run_time(self, engine: LlamaCpp) -> None:
        """Two compute what one does."""
        wanted = engine.evaluate(IDS, 0).copy()
        engine.set_threads(2)
        np.testing.assert_allclose(engine.evaluate(IDS, 0), wanted, atol=ROUNDING)
        engine.set_threads(1)
        np.testing.assert_allclose(engine.evaluate(IDS, 0), wanted, atol=ROUNDING)

    def test_a_closed_model_is_not_touched(self, engine: LlamaCpp) -> None:
        """Its memory is gone; closing twice is harmless."""
        engine.close()
        engine.close()
        for call in (lambda: engine.evaluate([20], 0), engine.snapshot, lambda: engine.restore(b"x")):
            with pytest.raises(EngineError, match="closed"):
                call()
        engine.set_threads(2)

    @pytest.mark.parametrize("content", [b"", b"GGUF", b"nothing"])
    def test_a_file_that_the_library_refuses(
        self, tmp_path: Path, content: bytes, library: llama_api.Library
    ) -> None:
        """Its complaint becomes a model error."""
        path = tmp_path / "bad.gguf"
        path.write_bytes(content)
        with pytest.raises(ModelError, match="refuses"):
            LlamaCpp(path, 128, 1, library=library)
        with pytest.raises(ModelError, match="does not exist"):
            LlamaCpp(tmp_path / "absent.gguf", 128, 1, library=library)

    def test_flash_is_tried_once_for_a_file(
        self, library: llama_api.Library, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """The faster one is taken and remembered; then nothing is tried."""
        monkeypatch.setenv("OFFHAND_HOME", str(tmp_path))
        costs = {False: 2.0, True: 1.0}
        tried: list[bool] = []

        def cost(engine: LlamaCpp, way: bool) -> float:
            tried.append(way)
            real(engine, way)
            return costs[way]

        real = flash._cost
        monkeypatch.setattr(flash, "_cost", cost)
        engine = LlamaCpp(MODEL.model_file, 512, threads=1, library=library)
        assert flash.known("a file") is None
        flash.settle(engine, "a file")
        assert tried == [False, True]
        assert flash.known("a file") is True
        assert engine.evaluated == 0
        assert np.isfinite(engine.evaluate(IDS, 0)).all()
        engine.close()


def refusing(monkeypatch: pytest.MonkeyPatch, sentence: str) -> None:
    def load() -> None:
        raise EngineError(sentence)

    monkeypatch.setattr(llama_api, "load", load)


def alone() -> Decoder:
    return Decoder(Absent(tokenizer().vocabulary, 256), tokenizer(), MODEL.manifest.end_tokens)


@pytest.mark.slow
def test_where_the_library_does_not_run_the_other_engine_takes_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And says why."""
    refusing(monkeypatch, "This processor lacks avx2.")
    request = load_message("llama_cpp", otherwise="ctransformers", context=256)
    engine, name, note = opening.open_engine(request, alone())
    assert (name, note) == ("ctransformers", "This processor lacks avx2.")
    assert isinstance(engine, CTransformers)
    engine.close()


def test_without_another_engine_the_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that ctransformers must not see is not given to it."""
    refusing(monkeypatch, "This processor lacks avx2.")
    with pytest.raises(EngineError, match="lacks avx2"):
        opening.open_engine(load_message("llama_cpp", context=256), alone())


def test_a_file_that_is_refused_is_not_given_to_the_other_engine(tmp_path: Path) -> None:
    """Only a library that does not run is made up for."""
    request = load_message("llama_cpp", otherwise="ctransformers", sha256="0" * 64)
    with pytest.raises(ModelError, match="damaged"):
        opening.open_engine(request, alone())


@pytest.mark.parametrize(
    ("setting", "architecture", "shipped", "wanted"),
    [
        ("auto", "llama", True, ("llama_cpp", "ctransformers")),
        ("auto", "falcon", True, ("llama_cpp", "ctransformers")),
        ("auto", "qwen2", True, ("llama_cpp", "")),
        ("auto", "llama", False, ("llama_cpp", "")),
        ("ctransformers", "llama", False, ("ctransformers", "")),
        ("llama_cpp", "llama", True, ("llama_cpp", "")),
        ("memory", "llama", True, ("memory", "")),
    ],
)
def test_auto(setting: str, architecture: str, shipped: bool, wanted: tuple[str, str]) -> None:
    """The modern engine; the old one in its place only for a shipped file of an architecture that it knows."""
    assert engines(setting, architecture, shipped) == wanted


class TestLoading:
    """What is said where the library is not as it should be."""

    @pytest.fixture(autouse=True)
    def wheel(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A distribution that is installed for certain, as if it were the wheel."""
        known = ("msgspec", llama_api.importlib.metadata.version("msgspec"), "msgspec/absent.so")
        monkeypatch.setattr(llama_api, "_WHEELS", {sys.platform: known})
        self.known = known

    def test_no_wheel_for_the_platform(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nothing is looked for."""
        monkeypatch.setattr(llama_api, "_WHEELS", {})
        with pytest.raises(EngineError, match="no prebuilt llama"):
            llama_api.load()

    def test_not_installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The package is named."""
        monkeypatch.setattr(llama_api, "_WHEELS", {sys.platform: ("no-such-package", "1", "x")})
        with pytest.raises(EngineError, match="no-such-package is not installed"):
            llama_api.load()

    def test_another_version(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Layouts are known for one only."""
        monkeypatch.setattr(llama_api, "_WHEELS", {sys.platform: (self.known[0], "0.0", self.known[2])})
        with pytest.raises(EngineError, match=r"knows llama.cpp's interface as it is in 0\.0"):
            llama_api.load()

    def test_an_old_processor(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The library would die by a signal there."""
        monkeypatch.setattr(llama_api, "_missing_flags", lambda: ["avx2", "fma"])
        with pytest.raises(EngineError, match="lacks avx2, fma"):
            llama_api.load()

    def test_a_file_that_is_gone(self) -> None:
        """Half an installation."""
        with pytest.raises(EngineError, match=r"cannot be loaded.*Install Offhand again"):
            llama_api.load()

    def test_no_openmp_on_the_system(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The advice is the system's package."""

        def missing(path: str, **_: object) -> None:
            raise OSError("libgomp.so.1: cannot open shared object file: No such file or directory")

        monkeypatch.setattr(llama_api.ctypes, "CDLL", missing)
        with pytest.raises(EngineError, match="Install your system's package with libgomp"):
            llama_api.load()

    def test_a_library_without_the_functions(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Something else under that name."""
        monkeypatch.setattr(llama_api.ctypes, "CDLL", lambda path, **_: object())
        with pytest.raises(EngineError, match=r"another interface.*lacks a function"):
            llama_api.load()


@pytest.mark.slow
@pytest.mark.parametrize("field", ["n_ctx", "type_k", "n_samplers"])
def test_layouts_that_are_shifted_are_noticed(
    field: str, library: llama_api.Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library's own defaults tell."""
    params = library.context_default_params()
    setattr(params, field, 77)
    monkeypatch.setattr(library, "context_default_params", lambda: params)
    with pytest.raises(EngineError, match="defaults do not stand"):
        library._check()


@pytest.mark.slow
def test_it_completes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The whole chain with this engine, trying included."""
    monkeypatch.setenv("OFFHAND_HOME", str(tmp_path))
    decoder = fit_memory.decoder(load_message("llama_cpp"))
    assert isinstance(decoder.engine, LlamaCpp)
    finished = complete(
        decoder, complete_message("class A:\n    def __init__(self, name):\n        self.name = na")
    )
    assert finished.text.startswith("me")
    assert flash.known(MODEL.manifest.model.sha256) is not None
    decoder.engine.close()
