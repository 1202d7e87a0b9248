"""Twilight: it only leaves out, as much as the share allows."""

from __future__ import annotations

import pytest
import torch

from sparse_hub_core import MaskerConfig, SparseAttention, get_masker_config

Sink, Local, TopK = (get_masker_config(name) for name in ("sink", "local", "oracle_top_k"))
Quest, Twilight = get_masker_config("quest"), get_masker_config("twilight")
SELECTORS = {"top-k": TopK(heavy_size=0.5), "pages": Quest(heavy_size=0.5, page_size=4)}


def draw(seed: int, num_queries: int = 3, num_keys: int = 80) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = ((4, num_queries), (2, num_keys), (2, num_keys))
    queries, keys, values = (torch.randn(1, *shape, 16, generator=generator) for shape in shapes)
    return 2 * queries, keys, values


def masks(stack: list[MaskerConfig], tensors: tuple[torch.Tensor, ...]) -> torch.Tensor:
    return SparseAttention(stack)(*tensors).mask.to_dense() > 0


@pytest.mark.parametrize("selector", SELECTORS)
@pytest.mark.parametrize("top_p", [0.3, 0.7, 0.95])
def test_it_keeps_the_smallest_set_that_holds_the_share(selector: str, top_p: float) -> None:
    """With keys of 8 bits the estimate is near enough to exact weights to be compared with them."""
    tensors, stack = draw(0), [Sink(sink_size=2), Local(window_size=3), SELECTORS[selector]]
    slices, before = masks(stack[:2], tensors), masks(stack, tensors)
    after = masks([*stack, Twilight(top_p=top_p, label_bits=8)], tensors)
    assert not (after & ~before).any()
    assert not (slices & ~after).any()
    logits = tensors[0] @ tensors[1].repeat_interleave(2, dim=1).transpose(-1, -2) / 4
    weights = torch.softmax(logits.masked_fill(~before, -torch.inf), dim=-1)
    held = (weights * after).sum(-1)
    assert (held > top_p - 0.02).all()
    least = weights.masked_fill(~after | slices, torch.inf).amin(-1)
    assert ((held - least.nan_to_num(posinf=0.0) < top_p + 0.02) | torch.isinf(least)).all()


def test_heads_get_budgets_of_their_own() -> None:
    tensors = draw(1, 1, 400)
    tensors[0][:, 0] *= 4
    kept = masks([TopK(heavy_size=0.5), Twilight(top_p=0.8)], tensors).sum(-1)[0, :, 0]
    assert kept[0] < kept[1:].min()


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_fewer_bits_estimate_less_exactly(bits: int) -> None:
    tensors, stack = draw(2), [TopK(heavy_size=1.0)]
    kept = SparseAttention([*stack, Twilight(top_p=0.9, label_bits=bits)])(*tensors)
    dense = SparseAttention(stack)(*tensors).output
    error = (kept.output - dense).norm() / dense.norm()
    assert error < {2: 0.5, 4: 0.25, 8: 0.2}[bits]


def test_without_a_selector_there_is_nothing_to_leave_out() -> None:
    tensors = draw(3)
    assert torch.equal(masks([Sink(sink_size=4), Twilight(top_p=0.1)], tensors), masks([Sink(sink_size=4)], tensors))
