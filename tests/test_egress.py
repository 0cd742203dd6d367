"""Nothing leaves the machine: the kernel's own record of what the server and its worker ask of the network."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_http_engine import ANSWER, MODELS
from webserver import serving

from tests.rawclient import ROOT

#: Traces a program with all that it starts; the kernel stops them at what is recorded only.
STRACE = ("strace", "-f", "--seccomp-bpf", "-qq")


def can_trace() -> bool:
    """Whether strace is here and may trace (containers often forbid it)."""
    strace = shutil.which("strace")
    return bool(strace) and subprocess.run([*STRACE, "true"], capture_output=True).returncode == 0


TRACED = can_trace()
needs_strace = pytest.mark.skipif(
    not TRACED, reason="no strace, or it may not trace: install it to check for network use"
)

#: What the HTTP engine would need. ``ssl`` is left out: asyncio imports it itself.
NETWORK = ("httpcore2", "httpx2", "h11", "anyio", "truststore", "lsp_server.engine.backends.http")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole demo, with the model that is quicker and on a machine as busy as it may be. Its folder holds ``calls``,
    what editor, server and worker asked of the network if that can be traced, and ``imports``, what they imported."""
    folder = tmp_path_factory.mktemp("demo")
    (folder / "home" / "config").mkdir(parents=True)
    (folder / "home" / "config" / "config.toml").write_text('model = "small"\ndeadline_ms = 60_000\n')
    (folder / "sitecustomize.py").write_text(
        "import os, sys\n"
        "def hook(event, args):\n"
        f"    if event == 'import' and (args[0].startswith({NETWORK!r}) or args[0].endswith('engine.desk')):\n"
        f"        with open({str(folder / 'imports')!r}, 'a') as file: print(args[0], file=file)\n"
        "sys.addaudithook(hook)\n"
    )
    calls = "trace=socket,socketpair,connect,bind,listen,accept,accept4,sendmsg"
    tracing = (*STRACE, "-e", calls, "-o", str(folder / "calls")) if TRACED else ()
    done = subprocess.run(
        [*tracing, sys.executable, "-m", "lsp_server.cli.main", "demo"],
        cwd=folder,
        env={
            **os.environ,
            "OFFHAND_HOME": str(folder / "home"),
            "PYTHONPATH": os.pathsep.join((str(folder), str(ROOT))),
        },
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "came from the KV cache" in done.stdout
    return folder


@pytest.mark.slow
@needs_strace
def test_no_process_touches_the_network(demo: Path) -> None:
    """Editor, server and worker of a whole demo create no socket but unnamed local pairs, and connect nowhere."""
    lines = (demo / "calls").read_text().splitlines()
    asked = [line for line in lines if re.search(r"\b[a-z0-9]+\(", line)]
    assert any("socketpair(" in line for line in asked)  # the record is one of these processes
    assert [line for line in asked if "AF_UNIX" not in line] == []


@pytest.mark.slow
def test_no_process_loads_a_network_library(demo: Path) -> None:
    """With the default engine none of the processes of a whole demo so much as imports the HTTP engine."""
    seen = set((demo / "imports").read_text().split())
    assert seen == {"lsp_server.engine.desk"}  # that one shows that the hook is in the worker too


@pytest.mark.slow
@needs_strace
def test_a_teams_server_is_all_that_is_connected_to(tmp_path: Path) -> None:
    """With one on this machine: its address and port, though the environment names a proxy; no name is asked for."""
    record, file = tmp_path / "calls", tmp_path / "a.py"
    file.write_text("def f(x):\n    return ")
    (tmp_path / "home" / "config").mkdir(parents=True)
    with serving({"/v1/models": [MODELS], "/v1/completions": [ANSWER]}) as server:
        (tmp_path / "home" / "config" / "config.toml").write_text(
            f'engine = "http"\n[http]\nurl = "http://localhost:{server.server_port}"\ntemplate = "offhand"\n'
        )
        done = subprocess.run(
            [
                *(*STRACE, "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o", str(record)),
                *(sys.executable, "-m", "lsp_server.cli.main", "complete", f"{file}:2:12"),
            ],
            cwd=tmp_path,
            env={
                **os.environ,
                "OFFHAND_HOME": str(tmp_path / "home"),
                "PYTHONPATH": str(ROOT),
                "http_proxy": "http://192.0.2.1:3128",
                "ALL_PROXY": "http://192.0.2.1:3128",
            },
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert "x + 1" in done.stdout, done.stdout + done.stderr
    called = [line for line in record.read_text().splitlines() if "AF_INET" in line]
    assert called
    wanted = rf'connect\(.*htons\({server.server_port}\).*("127\.0\.0\.1"|"::1")'
    assert [line for line in called if not re.search(wanted, line)] == []
