from __future__ import annotations

import pytest
import torch

from sparse_hub_core import Benchmark, Question, Request, SparseAttention, SparseHubError, get_masker_config
from sparse_hub_core.evaluation import Meter, PreparedRequest, evaluate
from sparse_hub_core.models.prompt import render_prompts
from sparse_hub_core.models.snapshot import ModelFiles
from sparse_hub_core.models.tensor_store import TensorStore


class Length(Benchmark):
    """Scores how many characters were said."""

    def requests(self, subset, lengths, seed):
        for index in range(3):
            questions = tuple(Question(f" Question {n}?", ("x",), max_new_tokens=2 + 2 * n) for n in range(2))
            yield Request(f"{subset}-{index}", f"A context with the number {index} in it. " * 3, questions)

    def score(self, prediction, question):
        return float(len(prediction))


@pytest.fixture
def prepared(loaded):
    requests = Length().requests("s", None, 0)
    return [PreparedRequest(request, render_prompts(loaded.tokenizer, request, 400)) for request in requests]


def stack(window):
    return [get_masker_config("sink")(sink_size=2), get_masker_config("local")(window_size=window)]


def test_one_report_per_request_with_every_question(loaded, prepared):
    reports = list(evaluate(loaded, Length(), prepared, stack(8), 5))
    assert [report.request_id for report in reports] == ["s-0", "s-1", "s-2"]
    for report in reports:
        assert [question.num_tokens for question in report.questions] == [2, 4]
        assert 0 < report.density < 1
        assert report.error == pytest.approx(sum(report.error_by_layer.values()) / len(report.error_by_layer))
        assert 0 < report.error < report.error_p95


def test_only_full_attention_layers_are_measured(loaded, prepared):
    kinds = getattr(loaded.model.config, "layer_types", None) or ["full_attention"] * 2
    report = next(evaluate(loaded, Length(), prepared, stack(8), 3))
    assert list(report.error_by_layer) == [i for i, kind in enumerate(kinds) if kind == "full_attention"]


def test_dense_attention_has_a_score_and_no_error(loaded, prepared):
    report = next(evaluate(loaded, Length(), prepared, None, 3))
    assert report.error is None
    assert report.density is None
    assert (
        report.questions[0].prediction
        == next(evaluate(loaded, Length(), prepared, [get_masker_config("sink")(sink_size=1.0)], 3))
        .questions[0]
        .prediction
    )


def test_reading_everything_has_no_error(loaded, prepared):
    report = next(evaluate(loaded, Length(), prepared, [get_masker_config("sink")(sink_size=1.0)], 3))
    assert report.error < 1e-5
    assert report.density == pytest.approx(1.0)


def test_a_prefix_is_prefilled_once(loaded, prepared, tmp_path):
    forwards = []
    handle = loaded.model.register_forward_pre_hook(lambda module, arguments: forwards.append(arguments[0].shape[1]))
    try:
        files = ModelFiles(TensorStore(tmp_path))
        for window in (4, 8, 16):
            list(evaluate(loaded, Length(), prepared, stack(window), 2, files))
    finally:
        handle.remove()
    lengths = [len(request.prompts[0].prefix) for request in prepared]
    assert sum(count in lengths for count in forwards) == len(prepared)


def test_nan_is_an_error_and_never_a_score(loaded, prepared):
    layer = next(m for m in loaded.model.modules() if hasattr(m, "v_proj") and not getattr(m, "is_sliding", False))
    weight = layer.v_proj.weight
    kept = weight.detach().clone()
    with torch.no_grad():
        weight.fill_(torch.nan)
    try:
        with pytest.raises(SparseHubError, match="NaN in request 's-0'"):
            list(evaluate(loaded, Length(), prepared, stack(8), 2))
    finally:
        with torch.no_grad():
            weight.copy_(kept)


def test_prefix_queries_come_from_the_snapshot_as_from_the_prefill(loaded, prepared, tmp_path):
    """SnapKV chooses by them, so its answers would differ."""
    config = get_masker_config("snap_kv")(heavy_size=9, window_size=4)
    files = ModelFiles(TensorStore(tmp_path))
    made = [next(evaluate(loaded, Length(), prepared, [config], 3, files)) for _ in range(2)]
    found = next(evaluate(loaded, Length(), prepared, [config], 3, ModelFiles(TensorStore(tmp_path))))
    assert {(report.error, report.density) for report in made} == {(found.error, found.density)}
    snapshot = files.load_prefix(prepared[0].prompts[0])
    kinds = getattr(loaded.model.config, "layer_types", None) or ["full_attention"] * 2
    assert list(snapshot.queries) == [i for i, kind in enumerate(kinds) if kind == "full_attention"]


def test_io_density_counts_rows_of_groups_and_what_choosing_reads(loaded, prepared):
    slices = next(evaluate(loaded, Length(), prepared, stack(8), 3))
    assert slices.io_density == pytest.approx(slices.density)
    exact = [*stack(8), get_masker_config("oracle_top_k")(heavy_size=5)]
    report = next(evaluate(loaded, Length(), prepared, exact, 3))
    assert report.io_density >= report.density + 0.5


def test_a_long_prefix_does_not_drown_the_answer(loaded, prepared):
    """A prefill masker that reads everything, beside a window that loses nearly everything."""
    blocks = get_masker_config("xattention")(threshold=1.0, block_size=16, stride=8)
    alone = next(evaluate(loaded, Length(), prepared, [blocks], 3))
    window = next(evaluate(loaded, Length(), prepared, [get_masker_config("local")(window_size=1)], 3))
    both = next(evaluate(loaded, Length(), prepared, [blocks, get_masker_config("local")(window_size=1)], 3))
    assert (alone.error, alone.density) == pytest.approx((0.0, 1.0), abs=1e-5)
    assert both.error == pytest.approx(window.error / 2, rel=1e-3)
    assert both.error_p95 == pytest.approx(window.error_p95 / 2, rel=1e-3)
    assert both.density == pytest.approx((1 + window.density) / 2)
    assert both.io_density == pytest.approx((alone.io_density + window.io_density) / 2)


def test_density_counts_pairs_and_not_queries():
    """Early queries have few keys, so that a mean over queries would take a window for dense."""
    tensors = (torch.randn(1, 2, 40, 8, generator=torch.Generator().manual_seed(seed)) for seed in range(3))
    result, meter = SparseAttention([get_masker_config("local")(window_size=4)])(*tensors), Meter()
    meter.observe(0, "decode", result, result.output)
    assert meter.density() == pytest.approx(result.density) == pytest.approx((4 * 40 - 6) / (41 * 20))
    assert meter.io_density() == pytest.approx(result.io_density)
