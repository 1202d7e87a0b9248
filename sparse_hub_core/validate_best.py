"""Only the second stage: a found configuration is judged again, and a published card is reproduced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sparse_hub_core.build_matrix import RunConfigurations, build_matrix
from sparse_hub_core.data.choice import choose_data
from sparse_hub_core.data.source import hub_commit
from sparse_hub_core.errors import UsageError
from sparse_hub_core.execute_full_benchmark import run_matrix
from sparse_hub_core.lookup import get_task
from sparse_hub_core.matrix import Matrix
from sparse_hub_core.models.source import ModelSource
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.progress import Progress
from sparse_hub_core.registry import Registry
from sparse_hub_core.report.agreement import agreement
from sparse_hub_core.report.making_cards import make_card, validated_winners
from sparse_hub_core.results.agreement import AgreementFile
from sparse_hub_core.results.best import configs_from_records, load_winner
from sparse_hub_core.results.card import Card, read_card
from sparse_hub_core.results.files import write_json
from sparse_hub_core.results.schema import Best, SummaryFile
from sparse_hub_core.spec import build_spec


@dataclass(frozen=True)
class Judging:
    """A configuration that is to be judged, everything looked up and nothing started or downloaded."""

    matrix: Matrix
    best: Best
    card: Card | None

    @property
    def source(self) -> ModelSource:
        """The model that it will run on."""
        return self.matrix.models[0]

    def run(self, progress: Progress | None = None) -> SummaryFile:
        """Validate, and return how the cells ended: dense attention's first, the configuration's last."""
        return run_matrix(self.matrix, progress or Progress(), ("validate",), self.best)

    def agreement(self) -> AgreementFile | None:
        """Return how far what was measured agrees with the card, and write it beside the validation.

        None where there is no card.
        """
        if self.card is None:
            return None
        place = self.matrix.cell_directory(self.source, self.matrix.tasks[0], self.best.preset)
        (winner,) = validated_winners(place.path)
        found = agreement(self.card, make_card(winner, self.matrix.registry))
        write_json(place.path / "agreement.json", found)
        return found


def judging(path: Path, flags: Mapping[str, Any], registry: Registry | None = None) -> Judging:
    """Return how a best.json or a card.json is to be judged, with its own settings where the flags say nothing else.

    Raises:
        UsageError: The file is damaged, or names something that is not installed or not here.
    """
    registry = registry or load_registry()
    card, best = read_card(path), load_winner(path)
    own: dict[str, Any] = {
        "models": (best.model_source,),
        "benchmarks": (best.task,),
        "presets": (best.preset,),
        "validation": best.validation_settings,
        "seed": best.seed,
    }
    if card is not None:
        _check_installed(card, registry)
        own["dtype"] = card.validation.dtype
        if not flags.get("models"):
            own["models"] = (card.measured_model(registry),)
    for key, value in flags.items():
        own[key] = {**own[key], **value} if key == "validation" else value
    stack = configs_from_records(registry, best.maskers)
    configurations = RunConfigurations(
        models=list(own["models"]), benchmarks=[best.task], masker_config_presets={best.preset: list(stack)}
    )
    matrix = build_matrix(build_spec(own), registry, configurations)
    _check_same_kind_of_data(matrix, best)
    judged = f"{best.cell_identity} {best.target}".strip()
    return Judging(replace(matrix, judged=judged, data_revision=hub_commit(best.data)), best, card)


def _check_installed(card: Card, registry: Registry) -> None:
    """Check that the maskers of a card are there.

    Raises:
        UsageError: One is not; the sentence names its package.
    """
    for one in card.configuration.maskers:
        if one.distribution and one.masker not in {entry.name for entry in registry.maskers}:
            raise UsageError(
                f"The card needs the masker {one.masker!r} of {one.distribution} {one.version or ''}, which is not "
                "installed or turned off; install that package if you trust it, then validate again."
            )


def _check_same_kind_of_data(matrix: Matrix, best: Best) -> None:
    """Check that what was searched on a folder is not judged on the hub unasked.

    Raises:
        UsageError: It would be.
    """
    task = get_task(matrix.registry, matrix.tasks[0])
    if best.data.startswith("folder ") and choose_data(matrix.spec.data, task).kind == "hub":
        raise UsageError(
            f"This configuration was searched on a folder ({best.data}); name that one with --data-folder "
            f"{task.benchmark}=DIR."
        )
