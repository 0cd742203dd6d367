"""The network: a Llama as llama.cpp evaluates it. Knows tensors only; no tokens' meaning, no optimiser, no file.

RMSNorm, rotary positions on adjacent pairs (ggml's NORM type, so that nothing is permuted at export), grouped-query
attention, SwiGLU, tied embeddings (https://arxiv.org/abs/2307.09288, https://arxiv.org/abs/2305.13245).
"""

import math

import msgspec
import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: Targets that no loss is counted for, and what PyTorch calls them.
IGNORED = -100


class Shape(msgspec.Struct, frozen=True):
    """Everything that decides which weights there are and what they are multiplied with."""

    vocabulary: int
    width: int
    layers: int
    heads: int
    kv_heads: int
    feed_forward: int
    context: int
    theta: float = 10_000.0
    epsilon: float = 1e-5

    @property
    def matrix_parameters(self) -> int:
        """Weights that each token is multiplied with, the output layer included."""
        head = self.width // self.heads
        attention = 2 * self.width * self.width + 2 * self.width * head * self.kv_heads
        return self.layers * (attention + 3 * self.width * self.feed_forward) + self.vocabulary * self.width

    @property
    def flop_per_token(self) -> int:
        """Of forward and backward pass, attention included: 6 N + 6 L T d (https://arxiv.org/abs/2001.08361)."""
        return 6 * self.matrix_parameters + 6 * self.layers * self.context * self.width


class Norm(nn.Module):
    """RMSNorm, computed in the precision of its input."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        """Same shape as ``x``."""
        return F.rms_norm(x, (x.shape[-1],), self.weight.to(x.dtype), self.epsilon)


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Turn adjacent pairs of ``x`` (batch, heads, time, head) by the angles of their positions (time, head / 2)."""
    even, odd = x[..., ::2], x[..., 1::2]
    return torch.stack((even * cosine - odd * sine, even * sine + odd * cosine), -1).flatten(-2)


class Block(nn.Module):
    """Attention and feed-forward layer, each behind a norm and added to what came in."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads, self.kv_heads = shape.heads, shape.kv_heads
        width, narrow = shape.width, shape.width // shape.heads * shape.kv_heads
        self.attention_norm = Norm(width, shape.epsilon)
        self.ffn_norm = Norm(width, shape.epsilon)
        self.q = _matrix(width, width)
        self.k = _matrix(width, narrow)
        self.v = _matrix(width, narrow)
        self.o = _matrix(width, width, zero=True)
        self.gate = _matrix(width, shape.feed_forward)
        self.up = _matrix(width, shape.feed_forward)
        self.down = _matrix(shape.feed_forward, width, zero=True)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        """Same shape as ``x``: (batch, time, width)."""
        batch, time, width = x.shape
        normed = self.attention_norm(x)
        query = self.q(normed).view(batch, time, self.heads, -1).transpose(1, 2)
        key = self.k(normed).view(batch, time, self.kv_heads, -1).transpose(1, 2)
        value = self.v(normed).view(batch, time, self.kv_heads, -1).transpose(1, 2)
        groups = self.heads // self.kv_heads
        mixed = F.scaled_dot_product_attention(
            rotate(query, cosine, sine),
            rotate(key, cosine, sine).repeat_interleave(groups, 1),
            value.repeat_interleave(groups, 1),
            is_causal=True,
        )
        x = x + self.o(mixed.transpose(1, 2).reshape(batch, time, width))
        normed = self.ffn_norm(x)
        return x + self.down(F.silu(self.gate(normed)) * self.up(normed))


def _matrix(rows: int, columns: int, zero: bool = False) -> nn.Linear:
    """Small enough at first that Muon's steps decide; what is added to the residual begins at nothing."""
    linear = nn.Linear(rows, columns, bias=False)
    if zero:
        nn.init.zeros_(linear.weight)
    else:
        nn.init.normal_(linear.weight, std=0.7 / math.sqrt(rows))
    return linear


class Llama(nn.Module):
    """The whole network. Its output layer is the embedding."""

    cosine: Tensor
    sine: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = Norm(shape.width, shape.epsilon)
        nn.init.normal_(self.embedding.weight, std=0.02)
        head = shape.width // shape.heads
        speed = shape.theta ** (-torch.arange(0, head, 2).float() / head)
        angle = torch.outer(torch.arange(shape.context).float(), speed)
        self.register_buffer("cosine", angle.cos(), persistent=False)
        self.register_buffer("sine", angle.sin(), persistent=False)

    def hidden(self, ids: Tensor) -> Tensor:
        """What the output layer sees, (batch, time, width), of ``ids`` (batch, time) of at most ``context``."""
        x = self.embedding(ids)
        if torch.is_autocast_enabled(ids.device.type):
            x = x.to(torch.get_autocast_dtype(ids.device.type))
        cosine, sine = (table[: ids.shape[1]].to(x.dtype) for table in (self.cosine, self.sine))
        for block in self.blocks:
            x = block(x, cosine, sine)
        normed: Tensor = self.norm(x)
        return normed

    def logits(self, ids: Tensor) -> Tensor:
        """(batch, time, vocabulary), in float32."""
        x = self.hidden(ids)
        return F.linear(x, self.embedding.weight.to(x.dtype)).float()

    def forward(self, ids: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Mean cross-entropy (nats) of ``targets`` (batch, time), each counted with its class's weight (vocabulary)."""
        return F.cross_entropy(
            self.logits(ids).flatten(0, 1), targets.flatten(), weight=weights, ignore_index=IGNORED
        )
