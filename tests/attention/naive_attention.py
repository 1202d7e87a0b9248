"""Sparse attention written down once more, dense and in float64: what the engine is held against."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from hypothesis import settings
from hypothesis import strategies as st

HEADS = [(4, 4), (8, 2), (4, 1), (28, 4)]
TOLERANCE = {torch.float32: 2e-5, torch.bfloat16: 6e-2, torch.float16: 1e-2}


def examples(count: int) -> settings:
    return settings(max_examples=count, deadline=None, derandomize=True, database=None)


@dataclass(frozen=True)
class Tensors:
    queries: torch.Tensor
    keys: torch.Tensor
    values: torch.Tensor

    @property
    def num_queries(self) -> int:
        return self.queries.shape[2]

    @property
    def num_keys(self) -> int:
        return self.keys.shape[2]


def random_tensors(
    seed: int,
    heads: tuple[int, int] = (4, 2),
    num_queries: int = 1,
    num_keys: int = 33,
    batch: int = 1,
    head_dim: int = 8,
    dtype: torch.dtype = torch.float32,
) -> Tensors:
    generator = torch.Generator().manual_seed(seed)

    def draw(num_heads: int, length: int) -> torch.Tensor:
        return torch.randn(batch, num_heads, length, head_dim, generator=generator).to(dtype)

    return Tensors(draw(heads[0], num_queries), draw(heads[1], num_keys), draw(heads[1], num_keys))


@st.composite
def any_tensors(draw: st.DrawFn, dtypes: tuple[torch.dtype, ...] = tuple(TOLERANCE)) -> Tensors:
    num_keys = draw(st.sampled_from([1, 2, 5, 17, 33, 67]))
    num_queries = draw(st.sampled_from([1, min(5, num_keys), num_keys]))
    seed, batch = draw(st.integers(0, 2**20)), draw(st.integers(1, 2))
    return random_tensors(
        seed, draw(st.sampled_from(HEADS)), num_queries, num_keys, batch, dtype=draw(st.sampled_from(dtypes))
    )


def naive_attention(
    tensors: Tensors,
    probabilities: torch.Tensor,
    scaling: float,
    softcap: float | None = None,
    sink_logits: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
) -> torch.Tensor:
    """Attend with every key's weight divided by its probability ``(B, Hq, Lq, Lk)``; 0 = not read."""
    group = tensors.queries.shape[1] // tensors.keys.shape[1]
    keys, values = (t.double().repeat_interleave(group, dim=1) for t in (tensors.keys, tensors.values))
    logits = tensors.queries.double() @ keys.transpose(-1, -2) * scaling
    if softcap is not None:
        logits = softcap * torch.tanh(logits / softcap)
    if bias is not None:
        logits = logits + bias.double()
    probabilities = probabilities.double()
    weights = torch.where(probabilities > 0, logits.exp() / probabilities.clamp_min(1e-30), 0.0)
    total = weights.sum(-1, keepdim=True)
    if sink_logits is not None:
        total = total + sink_logits.double().exp()[None, :, None, None]
    return torch.where(total > 0, weights / total.clamp_min(1e-300), 0.0) @ values
