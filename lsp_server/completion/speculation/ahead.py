"""What speculation is about and has found out. Holds, and does nothing."""

import asyncio
from collections import OrderedDict

import msgspec

from lsp_server.completion.cache import Origin, Place
from lsp_server.completion.types import Snapshot, Suggestion

#: Outcomes that are remembered, so that nothing is computed twice.
_OUTCOMES = 64


class Target(msgspec.Struct, frozen=True):
    """A question that may come.

    Attributes:
        snapshot: the document and the cursor as they would be.
        origin: what for.
        only_prompt: nothing need be written.
        window: where the window of its prompt begins, if it is that what matters.
    """

    snapshot: Snapshot
    origin: Origin
    only_prompt: bool = False
    window: int | None = None

    @property
    def key(self) -> tuple[object, ...]:
        """What tells it from others. What is on the line does not change what stands above it."""
        snapshot = self.snapshot
        if self.window is not None:
            return snapshot.uri, snapshot.line, self.window
        return snapshot.uri, snapshot.line, snapshot.column, hash(snapshot.lines), self.only_prompt


class Outcome(msgspec.Struct, frozen=True):
    """What came of a target.

    Attributes:
        suggestion: that would be shown.
        complete: the model has nothing to add there.
    """

    suggestion: Suggestion | None
    complete: bool


class Question(msgspec.Struct, frozen=True):
    """Where the user is: the last question and its answer; or a place where one may soon be asked.

    Attributes:
        place: as the cache has it; ``None`` where nothing was asked yet.
        suggestion, complete: as in ``Outcome``.
        unsettled: as in ``Ahead``.
    """

    snapshot: Snapshot
    place: Place | None = None
    suggestion: Suggestion | None = None
    complete: bool = False
    unsettled: bool = False


class Ahead:
    """See the module.

    Attributes:
        place: of the question that was asked last.
        unsettled: that question was asked beside other pieces of other files than there may be now.
        question: where the user is; ``None`` while nothing is known.
        target: what is being computed.
        task: that computes it.
        outcomes: by a target's key, the newest last.
        cursors: where the cursor was last in each document, line and column; the newest document last.
        timer: begins work at a place where nothing was asked yet.
    """

    def __init__(self) -> None:
        self.place: Place | None = None
        self.unsettled = False
        self.question: Question | None = None
        self.target: Target | None = None
        self.task: asyncio.Task[None] | None = None
        self.outcomes: OrderedDict[tuple[object, ...], Outcome] = OrderedDict()
        self.cursors: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self.timer: asyncio.TimerHandle | None = None

    @property
    def working(self) -> bool:
        """Whether anything is computed now."""
        return self.task is not None and not self.task.done()

    def note(self, target: Target, outcome: Outcome) -> None:
        """Remember what came of a target."""
        self.outcomes[target.key] = outcome
        while len(self.outcomes) > _OUTCOMES:
            self.outcomes.popitem(last=False)

    def at(self, uri: str, line: int, column: int) -> None:
        """Note where the cursor is."""
        self.cursors[uri] = line, column
        self.cursors.move_to_end(uri)

    def await_answer(self) -> None:
        """A question was asked: its prompt need not be thought of."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def stop(self) -> None:
        """Compute nothing any more, within one token, until there is something new."""
        self.await_answer()
        if self.task is not None:
            self.task.cancel()
            self.task = self.target = None

    def forget(self) -> None:
        """What was found out is no longer true: another model, other settings."""
        self.stop()
        self.outcomes.clear()
        self.place = None
