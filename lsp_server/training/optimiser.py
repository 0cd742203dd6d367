"""The two optimisers as one, and the rate that both follow. Does not know what is learnt.

Matrices are moved by Muon (https://kellerjordan.github.io/posts/muon/), embedding and norms by AdamW.
"""

from typing import Any

import torch

from lsp_server.training.model import Llama
from lsp_server.training.recipe import FitRecipe

#: Muon's momentum grows to its value in so many steps: while it is small, early gradients are forgotten sooner.
_MOMENTUM, _EARLY_MOMENTUM, _GROWS = 0.95, 0.85, 300

_BETAS = (0.9, 0.95)


class Optimiser:
    """Muon and AdamW."""

    def __init__(self, model: Llama, recipe: FitRecipe) -> None:
        matrices = [weight for weight in model.blocks.parameters() if weight.ndim == 2]
        norms = [weight for weight in model.parameters() if weight.ndim < 2]
        self._muon = torch.optim.Muon(
            matrices, lr=recipe.matrix_rate, momentum=_EARLY_MOMENTUM, weight_decay=recipe.weight_decay
        )
        self._adam = torch.optim.AdamW(
            [
                {"params": [model.embedding.weight], "lr": recipe.embedding_rate},
                {"params": norms, "lr": recipe.norm_rate},
            ],
            betas=_BETAS,
            eps=1e-10,
            weight_decay=0.0,
        )
        self._rates = [
            [group["lr"] for group in optimiser.param_groups] for optimiser in (self._muon, self._adam)
        ]

    def step(self, number: int, rate: float) -> None:
        """Move the weights by their gradients at ``rate`` (0 to 1) of the full learning rates; forget the gradients."""
        for optimiser, full in zip((self._muon, self._adam), self._rates, strict=True):
            for group, base in zip(optimiser.param_groups, full, strict=True):
                group["lr"] = base * rate
        grown = min(number / _GROWS, 1.0)
        self._muon.param_groups[0]["momentum"] = _EARLY_MOMENTUM + grown * (_MOMENTUM - _EARLY_MOMENTUM)
        for optimiser in (self._muon, self._adam):
            optimiser.step()
            optimiser.zero_grad(set_to_none=False)

    def state(self) -> list[dict[str, Any]]:
        """What a checkpoint needs of it."""
        return [self._muon.state_dict(), self._adam.state_dict()]

    def restore(self, state: list[dict[str, Any]]) -> None:
        """Go on from what ``state`` returned."""
        for optimiser, kept in zip((self._muon, self._adam), state, strict=True):
            optimiser.load_state_dict(kept)


def rate(share: float, warm_up: float, decay: float) -> float:
    """Share of the full learning rates where ``share`` of the budget is used: up, constant, down to 0 (WSD)."""
    if share < warm_up:
        return max(share, warm_up / 100) / warm_up
    return min(1.0, max(0.0, 1 - share) / decay) if decay else 1.0
