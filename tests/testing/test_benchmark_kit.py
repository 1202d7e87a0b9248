"""The benchmark half is held to its own claim: every check fails on a benchmark that breaks it, and it first of all."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest
from broken_benchmarks import BROKEN, Broken
from good_benchmarks import GOOD, TOWNS, Towns

from sparse_hub_core import Question
from sparse_hub_core.testing import BENCHMARK_CHECKS, BenchmarkSubject, run_checks
from sparse_hub_core.testing.benchmarks import scores


@pytest.mark.parametrize("broken", [pytest.param(one, id=f"{one.check}-{one.benchmark.__name__}") for one in BROKEN])
def test_the_first_check_that_fails_is_the_one_that_is_broken(broken: Broken) -> None:
    failed = next(outcome for outcome in run_checks(broken.subject()) if outcome.result == "failed")
    assert (failed.check.name, broken.says in (failed.reason or "")) == (broken.check, True), failed.reason


@pytest.mark.parametrize("kind", GOOD)
def test_a_good_benchmark_passes_every_check(kind: str) -> None:
    outcomes = list(run_checks(BenchmarkSubject.of(*GOOD[kind])))
    assert {outcome.result for outcome in outcomes} == {"ok", "does not apply"}, outcomes


def test_every_check_has_a_broken_benchmark_and_passes_on_a_good_one() -> None:
    names = {check.name for check in BENCHMARK_CHECKS}
    assert {broken.check for broken in BROKEN} == names
    subjects = [BenchmarkSubject.of(*good) for good in GOOD.values()]
    applied = {check.name for check in BENCHMARK_CHECKS for one in subjects if check.does_not_apply(one) is None}
    assert applied == names


def test_every_check_of_benchmarks_is_described_in_a_sentence() -> None:
    assert len({check.name for check in BENCHMARK_CHECKS}) == len(BENCHMARK_CHECKS)
    for check in BENCHMARK_CHECKS:
        assert check.description.endswith(".")
        assert "\n" not in check.description


class Slow(Towns):
    def score(self, prediction: str, question: Question) -> float | None:
        sum(range(3_000_000 if len(prediction) > 1000 else 0))
        return super().score(prediction, question)


def test_a_metric_that_takes_long_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "MOST_SECONDS", 0.01)
    with pytest.raises(AssertionError, match=r"towns: scoring 5000 words takes [0-9.]+ seconds"):
        scores.any_prediction_scores_in_range(BenchmarkSubject.of(Slow, (TOWNS,)))


def test_the_network_is_there_again_after_a_check() -> None:
    subject = BenchmarkSubject.of(Towns, (TOWNS,))
    before = (socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo, dict(vars(socket.socket)))
    with pytest.raises(AssertionError, match="network"), subject.surroundings():
        socket.getaddrinfo("localhost", 80)
    assert (socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo, dict(vars(socket.socket))) == before
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert client.getpeername() == server.getsockname()


def test_the_kit_brings_no_torch_for_a_benchmark() -> None:
    script = (
        "import sys; sys.modules['pytest'] = None\n"
        "from sparse_hub_core.testing import BenchmarkSubject, run_checks\n"
        "assert list(run_checks(BenchmarkSubject.of('ruler/vt')))\n"
        "assert not sys.modules.keys() & {'torch', 'datasets', 'transformers', 'ray'}"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
