"""The VS Code extension's settings page says what the server's schema says. Needs no Node."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lsp_server import __version__
from lsp_server.base.config import OWN_FILE_ONLY, Config
from lsp_server.context.languages import Grammars

EXTENSION = Path(__file__).parent.parent / "editors" / "vscode"
MANIFEST: dict[str, Any] = json.loads((EXTENSION / "package.json").read_text("utf-8"))
PROPERTIES: dict[str, dict[str, Any]] = MANIFEST["contributes"]["configuration"]["properties"]

#: Settings of the extension itself: what it starts. The server never sees them.
OWN = {"offhand.command", "offhand.interpreter"}

#: Keywords of package.json that only say how and where VS Code offers a setting.
PRESENTATION = {"scope", "order"}


def schema() -> dict[str, dict[str, Any]]:
    """The server's settings under the names that VS Code shows; without those that no editor may set."""
    # Through JSON and back: the schema's own default of a list is a Python tuple.
    whole = json.loads(msgspec.json.encode(msgspec.json.schema(Config)))
    properties = whole["$defs"]["Config"]["properties"]
    tables = {name: value["$ref"].rpartition("/")[2] for name, value in properties.items() if "$ref" in value}
    for table, kind in tables.items():
        del properties[table]
        inner = whole["$defs"][kind]["properties"]
        properties |= {f"{table}.{name}": value for name, value in inner.items()}
    return {f"offhand.{name}": value for name, value in properties.items() if name not in OWN_FILE_ONLY}


def comparable(setting: dict[str, Any]) -> dict[str, Any]:
    """Drop presentation, spell out the type that msgspec leaves implicit, forget the order of choices."""
    setting = {key: value for key, value in setting.items() if key not in PRESENTATION}
    if "enum" in setting:
        setting = {"type": "string", **setting, "enum": sorted(setting["enum"])}
    return setting


def test_the_extension_offers_exactly_the_servers_settings() -> None:
    """A setting added to or removed from Config must be added to or removed from package.json."""
    assert PROPERTIES.keys() - OWN == schema().keys()


@pytest.mark.parametrize("name", sorted(schema()))
def test_a_setting_is_described_as_the_server_describes_it(name: str) -> None:
    """Type, choices, bounds, default and description are the schema's own."""
    assert comparable(PROPERTIES[name]) == comparable(schema()[name])


@pytest.mark.parametrize("name", sorted(OWN))
def test_a_folder_cannot_choose_the_program(name: str) -> None:
    """What is started comes from the user's own settings only, and is restricted without trust."""
    assert PROPERTIES[name]["scope"] == "machine"
    assert name in MANIFEST["capabilities"]["untrustedWorkspaces"]["restrictedConfigurations"]


def test_the_version_is_the_servers() -> None:
    """Extension and server are released together."""
    assert MANIFEST["version"] == __version__


def _listed(file: str, begin: str, end: str) -> list[str]:
    """The quoted words between two marks of an editor's own source."""
    text = (EXTENSION.parent / file).read_text("utf-8")
    return re.findall(r"""["']([a-z]+)["']""", text[text.index(begin) : text.index(end, text.index(begin))])


def test_the_editors_serve_languages_that_the_server_knows() -> None:
    """VS Code and Neovim name the same languages by their own ids, each of which leads to a grammar; VS Code starts
    the extension for exactly those."""
    grammars = Grammars()
    code = _listed("vscode/src/server.ts", "const LANGUAGES", "];")
    assert MANIFEST["activationEvents"] == [f"onLanguage:{name}" for name in code]
    neovim = _listed("neovim/lua/offhand/options.lua", "filetypes = {", "},")
    assert [name for name in (*code, *neovim) if grammars.name(name) is None] == []
    assert {grammars.name(name) for name in code} == {grammars.name(name) for name in neovim}


def test_no_command_takes_an_id_of_the_server() -> None:
    """The protocol's library registers the server's commands by id; a second registration throws."""
    assert all(entry["command"].startswith("offhand.ui.") for entry in MANIFEST["contributes"]["commands"])


def test_the_licence_is_the_projects() -> None:
    """The copy that travels in the .vsix is the licence of the repository."""
    assert (EXTENSION / "LICENSE").read_bytes() == (EXTENSION.parent.parent / "LICENSE").read_bytes()


def test_the_lock_file_names_no_registry() -> None:
    """The lock pins by hash; where packages are fetched from is the builder's own choice."""
    packages = json.loads((EXTENSION / "package-lock.json").read_text("utf-8"))["packages"]
    fetched = [entry for path, entry in packages.items() if path]
    assert fetched
    assert all("integrity" in entry and "resolved" not in entry for entry in fetched)
