"""Evaluate one configuration: a plain generator of one report per request, which knows nothing of Ray."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

import torch

from sparse_hub_core.attention.attachment import Attachment
from sparse_hub_core.attention.metrics import attention_error
from sparse_hub_core.attention.result import AttentionResult
from sparse_hub_core.attention.sparse_attention import SparseAttention
from sparse_hub_core.benchmark import Benchmark, Request
from sparse_hub_core.errors import SparseHubError
from sparse_hub_core.masker import MaskerConfig, Stage
from sparse_hub_core.models.decoding import generate, prefill
from sparse_hub_core.models.loading import LoadedModel
from sparse_hub_core.models.prefixes import prefix_snapshot
from sparse_hub_core.models.prompt import Prompt
from sparse_hub_core.models.snapshot import ModelFiles, PrefixSnapshot

LATENCY_PASSES = 3


@dataclass(frozen=True)
class PreparedRequest:
    """A request with the prompts of its questions."""

    request: Request
    prompts: tuple[Prompt, ...]

    @property
    def is_truncated(self) -> bool:
        """Whether the context was cut in its middle."""
        return any(prompt.truncated for prompt in self.prompts)


@dataclass(frozen=True)
class QuestionReport:
    """What was said to one question, and its score."""

    question_index: int
    prediction: str
    score: float | None
    """None where the answer is not published."""
    num_tokens: int
    decode_ms: float
    """Milliseconds per decode step after the first token; includes the measuring where errors are measured."""
    other_scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class RequestReport:
    """What evaluating one request gave; errors and density are None for dense attention."""

    request_id: str
    questions: tuple[QuestionReport, ...]
    seconds: float
    truncated: bool = False
    error: float | None = None
    error_p95: float | None = None
    error_by_layer: dict[int, float] = field(default_factory=dict)
    density: float | None = None
    io_density: float | None = None


@dataclass(frozen=True)
class Shares:
    """What one call read."""

    read: int
    legal: int
    io_density: float

    @classmethod
    def of(cls, result: AttentionResult) -> Shares:
        """Count the pairs of a call."""
        legal = int(result.num_legal.expand_as(result.num_read).sum())
        return cls(int(result.num_read.sum()), legal, result.io_density)


@dataclass
class Meter:
    """Collects error and density of every sparse call of one request.

    Where a stack masks both the prefix and what follows, each of the two counts half: a prefix has far more queries
    than an answer, and would drown it.
    """

    errors: dict[tuple[Stage, int], list[torch.Tensor]] = field(default_factory=dict)
    read: dict[Stage, list[Shares]] = field(default_factory=dict)

    def observe(self, layer_idx: int, stage: Stage, result: AttentionResult, dense_output: torch.Tensor) -> None:
        """Take note of one layer's call."""
        self.errors.setdefault((stage, layer_idx), []).append(attention_error(result.output, dense_output).flatten())
        self.read.setdefault(stage, []).append(Shares.of(result))

    def by_layer(self) -> dict[int, float]:
        """Return the mean error of each layer over heads and queries."""
        of_stages: dict[int, list[float]] = {}
        for (_, layer), errors in sorted(self.errors.items()):
            of_stages.setdefault(layer, []).append(float(torch.cat(errors).mean()))
        return {layer: fmean(means) for layer, means in sorted(of_stages.items())}

    def p95(self) -> float:
        """Return the 95th percentile over layers, heads and queries."""
        of_stages: dict[Stage, list[torch.Tensor]] = {}
        for (stage, _), errors in self.errors.items():
            of_stages.setdefault(stage, []).extend(errors)
        return fmean(_p95(torch.cat(errors)) for errors in of_stages.values())

    def density(self) -> float:
        """Return the share of the causally legal (query, key) pairs of all layers and heads that was read."""
        return fmean(sum(s.read for s in of) / sum(s.legal for s in of) for of in self.read.values())

    def io_density(self) -> float:
        """Return the share of the bytes that dense steps read in all layers and KV heads that was read."""
        return fmean(sum(s.io_density * s.legal for s in of) / sum(s.legal for s in of) for of in self.read.values())


def _p95(values: torch.Tensor) -> float:
    # torch.quantile refuses more than 2**24 values.
    return float(values.sort().values[round(0.95 * (len(values) - 1))])


def evaluate(
    loaded: LoadedModel,
    benchmark: Benchmark,
    requests: Iterable[PreparedRequest],
    masker_configs: Sequence[MaskerConfig] | None,
    max_new_tokens: int,
    files: ModelFiles | None = None,
) -> Iterator[RequestReport]:
    """Yield one report per request, of sparse attention, or of dense attention where there are no masker configs."""
    for prepared in requests:
        yield evaluate_request(loaded, benchmark, prepared, masker_configs, max_new_tokens, files)


def evaluate_request(
    loaded: LoadedModel,
    benchmark: Benchmark,
    prepared: PreparedRequest,
    masker_configs: Sequence[MaskerConfig] | None,
    max_new_tokens: int,
    files: ModelFiles | None = None,
) -> RequestReport:
    """Answer the questions of one request from its prefix snapshot, and measure on the way.

    Raises:
        SparseHubError: The error or the score is not finite.
    """
    begin = time.perf_counter()
    attention = SparseAttention(masker_configs) if masker_configs is not None else None
    meter = Meter()
    reports = []
    prefixes = Prefixes(loaded, attention, meter, files)
    for index, prompt in enumerate(prepared.prompts):
        question = prepared.request.questions[index]
        snapshot = prefixes.of(prompt)
        attachment = Attachment(attention, len(prompt.prefix), meter, unpadded=True)
        limit = min(max_new_tokens, question.max_new_tokens)
        said = generate(loaded, snapshot, prompt, limit, attachment)
        decode_ms = 1000 * said.decode_seconds / max(1, len(said.tokens) - 1)
        score, other_scores = _scored(benchmark, said.text, prepared.request, index)
        reports.append(QuestionReport(index, said.text, score, len(said.tokens), decode_ms, other_scores))
    seconds = time.perf_counter() - begin
    if attention is None:
        return RequestReport(prepared.request.id, tuple(reports), seconds, prepared.is_truncated)
    by_layer = meter.by_layer()
    broken = {layer: error for layer, error in by_layer.items() if not math.isfinite(error)}
    for layer, error in broken.items():
        raise SparseHubError(
            f"The attention error of layer {layer} is {_name(error)} in request {prepared.request.id!r}."
        )
    error = fmean(by_layer.values())
    return RequestReport(
        prepared.request.id,
        tuple(reports),
        seconds,
        prepared.is_truncated,
        error,
        meter.p95(),
        by_layer,
        meter.density(),
        meter.io_density(),
    )


def _scored(
    benchmark: Benchmark, prediction: str, request: Request, index: int
) -> tuple[float | None, dict[str, float]]:
    """Return the score of a prediction, and its further ones.

    Raises:
        SparseHubError: One of them is not finite.
    """
    question = request.questions[index]
    score = benchmark.score(prediction, question)
    others = {metric: float(value) for metric, value in benchmark.other_scores(prediction, question).items()}
    for what, value in [("score", 0.0 if score is None else float(score)), *others.items()]:
        if not math.isfinite(value):
            raise SparseHubError(f"The {what} of question {index} of request {request.id!r} is {_name(value)}.")
    return (None if score is None else float(score)), others


def _name(value: float) -> str:
    return "NaN" if math.isnan(value) else "infinite"


@dataclass
class Prefixes:
    """The prefixes of one request: dense ones from the store, sparsely read ones made anew, as they are the stack's."""

    loaded: LoadedModel
    attention: SparseAttention | None
    meter: Meter | None
    files: ModelFiles | None
    made: dict[str, PrefixSnapshot] = field(default_factory=dict)

    def of(self, prompt: Prompt) -> PrefixSnapshot:
        """Return the snapshot of a prompt's prefix."""
        if self.attention is None or not self.attention.masks("prefill"):
            return prefix_snapshot(self.loaded, prompt, self.files)
        if prompt.prefix_key not in self.made:
            attachment = Attachment(self.attention, len(prompt.prefix), self.meter, unpadded=True)
            self.made[prompt.prefix_key] = prefill(self.loaded, prompt.prefix, attachment)
        return self.made[prompt.prefix_key]


def latency(
    loaded: LoadedModel,
    prepared: PreparedRequest,
    masker_configs: Sequence[MaskerConfig] | None,
    max_new_tokens: int,
    files: ModelFiles | None = None,
) -> float:
    """Return milliseconds per decode step in a pass that measures nothing else."""
    prompt = prepared.prompts[0]
    attention = SparseAttention(masker_configs) if masker_configs is not None else None
    snapshot = Prefixes(loaded, attention, None, files).of(prompt)
    seconds = []
    # The first pass warms up; the better of the others is nearer to what the machine can do.
    for _ in range(LATENCY_PASSES):
        attachment = Attachment(attention, len(prompt.prefix), unpadded=True)
        said = generate(loaded, snapshot, prompt, max_new_tokens, attachment, may_stop=False)
        seconds.append(said.decode_seconds)
    return 1000 * min(seconds[1:]) / (max_new_tokens - 1)
