"""Who is compared on the page: the runs of one typist, what each is called there, and its colour."""

from collections.abc import Iterator, Sequence

import msgspec

from lsp_server.bench.page.frame import Tone
from lsp_server.bench.typing.figures import Figures
from lsp_server.bench.typing.run import Run
from lsp_server.bench.typing.table import name
from lsp_server.bench.typing.together import called

#: Colours of steps, from the first to the last, and of others.
_STEPS: tuple[Tone, ...] = ("grey", "light", "sky", "mid", "sea", "deep")
_PEERS: tuple[Tone, ...] = ("warm", "sand")


class Member(msgspec.Struct, frozen=True):
    """A run that came to an end.

    Attributes:
        name: beside the others.
    """

    name: str
    tone: Tone
    run: Run
    figures: Figures


class Cast(msgspec.Struct, frozen=True):
    """All of one typist.

    Attributes:
        steps: of Offhand, from the least speculation to the most; one where nothing was left out.
        peers: other programs.
        bare: figures without any speculation, where others are to be compared with them.
    """

    profile: str
    steps: tuple[Member, ...]
    peers: tuple[Member, ...]
    bare: Figures | None

    @property
    def all(self) -> tuple[Member, ...]:
        """In the order in which they are shown."""
        return (*self.steps, *self.peers)

    @property
    def whole(self) -> Figures | None:
        """Of Offhand with the most."""
        return self.steps[-1].figures if self.steps else None


def cast(runs: Sequence[Run]) -> Cast:
    """Tell a typist's runs apart. The first one's subject is Offhand, for whom the command asks first."""
    ours = called(runs[0].subject)
    mine = [one for one in runs if called(one.subject) == ours]
    others = [one for one in runs if called(one.subject) != ours]
    return Cast(
        profile=runs[0].profile,
        steps=tuple(_members(mine, [_STEPS[at] for at in _spread(len(mine), len(_STEPS))])),
        peers=tuple(_members(others, [_PEERS[at % len(_PEERS)] for at in range(len(others))])),
        bare=mine[0].figures if len(mine) > 1 else None,
    )


def _members(runs: Sequence[Run], tones: Sequence[Tone]) -> Iterator[Member]:
    for one, tone in zip(runs, tones, strict=True):
        if one.figures is not None:
            every = " (all)" if one.step and one is runs[-1] and len(runs) > 1 else ""
            yield Member(name(one) + every, tone, one, one.figures)


def _spread(count: int, over: int) -> list[int]:
    """So many places of a row, from its first to its last; a single one is the last."""
    return [round(at * (over - 1) / (count - 1)) for at in range(count)] if count > 1 else [over - 1] * count
