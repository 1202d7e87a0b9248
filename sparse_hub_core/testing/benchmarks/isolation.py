"""Checks that a benchmark can go to workers, and leaves alone what is not its own."""

from __future__ import annotations

import pickle

from sparse_hub_core.testing.benchmarks.each_subset import each_subset
from sparse_hub_core.testing.benchmarks.other_process import random_state
from sparse_hub_core.testing.benchmarks.subject import BenchmarkSubject
from sparse_hub_core.testing.benchmarks.subset import SubsetSubject, spread
from sparse_hub_core.testing.check import check, require

FEW = 3
SEED = 11


@each_subset()
def copies_score_the_same(subset: SubsetSubject) -> None:
    """The benchmark and its requests can be pickled, as they go to workers, and the copies score the same."""
    requests = subset.requests[:FEW]
    try:
        # What is unpickled was pickled one line before.
        benchmark, copied = pickle.loads(pickle.dumps((subset.benchmark, requests)))  # noqa: S301
    except Exception as error:
        # Pickle raises what the objects raise.
        raise AssertionError(f"it cannot be pickled: {type(error).__name__}: {error}") from error
    require(copied == requests, "requests differ from their copies")
    for request in copied:
        for question in request.questions:
            prediction = subset.benchmark.perfect_prediction(question)
            one, other = (some.score(prediction, question) for some in (subset.benchmark, benchmark))
            require(one == other, f"{prediction[:60]!r} scores {one}, by a copy of the benchmark {other}")
    again = subset.take(FEW, benchmark=benchmark)
    require(again == requests, "a copy of the benchmark makes other requests")


@each_subset()
def global_randomness_is_left_alone(subset: SubsetSubject) -> None:
    """Making requests and scoring neither draw from nor set the global random states of Python and numpy."""
    before = random_state()
    benchmark = subset.fresh()
    for request in subset.take(FEW, seed=SEED, benchmark=benchmark):
        for question in spread(request.questions, FEW):
            for prediction in (benchmark.perfect_prediction(question), "a b c"):
                benchmark.score(prediction, question)
                benchmark.other_scores(prediction, question)
    require(random_state() == before, "the global random state is another one after making and scoring requests")
    told = subset.owner.elsewhere["random state"]
    require(told == "kept", "the global random state of another process is another one after making requests")


@check()
def registering_imports_nothing_heavy(subject: BenchmarkSubject) -> None:
    """Neither registering the benchmark nor importing its class imports torch, ray, transformers or datasets."""
    for what, part in (("registering it", "registering"), ("importing its class", "importing")):
        heavy = subject.elsewhere[part]
        require(not heavy, f"{what} imports {', '.join(heavy)}; import that inside the function that needs it")
