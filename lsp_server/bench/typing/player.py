"""Plays a script in real time into a subject, and notes what was seen of each key.

A key is pressed at its time, whatever was answered until then; then it is asked at once, however many questions are
still open. The event loop's clock is the time. Does not know who completes, nor how figures are made of what it saw.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine
from typing import Literal

import msgspec

from lsp_server.bench.typing.keys import Key
from lsp_server.bench.typing.screen import Screen, Shows
from lsp_server.bench.typing.script import Script
from lsp_server.bench.typing.subject import Explains, Subject
from lsp_server.bench.typing.typist import Gaps

#: Who takes ghost text: nobody; whoever sees that all of it is right; whoever sees that its next word is.
Acceptor = Literal["none", "a", "b"]

#: Seconds to the next key in which a subject may be asked where its answers came from.
_TIME_TO_LOOK = 0.1

#: Seconds that answers which nobody waits for any more are given at the end.
_LATE = 5.0


class Stroke(msgspec.Struct):
    """A key, and what was seen before the next one.

    Attributes:
        visit: when the cursor came to where it is, counted.
        accept: it took ghost text.
        keys: of the script that it is worth.
        late_ms: after its time.
        answer_ms: until the answer; ``None`` when there was none before the next key.
        gap_ms: until the next key came, or the cursor went elsewhere; ``None`` before that.
        text: the answer had text.
        shown: there was ghost text then; ``right``: all of it is what is written next; ``right_word``: its next word
            is.
        source: of the answer.
    """

    visit: int
    accept: bool
    keys: int
    late_ms: float
    answer_ms: float | None = None
    gap_ms: float | None = None
    text: bool = False
    shown: bool = False
    right: bool = False
    right_word: bool = False
    source: str = ""


class Played(msgspec.Struct, frozen=True):
    """What was seen of a whole script.

    Attributes:
        keys: of the script, without help; ``strokes`` are fewer where text was accepted.
        jumps: how often the cursor went elsewhere.
        stale: answers with text for a document that had changed since; the editor drops them.
        stale_ms: how long before the answer it had changed, at most. A few are on their way when a key comes; what
            comes later is a fault.
    """

    keys: int
    jumps: int
    strokes: tuple[Stroke, ...]
    shows: Shows
    stale: int
    stale_ms: float


class Player:
    """Somebody who types a script. Use it once.

    Args:
        subject: started, the script's documents open in it.
        step: told after each key how many keys of the script are done.
    """

    def __init__(
        self,
        script: Script,
        gaps: Gaps,
        subject: Subject,
        acceptor: Acceptor,
        step: Callable[[int], None] = lambda keys: None,
    ) -> None:
        self._script = script
        self._gaps = gaps
        self._subject = subject
        self._acceptor = acceptor
        self._step = step
        self._explains = subject if isinstance(subject, Explains) else None
        self._writings = [_Writing(one.keys) for one in script.stretches]
        self._screen = Screen()
        self._strokes: list[Stroke] = []
        self._asked: list[Stroke | None] = []  # whose question each was; None for one that asked again
        self._tasks: set[asyncio.Task[None]] = set()
        self._state = 0  # grows with each change and each movement
        self._open = False  # the newest question has no answer yet
        self._stretch = 0
        self._struck = self._next = 0.0
        self._pressed = 0.0  # when the last key was; ``_struck`` may be when the cursor went elsewhere
        self._edits: defaultdict[str, list[float]] = defaultdict(list)  # when each document changed
        self._jumps = self._stale = 0
        self._stale_ms = 0.0
        self._fault: BaseException | None = None

    async def play(self) -> Played:
        """Type all of it.

        Raises:
            OffhandError: the subject is gone.
        """
        if self._explains is not None:
            self._explains.grown = self._grown
        self._struck = self._now()
        try:
            for number, visit in enumerate(self._script.visits):
                await self._visit(number, visit.stretch, visit.until)
            await self._wait(self._gaps.last)
            self._look_back()
            self._move()
            await self._end()
        finally:
            for task in self._tasks:
                task.cancel()
        return Played(
            keys=self._script.keys,
            jumps=self._jumps,
            strokes=tuple(self._strokes),
            shows=self._screen.shows,
            stale=self._stale,
            stale_ms=self._stale_ms,
        )

    async def _visit(self, number: int, stretch: int, until: int) -> None:
        writing = self._writings[stretch]
        if writing.done >= until:  # an accepted text went further
            return
        await self._wait(self._gaps.visits[number])
        self._look_back()
        self._move()
        self._jumps += 1
        self._stretch = stretch
        await self._subject.cursor(self._uri, *self._cursor())
        while writing.done < until:
            late = await self._wait(self._gaps.keys[stretch][writing.done])
            self._look_back()
            await self._press(number, late)
            self._step(sum(one.done for one in self._writings))

    async def _press(self, visit: int, late: float) -> None:
        """One key: it takes what is on the screen, or it is the script's."""
        writing, screen, (line, column) = self._writings[self._stretch], self._screen, self._cursor()
        before, taken, answer = writing.done, self._wanted(), screen.answer
        self._state += 1
        self._edits[self._uri].append(self._struck)
        if taken:
            whole = taken == screen.text
            writing.done = writing.reached(taken)
            screen.accept(len(taken))
            await self._subject.change(self._uri, line, column, line, column, taken)
            if whole and answer is not None:
                self._spawn(self._subject.accepted(self._uri, answer))
        else:
            key = writing.keys[writing.done]
            writing.done += 1
            screen.key(key.text, key.remove)
            await self._subject.change(self._uri, line, column - key.remove, line, column, key.text)
        stroke = Stroke(visit, bool(taken), writing.done - before, late)
        self._pressed = self._struck
        self._strokes.append(stroke)
        self._ask(stroke)

    def _wanted(self) -> str:
        """What of the ghost text the acceptor takes."""
        screen, writing = self._screen, self._writings[self._stretch]
        offered = {"none": "", "a": screen.text, "b": screen.word}[self._acceptor]
        plain = screen.answer is not None and not screen.answer.replace
        return offered if offered and plain and writing.reached(offered) else ""

    # --- where the cursor is

    @property
    def _uri(self) -> str:
        return self._script.documents[self._script.stretches[self._stretch].document].uri

    def _cursor(self) -> tuple[int, int]:
        """Line and column, with what was written above in the same document."""
        here = self._script.stretches[self._stretch]
        typed = self._writings[self._stretch].typed
        above = sum(
            writing.typed.count("\n")
            for one, writing in zip(self._script.stretches, self._writings, strict=True)
            if one.document == here.document and one.line < here.line
        )
        head, newline, last = typed.rpartition("\n")
        line = here.line + above + (head + newline).count("\n")
        return line, len(last) + (0 if newline else here.column)

    # --- time and answers

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def _wait(self, gap: float) -> float:
        """Wait until a gap behind the last key is over; by how many ms it is late then."""
        self._next = self._struck + gap / 1_000
        await asyncio.sleep(max(0.0, self._next - self._now()))
        if self._fault is not None:
            raise self._fault
        self._struck = self._now()
        return (self._struck - self._next) * 1_000

    def _look_back(self) -> None:
        """What is on the screen when the next key comes; once for each key, which another visit's first one is no
        next key of."""
        if self._strokes and self._strokes[-1].gap_ms is None:
            stroke, screen, writing = self._strokes[-1], self._screen, self._writings[self._stretch]
            stroke.gap_ms = (self._struck - self._pressed) * 1_000
            stroke.shown = bool(screen.text)
            stroke.right = bool(screen.text and writing.reached(screen.text))
            stroke.right_word = bool(screen.text and writing.reached(screen.word))

    def _move(self) -> None:
        self._state += 1
        self._open = False
        self._screen.leave()

    def _ask(self, stroke: Stroke | None) -> None:
        self._open = True
        self._asked.append(stroke)
        self._spawn(self._answered(stroke, self._uri, *self._cursor()))

    async def _answered(self, stroke: Stroke | None, uri: str, line: int, column: int) -> None:
        state, struck, edits = self._state, self._struck, len(self._edits[uri])
        answer = await self._subject.ask(uri, line, column)
        now = self._now()
        if state != self._state:
            since = self._edits[uri][edits:]
            if answer is not None and since:
                self._stale += 1
                self._stale_ms = max(self._stale_ms, (now - since[0]) * 1_000)
            return
        self._open = False
        if stroke is not None:
            stroke.answer_ms = (now - struck) * 1_000
            stroke.text = answer is not None
            stroke.source = answer.source if answer is not None else ""
        self._screen.show(answer)
        if self._explains is not None and self._next - now >= _TIME_TO_LOOK:
            self._spawn(self._explains.look())

    def _grown(self, uri: str) -> None:
        """An answer has got more lines: editors ask again."""
        if uri == self._uri and not self._open and self._strokes:
            self._ask(None)

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._fault = self._fault or task.exception()

    async def _end(self) -> None:
        """Wait for what is still open, and learn where answers came from."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=_LATE)
        if self._fault is not None:
            raise self._fault
        if self._explains is None:
            return
        await self._explains.look(all=True)
        for stroke, source in zip(self._asked, self._explains.sources(), strict=False):
            if stroke is not None and stroke.text:
                stroke.source = source


class _Writing:
    """A stretch that is being written.

    Attributes:
        done: keys that are pressed, or need not be any more.
    """

    def __init__(self, keys: tuple[Key, ...]) -> None:
        self.keys = keys
        self.done = 0
        self._states = [""]
        for key in keys:
            self._states.append(key.after(self._states[-1]))

    @property
    def typed(self) -> str:
        """What stands there now."""
        return self._states[self.done]

    def reached(self, text: str) -> int:
        """After which key it would be the same as if a text was inserted now; 0 if that never comes."""
        wanted = self.typed + text
        return next(
            (number for number in range(self.done + 1, len(self._states)) if self._states[number] == wanted),
            0,
        )
