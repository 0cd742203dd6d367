"""A JSON-RPC client of a few lines that is as strict as vscode-jsonrpc: one stray byte on stdout and it fails."""

import asyncio
import contextlib
import itertools
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SERVER = [sys.executable, "-m", "lsp_server.cli.main", "serve"]
URI = "file:///project/sample.py"

#: Seconds that anything may take on a very busy machine.
PATIENCE = 60.0


class RpcError(Exception):
    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.code = error["code"]


class RawClient:
    """One server process and what it said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.notifications: list[dict[str, Any]] = []
        self.requests: list[dict[str, Any]] = []
        self.configuration: Any = None
        self.stderr = b""
        self._ids = itertools.count(1)
        self._pending: dict[int, asyncio.Future[Any]] = {}
        self._heard = asyncio.Event()
        self._readers = [asyncio.create_task(self._read()), asyncio.create_task(self._read_stderr())]

    @classmethod
    async def start(cls, home: Path, *, command: list[str] | None = None, **environment: str) -> "RawClient":
        process = await asyncio.create_subprocess_exec(
            *(command or SERVER),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "OFFHAND_HOME": str(home), "PYTHONPATH": str(ROOT), **environment},
        )
        return cls(process)

    async def initialize(self, options: Any = None, **more: Any) -> dict[str, Any]:
        """Shake hands; where the options name no model the small one is taken, which is quicker."""
        if options is None or isinstance(options, dict):
            options = {"model": "small", **(options or {})}
        params = {"processId": os.getpid(), "rootUri": None, "capabilities": {}, **more}
        params["initializationOptions"] = options
        result = await self.request("initialize", params)
        self.notify("initialized", {})
        return result

    async def ready(self) -> None:
        await self.until(lambda: any(state["state"] == "ready" for state in self.states()))

    def states(self) -> list[dict[str, Any]]:
        return [note["params"] for note in self.notifications if note["method"] == "offhand/status"]

    def messages(self) -> list[str]:
        return [n["params"]["message"] for n in self.notifications if n["method"] == "window/showMessage"]

    async def until(self, condition: Any) -> None:
        async def wait() -> None:
            while not condition():
                self._heard.clear()
                await self._heard.wait()

        await asyncio.wait_for(wait(), PATIENCE)

    # --- sending

    def send(self, method: str, params: Any) -> int:
        number = next(self._ids)
        self._pending[number] = asyncio.get_running_loop().create_future()
        self.write({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        return number

    async def answer(self, number: int) -> Any:
        return await asyncio.wait_for(self._pending[number], PATIENCE)

    async def request(self, method: str, params: Any) -> Any:
        return await self.answer(self.send(method, params))

    def notify(self, method: str, params: Any) -> None:
        self.write({"jsonrpc": "2.0", "method": method, "params": params})

    def write(self, message: dict[str, Any]) -> None:
        self.write_body(json.dumps(message).encode())

    def write_body(self, body: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    # --- documents

    def open(self, text: str, uri: str = URI, language: str = "python") -> None:
        item = {"uri": uri, "languageId": language, "version": 0, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": item})

    def change(self, version: int, line: int, start: int, end: int, text: str, uri: str = URI) -> None:
        where = {"start": {"line": line, "character": start}, "end": {"line": line, "character": end}}
        self.notify(
            "textDocument/didChange",
            {
                "textDocument": {"uri": uri, "version": version},
                "contentChanges": [{"range": where, "text": text}],
            },
        )

    @staticmethod
    def inline_params(
        line: int, character: int, uri: str = URI, kind: int = 2, **context: Any
    ) -> dict[str, Any]:
        return {
            "textDocument": {"uri": uri},
            "position": {"line": line, "character": character},
            "context": {"triggerKind": kind, **context},
        }

    async def inline(self, line: int, character: int, **more: Any) -> dict[str, Any] | None:
        answer = await self.request(
            "textDocument/inlineCompletion", self.inline_params(line, character, **more)
        )
        return answer["items"][0] if answer else None

    async def command(self, name: str, *arguments: Any) -> Any:
        return await self.request("workspace/executeCommand", {"command": name, "arguments": list(arguments)})

    def cursor(self, line: int, character: int, uri: str = URI) -> None:
        self.notify(
            "offhand/cursor",
            {"textDocument": {"uri": uri}, "position": {"line": line, "character": character}},
        )

    async def worked_ahead(self, kind: str, before: int = 0) -> int:
        """Wait until more was computed ahead than before, and nothing more is; how often it was."""

        async def wait() -> int:
            while True:
                ahead = (await self.command("offhand.status"))["speculation"]
                if ahead["runs"].get(kind, 0) > before and not ahead["working"]:
                    return int(ahead["runs"][kind])
                await asyncio.sleep(0.05)

        return await asyncio.wait_for(wait(), PATIENCE)

    # --- receiving

    async def _read(self) -> None:
        assert self.process.stdout is not None
        try:
            while True:
                header = await self.process.stdout.readuntil(b"\r\n\r\n")
                match = re.fullmatch(rb"Content-Length: (\d+)\r\n(Content-Type: [^\r\n]+\r\n)?\r\n", header)
                assert match, f"stray bytes on stdout: {header!r}"
                self._take(json.loads(await self.process.stdout.readexactly(int(match[1]))))
        except asyncio.IncompleteReadError as error:
            problem = (
                AssertionError(f"stray bytes on stdout: {error.partial!r}") if error.partial else EOFError()
            )
            self._fail(problem)
        except AssertionError as error:
            self._fail(error)

    def _fail(self, problem: Exception) -> None:
        for future in self._pending.values():
            if not future.done():
                future.set_exception(problem)
                future.exception()  # somebody may never ask
        self._heard.set()

    def _take(self, message: dict[str, Any]) -> None:
        if "method" in message and "id" in message:
            self.requests.append(message)
            result = None
            if message["method"] == "workspace/configuration":
                result = [self.configuration for _ in message["params"]["items"]]
            self.write({"jsonrpc": "2.0", "id": message["id"], "result": result})
        elif "method" in message:
            self.notifications.append(message)
        else:
            future = self._pending[message["id"]]
            if not future.done():
                if "error" in message:
                    future.set_exception(RpcError(message["error"]))
                    future.exception()
                else:
                    future.set_result(message["result"])
        self._heard.set()

    async def _read_stderr(self) -> None:
        assert self.process.stderr is not None
        while chunk := await self.process.stderr.read(4096):
            self.stderr += chunk

    # --- the end

    async def goodbye(self) -> int:
        """Leave as editors do; the server's exit status."""
        await self.request("shutdown", None)
        self.notify("exit", None)
        return await asyncio.wait_for(self.process.wait(), PATIENCE)

    async def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()
        for reader in self._readers:
            await reader
        if self.process.stdin is not None:
            self.process.stdin.close()
