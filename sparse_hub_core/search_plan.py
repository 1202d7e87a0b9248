"""What the searches of a run will do, before any of them starts: winners, rungs, and how many trials at each."""

from __future__ import annotations

from contextlib import suppress
from random import Random

from sparse_hub_core.attention.sparse_attention import SparseAttention
from sparse_hub_core.errors import ConfigError, SparseHubError
from sparse_hub_core.fidelity import Fidelity
from sparse_hub_core.lookup import get_task
from sparse_hub_core.matrix import Matrix, StageName
from sparse_hub_core.optimizer_factory import Optimizer, create_optimizer
from sparse_hub_core.results.schema import Best
from sparse_hub_core.search.ladder import FidelityChoice, Rung, expected_counts, expected_work, rungs
from sparse_hub_core.search.target import Target, targets
from sparse_hub_core.space import every_point
from sparse_hub_core.wording import count

MAX_DRAWS = 200
"""Draws of a search space after which none counts as valid."""


def ladder_sentences(matrix: Matrix) -> list[str]:
    """Return how many configurations run at which fidelity, a sentence for all presets that have it in common."""
    presets: dict[str, dict[str, None]] = {}
    for preset in matrix.searched:
        for task in matrix.tasks:
            presets.setdefault(_ladder_sentence(matrix, task, preset), {})[preset] = None
    if len(presets) == 1:
        return list(presets)
    return [f"{', '.join(names)}: {sentence}" for sentence, names in presets.items()]


def _ladder_sentence(matrix: Matrix, task: str, preset: str) -> str:
    try:
        counts = expected_trials(matrix, task, preset)
    except SparseHubError as error:
        return str(error)
    (first, entered), *others = counts.items()
    further = [f"{number} at {fidelity}" for fidelity, number in others]
    return ", ".join([f"{count(entered, 'configuration')} at {first}", *further])


def expected_run_work(matrix: Matrix, stages: tuple[StageName, ...], given: Best | None) -> float:
    """Return about what a run takes, in requests that generate; a preset that cannot be searched is left out."""
    spec, total = matrix.spec, 0.0
    for task in matrix.tasks:
        winners = 1 if given else len(wanted_winners(matrix, task))
        for preset in matrix.searched:
            with suppress(SparseHubError):
                if "search" in stages and not given:
                    total += expected_search_work(matrix, task, preset)
                total += winners * ("validate" in stages) * spec.validation.max_requests
        total += ("validate" in stages) * spec.validation.max_requests
    return total * len(matrix.models)


def expected_trials(matrix: Matrix, task: str, preset: str) -> dict[Fidelity, int]:
    """Return how many configurations of a cell run at each fidelity, at most unless two rungs disagree.

    Raises:
        SparseHubError: The preset cannot be searched so.
    """
    num_samples, climbed = _climb(matrix, task, preset)
    return expected_counts(num_samples, climbed, len(wanted_winners(matrix, task)))


def expected_search_work(matrix: Matrix, task: str, preset: str) -> float:
    """Return about what a cell's search takes, in requests that generate.

    Raises:
        SparseHubError: The preset cannot be searched so.
    """
    num_samples, climbed = _climb(matrix, task, preset)
    num_winners, num_requests = len(wanted_winners(matrix, task)), matrix.spec.search.max_requests
    return expected_work(num_samples, climbed, num_winners, num_requests)


def _climb(matrix: Matrix, task: str, preset: str) -> tuple[int, tuple[Rung, ...]]:
    """Return how many configurations enter a cell's search, and its rungs."""
    optimizer = create_optimizer(matrix.stacks[preset], matrix.class_names)
    points = every_point(optimizer.create_search_space(task), matrix.spec.num_samples)
    num_samples = matrix.spec.num_samples if points is None else len(points)
    return num_samples, search_rungs(matrix.spec.fidelity, optimizer, task)


def wanted_winners(matrix: Matrix, task: str) -> tuple[Target, ...]:
    """Return what winners are searched for on a task."""
    registry = matrix.registry
    objective = registry.get(registry.objectives, matrix.spec.objective).load()
    return targets(objective, matrix.spec, get_task(registry, task).subset)


def search_rungs(fidelity: FidelityChoice, optimizer: Optimizer, task: str) -> tuple[Rung, ...]:
    """Return the rungs of a preset's search.

    Raises:
        SparseHubError: A replay is asked for where the prefix is read sparsely, of which a trace knows nothing.
    """
    masks_prefix = _masks_prefix(optimizer, task)
    if masks_prefix and fidelity in ("F0", "F1"):
        raise SparseHubError(
            "This preset reads the prefix sparsely, which a replay of the dense run cannot measure; use --fidelity "
            "ladder, F2 or F3."
        )
    return rungs(fidelity, masks_prefix)


def _masks_prefix(optimizer: Optimizer, task: str) -> bool:
    """Return whether a preset reads the prefix sparsely, which only its maskers know."""
    space, rng = optimizer.create_search_space(task), Random(0)
    for _ in range(MAX_DRAWS):
        try:
            configs = optimizer.create_config_from_params({name: domain.sample(rng) for name, domain in space.items()})
        except (ConfigError, ValueError):
            continue
        return SparseAttention(configs).masks("prefill")
    return False
