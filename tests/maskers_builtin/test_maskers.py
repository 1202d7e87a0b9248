"""The built-in maskers: exactly the keys they promise, whatever the rest of the batch or the stack."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sparse_hub_core import MaskerConfig, SparseAttention, get_masker_config

Sink, Local = get_masker_config("sink"), get_masker_config("local")
OracleTopK = get_masker_config("oracle_top_k")

Tensors = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
STACKS: dict[str, list[MaskerConfig]] = {
    "sink": [Sink(sink_size=3)],
    "local": [Local(window_size=4)],
    "top_k": [OracleTopK(heavy_size=5)],
    "all": [Sink(sink_size=3), Local(window_size=4), OracleTopK(heavy_size=5)],
    "backwards": [OracleTopK(heavy_size=5), Local(window_size=4), Sink(sink_size=3)],
    "top_k_twice": [OracleTopK(heavy_size=2), OracleTopK(heavy_size=3)],
}


def draw(seed: int, num_queries: int, num_keys: int, batch: int = 1, heads: tuple[int, int] = (4, 2)) -> Tensors:
    generator = torch.Generator().manual_seed(seed)
    shapes = ((heads[0], num_queries), (heads[1], num_keys), (heads[1], num_keys))
    queries, keys, values = (torch.randn(batch, *shape, 8, generator=generator) for shape in shapes)
    return queries, keys, values


def read(stack: list[MaskerConfig], tensors: Tensors) -> torch.Tensor:
    return SparseAttention(stack)(*tensors).mask.to_dense() > 0


def naive_rows(stack: list[MaskerConfig], queries: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
    """Query by query, with sets."""
    batch, heads, num_queries, _ = queries.shape
    num_keys, group = keys.shape[2], heads // keys.shape[1]
    dense = torch.zeros(batch, heads, num_queries, num_keys, dtype=torch.bool)
    for b, h, i in itertools.product(range(batch), range(heads), range(num_queries)):
        position = num_keys - num_queries + i
        scores = (keys[b, h // group] @ queries[b, h, i]).tolist()
        chosen: set[int] = set()
        for config in stack:
            if isinstance(config, Sink):
                chosen |= set(range(config.sink_size))
            elif isinstance(config, Local):
                chosen |= set(range(position - config.window_size + 1, position + 1))
            else:
                left = sorted(set(range(position + 1)) - chosen, key=scores.__getitem__, reverse=True)
                chosen |= set(left[: config.heavy_size])
        dense[b, h, i, [key for key in chosen if 0 <= key <= position]] = True
    return dense


@pytest.mark.parametrize("stack", STACKS)
@given(
    st.integers(0, 1000),
    st.sampled_from([(1, 1), (1, 23), (6, 23), (23, 23), (4, 6)]),
    st.sampled_from([(4, 2), (4, 1)]),
)
@settings(max_examples=8, deadline=None, derandomize=True, database=None)
def test_each_query_reads_what_the_masker_says(
    stack: str, seed: int, lengths: tuple[int, int], heads: tuple[int, int]
) -> None:
    tensors = draw(seed, *lengths, heads=heads)
    assert torch.equal(read(STACKS[stack], tensors), naive_rows(STACKS[stack], *tensors[:2]))


@pytest.mark.parametrize("stack", STACKS)
def test_decode_steps_equal_the_rows_of_one_call(stack: str) -> None:
    queries, keys, values = draw(1, 12, 30)
    whole = SparseAttention(STACKS[stack])(queries, keys, values)
    attention = SparseAttention(STACKS[stack])
    for i in range(12):
        length = 30 - 12 + i + 1
        step = attention(queries[:, :, i : i + 1], keys[:, :, :length], values[:, :, :length])
        torch.testing.assert_close(step.output, whole.output[:, :, i : i + 1])
        assert torch.equal(step.mask.to_dense(), whole.mask.to_dense()[:, :, i : i + 1, :length])


@pytest.mark.parametrize("stack", STACKS)
def test_a_sequence_does_not_depend_on_its_batch(stack: str) -> None:
    batch = draw(2, 5, 30, batch=3)
    together = read(STACKS[stack], batch)
    for row in range(3):
        queries, keys, values = (tensor[row : row + 1] for tensor in batch)
        assert torch.equal(together[row : row + 1], read(STACKS[stack], (queries, keys, values)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_top_k_takes_no_key_twice_and_fills_up_with_nothing(dtype: torch.dtype) -> None:
    queries, keys, values = (tensor.to(dtype) for tensor in draw(3, 9, 9))
    result = SparseAttention([Sink(sink_size=2), OracleTopK(heavy_size=5)])(queries, keys, values)
    expected = torch.minimum(torch.arange(1, 10), torch.tensor(7))
    assert torch.equal(result.num_read, expected.expand_as(result.num_read))
    tied = SparseAttention([OracleTopK(heavy_size=4)])(queries, torch.zeros_like(keys), values)
    expected = torch.minimum(torch.arange(1, 10), torch.tensor(4))
    assert torch.equal(tied.num_read, expected.expand_as(tied.num_read))


@pytest.mark.parametrize(
    ("name", "field"), [("sink", "sink_size"), ("local", "window_size"), ("oracle_top_k", "heavy_size")]
)
def test_density_grows_with_the_size_up_to_dense(name: str, field: str) -> None:
    tensors = draw(4, 7, 41)
    sizes = [0.01, 0.1, 0.3, 0.7, 1.0]
    densities = [SparseAttention([get_masker_config(name)(**{field: size})])(*tensors).density for size in sizes]
    assert densities[0] > 0
    assert all(low < high for low, high in itertools.pairwise(densities))
    assert densities[-1] == 1.0


def test_top_k_has_the_least_error_of_its_size() -> None:
    queries, keys, values = draw(5, 1, 64)
    dense = SparseAttention([Sink(sink_size=1.0)])(queries * 4, keys, values).output
    errors = [
        (SparseAttention([config])(queries * 4, keys, values).output - dense).norm().item()
        for config in (OracleTopK(heavy_size=16), Sink(sink_size=16), Local(window_size=16))
    ]
    assert errors[0] < 0.5 * min(errors[1:])
