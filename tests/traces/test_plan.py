"""What traces take is known before they are written, and what does not fit is left out layer by layer."""

from __future__ import annotations

import pytest
from small_runs import NEW_TOKENS, Told, counted_forwards, prepare, shape_of, sink_local, traced

from sparse_hub_core import SparseHubError
from sparse_hub_core.models.stored_files import stored_files
from sparse_hub_core.traces.measure import measure
from sparse_hub_core.traces.plan import gigabytes, plan_traces

LONG = " What was it that the short context said of it, and who had asked for it before? " * 3


def requests(loaded, questions=(" Why?", LONG)):
    contexts = ("One context of a few words, again and again. " * 5, "Another. " * 30)
    return [prepare(loaded, questions, context, limit=20) for context in contexts]


def plan(loaded, max_bytes, limit=NEW_TOKENS, prepared=None):
    return plan_traces(shape_of(loaded), prepared or requests(loaded), limit, max_bytes)


def written(loaded, directory, planned, limit=NEW_TOKENS, prepared=None):
    """Record everything and return the bytes of all files."""
    run = traced(loaded, directory, limit, planned)
    for one in prepared or requests(loaded):
        for index in range(len(one.prompts)):
            run.trace(one, index)
    return sum(file.num_bytes for file in stored_files(directory))


@pytest.mark.parametrize("limit", [1, NEW_TOKENS, 50])
def test_the_estimate_is_hardly_more_than_what_is_written(loaded, tmp_path, limit):
    planned = plan(loaded, 1 << 40, limit)
    assert planned.keeps_prefixes
    assert planned.num_bytes == planned.wanted_bytes
    assert (
        written(loaded, tmp_path, planned, limit)
        <= planned.num_bytes
        <= 1.05 * written(loaded, tmp_path, planned, limit)
    )


def test_what_is_recorded_already_is_known(loaded, tmp_path):
    run = traced(loaded, tmp_path, NEW_TOKENS, plan(loaded, 1 << 40))
    first, second = requests(loaded)
    assert not run.has_trace(first, 0)
    run.trace(first, 0)
    assert [run.has_trace(one, index) for one in (first, second) for index in (0, 1)] == [True, False, False, False]


@pytest.mark.parametrize("share", [0.9, 0.8, 0.7])
def test_layers_are_left_out_until_the_rest_fits(llama, tmp_path, share):
    prepared = requests(llama, (LONG,))
    wanted = plan(llama, 1 << 40, prepared=prepared).wanted_bytes
    planned = plan(llama, int(share * wanted), prepared=prepared)
    assert planned.wanted_bytes == wanted
    assert not planned.keeps_prefixes
    assert 0 in planned.layers
    assert 4 <= len(planned.layers) < 6
    assert written(llama, tmp_path, planned, prepared=prepared) <= planned.num_bytes <= share * wanted
    assert {file.header["kind"] for file in stored_files(tmp_path)} == {"trace"}


def test_traces_with_their_own_prefix_are_replayed_without_the_model(llama, tmp_path):
    several = requests(llama, (LONG,))
    planned = plan(llama, int(0.8 * plan(llama, 1 << 40, prepared=several).wanted_bytes), prepared=several)
    written(llama, tmp_path, planned, prepared=several)
    run, whole_run = traced(llama, tmp_path, plan=planned), traced(llama, tmp_path / "whole")
    prepared = several[0]
    with counted_forwards(llama) as forwards:
        some = measure(run, Told(), prepared, sink_local(), "F1")
    assert not forwards
    assert some.error == pytest.approx(measure(whole_run, Told(), prepared, sink_local(), "F1").error, rel=0.5)


def test_where_too_few_layers_fit_the_sentence_says_what_to_do(llama):
    with pytest.raises(
        SparseHubError, match=r"The traces of 2 requests take 1\.\d MB, and not even 4 layers.*raise --trace-max-gb"
    ):
        plan(llama, 1000)


@pytest.mark.parametrize(
    ("num_bytes", "text"), [(1 << 20, "1.0 MB"), (1 << 28, "0.25 GB"), (3 << 30, "3.00 GB"), (0, "0.0 MB")]
)
def test_sizes_are_readable(num_bytes, text):
    assert gigabytes(num_bytes) == text
