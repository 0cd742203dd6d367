"""The server and the memory of the workspace, over stdio: other files are known, ignored ones are not."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.rawclient import PATIENCE, RawClient

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

#: Without a model only what is remembered is said, so that an answer shows what is known.
ALONE = {"engine": "memory", "deadline_ms": 60_000, "mode": "eager"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "private").mkdir(parents=True)
    (folder / ".gitignore").write_text("private/\n")
    (folder / "zoo.py").write_text('zebra.graze("meadow", 7)\n' * 3)
    (folder / "private" / "keys.py").write_text('okapi.hide("jungle", 9)\n' * 3)
    return folder


async def started(tmp_path: Path, project: Path, **more: Any) -> RawClient:
    client = await RawClient.start(tmp_path / "home")
    folders = [{"uri": project.as_uri(), "name": "project"}]
    await client.initialize({**ALONE, **more}, workspaceFolders=folders)
    await client.ready()
    return client


async def ask(client: RawClient, project: Path, typed: str) -> str | None:
    """What is suggested behind a text in a new document of the project."""
    uri = (project / "new.py").as_uri()
    client.open(typed, uri)
    item = await client.inline(0, len(typed), uri=uri, kind=1)
    client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    return item["insertText"] if item else None


async def becomes(client: RawClient, project: Path, typed: str, expected: str | None) -> None:
    """Wait until that is what is suggested: files are read when there is time."""

    async def wait() -> None:
        while await ask(client, project, typed) != expected:
            pass

    await asyncio.wait_for(wait(), PATIENCE)


async def test_the_files_of_the_workspace_are_known(tmp_path: Path, project: Path) -> None:
    """Also as they change and go; those that git ignores never were."""
    client = await started(tmp_path, project)
    await becomes(client, project, "zebra.gra", 'ze("meadow", 7)')
    await becomes(client, project, "okapi.hi", None)
    (project / "zoo.py").write_text('zebra.graze("hill")\n' * 3)
    (project / "more.py").write_text("lion.sleep()\n" * 3)
    await becomes(client, project, "zebra.gra", 'ze("hill")')
    (project / "zoo.py").unlink()
    await becomes(client, project, "zebra.gra", None)
    await becomes(client, project, "lion.sl", "eep()")
    await client.close()


async def test_an_open_document_counts_more_than_its_file(tmp_path: Path, project: Path) -> None:
    """What was changed in the editor is known before it is saved; closed without saving, the file is what counts."""
    client = await started(tmp_path, project)
    uri = (project / "zoo.py").as_uri()
    client.open('zebra.graze("hill")\n' * 3, uri)
    await becomes(client, project, "zebra.gra", 'ze("hill")')
    client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    await becomes(client, project, "zebra.gra", 'ze("meadow", 7)')
    await client.close()


async def test_the_memory_survives_the_worker(tmp_path: Path, project: Path) -> None:
    """A new worker reads the files again."""
    client = await started(tmp_path, project)
    await client.command("offhand.restartWorker")
    await becomes(client, project, "zebra.gra", 'ze("meadow", 7)')
    await client.close()


async def test_folders_come_and_go_and_may_be_left_alone(tmp_path: Path, project: Path) -> None:
    """The setting 'workspace' ends the reading; folders are added and removed while the server runs."""
    client = await started(tmp_path, project, workspace=False)
    await becomes(client, project, "zebra.gra", None)
    client.notify("workspace/didChangeConfiguration", {"settings": {"offhand": {**ALONE, "workspace": True}}})
    await becomes(client, project, "zebra.gra", 'ze("meadow", 7)')
    other = tmp_path / "other"
    other.mkdir()
    (other / "sea.py").write_text('whale.dive("deep")\n' * 3)
    folder = {"uri": other.as_uri(), "name": "other"}
    client.notify("workspace/didChangeWorkspaceFolders", {"event": {"added": [folder], "removed": []}})
    await becomes(client, project, "whale.di", 've("deep")')
    client.notify("workspace/didChangeWorkspaceFolders", {"event": {"added": [], "removed": [folder]}})
    await becomes(client, project, "whale.di", None)
    await client.close()


async def test_deleted_lines_are_remembered(tmp_path: Path, project: Path) -> None:
    """What was cut out of one document is suggested where it is written again."""
    client = await started(tmp_path, project)
    uri = (project / "old.py").as_uri()
    client.open('first = 1\nantelope.leap("fence", 2)\nlast = 2\n', uri)
    client.notify(
        "textDocument/didChange",
        {
            "textDocument": {"uri": uri, "version": 1},
            "contentChanges": [
                {
                    "range": {"start": {"line": 1, "character": 0}, "end": {"line": 2, "character": 0}},
                    "text": "",
                }
            ],
        },
    )
    assert await ask(client, project, "antelope.le") == 'ap("fence", 2)'
    await client.close()


async def test_a_slow_block_comes_in_two_steps(tmp_path: Path) -> None:
    """Its first line is the answer while the engine still writes; told that there is more, the client asks again."""
    body = "def first(value):\n    result = compute(value)\n    check(result)\n    return result\n"
    between = "".join(
        f"# {number}\n" for number in range(60)
    )  # or filters would say that it repeats the lines above
    code = f"{body * 4}{between}\n\ndef first(value):"
    client = await RawClient.start(tmp_path / "home", OFFHAND_FAKE_DELAY_MS="50")
    await client.initialize({"engine": "fake", "deadline_ms": 60_000, "mode": "eager"})
    await client.ready()
    client.open(code)
    place = (78, len("def first(value):"))
    early = await client.inline(*place, kind=1)
    assert early is not None
    assert early["insertText"] == "\n    result = compute(value)"
    await client.until(lambda: any(note["method"] == "offhand/more" for note in client.notifications))
    whole = await client.inline(*place, kind=1)
    assert whole is not None
    assert whole["insertText"].startswith(early["insertText"] + "\n    check(result)")
    assert (await client.command("offhand.status"))["answered_from"]["cache"] == 1
    await client.close()
