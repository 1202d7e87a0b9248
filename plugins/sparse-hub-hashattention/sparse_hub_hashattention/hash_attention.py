"""HashAttention: top-k by how many bits of a key's hash agree with the query's."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar

import torch
from annotated_types import Ge, Le, MultipleOf

from sparse_hub_core import (
    Domain,
    GrowingTensor,
    Layer,
    Mask,
    Masker,
    MaskerConfig,
    Size,
    choice,
    covers_context,
    loguniform,
    resolve_size,
)
from sparse_hub_hashattention.hash_bits import agreement_scores
from sparse_hub_hashattention.hash_functions import HashFunctions
from sparse_hub_hashattention.weight_file import WeightFile

KEYS_AT_ONCE = 4096
"""Hashed at a time, so that no hidden layer of all keys is held."""


@dataclass(frozen=True)
class HashAttentionConfig(MaskerConfig):
    """The ``heavy_size`` unread keys whose hashes agree with the query's in most bits, per query head.

    Small MLPs f and g, learned per layer and head from the model's own attention, map queries and keys to bits; a
    key's score is the number of bits i with sign f_i(q) = sign g_i(k). https://arxiv.org/abs/2412.14468

    ``weights`` names a safetensors file with these MLPs for one model, which ``python -m
    sparse_hub_hashattention.train`` makes and ``python -m sparse_hub_hashattention.convert`` makes of the authors' .pt
    files. The file decides how many bits there are: beside it neither ``bits`` nor ``seed`` means anything. Models of
    equal shape are not told apart by it: take the one that was made for yours. Without a file this is the *untrained*
    baseline: ``bits`` random planes per KV head (SimHash) and keys centred by the prefix's mean. It runs with any
    model, and finds fewer of the heavy keys.

    Choosing reads a hash per key and KV head. State: these hashes, 32 bits to an int32, and the functions. The authors
    hash a key once for each query head of its group, so that their files make an index that is as many times larger;
    the trainer here makes one function per query head for queries and one per KV head for keys, which is the 32 bits
    per key that the paper counts. Of keys with equally many agreeing bits, later ones go first.
    """

    budget_field: ClassVar[str] = "heavy_size"
    file_fields: ClassVar[tuple[str, ...]] = ("weights",)

    heavy_size: Size = 0.05
    bits: Annotated[int, Ge(32), Le(512), MultipleOf(32)] = 32
    weights: str | None = None
    seed: Annotated[int, Ge(0), Le(2**32 - 1)] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        # A file that is missing or of another kind is told when the config is made.
        _ = self.weight_file

    @cached_property
    def weight_file(self) -> WeightFile | None:
        """What the file of weights says of itself."""
        return None if self.weights is None else WeightFile.inspect(self.weights)

    def create_masker(self) -> HashAttention:
        """Return the masker."""
        return HashAttention(self)

    @staticmethod
    def get_search_space(task_name: str) -> dict[str, Domain]:
        """Return shares of the context, and untrained hashes from the paper's to coarse vectors."""
        return {"heavy_size": loguniform(0.005, 0.2), "bits": choice([32, 64, 128, 256])}

    def infeasible_because(self, num_keys: int) -> str | None:
        """Return a reason when the top-k is the whole context."""
        return covers_context("heavy_size", self.heavy_size, num_keys)

    def max_keys(self, num_keys: int) -> int:
        """Return the number of heavy keys."""
        return resolve_size(self.heavy_size, num_keys)

    def index_bits_per_key(self, head_dim: int) -> float:
        """Return the bits of a key's hashes."""
        return self.bits if self.weight_file is None else self.weight_file.bits_per_key

    def identity(self) -> dict[str, Any]:
        """Return the fields that mean something, with the content of the weights in place of their path."""
        if self.weights is None:
            return self.parameters()
        digest = hashlib.sha256(Path(self.weights).read_bytes()).hexdigest()
        meant = {name: value for name, value in self.parameters().items() if name not in ("bits", "seed")}
        return meant | {"weights": f"sha256:{digest}"}


class HashAttention(Masker):
    """State per layer: its hash functions, what is subtracted from keys, ``words`` ``(B, key heads, words, Lk)``.

    Keys stand in the last dimension, so that words are compared along memory.
    """

    def __init__(self, config: HashAttentionConfig) -> None:
        self.config = config
        self._loaded: dict[int, HashFunctions] = {}

    def on_prefill(self, layer: Layer) -> None:
        """Hash the prefix."""
        layer.state["functions"], layer.state["center"] = self._functions(layer), self._center(layer)
        layer.state["words"] = GrowingTensor(_hashed(layer, 0), dim=3)

    def on_append(self, layer: Layer, start: int) -> None:
        """Hash the new keys; the others keep their hashes."""
        layer.state["words"].append(_hashed(layer, start))

    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        """Add the keys of most agreeing bits."""
        functions: HashFunctions = layer.state["functions"]
        if self.config.weight_file is not None:
            self.config.weight_file.check_query_heads(layer.index, queries.shape[1])
        scores = agreement_scores(functions.query_words(queries), layer.state["words"].tensor)
        scores = scores.view(*queries.shape[:3], -1)
        return mask.with_top_keys(scores, resolve_size(self.config.heavy_size, mask.num_keys))

    def _functions(self, layer: Layer) -> HashFunctions:
        kv_heads, head_dim, device = layer.keys.shape[1], layer.keys.shape[3], layer.keys.device
        file = self.config.weight_file
        if file is None:
            seed = self.config.seed * 1_000_003 + layer.index
            return HashFunctions.random_planes(kv_heads, head_dim, self.config.bits, seed).to(device)
        file.check_keys(layer.index, kv_heads, head_dim)
        if layer.index not in self._loaded:
            self._loaded[layer.index] = file.read_layer(layer.index).to(device)
        return self._loaded[layer.index]

    def _center(self, layer: Layer) -> torch.Tensor:
        """Return what is subtracted from keys, ``(B, Hkv, 1, d)``: learned functions take keys as they are."""
        if self.config.weight_file is None and layer.keys.shape[2]:
            return layer.keys.mean(2, keepdim=True, dtype=torch.float32)
        batch, kv_heads, _, head_dim = layer.keys.shape
        return torch.zeros(batch, kv_heads, 1, head_dim, device=layer.keys.device)


def _hashed(layer: Layer, start: int) -> torch.Tensor:
    """Return the words of the keys from ``start`` on."""
    pieces = torch.split(layer.keys[:, :, start:], KEYS_AT_ONCE, dim=2)
    functions: HashFunctions = layer.state["functions"]
    return torch.cat([functions.key_words(piece.float() - layer.state["center"]) for piece in pieces], dim=3)
