"""MagicPIG: its probabilities against the official ones, and its samples against its probabilities."""

from __future__ import annotations

import dataclasses
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sparse_hub_magicpig.magic_pig import MIN_PROBABILITY, MagicPig, MagicPigConfig, collision_probability

from sparse_hub_core import ConfigError, SparseAttention, get_masker_config
from sparse_hub_core.attention.dense import dense_attention
from sparse_hub_core.attention.engine import Scoring, sparse_attention
from sparse_hub_core.attention.layer import Layer
from sparse_hub_core.attention.mask import Mask

GOLDEN = Path(__file__).parents[3] / "tests" / "golden"
SIMHASH = json.loads((GOLDEN / "sampling_simhash.json").read_text())
KL = [(10, 150), (8, 75), (4, 16)]


def draw(
    seed: int, num_queries: int = 1, num_keys: int = 40, heads: tuple[int, int] = (4, 2), batch: int = 1
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = ((heads[0], num_queries), (heads[1], num_keys), (heads[1], num_keys))
    queries, keys, values = (torch.randn(batch, *shape, 8, generator=generator) for shape in shapes)
    return queries, keys + 0.5, values


def attend(tensors: tuple[torch.Tensor, ...], **params: Any) -> tuple[torch.Tensor, torch.Tensor]:
    result = SparseAttention([MagicPigConfig(**params)])(*tensors)
    return result.output, result.mask.to_dense()


def hashed(config: MagicPigConfig, keys: torch.Tensor) -> tuple[MagicPig, Layer]:
    masker, layer = config.create_masker(), Layer(0, keys, keys, 1.0)
    masker.on_prefill(layer)
    return masker, layer


@pytest.mark.parametrize("collisions", [1, 2])
def test_the_probability_is_the_closed_form_and_the_simulated_one(collisions: int) -> None:
    rows = [*SIMHASH["rows"], *SIMHASH["full_dimension_check"]]
    for row in rows:
        p = collision_probability(
            torch.tensor(row["theta"], dtype=torch.float64), row["K"], row["L"], collisions
        ).item()
        assert p == pytest.approx(row[f"theory_ge{collisions}"], abs=1e-6)
        spread = 4 * (p * (1 - p) / SIMHASH["draws_per_row"]) ** 0.5
        assert abs(p - row[f"simulated_ge{collisions}"]) <= spread + 1e-4


@pytest.mark.parametrize("collisions", [1, 2])
@pytest.mark.parametrize(("lsh_k", "lsh_l"), KL)
def test_the_probability_is_the_official_one(lsh_k: int, lsh_l: int, collisions: int) -> None:
    with np.load(GOLDEN / "magicpig_probabilities.npz") as arrays:
        theta = torch.from_numpy(arrays["official.theta"])
        expected = torch.from_numpy(arrays[f"official.K{lsh_k}_L{lsh_l}.prob_ge{collisions}"])
    probability = collision_probability(theta, lsh_k, lsh_l, collisions)
    torch.testing.assert_close(probability.double(), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("lsh_k", "lsh_l"), KL)
def test_the_masker_gives_each_key_the_official_probability(lsh_k: int, lsh_l: int) -> None:
    """The official centre is that of the sampled part alone, so sinks and window are left out here."""
    with np.load(GOLDEN / "magicpig_probabilities.npz") as arrays:
        sink, window = arrays["sink_window"]
        queries, keys = torch.from_numpy(arrays["q"]), torch.from_numpy(arrays["k"])[:, :, sink:-window]
        expected = torch.from_numpy(arrays[f"official.K{lsh_k}_L{lsh_l}.prob_ge2"]).float()
    masker, layer = hashed(MagicPigConfig(lsh_k=lsh_k, lsh_l=lsh_l), keys)
    probabilities = masker.add_mask(layer, queries, Mask.empty(queries, keys)).to_dense()
    read = probabilities > 0
    assert read.any()
    torch.testing.assert_close(probabilities[read], expected.clamp_min(MIN_PROBABILITY)[read], atol=1e-4, rtol=0)


@pytest.mark.parametrize("collisions", [1, 2, 3])
@pytest.mark.parametrize("center", [False, True])
def test_keys_are_read_as_often_as_their_probability_says(center: bool, collisions: int) -> None:
    tensors, seeds = draw(0, heads=(2, 1)), 400
    read, stated = torch.zeros(1, 2, 1, 40), torch.zeros(1, 2, 1, 40)
    for seed in range(seeds):
        probabilities = attend(tensors, lsh_k=3, lsh_l=8, seed=seed, center=center, min_collisions=collisions)[1]
        read += probabilities > 0
        stated = torch.maximum(stated, probabilities)
    frequency, never = read / seeds, read == 0
    spread = (stated * (1 - stated) / seeds).sqrt()
    assert (frequency - stated)[~never].abs().div(spread[~never].clamp_min(1e-6)).max() < 4
    assert stated[~never].min() < 0.2 < 0.8 < stated.max() or collisions != 2


def test_the_mean_over_seeds_is_dense_attention() -> None:
    queries, keys, values = draw(1, num_keys=400, heads=(2, 1))
    queries, scoring, seeds = queries * 1.5, Scoring(8**-0.5), 300
    dense = dense_attention(queries, keys, values, scoring)
    weighted, unweighted = [], []
    for seed in range(seeds):
        result = SparseAttention([MagicPigConfig(lsh_k=3, lsh_l=10, seed=seed)])(queries, keys, values)
        assert isinstance(result.mask, Mask)
        assert result.mask.probabilities is not None
        certain = dataclasses.replace(result.mask, probabilities=(result.mask.probabilities > 0).float())
        weighted.append(result.output)
        unweighted.append(sparse_attention(queries, keys, values, certain, scoring)[0])
    outputs = torch.stack(weighted)
    # Four standard errors, and the ratio estimator's own bias, which falls with the number of keys read.
    margin = 4 * outputs.std(0) / seeds**0.5 + 0.005
    assert ((outputs.mean(0) - dense).abs() < margin).all()
    assert ((torch.stack(unweighted).mean(0) - dense).abs() > margin).any()


def test_a_seed_fixes_the_mask_and_nothing_else_does() -> None:
    tensors = draw(2)
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    first = attend(tensors, lsh_k=4)[1]
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(1)
    assert torch.equal(attend(tensors, lsh_k=4)[1], first)
    assert not torch.equal(attend(tensors, lsh_k=4, seed=1)[1], first)
    layers = [SparseAttention([MagicPigConfig(lsh_k=4)])(*tensors, layer_idx=index).mask.to_dense() for index in (0, 1)]
    assert torch.equal(layers[0], first)
    assert not torch.equal(layers[1], first)


@pytest.mark.parametrize("chunks", [[1] * 10, [10], [3, 7]])
def test_appended_keys_get_the_buckets_of_one_call_and_leave_the_old_ones(chunks: list[int]) -> None:
    queries, keys, _ = draw(3, num_queries=40)
    masker, layer = hashed(MagicPigConfig(lsh_l=16, lsh_k=5), keys[:, :, :30])
    center = layer.state["center"].clone()
    length = 30
    for chunk in chunks:
        old = layer.state["buckets"].tensor.clone()
        layer.keys = keys[:, :, : length + chunk]
        masker.on_append(layer, length)
        assert torch.equal(layer.state["buckets"].tensor[..., :length], old)
        length += chunk
    once, at_once = hashed(MagicPigConfig(lsh_l=16, lsh_k=5), keys[:, :, :30])
    at_once.keys = keys
    once.on_append(at_once, 30)
    assert torch.equal(layer.state["center"], center)
    assert torch.equal(layer.state["buckets"].tensor, at_once.state["buckets"].tensor)
    masks = [m.add_mask(where, queries, Mask.empty(queries, keys)) for m, where in ((masker, layer), (once, at_once))]
    assert torch.equal(masks[0].to_dense(), masks[1].to_dense())


@pytest.mark.parametrize("num_keys", [1, 2, 40])
def test_a_prefix_of_no_token_works(num_keys: int) -> None:
    tensors = draw(4, num_keys, num_keys)
    output, probabilities = attend(tensors, lsh_k=2)
    assert torch.isfinite(output).all()
    assert torch.equal(probabilities, attend(tensors, lsh_k=2, center=False)[1])


def test_the_future_changes_nothing() -> None:
    queries, keys, values = draw(5, 12)
    changed = keys.clone()
    changed[:, :, 34:] *= -3
    whole, other = attend((queries, keys, values), lsh_k=2), attend((queries, changed, values), lsh_k=2)
    assert torch.equal(whole[0][:, :, :6], other[0][:, :, :6])
    assert torch.equal(whole[1][:, :, :6], other[1][:, :, :6])
    assert not (whole[1] > 0)[..., torch.ones(12, 40, dtype=torch.bool).triu(29)].any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("heads", [(4, 4), (8, 2), (4, 1), (28, 4)])
def test_it_keeps_shape_and_dtype_and_ignores_the_batch(dtype: torch.dtype, heads: tuple[int, int]) -> None:
    batch = tuple(tensor.to(dtype) for tensor in draw(6, 3, 33, heads, batch=2))
    output, probabilities = attend(batch, lsh_k=3)
    assert (output.shape, output.dtype) == (batch[0].shape, dtype)
    assert probabilities.min() >= 0
    assert probabilities.max() <= 1
    for row in range(2):
        alone = attend(tuple(tensor[row : row + 1] for tensor in batch), lsh_k=3)
        assert torch.equal(probabilities[row : row + 1] > 0, alone[1] > 0)
        torch.testing.assert_close(probabilities[row : row + 1], alone[1], atol=1e-5, rtol=1e-5)


def test_what_sinks_and_window_read_is_not_sampled() -> None:
    sink, local = get_masker_config("sink")(sink_size=4), get_masker_config("local")(window_size=6)
    mask = SparseAttention([sink, local, MagicPigConfig(lsh_k=2)])(*draw(7)).mask
    assert mask.indices is not None
    assert mask.probabilities is not None
    real = mask.indices[mask.probabilities > 0]
    assert real.min() >= 4
    assert real.max() < 34


def test_a_key_that_is_the_centre_lies_at_a_right_angle() -> None:
    queries, keys, _ = draw(8, num_keys=1)
    masker, layer = hashed(MagicPigConfig(lsh_k=1, lsh_l=64), keys)
    probabilities = masker.add_mask(layer, queries, Mask.empty(queries, keys)).to_dense()
    expected = collision_probability(torch.tensor(torch.pi / 2), 1, 64)
    torch.testing.assert_close(probabilities, expected.expand_as(probabilities))


def test_angles_are_those_of_the_vectors_that_were_hashed() -> None:
    """Keys that have much in common: products of whole keys would cancel, and the angle with them."""
    queries, keys, _ = draw(9)
    keys = 3000 * keys[:, :, :1] + 0.1 * keys
    masker, layer = hashed(MagicPigConfig(lsh_k=4, lsh_l=16), keys)
    probabilities = masker.add_mask(layer, queries, Mask.empty(queries, keys)).to_dense()
    centred = (keys - layer.state["center"]).repeat_interleave(2, dim=1).double()
    cosine = torch.cosine_similarity(queries.double(), centred, dim=-1)[:, :, None]
    expected = collision_probability(torch.arccos(cosine), 4, 16)
    read = probabilities > 0
    assert read.any()
    torch.testing.assert_close(probabilities[read], expected.clamp_min(MIN_PROBABILITY)[read], atol=1e-4, rtol=0)


@pytest.mark.parametrize(("lsh_l", "collisions"), [(1024, 600), (150, 20), (4, 4), (4, 5), (4, 9)])
def test_many_collisions_have_a_probability_too(lsh_l: int, collisions: int) -> None:
    theta = torch.linspace(0.0, torch.pi, 9, dtype=torch.float64)
    probability = collision_probability(theta, 1, lsh_l, collisions)
    possible = collisions <= lsh_l
    assert probability[0] == float(possible)
    assert probability[-1] == 0
    assert (probability.diff() <= 1e-6).all()
    config = MagicPigConfig(lsh_l=lsh_l, min_collisions=collisions, lsh_k=1)
    assert (config.infeasible_because(1000) is None) == possible
    probabilities = attend(draw(10), **config.parameters())[1]
    assert torch.isfinite(probabilities).all()
    assert possible or not probabilities.any()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("lsh_l", 0),
        ("lsh_l", 1025),
        ("lsh_k", 31),
        ("lsh_k", 8.0),
        ("lsh_k", True),
        ("min_collisions", 0),
        ("center", 1),
        ("seed", -1),
        ("seed", 2**32),
        ("seed", float("nan")),
    ],
)
def test_values_out_of_range_are_refused(field: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"MagicPigConfig\.{field} = {value!r} is out of range: it must be"):
        MagicPigConfig(**{field: value})


@pytest.mark.parametrize("seed", [0, 2**32 - 1])
@pytest.mark.parametrize("lsh_k", [1, 30])
def test_the_ends_of_the_ranges_work(seed: int, lsh_k: int) -> None:
    assert torch.isfinite(attend(draw(11), seed=seed, lsh_k=lsh_k, lsh_l=1, min_collisions=1)[0]).all()


def test_the_config_is_registered_searchable_and_json() -> None:
    config_class, rng = get_masker_config("magic_pig"), random.Random(0)
    assert config_class is MagicPigConfig
    space = config_class.get_search_space("ruler/niah")
    assert space.keys() <= {field.name for field in dataclasses.fields(config_class)}
    for _ in range(20):
        config = config_class(**{name: domain.sample(rng) for name, domain in space.items()})
        assert config.infeasible_because(1000) is None
        assert config_class.from_parameters(json.loads(json.dumps(config.parameters()))) == config
    with pytest.raises(ConfigError, match="did you mean 'lsh_k'"):
        config_class.from_parameters({"lshk": 4})
