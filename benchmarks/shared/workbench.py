"""A model and recorded requests to try configurations on in this process, without Ray; and how figures are printed."""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch

from sparse_hub_core import MaskerConfig
from sparse_hub_core.benchmark import Benchmark
from sparse_hub_core.environment import num_cores, versions
from sparse_hub_core.errors import ConfigError
from sparse_hub_core.evaluation import PreparedRequest
from sparse_hub_core.fidelity import Fidelity, Measures
from sparse_hub_core.lookup import get_benchmark
from sparse_hub_core.models.loading import LoadedModel, load_model
from sparse_hub_core.models.snapshot import ModelFiles
from sparse_hub_core.models.source import resolve_model
from sparse_hub_core.models.tensor_store import TensorStore
from sparse_hub_core.optimizer_factory import Optimizer, create_optimizer
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.preparation import prepare_requests
from sparse_hub_core.presets import preset_stack
from sparse_hub_core.results.run_directory import CellDirectory
from sparse_hub_core.results.schema import TrialLine
from sparse_hub_core.search.ladder import SEEDS, Rung
from sparse_hub_core.search.proposals import Proposals, infeasible_because
from sparse_hub_core.search.target import Target
from sparse_hub_core.search.trial_log import TrialLog
from sparse_hub_core.traces.measure import Traced, measure
from sparse_hub_core.traces.plan import ModelShape, plan_traces

TASK = "ruler/niah_multikey_2"
MAX_TRACE_BYTES = 32 << 30


@dataclass(frozen=True)
class Workbench:
    """A loaded model, and requests of a task whose prefixes and traces lie in a folder."""

    task: str
    benchmark: Benchmark
    requests: tuple[PreparedRequest, ...]
    traced: Traced
    folder: Path

    @property
    def num_keys(self) -> int:
        """The shortest prefix, which decides what is feasible."""
        return min(len(prompt.prefix) for prepared in self.requests for prompt in prepared.prompts)

    @property
    def num_bytes(self) -> int:
        """What lies in the folder."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())

    def record(self) -> None:
        """Make the traces that are not there yet."""
        for prepared in self.requests:
            for index in range(len(prepared.prompts)):
                self.traced.trace(prepared, index)

    def measures(self, stack: Sequence[MaskerConfig], fidelity: Fidelity) -> tuple[Measures, ...]:
        """Try a configuration on every request, with as many seeds as a search takes at that rung."""
        seeds = SEEDS[fidelity]
        return tuple(measure(self.traced, self.benchmark, one, stack, fidelity, seeds) for one in self.requests)

    def trial(self, stack: Sequence[MaskerConfig], rung: Rung) -> Measures:
        """Try a configuration as a search does at one of its rungs."""
        shown = self.requests[: rung.num_requests(len(self.requests))]
        found = [measure(self.traced, self.benchmark, one, stack, rung.fidelity, rung.num_seeds) for one in shown]
        return Measures.mean(found)

    def random_configurations(self, optimizer: Optimizer, count: int, seed: int) -> list[list[MaskerConfig]]:
        """Draw so many feasible configurations, no two alike."""
        space, rng, found = optimizer.create_search_space(self.task), Random(seed), list[list[MaskerConfig]]()
        while len(found) < count:
            with suppress(ConfigError, ValueError):
                stack = optimizer.create_config_from_params({name: d.sample(rng) for name, d in space.items()})
                if infeasible_because(stack, self.num_keys) is None and stack not in found:
                    found.append(stack)
        return found


def set_up(
    folder: Path,
    context: int,
    num_requests: int,
    *,
    task: str = TASK,
    max_new_tokens: int = 20,
    loaded: LoadedModel | None = None,
) -> Workbench:
    """Load the demo model where none is given, and prepare requests; nothing is prefilled yet."""
    registry = load_registry()
    loaded = loaded or load_model(resolve_model(registry, "demo"), "cpu")
    benchmark = get_benchmark(task.partition("/")[0], registry)
    requests = prepare_requests(benchmark, task, loaded.tokenizer, "search", context, num_requests, seed=0)
    shape = ModelShape.of(loaded.model.config, loaded.model.dtype.itemsize)
    plan = plan_traces(shape, requests, max_new_tokens, MAX_TRACE_BYTES)
    files = ModelFiles(TensorStore(folder, MAX_TRACE_BYTES), loaded.name)
    return Workbench(task, benchmark, requests, Traced(loaded, files, max_new_tokens, plan), folder)


def optimizer_of(preset: str) -> Optimizer:
    """Return the search space of a registered preset and what its points stand for."""
    registry = load_registry()
    stack = preset_stack(registry, registry.get(registry.presets, preset))
    names = {registry.get(registry.maskers, entry.name).load(): entry.name for entry in registry.maskers}
    return create_optimizer(stack, names)


def ask_and_tell(
    algorithm: Any,
    target: Target,
    log: TrialLog,
    num_samples: int,
    num_keys: int,
    measured: Callable[[Mapping[str, Any]], Measures],
    fidelity: Fidelity,
) -> list[tuple[dict[str, Any], Measures]]:
    """Run the first rung of a search: distinct, feasible proposals, each told before the next one is asked for."""
    proposals, found = Proposals([(target, algorithm)], log, fidelity, num_samples, num_keys), []
    while (parameters := proposals.next()) is not None:
        measures = measured(parameters)
        log.add(TrialLine(parameters=parameters, status="ok", fidelity=fidelity, **measures.as_answer()))
        proposals.tell(parameters, measures)
        found.append((parameters, measures))
    return found


def new_log(folder: Path, optimizer: Optimizer) -> TrialLog:
    """Return an empty log of trials in a folder."""
    folder.mkdir(parents=True)
    return TrialLog(CellDirectory(folder), optimizer)


def seconds(call: Callable[[], object]) -> float:
    """Time a call."""
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def spread(values: Sequence[float], digits: int = 3) -> str:
    """Return a median with the smallest and the largest beside it."""
    if len(values) == 1:
        return f"{values[0]:.{digits}f} (once)"
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def is_quick(description: str) -> bool:
    """Return whether ``--quick`` was given; what is meant for other scripts is left alone."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="small settings, to see that it runs")
    return bool(parser.parse_known_args()[0].quick)


def header(title: str) -> None:
    """Print what is measured, where, and how busy the machine is."""
    known = versions(load_registry())
    libraries = ", ".join(f"{name} {known[name]}" for name in ("python", "torch", "transformers", "ray", "nevergrad"))
    print(f"{title}\n{num_cores()} cores, {torch.get_num_threads()} threads here; {libraries}\n{load()}", flush=True)


def load() -> str:
    """Return the machine's load average."""
    return "load average " + " ".join(f"{value:.2f}" for value in os.getloadavg())
