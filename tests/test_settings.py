"""Three sources of settings laid over each other, tables too, and what of them counts where."""

import json
from pathlib import Path

import msgspec
from cases import Case, parametrize

from lsp_server.base.config import OWN_FILE_ONLY, Config, Http
from lsp_server.lsp.settings import Settings


@parametrize("settings")
def test_sources(case: Case, tmp_path: Path) -> None:
    """What is in force, and the warnings."""
    file = tmp_path / "config.toml"
    file.write_text(case.sections.get("file", ""))
    settings = Settings(file)
    settings.initialize(json.loads(case.sections.get("options", "null")))
    settings.configure(json.loads(case.sections.get("configuration", "null")))
    config, warnings = settings.resolve()
    expected = json.loads(case.sections["expect"])
    http = msgspec.structs.replace(Http(), **expected.pop("http", {}))
    assert config == msgspec.structs.replace(Config(), http=http, **expected)
    wanted = case.sections["warnings"].split("\n") if case.sections["warnings"] else []
    assert len(warnings) == len(wanted)
    assert all(one in warning for one, warning in zip(wanted, warnings, strict=True)), warnings
    assert settings.resolve()[1] == []


def test_what_decides_where_code_goes_is_named_rightly() -> None:
    """A setting that is renamed must not become one that a folder may bring along."""
    assert {f"http.{name}" for name in Http.__struct_fields__} >= OWN_FILE_ONLY
    free = {name for name in Http.__struct_fields__ if f"http.{name}" not in OWN_FILE_ONLY}
    assert free == {"api", "model", "template", "context", "timeout_ms"}
