"""Blocks alone, read by fused calls, against attention written down naively and against the general path."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from naive_attention import HEADS, TOLERANCE, Tensors, naive_attention, random_tensors

from sparse_hub_core.attention import block_attention
from sparse_hub_core.attention.engine import Scoring, sparse_attention
from sparse_hub_core.attention.mask import Mask

SCALING = 0.3


def any_blocks(tensors: Tensors, size: int, share: float = 0.4) -> Mask:
    """Choose blocks at random, also of the future, and for some rows none."""
    batch, heads = tensors.queries.shape[:2]
    generator = torch.Generator().manual_seed(size)
    shape = (batch, heads, -(-tensors.num_queries // size), -(-tensors.num_keys // size))
    return Mask.empty(tensors.queries, tensors.keys).with_blocks(size, torch.rand(shape, generator=generator) < share)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("heads", HEADS)
@pytest.mark.parametrize(
    ("num_queries", "num_keys", "size"), [(33, 33, 4), (1, 1, 4), (16, 33, 4), (13, 40, 8), (9, 9, 1)]
)
def test_blocks_alone_are_naive_attention(
    num_queries: int, num_keys: int, size: int, heads: tuple[int, int], dtype: torch.dtype
) -> None:
    tensors = random_tensors(num_queries, heads, num_queries, num_keys, batch=2, dtype=dtype)
    mask = any_blocks(tensors, size)
    output, count = sparse_attention(*vars(tensors).values(), mask, Scoring(SCALING))
    probabilities = mask.to_dense()
    expected = naive_attention(tensors, probabilities, SCALING)
    assert output.dtype == dtype
    torch.testing.assert_close(output.double(), expected, atol=TOLERANCE[dtype], rtol=TOLERANCE[dtype])
    assert torch.equal(count, (probabilities > 0).sum(-1))


def test_fused_calls_are_made_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    tensors = random_tensors(3, (4, 2), 40, 40, batch=2)
    mask = any_blocks(tensors, 4)
    whole = sparse_attention(*vars(tensors).values(), mask, Scoring(SCALING))
    monkeypatch.setattr(block_attention, "GATHERED_ELEMENTS", 1)
    for one, other in zip(sparse_attention(*vars(tensors).values(), mask, Scoring(SCALING)), whole, strict=True):
        torch.testing.assert_close(one, other)


def test_a_cache_with_room_and_values_of_another_width_are_read() -> None:
    tensors = random_tensors(4, (4, 2), 20, 20)
    roomy = torch.randn(1, 2, 50, 12, generator=torch.Generator().manual_seed(0))
    tensors = replace(tensors, values=roomy[:, :, :20])
    mask = any_blocks(tensors, 4)
    output = sparse_attention(*vars(tensors).values(), mask, Scoring(SCALING))[0]
    torch.testing.assert_close(
        output.double(), naive_attention(tensors, mask.to_dense(), SCALING), atol=1e-5, rtol=1e-5
    )


@pytest.mark.parametrize("beside", ["prefix", "window", "keys"])
def test_blocks_beside_other_keys_take_the_general_path(beside: str) -> None:
    tensors = random_tensors(5, (4, 2), 20, 30)
    mask = any_blocks(tensors, 4)
    if beside == "keys":
        mask = mask.with_keys(torch.tensor([3]).expand(1, 2, 20, 1))
    else:
        mask = mask.with_prefix(2) if beside == "prefix" else mask.with_window(2)
    output = sparse_attention(*vars(tensors).values(), mask, Scoring(SCALING))[0]
    torch.testing.assert_close(
        output.double(), naive_attention(tensors, mask.to_dense(), SCALING), atol=1e-5, rtol=1e-5
    )


@pytest.mark.parametrize("heads", HEADS)
def test_rows_read_are_the_union_over_a_group(heads: tuple[int, int]) -> None:
    tensors = random_tensors(6, heads, 21, 30, batch=2)
    for mask in (any_blocks(tensors, 4), any_blocks(tensors, 4).with_prefix(2).with_window(3)):
        read = (mask.to_dense() > 0).unflatten(1, (heads[1], -1)).any(2)
        assert torch.equal(mask.rows_read(), read.sum(-1))
