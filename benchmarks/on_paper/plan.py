"""The steps of a whole search, ours and one that shares nothing, spread over GPUs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from on_paper.formulas import (
    Machine,
    Model,
    Search,
    Work,
    dense_generation,
    generation,
    prefill,
    restore,
    rungs,
    snapshot_bytes,
    trace_bytes,
)

NAMES = ("F0", "F1", "F2", "F3")
REPLAYS = NAMES[:2]


@dataclass(frozen=True)
class Phase:
    """Equal jobs of which each GPU runs one at a time, after seconds that no further GPU makes shorter."""

    name: str
    jobs: int
    job_seconds: float
    fixed_seconds: float = 0.0

    def seconds(self, gpus: int) -> float:
        """Seconds on the clock."""
        return math.ceil(self.jobs / gpus) * self.job_seconds + self.fixed_seconds


def start_seconds(model: Model, on: Machine) -> float:
    """Start a process and load the model."""
    return on.process_start + model.weight_bytes / on.disk_read + model.weight_bytes / on.pcie


def keep_prefix(model: Model, tokens: int) -> Work:
    """Prefill a prefix and copy it to the host."""
    return prefill(model, tokens) + Work(copied=model.kv_bytes(tokens))


def record(model: Model, search: Search, tokens: int) -> Work:
    """Keep a prefix, restore it, and answer its question densely."""
    answer = dense_generation(model, search, tokens, search.new_tokens)
    return keep_prefix(model, tokens) + restore(model, tokens) + answer


def recording(model: Model, search: Search, on: Machine, tokens: int, gpus: int) -> Phase:
    """Make what all configurations share; every node makes its own, and its GPUs share one disk."""
    per_node = min(gpus, on.gpus_per_node)
    rounds = math.ceil(search.requests / per_node)
    written = search.requests * (snapshot_bytes(model, search, tokens) + trace_bytes(model, search))
    seconds = record(model, search, tokens).seconds(on)
    return Phase("prefill and record, once", 1, rounds * seconds, written / on.disk_write)


def ladder(model: Model, search: Search, on: Machine, tokens: int) -> list[Phase]:
    """One preset's rungs, one after another; a trial takes request after request on its GPU.

    F0 and F1 copy a layer once for all seeds, and what fits stays on each GPU.
    """
    found, resident = [], 0.0
    of_rungs = zip(NAMES, search.configurations, search.seeds, search.rung_requests, strict=True)
    for name, count, seeds, requests in of_rungs:
        work, fixed = rungs(model, search, tokens)[name].times(requests), count * on.trial_start
        seconds = work.seconds(on) * seeds
        if name in REPLAYS:
            copied = min(work.copied, kept_bytes(model, search, on))
            seconds = replace(work, copied=0.0).seconds(on) * seeds + (work.copied - copied) / on.pcie
            fixed += (copied - resident) / on.pcie
            resident = copied
        found.append(Phase(f"{name}, {count} configurations", count, seconds, fixed))
    return found


def kept_bytes(model: Model, search: Search, on: Machine) -> float:
    """How much of the traces stays on a GPU from one configuration to the next."""
    return search.kept_share * (on.memory - model.weight_bytes)


def only_generating(model: Model, search: Search, on: Machine, tokens: int) -> list[Phase]:
    """One preset without a ladder: every configuration generates from the shared prefixes."""
    count = search.configurations[0]
    seconds = rungs(model, search, tokens)["F3"].seconds(on) * search.requests
    return [Phase("F3", count, seconds, count * on.trial_start)]


def sharing_nothing(model: Model, search: Search, on: Machine, tokens: int) -> list[Phase]:
    """One preset as the reference does it: a process, a model load and all prefills per trial."""
    answered = prefill(model, tokens) + generation(model, search, tokens, search.new_tokens)
    seconds = start_seconds(model, on) + search.requests * answered.seconds(on)
    return [Phase("trials", search.configurations[0], seconds)]


def validation(model: Model, search: Search, on: Machine, tokens: int, gpus: int) -> list[Phase]:
    """Validate every preset beside dense attention, which answers once; without the passes that time latency."""
    per_node = min(gpus, on.gpus_per_node)
    requests, answer_tokens = search.validation_requests, search.validation_tokens
    kept = math.ceil(requests / per_node) * keep_prefix(model, tokens).seconds(on)
    written = requests * snapshot_bytes(model, search, tokens) / on.disk_write
    dense = restore(model, tokens) + dense_generation(model, search, tokens, answer_tokens)
    sparse = restore(model, tokens) + generation(model, search, tokens, answer_tokens)
    return [
        Phase("validation: prefill, once", 1, kept, written),
        Phase("validation: dense, once", requests, dense.seconds(on)),
        *[Phase("validation: sparse", requests, sparse.seconds(on))] * search.presets,
    ]


def shared_once(model: Model, search: Search, on: Machine, tokens: int, gpus: int) -> list[Phase]:
    """What a search does before its first configuration."""
    return [
        Phase("start workers, load the model", 1, start_seconds(model, on)),
        recording(model, search, on, tokens, gpus),
    ]


def whole_run(model: Model, search: Search, on: Machine, tokens: int, gpus: int) -> list[Phase]:
    """Search and validation of all presets of one model and task."""
    searches = ladder(model, search, on, tokens) * search.presets
    once = shared_once(model, search, on, tokens, gpus)
    return [*once, *searches, *validation(model, search, on, tokens, gpus)]


def total(phases: Sequence[Phase], gpus: int) -> float:
    """Seconds on the clock of phases that run one after another."""
    return sum(phase.seconds(gpus) for phase in phases)


def one_after_another(phases: Sequence[Phase]) -> float:
    """Seconds of all jobs on one GPU, with what it does once for them."""
    return sum(phase.jobs * phase.job_seconds + phase.fixed_seconds for phase in phases)
