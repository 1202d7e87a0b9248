"""Exact top-p: the smallest set; what agrees with the reference is in tests/attention/test_golden_maskers.py."""

from __future__ import annotations

import pytest
import torch

from sparse_hub_core import SparseAttention, get_masker_config

Sink, TopP = get_masker_config("sink"), get_masker_config("oracle_top_p")


def draw(seed: int, num_queries: int = 5, num_keys: int = 50) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = ((4, num_queries), (2, num_keys), (2, num_keys))
    queries, keys, values = (torch.randn(1, *shape, 8, generator=generator) for shape in shapes)
    return 2 * queries, keys, values


@pytest.mark.parametrize("sinks", [0, 3])
@pytest.mark.parametrize("top_p", [0.1, 0.5, 0.9, 0.999])
def test_the_smallest_set_of_unread_keys_that_holds_the_share(top_p: float, sinks: int) -> None:
    queries, keys, values = draw(0)
    stack = [TopP(top_p=top_p)] if not sinks else [Sink(sink_size=sinks), TopP(top_p=top_p)]
    read = SparseAttention(stack)(queries, keys, values).mask.to_dense() > 0
    for head in range(4):
        for row in range(5):
            legal = 50 - 5 + row + 1
            logits = (keys[0, head // 2, sinks:legal].double() @ queries[0, head, row].double()) / 8**0.5
            weights = torch.softmax(logits, 0)
            order = weights.argsort(descending=True)
            wanted = int((weights[order].cumsum(0) < top_p).sum()) + 1
            expected = {*range(sinks), *(int(key) + sinks for key in order[:wanted])}
            assert set(read[0, head, row].nonzero().flatten().tolist()) == expected


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_whole_share_is_every_legal_key(dtype: torch.dtype) -> None:
    queries, keys, values = (tensor.to(dtype) for tensor in draw(1, 20, 20))
    assert SparseAttention([TopP(top_p=1.0)])(queries * 30, keys, values).density == 1.0


def test_a_soft_cap_flattens_what_is_needed() -> None:
    queries, keys, values = draw(2, 1, 400)
    plain = SparseAttention([TopP(top_p=0.9)])(queries * 4, keys, values)
    capped = SparseAttention([TopP(top_p=0.9)])(queries * 4, keys, values, softcap=1.0)
    assert capped.density > 1.5 * plain.density
