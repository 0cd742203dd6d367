"""Models that are brought, with the real engine: measured, served, quantised; and no accepted file crashes it."""

import json
import os
import random
import struct
import subprocess
import sys
from pathlib import Path

import gguf_files as made
import pytest

from lsp_server.base.errors import ModelError
from lsp_server.models import gguf
from tests.rawclient import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        "not __import__('importlib.util').util.find_spec('xllamacpp')",
        reason="no llama.cpp for this platform",
    ),
]


def offhand(home: Path, *arguments: str | Path, status: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "lsp_server.cli.main", *map(str, arguments)],
        cwd=home,
        env={**os.environ, "OFFHAND_HOME": str(home / "offhand"), "PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def test_a_model_is_added_measured_and_answers(tmp_path: Path) -> None:
    """From a file to a completion: the verdict is in words, ``list`` has the speed, and the engine is llama.cpp."""
    path = tmp_path / "tiny.gguf"
    path.write_bytes(made.tiny())
    out = offhand(tmp_path, "models", "add", path)
    assert "On this machine: first line after a cold prompt of 416 tokens about" in out
    offhand(tmp_path, "models", "use", "tiny")
    (row,) = (
        row for row in json.loads(offhand(tmp_path, "models", "list", "--json")) if row["name"] == "tiny"
    )
    assert row["in_use"]
    assert row["seconds_a_line"] > 0
    work = tmp_path / "work.py"
    work.write_text("total = sum(values)\ntotal = su")
    answer = json.loads(offhand(tmp_path, "complete", f"{work}:2:11", "--json"))
    assert answer["tokens"]["prompt"] > 5
    offhand(tmp_path, "models", "remove", "tiny")
    assert offhand(tmp_path, "models", "list").startswith("* bundled")


def test_quantising_makes_a_smaller_file_that_can_be_added(tmp_path: Path) -> None:
    """K-quants where rows are long enough, what falls short gets another type; what is small already is refused."""
    path = tmp_path / "tiny.gguf"
    path.write_bytes(made.tiny(matrices=made.F16_TENSOR, width=256))
    offhand(tmp_path, "models", "quantize", path, "q4_k_m")
    new = tmp_path / "tiny-Q4_K_M.gguf"
    before, after = gguf.read(path), gguf.read(new)
    types = {tensor.name: tensor.type for tensor in after.tensors}
    assert types["blk.0.attn_q.weight"] == 12
    assert types["output.weight"] == 14
    assert types["blk.0.attn_norm.weight"] == 0
    assert after.metadata == {
        **before.metadata,
        "general.file_type": 15,
        "general.quantization_version": 2,
    }
    assert "asked as the family 'qwen'" in offhand(tmp_path, "models", "add", new)
    assert "quantising them again would only lose" in offhand(
        tmp_path, "models", "quantize", new, "Q4_0", status=1
    )
    assert "is there already" in offhand(tmp_path, "models", "quantize", path, "Q4_K_M", status=1)
    assert "'IQ1_S' is not offered" in offhand(tmp_path, "models", "quantize", path, "IQ1_S", status=1)
    assert not list(tmp_path.glob("*.part"))


#: Loads each file that is named on stdin, evaluates a few tokens, and says so.
LOADER = """
import sys
from pathlib import Path
from lsp_server.base.errors import OffhandError
from lsp_server.engine.backends.llama_cpp import LlamaCpp
for line in sys.stdin:
    try:
        engine = LlamaCpp(Path(line.strip()), 128, 1)
        engine.evaluate([1, 2, 3, 100, 200], 0)
        engine.evaluate([5], 3)
        engine.close()
        print("runs", flush=True)
    except OffhandError:
        print("refused", flush=True)
"""


def test_no_mutant_that_is_accepted_crashes_the_engine(tmp_path: Path) -> None:
    """What the header check lets through may be refused by llama.cpp, but never ends its process."""
    chance, sound = random.Random(7), made.tiny()
    vocabulary = sound.index(b"tokenizer.ggml.tokens"), sound.index(b"tokenizer.ggml.bos_token_id")
    data = len(sound) - sum(made.listed(made.shapes())[1])
    places = [*range(24, vocabulary[0]), *range(vocabulary[1], data)]
    edges = (0, 1, 2, 3, 7, 8, 31, 64, 65, 255, 512, 1 << 20, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)
    accepted = []
    for number in range(1200):
        mutant = bytearray(sound)
        if number % 3:
            struct.pack_into("<I", mutant, chance.choice(places), chance.choice(edges))
        else:
            mutant[chance.randrange(24, data)] = chance.randrange(256)
        path = tmp_path / f"{number}.gguf"
        path.write_bytes(mutant)
        try:
            gguf.read(path)
        except ModelError:
            path.unlink()
        else:
            accepted.append(str(path))
    assert len(accepted) > 100
    done = subprocess.run(
        [sys.executable, "-c", LOADER],
        input="\n".join(accepted),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    said = done.stdout.split()
    assert (done.returncode, len(said)) == (0, len(accepted)), done.stderr[-2000:]
    assert {"runs", "refused"} == set(said)
