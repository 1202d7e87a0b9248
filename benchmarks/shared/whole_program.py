"""Whole processes from outside: `sparse-hub search` by its stages, and trials that share nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from shared.workbench import Workbench
from sparse_hub_core import MaskerConfig
from sparse_hub_core.lookup import masker_name
from sparse_hub_core.plugins import load_registry

CHILD = Path(__file__).with_name("reference_trial.py")
STAGE = re.compile(r"\[[\d:]+\] (load|prepare|record|search|\S+, F\d:)")
TRIAL = re.compile(r"\[[\d:]+\]   F\d trial ")
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def search_seconds(arguments: Sequence[str], folder: Path) -> dict[str, float]:
    """Run `sparse-hub search` and return its seconds by stage, and of the whole process.

    Raises:
        RuntimeError: It failed.
    """
    command = [sys.executable, "-m", "sparse_hub_core.cli.main", "search", *arguments, "--output-dir", str(folder)]
    spent, stage, told = dict[str, float](), "start", list[str]()
    began = since = time.perf_counter()
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        told.append(line)
        found = STAGE.match(line)
        if found or TRIAL.match(line):
            now = time.perf_counter()
            spent[stage] = spent.get(stage, 0.0) + now - since
            stage, since = found[1].rpartition(", ")[2].rstrip(":") if found else stage, now
    if process.wait():
        raise RuntimeError("".join(told[-20:]))
    end = time.perf_counter()
    return {**spent, "end": end - since, "all": end - began}


def write_job(path: Path, workbench: Workbench, model: str, stack: Sequence[MaskerConfig]) -> Path:
    """Write down a trial for a process of its own."""
    registry = load_registry()
    job = {
        "model": model,
        "maskers": [(masker_name(registry, type(config)), asdict(config)) for config in stack],
        "prompts": [(prompt.prefix, prompt.suffix) for one in workbench.requests for prompt in one.prompts],
        "max_new_tokens": workbench.traced.max_new_tokens,
    }
    path.write_text(json.dumps(job))
    return path


def run_trial(job: Path) -> dict[str, Any]:
    """Run a trial in a process of its own; return the seconds of its parts, and of the whole process."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, str(CHILD), str(job)], env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {**found, "all": time.perf_counter() - began}


def run_trials(jobs: Sequence[Path], at_a_time: int) -> float:
    """Run trials in processes of their own, so many at a time, and return the seconds until all have ended."""
    began = time.perf_counter()
    with ThreadPoolExecutor(at_a_time) as runners:
        list(runners.map(run_trial, jobs))
    return time.perf_counter() - began
