"""One configuration gives the same to the bit each time, and a run says what of it may not."""

from __future__ import annotations

import json
import random
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from sparse_hub_core import get_benchmark, get_masker_config, get_model
from sparse_hub_core.determinism import not_deterministic, repeat_sentence
from sparse_hub_core.evaluation import RequestReport, evaluate
from sparse_hub_core.preparation import prepare_requests
from sparse_hub_core.spec import build_spec

from ..conftest import PUBLISHED, Finished

TIMES = {"seconds", "latency"}
"""What is measured in time."""


def without_times(lines: list[dict]) -> list[dict]:
    kept = ({key: value for key, value in line.items() if key not in TIMES} for line in lines)
    return sorted(kept, key=lambda line: line.get("request_id", ""))


@pytest.mark.slow
def test_a_winner_validated_anew_on_other_workers_gives_the_same_to_the_bit(
    finished_run: Finished, reproduced: Finished
) -> None:
    """The run validated it on two workers; this is another process, with one, and prefills everything again."""
    assert reproduced.process.returncode == 0, reproduced.process.stderr
    for preset in ("dense", PUBLISHED):
        for name in ("requests.jsonl", "predictions.jsonl"):
            first, second = (without_times(run.lines(preset, name)) for run in (finished_run, reproduced))
            assert len(first) == 6
            assert first == second, (preset, name)
        first, second = (run.json(preset, "validation.json") for run in (finished_run, reproduced))
        for judged in (first, second):
            # The cell of a given configuration is another one than that of its search.
            judged.pop("cell_identity")
        assert without_times([first]) == without_times([second])
    assert first["error_mean"] > 0


@pytest.mark.slow
def test_a_run_says_what_of_it_may_differ_the_next_time(finished_run: Finished) -> None:
    told = json.loads((finished_run.run / "run.json").read_text())["not_deterministic"]
    assert any("nevergrad" in sentence for sentence in told)
    assert repeat_sentence(told) in finished_run.process.stdout + finished_run.process.stderr


@pytest.mark.parametrize(
    ("masker", "parameters"),
    [("random_sampling", {"sampling_rate": 0.05}), ("pq_cache", {}), ("adaptive_sampling", {})],
)
def test_an_evaluation_depends_on_no_global_random_numbers(masker: str, parameters: dict[str, object]) -> None:
    """Without Ray, and with a model loaded anew."""
    configs = [
        get_masker_config("sink")(sink_size=4),
        get_masker_config("local")(window_size=32),
        get_masker_config(masker)(**parameters),
    ]
    found = []
    for noise in (1, 2):
        torch.manual_seed(noise)
        np.random.seed(noise)
        random.seed(noise)
        loaded = get_model("demo", "cpu")
        ruler = get_benchmark("ruler")
        requests = prepare_requests(ruler, "ruler/niah_multikey_2", loaded.tokenizer, "validation", 512, 2, 0)
        reports = evaluate(loaded, ruler, requests, configs, 3)
        found.append([_without_times(report) for report in reports])
    assert found[0] == found[1]
    assert all(report["error"] > 0 for report in found[0])


def _without_times(report: RequestReport) -> dict[str, object]:
    questions = [replace(question, decode_ms=0.0) for question in report.questions]
    return asdict(replace(report, seconds=0.0, questions=tuple(questions)))


@pytest.mark.parametrize(
    ("flags", "stages", "device", "learns", "told"),
    [
        ({}, ("search", "validate"), "cpu", True, ["nevergrad", "asha", "--search-timeout", "room", "milliseconds"]),
        ({"max_concurrent": 1}, ("search",), "cpu", True, ["--search-timeout", "room"]),
        ({"max_concurrent": 1, "fidelity": "F3"}, ("search",), "cpu", True, ["--search-timeout"]),
        ({"scheduler": "none", "search_algorithm": "random"}, ("search",), "cpu", False, ["--search-timeout", "room"]),
        ({"fidelity": "F0"}, ("search",), "cpu", True, ["nevergrad", "--search-timeout", "room"]),
        ({}, ("validate",), "cpu", True, ["milliseconds"]),
        ({}, ("validate",), "cuda", True, ["CUDA", "milliseconds"]),
    ],
)
def test_what_may_differ_follows_from_what_is_run(flags, stages, device, learns, told) -> None:
    found = not_deterministic(build_spec(flags), stages, device, learns)
    assert len(found) == len(told)
    assert all(word in sentence for word, sentence in zip(told, found, strict=True))
