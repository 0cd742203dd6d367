"""A result of ``offhand bench typing``, invented: numbers as they may be, and always the same."""

import math
from typing import NamedTuple

from lsp_server.base.histogram import percentile
from lsp_server.bench.typing.figures import NOTHING, Figures, Range, Times
from lsp_server.bench.typing.run import STEPS, Others, Run, Typed, Typing
from lsp_server.bench.typing.screen import Shows
from lsp_server.bench.typing.together import summed

#: Keys of a script, and the bin around which most gaps between keys lie (160 ms).
_KEYS, _GAP = 600, 22


class Step(NamedTuple):
    """What a run is like.

    Attributes:
        keys: pressed.
        sources: how many texts came from where, and the bin around which these answers lie.
        nothing: answers without text, soon and late.
        cpu_s: per 1,000 keys.
    """

    keys: int
    sources: dict[str, tuple[int, int]]
    nothing: tuple[int, int]
    cpu_s: float
    computed: int
    wrong: int
    flicker: int


_STEPS = (
    Step(470, {"model": (61, 19)}, (12, 150), 44.0, 2_900, 41, 9),
    Step(455, {"cache": (70, 6), "model": (43, 19)}, (130, 92), 31.0, 1_850, 38, 4),
    Step(452, {"cache": (70, 6), "joined": (17, 17), "model": (39, 19)}, (136, 98), 27.5, 1_490, 36, 3),
    Step(450, {"cache": (72, 6), "joined": (18, 16), "model": (40, 17)}, (139, 124), 28.0, 1_500, 36, 3),
    Step(
        438,
        {"cache": (74, 6), "lookahead": (31, 5), "joined": (12, 16), "model": (31, 17)},
        (158, 103),
        33.0,
        2_600,
        33,
        2,
    ),
    Step(
        431,
        {"cache": (80, 5), "lookahead": (33, 5), "branch": (24, 5), "joined": (9, 15), "model": (22, 17)},
        (186, 60),
        47.5,
        5_150,
        32,
        2,
    ),
)

_PEER = Step(505, {"model": (58, 21), "typed": (33, 7), "speculated": (9, 8)}, (0, 90), 92.0, 7_400, 88, 31)


def result(*, workspaces: int = 2, profiles: tuple[str, ...] = ("typical",), peer: bool = True) -> Typing:
    """An ablation in some workspaces, by some typists, with a peer or without."""
    names = ("httpie", "datasette", "thefuck")[:workspaces]
    runs = []
    for place, name in enumerate(names):
        for profile in profiles:
            for number, (step, like) in enumerate(zip(STEPS, _STEPS, strict=True)):
                about = (name, profile, "Offhand", step.name, "a")
                runs.append(Run(*about, 190.0 + number, Others(0.2, 0.4, 0.1), made(like, place)))
            if peer:
                subject = f"llama.vim ({place + 1} threads)"
                runs.append(
                    Run(name, profile, subject, "", "a", 180.0, Others(0.2, 0.4, 0.1), made(_PEER, place))
                )
    return Typing(
        version="1.2.3",
        model="bundled",
        sha256="0123456789abcdef" * 4,
        seed=1,
        keys=_KEYS,
        cores=2,
        workspaces=tuple(Typed(name, "c" * 40, "f" * 64, 5, 9, _KEYS) for name in names),
        runs=tuple(runs),
    )


def made(like: Step, place: int = 0) -> Figures:
    """The figures of a run; each place is a little slower than the one before."""
    waits = {name: bell(count, around + place, 2.5) for name, (count, around) in like.sources.items()}
    soon, late = bell(like.nothing[0], 6 + place, 2.5), bell(like.nothing[1], 19 + place, 2.0)
    waits[NOTHING] = {at: soon.get(at, 0) + late.get(at, 0) for at in sorted({*soon, *late})}
    texts = summed(bins for name, bins in waits.items() if name != NOTHING)
    answers = summed(waits.values())
    text, fresh = sum(texts.values()), sum(answers.values()) / like.keys
    times = Times(percentile(texts, 0.5), percentile(texts, 0.95), percentile(texts, 0.99), text)
    half = 0.5 * like.keys / sum(answers.values())
    waited = like.sources["model"][0] + like.nothing[1] if len(like.sources) > 1 else like.keys
    shows = Shows(
        accepted=22,
        typed=9,
        contradicted=like.wrong - 8,
        left=3,
        withdrawn=5,
        flicker=like.flicker,
        characters=900,
    )
    return Figures(
        keys=like.keys,
        script_keys=_KEYS,
        jumps=16,
        accepts=22,
        fresh=around(fresh),
        shown=around(1.2 * text / like.keys),
        right=around(0.4 * text / like.keys),
        right_word=around(0.7 * text / like.keys),
        text=times,
        by_source={
            name: Times(percentile(waits[name], 0.5), percentile(waits[name], 0.95), None, count)
            for name, (count, _) in like.sources.items()
        },
        answer=Times(percentile(answers, half) if half < 1 else None, None, None, like.keys),
        median=Range(times.p50, None, None),
        slow=Range(times.p95, None, None),
        without_model=1 - waited / like.keys,
        reused=0.958,
        saved=around(1 - like.keys / _KEYS),
        shows=shows,
        wrong_shows=shows.wrong / 22,
        flicker=1_000 * shows.flicker / like.keys,
        cpu_s=like.cpu_s,
        rss_mb=262.0,
        computed=like.computed,
        unshown=1 - 300 / like.computed,
        stale=3,
        stale_ms=11.0,
        late_ms=1.4,
        waits=waits,
        gaps=bell(like.keys - 30, _GAP, 2.2) | {33: 12, 34: 9, 36: 6, 38: 3},
    )


def around(share: float) -> Range:
    """A share with its range."""
    return Range(share, share * 0.94, min(1.0, share * 1.03))


def bell(count: int, middle: float, width: float) -> dict[int, int]:
    """So many, spread over the bins around one."""

    def below(at: float) -> float:
        return count * (1 + math.erf((at - middle) / width / math.sqrt(2))) / 2

    reach = range(int(middle - 3 * width), int(middle + 3 * width) + 1)
    return {at: held for at in reach if (held := round(below(at + 1)) - round(below(at)))}
