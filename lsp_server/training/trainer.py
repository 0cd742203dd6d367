"""Model, optimiser and rows of one process, a step at a time. Does not know how long it goes on, or who is told."""

import os
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from lsp_server.base.errors import TrainingError
from lsp_server.training import curve
from lsp_server.training.model import IGNORED, Llama, Shape
from lsp_server.training.optimiser import Optimiser, rate
from lsp_server.training.pack import Rows, shards
from lsp_server.training.recipe import Recipe
from lsp_server.training.tokenizer import SPECIAL

_END, _PADDING = SPECIAL.index("<|endoftext|>"), SPECIAL.index("<|fim_pad|>")

#: Rows of the validation set that are evaluated while training.
_VALIDATION_ROWS = 64

#: What training goes on from; the same before the rates fall; the weights alone, in 16 bits, as ``export`` reads them.
CHECKPOINT, STABLE, WEIGHTS = "checkpoint.pt", "stable.pt", "weights.pt"

#: Largest norm of a step's gradient.
_CLIP = 1.0

#: How much of the running loss a step leaves.
_SMOOTH = 0.95


class Progress(msgspec.Struct):
    """How far training is.

    Attributes:
        seconds: of steps; compiling and validating do not count.
        loss: of the steps lately, nats per token, those that end a completion counted more; 0 at first.
    """

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    loss: float = 0.0


class Trainer:
    """One of the processes that train.

    Attributes:
        progress: how far it is.
    """

    def __init__(self, recipe: Recipe, packed: Path, folder: Path) -> None:
        """Begin, or go on from the checkpoint in ``folder``.

        Raises:
            TrainingError: there are no packed rows, or the checkpoint is of another shape or damaged.
        """
        self._recipe, self._folder = recipe, folder
        self._rank, self._world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
        cuda = torch.cuda.is_available()
        if not cuda:  # threads that wait for each other at every operation are slow on a machine with other work
            torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", 1)))
        self._device = torch.device(f"cuda:{os.environ.get('LOCAL_RANK', 0)}" if cuda else "cpu")
        self._rows = shards(packed, recipe.model.context)
        held = np.fromfile(packed / "validation.bin", np.uint16).reshape(-1, recipe.model.context + 1)
        self._validation: Rows = held[:_VALIDATION_ROWS]
        if self._world > 1:
            dist.init_process_group("nccl" if cuda else "gloo")
        torch.manual_seed(recipe.seed)
        torch.set_float32_matmul_precision("high")
        self.shape = _shape(recipe)
        self._model = Llama(self.shape).to(self._device)
        self._optimiser = Optimiser(self._model, recipe.fit)
        self.progress, self._points = Progress(), curve.Points()
        self._resume()
        self._network: Any = torch.compile(self._model) if recipe.fit.compile else self._model
        if self._world > 1:
            self._network = DistributedDataParallel(self._network)
        self._weights = torch.ones(self.shape.vocabulary, device=self._device)
        self._weights[_END] = recipe.fit.end_weight
        self._warm = False

    @property
    def share(self) -> float:
        """Of the budget that is used, the same in all processes."""
        options = self._recipe.fit
        if options.seconds:
            return self.progress.seconds / options.seconds
        rows = sum(map(len, self._rows))
        return self.progress.tokens / max(1.0, options.passes * rows * self._recipe.model.context)

    @property
    def falling(self) -> bool:
        """Whether the learning rates fall already."""
        return self.share >= 1 - self._recipe.fit.decay

    def step(self) -> None:
        """Take one step.

        Raises:
            TrainingError: the loss is not a number any more.
        """
        begun = time.monotonic()
        options, context = self._recipe.fit, self._recipe.model.context
        parts = max(1, options.batch_tokens // (options.micro_batch * context * self._world))
        loss = torch.zeros((), device=self._device)
        for part in range(parts):
            ids, targets = self._batch(self.progress.step * parts + part)
            together = nullcontext() if self._world == 1 or part == parts - 1 else self._network.no_sync()
            with together:
                with self._cast():
                    each = self._network(ids, targets, self._weights) / parts
                each.backward()
            loss += each.detach()
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), _CLIP)
        self._optimiser.step(self.progress.step, rate(self.share, options.warm_up, options.decay))
        self._count(parts * options.micro_batch * context * self._world, begun, loss)

    def _count(self, tokens: int, begun: float, loss: Tensor) -> None:
        if self._world > 1:
            dist.all_reduce(loss)
        value = float(loss) / self._world
        if value != value:
            raise TrainingError("The loss is not a number any more: make the learning rates smaller.")
        progress = self.progress
        progress.loss = _SMOOTH * progress.loss + (1 - _SMOOTH) * value if progress.step else value
        progress.step += 1
        progress.tokens += tokens
        if self._warm:  # else this step was compiled: its time says nothing about training
            progress.seconds = self.agreed(progress.seconds + time.monotonic() - begun)
        self._warm = True

    def agreed(self, value: float) -> float:
        """The first process's value in all of them: whoever decides by a clock must decide the same."""
        if self._world == 1:
            return value
        shared = torch.tensor(value, dtype=torch.float64, device=self._device)
        dist.broadcast(shared, 0)
        return float(shared)

    def report(self, validate: bool) -> str:
        """A point for the curve, and the same in words; in the first process only, the others get nothing."""
        if self._rank:
            return ""
        progress, options = self.progress, self._recipe.fit
        point = curve.Point(
            tokens=progress.tokens,
            seconds=round(progress.seconds, 1),
            rate=round(rate(self.share, options.warm_up, options.decay), 4),
            loss=round(progress.loss, 4),
            validation=round(self._held_out(), 4) if validate else None,
        )
        self._points.add(point)
        speed = progress.tokens / max(progress.seconds, 1e-9)
        held = "" if point.validation is None else f", held out {point.validation:.3f}"
        return f"fit: {progress.tokens / 1e6:.2f} M tokens, {speed:.0f}/s, loss {point.loss:.3f}{held}"

    def save(self, name: str) -> None:
        """Write a checkpoint, the weights alone beside it, and the curve; in the first process only."""
        if self._rank:
            return
        about = {
            "shape": msgspec.to_builtins(self.shape),
            "progress": msgspec.to_builtins(self.progress),
            "falling": self.falling,
            "recipe": msgspec.to_builtins(self._recipe),
            "flop": self.shape.flop_per_token * self.progress.tokens,
        }
        weights = self.weights()
        self._write(name, {**about, "model": weights, "optimiser": self._optimiser.state()})
        self._points.write(self._folder)
        if name == CHECKPOINT:
            self._write(WEIGHTS, {**about, "model": {name: each.half() for name, each in weights.items()}})

    def _write(self, name: str, content: dict[str, Any]) -> None:
        partial = self._folder / f"{name}.new"
        torch.save(content, partial)
        partial.replace(self._folder / name)

    def weights(self) -> dict[str, Tensor]:
        """The model's, by name."""
        weights: dict[str, Tensor] = self._model.state_dict()
        return weights

    def close(self) -> None:
        """Part from the other processes."""
        if self._world > 1:
            dist.destroy_process_group()

    def _resume(self) -> None:
        """Take the last checkpoint; where its rates fell already, for another budget, the one before that."""
        for name in (CHECKPOINT, STABLE):
            kept = self._read(self._folder / name)
            if kept is None:
                continue
            same = kept["recipe"]["fit"] == msgspec.to_builtins(self._recipe.fit)
            if name == CHECKPOINT and kept["falling"] and not same and (self._folder / STABLE).exists():
                continue
            self.progress = msgspec.convert(kept["progress"], Progress)
            self._model.load_state_dict(kept["model"])
            self._optimiser.restore(kept["optimiser"])
            self._points = curve.Points.read(self._folder, self.progress.tokens)
            return

    def _read(self, path: Path) -> dict[str, Any] | None:
        try:
            kept: dict[str, Any] = torch.load(path, map_location=self._device, weights_only=True)
            shape = msgspec.convert(kept["shape"], Shape)
        except FileNotFoundError:
            return None
        except Exception as error:  # torch raises many kinds
            raise TrainingError(
                f"Checkpoint {path} cannot be read: {error}. Remove it to begin anew."
            ) from error
        if shape != self.shape:
            raise TrainingError(
                f"Checkpoint {path} is of another shape. Remove it, or take another run directory."
            )
        return kept

    def _batch(self, number: int) -> tuple[Tensor, Tensor]:
        """Ids and what follows each, (micro_batch, context); the rows are gone through in order, again and again."""
        size = self._recipe.fit.micro_batch
        first = (number * self._world + self._rank) * size
        total = sum(map(len, self._rows))
        return self._pair(np.stack([self._row((first + index) % total) for index in range(size)]))

    def _row(self, index: int) -> Rows:
        for shard in self._rows:
            if index < len(shard):
                row: Rows = shard[index]
                return row
            index -= len(shard)
        raise IndexError(index)

    def _pair(self, rows: Rows) -> tuple[Tensor, Tensor]:
        ids = torch.from_numpy(rows.astype(np.int64)).to(self._device, non_blocking=True)
        targets = ids[:, 1:].clone()
        targets[targets == _PADDING] = IGNORED
        return ids[:, :-1], targets

    def _cast(self) -> AbstractContextManager[None]:
        if self._recipe.fit.precision == "float32":
            return nullcontext()
        cast: AbstractContextManager[None] = torch.autocast(self._device.type, torch.bfloat16)
        return cast

    def _held_out(self) -> float:
        """Nats per token, all counted alike."""
        alike, losses = torch.ones_like(self._weights), []
        with torch.no_grad(), self._cast():
            for first in range(0, len(self._validation), 4):
                ids, targets = self._pair(self._validation[first : first + 4])
                losses.append(float(self._model(ids, targets, alike)) * len(ids))
        return sum(losses) / len(self._validation)


def _shape(recipe: Recipe) -> Shape:
    model = recipe.model
    return Shape(
        vocabulary=recipe.tokenizer.vocabulary,
        width=model.width,
        layers=model.layers,
        heads=model.heads,
        kv_heads=model.kv_heads,
        feed_forward=model.feed_forward,
        context=model.context,
        theta=model.rope_base,
    )
