"""Another Python process, with another hash seed: what an algorithm imports, proposes and prints there."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import random
import subprocess
import sys
from collections.abc import Mapping
from tempfile import TemporaryFile
from typing import Any

from sparse_hub_core.plugins import ENTRY_POINT_GROUP
from sparse_hub_core.registry import Provenance
from sparse_hub_core.search.algorithm import SearchAlgorithm
from sparse_hub_core.search.algorithm_options import create_algorithm
from sparse_hub_core.testing.search_algorithms.spaces import MIXED, draws, landscape

PATIENCE = 120.0
"""Seconds that the process gets."""
HASH_SEED = "PYTHONHASHSEED"
ANSWER = "from sparse_hub_core.testing.search_algorithms.other_process import answer; answer()"
HEAVY = ("torch", "ray", "transformers")
"""Modules that take seconds to import, and that no algorithm needs."""
LIBRARIES = ("hyperopt", "nevergrad", "numpy", "optuna", "scipy", "sklearn")
COUNT = 12


def ask_there(
    algorithm: type[SearchAlgorithm], provenance: Provenance | None, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what the other process tells; its ``error`` where it cannot use the algorithm at all."""
    question = {
        "plugin": provenance and [provenance.distribution, provenance.plugin],
        "module": algorithm.__module__,
        "class": algorithm.__qualname__,
        "options": dict(options),
    }
    environment = os.environ | {
        HASH_SEED: "2" if os.environ.get(HASH_SEED) == "1" else "1",
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    try:
        told = subprocess.run(
            [sys.executable, "-c", ANSWER],
            input=json.dumps(question),
            capture_output=True,
            text=True,
            env=environment,
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
    question = json.load(sys.stdin)
    answers, errors = os.fdopen(os.dup(1), "w"), os.dup(2)
    with answers, TemporaryFile() as printed:
        for stream in (1, 2):
            os.dup2(printed.fileno(), stream)
        try:
            told = _answer(question)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os.dup2(errors, 2)
        printed.seek(0)
        json.dump(told | {"printed": printed.read().decode(errors="replace")}, answers)


def told_proposals(algorithm: SearchAlgorithm) -> list[str]:
    """Return what is proposed between trials from elsewhere and failures, as texts."""
    found = []
    for number, elsewhere in enumerate(draws(MIXED, COUNT, 5)):
        proposal = algorithm.ask()
        found.append(json.dumps(proposal))
        if proposal is not None:
            algorithm.tell(proposal, None if number % 4 == 3 else landscape(proposal))
        algorithm.tell(elsewhere, landscape(elsewhere))
    return found


def random_state() -> str:
    """Return a digest of the global random states of Python, numpy and, where it was imported, torch."""
    # Imported here so that this module itself imports nothing that an algorithm must not.
    import numpy as np

    states = [random.getstate(), np.random.get_state(legacy=False)]
    torch = sys.modules.get("torch")
    if torch is not None:
        states.append(torch.random.get_rng_state().tolist())
    return hashlib.sha256(repr(states).encode()).hexdigest()


def _answer(question: Mapping[str, Any]) -> dict[str, Any]:
    if question["plugin"]:
        _register(*question["plugin"])
    registering = [name for name in (*HEAVY, *LIBRARIES) if name in sys.modules]
    algorithm: Any = importlib.import_module(question["module"])
    for name in question["class"].split("."):
        algorithm = getattr(algorithm, name)
    importing = [name for name in HEAVY if name in sys.modules]
    # What a library does where it is imported is no business of the algorithm's.
    _create(algorithm, question["options"]).ask()
    before = random_state()
    proposals = told_proposals(_create(algorithm, question["options"]))
    return {
        "registering": registering,
        "importing": importing,
        "random state": "kept" if random_state() == before else "changed",
        "proposals": proposals,
    }


def _create(algorithm: type[SearchAlgorithm], options: Mapping[str, Any]) -> SearchAlgorithm:
    return create_algorithm(algorithm, MIXED, 20, 3, 0, options)


def _register(distribution: str, plugin: str) -> None:
    import importlib_metadata

    for entry_point in importlib_metadata.entry_points(group=ENTRY_POINT_GROUP, name=plugin):
        if entry_point.dist is not None and entry_point.dist.name == distribution:
            entry_point.load()
