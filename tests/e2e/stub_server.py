"""A language server that answers as a script says, for what a real one does not do on order: late, odd, wrong.

    python stub_server.py SCRIPT.json LOG.jsonl

SCRIPT.json: ``{"encoding": "utf-16", "rules": [rule, …], "exit_on": method or null}``. A rule is used when the line
before the cursor ends with its ``before``; the first that fits wins, none means ``null``::

    {"before": "def f(", "items": [{"text": "x):", "back": 0, "replace": 1, "command": true}],
     "shape": "list" | "object" | "raw", "raw": any JSON, "delay": seconds, "more": [item, …]}

With ``more`` the client is told that there is more once it has its answer; asked again it gets that.
``back`` and ``replace`` are the characters before and behind the cursor that the item's range takes in. Every message
that arrives is appended to LOG.jsonl. Hand-written JSON-RPC with full document sync: it starts in a tenth of a second.
"""

import json
import sys
import threading
from pathlib import Path
from typing import Any

_write_lock = threading.Lock()


def _read() -> dict[str, Any] | None:
    length = 0
    while line := sys.stdin.buffer.readline().strip():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return json.loads(sys.stdin.buffer.read(length)) if length else None


def _write(message: dict[str, Any]) -> None:
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    with _write_lock:
        sys.stdout.buffer.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        sys.stdout.buffer.flush()


def _units(text: str, encoding: str) -> int:
    if encoding == "utf-32":
        return len(text)
    return len(text.encode(encoding + ("-le" if encoding == "utf-16" else ""))) // (
        2 if encoding == "utf-16" else 1
    )


def _column(line: str, units: int, encoding: str) -> int:
    column = 0
    while column < len(line) and _units(line[:column], encoding) < units:
        column += 1
    return column


def _answer(
    script: dict[str, Any], text: str, position: dict[str, int], told: set[str]
) -> tuple[Any, float, bool]:
    encoding = script["encoding"]
    line = text.replace("\r\n", "\n").split("\n")[position["line"]]
    cursor = _column(line, position["character"], encoding)
    for rule in script["rules"]:
        if not line[:cursor].endswith(rule["before"]):
            continue
        if rule.get("shape") == "raw":
            return rule["raw"], rule.get("delay", 0), False
        items = []
        for number, item in enumerate(rule["more"] if rule["before"] in told else rule["items"]):
            first, last = cursor - item.get("back", 0), cursor + item.get("replace", 0)
            edge = [
                {"line": position["line"], "character": _units(line[:at], encoding)} for at in (first, last)
            ]
            command = {"title": "", "command": "offhand.accepted", "arguments": [number]}
            items.append(
                {
                    "insertText": item["text"],
                    "range": {"start": edge[0], "end": edge[1]},
                    **({"command": command} if item.get("command") else {}),
                }
            )
        answer = {"items": items} if rule.get("shape") == "object" else items
        more = "more" in rule and rule["before"] not in told
        if more:
            told.add(rule["before"])
        return answer, rule.get("delay", 0), more
    return None, 0, False


def _command(name: str, params: Any, state: dict[str, bool]) -> Any:
    if name == "offhand.toggle":
        state["enabled"] = not state["enabled"]
        return {"enabled": state["enabled"]}
    if name == "offhand.status":
        return {"state": "ready", "model": "stub", "requests": 3, "latency_ms": {"p50": 4.5}}
    if name == "offhand.context":
        position = params["arguments"][0]["position"]
        return {
            "tokens": 12,
            "snippets": [{"path": "/p/cart.py", "source": "receiver", "tokens": 7}],
            "prompt": f"class Cart:\n    # {position['line']}:{position['character']}",
        }
    if name == "offhand.why":
        return [
            {"line": 3, "outcome": "shown", "source": "cache"},
            {"line": 4, "outcome": "gate", "source": "model"},
        ]
    return None


def main() -> None:
    """Serve until stdin ends or ``exit`` comes."""
    script = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    texts: dict[str, str] = {}
    state = {"enabled": True}
    told: set[str] = set()
    with Path(sys.argv[2]).open("a", encoding="utf-8") as log:
        while message := _read():
            log.write(json.dumps(message) + "\n")
            log.flush()
            method, params = message.get("method", ""), message.get("params")
            if method == script.get("exit_on"):
                sys.exit(3)
            result: Any = None
            delay, more = 0.0, False
            if method == "initialize":
                result = {
                    "capabilities": {
                        "positionEncoding": script["encoding"],
                        "textDocumentSync": 1,
                        "inlineCompletionProvider": {},
                        "workspace": {"workspaceFolders": {"supported": True}},
                        "executeCommandProvider": {"commands": ["offhand.accepted", "offhand.status"]},
                    }
                }
            elif method == "initialized":
                _write(
                    {"method": "offhand/status", "params": {"state": "ready", "message": "", "model": "stub"}}
                )
                section = {"items": [{"section": "offhand"}]}
                _write({"id": "configuration", "method": "workspace/configuration", "params": section})
            elif method == "textDocument/didOpen":
                texts[params["textDocument"]["uri"]] = params["textDocument"]["text"]
            elif method == "textDocument/didChange":
                texts[params["textDocument"]["uri"]] = params["contentChanges"][-1]["text"]
            elif method == "textDocument/inlineCompletion" and state["enabled"]:
                uri = params["textDocument"]["uri"]
                result, delay, more = _answer(script, texts[uri], params["position"], told)
            elif method == "workspace/executeCommand":
                result = _command(params["command"], params, state)
            elif method == "exit":
                return
            if "id" in message and method:
                reply = {"id": message["id"], "result": result}
                if delay:
                    threading.Timer(delay, _write, [reply]).start()
                else:
                    _write(reply)
            if more:
                _write({"method": "offhand/more", "params": {"uri": uri}})


if __name__ == "__main__":
    main()
