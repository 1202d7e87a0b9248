"""Random and adaptive sampling: unbiased, without replacement, and vAttention's promise kept on heavy tails."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from sparse_hub_core import ConfigError, Layer, Mask, MaskerConfig, SparseAttention, get_masker_config
from sparse_hub_core.attention.dense import dense_attention
from sparse_hub_core.attention.engine import Scoring, sparse_attention

Sink, Local, TopK = (get_masker_config(name) for name in ("sink", "local", "oracle_top_k"))
Random, Adaptive = get_masker_config("random_sampling"), get_masker_config("adaptive_sampling")
FIXED: list[MaskerConfig] = [Sink(sink_size=3), Local(window_size=5), TopK(heavy_size=7)]


def draw(seed: int, num_queries: int = 1, num_keys: int = 300) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = ((4, num_queries), (2, num_keys), (2, num_keys))
    queries, keys, values = (torch.randn(1, *shape, 8, generator=generator) for shape in shapes)
    return queries, keys, values


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.4, 1.0])
def test_a_share_of_the_unread_keys_is_drawn_with_its_probability(rate: float) -> None:
    tensors = draw(0, 6)
    before = SparseAttention(FIXED)(*tensors)
    after = SparseAttention([*FIXED, Random(sampling_rate=rate)])(*tensors)
    left = before.num_legal - before.num_read
    drawn = (left * rate).long().clamp_min(1)
    assert torch.equal(after.num_read - before.num_read, drawn)
    sampled = after.mask.to_dense()[before.mask.to_dense() == 0]
    expected = (drawn / left)[..., None].expand(-1, -1, -1, 300)[before.mask.to_dense() == 0]
    assert torch.equal(sampled[sampled > 0], expected[sampled > 0])


@pytest.mark.parametrize("stack", ["alone", "after slices", "after top-k"])
@pytest.mark.parametrize("sampler", [Random(sampling_rate=0.1), Adaptive(base_rate_sampling=0.15, epsilon=0.5)])
def test_the_mean_over_seeds_is_dense_attention(sampler: MaskerConfig, stack: str) -> None:
    before = {"alone": [], "after slices": FIXED[:2], "after top-k": FIXED}[stack]
    queries, keys, values = draw(1)
    scoring, seeds = Scoring(8**-0.5), 300
    dense = dense_attention(queries, keys, values, scoring)
    weighted, unweighted = [], []
    for seed in range(seeds):
        result = SparseAttention([*before, dataclasses.replace(sampler, seed=seed)])(queries, keys, values)
        assert isinstance(result.mask, Mask)
        assert result.mask.probabilities is not None
        certain = dataclasses.replace(result.mask, probabilities=(result.mask.probabilities > 0).float())
        weighted.append(result.output)
        unweighted.append(sparse_attention(queries, keys, values, certain, scoring)[0])
    outputs = torch.stack(weighted)
    # Four standard errors, and the ratio estimator's own bias of order 1 / sample size.
    margin = 4 * outputs.std(0) / seeds**0.5 + 0.02
    assert ((outputs.mean(0) - dense).abs() < margin).all()
    assert stack == "alone" or ((torch.stack(unweighted).mean(0) - dense).abs() > margin).any()


@pytest.mark.parametrize(("spread", "most"), [(0.7, 0.05), (1.5, 0.08), (2.5, 0.07)])
def test_the_promise_is_kept_on_heavy_tails_at_low_density(spread: float, most: float) -> None:
    """The table of facts: P(relative error of the denominator > epsilon) near delta, at densities up to ``most``."""
    epsilon, ratios, densities = 0.05, [], []
    for seed in range(8):
        logits = torch.randn(1, 30, 32768, 1, generator=torch.Generator().manual_seed(seed)) * spread
        stack = [TopK(heavy_size=0.02), Adaptive(base_rate_sampling=0.02, epsilon=epsilon, delta=0.05, seed=seed)]
        result = SparseAttention(stack)(torch.ones(1, 30, 1, 1), logits, torch.zeros_like(logits), scaling=1.0)
        probabilities, weights = result.mask.to_dense()[:, :, 0].double(), logits[..., 0].double().exp()
        estimate = torch.where(probabilities > 0, weights / probabilities, 0.0).sum(-1)
        ratios.append((estimate / weights.sum(-1)).flatten())
        densities.append(result.density)
    found = torch.cat(ratios)
    assert abs(found.mean() - 1) < 0.005
    # delta is 0.05; of 240 draws more than 0.1 are too far off with probability 0.001.
    assert ((found - 1).abs() > epsilon).double().mean() < 0.1
    assert sum(densities) / len(densities) < most


@pytest.mark.parametrize(("field", "values"), [("epsilon", [0.4, 0.1, 0.02]), ("delta", [0.4, 0.1, 0.01])])
def test_a_stricter_promise_reads_more(field: str, values: list[float]) -> None:
    tensors = draw(2, 1, 4000)
    densities = [SparseAttention([Adaptive(**{field: value})])(*tensors).density for value in values]
    assert densities == sorted(densities)
    assert densities[0] < densities[-1]


@pytest.mark.parametrize("sampler", [Random(sampling_rate=0.3), Adaptive()])
def test_a_full_mask_leaves_nothing_to_sample(sampler: MaskerConfig) -> None:
    tensors = draw(3, 4, 20)
    result = SparseAttention([Sink(sink_size=1.0), sampler])(*tensors)
    assert result.density == 1.0
    assert set(result.mask.to_dense().unique().tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize("sampler", [Random(sampling_rate=0.2), Adaptive(base_rate_sampling=0.2, epsilon=0.01)])
def test_heads_with_nothing_left_beside_heads_with_much(sampler: MaskerConfig) -> None:
    queries, keys, values = draw(6, 1, 100)
    held = torch.arange(100).expand(1, 4, 1, 100)
    some = (held < torch.tensor([50, 50, 100, 100]).view(1, 4, 1, 1)).float()
    mask = Mask.empty(queries, keys).with_keys(held, some)
    sampled = sampler.create_masker().add_mask(Layer(0, keys, values, 0.3), queries, mask).to_dense()
    assert torch.equal(sampled[:, 2:], torch.ones(1, 2, 1, 100))
    assert (sampled[:, :2, :, 50:] > 0).any(-1).all()


@pytest.mark.parametrize("num_keys", [60, 64, 66, 130])
@pytest.mark.parametrize("sampler", [Random(sampling_rate=0.2), Adaptive(base_rate_sampling=0.2)])
def test_draws_do_not_depend_on_the_chunk(sampler: MaskerConfig, num_keys: int) -> None:
    queries, keys, values = draw(7, 10, num_keys + 10)
    stack = [Sink(sink_size=4), Local(window_size=4), sampler]
    whole, steps = SparseAttention(stack)(queries, keys, values).mask.to_dense(), SparseAttention(stack)
    for row in range(10):
        end = num_keys + row + 1
        step = steps(queries[:, :, row : row + 1], keys[:, :, :end], values[:, :, :end])
        assert torch.equal(step.mask.to_dense(), whole[:, :, row : row + 1, :end])


@pytest.mark.parametrize("rate", [0.29, 0.57, 0.58])
@pytest.mark.parametrize("num_keys", [50, 100, 200])
def test_no_more_is_drawn_than_was_declared(rate: float, num_keys: int) -> None:
    config = Random(sampling_rate=rate)
    assert int(SparseAttention([config])(*draw(8, 1, num_keys)).num_read.max()) <= config.max_keys(num_keys)


def test_a_promise_without_slack_reads_everything() -> None:
    tensors = draw(9, 1, 400)
    assert SparseAttention([Adaptive(epsilon=1e-6, delta=1e-9)])(*tensors).density > 0.99
    for field in ("epsilon", "delta"):
        with pytest.raises(ConfigError, match=f"{field} = 1e-20 is out of range"):
            Adaptive(**{field: 1e-20})


def test_a_group_reads_no_more_than_the_largest_of_its_samples() -> None:
    result = SparseAttention([*FIXED[:2], Adaptive(epsilon=0.4)])(*draw(10, 1, 2000))
    largest = result.num_read.view(1, 2, 2, 1).amax(2)
    assert torch.equal(result.mask.rows_read(), largest)


def test_a_group_shares_its_sample_unless_its_heads_lack_different_keys() -> None:
    tensors = draw(4)
    together = SparseAttention([*FIXED[:2], Random(sampling_rate=0.1)])(*tensors)
    apart = SparseAttention([*FIXED, Random(sampling_rate=0.1)])(*tensors)
    dense = together.mask.to_dense()
    assert torch.equal(dense[:, 0], dense[:, 1])
    assert not torch.equal(dense[:, 0], dense[:, 2])
    assert together.io_density == pytest.approx(together.density)
    assert apart.io_density > 0.5


def test_rows_that_hold_fewer_keys_than_others_get_budgets_of_their_own() -> None:
    """The first query has no key for its top-k beside its window, so its row of the mask is padded."""
    tensors, stack = draw(5, 40, 40), [Local(window_size=2), TopK(heavy_size=6), Adaptive(epsilon=0.3)]
    whole = SparseAttention(stack)(*tensors)
    assert torch.isfinite(whole.output).all()
    assert torch.equal(whole.num_read[..., :34], whole.num_legal.expand_as(whole.num_read)[..., :34])
