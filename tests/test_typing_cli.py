"""``offhand bench typing`` from the outside: what it refuses, and a few keys typed into the real server."""

import json
from pathlib import Path

import msgspec
import pytest

from lsp_server.bench.report import plain_json
from lsp_server.bench.typing.table import table
from lsp_server.cli.main import main
from tests.test_cli import SAMPLE, offhand
from tests.typed_result import result


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
        ([], "Name a workspace to type in, or an earlier result"),
        ([str(shop), "--from", "result.json"], "Name a workspace to type in, or an earlier result"),
        (["--from", str(tmp_path / "result.json")], "result.json cannot be read: No such file"),
        (["--from", str(shop / "inventory.py")], "inventory.py is no result of bench typing"),
    ):
        assert main(["bench", "typing", *arguments]) == 1
        assert message in capsys.readouterr().err


def test_an_earlier_result_is_shown_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From its JSON: the same table, the same JSON, and the page."""
    kept, again, page = tmp_path / "kept.json", tmp_path / "again.json", tmp_path / "page.html"
    kept.write_bytes(msgspec.json.encode(result()))
    arguments = ["bench", "typing", "--from", str(kept), "--json", str(again), "--html", str(page)]
    assert main(arguments) == 0
    assert capsys.readouterr().out == table(result()) + "\n"
    assert again.read_bytes() == plain_json(result())
    assert page.read_text("utf-8").endswith("</html>\n")
    assert main([*arguments[:-1], str(tmp_path / "kept.json" / "page.html")]) == 1
    assert "cannot be written" in capsys.readouterr().err


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
