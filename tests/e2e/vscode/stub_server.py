"""A server that knows two answers, to test the extension alone; notes in a file what it is told."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer

#: What follows this at the end of a line is completed.
ANSWERS = {"return ": "left + right", "for ": "item in items:\n        print(item)"}

server = LanguageServer("offhand-stub", "0")
notes = Path(sys.argv[1])
enabled = True


def note(event: str, value: Any) -> None:
    with notes.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"event": event, "value": value}) + "\n")


def say(state: str) -> None:
    status = {"state": state, "message": "a stub", "model": "none"}
    server.protocol.notify("offhand/status", status)


@server.feature(types.INITIALIZE)
def initialize(params: types.InitializeParams) -> None:
    note("initializationOptions", params.initialization_options)
    note("cwd", str(Path.cwd()))


@server.feature(types.INITIALIZED)
async def initialized(_: types.InitializedParams) -> None:
    say("loading")
    item = types.ConfigurationItem(section="offhand")
    answer = await server.workspace_configuration_async(types.ConfigurationParams(items=[item]))
    note("configuration", answer)
    await asyncio.sleep(0.05)
    say("ready")


@server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
async def changed(params: types.DidChangeConfigurationParams) -> None:
    settings = params.settings
    note("didChangeConfiguration", settings._asdict() if hasattr(settings, "_asdict") else settings)


@server.feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, types.InlineCompletionOptions())
async def complete(params: types.InlineCompletionParams) -> types.InlineCompletionList | None:
    document = server.workspace.get_text_document(params.text_document.uri)
    line = document.lines[params.position.line] if params.position.line < len(document.lines) else ""
    before = line[: params.position.character]
    if before.endswith("die "):
        os._exit(3)
    text = next((answer for typed, answer in ANSWERS.items() if before.endswith(typed)), None)
    if text is None or not enabled:
        return None
    here = types.Range(start=params.position, end=params.position)
    command = types.Command(title="", command="offhand.accepted", arguments=[7])
    return types.InlineCompletionList(
        items=[types.InlineCompletionItem(insert_text=text, range=here, command=command)]
    )


@server.feature(types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(trigger_characters=["."]))
async def menu(_: types.CompletionParams) -> None:
    note("completion", None)


@server.feature("offhand/cursor")
async def cursor(params: Any) -> None:
    note("cursor", [Path(params.textDocument.uri).name, params.position.line, params.position.character])


@server.command("offhand.accepted")
async def accepted(id: int) -> None:
    note("accepted", id)


@server.command("offhand.toggle")
async def toggle() -> dict[str, bool]:
    global enabled
    enabled = not enabled
    say("ready" if enabled else "disabled")
    return {"enabled": enabled}


@server.command("offhand.status")
async def status() -> dict[str, Any]:
    return {"state": "ready", "requests": {"shown": 2, "accepted": 1}, "languages": ["python"]}


@server.command("offhand.why")
async def why() -> str:
    return "the stub had no answer"


@server.command("offhand.restartWorker")
async def restart_worker() -> None:
    note("restartWorker", None)


server.start_io()
