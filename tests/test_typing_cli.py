"""``offhand bench typing`` from the outside: what it refuses, and a few keys typed into the real server."""

import json
from pathlib import Path

import pytest

from lsp_server.cli.main import main
from tests.test_cli import SAMPLE, offhand


def test_faults_are_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder, a part, a setting or a command that is not there: one sentence, nothing is typed."""
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "inventory.py").write_bytes(SAMPLE.read_bytes())
    (tmp_path / "empty").mkdir()
    for arguments, message in (
        (["nowhere"], "There is no directory nowhere."),
        ([str(tmp_path / "empty")], "no code that could be typed"),
        ([str(shop), "--without", "nose"], "no part nose"),
        ([str(shop), "--set", "model"], "write KEY=VALUE"),
        ([str(shop), "--set", "modle=small"], "unknown setting 'modle'"),
        ([str(shop), "--set", "model=none"], "'none'"),
        ([str(shop), "--peer", "no-such-server"], "no command no-such-server"),
    ):
        assert main(["bench", "typing", *arguments]) == 1
        assert message in capsys.readouterr().err


@pytest.mark.slow
def test_typing_into_the_real_server(tmp_path: Path) -> None:
    """Every key is pressed and answered for, sources are the server's, its tokens and time are counted; the folder and
    the user's home stay as they were, and no code is in the report."""
    shop, kept = tmp_path / "shop", tmp_path / "typing.json"
    shop.mkdir()
    (shop / "inventory.py").write_bytes(SAMPLE.read_bytes())
    arguments = ["bench", "typing", str(shop), "--keys", "40", "--profile", "fast", "--set", "model=small"]
    out = offhand(tmp_path, *arguments, "--set", 'mode="eager"', "--json", str(kept))
    (run,) = json.loads(kept.read_text())["runs"]
    found = run["figures"]
    assert (run["workspace"], run["profile"], run["subject"], run["acceptor"]) == (
        "shop",
        "fast",
        "Offhand",
        "a",
    )
    assert run["fault"] == ""
    assert 0 < found["keys"] <= found["script_keys"]
    assert found["answer"]["n"] == found["keys"]
    assert found["text"]["n"] == sum(one["n"] for one in found["by_source"].values())
    assert set(found["by_source"]) <= {
        "cache",
        "disk",
        "lookahead",
        "branch",
        "prefill",
        "joined",
        "speculated",
    } | {
        "memory",
        "model",
    }
    assert found["cpu_s"] > 0
    assert found["rss_mb"] > 50
    assert found["computed"] > 0
    assert 0 < found["reused"] < 1
    assert 0 <= found["without_model"] <= 1
    assert "key to text, p50/p95/p99 ms" in out
    assert sorted(path.name for path in shop.iterdir()) == ["inventory.py"]
    assert not (tmp_path / "offhand").exists()
    assert "self" not in kept.read_text()
