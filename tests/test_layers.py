"""Imports point down only, and each library has one home."""

import ast
import fnmatch
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted((ROOT / "lsp_server").rglob("*.py"))

#: Lower numbers may not import higher ones, nor their siblings on the same level.
LEVELS = {
    "cli": 6,
    "lsp": 5,
    "training": 5,
    "bench": 5,
    "completion": 4,
    "workspace": 3,
    "prompt": 3,
    "engine": 3,
    "models": 3,
    "context": 2,
    "base": 1,
}

#: Modules of the bench that fit numbers.
NUMERIC = ("memory", "fit_memory", "regression", "fit_gate")

#: library -> the only modules that may import it
HOMES = {
    "pygls": ["lsp_server.lsp.*"],
    "lsprotocol": ["lsp_server.lsp.*"],
    "tree_sitter": ["lsp_server.context.*"],
    "watchdog": ["lsp_server.workspace.watch"],
    "tomlkit": ["lsp_server.cli.settings_file"],
    "pathspec": ["lsp_server.workspace.ignore"],
    "ctransformers": ["lsp_server.engine.backends.ctransformers"],
    "tokenizers": ["lsp_server.engine.tokenizer", "lsp_server.training.tokenizer"],
    "torch": ["lsp_server.training.*"],
    "gguf": ["lsp_server.training.gguf_file"],
    "xllamacpp": [],  # its library is opened, the package is never imported: it brings a server along
    "llama_cpp_py_sync": [],
    "numpy": [
        "lsp_server.workspace.index.segment",
        "lsp_server.workspace.index.store",
        "lsp_server.workspace.index.kept",
        "lsp_server.engine.*",
        "lsp_server.training.*",
        *(f"lsp_server.bench.{name}" for name in NUMERIC),
    ],
    "pygments": ["lsp_server.bench.languages"],
    "rapidfuzz": ["lsp_server.bench.score"],
    "rensa": ["lsp_server.training.corpus.duplicates"],
    # A team's server may be asked, by this package alone; nothing else knows how to reach a network.
    "httpcore2": ["lsp_server.engine.backends.http.connection"],
    "ssl": ["lsp_server.engine.backends.http.connection"],
    "httpx2": [],
    "anyio": [],
    "h11": [],
    "truststore": [],
    "requests": [],
    "urllib3": [],
    "aiohttp": [],
    "socket": [],
    "urllib.request": [],
    "http": [],
}

#: The server's side of the engine may see nothing of the worker's, and the other way round.
SERVER_SIDE = {
    f"lsp_server.engine.{name}"
    for name in ("client", "process", "quarantine", "requests", "told", "messages", "jobs")
}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in {path}"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def package(module: str) -> str:
    return module.split(".")[1] if module.startswith("lsp_server.") else ""


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_point_down(path: Path) -> None:
    """A module imports its own package and lower layers only."""
    own = package(name_of(path))
    for target in imports(path):
        other = package(target)
        if own in LEVELS and other in LEVELS and own != other:
            assert LEVELS[other] < LEVELS[own], f"{name_of(path)} imports {target}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_libraries_stay_at_home(path: Path) -> None:
    """Only the modules named in HOMES know a library; one of them alone could open a network connection."""
    own = name_of(path)
    for target in imports(path):
        for library, homes in HOMES.items():
            if target == library or target.startswith(library + "."):
                assert any(fnmatch.fnmatch(own, home) for home in homes), f"{own} imports {target}"


#: What runs in a process of its own and decodes there, as the worker does.
WITH_ENGINE = (
    "lsp_server.bench.memory",
    "lsp_server.bench.fit_memory",
    "lsp_server.bench.engine_child",
    "lsp_server.training.*",
)


#: What asks a server on this machine's loopback, through the one module that may connect to anything.
ASKS_LOOPBACK = ("lsp_server.bench.typing.llama_server", "lsp_server.engine.backends.http.connection.")


def test_server_and_worker_share_messages_only() -> None:
    """The server never imports what evaluates tokens; the worker never imports what speaks to editors."""
    for path in FILES:
        own = name_of(path)
        if package(own) == "engine" and own not in SERVER_SIDE | {"lsp_server.engine"}:
            assert not [
                target for target in imports(path) if target.startswith("lsp_server.engine.client")
            ], own
        elif (package(own) != "engine" or own in SERVER_SIDE) and not any(
            fnmatch.fnmatch(own, pattern) for pattern in WITH_ENGINE
        ):
            for target in imports(path):
                if target.startswith("lsp_server.engine."):
                    asks = own == ASKS_LOOPBACK[0] and target.startswith(ASKS_LOOPBACK[1])
                    assert asks or any(target.startswith(side) for side in SERVER_SIDE), (
                        f"{own} imports {target}"
                    )


#: The server's side of the index: without numpy, which would cost it a tenth of a second and 20 MB.
INDEX_SERVER_SIDE = {
    f"lsp_server.workspace.index.{name}" for name in ("client", "messages", "contents", "where")
}


def test_the_server_does_not_load_the_index() -> None:
    """What holds the index is imported by its own process and by benches only."""
    for path in FILES:
        own = name_of(path)
        if own not in INDEX_SERVER_SIDE and (package(own) in ("bench", "cli") or ".workspace.index" in own):
            continue
        for target in imports(path):
            if target.startswith("lsp_server.workspace.index."):
                assert any(target.startswith(side) for side in INDEX_SERVER_SIDE), f"{own} imports {target}"


def test_pure_layers_do_not_touch_the_world() -> None:
    """context and prompt (but for loading grammars and families, which are data) and filters read no disk, no clock, no
    log, and never wait."""
    forbidden = {"os", "time", "logging", "asyncio", "pathlib", "threading", "subprocess"}
    for path in FILES:
        own = name_of(path)
        pure = package(own) in ("context", "prompt") or own.startswith("lsp_server.completion.filters")
        if pure and own != "lsp_server.context.languages":
            seen = {target.split(".")[0] for target in imports(path)} & forbidden
            assert not seen, f"{own} imports {seen}"


def test_the_package_itself_imports_nothing() -> None:
    """``import lsp_server`` costs nothing."""
    assert not list(imports(ROOT / "lsp_server" / "__init__.py"))


def test_who_reaches_a_network_is_imported_late() -> None:
    """The worker loads the HTTP engine only where it is asked for: nobody imports it at the top of a module."""
    home = "lsp_server.engine.backends.http"
    for path in FILES:
        if not name_of(path).startswith(home):
            top = ast.parse(path.read_text(encoding="utf-8")).body
            early = [node for node in top if isinstance(node, ast.Import | ast.ImportFrom)]
            names = [alias.name for node in early if isinstance(node, ast.Import) for alias in node.names]
            names += [node.module or "" for node in early if isinstance(node, ast.ImportFrom)]
            assert not [name for name in names if name.startswith(home)], name_of(path)
