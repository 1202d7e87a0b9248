"""Measure a configuration on one request at the fidelity that is asked for."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import fmean
from typing import TYPE_CHECKING

import torch

from sparse_hub_core.attention.attachment import Attachment
from sparse_hub_core.attention.sparse_attention import SparseAttention
from sparse_hub_core.attention.transformers_seam import full_attention_layers
from sparse_hub_core.errors import SparseHubError
from sparse_hub_core.evaluation import Meter, Prefixes, PreparedRequest, evaluate_request
from sparse_hub_core.fidelity import Fidelity, Measures
from sparse_hub_core.masker import MaskerConfig
from sparse_hub_core.models.decoding import teacher_forced
from sparse_hub_core.models.loading import LoadedModel
from sparse_hub_core.models.snapshot import ModelFiles
from sparse_hub_core.traces.on_device import KeptLayers
from sparse_hub_core.traces.plan import TracePlan
from sparse_hub_core.traces.record import question_trace
from sparse_hub_core.traces.replay import Replayed, replay_each, spread, subset, whole
from sparse_hub_core.traces.trace import Trace, trace_key

if TYPE_CHECKING:
    from sparse_hub_core.benchmark import Benchmark

SUBSET_QUESTIONS = 3


@dataclass(frozen=True)
class Traced:
    """A model, and the traces of the requests that configurations are tried on."""

    loaded: LoadedModel
    files: ModelFiles
    max_new_tokens: int
    plan: TracePlan
    kept: KeptLayers = field(default_factory=KeptLayers)

    def trace(self, prepared: PreparedRequest, index: int) -> Trace:
        """Return the trace of a question, recorded now where this machine has none yet."""
        limit, plan = self._limit(prepared, index), self.plan
        return question_trace(self.loaded, prepared.prompts[index], limit, self.files, plan.layers, plan.keeps_prefixes)

    def has_trace(self, prepared: PreparedRequest, index: int) -> bool:
        """Return whether this machine has the trace of a question."""
        key = trace_key(self.files, prepared.prompts[index], self._limit(prepared, index), self.plan.layers)
        return self.files.store.path(key).exists()

    def _limit(self, prepared: PreparedRequest, index: int) -> int:
        return min(self.max_new_tokens, prepared.request.questions[index].max_new_tokens)


def measure(
    traced: Traced,
    benchmark: Benchmark,
    prepared: PreparedRequest,
    masker_configs: Sequence[MaskerConfig],
    fidelity: Fidelity,
    num_seeds: int = 1,
) -> Measures:
    """Return what a configuration does on one request; one that samples is measured with several seeds.

    Raises:
        SparseHubError: A measure is not finite.
    """
    stacks = [reseeded(masker_configs, offset) for offset in range(num_seeds if samples(masker_configs) else 1)]
    measured = Measures.mean(_measure_each(traced, benchmark, prepared, stacks, fidelity))
    for name, value in measured.as_answer().items():
        if value is not None and not math.isfinite(value):
            found = "NaN" if math.isnan(value) else "infinite"
            raise SparseHubError(f"The {name} is {found} in request {prepared.request.id!r} at {fidelity}.")
    return measured


def samples(masker_configs: Sequence[MaskerConfig]) -> bool:
    """Return whether a configuration draws keys by a seed, so that one run of it is one of many."""
    return any(config.samples and _has_seed(config) for config in masker_configs)


def reseeded(masker_configs: Sequence[MaskerConfig], offset: int) -> list[MaskerConfig]:
    """Return the configuration with other seeds where it draws keys."""
    return [
        dataclasses.replace(config, **{"seed": (vars(config)["seed"] or 0) + offset})
        if offset and config.samples and _has_seed(config)
        else config
        for config in masker_configs
    ]


def _has_seed(config: MaskerConfig) -> bool:
    return any(field.name == "seed" for field in dataclasses.fields(config))


def _measure_each(
    traced: Traced,
    benchmark: Benchmark,
    prepared: PreparedRequest,
    stacks: Sequence[Sequence[MaskerConfig]],
    fidelity: Fidelity,
) -> list[Measures]:
    if fidelity == "F3":
        return [_generated(traced, benchmark, prepared, stack) for stack in stacks]
    if fidelity == "F2":
        return [_teacher_forced(traced, prepared, stack) for stack in stacks]
    return _replayed(traced, prepared, stacks, fidelity)


def _replayed(
    traced: Traced, prepared: PreparedRequest, stacks: Sequence[Sequence[MaskerConfig]], fidelity: Fidelity
) -> list[Measures]:
    attentions = [SparseAttention(stack) for stack in stacks]
    device, layers = traced.loaded.device, full_attention_layers(traced.loaded.model.config)
    questions: Sequence[int] = range(len(prepared.prompts))
    if fidelity == "F0":
        questions = spread(questions, SUBSET_QUESTIONS)
    totals = [Replayed()] * len(stacks)
    with torch.inference_mode():
        for index in questions:
            trace = traced.trace(prepared, index)
            sample = subset(trace, layers) if fidelity == "F0" else whole(trace, layers)
            layer_of = partial(traced.kept.layer, trace, f"{prepared.request.id}/{index}", device=device)
            replayed = replay_each(trace, attentions, sample, device, layer_of)
            totals = [total + more for total, more in zip(totals, replayed, strict=True)]
    return [Measures(total.mean_error, total.density, total.io_density) for total in totals]


def _teacher_forced(traced: Traced, prepared: PreparedRequest, masker_configs: Sequence[MaskerConfig]) -> Measures:
    attention, meter = SparseAttention(masker_configs), Meter()
    prefixes = Prefixes(traced.loaded, attention, meter, traced.files)
    divergences, losses = [], []
    for index, prompt in enumerate(prepared.prompts):
        trace, snapshot = traced.trace(prepared, index), prefixes.of(prompt)
        attachment = Attachment(attention, len(prompt.prefix), meter, unpadded=True)
        logits = teacher_forced(traced.loaded, snapshot, prompt.suffix, trace.tokens, attachment)
        divergence, loss = compare_logits(logits, trace.logits.to(logits.device), trace.tokens)
        divergences.append(divergence)
        losses.append(loss)
    error = fmean(meter.by_layer().values())
    return Measures(error, meter.density(), meter.io_density(), None, fmean(divergences), fmean(losses))


def compare_logits(sparse: torch.Tensor, dense: torch.Tensor, tokens: Sequence[int]) -> tuple[float, float]:
    """Return KL(dense, sparse) and how much less likely the tokens became, both means over tokens, in nats.

    Args:
        sparse: ``(n, V)``.
        dense: ``(n, V)``.
        tokens: The n tokens that dense attention chose.
    """
    log_sparse, log_dense = sparse.float().log_softmax(-1), dense.float().log_softmax(-1)
    # A token that both rule out has no part in it, though its logarithms differ by NaN.
    terms = torch.where(log_dense.isneginf(), 0.0, log_dense.exp() * (log_dense - log_sparse))
    divergence = terms.sum(-1).mean()
    chosen = torch.tensor(tokens, device=sparse.device)[:, None]
    loss = (log_dense.gather(-1, chosen) - log_sparse.gather(-1, chosen)).mean()
    return float(divergence), float(loss)


def _generated(
    traced: Traced, benchmark: Benchmark, prepared: PreparedRequest, masker_configs: Sequence[MaskerConfig]
) -> Measures:
    report = evaluate_request(traced.loaded, benchmark, prepared, masker_configs, traced.max_new_tokens, traced.files)
    assert report.error is not None
    assert report.density is not None
    assert report.io_density is not None
    scores = [question.score for question in report.questions if question.score is not None]
    return Measures(report.error, report.density, report.io_density, fmean(scores) if scores else None)
