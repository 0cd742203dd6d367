"""A model of given weights in PyTorch, as what measures sees it: a function from tokens to logits."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from lsp_server.training.gguf_file import Weights
from lsp_server.training.model import Llama, Shape


class Network:
    """On the accelerator if there is one. The weights may be those that a file holds (``gguf_file.as_stored``)."""

    def __init__(self, shape: Shape, weights: Weights) -> None:
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        model = Llama(shape)
        model.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in weights.items()})
        self._model = model.eval().to(self._device)

    @torch.inference_mode()
    def __call__(self, ids: Sequence[int]) -> npt.NDArray[np.float32]:
        """Rows of logits, shape (time, vocabulary)."""
        logits = self._model.logits(torch.tensor([list(ids)], device=self._device))[0]
        rows: npt.NDArray[np.float32] = logits.float().cpu().numpy()
        return rows
