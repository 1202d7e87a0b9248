"""Checks of maskers that draw keys, and that no other does."""

from __future__ import annotations

import dataclasses
import random

import numpy as np
import torch

from sparse_hub_core.attention.gather import every_key_logits
from sparse_hub_core.attention.layer import Layer
from sparse_hub_core.attention.mask import Mask
from sparse_hub_core.attention.result import AttentionResult
from sparse_hub_core.attention.sparse_attention import SparseAttention
from sparse_hub_core.masker import MaskerConfig
from sparse_hub_core.testing.check import check, require
from sparse_hub_core.testing.maskers.conditions import samples
from sparse_hub_core.testing.maskers.subject import Subject
from sparse_hub_core.testing.maskers.tensors import Tensors, attend, dense, draw, look, require_same

SEEDS = 120
LENGTH = 200
QUERIES = 4
"""The last ones are looked at."""
WIDE = 4.0
"""So many standard errors may one number be off by chance."""
NORM = 2.0
"""So many may a norm over hundreds of numbers."""
BUDGET_BIAS = 0.015
"""A sample whose size depends on what was sampled is biased by a little."""
RATIO_BIAS = 0.02
"""A ratio of two unbiased estimates is biased by one over the size of the sample."""


@check()
def the_same_call_gives_the_same(subject: Subject) -> None:
    """A call gives the same again, whatever the global random state is."""
    stack, tensors = subject.behind(subject.small), draw(subject, 70, subject.length)
    kept = random.getstate(), np.random.get_state(), torch.random.get_rng_state()
    results = []
    try:
        for seed in (1, 2):
            random.seed(seed)
            np.random.seed(seed)
            torch.manual_seed(seed)
            results.append(look(subject, stack, tensors))
    finally:
        random.setstate(kept[0])
        np.random.set_state(kept[1])
        torch.random.set_rng_state(kept[2])
    require_same(results[0], results[1], "the same call twice")


@check()
def global_randomness_is_left_alone(subject: Subject) -> None:
    """Neither torch's, numpy's nor Python's global random state is used."""
    before = _random_states()
    look(subject, subject.behind(subject.small), draw(subject, 71, subject.length))
    used = [name for name, state in _random_states().items() if state != before[name]]
    require(not used, f"the global random state of {' and '.join(used)} is used; draw from a generator of its own")


@check(samples)
def another_seed_draws_others(subject: Subject) -> None:
    """Another seed draws other keys."""
    tensors = draw(subject, 72, subject.length)
    one, other = (look(subject, subject.behind(_seeded(subject, seed)), tensors).probabilities for seed in (0, 1))
    require(not torch.equal(one > 0, other > 0), "two seeds draw the same keys")


@check(samples)
def weights_are_unbiased(subject: Subject) -> None:
    """Weighed by their probabilities, sampled keys add up to all that they stand for, averaged over seeds."""
    tensors = draw(subject, 73, LENGTH)
    layer = Layer(subject.layer, tensors.keys, tensors.values, tensors.keys.shape[-1] ** -0.5)
    results = [_sampled(subject, tensors, seed) for seed in range(SEEDS)]
    mask = results[0].mask
    assert isinstance(mask, Mask)
    weights = every_key_logits(layer, tensors.queries[:, :, -mask.num_queries :])
    weights = torch.where(mask.legal(), weights, -torch.inf).softmax(-1)[:, :, -QUERIES:]
    sums = []
    for result in results:
        probabilities = result.mask.to_dense()[:, :, -QUERIES:]
        sums.append(torch.where(probabilities > 0, weights / probabilities, 0.0).sum(-1).mean())
    found = torch.stack(sums)
    error, by_chance = float(found.mean() - 1), float(found.std() / SEEDS**0.5)
    require(
        abs(error) <= WIDE * by_chance + BUDGET_BIAS,
        f"over {SEEDS} seeds the weights of what is read add up to {1 + error:.3f} times the whole, where chance "
        f"explains {by_chance:.3f}: the probabilities are not those with which keys are read",
    )


@check(samples)
def mean_over_seeds_is_dense(subject: Subject) -> None:
    """The mean output over seeds is dense attention's, within its confidence interval."""
    tensors = draw(subject, 74, LENGTH)
    outputs = torch.stack([_sampled(subject, tensors, seed).output[:, :, -QUERIES:] for seed in range(SEEDS)])
    wanted = dense(subject, tensors)[:, :, -QUERIES:]
    size = wanted.norm()
    error = float((outputs.mean(0) - wanted).norm() / size)
    by_chance = float((outputs.var(0) / SEEDS).sum().sqrt() / size)
    require(
        error <= NORM * by_chance + RATIO_BIAS,
        f"the mean over {SEEDS} seeds is {error:.1%} away from dense attention, where chance explains {by_chance:.1%}",
    )


def _sampled(subject: Subject, tensors: Tensors, seed: int) -> AttentionResult:
    """Return what a seed gives behind keys that are certain, without which no weight would matter.

    Half of the keys come after the prefix, so that the last queries draw from these as well.
    """
    stack = [subject.given(first=4, last=8), _seeded(subject, seed)]
    return attend(subject, SparseAttention(stack), tensors, LENGTH // 2)


def _seeded(subject: Subject, seed: int) -> MaskerConfig:
    require("seed" in subject.fields, "it declares that it samples, but has no field named seed")
    return dataclasses.replace(subject.small, seed=seed)  # type: ignore[call-arg]


def _random_states() -> dict[str, object]:
    return {
        "torch": torch.random.get_rng_state().numpy().tobytes(),
        "numpy": repr(np.random.get_state()),
        "random": random.getstate(),
    }
