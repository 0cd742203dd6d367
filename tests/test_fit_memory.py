"""Learning the mixture: the flat arithmetic is the served one, the fit improves what it fits, and the commands run."""

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shipped import MODEL, tokenizer

from lsp_server.bench.fit_memory import Mixing, Seen, fit
from lsp_server.cli.main import main
from lsp_server.engine.memory.lines import LineTokens
from lsp_server.engine.memory.mixture import Mixture, weights
from lsp_server.engine.memory.store import Matches

VOCABULARY = 8
WEIGHTS = weights()

matches = st.lists(
    st.tuples(st.integers(1, 32), st.integers(0, VOCABULARY - 1), st.integers(1, len(WEIGHTS.kinds) - 1)),
    max_size=12,
)


def seen(
    network: list[float], found: list[tuple[int, int, int]], token: int, allowed: list[int], familiar: bool
) -> tuple[Seen, Matches]:
    probabilities = np.array(network) / sum(network)
    lengths, followed, kinds = (np.array([match[i] for match in found], dtype=np.int64) for i in range(3))
    tokens, offers = np.unique(followed, return_inverse=True)
    one = Seen(
        token=token,
        familiar=familiar,
        allowed=float(probabilities[allowed].sum()),
        sure=float(probabilities.max()),
        network=float(probabilities[token]),
        tokens=tokens,
        probabilities=probabilities[tokens],
        fits=np.isin(tokens, allowed),
        lengths=lengths,
        kinds=kinds,
        offers=offers,
    )
    return one, Matches(lengths, followed, kinds)


@given(
    st.lists(st.floats(0.01, 1), min_size=VOCABULARY, max_size=VOCABULARY),
    matches,
    st.sets(st.integers(0, VOCABULARY - 1), min_size=1),
    st.booleans(),
)
def test_it_fits_the_very_mixture_that_serves(
    network: list[float], found: list[tuple[int, int, int]], allowed: set[int], familiar: bool
) -> None:
    """Property: the surprise is that of ``mixture.Mixture``, the typed characters' constraint included."""
    token = min(allowed)
    one, where = seen(network, found, token, sorted(allowed), familiar)
    mixed = Mixture(WEIGHTS).mix(np.array(network) / sum(network), where, familiar)
    expected = -np.log(mixed[token] / mixed[sorted(allowed)].sum())
    assert Mixing([one], WEIGHTS.lengths, len(WEIGHTS.kinds)).surprise(WEIGHTS) == pytest.approx(
        expected, abs=1e-5
    )


def test_a_memory_that_is_right_is_trusted_more_and_one_that_is_wrong_less() -> None:
    """What the fit finds is likelier than what it began with, in the direction that the cases say."""
    even = [1.0] * VOCABULARY
    everything = list(range(VOCABULARY))
    right = [seen(even, [(4, 3, 6)] * 3, 3, everything, True)[0] for _ in range(40)]
    wrong = [seen(even, [(4, 2, 6)] * 3, 3, everything, True)[0] for _ in range(40)]
    for cases, better in ((right, 3), (wrong, 2)):
        mixing = Mixing(cases, WEIGHTS.lengths, len(WEIGHTS.kinds))
        fitted = fit(cases, WEIGHTS)
        assert mixing.surprise(fitted) < mixing.surprise(WEIGHTS)
        _, where = seen(even, [(4, better, 6)] * 3, 3, everything, True)
        before, after = (
            Mixture(weights).mix(np.array(even) / VOCABULARY, where)[better] for weights in (WEIGHTS, fitted)
        )
        assert (after > before) == (cases is right)


def test_no_gain_no_mixing() -> None:
    """Weights of nothing leave the network alone."""
    nothing = msgspec.structs.replace(WEIGHTS, kinds=(0.0,) * len(WEIGHTS.kinds))
    _, where = seen([1.0] * VOCABULARY, [(4, 3, 6)], 3, [3], True)
    even = np.full(VOCABULARY, 1 / VOCABULARY)
    assert Mixture(nothing).mix(even, where) == pytest.approx(even)


@given(st.text("ab_(1 .\n\té", max_size=80))
def test_lines_have_the_tokens_of_the_whole(text: str) -> None:
    """Property: with the bundled model's tokens a text may be read line by line, and twice."""
    lines = LineTokens(tokenizer())
    assert lines.encode(text) == lines.encode(text) == tokenizer().encode(text)


def test_the_memory_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Sizes, bytes and times of a memory that holds real files; too few files are an error that says so."""
    for number in range(12):
        body = "".join(f"def f{number}_{i}(value):\n    return value + {i}\n\n\n" for i in range(40))
        (tmp_path / f"m{number}.py").write_text(body)
    assert main(["bench", "memory", str(tmp_path), "--tokens", "2000", "6000", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["tokens"] // 1000 for row in rows] == [2, 6]
    assert all(
        row["bytes_per_token"] < 10 and row["process_mb"] >= 0 and row["query_ms"][0] > 0 for row in rows
    )
    assert main(["bench", "memory", str(tmp_path), "--tokens", "9000000"]) == 1
    assert "name more" in capsys.readouterr().err


@pytest.mark.slow
def test_the_numbers_are_learnt_by_a_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the real model, named by its folder, over a small workspace: the file that it writes can be served, and says
    where it is from."""
    work = tmp_path / "work"
    work.mkdir()
    for number in range(3):
        body = "".join(f"def read_{i}(path):\n    return load(path, {i})\n\n\n" for i in range(20))
        (work / f"m{number}.py").write_text(body)
    target = tmp_path / "mixture.json"
    named = ["--name", "work@abc", "--model", str(MODEL.folder)]
    assert main(["bench", "fit-memory", str(work), "-n", "6", *named, "--write", str(target)]) == 0
    assert "network alone" in capsys.readouterr().out
    written = json.loads(target.read_bytes())
    assert written["origin"]["workspaces"]["work"]["commit"] == "abc"
    assert len(written["kinds"]) == len(WEIGHTS.kinds)
    assert msgspec.json.decode(target.read_bytes(), type=type(WEIGHTS)).lengths == WEIGHTS.lengths
