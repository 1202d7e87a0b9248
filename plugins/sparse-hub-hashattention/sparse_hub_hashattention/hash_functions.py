"""The functions that map queries and keys to values whose signs are the bits: MLPs, or random planes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn.functional import silu

from sparse_hub_hashattention.hash_bits import packed_signs


@dataclass(frozen=True)
class Mlp:
    """An MLP per head with SiLU between its layers; one layer is a set of planes."""

    weights: tuple[torch.Tensor, ...]
    """``(H, in, out)`` each."""
    biases: tuple[torch.Tensor, ...]
    """``(H, 1, out)`` each."""

    def __call__(self, vectors: torch.Tensor) -> torch.Tensor:
        """Map ``(B, H, n, d)`` to ``(B, H, n, bits)``."""
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            vectors = vectors @ weight + bias if number == 0 else silu(vectors) @ weight + bias
        return vectors

    @property
    def num_heads(self) -> int:
        """The heads that have a function of their own."""
        return self.weights[0].shape[0]

    def to(self, device: torch.device) -> Mlp:
        """Return it in float32 on a device."""
        move = [tuple(tensor.to(device, torch.float32) for tensor in part) for part in (self.weights, self.biases)]
        return Mlp(*move)


@dataclass(frozen=True)
class HashFunctions:
    """The functions of one layer.

    Queries have a function per query head, or one that their KV group shares; keys have one per KV head, or several,
    each for a part of the group's query heads.
    """

    query: Mlp
    key: Mlp

    @classmethod
    def random_planes(cls, num_kv_heads: int, head_dim: int, bits: int, seed: int) -> HashFunctions:
        """Draw planes through the origin that queries and keys of a KV head share: SimHash."""
        generator = torch.Generator().manual_seed(seed)
        planes = torch.randn(num_kv_heads, head_dim, bits, generator=generator)
        mlp = Mlp((planes,), (torch.zeros(num_kv_heads, 1, bits),))
        return cls(mlp, mlp)

    @property
    def num_bits(self) -> int:
        """Bits per hash."""
        return self.key.weights[-1].shape[-1]

    @property
    def are_finite(self) -> bool:
        """Whether all weights are numbers in float32, in which they are applied."""
        tensors = [tensor for mlp in (self.query, self.key) for tensor in (*mlp.weights, *mlp.biases)]
        return all(bool(tensor.float().isfinite().all()) for tensor in tensors)

    def to(self, device: torch.device) -> HashFunctions:
        """Return them in float32 on a device."""
        return HashFunctions(self.query.to(device), self.key.to(device))

    def query_words(self, queries: torch.Tensor) -> torch.Tensor:
        """Hash ``(B, Hq, Lq, d)`` to ``(B, key heads, r, words)``, r being the rows that compare with one key hash."""
        batch, _, _, head_dim = queries.shape
        rows = queries.float().reshape(batch, self.query.num_heads, -1, head_dim)
        words = packed_signs(self.query(rows))
        return words.view(batch, self.key.num_heads, -1, words.shape[-1])

    def key_words(self, keys: torch.Tensor) -> torch.Tensor:
        """Hash ``(B, Hkv, n, d)`` to ``(B, key heads, words, n)``."""
        repeated = keys.float().repeat_interleave(self.key.num_heads // keys.shape[1], dim=1)
        return packed_signs(self.key(repeated)).transpose(2, 3)
