"""Which characters come first behind the cursor: from how likely tokens are to how likely what one types next is."""

import math

import msgspec
import numpy as np
import pytest
from shipped import MODEL, complete_message, tokenizer

from lsp_server.base.parts import Part
from lsp_server.engine.backends.absent import Absent
from lsp_server.engine.backends.fake import Fake
from lsp_server.engine.decoder import Decoder
from lsp_server.engine.decoding import complete
from lsp_server.engine.memory.store import Memory
from lsp_server.engine.messages import Complete, Stop
from lsp_server.engine.offer import Offer
from lsp_server.engine.protocol import Logits

ENDS = MODEL.manifest.end_tokens

#: Of a small vocabulary; the first token is an end.
SPELLINGS = (b"", b"a", b"ab", b"b", b"\n", b"\n\n", b"\xc3", b"\xc3\xa9t", b"\xf0\x9f\x98\x80", b"\xa9")


@pytest.mark.parametrize(
    ("typed", "probabilities", "characters", "undecided"),
    [
        (b"", {b"a": 0.5, b"ab": 0.25, b"b": 0.25}, {"a": 0.75, "b": 0.25}, 0.0),
        (b"", {b"": 0.5, b"\n": 0.25, b"\n\n": 0.25}, {"\n": 0.5}, 0.0),
        (
            b"",
            {b"\xc3": 0.5, b"\xc3\xa9t": 0.25, b"\xf0\x9f\x98\x80": 0.25},
            {"é": 0.25, "\U0001f600": 0.25},
            0.0,
        ),
        (b"", {b"a": 1 - 1e-4, b"b": 1e-4}, {"a": 1.0}, 0.0),
        (b"a", {b"a": 0.25, b"ab": 0.25}, {"b": 0.5}, 0.5),
        (b"ab", {b"a": 0.25, b"ab": 0.25}, {}, 1.0),
        (b"\xc3\xa9", {b"\xc3": 0.1, b"\xc3\xa9t": 0.1}, {"t": 0.5}, 0.5),
        (b"zz", {}, {}, 0.0),
    ],
)
def test_from_tokens_to_characters(
    typed: bytes, probabilities: dict[bytes, float], characters: dict[str, float], undecided: float
) -> None:
    """Tokens that begin alike count together; what was typed is left out; an end, a part of a character and what is
    rare are none; the probabilities are those among the tokens that were allowed."""
    tokens = np.array([SPELLINGS.index(spelling) for spelling in probabilities], dtype=np.int64)
    offered = np.array(list(probabilities.values()))
    nothing = Memory(len(SPELLINGS)).view("").matches([])
    offer = Offer(tokens, offered, float(offered.sum()), np.zeros(len(SPELLINGS)), nothing)
    found, rest = offer.characters(SPELLINGS, typed)
    assert found == pytest.approx(characters, abs=1e-3)
    assert rest == pytest.approx(undecided)


class Weighing(Fake):
    """Says the likeliest token of each step, with the probabilities that it is given."""

    def __init__(self, *steps: dict[bytes, float]) -> None:
        super().__init__(tokenizer().vocabulary, 512, end=0)
        self._steps = steps
        self._first: int | None = None

    def _predict(self) -> Logits:
        self._first = self._first or len(self._ids)
        logits = np.full(self.vocabulary, -np.inf, dtype=np.float32)
        for spelling, probability in self._steps[len(self._ids) - self._first].items():
            logits[tokenizer().bytes.index(spelling) if spelling else 0] = math.log(probability)
        return logits


@pytest.mark.parametrize(
    ("prefix", "steps", "expected"),
    [
        # Nothing is typed, and nothing further on counts.
        (
            "",
            ({b"a": 0.6, b"b": 0.3, b"\n": 0.1}, {b"c": 1.0}, {b"\n": 1.0}),
            {"a": 0.6, "b": 0.3, "\n": 0.1},
        ),
        # " f" is not what was typed, so it is not among what is allowed; " re" leaves it to the next token.
        (
            "x = re",
            (
                {b" re": 0.4, b" res": 0.2, b" ret": 0.2, b" f": 0.2},
                {b"s": 0.5, b"t": 0.25, b"": 0.25},
                {b"\n": 1.0},
            ),
            {"s": 0.25 + 0.5 * 0.5, "t": 0.25 + 0.5 * 0.25},
        ),
        # The token that is taken goes beyond: what would come behind " re" alone is not known.
        ("x = re", ({b" re": 0.2, b" res": 0.6}, {b"\n": 1.0}), {"s": 0.75}),
        # Two tokens spell what was typed.
        ("x = re", ({b" r": 1.0}, {b"e": 0.6, b"es": 0.4}, {b"d": 1.0}, {b"\n": 1.0}), {"s": 0.4, "d": 0.6}),
    ],
)
def test_an_answer_tells_what_may_be_typed_next(
    prefix: str, steps: tuple[dict[bytes, float], ...], expected: dict[str, float]
) -> None:
    """The likeliest first; where a token may end right at the cursor the one behind it decides."""
    message = complete_message(prefix)
    if not prefix:
        message = msgspec.structs.replace(message, parts=(Part("<|fim_prefix|>", special=True),))
    finished = complete(Decoder(Weighing(*steps), tokenizer(), ENDS), message)
    others = {text: share for text, share in finished.branches if len(text) == 1}
    assert others == pytest.approx(
        {one: expected[one] for one in expected if one != finished.text[:1]}, abs=1e-6
    )
    shares = [share for _, share in finished.branches]
    assert shares == sorted(shares, reverse=True)


def test_eight_characters_at_most() -> None:
    """The rest is not likely enough to be worth anything."""
    letters = {bytes([code]): 0.05 for code in b"abcdefghijklmnopqrs"}
    message = Complete(1, (Part("<|fim_prefix|>", special=True),), Stop(), 1, 1000)
    finished = complete(Decoder(Weighing({b"t": 0.06, **letters}), tokenizer(), ENDS), message)
    assert len(finished.branches) == 8
    assert min(share for _, share in finished.branches) == pytest.approx(0.05 / 1.01)


def test_the_memory_alone_foresees_no_characters() -> None:
    """To it every other token is as likely as any, which says nothing."""
    decoder = Decoder(Absent(tokenizer().vocabulary, 512), tokenizer(), ENDS)
    decoder.memory.remember("d", [tokenizer().encode("zebra.graze(meadow)\n")])
    finished = complete(decoder, complete_message("x = zebra.gra"))
    assert (finished.text, finished.branches) == ("ze(meadow)", ())
