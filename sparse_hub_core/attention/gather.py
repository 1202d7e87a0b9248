"""Reading chosen rows of keys and values, and their logits, without repeating any head."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from sparse_hub_core.attention.layer import Layer

GATHERED_ELEMENTS = 1 << 19
"""Elements gathered at a time: a buffer that stays in the cache and is used again costs a quarter of a large one."""
GATHERED_ELEMENTS_ON_GPU = 1 << 26
"""There a call costs more than a buffer."""
KEYS_AT_ONCE = 8192
"""Keys of half precision that are widened at a time."""
MOST_PADDING = 2
"""Padding is left out where there is more of it than keys."""


def gather_rows(source: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
    """Gather whole rows of ``(B, Hkv, Lk, d)`` at ``(B, Hkv, g, Lq, n)`` into ``(B, Hkv, g, Lq, n, d)``."""
    flat, offsets = _flat_rows(source)
    return flat.index_select(0, (indices + offsets).reshape(-1)).view(*indices.shape, source.shape[3])


def _flat_rows(source: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ``(B, Hkv, Lk, d)`` as one list of rows, and where each head begins in it, ``(B, Hkv, 1, 1, 1)``.

    One ``index_select`` over the flat storage copies whole rows, several times faster than ``gather``; the strides
    are used so that a cache with spare room at its end is not copied first.
    """
    batch, kv_heads, length, head_dim = source.shape
    strides = source.stride()
    if strides[3] != 1 or strides[2] != head_dim or strides[0] % head_dim or strides[1] % head_dim:
        source = source.contiguous()
        strides = source.stride()
    batch_rows, head_rows = strides[0] // head_dim, strides[1] // head_dim
    total = (batch - 1) * batch_rows + (kv_heads - 1) * head_rows + length
    offsets = (
        torch.arange(batch, device=source.device)[:, None] * batch_rows
        + torch.arange(kv_heads, device=source.device) * head_rows
    )
    return source.as_strided((total, head_dim), (head_dim, 1)), offsets[:, :, None, None, None]


@dataclass(frozen=True)
class KeySets:
    """Sets of keys, each read by some queries: by one head or a whole KV group, by one query or a block of them."""

    indices: torch.Tensor
    """``(B, Hkv, 1 or G, 1 or Lq, n)``; 1 where a group or a block of queries shares a set."""
    sizes: tuple[int, ...] | None = None
    """How many keys each set has, its first ones; None where all have n."""

    @classmethod
    def of_real_keys(cls, indices: torch.Tensor, real: torch.Tensor) -> tuple[KeySets, torch.Tensor | None]:
        """Return sets of the keys that are real, and by what order of the last axis they were moved to the front.

        Where most places hold a real key they stay as they are: moving them would cost more than it saves. So they do
        on a GPU, which would have to be waited for.
        """
        if indices.is_cuda:
            return cls(indices), None
        sizes = real.sum(-1)
        if int(sizes.sum()) * MOST_PADDING > indices.numel():
            return cls(indices), None
        order = real.to(torch.uint8).argsort(dim=-1, descending=True, stable=True)[..., : int(sizes.max())]
        return cls(indices.gather(-1, order), tuple(sizes.flatten().tolist())), order

    def products(self, grouped: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
        """Multiply float32 queries ``(B, Hkv, G, Lq, d)`` with rows of ``(B, Hkv, Lk, d)``: ``(B, Hkv, G, Lq, n)``."""
        queries = self._by_set(grouped)
        products = queries.new_zeros(*queries.shape[:2], self.indices.shape[-1])
        for sets, columns, rows in self._pieces(source):
            products[sets, :, columns] = torch.bmm(queries[sets], rows.float().transpose(1, 2))
        return self._by_head(products, grouped)

    def weighted_sum(self, weights: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
        """Sum rows of ``(B, Hkv, Lk, d)`` by weights ``(B, Hkv, G, Lq, n)``: float32 ``(B, Hkv, G, Lq, d)``."""
        by_set = self._by_set(weights)
        total = torch.zeros(*by_set.shape[:2], source.shape[3], device=source.device)
        for sets, columns, rows in self._pieces(source):
            total[sets] += torch.bmm(by_set[sets][:, :, columns], rows).float()
        return self._by_head(total, weights)

    def _pieces(self, source: torch.Tensor) -> Iterator[tuple[slice | torch.Tensor, slice, torch.Tensor]]:
        """Yield which sets, which of their places, and the rows there, ``(sets, places, d)``."""
        flat, offsets = _flat_rows(source)
        places, head_dim = (self.indices + offsets).flatten(0, 3), source.shape[3]
        at_once = GATHERED_ELEMENTS_ON_GPU if source.is_cuda else GATHERED_ELEMENTS
        for sets, size in self._alike():
            of_sets = places[sets]
            step = max(1, at_once // (of_sets.shape[0] * head_dim))
            for start in range(0, size, step):
                columns = slice(start, min(start + step, size))
                piece = of_sets[:, columns]
                yield sets, columns, flat.index_select(0, piece.reshape(-1)).view(*piece.shape, head_dim)

    def _alike(self) -> Iterator[tuple[slice | torch.Tensor, int]]:
        """Yield sets of about the same size together, so that none is padded to more than twice its size."""
        if self.sizes is None:
            yield slice(None), self.indices.shape[-1]
            return
        by_magnitude: dict[int, list[int]] = {}
        for number, size in enumerate(self.sizes):
            if size:
                by_magnitude.setdefault(size.bit_length(), []).append(number)
        for numbers in by_magnitude.values():
            yield torch.tensor(numbers, device=self.indices.device), max(self.sizes[number] for number in numbers)

    def _by_set(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return ``(B, Hkv, G, Lq, x)`` as ``(sets, queries of a set, x)``."""
        batch, kv_heads, group, length, width = tensor.shape
        heads, rows = self.indices.shape[2:4]
        apart = tensor.reshape(batch, kv_heads, heads, group // heads, rows, length // rows, width)
        return apart.transpose(3, 4).flatten(4, 5).flatten(0, 3)

    def _by_head(self, tensor: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        """Return ``(sets, queries of a set, x)`` as ``(B, Hkv, G, Lq, x)``."""
        batch, kv_heads, group, length, _ = like.shape
        heads, rows = self.indices.shape[2:4]
        apart = tensor.view(batch, kv_heads, heads, rows, group // heads, length // rows, -1)
        return apart.transpose(3, 4).reshape(batch, kv_heads, group, length, -1)


def scaled_queries(queries: torch.Tensor, num_kv_heads: int, scaling: float) -> torch.Tensor:
    """Return ``(B, Hq, Lq, d)`` by KV group, ``(B, Hkv, G, Lq, d)``, in float32.

    Logits rounded to half precision would change the softmax by percents; scaled first, products cannot overflow.
    """
    batch, heads, length, head_dim = queries.shape
    return (queries.float() * scaling).reshape(batch, num_kv_heads, heads // num_kv_heads, length, head_dim)


def capped(logits: torch.Tensor, softcap: float | None) -> torch.Tensor:
    """Apply a model's soft cap, where it has one."""
    return logits if softcap is None else torch.tanh(logits / softcap) * softcap


def key_logits(layer: Layer, queries: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
    """Return the attention logits of chosen keys, which costs reading just these.

    Args:
        layer: Whose keys are read; its scale and soft cap are applied.
        queries: ``(B, Hq, Lq, d)``.
        indices: ``(B, Hq or Hkv, Lq, n)`` key positions.

    Returns:
        ``(B, Hq, Lq, n)`` float32.
    """
    batch, heads, length, _ = queries.shape
    kv_heads, count = layer.keys.shape[1], indices.shape[-1]
    grouped = scaled_queries(queries, kv_heads, layer.scaling)
    indices = indices.reshape(batch, kv_heads, indices.shape[1] // kv_heads, length, count)
    products = KeySets(indices).products(grouped, layer.keys).reshape(batch, heads, length, count)
    return capped(products, layer.softcap)


def every_key_logits(layer: Layer, queries: torch.Tensor) -> torch.Tensor:
    """Return the logits of every key, ``(B, Hq, Lq, Lk)`` float32: what an exact selector pays for."""
    rows = scaled_queries(queries, layer.keys.shape[1], layer.scaling).flatten(2, 3)
    # Keys of half precision are widened a piece at a time, so that no second cache is held.
    step = layer.keys.shape[2] if layer.keys.dtype == torch.float32 else KEYS_AT_ONCE
    pieces = torch.split(layer.keys, max(1, step), dim=2)
    of_pieces = [rows @ piece.float().transpose(-1, -2) for piece in pieces]
    products = of_pieces[0] if len(of_pieces) == 1 else torch.cat(of_pieces, dim=-1)
    return capped(products.view(*queries.shape[:3], -1), layer.softcap)
