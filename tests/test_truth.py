"""No stale or misplaced suggestion is ever shown: a random replay over the real handlers, in virtual time.

``OFFHAND_REPLAY=100000 pytest -s tests/test_truth.py`` does so many keystrokes and prints what it saw.
"""

import asyncio
import gc
import logging
import os
import time
from pathlib import Path
from typing import Any

import pytest
from replay import Replay
from virtual_time import VirtualLoop, run

from lsp_server.base import child
from lsp_server.completion import snapshot as snapshots
from lsp_server.completion import startup
from lsp_server.context.languages import Grammar
from lsp_server.workspace.documents import Document

KEYSTROKES = int(os.environ.get("OFFHAND_REPLAY", "3000"))


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own home, and model files that nobody opens."""
    monkeypatch.setenv("OFFHAND_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(startup.store, "verify", lambda model: None)


def play(
    seed: int, keystrokes: int, monkeypatch: pytest.MonkeyPatch, *, filters: bool = False, most: int = 20
) -> Replay:
    loop = VirtualLoop(seed)
    playing = Replay(seed, loop, filters=filters, most=most)
    syntax = snapshots._syntax

    def sometimes_elsewhere(document: Document, grammar: Grammar | None) -> Any:
        """Parsing takes too long now and then, and is done elsewhere."""
        ours = playing.session.documents.get(document.uri) is document
        if ours and grammar is not None and playing.chance.random() < 0.03:
            return document.unparsed()
        return syntax(document, grammar)

    monkeypatch.setattr(child, "start", playing.stage.start)
    monkeypatch.setattr(snapshots, "_syntax", sometimes_elsewhere)
    monkeypatch.setattr(snapshots, "_PARSE_LIMIT", 1e9)
    began = time.process_time()

    async def all_of_it() -> None:
        await playing.play(keystrokes)
        await asyncio.sleep(1)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, left

    run(all_of_it(), loop)
    gc.collect()
    assert not loop.faults, loop.faults
    took, seen, stage = time.process_time() - began, playing.seen, playing.stage
    print(f"\nseed {seed}: {took:.1f} s, {loop.time():.0f} s played, slowest answer {playing.slowest:.2f} s")
    print(
        {name: seen[name] for name in sorted(seen)},
        f"workers {stage.started}, asked {stage.asked}, ahead {stage.ahead}",
    )
    return playing


@pytest.mark.parametrize("seed", range(3))
def test_what_is_shown_was_written_for_where_it_is_shown(
    seed: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """See the module."""
    playing = play(seed, KEYSTROKES // 3, monkeypatch)
    assert not playing.violations, "\n".join(playing.violations)
    assert not playing.waste, "\n".join(playing.waste)
    assert not playing.stage.waste
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
