"""A checkpoint, read and checked: what is exported must be whole. Knows neither files for engines nor training."""

import pickle
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch

from lsp_server.base.errors import TrainingError
from lsp_server.training.model import Llama, Shape


class Trained(msgspec.Struct, frozen=True):
    """What the stage ``fit`` left.

    Attributes:
        weights: state-dict names of ``Llama`` to arrays of float32.
        training: what it says about itself, for the card: tokens, steps, seconds, floating-point operations, and its
            part of the recipe.
    """

    shape: Shape
    weights: dict[str, Any]
    training: dict[str, Any]

    @property
    def parameters(self) -> int:
        """Number of weights; the matrix that is used at both ends counts once."""
        return sum(array.size for array in self.weights.values())


def read(path: Path) -> Trained:
    """Read a checkpoint.

    Raises:
        TrainingError: it is missing, damaged or incomplete.
    """
    remedy = "Run the stage 'fit' again."
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        shape = msgspec.convert(content["shape"], Shape)
        weights = {name: tensor.float().numpy() for name, tensor in content["model"].items()}
        training = {
            "progress": content["progress"],
            "flop": content["flop"],
            "recipe": content["recipe"]["fit"],
        }
    except FileNotFoundError as error:
        raise TrainingError(f"{path} is missing. {remedy}") from error
    except (OSError, EOFError, RuntimeError, ValueError, LookupError, pickle.UnpicklingError) as error:
        raise TrainingError(f"{path} cannot be read as a checkpoint: {_first(error)} {remedy}") from error
    except (AttributeError, TypeError) as error:
        raise TrainingError(f"{path} is not a checkpoint of this model: {_first(error)} {remedy}") from error
    with torch.device("meta"):
        wanted = {name: tuple(tensor.shape) for name, tensor in Llama(shape).state_dict().items()}
    if {name: array.shape for name, array in weights.items()} != wanted:
        raise TrainingError(f"{path} has not the weights that its shape promises. {remedy}")
    if not all(np.isfinite(array).all() for array in weights.values()):
        raise TrainingError(f"{path} has weights that are not numbers: training went astray. {remedy}")
    return Trained(shape, weights, training)


def _first(error: Exception) -> str:
    """The first sentence of what PyTorch says; the rest is advice for programmers."""
    return str(error).split("\n")[0].split(". ")[0].rstrip(".") + "."
