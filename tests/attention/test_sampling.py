"""Draws: simple random samples without replacement that depend on seed and place alone."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
from scipy import stats
from torch.utils._python_dispatch import TorchDispatchMode

from sparse_hub_core import draw_keys, random_ranks

FINGERPRINT = (
    "import torch; from sparse_hub_core import draw_keys, random_ranks; "
    "keys = draw_keys(7, 3, 2, torch.arange(5)); print(random_ranks(torch.full((1, 2, 5), 100), 0, 9, keys).tolist())"
)


def samples(population: int, count: int, rows: int, seed: int = 0) -> torch.Tensor:
    keys = draw_keys(seed, 0, 1, torch.arange(rows))
    return random_ranks(torch.full((1, 1, rows), population), 0, count, keys)[0, 0]


@pytest.mark.parametrize("population", [1, 2, 3, 5, 64, 100, 1000])
def test_the_whole_permutation_names_each_element_once(population: int) -> None:
    drawn = samples(population, population, 50).sort(-1).values
    assert torch.equal(drawn, torch.arange(population).expand(50, -1))


def test_parts_of_a_permutation_join_and_rows_of_other_sizes_do_not_matter() -> None:
    keys, sizes = draw_keys(1, 2, 3, torch.arange(4)), torch.tensor([60, 100, 95, 70_000]).expand(1, 3, 4)
    whole = random_ranks(sizes, 0, 40, keys)
    parts = [random_ranks(sizes, start, start + 10, keys) for start in range(0, 40, 10)]
    assert torch.equal(torch.cat(parts, dim=-1), whole)
    assert (whole < sizes[..., None]).all()
    for row in range(4):
        alone = random_ranks(sizes[:, :, row : row + 1], 0, 40, keys[:, :, row : row + 1])
        assert torch.equal(alone, whole[:, :, row : row + 1])


class Operations(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += 1
        return func(*args, **(kwargs or {}))


def test_a_small_population_beside_a_large_one_is_no_long_walk() -> None:
    with Operations() as operations:
        random_ranks(torch.tensor([[[100_000, 3]]]), 0, 3, draw_keys(0, 0, 1, torch.arange(2)))
    assert operations.count < 64 * 100


@pytest.mark.parametrize(("population", "count"), [(37, 1), (37, 5), (37, 20), (3, 1), (3, 2), (5, 4)])
def test_every_element_and_every_pair_is_drawn_equally_often(population: int, count: int) -> None:
    rows = 40_000
    drawn = samples(population, count, rows)
    assert stats.chisquare(torch.bincount(drawn.flatten(), minlength=population)).pvalue > 1e-4
    if count > 1:
        pairs = torch.bincount(drawn[:, 0] * population + drawn[:, 1], minlength=population**2)
        off_diagonal = pairs.view(population, population)[~torch.eye(population, dtype=torch.bool)]
        assert stats.chisquare(off_diagonal).pvalue > 1e-4


@pytest.mark.parametrize("pattern", ["trend", "period", "stride"])
def test_means_of_samples_vary_as_those_of_simple_random_samples(pattern: str) -> None:
    population, count, rows = 1000, 50, 20_000
    places = torch.arange(population, dtype=torch.float64)
    values = {"trend": places, "period": torch.sin(places / 8), "stride": (places % 32 == 0).double()}[pattern]
    means = values[samples(population, count, rows)].mean(-1)
    expected = values.var() / count * (1 - count / population)
    assert abs(means.mean() - values.mean()) < 4 * (expected / rows).sqrt()
    assert 0.95 < means.var() / expected < 1.05


def test_seed_layer_head_and_position_each_change_the_draw() -> None:
    keys = torch.stack([draw_keys(seed, layer, 4, torch.arange(8)) for seed in range(3) for layer in range(3)])
    assert keys.unique().numel() == keys.numel()


def test_every_process_draws_the_same_and_no_global_state_moves() -> None:
    before = torch.random.get_rng_state()
    keys = draw_keys(7, 3, 2, torch.arange(5))
    here = random_ranks(torch.full((1, 2, 5), 100), 0, 9, keys).tolist()
    assert torch.equal(torch.random.get_rng_state(), before)
    there = subprocess.run([sys.executable, "-c", FINGERPRINT], capture_output=True, text=True, check=True).stdout
    assert there.strip() == str(here)
