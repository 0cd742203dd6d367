"""The bundled model in the engine it ships with: it writes sensibly, and no call can reach native code unguarded."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from shipped import MODEL, complete_message, load_message, tokenizer

from lsp_server.base.errors import EngineError, ModelError
from lsp_server.bench import fit_memory
from lsp_server.engine.backends.ctransformers import CTransformers
from lsp_server.engine.decoder import Decoder
from lsp_server.engine.decoding import complete
from lsp_server.engine.messages import Stop

pytestmark = pytest.mark.slow

CODE = "import os\n\n\ndef read(path):\n    with open(path) as file:\n        return file.read()\n\n\n"


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    decoder = fit_memory.decoder(load_message("ctransformers"))
    yield decoder
    decoder.engine.close()


@pytest.fixture
def engine() -> Iterator[CTransformers]:
    engine = CTransformers(MODEL.model_file, context=128, threads=1)
    yield engine
    engine.close()


@pytest.mark.parametrize(
    ("prefix", "text"),
    [
        ("class A:\n    def __init__(self, name):\n        self.name = na", "me"),
        ("for i in ran", "ge("),
        (CODE + "def write(path):\n    with open(pa", "th"),
    ],
)
def test_it_writes_sensibly(decoder: Decoder, prefix: str, text: str) -> None:
    """The whole chain, prompt, healing, engine, stop, finishes what is begun."""
    finished = complete(decoder, complete_message(prefix))
    assert finished.text.startswith(text)
    assert finished.reason in ("line", "length")
    assert finished.error == ""
    assert -20 < sum(step.logprob for step in finished.steps) < 0


def test_reuse_changes_nothing(decoder: Decoder) -> None:
    """Typing key by key gives the very text that a cold cache gives."""
    line = "    with open(path) as file:"
    for count in range(1, len(line)):
        warm = complete(decoder, complete_message(CODE + "def write(path):\n" + line[:count]))
        decoder.cached = []
        cold = complete(decoder, complete_message(CODE + "def write(path):\n" + line[:count]))
        assert cold.reused_tokens == 0
        assert warm.text == cold.text
        assert [step.logprob for step in warm.steps] == pytest.approx(
            [step.logprob for step in cold.steps], abs=1e-3
        )


def test_a_block_ends_at_the_dedent(decoder: Decoder) -> None:
    """The model goes on for ever if it may; the stop rule ends it."""
    finished = complete(
        decoder, complete_message(CODE + "def size(path):\n    ", Stop("block", indent=0), max_tokens=96)
    )
    assert finished.text
    assert all(line.startswith(" ") for line in finished.text.split("\n")[1:] if line)


def test_rewinding_is_exact(engine: CTransformers) -> None:
    """The same tokens behind the same prefix give the same logits, whatever was evaluated in between."""
    ids = tokenizer().encode(CODE)[:40]
    first = engine.evaluate(ids, 0).copy()
    engine.evaluate([9, 10, 11], 20)
    again = engine.evaluate(ids[20:], 20)
    assert again.shape == (engine.vocabulary,)
    np.testing.assert_allclose(again, first, atol=0.02)


@pytest.mark.parametrize(
    ("ids", "keep", "complaint"),
    [
        ([-1], 0, "token id"),
        ([tokenizer().vocabulary], 0, "token id"),
        ([20, 2**31], 0, "token id"),
        ([20], -1, "Cannot keep -1"),
        ([20], 6, "Cannot keep 6 tokens: 5 are evaluated"),
        ([20] * 129, 0, "do not fit into the context of 128"),
        ([20] * 124, 5, "do not fit"),
        ([], 5, "nothing to evaluate"),
    ],
    ids=[
        "negative id",
        "id beyond",
        "id beyond int",
        "negative place",
        "gap",
        "too long",
        "overflow",
        "nothing",
    ],
)
def test_what_would_kill_native_code_is_refused(
    engine: CTransformers, ids: list[int], keep: int, complaint: str
) -> None:
    """Each of these ends the process or corrupts the cache when it gets through; after the refusal all is well."""
    engine.evaluate([20] * 5, 0)
    with pytest.raises(EngineError, match=complaint):
        engine.evaluate(ids, keep)
    assert np.isfinite(engine.evaluate([21], 5)).all()


def test_the_whole_context_can_be_used(engine: CTransformers) -> None:
    """The limit is exact: the last place counts."""
    engine.evaluate([20] * 127, 0)
    assert np.isfinite(engine.evaluate([21], 127)).all()
    with pytest.raises(EngineError, match="do not fit"):
        engine.evaluate([21], 128)


def test_a_closed_model_is_not_touched(engine: CTransformers) -> None:
    """Its memory is gone; closing twice is harmless."""
    engine.close()
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.evaluate([20], 0)


@pytest.mark.parametrize("content", [b"", b"GGUF", b"nothing"])
def test_a_file_that_the_library_refuses(tmp_path: Path, content: bytes) -> None:
    """Where it does not crash (the worker is there for that), its complaint becomes a model error."""
    path = tmp_path / "bad.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="refuses"):
        CTransformers(path, context=128, threads=1)
    with pytest.raises(ModelError, match="refuses"):
        CTransformers(tmp_path / "absent.gguf", context=128, threads=1)
