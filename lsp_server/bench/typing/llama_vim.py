"""llama.vim over a real llama-server as a ``Subject``: the peer that we are measured beside.

``llama_vim_plugin`` does what the plugin does, ``llama_server`` runs its server. This module chooses how many threads
the server gets, and what is asked of a model with a small context. The processor time of Vim and curl is not counted,
only llama-server's.
"""

import os
import time
from pathlib import Path

from lsp_server.base.errors import EngineError
from lsp_server.base.text import content, split_lines
from lsp_server.bench.typing import llama_server
from lsp_server.bench.typing.llama_server import Client, Server, Unusable
from lsp_server.bench.typing.llama_vim_local import Reach, question
from lsp_server.bench.typing.llama_vim_plugin import FIRST_MS, Plugin, body
from lsp_server.bench.typing.subject import Answer, Document, Usage

#: What the plugin's help recommends (doc/llama.txt at a1c8e6e). Of the batch llama-server gives three quarters to the
#: prefix and one to the suffix. Without ``--cache-reuse`` it evaluates most of the prompt anew at every key once a
#: file is longer than that: 390 to 590 tokens instead of 2 to 4, measured with batches of 512 and 768.
_BATCH, _REUSE = 1024, 256

#: Tokens of a reply that llama-server is told of where there is a ring: else it lets the ring fill the context to the
#: brim and then refuses the prompt. It keeps room for twice as many.
_PREDICT = 128

#: Tokens of a chunk of the ring.
_CHUNK = 512

#: Keys that are typed to see how many threads are quickest, and characters that stand before them. The first one
#: evaluates the whole prompt; so many make it as rare as it is where people type.
_KEYS, _BEFORE = 30, 10


class LlamaVim:
    """See the module.

    Args:
        executable: llama-server.
        model: a GGUF file.
        context: tokens that the model was trained on.
        suffix_first: it was trained to be given what is behind the cursor before what is in front of it.
        threads: that the server computes with; 0 for what is quickest here.

    Attributes:
        name: with the threads once it runs.
    """

    def __init__(
        self, executable: Path, model: Path, *, context: int, suffix_first: bool, threads: int = 0
    ) -> None:
        self.name = "llama.vim"
        self._threads = threads
        self._executable = executable
        self._model = model
        self._reach, batch = fitting(context)
        options = ["--ctx-size", context, "--batch-size", batch, "--cache-reuse", _REUSE]
        options += ["--predict", _PREDICT] if self._reach.chunks else []
        options += ["--spm-infill"] if suffix_first else []
        self._options = tuple(map(str, options))
        self._folder = Path()
        self._server: Server | None = None
        self._plugin: Plugin | None = None

    async def start(self, folder: Path) -> None:
        """Start the server, after a trial of how many threads are best.

        Raises:
            EngineError: it does not run here.
        """
        self._folder = folder
        threads = self._threads
        if not threads:
            took = {number: await self._trial(number) for number in choices(os.cpu_count() or 1)}
            threads = min(took, key=lambda number: took[number])
        self.name = f"llama.vim ({threads} thread{'s' * (threads > 1)})"
        self._server = await self._run(threads)
        self._plugin = Plugin(self._server.client, self._reach)

    async def _run(self, threads: int) -> Server:
        """A server that has answered once, and so has all of the model in memory."""
        options = (*self._options, "--threads", str(threads))
        server = await llama_server.start(self._executable, self._model, options)
        try:
            await server.client.infill(body(question([""], 0, 0, self._reach), (), FIRST_MS, 1))
        except BaseException as error:  # also where we are stopped: it would outlive us
            await server.stop()
            if isinstance(error, Unusable):
                raise EngineError(
                    f"llama-server does not fill in the middle with {self._model}: {error}"
                ) from error
            raise
        return server

    async def _trial(self, threads: int) -> float:
        """Seconds that some keys take with so many threads."""
        server = await self._run(threads)
        try:
            return await _typed(server.client, self._reach)
        except Unusable as error:
            raise EngineError(f"llama-server fails with {threads} threads: {error}") from error
        finally:
            await server.stop()

    async def open(self, document: Document) -> None:
        """Open a document, by its path in the workspace."""
        path = Path(document.path)
        inside = path.is_relative_to(self._folder)
        name = path.relative_to(self._folder).as_posix() if inside else document.path
        self._there.open(document.uri, name, document.text)

    async def change(self, uri: str, line: int, start: int, end_line: int, end: int, text: str) -> None:
        """Replace a range."""
        self._there.change(uri, line, start, end_line, end, text)

    async def cursor(self, uri: str, line: int, column: int) -> None:
        """The cursor went there."""
        self._there.move(uri, line, column)

    async def ask(self, uri: str, line: int, column: int) -> Answer | None:
        """Ghost text; its source is ``cache``, ``typed`` (the look-back), ``speculated`` or ``model``.

        Raises:
            EngineError: the server has ended.
        """
        answer = await self._there.ask(uri, line, column)
        if self._server is None or not self._server.alive:
            raise EngineError("llama-server has ended.")
        return answer

    async def accepted(self, uri: str, answer: Answer) -> None:
        """Nothing: the change and the next question say all that the plugin learns of it."""

    @property
    def _there(self) -> Plugin:
        if self._plugin is None:
            raise EngineError("llama-server was not started.")
        return self._plugin

    def usage(self) -> Usage:
        """Of llama-server alone. ``model_calls`` are keys that the cache did not answer; the plugin asks the model at
        most of the others too, and tokens are of all that it asks."""
        if self._server is None or self._plugin is None:
            return Usage(0.0, 0.0)
        client = self._server.client
        return Usage(
            cpu_s=self._server.cpu_s,
            rss_mb=self._server.rss_mb,
            prompt_tokens=client.evaluated + client.reused,
            reused_tokens=client.reused,
            computed_tokens=client.generated,
            requests=self._plugin.asked,
            model_calls=self._plugin.waited,
        )

    async def stop(self) -> None:
        """End the server, if there is one."""
        if self._plugin is not None:
            await self._plugin.close()
        if self._server is not None:
            await self._server.stop()


def fitting(context: int) -> tuple[Reach, int]:
    """What is asked of a model with so large a context (tokens), and the server's batch.

    The plugin's defaults, with as many chunks of the ring as there is room for beside a batch as large as possible;
    lines that do not fit are cut off by the server itself. For the bundled model's 1,024 tokens that is a batch of 768
    and no ring. Of keys typed into thefuck, 150 ms each, so many had the right rest of the line before the next key:
    13.7 %, with a batch of 512 11.4 (780 keys); 12.9 %, with 64 and 16 lines 11.3 (888 keys); 11.5 %, with a ring, half
    a chunk of which has room beside a batch of 512, 11.3 to 12.8, but 42 % of the answers were late instead of 25 (468
    keys). Two standard errors are about 3 %.
    """
    batch = min(_BATCH, context - 2 * _PREDICT)
    usual = Reach()
    room = context - batch - 2 * _PREDICT
    return Reach(usual.above, usual.below, min(usual.chunks, room // _CHUNK)), batch


def choices(cores: int) -> tuple[int, ...]:
    """How many threads may be best on a machine: one, half of its cores, all of them."""
    return tuple(sorted({1, max(1, cores // 2), cores}))


async def _typed(client: Client, reach: Reach) -> float:
    """Seconds that some keys in this very file take."""
    lines = _own_lines()
    row = max(range(len(lines) // 2, len(lines)), key=lambda number: len(lines[number]))
    begun = time.monotonic()
    for column in range(_BEFORE, _BEFORE + _KEYS):
        typed = [*lines[:row], lines[row][:column], *lines[row + 1 :]]
        await client.infill(body(question(typed, row, column, reach), (), FIRST_MS, column))
    return time.monotonic() - begun


def _own_lines() -> list[str]:
    return [content(line) for line in split_lines(Path(__file__).read_text("utf-8"))]
