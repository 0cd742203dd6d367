"""Does an exported file mean to an engine what the model means to PyTorch, and what does the engine take for it?

Knows no file format and no training: an engine, a network as a function, prompts of token ids.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec
import numpy as np

from lsp_server.engine.protocol import Engine, Logits
from lsp_server.training.bits import Network

Against = Literal["file", "training"]

#: Tokens that an engine evaluates when it is timed: a prompt as the product asks it, and single ones behind it.
_PROMPT, _SINGLE, _TIMES = 512, 16, 3


class Answer(msgspec.Struct, frozen=True):
    """What an engine said to a prompt.

    Attributes:
        first: logits behind the prompt, shape (vocabulary,).
        greedy: the likeliest tokens from there on.
    """

    first: Logits
    greedy: tuple[int, ...]


class Agreement(msgspec.Struct, frozen=True):
    """How far an engine and PyTorch agree about prompts.

    Attributes:
        against: weights that PyTorch had: those that the file holds, or those that training left. The first shows
            whether file and engine are right, the second also what smaller numbers cost.
        difference, worst: largest difference of a logit behind a prompt; median and largest over the prompts.
        first_same: prompts with the same likeliest token.
        texts_same: prompts with the same ``tokens`` likeliest tokens.
    """

    engine: str
    kind: str
    against: Against
    prompts: int
    tokens: int
    difference: float
    worst: float
    first_same: int
    texts_same: int


class Speed(msgspec.Struct, frozen=True):
    """What one thread of an engine takes, in milliseconds of CPU time, the best of three.

    Attributes:
        load: opening the file.
        prompt: a prompt of ``tokens`` tokens.
        token: one more token behind it.
    """

    load: float
    prompt: float
    token: float
    tokens: int


def ask(engine: Engine, prompts: Sequence[Sequence[int]], tokens: int) -> list[Answer]:
    """Let an engine continue prompts.

    Raises:
        EngineError: it failed.
    """
    return [_answer(engine, prompt, tokens) for prompt in prompts]


def _answer(engine: Engine, prompt: Sequence[int], tokens: int) -> Answer:
    first = engine.evaluate(prompt, 0).copy()
    greedy = [int(first.argmax())]
    while len(greedy) < tokens:
        row = engine.evaluate(greedy[-1:], len(prompt) + len(greedy) - 1)
        greedy.append(int(row.argmax()))
    return Answer(first, tuple(greedy))


def agree(
    names: tuple[str, str, Against],
    prompts: Sequence[Sequence[int]],
    answers: Sequence[Answer],
    network: Network,
) -> Agreement:
    """Compare an engine's answers with a network. Its text is the same where each of its tokens is the network's
    likeliest behind the ones before.

    Args:
        names: ``engine``, ``kind`` and ``against`` of the result.
    """
    differences, first_same, texts_same = [], 0, 0
    for prompt, answer in zip(prompts, answers, strict=True):
        rows = network([*prompt, *answer.greedy[:-1]])[len(prompt) - 1 :]
        likeliest = tuple(int(token) for token in rows.argmax(axis=1))
        differences.append(float(np.abs(rows[0] - answer.first).max()))
        first_same += likeliest[0] == answer.greedy[0]
        texts_same += likeliest == answer.greedy
    engine, kind, against = names
    return Agreement(
        engine,
        kind,
        against,
        len(prompts),
        len(answers[0].greedy),
        round(statistics.median(differences), 4),
        round(max(differences), 4),
        first_same,
        texts_same,
    )


def cut_otherwise(ours: Sequence[int], theirs: Sequence[int], spelling: Sequence[bytes]) -> int:
    """How many of our tokens another tokenizer does not make of the same text at the same place."""
    return len(_spans(ours, spelling) - _spans(theirs, spelling))


def _spans(ids: Sequence[int], spelling: Sequence[bytes]) -> set[tuple[int, int]]:
    ends = np.cumsum([len(spelling[token]) for token in ids]).tolist()
    return set(zip([0, *ends], ends, strict=False))


def speed(load: Callable[[], Engine]) -> Speed:
    """Time an engine.

    Args:
        load: opens it, with a single thread; it is closed here.
    """
    began = time.process_time()
    engine = load()
    loaded = time.process_time() - began
    try:
        prompt = [token % engine.vocabulary for token in range(min(_PROMPT, engine.context - _SINGLE))]
        rounds = [_round(engine, prompt) for _ in range(_TIMES)]
    finally:
        engine.close()
    whole, single = min(one for one, _ in rounds), min(other for _, other in rounds)
    return Speed(round(1000 * loaded, 1), round(1000 * whole, 1), round(1000 * single, 3), len(prompt))


def _round(engine: Engine, prompt: Sequence[int]) -> tuple[float, float]:
    began = time.process_time()
    engine.evaluate(prompt, 0)
    middle = time.process_time()
    for place in range(_SINGLE):
        engine.evaluate([prompt[place]], len(prompt) + place)
    return middle - began, (time.process_time() - middle) / _SINGLE
