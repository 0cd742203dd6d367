"""Learns the numbers of the memory's mixture: how far a match of which length, where, is to be believed.

At places of workspaces that the model was not trained on, the true rest of the line is followed token by token; at each
token stand what the network said and what the memory found. The numbers are those under which the true tokens are
likeliest, sought one after the other (coordinate descent on their logarithms): there are few, and the likelihood is
smooth. Does not know how a completion is searched for or shown.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from lsp_server.base.uri import path_of
from lsp_server.bench.files import Source, Workspace, read
from lsp_server.bench.sample import Place, hole
from lsp_server.completion import snapshot as snapshots
from lsp_server.completion.asking import capacity_of, prompt_of
from lsp_server.completion.gather import NOTHING
from lsp_server.completion.look import look
from lsp_server.completion.session import Session
from lsp_server.engine.backends.absent import Absent
from lsp_server.engine.decoder import Decoder
from lsp_server.engine.kept import common
from lsp_server.engine.memory.mixture import Weights, weights
from lsp_server.engine.memory.segment import Ids
from lsp_server.engine.memory.store import DEAD
from lsp_server.engine.messages import Load
from lsp_server.engine.opening import open_engine
from lsp_server.engine.tokenizer import Tokenizer
from lsp_server.prompt.window import model_text

__all__ = ["Mixing", "Seen", "decoder", "fit", "learn", "observe", "origin", "weights"]

Floats = npt.NDArray[np.float64]

#: Rounds over all numbers, and the first step of each number's logarithm.
_ROUNDS, _STEP = 5, 0.5

#: Prompt tokens evaluated at once.
_CHUNK = 64


class Seen(msgspec.Struct, frozen=True):
    """One true token and what was said before it.

    Attributes:
        token: the true one.
        familiar: the model was trained on the language.
        allowed: probability that the network gave all tokens that agree with what was typed.
        sure: its largest probability.
        network: what it gave the true token.
        tokens: that the memory offers, ascending, shape (n,).
        probabilities: that the network gave them.
        fits: whether they agree with what was typed.
        lengths, kinds, offers: of each match: its length, where it stands, the index in ``tokens`` of what followed.
    """

    token: int
    familiar: bool
    allowed: float
    sure: float
    network: float
    tokens: Ids
    probabilities: Floats
    fits: npt.NDArray[np.bool_]
    lengths: Ids
    kinds: Ids
    offers: Ids


def decoder(load: Load) -> Decoder:
    """A model in this process.

    Raises:
        ModelError, EngineError: it cannot be loaded.
    """
    tokenizer = Tokenizer(Path(load.tokenizer), load.special_tokens)
    alone = Decoder(Absent(tokenizer.vocabulary, load.context), tokenizer, load.end_tokens)
    engine, _name, _note = open_engine(load, alone)
    return Decoder(engine, tokenizer, load.end_tokens, weights=weights(load.mixture))


def learn(decoder: Decoder, sources: Sequence[Source]) -> None:
    """Have the memory know a workspace's files."""
    texts = ((path_of(source.path.as_uri()), read(source.path) or []) for source in sources)
    decoder.memory.learn(
        (name, [decoder.tokenizer.encode(model_text("".join(lines)))]) for name, lines in texts
    )


async def observe(session: Session, decoder: Decoder, place: Place, lines: Sequence[str]) -> list[Seen]:
    """Follow the true rest of a line.

    Args:
        decoder: whose memory holds the other files of the workspace.
        lines: of the place's file.
    """
    language, uri = place.source.language, place.source.path.as_uri()
    document = session.documents.open(uri, language.editors_id, 0, "".join(hole(lines, place)))
    grammar = session.grammar(language.editors_id)
    snapshot = snapshots.take(document, grammar, place.line, place.column)
    session.documents.close(uri)
    assert session.model is not None
    manifest = session.model.manifest
    view = await look(snapshot, grammar, ())
    prompt = prompt_of(manifest, capacity_of(manifest), view, NOTHING)
    above = model_text("".join(lines[: place.line])).rstrip()
    below = "\n" + model_text("".join(lines[place.line + 1 :]))
    encode, own = decoder.tokenizer.encode, path_of(uri)
    decoder.memory.remember(own, [encode(above), encode(below)])
    ids, typed = decoder.prompt_ids(prompt.parts)
    follows = model_text("".join(lines[place.line + 1 :])) or "x"
    truth = encode(typed.decode("utf-8", "ignore") + place.truth + "\n" + follows[:200])
    seen = list(_follow(decoder, own, ids, typed, truth, session.familiar(language.name)))
    decoder.memory.remember(own, [])
    decoder.memory.learn([(own, [encode(model_text("".join(lines)))])])
    return seen


def _follow(
    decoder: Decoder, own: str, ids: list[int], typed: bytes, truth: Sequence[int], familiar: bool
) -> Iterator[Seen]:
    view, spelling = decoder.memory.view(own), decoder.tokenizer.bytes
    for token in truth:
        if len(ids) >= decoder.engine.context:
            return
        for start in range(min(common(ids, decoder.cached), len(ids) - 1), len(ids), _CHUNK):
            logits = decoder.evaluate(ids[start : start + _CHUNK], start)
        network = decoder.network(logits)
        matches = view.matches(decoder.read(ids))
        tokens, offers = np.unique(matches.tokens, return_inverse=True)
        allowed = decoder.tokenizer.allowed(typed) if typed else None
        yield Seen(
            token=token,
            familiar=familiar,
            allowed=1.0 if allowed is None else float(network[allowed].sum()),
            sure=float(network.max()),
            network=float(network[token]),
            tokens=tokens,
            probabilities=network[tokens],
            fits=np.ones(len(tokens), bool) if allowed is None else np.isin(tokens, allowed),
            lengths=matches.lengths,
            kinds=matches.kinds,
            offers=offers,
        )
        typed = typed[len(spelling[token]) :]
        if b"\n" in spelling[token]:
            return
        ids = [*ids, token]


class Mixing:
    """The mixture over many tokens at once: the same arithmetic as ``engine.memory.mixture``, laid out flat."""

    def __init__(self, seen: Sequence[Seen], lengths: Sequence[int], kinds: int) -> None:
        """Lay out what was seen.

        Args:
            lengths: match lengths that are told apart.
            kinds: number of kinds of places.
        """
        sizes = [len(one.tokens) for one in seen]
        starts = np.cumsum([0, *sizes[:-1]])
        self.count = len(seen)
        self.of = np.repeat(np.arange(len(seen)), sizes)
        self.probabilities = np.concatenate([one.probabilities for one in seen])
        self.fits = np.concatenate([one.fits for one in seen])
        self.sure = np.array([one.sure for one in seen])
        self.network = np.array([one.network for one in seen])
        self.familiar = np.array([one.familiar for one in seen])
        inside = np.bincount(self.of[self.fits], self.probabilities[self.fits], minlength=len(seen))
        self.elsewhere = np.maximum(np.array([one.allowed for one in seen]) - inside, 0)
        self.target = np.full(len(seen), -1)
        cells = np.zeros((kinds, len(lengths), len(self.of)), np.float32)
        for index, one in enumerate(seen):
            at = np.searchsorted(one.tokens, one.token)
            if at < len(one.tokens) and one.tokens[at] == one.token:
                self.target[index] = starts[index] + at
            longest = np.searchsorted(lengths, one.lengths, side="right") - 1
            np.add.at(cells, (one.kinds, longest, starts[index] + one.offers), 1)
        self.matches = cells[:, ::-1].cumsum(axis=1)[:, ::-1]

    def surprise(self, weights: Weights) -> float:
        """Mean negative log-probability (nats) of the true tokens among those that agree with what was typed."""
        known, others = self.probabilities.copy(), np.ones(self.count)
        kinds = np.array(weights.kinds)
        trust = (1 + weights.certainty * self.sure) * np.where(self.familiar, 1.0, weights.unfamiliar)
        agreement = np.array([0.0, *weights.agreement])
        for order, share in enumerate(weights.back_off):
            counted = np.tensordot(kinds, self.matches[:, order], axes=1)
            total = np.bincount(self.of, counted, minlength=self.count)
            different = np.bincount(self.of[counted > 0], minlength=self.count)
            back = share * agreement[np.minimum(different, 3)] * different * trust
            everything = np.where(total > 0, total + back, 1.0)
            kept = np.where(total > 0, back / everything, 1.0)
            others *= kept
            known = known * kept[self.of] + counted / everything[self.of]
        true = np.where(self.target >= 0, np.append(known, 0.0)[self.target], others * self.network)
        allowed = np.bincount(self.of[self.fits], known[self.fits], minlength=self.count)
        allowed = np.maximum(allowed + others * self.elsewhere, 1e-12)
        return float(-np.log(np.clip(true / allowed, 1e-12, 1)).mean())


def fit(seen: Sequence[Seen], start: Weights) -> Weights:
    """The numbers under which the true tokens are likeliest.

    Args:
        start: where the search begins. Kinds that stand nowhere in what was seen keep their weight; the weight of the
            last kind stays, since only proportions count.
    """
    mixing = Mixing(seen, start.lengths, len(start.kinds))
    present = [bool(kind.any()) for kind in mixing.matches]
    numbers = _numbers(start)
    steps = np.full(len(numbers), _STEP)
    movable = [
        *range(len(start.back_off) + len(start.agreement) + 2),
        *(
            len(start.back_off) + len(start.agreement) + 2 + kind
            for kind in range(DEAD + 1, len(start.kinds) - 1)
            if present[kind]
        ),
    ]
    best = mixing.surprise(start)
    for _ in range(_ROUNDS):
        for index in movable:
            for sign in (1, -1):
                tried = numbers.copy()
                tried[index] += sign * steps[index]
                surprise = mixing.surprise(_weights(tried, start))
                if surprise < best:
                    best, numbers = surprise, tried
                    steps[index] *= 1.3
                    break
            else:
                steps[index] /= 2
    return _weights(numbers, start)


def _numbers(weights: Weights) -> Floats:
    """All numbers in one row, as logarithms."""
    row = [*weights.back_off, *weights.agreement, weights.certainty, weights.unfamiliar, *weights.kinds]
    logarithms: Floats = np.log(np.maximum(np.array(row), 1e-6))
    return logarithms


def _weights(numbers: Floats, like: Weights) -> Weights:
    """The inverse of ``_numbers``, rounded as they are written down."""
    row = [float(f"{math.exp(number):.3g}") for number in numbers]
    a, b = len(like.back_off), len(like.back_off) + len(like.agreement)
    kinds = (0.0, *row[b + 3 :])
    return Weights(like.lengths, tuple(row[:a]), (row[a], row[a + 1], row[a + 2]), row[b], row[b + 1], kinds)


def origin(
    parts: Mapping[Workspace, Sequence[Seen]], model: str, seed: int, fitted: Weights
) -> dict[str, object]:
    """How the numbers came about, for ``mixture.json``: what the network alone, and both, cost at each workspace."""
    nothing = msgspec.structs.replace(fitted, kinds=(0.0,) * len(fitted.kinds))

    def row(workspace: Workspace, seen: Sequence[Seen]) -> dict[str, object]:
        mixing = Mixing(seen, fitted.lengths, len(fitted.kinds))
        return {
            "commit": workspace.commit,
            "tokens": mixing.count,
            "network_nats": round(mixing.surprise(nothing), 4),
            "mixed_nats": round(mixing.surprise(fitted), 4),
        }

    return {
        "command": "offhand bench fit-memory",
        "model_sha256": model,
        "seed": seed,
        "workspaces": {workspace.name: row(workspace, seen) for workspace, seen in parts.items()},
    }
