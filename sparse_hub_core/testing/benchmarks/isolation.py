"""Checks that a benchmark can go to workers, is the same there, and leaves alone what is not its own."""

from __future__ import annotations

import pickle

from sparse_hub_core.testing.benchmarks.conditions import sample_loads
from sparse_hub_core.testing.benchmarks.each_subset import each_subset
from sparse_hub_core.testing.benchmarks.other_process import digests, random_state
from sparse_hub_core.testing.benchmarks.subject import BenchmarkSubject
from sparse_hub_core.testing.benchmarks.subset import SubsetSubject, spread
from sparse_hub_core.testing.check import check, require

FEW = 3
SEED = 11


@each_subset(sample_loads)
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


@each_subset(sample_loads)
def requests_are_the_same_in_another_process(subset: SubsetSubject) -> None:
    """Another process makes the same requests with the same ids, whatever its PYTHONHASHSEED."""
    here, there = digests(subset.requests), subset.there
    require(len(here) == len(there), f"here are {len(here)} requests, in another process {len(there)}")
    for one, other in zip(here, there, strict=True):
        one_id, other_id = one.rpartition(" ")[0], other.rpartition(" ")[0]
        require(one_id == other_id, f"the id {one_id!r} is {other_id!r} in another process")
        require(one == other, f"the request {one_id!r} has other content in another process")


@each_subset(sample_loads)
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
