"""PQCache: its codes and scores against brute force, and what it finds."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from sparse_hub_pqcache.pq_cache import PqCacheConfig

from sparse_hub_core import ConfigError, Layer, Mask, SparseAttention, get_masker_config

METRICS = ["euclidean", "inner_product"]


def draw(seed: int, num_queries: int = 1, num_keys: int = 200, batch: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """Queries of four heads and keys of two, in clusters that lie off the centre."""
    generator = torch.Generator().manual_seed(seed)
    centers = 3 * torch.randn(batch, 2, 20, 16, generator=generator) + 1
    which = torch.randint(20, (num_keys,), generator=generator)
    keys = centers[:, :, which] + 0.5 * torch.randn(batch, 2, num_keys, 16, generator=generator)
    return torch.randn(batch, 4, num_queries, 16, generator=generator), keys


def encoded(keys: torch.Tensor, prefix: int, chunks: tuple[int, ...] = (), **fields: Any) -> Layer:
    """Return the layer of keys that follow a prefix in chunks."""
    masker, layer = PqCacheConfig(**fields).create_masker(), Layer(0, keys[:, :, :prefix], keys[:, :, :prefix], 1.0)
    masker.on_prefill(layer)
    for chunk in chunks:
        start = layer.keys.shape[2]
        layer.keys = layer.values = keys[:, :, : start + chunk]
        masker.on_append(layer, start)
    return layer


def codes_of(layer: Layer, fields: dict[str, Any]) -> torch.Tensor:
    """Return a code per subvector, ``(B, Hkv, m, Lk)``."""
    codes = layer.state["codes"].tensor.long()
    if PqCacheConfig(**fields).codes_per_byte == 1:
        return codes
    return torch.stack([codes // 16, codes % 16], dim=3).flatten(2, 3)


def reconstructed(layer: Layer, fields: dict[str, Any]) -> torch.Tensor:
    """Return the keys that the codes stand for, ``(B, Hkv, Lk, d)``."""
    centroids, codes = layer.state["centroids"], codes_of(layer, fields)
    width = layer.keys.shape[-1] // codes.shape[2]
    found = centroids.gather(3, codes[..., None].expand(-1, -1, -1, -1, centroids.shape[-1]))
    return found[..., :width].transpose(2, 3).flatten(3)


FIELDS = [
    {"pq_group_factor": 2, "pq_bits": 6},
    {"pq_group_factor": 4, "pq_bits": 4},
    {"pq_group_factor": 1, "pq_bits": 4},
    {"pq_group_factor": 4, "pq_bits": 5, "metric": "inner_product"},
    {"pq_group_factor": 2, "pq_bits": 4, "metric": "inner_product"},
]


@pytest.mark.parametrize("fields", FIELDS)
@pytest.mark.parametrize(("prefix", "chunks"), [(180, (20,)), (10, (1, 2, 187)), (0, (200,))])
def test_scores_are_those_of_the_reconstructed_keys(
    fields: dict[str, Any], prefix: int, chunks: tuple[int, ...]
) -> None:
    queries, keys = draw(0, num_queries=3, batch=2)
    layer = encoded(keys, prefix, chunks, **fields)
    exact = reconstructed(layer, fields).repeat_interleave(2, dim=1) @ queries.transpose(-1, -2)
    for count in (1, 7):
        mask = (
            PqCacheConfig(heavy_size=count, **fields)
            .create_masker()
            .add_mask(layer, queries, Mask.empty(queries, keys))
        )
        read = mask.to_dense() > 0
        scores = exact.transpose(-1, -2)[:, :, 2:]
        assert (read.sum(-1) == count).all()
        last = read[:, :, 2:]
        lowest_read = scores.masked_fill(~last, torch.inf).amin(-1)
        highest_left = scores.masked_fill(last, -torch.inf).amax(-1)
        assert (lowest_read >= highest_left - 1e-4).all()


@pytest.mark.parametrize("fields", FIELDS)
def test_codes_are_those_of_the_nearest_centroid_also_of_new_keys(fields: dict[str, Any]) -> None:
    """New keys are encoded as keys: with the lifting coordinate where there is one."""
    _, keys = draw(1)
    layer = encoded(keys, 150, (50,), **fields)
    groups = fields["pq_group_factor"]
    vectors = keys.double().unflatten(-1, (groups, -1)).transpose(2, 3)
    if fields.get("metric") == "inner_product":
        longest = vectors[:, :, :, :150].norm(dim=-1, keepdim=True).amax(3, keepdim=True)
        lifted = (longest.square() - vectors.square().sum(-1, keepdim=True)).clamp_min(0).sqrt()
        vectors = torch.cat([vectors, lifted], dim=-1)
    centroids = layer.state["centroids"].double()
    distances = torch.cdist(vectors, centroids)
    chosen = distances.gather(-1, codes_of(layer, fields)[..., None])[..., 0]
    torch.testing.assert_close(chosen, distances.amin(-1), atol=1e-5, rtol=1e-5)


def test_the_inner_product_metric_makes_all_subvectors_equally_long() -> None:
    _, keys = draw(10, num_keys=60)
    state = encoded(keys, 50, (10,), metric="inner_product").state
    lengths = keys.unflatten(-1, (2, 8)).norm(dim=-1).transpose(2, 3)
    longest = lengths[..., :50].amax(-1, keepdim=True)
    torch.testing.assert_close(state["centroids"].norm(dim=-1), torch.maximum(lengths, longest))
    assert (lengths[..., 50:] > longest).any()


@pytest.mark.parametrize("metric", METRICS)
def test_it_finds_the_true_top_keys_far_more_often_than_chance(metric: str) -> None:
    queries, keys = draw(2, num_keys=4000, batch=2)
    count = 200
    exact = get_masker_config("oracle_top_k")(heavy_size=count)
    true = SparseAttention([exact])(queries, keys, keys).mask.to_dense() > 0
    for groups, least in ((2, 0.5), (4, 0.7)):
        config = PqCacheConfig(heavy_size=count, pq_group_factor=groups, metric=metric)
        found = SparseAttention([config])(queries, keys, keys).mask.to_dense() > 0
        recall = (found & true).sum().item() / true.sum().item()
        assert recall > least, recall


def test_more_bits_and_more_subvectors_come_closer_to_the_keys() -> None:
    _, keys = draw(3, num_keys=2000)

    def distance(**fields: Any) -> float:
        return (reconstructed(encoded(keys, 2000, **fields), fields) - keys).square().mean().item()

    coarse = distance(pq_group_factor=2, pq_bits=4)
    assert distance(pq_group_factor=2, pq_bits=8) < 0.8 * coarse
    assert distance(pq_group_factor=4, pq_bits=4) < 0.8 * coarse


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("prefix", [0, 1, 40, 64, 65, 150])
def test_appended_keys_get_the_codes_of_one_call_and_leave_the_old_ones(prefix: int, metric: str) -> None:
    _, keys = draw(4, num_keys=190)
    once = encoded(keys, prefix, (190 - prefix,), metric=metric)
    chunks = (1,) * 30 + (190 - prefix - 30,)
    layer = encoded(keys, prefix, chunks[:10], metric=metric)
    old = layer.state["codes"].tensor.clone() if layer.state else None
    steps = encoded(keys, prefix, chunks, metric=metric)
    assert torch.equal(steps.state["codes"].tensor, once.state["codes"].tensor)
    assert torch.equal(steps.state["centroids"], once.state["centroids"])
    assert old is not None
    assert torch.equal(steps.state["codes"].tensor[..., : prefix + 10], old)


def test_few_keys_are_centroids_of_their_own_and_score_exactly() -> None:
    queries, keys = draw(5, num_keys=50)
    exact = get_masker_config("oracle_top_k")(heavy_size=9)
    read = [
        SparseAttention([config])(queries, keys, keys).mask.to_dense()
        for config in (PqCacheConfig(heavy_size=9, pq_bits=6), exact)
    ]
    assert torch.equal(*read)


@pytest.mark.parametrize("kind", ["equal", "zero", "huge"])
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_degenerate_keys_are_no_trouble(kind: str, metric: str, dtype: torch.dtype) -> None:
    queries, keys = draw(6)
    keys = {"equal": keys[:, :, :1].expand_as(keys), "zero": torch.zeros_like(keys), "huge": keys * 3000}[kind]
    config = PqCacheConfig(heavy_size=8, metric=metric)
    result = SparseAttention([config])(queries.to(dtype), keys.to(dtype), keys.to(dtype))
    assert torch.isfinite(result.output).all()
    assert ((result.mask.to_dense() > 0).sum(-1) == 8).all()


def test_codebooks_depend_on_seed_and_layer_and_on_no_other_sequence() -> None:
    _, keys = draw(7, batch=3)
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    state = encoded(keys, 200).state
    assert torch.equal(torch.random.get_rng_state(), before)
    for row in range(3):
        alone = encoded(keys[row : row + 1], 200).state
        assert torch.equal(alone["centroids"], state["centroids"][row : row + 1])
        assert torch.equal(alone["codes"].tensor, state["codes"].tensor[row : row + 1])
    assert not torch.equal(encoded(keys, 200, seed=1).state["centroids"], state["centroids"])


def test_a_codebook_of_a_long_prefix_is_fitted_to_all_of_it() -> None:
    """Where not all keys are fitted, those that are come from its end as well as from its beginning."""
    generator = torch.Generator().manual_seed(8)
    keys = torch.randn(1, 1, 9000, 8, generator=generator)
    keys[:, :, 8000:] += 20
    layer = encoded(keys, 9000, pq_bits=4)
    assert (reconstructed(layer, {"pq_bits": 4})[:, :, 8000:] - keys[:, :, 8000:]).square().mean() < 2


def test_a_head_dim_that_cannot_be_cut_is_named() -> None:
    queries, keys = draw(9)
    with pytest.raises(ConfigError, match=r"pq_group_factor = 3 does not divide the head_dim 16"):
        SparseAttention([PqCacheConfig(pq_group_factor=3)])(queries, keys, keys)


@pytest.mark.parametrize(("field", "value"), [("pq_bits", 3), ("pq_bits", 9), ("pq_group_factor", 0), ("metric", "ip")])
def test_values_out_of_range_are_refused(field: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"PqCacheConfig\.{field} = {value!r} is out of range"):
        PqCacheConfig(**{field: value})


def test_what_cannot_work_says_why() -> None:
    assert PqCacheConfig().infeasible_because(1000) is None
    assert "covers the whole context" in str(PqCacheConfig(heavy_size=1.0).infeasible_because(1000))
    assert "256 centroids" in str(PqCacheConfig(pq_bits=8).infeasible_because(256))
