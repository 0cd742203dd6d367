"""llama.vim's way of completing while somebody types: what it shows, what it asks llama-server, and when.

What the plugin does upon each event of an editor is done here upon each event of the trace, with its own defaults and
in its own order (https://github.com/ggml-org/llama.vim, MIT, autoload/llama.vim at a1c8e6e of 2026-01-31):
``llama#setup_autocmds``, ``llama#fim``, ``s:fim_on_response``, ``s:on_move``, ``s:ring_update``; the rest of it is in
``llama_vim_local`` and ``llama_vim_ring``. Where that source and common sense disagree the source counts:

- One request at a time. A key that comes meanwhile stops nothing: it looks again after 100 ms, and so does the
  speculation behind a suggestion that a reply has brought. (The lines that would stop a job cannot be reached.)
- A key that goes on as the suggestion said is answered by the look-back, and the model is asked all the same.
- Tokens are drawn at random (``top_k``, ``top_p``, ``infill``, and no temperature), not the likeliest taken.

Typed into beside the plugin itself, in Neovim 0.12.4, with one and the same stub for a server, it sent the same 114
requests in the same order and showed the same 138 texts behind 138 keys 250 ms apart; at 120 ms, with replies that take
200, which of two timers is first decided over 4 of 65 requests.

What differs, all of it in the peer's favour or without effect:

- The time that Vim and curl take is not counted, only llama-server's: its processor time, memory and waiting.
- The draw of each request has a seed of its own, 1, 2, 3..., so that a run can be repeated.
- A trace has no modes and no saves. The cursor's arrival at another place asks at once, as it does where insert mode
  is entered with ``A`` or ``o``; until the next edit the ring turns, as it does in normal mode; and a document that is
  left is saved first.
- Of the parts of a reply only those are asked for that are read here; ``model`` and the key, both empty, and the
  chunks' times are not sent. llama-server heeds none of them.
- On a line of blanks a suggestion that begins with fewer blanks than stand there is inserted behind them, where the
  plugin would take the line's own away; and at column 0 in front of a text the plugin would write that text twice.
"""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Protocol

from lsp_server.base.text import content, split_lines
from lsp_server.bench.typing.llama_server import FIELDS, Reply, Unusable
from lsp_server.bench.typing.llama_vim_local import Cache, Hint, Kept, Key, Question, Reach, hint, question
from lsp_server.bench.typing.llama_vim_ring import CHUNK, Ring
from lsp_server.bench.typing.subject import Answer

#: Tokens of a reply (``n_predict``); time for those behind its first line, when it is waited for and when it is
#: speculation (ms); time for a prompt (ms), which llama-server does not heed.
_TOKENS, FIRST_MS, _LATER_MS, _PROMPT_MS = 128, 250, 1000, 500

#: A key asks only where no more than this is right of the cursor (bytes; ``max_line_suffix``).
_REST = 8

#: After how long a key looks again that has found a request under way; after how long an entered buffer is picked
#: from; between two turns of the ring; after how long without a move it turns while somebody inserts (s).
_AGAIN_S, _ENTER_S, _TURN_S, _STILL_S = 0.1, 0.1, 1.0, 3.0

#: Lines that the cursor moves between two picks; how far above and below a pick reaches (``ring_scope``).
_MOVED, _SCOPE = 32, 1024

#: A question that has the ring evaluated and writes nothing.
_TURN: dict[str, Any] = {
    "id_slot": 0,
    "input_prefix": "",
    "input_suffix": "",
    "prompt": "",
    "n_predict": 0,
    "temperature": 0.0,
    "samplers": [],
    "stream": False,
    "cache_prompt": True,
    "t_max_prompt_ms": 1,
    "t_max_predict_ms": 1,
    "response_fields": FIELDS[1:],
}


def body(asked: Question, extra: Sequence[Mapping[str, str]], milliseconds: int, seed: int) -> dict[str, Any]:
    """A question as it is sent."""
    return {
        "id_slot": 0,
        "input_prefix": asked.prefix,
        "input_suffix": asked.suffix,
        "input_extra": extra,
        "prompt": asked.middle,
        "n_predict": _TOKENS,
        "stop": [],
        "n_indent": asked.indent,
        "top_k": 40,
        "top_p": 0.90,
        "samplers": ["top_k", "top_p", "infill"],
        "seed": seed,
        "stream": False,
        "cache_prompt": True,
        "t_max_prompt_ms": _PROMPT_MS,
        "t_max_predict_ms": milliseconds,
        "response_fields": FIELDS,
    }


class Client(Protocol):
    """Who is asked: ``llama_server.Client``."""

    def infill(self, body: Mapping[str, Any]) -> Awaitable[Reply]:
        """Ask ``/infill``; raises ``Unusable``."""


class _Buffer:
    """A document as Vim has it, and where the cursor was in it last."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.row = self.column = 0
        self.modified = False
        self._lines = [content(line) for line in split_lines(text)]

    def lines(self) -> list[str]:
        """Its lines; what LSP has behind the last line's end is none, unless the cursor is there."""
        last = len(self._lines) - 1
        return self._lines[:last] if last and not self._lines[last] and self.row < last else self._lines

    def change(self, line: int, start: int, end_line: int, end: int, text: str) -> None:
        """Replace a range; the cursor is behind what is new."""
        pieces = [content(piece) for piece in split_lines(text)]
        rest = self._lines[end_line][end:]
        pieces[-1] += rest
        pieces[0] = self._lines[line][:start] + pieces[0]
        self._lines[line : end_line + 1] = pieces
        self.row, self.column = line + len(pieces) - 1, len(pieces[-1]) - len(rest)
        self.modified = True

    def around(self) -> list[str]:
        """The lines around the cursor that chunks are made of."""
        return self.lines()[max(0, self.row - CHUNK // 2) : self.row + CHUNK // 2 + 1]


class Plugin:
    """The plugin in an editor with some buffers. All methods belong to one event loop.

    Attributes:
        asked: keys after which ghost text was waited for.
        waited: those of them that the cache did not answer at once.
    """

    def __init__(self, client: Client, reach: Reach) -> None:
        self.asked = self.waited = 0
        self._client = client
        self._reach = reach
        self._ring = Ring(reach.chunks)
        self._cache = Cache()
        self._buffers: dict[str, _Buffer] = {}
        self._current = ""
        self._normal = False
        self._moved = -_STILL_S
        self._picked = -9999
        self._indent = -1
        self._sent = 0
        self._shown: Hint | None = None
        self._source = ""
        self._waiting: asyncio.Future[Answer | None] | None = None
        self._job: asyncio.Task[None] | None = None
        self._again: asyncio.TimerHandle | None = None
        self._entered: asyncio.TimerHandle | None = None
        self._turning = asyncio.create_task(self._turn()) if reach.chunks else None
        self._turns: set[asyncio.Task[None]] = set()

    # What happens in the editor.

    def open(self, uri: str, name: str, text: str) -> None:
        """A document is opened, and in front.

        Args:
            name: of its file, as the ring has it.
        """
        self._leave()
        self._buffers[uri] = _Buffer(name, text)
        self._enter(uri)

    def change(self, uri: str, line: int, start: int, end_line: int, end: int, text: str) -> None:
        """A range is replaced; who waits for what was there does so in vain."""
        self._resolve(None)
        self._normal = False
        self._buffers[uri].change(line, start, end_line, end, text)

    def move(self, uri: str, row: int, column: int) -> None:
        """The cursor moves."""
        self._place(uri, row, column)
        self._normal = True
        self._on_move()

    async def ask(self, uri: str, row: int, column: int) -> Answer | None:
        """The cursor moves because somebody types: wait for what is shown there.

        Returns:
            ghost text; ``None`` when there is nothing and nothing more to come, or another key came.
        """
        self.asked += 1
        self._place(uri, row, column)
        self._normal = False
        waiting: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        self._waiting = waiting
        self._on_move()
        self._settle()
        self.waited += not waiting.done()
        return await waiting

    async def close(self) -> None:
        """Stop all that is under way."""
        self._resolve(None)
        for timer in (self._again, self._entered):
            if timer is not None:
                timer.cancel()
        tasks = [task for task in (self._turning, self._job, *self._turns) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # Buffers: the autocommands BufEnter, BufLeave and BufWritePost.

    def _place(self, uri: str, row: int, column: int) -> None:
        self._resolve(None)
        if uri != self._current:
            self._leave()
            self._enter(uri)
        buffer = self._buffers[uri]
        buffer.row, buffer.column = row, column

    def _leave(self) -> None:
        if self._current:
            buffer = self._buffers[self._current]
            if buffer.modified:
                buffer.modified = False
                self._pick()
            self._pick()

    def _enter(self, uri: str) -> None:
        self._current = uri
        if self._entered is not None:
            self._entered.cancel()  # it would pick from the buffer that is in front by then, as the new one will
        self._entered = asyncio.get_running_loop().call_later(_ENTER_S, self._pick)

    def _pick(self) -> None:
        buffer = self._buffers[self._current]
        if not buffer.modified:
            self._ring.pick(buffer.around(), buffer.name, evict=True)

    # What is shown.

    def _on_move(self) -> None:
        """The two autocommands of a moved cursor: show what is known, then ask the model."""
        self._moved = asyncio.get_running_loop().time()
        self._shown = None
        self._try_hint(None)
        self._fim()

    def _try_hint(self, fresh: Key | None) -> None:
        """Show what the cache has for the cursor's place, and speculate about what follows its acceptance.

        Args:
            fresh: what the reply that has just come was kept under.
        """
        buffer = self._buffers[self._current]
        lines = buffer.lines()
        place = question(lines, buffer.row, buffer.column, self._reach)
        hit = self._cache.find(place)
        if hit is None:
            return
        self._shown = hint(lines, buffer.row, buffer.column, hit.text)
        if hit.speculated or hit.typed:
            self._source = "speculated" if hit.speculated else "typed"
        else:
            self._source = "model" if fresh == place.keys()[0] else "cache"
        self._fim((buffer.row, buffer.column), self._shown.lines)

    def _settle(self) -> None:
        """Answer who waits, if there is something to see or nothing more to come."""
        shown = self._shown
        if shown is not None and shown.acceptable and shown.text:
            self._resolve(Answer(shown.text, source=self._source))
        elif (self._job is None and self._again is None) or (shown is not None and shown.acceptable):
            self._resolve(None)

    def _resolve(self, answer: Answer | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(answer)

    # Requests.

    def _fim(self, at: tuple[int, int] | None = None, shown: tuple[str, ...] = ()) -> None:
        """Ask the model about the cursor's place, or about the text behind what is shown at a place; later, if it is
        still busy."""
        loop = asyncio.get_running_loop()
        if self._job is not None:
            if self._again is not None:
                self._again.cancel()
            self._again = loop.call_later(_AGAIN_S, self._look_again, at, shown)
            return
        buffer = self._buffers[self._current]
        lines = buffer.lines()
        row, column = at or (buffer.row, buffer.column)
        row = min(row, len(lines) - 1)
        asked = question(lines, row, column, self._reach, shown, self._indent)
        if len(asked.rest.encode()) > _REST:
            return
        keys = asked.keys()
        if self._cache.has(keys):
            return
        self._indent = asked.indent
        self._ring.drop_near(buffer.around())
        self._sent += 1
        sent = body(asked, self._ring.extra(), _LATER_MS if shown else FIRST_MS, self._sent)
        self._job = asyncio.create_task(self._run(sent, keys, speculated=bool(shown)))
        if abs(row - self._picked) > _MOVED:
            above, below = row - self._reach.above, row + self._reach.below
            self._ring.pick(lines[max(0, row - _SCOPE) : max(0, above) + 1], buffer.name, evict=False)
            self._ring.pick(lines[min(len(lines) - 1, below) : below + CHUNK + 1], buffer.name, evict=False)
            self._picked = row

    def _look_again(self, at: tuple[int, int] | None, shown: tuple[str, ...]) -> None:
        self._again = None
        self._fim(at, shown)
        self._settle()

    async def _run(self, sent: Mapping[str, Any], keys: tuple[Key, ...], *, speculated: bool) -> None:
        try:
            reply = await self._client.infill(sent)
        except Unusable:
            reply = Reply()
        if reply.content is not None:
            self._cache.put(keys, Kept(reply.content, speculated))
            if self._shown is None or not self._shown.acceptable:
                # The job counts as running until this is done: the speculation that begins here waits its 100 ms.
                self._try_hint(keys[0])
        self._job = None
        self._settle()

    async def _turn(self) -> None:
        """Every second, while nobody types: one chunk into the ring, and have the ring evaluated."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_TURN_S)
            still = self._normal or loop.time() - self._moved >= _STILL_S
            if still and self._ring.turn():
                task = asyncio.create_task(self._evaluate({**_TURN, "input_extra": self._ring.extra()}))
                self._turns.add(task)
                task.add_done_callback(self._turns.discard)

    async def _evaluate(self, sent: Mapping[str, Any]) -> None:
        try:
            await self._client.infill(sent)
        except Unusable:
            return
