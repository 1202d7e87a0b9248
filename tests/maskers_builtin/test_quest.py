"""Quest: pages by their bounds, kept up key by key."""

from __future__ import annotations

import itertools

import pytest
import torch

from sparse_hub_core import GrowingTensor, Layer, SparseAttention, get_masker_config

Quest, TopK = get_masker_config("quest"), get_masker_config("oracle_top_k")


def draw(seed: int, num_queries: int, num_keys: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = ((4, num_queries), (2, num_keys), (2, num_keys))
    queries, keys, values = (torch.randn(1, *shape, 8, generator=generator) for shape in shapes)
    return queries, keys, values


def naive_pages(queries: torch.Tensor, keys: torch.Tensor, size: int, wanted: int) -> torch.Tensor:
    num_queries, num_keys = queries.shape[2], keys.shape[2]
    read = torch.zeros(1, 4, num_queries, num_keys, dtype=torch.bool)
    for head, row in itertools.product(range(4), range(num_queries)):
        seen = keys[0, head // 2, : num_keys - num_queries + row + 1]
        pages = seen.split(size)
        query = queries[0, head, row]
        bounds = [torch.maximum(query * page.amin(0), query * page.amax(0)).sum() for page in pages]
        for page in torch.stack(bounds).topk(min(wanted, len(pages))).indices.tolist():
            read[0, head, row, page * size : min((page + 1) * size, len(seen))] = True
    return read


@pytest.mark.parametrize("size", [1, 4, 7, 16])
@pytest.mark.parametrize("lengths", [(1, 1), (1, 16), (1, 33), (9, 40), (23, 23)])
def test_the_pages_of_the_highest_bounds_are_read(size: int, lengths: tuple[int, int]) -> None:
    queries, keys, values = draw(0, *lengths)
    config = Quest(heavy_size=12, page_size=size, min_pages=2)
    result = SparseAttention([config])(queries, keys, values)
    wanted = -(-lengths[1] // size) if lengths[1] <= 12 else max(2, 12 // size)
    assert torch.equal(result.mask.to_dense() > 0, naive_pages(queries, keys, size, wanted))
    assert int(result.num_read.max()) <= config.max_keys(lengths[1])


@pytest.mark.parametrize("chunks", [[1] * 25, [25], [3, 16, 6]])
def test_appended_keys_change_the_last_page_alone(chunks: list[int]) -> None:
    keys = draw(1, 1, 75)[1]
    masker, layer = Quest(page_size=8).create_masker(), Layer(0, keys[:, :, :50], keys[:, :, :50], 1.0)
    masker.on_prefill(layer)
    length = 50
    for chunk in chunks:
        full = length // 8
        old = layer.state["minima"].tensor[:, :, :full].clone()
        layer.keys = keys[:, :, : length + chunk]
        masker.on_append(layer, length)
        assert torch.equal(layer.state["minima"].tensor[:, :, :full], old)
        length += chunk
    for name, extreme in (("minima", torch.amin), ("maxima", torch.amax)):
        expected = torch.stack([extreme(page, 2) for page in keys.split(8, dim=2)], dim=2)
        kept = layer.state[name]
        assert isinstance(kept, GrowingTensor)
        assert torch.equal(kept.tensor, expected)


def test_coarser_bounds_find_less_of_the_attention() -> None:
    queries, keys, values = draw(2, 1, 512)
    queries = queries * 4
    exact = SparseAttention([TopK(heavy_size=20)])(queries, keys, values).mask.to_dense() > 0
    recalls = []
    for bits in (1, 2, 4, 16):
        chosen = SparseAttention([Quest(heavy_size=96, page_size=4, label_bits=bits)])(queries, keys, values).mask
        recalls.append(((chosen.to_dense() > 0) & exact).sum() / exact.sum())
    assert recalls[0] < min(recalls[2:])
    assert recalls[3] > 2 * 96 / 512


@pytest.mark.parametrize(("num_keys", "feasible"), [(48, False), (49, True), (8192, True)])
def test_three_pages_that_are_the_whole_context_are_infeasible(num_keys: int, feasible: bool) -> None:
    reason = Quest(heavy_size=0.1, page_size=16).infeasible_because(num_keys)
    assert (reason is None) == feasible
    assert feasible or "at least 3 pages of 16" in str(reason)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("seed", range(3))
def test_a_chunk_chooses_the_pages_of_single_steps(dtype: torch.dtype, seed: int) -> None:
    queries, keys, values = (tensor.to(dtype) for tensor in draw(seed, 30, 230))
    config = Quest(heavy_size=32, page_size=8)
    whole, steps = SparseAttention([config])(queries, keys, values).mask.to_dense(), SparseAttention([config])
    for row in range(30):
        end = 200 + row + 1
        step = steps(queries[:, :, row : row + 1], keys[:, :, :end], values[:, :, :end])
        assert torch.equal(step.mask.to_dense(), whole[:, :, row : row + 1, :end])


@pytest.mark.parametrize(("bits", "declared"), [(16, 256.0), (4, 68.0)])
def test_rounded_bounds_count_their_scales(bits: int, declared: float) -> None:
    assert Quest(label_bits=bits).index_bits_per_key(128) == declared
