"""A replay tells what the model would have, as long as no error propagates from layer to layer."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_runs import EVERYTHING, NEW_TOKENS, STACKS, Told, layer_alone, prepare, sink_local, traced

from sparse_hub_core import MaskerConfig, SparseAttention
from sparse_hub_core.attention.attachment import Attachment
from sparse_hub_core.attention.dense import dense_attention
from sparse_hub_core.attention.metrics import attention_error
from sparse_hub_core.attention.transformers_seam import attached
from sparse_hub_core.evaluation import Meter
from sparse_hub_core.models.decoding import generate, restored, teacher_forced
from sparse_hub_core.traces.measure import compare_logits, measure, reseeded
from sparse_hub_core.traces.plan import stratified
from sparse_hub_core.traces.record import prefix_snapshot
from sparse_hub_core.traces.replay import SUBSET_QUESTION_POSITIONS, Sample, replay, spread, subset, whole

CPU = torch.device("cpu")
LONG = " What was it that the short context said of it?"


@pytest.fixture
def run(loaded, tmp_path):
    return traced(loaded, tmp_path)


def joined(trace, layer):
    """Return the keys and values of a layer, prefix and all."""
    prefix, after = trace.prefix[layer], trace.layers[layer]
    return torch.cat([prefix.keys, after.keys], 2), torch.cat([prefix.values, after.values], 2)


def test_a_trace_holds_what_dense_attention_read_and_gave(loaded, run):
    prepared = prepare(loaded)
    trace, prompt = run.trace(prepared, 0), prepared.prompts[0]
    for layer, recorded in trace.layers.items():
        keys, values = joined(trace, layer)
        assert recorded.queries.shape[2] == len(prompt.suffix) + NEW_TOKENS - 1
        again = dense_attention(recorded.queries, keys, values, recorded.scoring, None, None)
        torch.testing.assert_close(recorded.outputs, again)


def test_a_trace_holds_the_dense_answer_and_its_logits(loaded, run):
    prepared = prepare(loaded)
    trace, prompt = run.trace(prepared, 0), prepared.prompts[0]
    attachment = Attachment(None, len(prompt.prefix), unpadded=True)
    said = generate(loaded, prefix_snapshot(loaded, prompt, None), prompt, NEW_TOKENS, attachment)
    assert trace.tokens == said.tokens
    assert trace.logits.argmax(-1).tolist() == list(said.tokens)


def by_hand(queries, keys, values, scoring, sink, window):
    """Return what each query gets of the first and the last keys that it may read."""
    group = queries.shape[1] // keys.shape[1]
    keys, values = keys.repeat_interleave(group, 1), values.repeat_interleave(group, 1)
    logits = queries @ keys.transpose(-1, -2) * scoring.scaling
    if scoring.softcap is not None:
        logits = scoring.softcap * torch.tanh(logits / scoring.softcap)
    columns = torch.arange(keys.shape[2])
    positions = columns[-queries.shape[2] :, None]
    read = (columns <= positions) & ((columns < sink) | (columns > positions - window))
    shares = logits.masked_fill(~read, -torch.inf).softmax(-1)
    return shares @ values, read.sum() / (positions + 1).sum()


def test_the_error_and_the_density_are_those_computed_by_hand(loaded, run):
    prepared = prepare(loaded)
    trace = run.trace(prepared, 0)
    errors = []
    for layer, recorded in trace.layers.items():
        output, density = by_hand(recorded.queries, *joined(trace, layer), recorded.scoring, 2, 4)
        errors.append(attention_error(output, recorded.outputs).mean())
    measured = measure(run, Told(), prepared, sink_local(), "F1")
    assert measured.error == pytest.approx(float(sum(errors) / len(errors)), rel=1e-4)
    assert measured.density == pytest.approx(float(density))


@pytest.mark.parametrize("name", STACKS)
def test_a_replayed_layer_is_the_model_with_that_layer_alone_sparse(loaded, run, name):
    prepared = prepare(loaded)
    trace, prompt = run.trace(prepared, 0), prepared.prompts[0]
    snapshot = prefix_snapshot(loaded, prompt, run.files)
    for layer in trace.layers:
        attention, meter = SparseAttention(layer_alone(STACKS[name], layer, trace.layers)), Meter()
        attachment = Attachment(attention, len(prompt.prefix), meter, unpadded=True)
        teacher_forced(loaded, snapshot, prompt.suffix, trace.tokens, attachment)
        replayed = replay(trace, SparseAttention(STACKS[name]), Sample({layer: 1.0}), CPU)
        assert 0 < replayed.mean_error == pytest.approx(meter.by_layer()[layer], rel=1e-3)


@pytest.mark.parametrize("name", STACKS)
def test_the_first_layer_is_the_same_at_f1_and_f2(loaded, run, name):
    prepared = prepare(loaded)
    trace, prompt = run.trace(prepared, 0), prepared.prompts[0]
    first, meter = min(trace.layers), Meter()
    attachment = Attachment(SparseAttention(STACKS[name]), len(prompt.prefix), meter, unpadded=True)
    teacher_forced(loaded, prefix_snapshot(loaded, prompt, None), prompt.suffix, trace.tokens, attachment)
    replayed = replay(trace, SparseAttention(STACKS[name]), Sample({first: 1.0}), CPU)
    assert replayed.mean_error == pytest.approx(meter.by_layer()[first], rel=1e-4)


@pytest.mark.parametrize("name", STACKS)
def test_density_and_io_density_are_those_of_the_model(loaded, run, name):
    """What these stacks read depends on positions, not on what earlier layers did."""
    replayed, ran = (measure(run, Told(), prepare(loaded), STACKS[name], fidelity) for fidelity in ("F1", "F2"))
    assert replayed.density == pytest.approx(ran.density, rel=1e-3)
    assert replayed.io_density == pytest.approx(ran.io_density, rel=0.05)


@pytest.mark.parametrize("fidelity", ["F0", "F1", "F2", "F3"])
def test_what_reads_everything_misses_nothing(loaded, run, fidelity):
    measured = measure(run, Told(), prepare(loaded), EVERYTHING, fidelity)
    assert measured.error < 1e-5
    assert (measured.density, measured.io_density) == (pytest.approx(1.0), pytest.approx(1.0))
    assert (measured.kl is not None) == (measured.delta_nll is not None) == (fidelity == "F2")
    assert (measured.score is not None) == (fidelity == "F3")
    if fidelity == "F2":
        assert abs(measured.kl) < 1e-6
        assert abs(measured.delta_nll) < 1e-5


def test_what_reads_little_diverges_more_than_what_reads_much(loaded, run):
    prepared = prepare(loaded)
    little, much = (measure(run, Told(), prepared, sink_local(1, window), "F2") for window in (1, 100))
    assert little.kl > much.kl > 0
    assert little.error > much.error > 0


def test_divergence_and_loss_are_the_formulas():
    dense, sparse = torch.zeros(2, 2), torch.stack([torch.zeros(2), torch.tensor([0.25, 0.75]).log()])
    divergence, loss = compare_logits(sparse, dense, (0, 0))
    assert divergence == pytest.approx(0.25 * (torch.tensor(2.0).log() + torch.tensor(2 / 3).log()).item())
    assert loss == pytest.approx(0.5 * torch.tensor(2.0).log().item())


@pytest.mark.parametrize("name", STACKS)
def test_one_teacher_forced_pass_is_as_many_single_steps(loaded, run, name):
    prepared = prepare(loaded)
    trace, prompt = run.trace(prepared, 0), prepared.prompts[0]
    snapshot, length = prefix_snapshot(loaded, prompt, None), len(prompt.prefix)
    attention = SparseAttention(STACKS[name])
    logits = teacher_forced(loaded, snapshot, prompt.suffix, trace.tokens, Attachment(attention, length, unpadded=True))
    attention.reset()
    attachment = Attachment(attention, length, unpadded=True)
    cache, stepped = restored(loaded, snapshot, attachment, 50), []
    with torch.inference_mode(), attached(loaded.model, attachment):
        for tokens in [prompt.suffix, *[(token,) for token in trace.tokens[:-1]]]:
            answer = loaded.model(torch.tensor([tokens]), past_key_values=cache, use_cache=True, logits_to_keep=1)
            stepped.append(answer.logits[0, -1])
    torch.testing.assert_close(logits, torch.stack(stepped), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", STACKS)
def test_f0_is_f1_where_a_trace_is_small(loaded, run, name):
    prepared = prepare(loaded, (" Why?", " Who?"))
    assert all(len(prompt.suffix) <= SUBSET_QUESTION_POSITIONS for prompt in prepared.prompts)
    least, all_of_it = (measure(run, Told(), prepared, STACKS[name], fidelity) for fidelity in ("F0", "F1"))
    assert least.error == pytest.approx(all_of_it.error)
    assert least.density == pytest.approx(all_of_it.density)


def test_f0_estimates_what_f1_measures(llama, tmp_path):
    run, prepared = traced(llama, tmp_path), prepare(llama, (LONG,))
    least, all_of_it = (measure(run, Told(), prepared, sink_local(), fidelity) for fidelity in ("F0", "F1"))
    assert least.error != all_of_it.error
    assert least.error == pytest.approx(all_of_it.error, rel=0.3)
    assert least.density == pytest.approx(all_of_it.density, rel=0.1)


def test_a_subset_of_layers_stands_for_all(llama, tmp_path):
    trace = traced(llama, tmp_path).trace(prepare(llama), 0)
    some, every = subset(trace, range(6)), whole(trace, range(6))
    assert set(some.layer_weights) < set(every.layer_weights)
    assert sum(some.layer_weights.values()) == pytest.approx(6)
    assert sum(every.layer_weights.values()) == 6


def test_recorded_layers_stand_for_those_that_were_left_out(llama, tmp_path):
    trace = traced(llama, tmp_path).trace(prepare(llama), 0)
    recorded = dataclasses.replace(trace, layers={layer: trace.layers[layer] for layer in (0, 1, 3, 5)})
    assert whole(recorded, range(6)).layer_weights == subset(recorded, range(6)).layer_weights
    assert whole(recorded, range(6)).layer_weights == {0: 1.0, 1: 1.0, 3: 3.0, 5: 1.0}


@pytest.mark.parametrize(("kept", "asked"), [(None, None), (40, None), (12, None), (None, 8), (40, 8), (3, None)])
def test_positions_left_out_are_stood_for_by_those_of_the_question(llama, tmp_path, kept, asked):
    prepared = prepare(llama, (LONG,))
    trace = traced(llama, tmp_path).trace(prepared, 0)
    layer, questioned, answered = 2, len(prepared.prompts[0].suffix), NEW_TOKENS - 1
    recorded = trace.layers[layer]
    if kept is not None:
        last = slice(-kept, None)
        recorded = dataclasses.replace(
            recorded, queries=recorded.queries[:, :, last], outputs=recorded.outputs[:, :, last]
        )
    cut = dataclasses.replace(trace, layers={layer: recorded})
    replayed = replay(cut, SparseAttention(sink_local()), Sample({layer: 1.0}, asked), CPU)
    whole_layer = trace.layers[layer]
    output, _ = by_hand(whole_layer.queries, *joined(trace, layer), whole_layer.scoring, 2, 4)
    errors = attention_error(output, whole_layer.outputs).mean((0, 1))
    replayed_questions = min(asked or questioned, max((kept or 1000) - answered, 0), questioned)
    if replayed_questions:
        of_question = errors[:-answered][-replayed_questions:].mean()
        expected = (of_question * questioned + errors[-answered:].sum()) / (questioned + answered)
        assert replayed.weight == pytest.approx((questioned + answered) * 4)
    else:
        expected = errors[-kept:].mean()
    assert replayed.mean_error == pytest.approx(float(expected), rel=1e-3)


def test_the_questions_of_a_request_count_by_their_positions(loaded, run):
    prepared = prepare(loaded, (" Why?", LONG))
    attention = SparseAttention(sink_local())
    traces = [run.trace(prepared, index) for index in (0, 1)]
    first, second = (replay(trace, attention, whole(trace, range(4)), CPU) for trace in traces)
    measured = measure(run, Told(), prepared, sink_local(), "F1")
    expected = (first.error + second.error) / (first.weight + second.weight)
    assert first.mean_error != pytest.approx(second.mean_error)
    assert measured.error == pytest.approx(expected)


@pytest.mark.parametrize("fidelity", ["F0", "F1", "F2", "F3"])
def test_what_draws_keys_is_averaged_over_seeds(loaded, run, fidelity):
    prepared, stack = prepare(loaded), STACKS["random"]
    alone = [measure(run, Told(), prepared, reseeded(stack, offset), fidelity) for offset in range(3)]
    assert len({one.error for one in alone}) == 3
    together = measure(run, Told(), prepared, stack, fidelity, num_seeds=3)
    assert together.error == pytest.approx(sum(one.error for one in alone) / 3)
    assert together.density == pytest.approx(sum(one.density for one in alone) / 3)


@dataclass(frozen=True)
class Drawing(MaskerConfig):
    samples: ClassVar[bool] = True
    seed: int | None = None

    def create_masker(self):
        raise AssertionError("nothing runs here")


@pytest.mark.parametrize(("seed", "seeds"), [(None, [None, 1, 2]), (7, [7, 8, 9])])
def test_the_first_seed_is_the_one_that_was_set(seed, seeds):
    assert [reseeded([Drawing(seed)], offset)[0].seed for offset in range(3)] == seeds


def test_what_draws_no_keys_runs_once(loaded, run):
    once = measure(run, Told(), prepare(loaded), sink_local(), "F1")
    assert reseeded(sink_local(), 2) == sink_local()
    assert measure(run, Told(), prepare(loaded), sink_local(), "F1", num_seeds=3) == once


@given(st.integers(1, 100), st.integers(1, 100))
def test_a_stratified_choice_has_both_ends_and_no_layer_twice(num_layers, count):
    layers = range(10, 10 + num_layers)
    chosen = stratified(layers, count)
    assert list(chosen) == sorted(set(chosen))
    assert len(chosen) == min(count, num_layers)
    assert set(chosen) <= set(layers)
    ends = [*layers[:2], layers[-1]]
    assert set(ends[:count]) <= set(chosen)


@given(st.integers(1, 50), st.integers(1, 50))
def test_spread_items_are_distinct_and_ordered(num_items, count):
    chosen = spread(range(num_items), count)
    assert chosen == sorted(set(chosen))
    assert len(chosen) == min(count, num_items)


def test_a_token_that_both_rule_out_has_no_part_in_the_divergence() -> None:
    dense = torch.tensor([[0.0, 1.0, -torch.inf]])
    sparse = torch.tensor([[1.0, 0.0, -torch.inf]])
    divergence, loss = compare_logits(sparse, dense, [1])
    assert divergence == pytest.approx(float(torch.tensor([1.0, 0.0]).log_softmax(0).exp()[0] * 2 - 1), abs=1e-5)
    assert loss > 0
