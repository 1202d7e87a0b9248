"""card.json: a result to publish. Its schema, and reading one from the internet without trusting it."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from sparse_hub_core.errors import UsageError
from sparse_hub_core.fidelity import Fidelity
from sparse_hub_core.presets import DENSE
from sparse_hub_core.results.files import parsed
from sparse_hub_core.results.run_directory import path_part
from sparse_hub_core.results.schema import ROUNDING, Best, Interval, MaskerRecord

if TYPE_CHECKING:
    from sparse_hub_core.registry import Registry

CARD_KIND: Literal["sparse-hub result card"] = "sparse-hub result card"
MAX_BYTES = 32 << 20


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("it holds characters that cannot be printed")
    return text


Text = Annotated[str, Field(max_length=400), AfterValidator(_printable)]
Name = Annotated[str, Field(max_length=200, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.:@/ -]*$")]
"""Of what is looked up: no path of a machine begins like this."""
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Density = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[float, Field(ge=0)]
"""Of what dense attention reads in bytes, which choosing may exceed."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class CardModel(_Part):
    """The model that was measured."""

    name: Text
    source: Name | None = Field(description="a registered name or a hub id with its revision; none for a folder")
    revision: Text | None
    fingerprint: Text = Field(description="the hub commit, or a digest of the folder's files")


class CardTask(_Part):
    """The task and the benchmark that it belongs to."""

    name: Name
    distribution: Text
    distribution_version: Text
    benchmark_version: Text
    data: Text = Field(description="where the requests came from: generated, a commit of the hub, a folder's digest")
    metric: Text
    higher_is_better: bool
    score_range: tuple[float, float]
    licence: Text


class CardMasker(MaskerRecord):
    """One masker of the configuration, and where it comes from."""

    masker: Name
    distribution: Text | None
    version: Text | None
    files: dict[Text, Digest] = Field({}, description="what its parameters name, by file name")


class CardConfiguration(_Part):
    """The configuration that was judged."""

    preset: Annotated[Text, Field(min_length=1)]
    target: Annotated[str, Field(max_length=100, pattern=r"^([A-Za-z0-9_-][A-Za-z0-9_.-]*)?$")] = ""
    budget: Text = ""
    maskers: Annotated[list[CardMasker], Field(min_length=1, max_length=64)]
    parameters: dict[Text, Any]


class CardLimits(_Part):
    """The limits of a stage; a card from elsewhere cannot ask for more than a machine may have."""

    timeout: Annotated[float, Field(gt=0, le=7 * 24 * 3600)]
    max_new_tokens: Annotated[int, Field(ge=1, le=1_000_000)]
    max_context_length: Annotated[int, Field(ge=1, le=10_000_000)]
    max_requests: Annotated[int, Field(ge=1, le=100_000)]


class CardSearch(_Part):
    """How the configuration was found, and what the search measured of it."""

    settings: CardLimits
    objective_name: Text
    objective: float
    error: float
    density: Density
    io_density: Share | None
    score: float | None
    fidelity: Fidelity
    num_requests: int
    num_tied: int


class CardMeasurement(_Part):
    """How it was judged."""

    settings: CardLimits
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)]
    device: Literal["cpu", "cuda"]
    dtype: Literal["float32", "bfloat16", "float16"]


class CardResults(_Part):
    """What came out; scores are None where the answers are not published."""

    dense: Interval | None
    sparse: Interval | None
    difference: Interval | None
    p_value: float | None
    test: Text | None
    num_winners: int | None = Field(None, ge=1, description="validated, of the same model and task in the run")
    adjusted_p: float | None = Field(None, ge=0, le=1, description="adjusted by Holm over these winners")
    density: Density | None
    io_density: Share | None
    error_mean: float | None
    error_p95: float | None
    error_by_layer: dict[int, float]
    num_requests: int
    truncated_requests: int


class CardQuestion(_Part):
    """One question: its scores, and digests of the two predictions."""

    request_id: Text
    question_index: Annotated[int, Field(ge=0)]
    dense_score: float | None
    sparse_score: float | None
    dense_sha256: Digest
    sparse_sha256: Digest

    @property
    def place(self) -> tuple[str, int]:
        """What identifies it."""
        return self.request_id, self.question_index


class Card(_Part):
    """A result card of sparse-hub: a sparse attention judged beside dense attention on held-out questions."""

    kind: Literal["sparse-hub result card"] = CARD_KIND
    schema_version: Literal[1] = 1
    cell_identity: Digest
    model: CardModel
    task: CardTask
    configuration: CardConfiguration
    search: CardSearch
    validation: CardMeasurement
    results: CardResults
    questions: Annotated[list[CardQuestion], Field(min_length=1, max_length=100_000)]
    versions: dict[Text, Text]
    code: dict[Text, Text] = Field(description="digests of the code that the result depends on")
    hardware: dict[Text, Text | int | list[Text]]
    command: Text = Field(description="what reproduces the result and says how far it agrees")

    @model_validator(mode="after")
    def _fits_together(self) -> Card:
        low, high = self.task.score_range
        if not low < high:
            raise ValueError("the range of its scores is empty")
        slack = ROUNDING * (high - low)
        scores = [score for question in self.questions for score in (question.dense_score, question.sparse_score)]
        if any(score is not None and not low - slack <= score <= high + slack for score in scores):
            raise ValueError("a score of a question lies outside of its range")
        if path_part(self.configuration.preset) == DENSE:
            raise ValueError("dense attention is what a configuration is judged by, and none itself")
        return self

    def as_best(self) -> Best:
        """Return the winner as the best.json that it was made of said."""
        found, search = self.configuration, self.search
        return Best(
            cell_identity=self.cell_identity,
            model=self.model.name,
            model_source=self.model.source or self.model.name,
            model_revision=self.model.revision,
            task=self.task.name,
            data=self.task.data,
            preset=found.preset,
            maskers=[MaskerRecord(masker=one.masker, parameters=one.parameters) for one in found.maskers],
            parameters=found.parameters,
            objective_name=search.objective_name,
            objective=search.objective,
            error=search.error,
            density=search.density,
            io_density=search.io_density,
            score=search.score,
            fidelity=search.fidelity,
            target=found.target,
            budget=found.budget,
            num_tied=search.num_tied,
            num_requests=search.num_requests,
            search_settings=search.settings.model_dump(),
            validation_settings=self.validation.settings.model_dump(),
            seed=self.validation.seed,
            device=self.validation.device,
            dtype=self.validation.dtype,
            versions=self.versions,
        )

    def measured_model(self, registry: Registry) -> str:
        """Return what names the model, at the commit of the hub that was measured.

        Raises:
            UsageError: It was a folder, which the card does not hold.
        """
        source, fingerprint = self.model.source, self.model.fingerprint
        if source is None:
            raise UsageError(
                f"The model of this card was a folder called {self.model.name!r}; name yours with --model, whose "
                f"content should be {fingerprint}."
            )
        is_on_hub = "/" in source and not registry.models.claimants(source)
        is_commit = re.fullmatch("[0-9a-f]{40}", fingerprint) is not None
        return f"{source}@{fingerprint}" if is_on_hub and is_commit and "@" not in source else source


def read_card(path: Path) -> Card | None:
    """Return the card that a file holds, or None where it is no card at all.

    Raises:
        UsageError: It is missing, damaged, of another version, or larger than any card.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    if len(text) > MAX_BYTES:
        raise UsageError(f"{path} has more than {MAX_BYTES >> 20} MiB, more than any result card; it was not read.")
    # Of a file of any depth: pydantic's reader does not recurse without end.
    with suppress(ValueError):
        if TypeAdapter(dict[str, Any]).validate_json(text).get("kind") == CARD_KIND:
            return parsed(path, text, Card)
    return None
