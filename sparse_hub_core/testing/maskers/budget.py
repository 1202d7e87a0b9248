"""Checks of how much is read."""

from __future__ import annotations

import dataclasses
import itertools
from statistics import fmean

from sparse_hub_core.attention.mask import Mask
from sparse_hub_core.attention.sparse_attention import SparseAttention
from sparse_hub_core.masker import MaskerConfig
from sparse_hub_core.testing.check import check, require
from sparse_hub_core.testing.maskers.conditions import has_budget, is_bounded
from sparse_hub_core.testing.maskers.subject import Subject
from sparse_hub_core.testing.maskers.tensors import attend, dense, draw, look, require_close

SHARES = (0.05, 0.25, 0.5, 0.75, 1.0)
SEEDS = 8
SAMPLING_SLACK = 0.03
"""How much the density of a sampling masker, averaged over a few seeds, may fall by chance."""


@check()
def density_is_a_share(subject: Subject) -> None:
    """Behind one sink token the density is above 0 and at most 1."""
    for config in (subject.small, *subject.settings(2)):
        result = attend(
            subject, SparseAttention(subject.behind(config, subject.given(first=1))), draw(subject, 50, subject.length)
        )
        require(0 < result.density <= 1, f"{config!r} has the density {result.density}")


@check(is_bounded)
def keeps_its_bound(subject: Subject) -> None:
    """No query is given more keys than max_keys promises."""
    tensors = draw(subject, 51, subject.length, 2)
    for config in (subject.small, *subject.settings(4)):
        bound = config.max_keys(subject.length)
        after = look(subject, subject.behind(config), tensors).probabilities > 0
        if subject.role == "restrict":
            after &= look(subject, subject.without(), tensors).probabilities == 0
        most = int(after.sum(-1).max())
        require(bound is None or most <= bound, f"{config!r} adds {most} keys to a query; max_keys says {bound}")


@check(has_budget)
def density_grows_with_the_budget(subject: Subject) -> None:
    """A larger budget never reads less, and the largest reads more than the smallest."""
    densities = [_density(subject, subject.at_budget(share)) for share in SHARES]
    name, slack = subject.config_class.budget_field, SAMPLING_SLACK if subject.config_class.samples else 1e-6
    told = ", ".join(f"{share}: {density:.3f}" for share, density in zip(SHARES, densities, strict=True))
    for smaller, larger in itertools.pairwise(densities):
        require(larger >= smaller - slack, f"the density falls while {name} grows: {told}")
    require(densities[-1] > densities[0] + 1e-3, f"the density does not grow with {name}: {told}")


@check(has_budget)
def full_budget_is_dense(subject: Subject) -> None:
    """A budget of 1.0 reads every legal key, so the output is dense attention's."""
    tensors = draw(subject, 53, subject.length, 2)
    output = look(subject, _of_all(subject, subject.at_budget(1.0)), tensors).output
    name = subject.config_class.budget_field
    require_close(output, dense(subject, tensors), f"{name} = 1.0 differs from dense attention")


@check()
def probabilities_are_probabilities(subject: Subject) -> None:
    """Chosen keys have a probability in (0, 1], and of 1 unless the masker declares that it samples."""
    for config in (subject.small, *subject.settings(2)):
        result = attend(subject, SparseAttention(subject.behind(config)), draw(subject, 54, subject.length))
        assert isinstance(result.mask, Mask)
        probabilities = result.mask.probabilities
        if probabilities is None:
            continue
        inside = bool(((probabilities >= 0) & (probabilities <= 1)).all())
        require(inside, f"{config!r} gives probabilities outside 0 (padding) to 1")
        if not subject.config_class.samples:
            certain = bool(((probabilities == 0) | (probabilities == 1)).all())
            require(certain, f"{config!r} gives probabilities below 1; declare samples = True")


def _density(subject: Subject, config: MaskerConfig) -> float:
    seeds = range(SEEDS) if subject.config_class.samples and "seed" in subject.fields else ()
    configs = [dataclasses.replace(config, seed=seed) for seed in seeds] or [config]  # type: ignore[call-arg]
    tensors = draw(subject, 52, subject.length)
    return fmean(attend(subject, SparseAttention(_of_all(subject, c)), tensors).density for c in configs)


def _of_all(subject: Subject, config: MaskerConfig) -> list[MaskerConfig]:
    """Return the masker alone, or behind a selector that chooses every key where it restricts."""
    return [subject.given(stride=1), config] if subject.role == "restrict" else [config]
