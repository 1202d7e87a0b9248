"""Layers that stay on the device are copied once, within a limit, and change nothing."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from small_runs import STACKS, Told, prepare, traced

from sparse_hub_core.traces import on_device
from sparse_hub_core.traces.measure import measure
from sparse_hub_core.traces.on_device import KeptLayers, to_device

CPU = torch.device("cpu")


@pytest.fixture
def copied(monkeypatch):
    """The layers that were copied, in order."""
    indices = []

    def counting(trace, index, device):
        indices.append(index)
        return to_device(trace, index, device)

    monkeypatch.setattr(on_device, "to_device", counting)
    return indices


def layer_bytes(run, prepared):
    trace = run.trace(prepared, 0)
    return to_device(trace, next(iter(trace.layers)), CPU).num_bytes


@pytest.mark.parametrize("name", STACKS)
@pytest.mark.parametrize("fidelity", ["F0", "F1"])
def test_what_is_kept_changes_no_measure(loaded, tmp_path, name, fidelity):
    run, prepared = traced(loaded, tmp_path), prepare(loaded, (" Why?", " When?"))
    keeping = dataclasses.replace(run, kept=KeptLayers(1 << 30))
    expected = measure(run, Told(), prepared, STACKS[name], fidelity, 2)
    assert [measure(keeping, Told(), prepared, STACKS[name], fidelity, 2) for _ in range(2)] == [expected] * 2
    assert not run.kept.layers


@pytest.mark.parametrize("room", [0, 1, 2, 100])
def test_so_many_layers_stay_as_fit_and_the_others_are_copied_once_for_all_seeds(loaded, tmp_path, copied, room):
    run, prepared = traced(loaded, tmp_path), prepare(loaded)
    kept = KeptLayers(room * layer_bytes(run, prepared))
    keeping = dataclasses.replace(run, kept=kept)
    num_layers = len(run.trace(prepared, 0).layers)
    for _ in range(3):
        measure(keeping, Told(), prepared, STACKS["random"], "F1", 3)
    fitting = min(room, num_layers)
    assert len(kept.layers) == fitting
    assert kept.num_bytes == sum(layer.num_bytes for layer in kept.layers.values()) <= kept.max_bytes
    assert len(copied) == fitting + 3 * (num_layers - fitting)


def test_traces_of_different_questions_are_told_apart(loaded, tmp_path):
    run, prepared = traced(loaded, tmp_path), prepare(loaded, (" Why?", " When was it?"))
    kept = KeptLayers(1 << 30)
    for question in (0, 1, 0):
        trace = run.trace(prepared, question)
        layer = min(trace.layers)
        found = kept.layer(trace, f"r/{question}", layer, CPU)
        assert torch.equal(found.keys, to_device(trace, layer, CPU).keys)


def test_who_gives_way_keeps_nothing_any_more(loaded, tmp_path):
    run, prepared = traced(loaded, tmp_path), prepare(loaded)
    trace = run.trace(prepared, 0)
    layer = min(trace.layers)
    assert not KeptLayers(1 << 30).give_way()
    kept = KeptLayers(1 << 30)
    kept.layer(trace, "r/0", layer, CPU)
    assert kept.give_way()
    kept.layer(trace, "r/0", layer, CPU)
    assert (kept.layers, kept.num_bytes) == ({}, 0)


def test_a_cpu_keeps_nothing():
    assert KeptLayers.beside(CPU, 1.0).max_bytes == 0
