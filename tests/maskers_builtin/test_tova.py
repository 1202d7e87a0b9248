"""TOVA: one set per layer, from which each query evicts the key that all heads together attend to least."""

from __future__ import annotations

import pytest
import torch
from stateful_maskers import Sequence, draw, read, watch

from sparse_hub_core import MaskerConfig, SparseAttention, get_masker_config, resolve_size

Tova = get_masker_config("tova")


def mean_weights(sequence: Sequence, row: int, queries: torch.Tensor, live: list[int]) -> dict[int, float]:
    """The weights ``(Hq, d)`` queries give to live keys, averaged over heads."""
    group = queries.shape[0] // sequence.keys.shape[1]
    total = torch.zeros(len(live), dtype=torch.float64)
    for head, query in enumerate(queries.double()):
        total += torch.softmax(sequence.keys[row, head // group, live].double() @ query * sequence.scaling, 0)
    return dict(zip(live, (total / queries.shape[0]).tolist(), strict=True))


def naive_rows(config: MaskerConfig, sequence: Sequence, row: int) -> list[set[int]]:
    length, observed = sequence.prefix_length, sequence.prefix_queries
    reads: list[set[int]] = []
    live: list[int] = list(range(length + (observed is None)))
    judges = [sequence.queries[row, :, 0]] if observed is None else [observed[row, :, -1]]
    judges += list(sequence.queries[row].unbind(1)[observed is None :])
    for step, queries in enumerate(judges):
        if step:
            live.append(length + step - (observed is not None))
            reads.append(set(live))
        weights = mean_weights(sequence, row, queries, live)
        num_keys = live[-1] + 1
        while len(live) > resolve_size(config.cache_size, num_keys):
            live.remove(min(live[:-1], key=weights.__getitem__))
        if not step and observed is None:
            reads.append(set(live))
    return reads


def naive(config: MaskerConfig, sequence: Sequence) -> torch.Tensor:
    batch, heads, num_queries, _ = sequence.queries.shape
    rows = torch.zeros(batch, heads, num_queries, sequence.keys.shape[2], dtype=torch.bool)
    for row in range(batch):
        for index, keys in enumerate(naive_rows(config, sequence, row)):
            rows[row, :, index, sorted(keys)] = True
    return rows


@pytest.mark.parametrize("size", [1, 2, 9, 0.05, 0.4])
@pytest.mark.parametrize("observed", [0, 1, 12])
@pytest.mark.parametrize("lengths", [(30, 20), (12, 40), (3, 5)])
def test_the_least_attended_key_leaves(size: float, observed: int, lengths: tuple[int, int]) -> None:
    sequence = draw(1, *lengths, observed=min(observed, lengths[0]), batch=2)
    config = Tova(cache_size=size)
    expected = naive(config, sequence)
    for chunks in ([lengths[1]], [1] * lengths[1], [2, lengths[1] - 2]):
        assert torch.equal(read(config, sequence, chunks), expected)
    assert int(expected.sum(-1).max()) <= config.max_keys(sum(lengths))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("heads", [(6, 3), (4, 1), (3, 3)])
def test_a_long_chunk_is_many_steps_and_nothing_comes_back(dtype: torch.dtype, heads: tuple[int, int]) -> None:
    sequence = draw(2, 50, 100, observed=8, dtype=dtype, heads=heads)
    config = Tova(cache_size=11)
    rows = read(config, sequence, [100])
    assert torch.equal(rows, read(config, sequence, [1] * 100))
    assert (rows.sum(-1) == 12).all()
    assert (rows == rows[:, :1]).all()
    for key in range(150):
        assert (rows[0, 0, max(0, key - 50) :, key].int().diff() <= 0).all()
    assert all(rows[0, 0, index, 50 + index] for index in range(100))


def test_a_share_of_one_is_dense() -> None:
    sequence = draw(4, 20, 10)
    keys = sequence.keys
    assert SparseAttention([Tova(cache_size=1.0)])(sequence.queries, keys, keys).density == 1.0


def test_keys_that_become_forbidden_are_evicted_first() -> None:
    sequence, config = draw(6, 30, 8), Tova(cache_size=9)
    tensors = sequence.queries, sequence.keys, sequence.keys
    allowed = torch.ones(1, 1, 8, 38, dtype=torch.bool)
    allowed[..., 3:24] = False
    first = SparseAttention([config])(*tensors, attention_mask=allowed)
    assert (first.num_read[..., 0] == 9).all()
    assert (first.num_read[..., 1:] == 10).all()
    best = (sequence.queries[0, :, :1] @ sequence.keys[0].repeat_interleave(2, 0).mT).softmax(-1).mean((0, 1))
    live = first.mask.to_dense()[0, 0, 0, :30].nonzero().flatten()
    allowed[0, 0, 1:, live[best[live].argsort(descending=True)[:3]]] = False
    later = SparseAttention([config])(*tensors, attention_mask=allowed)
    # One of the three leaves with each query, though the first query liked them best.
    assert later.num_read[0, 0].tolist() == [9, 7, 8, 9, 10, 10, 10, 10]


def test_on_a_model_the_prefix_is_cut_by_its_last_query() -> None:
    config = Tova(cache_size=24)
    for seen in watch(config).values():
        sequence = seen.sequence()
        assert sequence.prefix_queries is not None
        assert torch.equal(seen.read(), naive(config, sequence))


@pytest.mark.parametrize(("size", "feasible"), [(19, True), (20, False), (1.0, False), (0.5, True)])
def test_a_budget_of_the_whole_context_is_infeasible(size: float, feasible: bool) -> None:
    reason = Tova(cache_size=size).infeasible_because(20)
    assert (reason is None) == feasible
    assert feasible or reason == f"cache_size {size} covers the whole context of 20 tokens"
