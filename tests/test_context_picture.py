"""Pieces of other files in the real server's prompt: shown by command and CLI, and frozen while somebody types."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.rawclient import PATIENCE, ROOT, RawClient

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

CART = '''class Cart:
    """What somebody wants to buy."""

    def __init__(self, owner):
        self.owner = owner
        self.items = []

    def add_item(self, item, count=1):
        self.items.append((item, count))

    def total_price(self, currency="EUR"):
        return sum(item.price * count for item, count in self.items)
'''
PRICES = "def discount_of(cart, percent):\n    return cart.total_price() * percent / 100\n"
MAIN = "from shop.cart import Cart\nfrom shop.prices import discount_of\n\n\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "shop").mkdir(parents=True)
    (folder / "shop" / "cart.py").write_text(CART)
    (folder / "shop" / "prices.py").write_text(PRICES)
    (folder / "main.py").write_text(MAIN)
    return folder


async def started(tmp_path: Path, folder: Path) -> RawClient:
    client = await RawClient.start(tmp_path / "home")
    await client.initialize({}, workspaceFolders=[{"uri": folder.as_uri(), "name": "project"}])
    await client.ready()

    async def indexed() -> None:
        while True:
            said = (await client.command("offhand.status"))["index"]
            if said and said["files"] == 3:
                return
            await asyncio.sleep(0.05)

    await asyncio.wait_for(indexed(), PATIENCE)
    return client


def place(uri: str, line: int, character: int) -> dict[str, Any]:
    return {"textDocument": {"uri": uri}, "position": {"line": line, "character": character}}


async def test_the_command_shows_the_prompt(tmp_path: Path, project: Path) -> None:
    """What the other files have for a cursor, from where and why, and the exact text; CLI and command agree."""
    text = MAIN + "cart = Cart('me')\ncart."
    (project / "main.py").write_text(text)
    client = await started(tmp_path, project)
    uri = (project / "main.py").as_uri()
    client.open(text, uri)
    drawn = await client.request(
        "workspace/executeCommand", {"command": "offhand.context", "arguments": [place(uri, 5, 5)]}
    )
    assert "def add_item(self, item, count=1):" in drawn["prompt"]
    assert drawn["prompt"].endswith("<|fim_prefix|>" + text)
    assert drawn["receiver"] == "cart"
    assert {Path(one["path"]).name for one in drawn["snippets"]} == {"cart.py", "prices.py"}
    assert drawn["snippets"][-1]["source"] == "receiver", "the most needed stands nearest to the cursor"
    assert drawn["tokens"] == sum(part["tokens"] for part in drawn["parts"])
    assert drawn["prompt"] == "".join(part["text"] for part in drawn["parts"])

    command = [sys.executable, "-m", "lsp_server.cli.main", "context", f"{project}/main.py:6:6"]
    process = await asyncio.create_subprocess_exec(
        *command,
        "--json",
        "--workspace",
        str(project),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "OFFHAND_HOME": str(tmp_path / "home2")},
    )
    printed, _ = await process.communicate()
    assert json.loads(printed)["prompt"] == drawn["prompt"]

    for wrong in ([], [{"position": 1}], [place("file:///not/open.py", 0, 0)]):
        answer = await client.request(
            "workspace/executeCommand", {"command": "offhand.context", "arguments": wrong}
        )
        assert set(answer) == {"error"}
    await client.close()


async def test_typing_keeps_the_pieces(tmp_path: Path, project: Path) -> None:
    """Over a typed function the prompt's beginning changes only where new names come into reach: all other keys
    re-evaluate a handful of tokens."""
    client = await started(tmp_path, project)
    uri = (project / "main.py").as_uri()
    client.open(MAIN, uri)
    line, column, spent = MAIN.count("\n"), 0, []
    typed = (
        "def checkout(owner, goods):\n    cart = Cart(owner)\n    for item in goods:\n        cart.add_item(item)\n"
        "    return discount_of(cart, 10)\n"
    )
    for version, key in enumerate(typed):
        client.change(version + 1, line, column, column, key, uri)
        line, column = (line + 1, 0) if key == "\n" else (line, column + 1)
        await client.inline(line, column, uri=uri)
        tokens = (await client.command("offhand.why"))[0]["tokens"]
        if tokens:
            spent.append(tokens["prompt"] - tokens["reused"])
    drawn = await client.request(
        "workspace/executeCommand", {"command": "offhand.context", "arguments": [place(uri, line - 2, 13)]}
    )
    assert any("add_item" in one["text"] for one in drawn["snippets"])
    assert len(spent) > 20
    whole = [tokens for tokens in spent if tokens > 100]
    assert len(whole) <= 5, spent
    assert sorted(spent)[len(spent) // 2] <= 4, spent
    await client.close()
