"""The recorded capabilities of real editors: each gets what it declared to understand, and no more.

pytest-lsp warns when an answer goes beyond what the client declared; warnings are errors here.
"""

import os
from pathlib import Path

import pytest
import pytest_lsp
from lsprotocol import types
from pytest_lsp import client_capabilities
from pytest_lsp.client import make_test_lsp_client

from tests.rawclient import ROOT, SERVER, RawClient
from tests.test_server import CODE, CURSOR

pytestmark = pytest.mark.slow

#: A deadline that also holds while the engine is still starting on a busy machine.
FAKE = {"engine": "fake", "deadline_ms": 60_000}

RECORDED = sorted(
    path.stem.replace("_v", "@v") for path in (Path(pytest_lsp.__file__).parent / "clients").glob("*.json")
)

#: What editors without a recorded profile send, from their own initialize requests.
ODD = {
    "helix": {
        "general": {"positionEncodings": ["utf-8", "utf-32", "utf-16"]},
        "textDocument": {
            "completion": {"completionItem": {"snippetSupport": True, "insertReplaceSupport": True}}
        },
        "workspace": {"configuration": True, "workspaceFolders": True},
    },
    "lsp-mode": {
        "general": {"positionEncodings": ["utf-32", "utf-8", "utf-16"]},
        "textDocument": {"inlineCompletion": None, "completion": {"contextSupport": True}},
        "workspace": {"configuration": True},
    },
    "ale": {"textDocument": {"completion": {"completionItem": {"snippetSupport": False}}}},
    "nothing": {},
}


@pytest.mark.parametrize("profile", RECORDED)
async def test_recorded_clients(profile: str, tmp_path: Path) -> None:
    """Initialize, open, complete both ways, shut down, with the capabilities of a released editor."""
    os.environ["OFFHAND_HOME"] = str(tmp_path)
    client = make_test_lsp_client()
    await client.start_io(*SERVER, cwd=str(ROOT))
    try:
        await client.initialize_session(
            types.InitializeParams(
                capabilities=client_capabilities(profile),
                initialization_options=FAKE,
                process_id=os.getpid(),
                workspace_folders=[types.WorkspaceFolder(uri=tmp_path.as_uri(), name="work")],
            )
        )
        uri = (tmp_path / "sample.py").as_uri()
        client.text_document_did_open(
            types.DidOpenTextDocumentParams(types.TextDocumentItem(uri, "python", 0, CODE))
        )
        place = types.TextDocumentIdentifier(uri), types.Position(*CURSOR)
        answer = await client.text_document_completion_async(types.CompletionParams(*place))
        assert isinstance(answer, types.CompletionList)
        assert [item.text_edit.new_text for item in answer.items if item.text_edit] == ["compute(value)"]
        context = types.InlineCompletionContext(types.InlineCompletionTriggerKind.Automatic)
        inline = await client.text_document_inline_completion_async(
            types.InlineCompletionParams(context, *place)
        )
        assert isinstance(inline, types.InlineCompletionList)
        assert [item.insert_text for item in inline.items] == ["ute(value)"]
        await client.shutdown_session()
    finally:
        del os.environ["OFFHAND_HOME"]
        if client._server is not None and client._server.returncode is None:
            client._server.kill()  # stop() waits for a server that nobody told to exit
        await client.stop()


@pytest.mark.parametrize("name", ODD)
async def test_odd_clients(name: str, tmp_path: Path) -> None:
    """Clients that leave out context, clientInfo, general, or send null where an object is expected."""
    client = await RawClient.start(tmp_path)
    await client.initialize(FAKE, capabilities=ODD[name], processId=None)
    await client.ready()
    client.open(CODE)
    position = {"line": CURSOR[0], "character": CURSOR[1]}
    answer = await client.request(
        "textDocument/completion",
        {"textDocument": {"uri": "file:///project/sample.py"}, "position": position, "context": None},
    )
    assert answer["items"][0]["textEdit"]["newText"] == "compute(value)"
    item = await client.inline(*CURSOR)
    assert item is not None
    client.notify("workspace/didChangeConfiguration", {"settings": None})
    client.notify("workspace/didChangeConfiguration", {"settings": {"offhand": {"threads": 2}}})
    client.notify("$/setTrace", {"value": "verbose"})
    assert (await client.command("offhand.status"))["threads"] == 2
    assert await client.goodbye() == 0
    await client.close()
