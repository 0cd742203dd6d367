"""The extension in a real VS Code workbench: code-server, driven in a real browser. See vscode/install.sh."""

import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

HERE = Path(__file__).parent / "vscode"
ROOT = HERE.parent.parent.parent
EXTENSION = ROOT / "editors" / "vscode"
TOOLS = Path(os.environ.get("OFFHAND_VSCODE", ROOT / ".cache" / "vscode"))
NODE = TOOLS / "node"
CODE_SERVER = TOOLS / "node_modules" / "code-server" / "out" / "node" / "entry.js"
CHROMIUM = os.environ.get("OFFHAND_CHROMIUM") or shutil.which("chromium")

#: Seconds until something must have happened that takes a few on an idle machine.
LIMIT = 150

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (TOOLS / "installed").exists(), reason="no VS Code workbench: run tests/e2e/vscode/install.sh"
    ),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: install one or set OFFHAND_CHROMIUM"),
]


class Place(NamedTuple):
    """One user's computer: a home with settings and extensions, and an opened folder."""

    home: Path
    folder: Path
    notes: Path

    def told(self, event: str) -> list[Any]:
        """What the stub was told, oldest first."""
        entries = [json.loads(line) for line in self.notes.read_text("utf-8").splitlines()]
        return [entry["value"] for entry in entries if entry["event"] == event]


@pytest.fixture(scope="session")
def vsix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The extension as it would be shipped, built from the sources as they are."""
    if not (EXTENSION / "node_modules").is_dir():
        pytest.skip("the extension's packages are missing: run tests/e2e/vscode/install.sh")
    subprocess.run(["npm", "run", "package"], cwd=EXTENSION, check=True, capture_output=True, timeout=LIMIT)
    return Path(shutil.copy(EXTENSION / "offhand.vsix", tmp_path_factory.mktemp("vsix")))


@pytest.fixture
def place(tmp_path: Path, vsix: Path) -> Place:
    place = Place(tmp_path / "home", tmp_path / "folder", tmp_path / "notes.jsonl")
    place.home.mkdir()
    place.folder.mkdir()
    place.notes.touch()
    (place.folder / "sample.py").write_text("left, right = 1, 2\n", "utf-8")
    run = [str(NODE), str(CODE_SERVER), *folders(place), "--install-extension", str(vsix)]
    subprocess.run(run, env=environment(place), check=True, capture_output=True, timeout=LIMIT)
    return place


def folders(place: Place) -> list[str]:
    return [
        f"--user-data-dir={place.home / 'data'}",
        f"--extensions-dir={place.home / 'extensions'}",
        f"--config={place.home / 'config.yaml'}",
    ]


def environment(place: Place) -> dict[str, str]:
    return {
        **os.environ,
        "HOME": str(place.home),
        "XDG_CONFIG_HOME": str(place.home / "xdg"),
        "XDG_DATA_HOME": str(place.home / "xdg"),
        "OFFHAND_HOME": str(place.home / "offhand"),
        "SHELL": "/bin/sh",  # VS Code asks the user's login shell for PATH
        "PYTHONPATH": str(ROOT),
        "EXTENSIONS_GALLERY": "{}",
    }


def configure(place: Place, settings: Mapping[str, Any]) -> None:
    """Write the settings. Those of machine scope have their own file where VS Code runs as a server."""
    general = {
        "security.workspace.trust.startupPrompt": "never",
        "workbench.startupEditor": "none",
        "workbench.secondarySideBar.defaultVisibility": "hidden",
        "editor.quickSuggestions": {"other": "off"},
        "telemetry.telemetryLevel": "off",
    }
    machine = {name: settings[name] for name in settings.keys() & {"offhand.command", "offhand.interpreter"}}
    for kind, values in {"User": {**general, **settings}, "Machine": machine}.items():
        file = place.home / "data" / kind / "settings.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values), "utf-8")


@contextlib.contextmanager
def workbench(place: Place) -> Iterator[str]:
    """Run code-server; gives the address that opens the folder and its file."""
    run = [
        str(NODE), str(CODE_SERVER), *folders(place),
        "--bind-addr=127.0.0.1:0", "--auth=none", "--disable-telemetry", "--disable-update-check",
        "--disable-getting-started-override",
    ]  # fmt: skip
    log = place.home / "code-server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(run, env=environment(place), stdout=out, stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + LIMIT
        while not (found := re.search(r"listening on (http://127\.0\.0\.1:\d+)", log.read_text("utf-8"))):
            assert process.poll() is None, log.read_text("utf-8")
            assert time.monotonic() < end, log.read_text("utf-8")
            time.sleep(0.1)
        file = f"vscode-remote://{found[1].removeprefix('http://')}{place.folder / 'sample.py'}"
        yield f'{found[1]}/?folder={place.folder}&payload=[["openFile","{file}"]]'
    finally:
        process.terminate()
        process.wait(LIMIT)


def play(place: Place, scenario: str, text: str = "") -> dict[str, Any]:
    """Run a scenario of driver.mjs and return what it saw; pictures stay in the cache folder, by test and moment."""
    test = re.sub(r"\W+", "-", os.environ["PYTEST_CURRENT_TEST"].split("::")[1].split(" ")[0])
    pictures = TOOLS / "pictures" / test
    pictures.mkdir(parents=True, exist_ok=True)
    with workbench(place) as url:
        task = {
            "scenario": scenario,
            "url": url,
            "file": str(place.folder / "sample.py"),
            "text": text,
            "notes": str(place.notes),
            "modules": str(TOOLS),
            "chromium": CHROMIUM,
            "pictures": str(pictures),
        }
        run = [str(NODE), str(HERE / "driver.mjs"), json.dumps(task)]
        done = subprocess.run(run, check=True, stdout=subprocess.PIPE, timeout=4 * LIMIT)
    seen: dict[str, Any] = json.loads(done.stdout)
    assert "error" not in seen, seen
    assert seen["refused"] == []
    return seen


def stub(place: Place) -> list[str]:
    return [sys.executable, str(HERE / "stub_server.py"), str(place.notes)]


@pytest.mark.parametrize("popup", ["auto", "always"])
def test_ghost_text_comes_while_typing_and_tab_takes_it(place: Place, popup: str) -> None:
    """The extension starts the server, shows its state and its suggestion, and tells it of the acceptance. With ghost
    text on, the completion menu is left to others unless the user wants both."""
    configure(place, {"offhand.command": stub(place), "offhand.popup": popup})
    seen = play(place, "accept", "left.real\nreturn ")
    assert seen["state"] == "Offhand: ready"
    assert seen["ghost"] == "left + right"
    assert (place.folder / "sample.py").read_text("utf-8").endswith("return left + right")
    assert place.told("accepted") == [7]
    assert (place.told("completion") == []) == (popup == "auto")
    assert seen["messages"] == []
    # Only what the user set travels, and nothing that is the extension's own.
    assert place.told("initializationOptions") == [{"popup": popup}]
    assert place.told("configuration") == [[{"popup": popup}]]


def test_the_real_server_completes(place: Place) -> None:
    """Server, worker and bundled model work behind the extension, found through the interpreter; what was shown is
    what Tab inserts."""
    begun = "class Account:\n    def __init__(self, owner, balance):\n        self.owner = owner\n"
    typed = "        self.balance = "
    (place.folder / "sample.py").write_text(begun, "utf-8")
    configure(place, {"offhand.interpreter": sys.executable, "offhand.deadline_ms": 20_000})
    seen = play(place, "accept", typed)
    assert seen["ghost"].strip()
    assert (place.folder / "sample.py").read_text("utf-8") == begun + typed + seen["ghost"]
    assert seen["messages"] == []


def test_the_server_is_found_on_path(place: Place) -> None:
    """Without any setting, the command that pip installs is what runs."""
    script = place.home / "bin" / "offhand"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\n[ "$*" = serve ] && exec {shlex.join(stub(place))}\n', "utf-8")
    script.chmod(0o755)
    (place.home / ".profile").write_text('PATH="$HOME/bin:$PATH"\n', "utf-8")
    configure(place, {})
    assert play(place, "accept", "def add():\nreturn ")["ghost"] == "left + right"


def test_menu_toggle_and_reports(place: Place) -> None:
    """Every command does its work beside the commands that the server registers itself."""
    configure(place, {"offhand.command": stub(place)})
    seen = play(place, "menu")
    assert len(seen["menu"]) == 7
    assert "shown: 2" in seen["status"]
    assert "the stub had no answer" in seen["why"]
    assert place.told("restartWorker") == [None]
    assert seen["messages"] == []
    assert len(place.told("initializationOptions")) == 2


def test_the_server_hears_where_the_cursor_rests(place: Place) -> None:
    """It is told of the file that is in front at the start and of moves, not of what is typed."""
    configure(place, {"offhand.command": stub(place)})
    seen = play(place, "cursor", "one = 1")
    assert seen["messages"] == []
    told = place.told("cursor")
    assert {name for name, _, _ in told} == {"sample.py"}
    assert [at for _, *at in told if at[0] == 1] == [[1, 0]]


def test_one_message_when_the_server_is_missing(place: Place) -> None:
    """A program that does not exist is named once; there is a way to the setting and to the log."""
    configure(place, {"offhand.command": ["offhand-that-is-not-there"]})
    seen = play(place, "missing")
    named = [message for message in seen["messages"] if "offhand-that-is-not-there" in message]
    assert len(named) == 1
    assert len(seen["messages"]) == 2  # the other one answers the command that the scenario gave
    assert {"Open settings", "Show log"} <= set(seen["buttons"])


def test_one_message_when_the_server_dies_at_its_start(place: Place) -> None:
    """The message gives the server's last words, and it is not started over and over."""
    mark = f"open({str(place.notes)!r}, 'a').write('{{}}\\n')"
    dying = [sys.executable, "-c", f"{mark}; raise SystemExit('no model, says the test')"]
    configure(place, {"offhand.command": dying})
    seen = play(place, "missing")
    assert [message for message in seen["messages"] if "no model, says the test" in message]
    assert len(seen["messages"]) == 2
    assert len(place.notes.read_text("utf-8").splitlines()) == 1


def test_a_server_that_dies_is_started_again(place: Place) -> None:
    """A crash costs a moment, not the session; the user is not bothered."""
    configure(place, {"offhand.command": stub(place)})
    seen = play(place, "crash", "\nreturn ")
    assert seen["ghost"] == "left + right"
    assert len(place.told("initializationOptions")) == 2
    assert seen["messages"] == []


@pytest.mark.parametrize("trusted", [False, True])
def test_an_opened_folder_starts_nothing(place: Place, trusted: bool) -> None:
    """Neither a folder's settings nor a module of the server's name in it decide what runs."""
    mark = place.home / "started-by-the-folder"
    touch = f"open({str(mark)!r}, 'w').close()"
    (place.folder / ".vscode").mkdir()
    evil = {"offhand.command": [sys.executable, "-c", touch], "offhand.interpreter": sys.executable}
    (place.folder / ".vscode" / "settings.json").write_text(json.dumps(evil), "utf-8")
    for module in ("lsp_server", "pygls", "json"):
        (place.folder / f"{module}.py").write_text(touch, "utf-8")
    configure(place, {"offhand.command": stub(place), "security.workspace.trust.enabled": not trusted})
    seen = play(place, "accept", "def add():\nreturn ")
    assert seen["ghost"] == "left + right"
    assert not mark.exists()
    assert place.folder not in [Path(cwd) for cwd in place.told("cwd")]
