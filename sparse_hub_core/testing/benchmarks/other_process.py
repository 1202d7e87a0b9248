"""Another Python process, with another hash seed and no network: what a benchmark imports, and asks, there."""

from __future__ import annotations

import hashlib
import importlib
import itertools
import json
import os
import random
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from tempfile import TemporaryDirectory
from typing import Any

from sparse_hub_core.benchmark import Benchmark, Lengths, Request
from sparse_hub_core.data.source import DataSource
from sparse_hub_core.plugins import ENTRY_POINT_GROUP
from sparse_hub_core.registry import Provenance
from sparse_hub_core.testing.benchmarks.network import without_network
from sparse_hub_core.testing.benchmarks.subset import SEED, words

PATIENCE = 120.0
"""Seconds that the process gets."""
HASH_SEED = "PYTHONHASHSEED"
ANSWER = "from sparse_hub_core.testing.benchmarks.other_process import answer; answer()"
HEAVY = ("torch", "ray", "transformers", "datasets")
"""Modules that take seconds to import."""


@dataclass(frozen=True)
class Wanted:
    """The requests of one subset that the other process is asked for."""

    subset: str
    length: int
    count: int


def ask(benchmark_class: type[Benchmark], provenance: Provenance | None, wanted: Sequence[Wanted]) -> dict[str, Any]:
    """Return what the other process tells; its ``error`` where it cannot use the benchmark at all."""
    question = {
        "plugin": provenance and [provenance.distribution, provenance.plugin],
        "module": benchmark_class.__module__,
        "class": benchmark_class.__qualname__,
        "wanted": [[one.subset, one.length, one.count] for one in wanted],
    }
    with TemporaryDirectory() as folder:
        try:
            told = subprocess.run(
                [sys.executable, "-c", ANSWER],
                input=json.dumps(question),
                capture_output=True,
                text=True,
                env=_environment(folder),
                timeout=PATIENCE,
            )
        except subprocess.TimeoutExpired:
            return {"error": f"it takes more than {PATIENCE:g} seconds"}
    if told.returncode:
        return {"error": (told.stderr.strip().splitlines() or ["it ends without a word"])[-1]}
    found: dict[str, Any] = json.loads(told.stdout)
    return found


def answer() -> None:
    """Answer the question on the standard input, on the standard output."""
    answers = os.fdopen(os.dup(1), "w")
    # What a benchmark prints must not stand in the answer.
    os.dup2(2, 1)
    question = json.load(sys.stdin)
    with answers:
        json.dump(_answer(question), answers)


def digests(requests: Sequence[Request]) -> list[str]:
    """Return the id of each request with a digest of all that is in it."""
    return [f"{request.id} {hashlib.sha256(_content(request).encode()).hexdigest()[:16]}" for request in requests]


def random_state() -> str:
    """Return a digest of the global random states of Python and numpy."""
    # Imported here so that this module itself imports nothing that a benchmark must not.
    import numpy as np

    return hashlib.sha256(repr((random.getstate(), np.random.get_state(legacy=False))).encode()).hexdigest()


def _content(request: Request) -> str:
    questions = [{field.name: getattr(one, field.name) for field in fields(one)} for one in request.questions]
    return json.dumps([request.context, questions], sort_keys=True, default=_plain)


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else repr(value)


def _environment(folder: str) -> dict[str, str]:
    return os.environ | {
        HASH_SEED: "2" if os.environ.get(HASH_SEED) == "1" else "1",
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        # What was downloaded or converted before must not help.
        "HF_HOME": folder,
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
    }


def _answer(question: Mapping[str, Any]) -> dict[str, Any]:
    if question["plugin"]:
        _register(*question["plugin"])
    registering = _heavy()
    benchmark_class: Any = importlib.import_module(question["module"])
    for name in question["class"].split("."):
        benchmark_class = getattr(benchmark_class, name)
    importing = _heavy()
    before = random_state()
    with without_network():
        subsets = {subset: _requests(benchmark_class, Wanted(subset, *rest)) for subset, *rest in question["wanted"]}
    return {
        "registering": registering,
        "importing": importing,
        "random state": "kept" if random_state() == before else "changed",
        "subsets": subsets,
    }


def _register(distribution: str, plugin: str) -> None:
    import importlib_metadata

    for entry_point in importlib_metadata.entry_points(group=ENTRY_POINT_GROUP, name=plugin):
        if entry_point.dist is not None and entry_point.dist.name == distribution:
            entry_point.load()


def _heavy() -> list[str]:
    return [name for name in HEAVY if name in sys.modules]


def _requests(benchmark_class: type[Benchmark], wanted: Wanted) -> dict[str, Any]:
    try:
        benchmark = benchmark_class(DataSource("sample"))
        requests = benchmark.requests(wanted.subset, Lengths(wanted.length, words), SEED)
        return {"requests": digests(tuple(itertools.islice(requests, wanted.count)))}
    except Exception as error:
        # The process that asked tells what was raised here.
        return {"error": f"{type(error).__name__}: {error}"}
