"""How well a model predicts text, in bits per byte, and how often two tokenizers cut it alike.

Knows no engine: the weights may be those that a file holds (``gguf_file.as_stored``).
"""

import math
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt
import torch

from lsp_server.training.gguf_file import Weights
from lsp_server.training.model import Llama, Shape


class Sample(msgspec.Struct, frozen=True):
    """A text to predict.

    Attributes:
        ids: what the model sees.
        known: how many of them are given; the others are to be predicted.
        bytes: what the others stand for.
    """

    ids: tuple[int, ...]
    known: int
    bytes: int


class Network:
    """A model of given weights in PyTorch, as ``parity.Network``; on the accelerator if there is one."""

    def __init__(self, shape: Shape, weights: Weights) -> None:
        """Build it. From then on PyTorch has one thread: more wait for each other by spinning, which on a machine that
        does something else too took seven times as long."""
        torch.set_num_threads(1)
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        model = Llama(shape)
        model.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in weights.items()})
        self._model = model.eval().to(self._device)

    @torch.inference_mode()
    def __call__(self, ids: Sequence[int]) -> npt.NDArray[np.float32]:
        """Rows of logits, shape (time, vocabulary)."""
        rows: npt.NDArray[np.float32] = self._logits(ids).cpu().numpy()
        return rows

    @torch.inference_mode()
    def bits(self, sample: Sample) -> float:
        """Bits that the text costs behind what is known of it."""
        rows = self._logits(sample.ids[:-1])[sample.known - 1 :]
        truth = torch.tensor(sample.ids[sample.known :], device=self._device)
        return float(torch.nn.functional.cross_entropy(rows, truth, reduction="sum")) / math.log(2)

    def _logits(self, ids: Sequence[int]) -> "torch.Tensor":
        return self._model.logits(torch.tensor([list(ids)], device=self._device))[0].float()


def bits_per_byte(network: Network, samples: Sequence[Sample]) -> float:
    """Bits a byte over all samples."""
    bits: float = sum(network.bits(sample) for sample in samples)
    return bits / sum(sample.bytes for sample in samples)


def cut_otherwise(ours: Sequence[int], theirs: Sequence[int], spelling: Sequence[bytes]) -> int:
    """How many of our tokens another tokenizer does not make of the same text at the same place."""
    return len(_spans(ours, spelling) - _spans(theirs, spelling))


def _spans(ids: Sequence[int], spelling: Sequence[bytes]) -> set[tuple[int, int]]:
    ends = np.cumsum([len(spelling[token]) for token in ids]).tolist()
    return set(zip([0, *ends], ends, strict=False))
