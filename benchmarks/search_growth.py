"""How a search grows with samples, presets, requests and context: `python benchmarks/search_growth.py`.

Each line is a process of its own, without Ray and with one thread, that records the traces and climbs the ladder; one
setting at a time differs from the others' lines.
"""

from __future__ import annotations

import multiprocessing
import resource
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from shared.workbench import (
    TASK,
    Workbench,
    ask_and_tell,
    header,
    is_quick,
    load,
    new_log,
    optimizer_of,
    seconds,
    set_up,
)

from sparse_hub_core.fidelity import FIDELITIES, Measures
from sparse_hub_core.optimizer_factory import Optimizer
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.search.algorithm_options import create_algorithm
from sparse_hub_core.search.ladder import Rung, num_promoted, promoted, rungs
from sparse_hub_core.search.objectives import default
from sparse_hub_core.search.target import Target

PRESETS = ("sink_local_oracle_top_k", "sink_local_quest", "sink_local_double_sparsity", "sink_local_magic_pig")
TARGET = Target(lambda measures: default(measures.error, measures.density))


@dataclass(frozen=True)
class Setting:
    """One search."""

    samples: int = 50
    presets: int = 1
    requests: int = 5
    context: int = 2048


@dataclass(frozen=True)
class Grown:
    """What a search took."""

    recording: float
    by_rung: dict[str, float]
    by_preset: tuple[float, ...]
    cpu: float
    """Seconds of a core for recording and all rungs, which a busy machine changes less than those on the clock."""
    peak_mb: float
    planned_mb: float
    kept_mb: float


def settings(quick: bool) -> dict[str, list[Setting]]:
    """The lines of each table."""
    base = Setting(10, 1, 2, 1024) if quick else Setting()
    many = {
        "samples": (5, 10) if quick else (12, 25, 50, 100, 200),
        "presets": (1, 2) if quick else (1, 2, 3, 4),
        "requests": (1, 2) if quick else (2, 5, 10, 20),
        "context": (512, 1024) if quick else (1024, 2048, 4096, 8192),
    }
    return {name: [replace(base, **{name: value}) for value in values] for name, values in many.items()}


def run(setting: Setting) -> Grown:
    """Record, and climb the ladder with each preset."""
    torch.set_num_threads(1)
    by_rung: dict[str, float] = dict.fromkeys(FIDELITIES, 0.0)
    with tempfile.TemporaryDirectory() as name:
        workbench = set_up(Path(name) / "traces", setting.context, setting.requests)
        began = time.process_time()
        recording = seconds(workbench.record)
        by_preset = []
        for preset in PRESETS[: setting.presets]:
            before = sum(by_rung.values())
            climb(workbench, optimizer_of(preset), setting.samples, Path(name) / preset, by_rung)
            by_preset.append(sum(by_rung.values()) - before)
        cpu = time.process_time() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        planned, kept = workbench.traced.plan.num_bytes / 2**20, workbench.num_bytes / 2**20
    return Grown(recording, by_rung, tuple(by_preset), cpu, peak, planned, kept)


def climb(workbench: Workbench, optimizer: Optimizer, samples: int, folder: Path, spent: dict[str, float]) -> None:
    """Send configurations up the ladder as a search does, and add up the seconds of each rung."""
    registry = load_registry()
    algorithm = registry.get(registry.search_algorithms, "nevergrad").load()
    made = create_algorithm(algorithm, optimizer.create_search_space(TASK), samples, 1, 0, {})
    log, (entry, *others) = new_log(folder, optimizer), rungs("ladder", masks_prefix=False)

    def measured(parameters: Mapping[str, Any], rung: Rung) -> Measures:
        return workbench.trial(optimizer.create_config_from_params(parameters), rung)

    began, first = time.perf_counter(), entry.fidelity
    found = ask_and_tell(made, TARGET, log, samples, workbench.num_keys, lambda p: measured(p, entry), first)
    spent[first] += time.perf_counter() - began
    for rung in others:
        began = time.perf_counter()
        ranked = [parameters for parameters, _ in sorted(found, key=lambda one: TARGET.value(one[1]))]
        found = [(one, measured(one, rung)) for one in promoted(ranked, num_promoted(len(ranked), rung.fidelity))]
        spent[rung.fidelity] += time.perf_counter() - began


def line(name: str, setting: Setting, grown: Grown) -> str:
    """Return a line of a table."""
    rungs = "".join(f"{grown.by_rung[rung]:8.2f}" for rung in FIDELITIES)
    total = grown.recording + sum(grown.by_rung.values())
    presets = f"  each preset {', '.join(f'{taken:.1f}' for taken in grown.by_preset)}" * (name == "presets")
    sizes = f"{grown.peak_mb:10.0f}{grown.planned_mb:10.1f}{grown.kept_mb:9.1f}"
    return f"  {vars(setting)[name]:8}{grown.recording:8.2f}{rungs}{total:9.2f}{grown.cpu:8.2f}{sizes}{presets}"


def main() -> None:
    """Print a table per setting that grows."""
    quick = is_quick("How a search grows with samples, presets, requests and context.")
    header("How a search grows")
    base = Setting(10, 1, 2, 1024) if quick else Setting()
    print(f"{TASK}, 20 new tokens; unless a table says otherwise {vars(base)}; presets in turn: {', '.join(PRESETS)}")
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as processes:
        for name, lines in settings(quick).items():
            columns = "".join(f"{rung:>8}" for rung in ("record", *FIDELITIES))
            print(f"\n  {name:8}{columns}{'all, s':>9}{'CPU, s':>8}{'peak MB':>10}{'planned':>10}{'kept MB':>9}")
            for setting in lines:
                print(line(name, setting, processes.apply(run, (setting,))), flush=True)
            print(f"  {load()}", flush=True)


if __name__ == "__main__":
    main()
