"""Decoding from a restored snapshot is exactly what the model itself does."""

from __future__ import annotations

import pytest
import torch

from sparse_hub_core import SparseAttention, get_masker_config
from sparse_hub_core.attention.attachment import Attachment
from sparse_hub_core.models.decoding import generate, prefill
from sparse_hub_core.models.prompt import Prompt
from sparse_hub_core.models.snapshot import ModelFiles
from sparse_hub_core.models.tensor_store import TensorStore

PREFIX, SUFFIX, NEW = tuple(range(20, 70)), tuple(range(90, 97)), 9


def expected(loaded):
    """Greedy decoding by the untouched model, without any cache."""
    ids = torch.tensor([[*PREFIX, *SUFFIX]])
    with torch.inference_mode():
        for _ in range(NEW):
            ids = torch.cat([ids, loaded.model(ids, use_cache=False).logits[:, -1:].argmax(-1)], 1)
    return tuple(ids[0, -NEW:].tolist())


def sparse(size):
    return SparseAttention([get_masker_config("sink")(sink_size=size)])


@pytest.mark.parametrize("attention", [None, 1.0], ids=["dense", "sparse that reads all"])
def test_a_restored_prefix_decodes_as_the_model_does(loaded, attention):
    snapshot = prefill(loaded, PREFIX)
    for _ in range(2):
        attachment = Attachment(attention and sparse(attention), len(PREFIX), unpadded=True)
        said = generate(loaded, snapshot, Prompt(PREFIX, SUFFIX), NEW, attachment)
        assert said.tokens == expected(loaded)


def test_a_snapshot_is_not_changed_by_decoding_from_it(loaded):
    snapshot = prefill(loaded, PREFIX)
    before = [(keys.clone(), values.clone()) for keys, values in snapshot.layers]
    generate(loaded, snapshot, Prompt(PREFIX, SUFFIX), NEW, Attachment(sparse(2), len(PREFIX), unpadded=True))
    for (keys, values), (old_keys, old_values) in zip(snapshot.layers, before, strict=True):
        assert torch.equal(keys, old_keys)
        assert torch.equal(values, old_values)


def test_a_snapshot_survives_the_disk(loaded, tmp_path):
    snapshot, prompt = prefill(loaded, PREFIX), Prompt(PREFIX, SUFFIX)
    assert ModelFiles(TensorStore(tmp_path), "m").save_prefix(prompt, snapshot)
    found = ModelFiles(TensorStore(tmp_path), "m").load_prefix(prompt)
    assert found.length == snapshot.length
    for pair, old in zip(found.layers, snapshot.layers, strict=True):
        assert all(torch.equal(tensor, other) for tensor, other in zip(pair, old, strict=True))
    assert ModelFiles(TensorStore(tmp_path), "another model").load_prefix(prompt) is None


def test_generation_ends_at_an_end_token(loaded):
    stop = expected(loaded)[2]
    loaded.model.generation_config.eos_token_id = [stop]
    try:
        attachment = Attachment(None, len(PREFIX), unpadded=True)
        said = generate(loaded, prefill(loaded, PREFIX), Prompt(PREFIX, SUFFIX), NEW, attachment)
    finally:
        loaded.model.generation_config.eos_token_id = None
    assert said.tokens[-1] == stop
    assert len(said.tokens) <= 3
