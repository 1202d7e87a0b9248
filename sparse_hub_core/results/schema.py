"""The files of a run, as pydantic models; every file carries its schema version."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from sparse_hub_core.fidelity import Fidelity, Measures

SCHEMA_VERSION: Literal[1] = 1
Status = Literal["ok", "pruned", "infeasible", "timeout", "oom", "error"]
ROUNDING = 1e-6
"""The share of its range that a score may lie outside of it."""
STATUSES: tuple[Status, ...] = ("ok", "pruned", "infeasible", "timeout", "oom", "error")


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    schema_version: Literal[1] = SCHEMA_VERSION


class MaskerRecord(BaseModel):
    """One masker of a configuration by its registered name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    masker: str
    parameters: dict[str, Any]


class TrialLine(_File):
    """A line of trials.jsonl: one configuration at one fidelity, as its trial ended."""

    task: str = ""
    parameters: dict[str, Any]
    status: Status
    reason: str | None = None
    objective: float | None = None
    error: float | None = None
    density: float | None = None
    io_density: float | None = None
    score: float | None = None
    kl: float | None = None
    delta_nll: float | None = None
    fidelity: Fidelity = "F3"
    num_seeds: int = 1
    requests_finished: int = 0
    started: float = 0.0
    seconds: float = 0.0
    worker: str | None = None

    @property
    def measures(self) -> Measures | None:
        """What was measured, as the mean of the finished requests; None where the trial failed."""
        if self.status not in ("ok", "pruned") or self.error is None or self.density is None:
            return None
        io_density = self.density if self.io_density is None else self.io_density
        return Measures(self.error, self.density, io_density, self.score, self.kl, self.delta_nll)


class TrialRequestLine(_File):
    """A line of trial_requests.jsonl: one request of a trial, so that a trial goes on where it was cut off."""

    parameters: dict[str, Any]
    fidelity: Fidelity = "F3"
    request_index: int
    answer: dict[str, float | None]


class AnswerLine(_File):
    """A line of an answer book: what one request gave to one configuration, in whatever search."""

    configuration: str
    fidelity: Fidelity
    num_seeds: int
    request_id: str
    answer: dict[str, float | None]


class Correlation(BaseModel):
    """How two rungs rank the configurations that ran at both."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lower: Fidelity
    upper: Fidelity
    spearman: float
    low: float
    high: float
    """The ends of the 95% interval of Spearman's."""
    kendall: float
    n: int


class Interval(BaseModel):
    """An estimate with its 95% confidence interval."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    mean: float
    low: float
    high: float
    n: int
    clusters: int
    standard_error: float | None = None
    """Of the mean, clustered by request; None for a single one."""


class Scores(BaseModel):
    """Scores of dense and sparse attention on the same questions; None where their answers are not published."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dense: Interval | None
    sparse: Interval | None = None
    difference: Interval | None = None


class OtherScores(Scores):
    """A further metric of the same questions."""

    metric: str


class StratumScores(Scores):
    """The questions of one group, such as the easy ones."""

    group: str
    stratum: str


class Best(_File):
    """best.json: the winner of a cell's search."""

    cell_identity: str
    model: str
    model_source: str
    model_revision: str | None
    task: str
    data: str = "generated"
    """Where the requests came from; a commit of the hub, the digest of a folder, or the offline sample."""
    preset: str
    maskers: list[MaskerRecord]
    parameters: dict[str, Any]
    objective_name: str
    objective: float
    error: float
    density: float
    io_density: float | None = None
    score: float | None = None
    """The benchmark's, on the search requests; None where nothing was generated."""
    fidelity: Fidelity = "F3"
    target: str = ""
    """Which of a search's winners it is; empty where there is one."""
    budget: str = ""
    """What it had to keep to, in words."""
    num_tied: int = 1
    """Finalists that could not be told from the best, of which this one is the cheapest."""
    correlations: list[Correlation] = []
    num_requests: int = 0
    truncated_requests: int = 0
    search_settings: dict[str, Any]
    validation_settings: dict[str, Any]
    seed: int
    device: str
    dtype: str
    versions: dict[str, str]


class PredictionLine(_File):
    """A line of predictions.jsonl: one question, answered densely and sparsely."""

    request_id: str
    question_index: int
    references: list[str]
    dense_prediction: str
    sparse_prediction: str | None
    dense_score: float | None
    sparse_score: float | None
    dense_other_scores: dict[str, float] = {}
    sparse_other_scores: dict[str, float] = {}
    num_tokens: int
    truncated: bool


class ValidationRequestLine(_File):
    """A line of requests.jsonl: one validated request, so that a validation goes on where it was cut off."""

    request_id: str
    predictions: list[str]
    scores: list[float | None]
    other_scores: list[dict[str, float]] = []
    num_tokens: list[int]
    truncated: bool
    seconds: float
    error: float | None = None
    error_p95: float | None = None
    error_by_layer: dict[int, float] = {}
    density: float | None = None
    io_density: float | None = None


class Latency(BaseModel):
    """Milliseconds per decode step, measured in a pass that measures nothing else."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sparse_ms_per_token: float
    dense_ms_per_token: float
    context_tokens: int


class ValidationFile(_File):
    """validation.json: a configuration judged on held-out requests beside dense attention."""

    cell_identity: str
    model: str
    task: str
    data: str = "generated"
    preset: str
    metric: str
    higher_is_better: bool
    dense: Interval | None
    sparse: Interval | None
    difference: Interval | None
    within_noise: bool | None
    """Whether the interval of the difference holds zero."""
    score_range: tuple[float, float] | None = None
    p_value: float | None = None
    """Of the difference, two-sided and by itself."""
    test: str | None = None
    only_dense_right: int | None = None
    """Questions that only dense attention answers rightly; None where the metric is graded."""
    only_sparse_right: int | None = None
    other_scores: list[OtherScores] = []
    strata: list[StratumScores] = []
    error_mean: float | None
    error_p95: float | None
    error_by_layer: dict[int, float]
    density_search: float | None
    density_validation: float | None
    io_density_validation: float | None = None
    latency: Latency | None
    num_requests: int = 0
    truncated_requests: int
    limited_answers: int = 0
    """Answers that the stage's limit of new tokens stopped before the task's own."""
    seconds: float


class CellFile(_File):
    """cell.json: what identifies the cell's results."""

    identity: str
    content: dict[str, Any]


class RunFile(_File):
    """run.json: what was asked, with which software and hardware, and how it ended."""

    spec: dict[str, Any]
    seed: int
    versions: dict[str, str]
    hardware: dict[str, Any]
    not_deterministic: list[str] = []
    """What may come out differently the next time, with the same seed on the same machine."""
    status: Literal["running", "done", "failed", "interrupted"]
    started: float | None = None
    """When the first process began, in seconds since 1970."""
    seconds: float | None = None


class NoWinner(_File):
    """no_winner.json: a search ended, and nothing keeps to the budget."""

    target: str = ""
    reason: str


class CellSummary(_File):
    """A row of summary.json: how one cell ended."""

    model: str
    task: str
    preset: str
    target: str = ""
    """Which winner of the search; empty where there is one."""
    status: Literal["waiting", "running", "done", "failed", "searched"]
    reason: str | None = None
    trials: dict[str, int] = {}
    """Configurations by how they ended."""
    fidelities: dict[str, int] = {}
    """Configurations by the fidelities that they ran at."""
    num_samples: int | None = None
    """Configurations that were asked for; None in files of older versions and where nothing was searched."""
    best: Best | None = None
    validation: ValidationFile | None = None

    @property
    def place(self) -> tuple[str, str, str]:
        """The cell that it is a row of."""
        return self.model, self.task, self.preset


class SummaryFile(_File):
    """summary.json: all cells of a run."""

    run_id: str
    cells: list[CellSummary]
