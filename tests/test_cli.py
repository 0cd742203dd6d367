"""The command line, with the real model and real processes."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from test_http_engine import ANSWER, MODELS
from webserver import serving

from tests.rawclient import ROOT

SAMPLE = ROOT / "lsp_server" / "cli" / "sample" / "inventory.py"


def offhand(home: Path, *arguments: str, status: int = 0, timeout: float = 120, packages: str = "") -> str:
    """Run the command from another folder, with a home of its own; return what it printed.

    ``packages`` is a folder whose packages count before those that are installed.
    """
    home.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "lsp_server.cli.main", *arguments],
        cwd=home,
        env={
            **os.environ,
            "OFFHAND_HOME": str(home / "offhand"),
            "PYTHONPATH": os.pathsep.join(filter(None, (packages, str(ROOT)))),
            "NO_COLOR": "1",
        },
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def configure(home: Path, settings: str) -> None:
    """What ``offhand`` with this home reads as the user's own settings."""
    (home / "offhand" / "config").mkdir(parents=True, exist_ok=True)
    (home / "offhand" / "config" / "config.toml").write_text(settings)


#: On a machine as busy as it may be.
UNHURRIED = "deadline_ms = 60_000\n"


@pytest.mark.slow
def test_complete_prints_the_line_with_its_completion(tmp_path: Path) -> None:
    """A completion of the real model, marked in its line, with the time it took."""
    configure(tmp_path, UNHURRIED)
    file = tmp_path / "work.py"
    file.write_text("import logging\n\nlogger = logging.getLog")
    out = offhand(tmp_path, "complete", f"{file}:3:24")
    assert re.fullmatch(r"logger = logging\.getLog├ger\(.*┤\n[\d.]+ ms, from the model\n", out)


@pytest.mark.slow
def test_complete_learns_from_the_folder_that_it_is_told(tmp_path: Path) -> None:
    """What stands in other files is copied, as in an editor that has the folder open."""
    configure(tmp_path, UNHURRIED)
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "zoo.py").write_text('zebra.graze("meadow", 7)\n' * 5)
    file = tmp_path / "project" / "work.py"
    file.write_text("import zebra\n\nzebra.gra")
    folder = str(tmp_path / "project")
    out = offhand(tmp_path, "complete", f"{file}:3:10", "--workspace", folder)
    assert 'zebra.gra├ze("meadow", 7)┤' in out
    assert "no directory" in offhand(tmp_path, "complete", f"{file}:3:10", "--workspace", "nowhere", status=1)


@pytest.mark.slow
def test_complete_json_says_everything(tmp_path: Path) -> None:
    """One object with the text, its source, tokens and stages."""
    configure(tmp_path, UNHURRIED)
    file = tmp_path / "work.py"
    file.write_text("import logging\n\nlogger = logging.getLog")
    answer = json.loads(offhand(tmp_path, "complete", f"{file}:3:24", "--json"))
    assert answer["text"].startswith("ger(")
    assert answer["source"] == "model"
    assert answer["tokens"]["prompt"] > 5
    assert 0 < answer["confidence"] < 1
    assert {"context", "engine", "filters"} <= answer["stages_ms"].keys()


@pytest.mark.slow
def test_complete_says_why_there_is_nothing(tmp_path: Path) -> None:
    """Nothing to offer is exit status 1 and a reason."""
    configure(tmp_path, 'engine = "fake"\n')
    file = tmp_path / "work.py"
    file.write_text("# a comment that ends he\n")
    assert "comment" in offhand(tmp_path, "complete", f"{file}:1:24", status=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("nowhere.py:1:1", "nowhere.py cannot be read"),
        ("nowhere.py", "is not a place"),
        ("nowhere.py:0:1", "counted from 1"),
        ("empty.py:5:1", "line 5 does not exist"),
    ],
)
def test_complete_refuses_bad_places(tmp_path: Path, place: str, message: str) -> None:
    """One clear sentence, exit status 1, no traceback."""
    configure(tmp_path, 'engine = "fake"\n')
    (tmp_path / "empty.py").write_text("")
    out = offhand(tmp_path, "complete", place, status=1)
    assert message in out
    assert "Traceback" not in out


@pytest.mark.slow
def test_doctor(tmp_path: Path) -> None:
    """Every line of the report is there, the engine's speed was measured, and it is fine here."""
    report = json.loads(offhand(tmp_path, "doctor", "--json"))
    checks = {check["name"]: check for check in report["checks"]}
    assert report["ok"]
    assert set(checks) == {
        "python",
        "cpu",
        "settings",
        "model",
        "server",
        "engine",
        "grammars",
        "index",
        "state",
        "learnt",
        "kept",
        "editors",
    }
    speed = re.search(r"(\d+) prompt tokens/s, (\d+) tokens/s", checks["engine"]["text"])
    assert speed is not None
    assert int(speed[2]) > 0
    assert all(check["advice"] for check in checks.values() if check["level"] != "ok")
    assert "no code leaves this machine" in checks["server"]["text"]
    assert "no completions of earlier sessions" in checks["kept"]["text"]


@pytest.mark.slow
def test_doctor_says_where_code_goes(tmp_path: Path) -> None:
    """The server that the settings name, what it is, and whether it answers."""
    with serving({"/v1/models": [MODELS], "/v1/completions": [ANSWER]}) as server:
        configure(tmp_path, f'engine = "http"\n[http]\nurl = "{server.url}"\ntemplate = "offhand"\n')
        out = offhand(tmp_path, "doctor")
        assert f"sends code to {server.url}, on this machine: openai, model 'm', prompts as 'offhand'" in out
    out = offhand(tmp_path, "doctor", status=1)
    assert "cannot be reached" in out
    assert "Start the server" in out


@pytest.mark.slow
def test_doctor_says_what_to_do(tmp_path: Path) -> None:
    """A model that does not exist and a settings file that is not TOML are red lines with advice."""
    configure(tmp_path, 'model = "nowhere"\n')
    out = offhand(tmp_path, "doctor", status=1)
    assert "There is no model 'nowhere'. Installed: bundled" in out
    configure(tmp_path, "model = \n")
    out = offhand(tmp_path, "doctor", status=1)
    assert "not valid TOML" in out
    assert "Traceback" not in out


@pytest.mark.slow
def test_doctor_says_which_engine_stands_in(tmp_path: Path) -> None:
    """Where llama.cpp's package is another version a model that ships runs in the old engine, and why is told."""
    for name in ("xllamacpp", "llama_cpp_py_sync"):
        about = tmp_path / "packages" / f"{name}-0.1.dist-info" / "METADATA"
        about.parent.mkdir(parents=True)
        about.write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1\n")
    configure(tmp_path, 'model = "small"\n')
    report = json.loads(offhand(tmp_path, "doctor", "--json", packages=str(tmp_path / "packages")))
    (engine,) = (check for check in report["checks"] if check["name"] == "engine")
    assert report["ok"]
    assert engine["level"] == "warning"
    assert engine["text"].startswith("ctransformers, 1 thread:")
    assert "Version 0.1 of the package" in engine["advice"]


def test_models_list(tmp_path: Path) -> None:
    """The two that ship are listed, and the bundled one is in use."""
    row, small = json.loads(offhand(tmp_path, "models", "list", "--json"))
    assert (row["name"], small["name"]) == ("bundled", "small")
    assert (row["in_use"], small["in_use"]) == (True, False)
    assert row["context"] >= 512
    assert offhand(tmp_path, "models", "list").startswith("* bundled")


def test_why_without_a_server(tmp_path: Path) -> None:
    """Before any request there is nothing to tell, and that is said."""
    assert "No server has answered" in offhand(tmp_path, "why")
    assert json.loads(offhand(tmp_path, "why", "--json")) == []


def test_reset(tmp_path: Path) -> None:
    """What was learnt is removed and told; a second time there is nothing; a broken file goes too."""
    assert "Nothing was learnt yet." in offhand(tmp_path, "reset")
    kept = tmp_path / "offhand" / "state" / "learnt.json"
    kept.parent.mkdir(parents=True)
    kept.write_text(
        '{"version": 1, "everywhere": {"mean": -0.25, "variance": 0.01}, "languages": {"go": {}}, '
        '"counts": {"accepted": 3, "rejected": 14}}'
    )
    out = offhand(tmp_path, "reset")
    assert "3 accepted, 0 typed as shown, 14 rejected" in out
    assert "go -0.25" in out
    assert not kept.exists()
    assert "Nothing was learnt yet." in offhand(tmp_path, "reset")
    kept.write_text("rubbish")
    prompt = kept.parent / "caches" / "0123.kv"
    prompt.parent.mkdir()
    prompt.write_bytes(b"state")
    answers = [tmp_path / "offhand" / "cache" / name for name in ("completions", "completions.4711")]
    answers[0].parent.mkdir()
    for one in answers:
        one.write_bytes(b"sealed")
    out = offhand(tmp_path, "reset")
    assert "could not be read" in out
    assert "Removed what was kept of prompts" in out
    assert f"Removed {answers[0]}: completions" in out
    assert not any(one.exists() for one in answers)
    assert not kept.exists()
    assert not prompt.exists()


#: What a server notes down of a request whose suggestion it did not show.
ROW = {
    "id": 5,
    "path": "shop/till.py",
    "line": 12,
    "column": 9,
    "kind": "inline",
    "cursor": "after_dot",
    "source": "nothing",
    "reason": "not sure enough: right with probability 0.31, 'balanced' shows from 0.40 on",
    "shown": 0,
    "total_ms": 12.34,
    "filters": [{"filter": "closers", "outcome": "cut", "reason": "a bracket too many"}],
    "stages_ms": {"context": 0.51, "engine": 11.0},
    "tokens": {"prompt": 300, "reused": 290, "generated": 7},
    "features": {"odds": -1.0, "memory": 0.25},
    "odds": -0.7,
    "shift": -0.1,
    "reasons": [
        {"feature": "characters", "odds": -1.2, "words": "it is long"},
        {"feature": "odds", "odds": 0.4, "words": "the whole text is likely"},
    ],
    "mode": "balanced",
    "confidence": 0.31,
    "threshold": 0.4,
    "sure": False,
}


def test_why_in_words(tmp_path: Path) -> None:
    """A request that got nothing, one that got something all the same because it was asked for, one without a gate."""
    state = tmp_path / "offhand" / "state"
    state.mkdir(parents=True)
    asked = {**ROW, "source": "model", "reason": "", "shown": 1, "shift": 0.0, "line": 13, "filters": []}
    early = {
        **ROW,
        "line": 14,
        "mode": "",
        "reasons": [],
        "reason": "switched off",
        "tokens": {},
        "filters": [],
    }
    (state / "why.json").write_text(json.dumps([ROW, asked, early]))
    assert offhand(tmp_path, "why").splitlines() == [
        "shop/till.py:12:9 (after dot) inline: "
        "nothing: not sure enough: right with probability 0.31, 'balanced' shows from 0.40 on",
        "    filter   closers cut: a bracket too many",
        "    gate     right with probability 0.31 (-0.10 learnt from you), 'balanced' shows from 0.40 on",
        "             for it: the whole text is likely (+0.4)",
        "             against it: it is long (-1.2)",
        "    time     12.3 ms: context 0.5, engine 11.0",
        "    tokens   300 of prompt, 290 known; 7 written",
        "shop/till.py:13:9 (after dot) inline: 1 character from the model, 25% of it the memory's",
        "    gate     right with probability 0.31, 'balanced' shows from 0.40 on; shown because it was asked for",
        "             for it: the whole text is likely (+0.4)",
        "             against it: it is long (-1.2)",
        "    time     12.3 ms: context 0.5, engine 11.0",
        "    tokens   300 of prompt, 290 known; 7 written",
        "shop/till.py:14:9 (after dot) inline: nothing: switched off",
        "    time     12.3 ms: context 0.5, engine 11.0",
    ]
    assert json.loads(offhand(tmp_path, "why", "--json", "-n", "1")) == [ROW]


def test_usage(tmp_path: Path) -> None:
    """Help lists every command; a wrong one is exit status 2."""
    out = offhand(tmp_path, "--help")
    assert all(
        command in out
        for command in ("serve", "complete", "demo", "doctor", "models", "why", "stats", "reset", "bench")
    )
    offhand(tmp_path, "no-such-command", status=2)
    assert re.fullmatch(r"offhand \d+\.\d+\.\d+\n", offhand(tmp_path, "--version"))


@pytest.mark.slow
def test_demo(tmp_path: Path) -> None:
    """The demo shows completions of the real model, what they took, and what the file has; why tells of them."""
    configure(tmp_path, UNHURRIED)
    out = offhand(tmp_path, "demo")
    shown = re.findall(r"▶ │ .*├.+┤", out)
    assert len(shown) >= 3, out
    assert len(re.findall(r"\d+ ms .+; (as in the file|the file has)", out)) == len(shown)
    keys = re.search(r"(\d+) keys: ghost text for (\d+), median [\d.]+ ms", out)
    assert keys is not None
    assert int(keys[2]) > 0
    assert "came from the KV cache" in out
    why = offhand(tmp_path, "why", "-n", "3")
    assert why.count("inventory.py:") == 3
    assert "engine" in why or "cache" in why
