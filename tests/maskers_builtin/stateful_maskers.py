"""What the tests of maskers with state share: tensors, a masker driven by hand, and a spy on a real model."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from torch.nn.functional import pad

from sparse_hub_core import Layer, LoadedModel, Mask, Masker, MaskerConfig, SparseAttention, get_model

TEXT = " ".join(f"The number of house {number} is {number * 7919 % 9973}." for number in range(1, 80))


@dataclass(frozen=True)
class Sequence:
    queries: torch.Tensor
    keys: torch.Tensor
    prefix_length: int
    prefix_queries: torch.Tensor | None = None
    scaling: float = 0.5


def draw(
    seed: int,
    prefix_length: int,
    num_queries: int,
    observed: int = 0,
    heads: tuple[int, int] = (4, 2),
    dtype: torch.dtype = torch.float32,
    batch: int = 1,
) -> Sequence:
    """A sequence whose last ``observed`` prefix queries are known, where that is not 0."""
    generator = torch.Generator().manual_seed(seed)
    queries, keys, seen = (
        torch.randn(batch, number, length, 8, generator=generator).to(dtype)
        for number, length in ((heads[0], num_queries), (heads[1], prefix_length + num_queries), (heads[0], observed))
    )
    return Sequence(queries, keys, prefix_length, seen if observed else None)


def read(config: MaskerConfig, sequence: Sequence, chunks: Iterable[int]) -> torch.Tensor:
    """Which keys each query reads, ``(B, Hq, Lq, Lk)`` boolean, when the queries come in such chunks."""
    masker, keys = config.create_masker(), sequence.keys
    prefix, length = keys[:, :, : sequence.prefix_length], sequence.prefix_length
    layer = Layer(0, prefix, prefix, scaling=sequence.scaling, prefix_queries=sequence.prefix_queries)
    masker.on_prefill(layer)
    rows = []
    for chunk in chunks:
        start, length = length, length + chunk
        layer.keys = layer.values = keys[:, :, :length]
        masker.on_append(layer, start)
        queries = sequence.queries[:, :, start - sequence.prefix_length : length - sequence.prefix_length]
        dense = masker.add_mask(layer, queries, Mask.empty(queries, layer.keys)).to_dense() > 0
        rows.append(pad(dense, (0, keys.shape[2] - length)))
    return torch.cat(rows, dim=2)


@dataclass
class Seen:
    """All calls of one layer of a model."""

    layer: Layer
    queries: list[torch.Tensor] = field(default_factory=list)
    masks: list[torch.Tensor] = field(default_factory=list)

    def sequence(self) -> Sequence:
        queries, keys = torch.cat(self.queries, dim=2), self.layer.keys
        length = keys.shape[2] - queries.shape[2]
        return Sequence(queries, keys, length, self.layer.prefix_queries, self.layer.scaling)

    def read(self) -> torch.Tensor:
        length = self.layer.keys.shape[2]
        return torch.cat([pad(mask, (0, length - mask.shape[3])) for mask in self.masks], dim=2)


class Spy(Masker):
    """Stands last in a stack and keeps what the maskers before it chose."""

    def __init__(self) -> None:
        self.layers: dict[int, Seen] = {}

    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        seen = self.layers.setdefault(layer.index, Seen(layer))
        seen.queries.append(queries)
        seen.masks.append(mask.to_dense() > 0)
        return mask


def watch(config: MaskerConfig, prefix_length: int = 200, question_length: int = 9) -> dict[int, Seen]:
    """Run the demo model sparsely, a question at once and five steps more, and return what each layer did."""
    spy = Spy()

    class SpyConfig(MaskerConfig):
        def create_masker(self) -> Masker:
            return spy

    loaded = demo()
    tokens = loaded.tokenizer(TEXT, return_tensors="pt").input_ids[:, : prefix_length + question_length]
    with torch.inference_mode(), SparseAttention([config, SpyConfig()]).on(loaded.model, prefix_length=prefix_length):
        loaded.model.generate(
            tokens, attention_mask=torch.ones_like(tokens), max_new_tokens=6, min_new_tokens=6, do_sample=False
        )
    return spy.layers


@functools.cache
def demo() -> LoadedModel:
    return get_model("demo", "cpu", "float32")
