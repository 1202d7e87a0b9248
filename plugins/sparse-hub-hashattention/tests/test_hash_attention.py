"""HashAttention: what it reads, with random planes and with learned functions."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from learned_hashes import HEAD_DIM, modules, signs, write
from sparse_hub_hashattention.hash_attention import HashAttentionConfig
from sparse_hub_hashattention.hash_functions import HashFunctions

from sparse_hub_core import ConfigError, Layer, SparseAttention, get_masker_config

COUNT = 20


def draw(seed: int, num_queries: int = 1, num_keys: int = 300, batch: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    keys = torch.randn(batch, 2, num_keys, HEAD_DIM, generator=generator) + 1
    return torch.randn(batch, 4, num_queries, HEAD_DIM, generator=generator), keys


def read(queries: torch.Tensor, keys: torch.Tensor, layer: int = 0, **fields: Any) -> torch.Tensor:
    """Return which keys are read, ``(B, Hq, Lq, Lk)``."""
    attention = SparseAttention([HashAttentionConfig(**{"heavy_size": COUNT} | fields)])
    return attention(queries, keys, keys, layer_idx=layer).mask.to_dense() > 0


def brute_force(query_signs: torch.Tensor, key_signs: torch.Tensor, count: int = COUNT) -> torch.Tensor:
    """Return which legal keys agree most, later ones first; signs are ``(B, Hq, Lq or n, bits)``."""
    agreeing = query_signs @ key_signs.transpose(-1, -2)
    num_queries, num_keys = agreeing.shape[2:]
    scores = agreeing.double() + torch.arange(num_keys) / num_keys
    future = torch.ones(num_queries, num_keys, dtype=torch.bool).triu(num_keys - num_queries + 1)
    scores = scores.masked_fill(future, -math.inf)
    chosen = torch.zeros_like(scores, dtype=torch.bool)
    return chosen.scatter_(-1, scores.topk(count, dim=-1).indices, True)


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("num_queries", [1, 5])
def test_without_weights_the_keys_on_the_same_sides_of_random_planes_are_read(bits: int, num_queries: int) -> None:
    queries, keys = draw(0, num_queries, batch=2)
    planes = HashFunctions.random_planes(2, HEAD_DIM, bits, seed=5 * 1_000_003 + 3).key.weights[0]
    centred = keys - keys[:, :, :-num_queries].mean(2, keepdim=True)
    of_queries = queries @ planes.repeat_interleave(2, dim=0)
    of_keys = (centred @ planes).repeat_interleave(2, dim=1)
    expected = brute_force(of_queries.sign(), of_keys.sign())
    assert torch.equal(read(queries, keys, layer=3, bits=bits, seed=5), expected)


@pytest.mark.parametrize("num_queries", [1, 5])
@pytest.mark.parametrize("key_heads", [2, 4])
@pytest.mark.parametrize("layer", [0, 3])
def test_with_weights_the_keys_of_most_agreeing_signs_are_read(
    tmp_path: Path, key_heads: int, num_queries: int, layer: int
) -> None:
    """Four key functions for two KV heads are those of the authors, one per query head."""
    queries, keys = draw(1, num_queries, batch=2)
    weights = write(tmp_path / "w.safetensors", key_heads)
    of_queries = signs(modules(layer, 4), queries)
    of_keys = signs(modules(layer + 100, key_heads), keys.repeat_interleave(key_heads // 2, dim=1))
    expected = brute_force(of_queries, of_keys.repeat_interleave(4 // key_heads, dim=1))
    assert torch.equal(read(queries, keys, layer, weights=str(weights), bits=64), expected)


def test_more_planes_find_more_of_the_true_top_keys() -> None:
    queries, keys = draw(2, num_keys=3000, batch=4)
    exact = get_masker_config("oracle_top_k")(heavy_size=100)
    true = SparseAttention([exact])(queries, keys, keys).mask.to_dense() > 0
    recalls = [
        (read(queries, keys, bits=bits, heavy_size=100) & true).sum().item() / true.sum().item() for bits in (32, 256)
    ]
    assert 0.15 < recalls[0] < recalls[1] - 0.1


def test_what_keys_have_in_common_does_not_hide_what_tells_them_apart() -> None:
    queries, keys = draw(3, num_keys=2000)
    recalls = []
    for offset in (0, 50):
        shifted = keys + offset
        exact = get_masker_config("oracle_top_k")(heavy_size=100)
        true = SparseAttention([exact])(queries, shifted, shifted).mask.to_dense() > 0
        recalls.append((read(queries, shifted, heavy_size=100, bits=64) & true).sum().item() / true.sum().item())
    assert recalls[1] > recalls[0] - 0.05


@pytest.mark.parametrize("weighted", [False, True])
def test_appended_keys_get_the_hashes_of_one_call_and_leave_the_old_ones(tmp_path: Path, weighted: bool) -> None:
    _, keys = draw(4, num_queries=12)
    weights = str(write(tmp_path / "w.safetensors")) if weighted else None
    config = HashAttentionConfig(heavy_size=COUNT, weights=weights)
    layer = Layer(0, keys[:, :, :-12], keys[:, :, :-12], 1.0)
    masker = config.create_masker()
    masker.on_prefill(layer)
    old = layer.state["words"].tensor.clone()
    for length in range(289, 301):
        layer.keys = keys[:, :, :length]
        masker.on_append(layer, length - 1)
    once = Layer(0, keys[:, :, :-12], keys[:, :, :-12], 1.0)
    masker.on_prefill(once)
    once.keys = keys
    masker.on_append(once, 288)
    assert torch.equal(layer.state["words"].tensor, once.state["words"].tensor)
    assert torch.equal(layer.state["words"].tensor[..., :288], old)


def test_a_seed_fixes_what_is_read_and_nothing_else_does() -> None:
    queries, keys = draw(5)
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    first = read(queries, keys)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(1)
    assert torch.equal(read(queries, keys), first)
    assert not torch.equal(read(queries, keys, seed=1), first)
    assert not torch.equal(read(queries, keys, layer=1), first)


@pytest.mark.parametrize(
    ("layer", "heads", "head_dim", "message"),
    [
        (1, (4, 2), 16, r"no weights for layer 1, only for layers \[0, 3\]"),
        (
            3,
            (4, 2),
            8,
            "does not fit layer 3: it is for 2 KV heads of dimension 16, the model has 2 of dimension 8",
        ),
        (0, (4, 1), 16, "it is for 2 KV heads of dimension 16, the model has 1 of dimension 16"),
        (0, (8, 2), 16, "it is for 4 query heads, the model has 8"),
    ],
)
def test_weights_of_another_model_are_told_with_the_layer(
    tmp_path: Path, layer: int, heads: tuple[int, int], head_dim: int, message: str
) -> None:
    weights = str(write(tmp_path / "w.safetensors"))
    queries, keys = torch.randn(1, heads[0], 1, head_dim), torch.randn(1, heads[1], 40, head_dim)
    with pytest.raises(ConfigError, match=message):
        read(queries, keys, layer, weights=weights)


def test_the_index_is_as_large_as_the_file_says(tmp_path: Path) -> None:
    assert HashAttentionConfig(bits=64).index_bits_per_key(128) == 64
    for key_heads, bits in ((2, 32), (4, 64)):
        weights = str(write(tmp_path / f"{key_heads}.safetensors", key_heads))
        assert HashAttentionConfig(bits=128, weights=weights).index_bits_per_key(128) == bits


def test_the_identity_is_that_of_the_content(tmp_path: Path) -> None:
    paths = [write(tmp_path / name, seed=seed) for name, seed in (("a", 0), ("b", 0), ("c", 1))]
    first, same, other = (HashAttentionConfig(weights=str(path)).identity() for path in paths)
    assert first == same != other
    assert str(first["weights"]).startswith("sha256:")


def test_what_means_nothing_beside_weights_identifies_nothing(tmp_path: Path) -> None:
    weights = str(write(tmp_path / "w"))
    first, same = (HashAttentionConfig(weights=weights, bits=bits, seed=bits).identity() for bits in (32, 64))
    assert first == same
    assert set(first) == {"heavy_size", "weights"}
    assert first != HashAttentionConfig(heavy_size=7, weights=weights).identity()
    untrained = [HashAttentionConfig(bits=bits, seed=seed).identity() for bits, seed in ((32, 0), (64, 0), (32, 1))]
    assert len({tuple(identity.items()) for identity in untrained}) == 3


@pytest.mark.parametrize(("field", "value"), [("bits", 16), ("bits", 40), ("bits", 544), ("weights", 3), ("seed", -1)])
def test_values_out_of_range_are_refused(field: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"HashAttentionConfig\.{field} = {value!r} is out of range"):
        HashAttentionConfig(**{field: value})
