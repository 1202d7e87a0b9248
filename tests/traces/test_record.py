"""A trace is recorded once, comes back bit by bit, and belongs to exactly what it was recorded of."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from small_runs import NEW_TOKENS, STACKS, Told, counted_forwards, prepare, sink_local, traced

from sparse_hub_core.models.prompt import Prompt
from sparse_hub_core.models.snapshot import ModelFiles
from sparse_hub_core.models.stored_files import SUFFIX
from sparse_hub_core.models.tensor_store import TensorStore
from sparse_hub_core.traces.measure import measure
from sparse_hub_core.traces.plan import TracePlan
from sparse_hub_core.traces.trace import load_trace, save_trace, trace_key

ALONE = TracePlan((1, 3), False, 0, 0)
"""Some layers, whose traces hold their own prefix."""


def same(one, other):
    """Return whether two values hold the same numbers."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if dataclasses.is_dataclass(one):
        return all(same(getattr(one, f.name), getattr(other, f.name)) for f in dataclasses.fields(one))
    return one == other


@pytest.mark.parametrize("plan", [None, TracePlan((1,), False, 0, 0)], ids=["whole", "one layer, its own prefix"])
def test_a_trace_survives_the_disk_bit_by_bit(loaded, tmp_path, plan):
    prepared = prepare(loaded)
    recorded = traced(loaded, tmp_path, plan=plan).trace(prepared, 0)
    read = traced(loaded, tmp_path, plan=plan).trace(prepared, 0)
    assert same(recorded, read)
    assert read.layers[min(read.layers)].keys.data_ptr() != recorded.layers[min(read.layers)].keys.data_ptr()


def test_learned_sinks_survive_the_disk(llama, tmp_path):
    run, prepared = traced(llama, tmp_path), prepare(llama)
    trace = run.trace(prepared, 0)
    layer = trace.layers[0]
    sinks = dataclasses.replace(layer.scoring, sink_logits=torch.arange(4.0))
    with_sinks = dataclasses.replace(trace, layers={0: dataclasses.replace(layer, scoring=sinks)})
    assert save_trace(run.files, "sinks", with_sinks, with_prefix=True)
    assert same(load_trace(run.files, "sinks", prepared.prompts[0]).layers[0].scoring, sinks)


def test_nothing_is_recorded_twice_on_a_machine(loaded, tmp_path):
    prepared = prepare(loaded, (" Why?", " Who?"))
    with counted_forwards(loaded) as forwards:
        for _ in range(2):
            run = traced(loaded, tmp_path)
            for fidelity in ("F0", "F1"):
                for name in ("sink_local", "quest"):
                    measure(run, Told(), prepared, STACKS[name], fidelity)
    prefix, *questions = len(prepared.prompts[0].prefix), *(len(prompt.suffix) for prompt in prepared.prompts)
    answers = [1] * (NEW_TOKENS - 1)
    assert forwards == [prefix, questions[0], *answers, questions[1], *answers]


def test_f2_is_one_forward_and_f3_none_of_the_prefix(loaded, tmp_path):
    run, prepared = traced(loaded, tmp_path), prepare(loaded)
    run.trace(prepared, 0)
    suffix = len(prepared.prompts[0].suffix)
    with counted_forwards(loaded) as forwards:
        measure(run, Told(), prepared, sink_local(), "F2")
        assert forwards == [suffix + NEW_TOKENS - 1]
        measure(run, Told(), prepared, sink_local(), "F3")
        assert forwards[1:] == [suffix] + [1] * (NEW_TOKENS - 1)


def test_the_answer_is_no_longer_than_its_question_allows(loaded, tmp_path):
    prepared = prepare(loaded, limit=3)
    assert len(traced(loaded, tmp_path).trace(prepared, 0).tokens) == 3


PROMPT = Prompt((5, 6, 7), (8, 9))


@pytest.mark.parametrize(
    ("model_key", "prompt", "limit", "layers"),
    [
        ("other", PROMPT, 6, (0, 1)),
        ("m", Prompt((5, 6, 8), (8, 9)), 6, (0, 1)),
        ("m", Prompt((5, 6, 7), (8, 8)), 6, (0, 1)),
        ("m", Prompt((5, 6), (7, 8, 9)), 6, (0, 1)),
        ("m", PROMPT, 7, (0, 1)),
        ("m", PROMPT, 6, (0,)),
    ],
)
def test_another_model_prompt_limit_or_layer_has_another_trace(tmp_path, model_key, prompt, limit, layers):
    store = TensorStore(tmp_path)
    one = trace_key(ModelFiles(store, "m"), PROMPT, 6, (0, 1))
    assert one == trace_key(ModelFiles(store, "m", {"task": "another"}), PROMPT, 6, (0, 1))
    assert one != trace_key(ModelFiles(store, model_key), prompt, limit, layers)


def ruin(path, how):
    content = path.read_bytes()
    path.write_bytes({"empty": b"", "cut off": content[:-20], "no safetensors": b"x" * 500}[how])


@pytest.mark.parametrize("plan", [None, ALONE], ids=["whole", "its own prefix"])
@pytest.mark.parametrize("how", ["empty", "cut off", "no safetensors"])
def test_damaged_files_are_made_again(llama, tmp_path, how, plan):
    prepared = prepare(llama)
    recorded = traced(llama, tmp_path, plan=plan).trace(prepared, 0)
    files = list(tmp_path.glob(f"*{SUFFIX}"))
    assert len(files) == (2 if plan is None else 1)
    for path in files:
        ruin(path, how)
    with counted_forwards(llama) as forwards:
        assert same(traced(llama, tmp_path, plan=plan).trace(prepared, 0), recorded)
        assert len(forwards) == 1 + NEW_TOKENS
        assert same(traced(llama, tmp_path, plan=plan).trace(prepared, 0), recorded)
        assert len(forwards) == 1 + NEW_TOKENS


@pytest.mark.parametrize("kind", ["prefix", "trace"])
def test_what_was_deleted_is_made_again(llama, tmp_path, kind):
    prepared = prepare(llama)
    recorded = traced(llama, tmp_path).trace(prepared, 0)
    for path in tmp_path.glob(f"*{SUFFIX}"):
        if ("-trace-" in path.name) == (kind == "trace"):
            path.unlink()
    assert same(traced(llama, tmp_path).trace(prepared, 0), recorded)
    assert len(list(tmp_path.glob(f"*{SUFFIX}"))) == 2
