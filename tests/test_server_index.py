"""The server and its index, over stdio: fed with what the workspace holds and the editor shows, and nothing else."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from tests.rawclient import PATIENCE, RawClient

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "private").mkdir(parents=True)
    (folder / ".gitignore").write_text("private/\n")
    (folder / ".offhandignore").write_text("secretive.py\n")
    (folder / "zoo.py").write_text("class Zoo: ...\n")
    (folder / "secretive.py").write_text("class Secretive: ...\n")
    (folder / "private" / "keys.py").write_text("class Keys: ...\n")
    if os.name == "posix":
        (folder / "loop").symlink_to(folder)
    return folder


async def started(tmp_path: Path, *folders: Path, **more: Any) -> RawClient:
    client = await RawClient.start(tmp_path / "home")
    workspace = [{"uri": folder.as_uri(), "name": folder.name} for folder in folders]
    await client.initialize({"engine": "memory", **more}, workspaceFolders=workspace)
    await client.ready()
    return client


async def becomes(client: RawClient, **expected: int) -> dict[str, Any]:
    """Wait until the index says so."""

    async def wait() -> dict[str, Any]:
        while True:
            said: dict[str, Any] = (await client.command("offhand.status"))["index"]
            if said and not said["waiting"] and {name: said[name] for name in expected} == expected:
                return said
            await asyncio.sleep(0.05)

    return await asyncio.wait_for(wait(), PATIENCE)


async def test_the_workspace_is_indexed(tmp_path: Path, project: Path) -> None:
    """All folders of it, but for what is ignored, links that lead in circles included; as files come and go."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "sea.py").write_text("class Whale:\n    def dive(self): ...\n")
    client = await started(tmp_path, project, other)
    said = await becomes(client, files=2, definitions=3)
    assert said["rss_mb"] > 1
    (project / "more.py").write_text("class Lion: ...\n")
    (other / "sea.py").unlink()
    await becomes(client, files=2, definitions=2)
    (project / ".offhandignore").write_text("")
    await becomes(client, files=3, definitions=3)
    folder = {"uri": other.as_uri(), "name": "other"}
    (other / "land.py").write_text("class Cow: ...\n")
    await becomes(client, files=4, definitions=4)
    client.notify("workspace/didChangeWorkspaceFolders", {"event": {"added": [], "removed": [folder]}})
    await becomes(client, files=3, definitions=3)
    await client.close()


async def test_open_documents_are_indexed(tmp_path: Path, project: Path) -> None:
    """As they are in the editor, when they are opened and after changes; but not what is ignored."""
    client = await started(tmp_path, project)
    await becomes(client, files=1, definitions=1)
    uri = (project / "zoo.py").as_uri()
    client.open("class Zoo: ...\nclass Cage: ...\n", uri)
    await becomes(client, files=1, definitions=2)
    client.notify(
        "textDocument/didChange",
        {
            "textDocument": {"uri": uri, "version": 1},
            "contentChanges": [{"text": "class Zoo: ...\nclass Cage: ...\nclass Pond: ...\n"}],
        },
    )
    await becomes(client, files=1, definitions=3)
    client.open("class Keys: ...\n", (project / "private" / "keys.py").as_uri())
    client.open("class New: ...\n", (project / "new.py").as_uri())
    await becomes(client, files=2, definitions=4)
    client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    await becomes(client, files=2, definitions=2)
    await client.close()


async def test_the_setting_switches_it_off(tmp_path: Path, project: Path) -> None:
    """And on again."""
    client = await started(tmp_path, project, workspace=False)
    assert (await client.command("offhand.status"))["index"] == {}
    client.notify("workspace/didChangeConfiguration", {"settings": {"offhand": {"workspace": True}}})
    await becomes(client, files=1)
    await client.close()
    assert len(list((tmp_path / "home" / "cache" / "index").iterdir())) == 1
