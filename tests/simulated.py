"""Weeks of somebody's work, as the server would have counted them; made from a seed."""

import random
from datetime import datetime, timedelta
from pathlib import Path

from lsp_server.base.metrics import Metrics
from lsp_server.completion.history import History

#: Source, how often it answers, its milliseconds' median and spread (log-normal).
SOURCES = (
    ("cache", 46, 3.0, 0.5),
    ("disk", 5, 4.0, 0.5),
    ("lookahead", 13, 3.5, 0.5),
    ("branch", 6, 3.5, 0.5),
    ("prefill", 3, 5.0, 0.5),
    ("joined", 8, 60.0, 0.8),
    ("memory", 2, 9.0, 0.5),
    ("model", 17, 190.0, 0.55),
)
LANGUAGES = (("python", 6), ("typescript", 3), ("go", 1), ("rust", 1))

#: Of no process: Linux gives none above 2**22.
GONE = 2**30


def live(folder: Path, now: float, days: int, seed: int = 1, keys: int = 500) -> None:
    """Work on so many days, weekends mostly left out, and keep what is counted of it.

    Args:
        now: the last moment, seconds since 1970.
        keys: of an ordinary hour.
    """
    luck = random.Random(seed)
    metrics, history = Metrics(), History(folder, GONE)
    today = datetime.fromtimestamp(now).replace(hour=0, minute=0, second=0, microsecond=0)
    for number in reversed(range(days)):
        day = today - timedelta(days=number)
        if day.weekday() >= 5 and luck.random() < 0.8:
            continue
        warmth = 1 - 0.5 * number / days  # more is ready, the longer it is used
        for hour in sorted(luck.sample(range(9, 19), luck.randint(3, 7))):
            at = (day + timedelta(hours=hour, minutes=luck.choice((0, 15, 30, 45)))).timestamp()
            if at <= now:
                _hour(metrics, luck, int(keys * luck.uniform(0.4, 1.3)), warmth)
                history.add(metrics.take(), at)
    history.save(now, at_once=True)


def _hour(metrics: Metrics, luck: random.Random, keys: int, warmth: float) -> None:
    (language,) = luck.choices([name for name, _ in LANGUAGES], [often for _, often in LANGUAGES])
    weights = [often * (1.0 if name == "model" else warmth) for name, often, _, _ in SOURCES]
    for _ in range(keys):
        metrics.asked()
        metrics.wrote(1, language)
        if luck.random() < 0.25:
            metrics.answered("nothing", luck.lognormvariate(3, 1))
            continue
        ((source, _, median, spread),) = luck.choices(SOURCES, weights)
        metrics.answered(source, median * luck.lognormvariate(0, spread))
        new = luck.random() < 0.18
        metrics.showed(language, new=new)
        if source in ("model", "joined"):
            metrics.computed("asked", luck.randint(4, 30), 330 * luck.lognormvariate(0, 0.4))
        metrics.computed("lookahead", luck.randint(0, 12), 90 * luck.lognormvariate(0, 0.6))
        if luck.random() < 0.4:
            metrics.computed("branch", luck.randint(4, 20), 120 * luck.lognormvariate(0, 0.5))
        if luck.random() < 0.05:
            metrics.computed("prefill", 0, 400 * luck.lognormvariate(0, 0.5))
        metrics.prompted(700, luck.randint(640, 699))
        if new:
            metrics.used(luck.randint(4, 20))
            _ending(metrics, luck, language)


def _ending(metrics: Metrics, luck: random.Random, language: str) -> None:
    (ending,) = luck.choices(("accepted", "partly", "typed", "rejected", "ignored"), (31, 5, 9, 38, 17))
    metrics.ended(ending, language)
    if ending in ("accepted", "partly"):
        length = luck.randint(6, 45)
        metrics.wrote(length, language)
        metrics.inserted(length, language, whole=ending == "accepted")
    if ending == "accepted":
        lasting = luck.random()
        for after, share in ((30, 0.95), (120, 0.92), (600, 0.88)):
            metrics.looked(after, stood=lasting < share)
