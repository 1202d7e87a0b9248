"""The engine and its masks: what holds for every shape, dtype and mask."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from naive_attention import HEADS, TOLERANCE, Tensors, any_tensors, examples, naive_attention, random_tensors
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from sparse_hub_core import SparseAttention, UsageError, get_masker_config
from sparse_hub_core.attention.dense import dense_attention
from sparse_hub_core.attention.engine import Scoring, sparse_attention
from sparse_hub_core.attention.mask import Mask
from sparse_hub_core.attention.metrics import attention_error, density

Sink, Local = get_masker_config("sink"), get_masker_config("local")
OracleTopK = get_masker_config("oracle_top_k")


@dataclass(frozen=True)
class Problem:
    tensors: Tensors
    mask: Mask
    scoring: Scoring
    bias: torch.Tensor | None

    def solve(self) -> tuple[torch.Tensor, torch.Tensor]:
        return sparse_attention(
            self.tensors.queries, self.tensors.keys, self.tensors.values, self.mask, self.scoring, self.bias
        )

    def expected(self) -> torch.Tensor:
        scoring = self.scoring
        probabilities = self.mask.to_dense()
        return naive_attention(
            self.tensors, probabilities, scoring.scaling, scoring.softcap, scoring.sink_logits, self.bias
        )


def random_keys(mask: Mask, heads: int, count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Distinct keys of each row, some of them padding."""
    shape = (mask.batch_size, heads, mask.num_queries)
    indices = torch.rand(*shape, mask.num_keys, generator=generator).argsort(-1)[..., :count]
    probabilities = torch.rand(indices.shape, generator=generator) * 0.95 + 0.05
    return indices, probabilities * (torch.rand(indices.shape, generator=generator) > 0.2)


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    tensors = draw(any_tensors())
    batch, heads, num_queries, _ = tensors.queries.shape
    num_keys, generator = tensors.num_keys, torch.Generator().manual_seed(draw(st.integers(0, 2**20)))
    forbids, biased, has_sinks = draw(st.booleans()), draw(st.booleans()), draw(st.booleans())
    shape = (batch, 1, num_queries, num_keys)
    mask = Mask.empty(tensors.queries, tensors.keys, torch.rand(shape, generator=generator) > 0.3 if forbids else None)
    for _ in range(draw(st.integers(0, 2))):
        chooser = draw(st.sampled_from([heads, mask.num_kv_heads]))
        mask = mask.with_keys(*random_keys(mask, chooser, draw(st.integers(0, 9)), generator))
    mask = mask.with_prefix(draw(st.integers(0, num_keys))).with_window(draw(st.integers(0, num_keys)))
    if draw(st.booleans()):
        size, chooser = draw(st.sampled_from([1, 4, 16])), draw(st.sampled_from([heads, mask.num_kv_heads]))
        blocks = (batch, chooser, -(-num_queries // size), -(-num_keys // size))
        mask = mask.with_blocks(size, torch.rand(blocks, generator=generator) > 0.6)
    sinks = torch.randn(heads, generator=generator) if has_sinks else None
    scoring = Scoring(draw(st.sampled_from([8**-0.5, 0.7])), draw(st.sampled_from([None, 2.0])), sinks)
    return Problem(tensors, mask, scoring, torch.randn(shape, generator=generator) if biased else None)


@given(problems())
@examples(80)
def test_output_is_that_of_dense_attention_with_inverse_probability_weights(problem: Problem) -> None:
    queries = problem.tensors.queries
    before = [t.clone() for t in vars(problem.tensors).values()]
    output, count = problem.solve()
    assert (output.shape, output.dtype, output.device) == (queries.shape, queries.dtype, queries.device)
    tolerance = TOLERANCE[queries.dtype]
    torch.testing.assert_close(output.double(), problem.expected(), atol=tolerance, rtol=tolerance)
    assert torch.equal(count, (problem.mask.to_dense() > 0).sum(-1))
    for tensor, copy in zip(vars(problem.tensors).values(), before, strict=True):
        assert torch.equal(tensor, copy)


@given(problems())
@examples(40)
def test_density_is_the_share_of_legal_pairs(problem: Problem) -> None:
    mask = problem.mask
    legal = mask.legal().expand(mask.batch_size, -1, -1, -1)
    read = mask.to_dense() > 0
    assert not (read & ~legal).any()
    assert torch.equal(mask.num_legal().expand(mask.batch_size, -1, -1), legal.sum(-1))
    share = read.sum() / (legal.sum() * mask.num_query_heads).clamp_min(1)
    assert density(problem.solve()[1], mask.num_legal().expand(mask.batch_size, -1, -1)) == pytest.approx(share.item())


@given(problems(), st.integers(1, 66))
@examples(40)
def test_what_lies_in_the_future_changes_nothing(problem: Problem, changed: int) -> None:
    tensors = problem.tensors
    start = tensors.num_keys - min(changed, tensors.num_queries - 1)
    if start == tensors.num_keys:
        return
    earlier = tensors.num_queries - (tensors.num_keys - start)
    keys, values = tensors.keys.clone(), tensors.values.clone()
    keys[:, :, start:] = 50.0
    values[:, :, start:] = -50.0
    perturbed = replace(problem, tensors=Tensors(tensors.queries, keys, values))
    assert torch.equal(problem.solve()[0][:, :, :earlier], perturbed.solve()[0][:, :, :earlier])


@given(problems())
@examples(40)
def test_unread_is_what_is_legal_and_not_held(problem: Problem) -> None:
    mask = problem.mask
    assert torch.equal(mask.unread(), mask.legal() & (mask.to_dense() == 0))


@given(problems())
@examples(40)
def test_what_is_unread_can_be_counted_and_named_by_rank(problem: Problem) -> None:
    mask, unread = problem.mask, problem.mask.unread()
    assert torch.equal(mask.num_unread(), unread.sum(-1))
    most = int(unread.sum(-1).max())
    ranks = torch.arange(most).expand(*unread.shape[:3], most)
    named, real = mask.nth_unread(ranks), ranks < unread.sum(-1, keepdim=True)
    again = torch.zeros((*unread.shape[:3], mask.num_keys + 1), dtype=torch.bool)
    again.scatter_(3, torch.where(real, named, mask.num_keys), True)
    assert torch.equal(again[..., :-1], unread)
    group = mask.num_query_heads // mask.num_choosing_heads
    assert torch.equal(mask.nth_unread(ranks[:, ::group])[real[:, ::group]], named[:, ::group][real[:, ::group]])


@given(problems())
@examples(40)
def test_a_group_reads_the_union_of_its_heads(problem: Problem) -> None:
    mask = problem.mask
    groups = (mask.to_dense() > 0).view(mask.batch_size, mask.num_kv_heads, -1, mask.num_queries, mask.num_keys)
    assert torch.equal(mask.rows_read(), groups.any(2).sum(-1))


@given(problems())
@examples(40)
def test_the_keys_of_a_mask_can_be_listed(problem: Problem) -> None:
    mask = replace(problem.mask, blocks=None)
    indices, probabilities = mask.read_keys()
    group = mask.num_query_heads // indices.shape[1]
    listed = torch.zeros(*indices.shape[:3], mask.num_keys).scatter_add_(3, indices, probabilities)
    torch.testing.assert_close(listed.repeat_interleave(group, dim=1), mask.to_dense())


def test_keys_in_blocks_are_too_many_to_list() -> None:
    mask = Mask.empty(torch.zeros(1, 2, 8, 4), torch.zeros(1, 2, 8, 4)).with_blocks(4, torch.ones(1, 2, 2, 2) > 0)
    with pytest.raises(ValueError, match="too many to list"):
        mask.read_keys()


@pytest.mark.parametrize(
    ("size", "shape"), [(4, (1, 2, 2, 3)), (4, (1, 3, 2, 2)), (3, (1, 2, 2, 2)), (4, (2, 2, 2, 2))]
)
def test_blocks_that_do_not_fit_are_refused(size: int, shape: tuple[int, ...]) -> None:
    mask = Mask.empty(torch.zeros(1, 2, 8, 4), torch.zeros(1, 2, 8, 4))
    with pytest.raises(ValueError, match="do not fit"):
        mask.with_blocks(size, torch.ones(shape) > 0)


def test_blocks_join_only_with_blocks_of_their_size() -> None:
    mask = Mask.empty(torch.zeros(1, 2, 8, 4), torch.zeros(1, 2, 8, 4))
    first = torch.tensor([[True, False], [False, False]]).expand(1, 2, 2, 2)
    both = mask.with_blocks(4, first).with_blocks(4, ~first)
    assert both.to_dense().sum() == 2 * 36
    with pytest.raises(ValueError, match="cannot stand in one mask"):
        both.with_blocks(8, torch.ones(1, 2, 1, 1) > 0)


@given(problems(), st.permutations(range(4)))
@examples(40)
def test_the_order_of_adding_does_not_matter(problem: Problem, order: list[int]) -> None:
    mask, generator = problem.mask, torch.Generator().manual_seed(1)
    empty = Mask.empty(problem.tensors.queries, problem.tensors.keys, mask.allowed)
    chosen = [random_keys(empty, heads, 5, generator) for heads in (mask.num_query_heads, mask.num_kv_heads)]
    steps = [
        lambda m: m.with_prefix(3),
        lambda m: m.with_window(4),
        lambda m: m.with_keys(*chosen[0]),
        lambda m: m.with_keys(*chosen[1]),
    ]
    straight = shuffled = empty
    for step, other in zip(steps, (steps[index] for index in order), strict=True):
        straight, shuffled = step(straight), other(shuffled)
    assert torch.equal(straight.to_dense(), shuffled.to_dense())
    one, two = replace(problem, mask=straight), replace(problem, mask=shuffled)
    torch.testing.assert_close(one.solve()[0], two.solve()[0], atol=TOLERANCE[one.tensors.queries.dtype], rtol=1e-2)


@given(problems())
@examples(40)
def test_keys_in_a_larger_buffer_or_another_layout_give_the_same(problem: Problem) -> None:
    tensors = problem.tensors
    buffers = [torch.full((*t.shape[:2], 80, t.shape[3]), 99.0, dtype=t.dtype) for t in (tensors.keys, tensors.values)]
    views = [buffer[:, :, : tensors.num_keys] for buffer in buffers]
    views[0].copy_(tensors.keys)
    views[1].copy_(tensors.values)
    swapped = [t.transpose(1, 2).contiguous().transpose(1, 2) for t in (tensors.keys, tensors.values)]
    for keys, values in (views, swapped):
        output, count = replace(problem, tensors=Tensors(tensors.queries, keys, values)).solve()
        assert torch.equal(count, problem.solve()[1])
        tolerance = TOLERANCE[output.dtype]
        torch.testing.assert_close(output, problem.solve()[0], atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("heads", HEADS)
@pytest.mark.parametrize("biased", [False, True])
def test_blocks_of_queries_equal_the_whole(heads: tuple[int, int], biased: bool) -> None:
    tensors, generator = random_tensors(3, heads, 275, 301), torch.Generator().manual_seed(4)
    mask = Mask.empty(tensors.queries, tensors.keys, torch.rand(1, 1, 275, 301, generator=generator) > 0.1)
    mask = mask.with_prefix(280).with_window(9).with_keys(*random_keys(mask, heads[0], 6, generator))
    bias = torch.randn(1, 1, 275, 301, generator=generator) if biased else None
    problem = Problem(tensors, mask, Scoring(0.35), bias)
    torch.testing.assert_close(problem.solve()[0].double(), problem.expected(), atol=2e-5, rtol=0)


@given(any_tensors(), st.sampled_from(["prefix", "window", "keys", "halves"]))
@examples(40)
def test_a_full_budget_is_dense(tensors: Tensors, how: str) -> None:
    num_queries, num_keys = tensors.num_queries, tensors.num_keys
    mask = Mask.empty(tensors.queries, tensors.keys)
    every_key = torch.arange(num_keys).expand(*tensors.queries.shape[:3], num_keys)
    half = num_keys // 2
    mask = {
        "prefix": lambda: mask.with_prefix(num_keys),
        "window": lambda: mask.with_window(num_keys),
        "keys": lambda: mask.with_keys(every_key),
        "halves": lambda: mask.with_prefix(half).with_keys(every_key[..., half:]),
    }[how]()
    causal = torch.ones(num_queries, num_keys, dtype=torch.bool).tril(num_keys - num_queries)
    arguments = tensors.queries, tensors.keys, tensors.values
    oracle = functional.scaled_dot_product_attention(
        *(t.float() for t in arguments), attn_mask=causal, scale=0.3, enable_gqa=True
    )
    output, count = sparse_attention(*arguments, mask, Scoring(0.3))
    tolerance = TOLERANCE[output.dtype]
    torch.testing.assert_close(output.float(), oracle, atol=tolerance, rtol=tolerance)
    torch.testing.assert_close(
        dense_attention(*arguments, Scoring(0.3)).float(), oracle, atol=tolerance, rtol=tolerance
    )
    assert density(count, mask.num_legal()) == 1.0


@pytest.mark.parametrize("sinks", [None, torch.zeros(4)])
def test_an_empty_mask_is_never_perfect(sinks: torch.Tensor | None) -> None:
    tensors = random_tensors(5, num_queries=3)
    arguments, scoring = (tensors.queries, tensors.keys, tensors.values), Scoring(0.3, sink_logits=sinks)
    nothing = Mask.empty(tensors.queries, tensors.keys)
    padding = nothing.with_keys(torch.zeros(1, 4, 3, 2, dtype=torch.long), torch.zeros(1, 4, 3, 2))
    future = nothing.with_keys(torch.full((1, 2, 3, 1), 32))
    for mask, readers in ((nothing, 0), (padding, 0), (future, 1)):
        output, count = sparse_attention(*arguments, mask, scoring)
        rows = slice(0, 3 - readers)
        assert torch.equal(output[:, :, rows], torch.zeros_like(output[:, :, rows]))
        assert count[:, :, rows].sum() == 0
        errors = attention_error(output, dense_attention(*arguments, scoring))[:, :, rows]
        torch.testing.assert_close(errors, torch.ones_like(errors))
    assert density(sparse_attention(*arguments, nothing, scoring)[1], nothing.num_legal()) == 0.0


@pytest.mark.parametrize("heads", [(4, 4), (4, 2), (2, 4), (2, 2)])
def test_a_key_chosen_twice_keeps_its_larger_probability(heads: tuple[int, int]) -> None:
    tensors = random_tensors(6)
    first, second = (
        torch.tensor(keys).expand(1, count, 1, 3) for keys, count in zip(([3, 5, 0], [5, 3, 9]), heads, strict=True)
    )
    mask = Mask.empty(tensors.queries, tensors.keys)
    mask = mask.with_keys(first, torch.tensor([0.2, 0.9, 0.0]).expand(first.shape))
    mask = mask.with_keys(second, torch.tensor([0.4, 0.5, 0.6]).expand(second.shape))
    expected = torch.zeros(33)
    expected[[3, 5, 9]] = torch.tensor([0.5, 0.9, 0.6])
    assert torch.equal(mask.to_dense(), expected.expand(1, 4, 1, 33))
    _, count = sparse_attention(tensors.queries, tensors.keys, tensors.values, mask, Scoring(0.3))
    assert (count == 3).all()


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_chosen_keys_come_in_any_number_format(dtype: torch.dtype) -> None:
    tensors = random_tensors(7)
    indices, probabilities = torch.tensor([1, 4], dtype=torch.int32), torch.tensor([0.5, 0.25], dtype=dtype)
    mask = Mask.empty(tensors.queries, tensors.keys)
    mask = mask.with_keys(indices.expand(1, 4, 1, 2), probabilities.expand(1, 4, 1, 2))
    problem = Problem(tensors, mask, Scoring(0.3), None)
    torch.testing.assert_close(problem.solve()[0].double(), problem.expected(), atol=2e-5, rtol=0)


@pytest.mark.parametrize("shape", [(1, 4, 1), (2, 4, 1, 3), (1, 3, 1, 3), (1, 4, 2, 3)])
def test_chosen_keys_that_do_not_fit_are_refused(shape: tuple[int, ...]) -> None:
    tensors = random_tensors(8)
    with pytest.raises(ValueError, match="do not fit"):
        Mask.empty(tensors.queries, tensors.keys).with_keys(torch.zeros(shape, dtype=torch.long))


@pytest.mark.parametrize("maskers", [[Sink(sink_size=1.0)], [Local(window_size=4)], [OracleTopK(heavy_size=8)]])
def test_large_half_precision_logits_do_not_overflow(maskers: list[Any]) -> None:
    tensors = random_tensors(9, num_queries=2, head_dim=64)
    large = Tensors(tensors.queries * 300, tensors.keys * 300, tensors.values)
    assert (large.queries @ large.keys.repeat_interleave(2, 1).mT).max() > torch.finfo(torch.float16).max
    half = [t.half() for t in vars(large).values()]
    result = SparseAttention(maskers)(*half, scaling=1e-3)
    exact = SparseAttention(maskers)(*(t.float() for t in half), scaling=1e-3)
    assert torch.equal(result.num_read, exact.num_read)
    torch.testing.assert_close(result.output.float(), exact.output, atol=2e-2, rtol=0)


@pytest.mark.parametrize("sink", [-1000.0, 1000.0])
def test_extreme_learned_sinks_take_all_or_nothing(sink: float) -> None:
    tensors = random_tensors(15)
    attention = SparseAttention([Sink(sink_size=4)])
    output = attention(*vars(tensors).values(), sink_logits=torch.full((4,), sink)).output
    without = attention(*vars(tensors).values()).output
    torch.testing.assert_close(output, torch.zeros_like(without) if sink > 0 else without)


def test_values_may_be_narrower_than_keys() -> None:
    tensors = random_tensors(10, num_queries=40, num_keys=40)
    narrow = Tensors(tensors.queries, tensors.keys, tensors.values[..., :3])
    result = SparseAttention([Sink(sink_size=2), OracleTopK(heavy_size=4)])(*vars(narrow).values())
    expected = naive_attention(narrow, result.mask.to_dense(), 8**-0.5)
    torch.testing.assert_close(result.output.double(), expected, atol=2e-5, rtol=0)


@pytest.mark.parametrize("additive", [False, True])
@pytest.mark.parametrize("shared", [False, True])
def test_an_attention_mask_forbids_what_it_forbids(additive: bool, shared: bool) -> None:
    tensors, generator = random_tensors(11, num_queries=9, batch=2), torch.Generator().manual_seed(2)
    allowed = torch.rand(1 if shared else 2, 1, 9, 33, generator=generator) > 0.4
    allowed[0, 0, -1, :3] = False  # no padding: earlier queries read what the last one may not
    allowed[0, 0, 0, 0] = True
    bias = torch.randn(allowed.shape, generator=generator) if additive else torch.zeros(allowed.shape)
    given_mask = torch.where(allowed, bias, torch.finfo(torch.float32).min) if additive else allowed
    attention = SparseAttention([Sink(sink_size=5), Local(window_size=6), OracleTopK(heavy_size=3)])
    result = attention(*vars(tensors).values(), attention_mask=given_mask)
    probabilities = result.mask.to_dense()
    assert not (probabilities > 0)[~allowed.expand_as(probabilities[:, :1]).expand_as(probabilities)].any()
    expected = naive_attention(tensors, probabilities, 8**-0.5, bias=bias)
    torch.testing.assert_close(result.output.double(), expected, atol=2e-5, rtol=0)
    full = SparseAttention([Sink(sink_size=1.0)])(*vars(tensors).values(), attention_mask=given_mask)
    legal = allowed & torch.ones(9, 33, dtype=torch.bool).tril(24)
    expected = naive_attention(
        tensors, legal.expand_as(probabilities[:, :1]).expand_as(probabilities), 8**-0.5, bias=bias
    )
    torch.testing.assert_close(full.output.double(), expected, atol=2e-5, rtol=0)
    assert full.density == 1.0


@pytest.mark.parametrize(
    "wrong",
    [
        torch.ones(1, 1, 2, 8, dtype=torch.bool),
        torch.ones(1, 4, 2, 9),
        torch.ones(3, 1, 2, 9),
        torch.ones(2, 9),
        torch.ones(1, 1, 2, 9, dtype=torch.long),
    ],
    ids=["length", "heads", "batch", "rank", "dtype"],
)
def test_an_attention_mask_that_does_not_fit_is_refused(wrong: torch.Tensor) -> None:
    tensors = random_tensors(12, num_queries=2, num_keys=9, batch=2)
    with pytest.raises(UsageError, match="attention mask must be"):
        SparseAttention([Sink(sink_size=2)])(*vars(tensors).values(), attention_mask=wrong)


@pytest.mark.parametrize(
    ("queries", "keys", "values"),
    [
        ((1, 4, 2, 8), (1, 3, 9, 8), (1, 3, 9, 8)),
        ((1, 4, 9, 8), (1, 2, 2, 8), (1, 2, 2, 8)),
        ((4, 2, 8), (2, 9, 8), (2, 9, 8)),
        ((2, 4, 2, 8), (1, 2, 9, 8), (1, 2, 9, 8)),
        ((1, 4, 2, 8), (1, 2, 9, 8), (1, 2, 8, 8)),
        ((1, 4, 0, 8), (1, 2, 9, 8), (1, 2, 9, 8)),
    ],
    ids=["heads", "lengths", "rank", "batch", "values", "no query"],
)
def test_shapes_that_do_not_fit_are_refused(queries: Any, keys: Any, values: Any) -> None:
    with pytest.raises(UsageError, match=r"Attention (takes|needs)"):
        SparseAttention([Sink(sink_size=2)])(torch.zeros(queries), torch.zeros(keys), torch.zeros(values))


STACKS = {
    "counts": [Sink(sink_size=2), Local(window_size=4)],
    "shares": [Sink(sink_size=0.1), Local(window_size=0.2), OracleTopK(heavy_size=0.15)],
}


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("additive", [False, True])
@pytest.mark.parametrize("num_queries", [1, 5, 21])
def test_left_padding_equals_no_padding(stack: str, additive: bool, num_queries: int) -> None:
    tensors, starts = random_tensors(13, num_queries=num_queries, num_keys=21, batch=4), [0, 3, 11, 20]
    allowed = (torch.arange(21) >= torch.tensor(starts)[:, None])[:, None, None].expand(-1, 1, num_queries, -1)
    given_mask = torch.where(allowed, 0.0, -torch.inf) if additive else allowed
    result = SparseAttention(STACKS[stack])(*vars(tensors).values(), attention_mask=given_mask)
    dense = result.mask.to_dense()
    read = legal = 0
    for row, start in enumerate(starts):
        padded = max(0, start - (21 - num_queries))
        one = slice(row, row + 1)
        alone = SparseAttention(STACKS[stack])(
            tensors.queries[one, :, padded:], tensors.keys[one, :, start:], tensors.values[one, :, start:]
        )
        torch.testing.assert_close(result.output[one, :, padded:], alone.output)
        assert torch.equal(dense[one, :, padded:, start:], alone.mask.to_dense())
        assert torch.equal(result.output[one, :, :padded], torch.zeros_like(result.output[one, :, :padded]))
        assert dense[row].sum() == alone.mask.to_dense().sum()
        read, legal = read + alone.num_read.sum().item(), legal + 4 * alone.num_legal.sum().item()
    assert result.density == pytest.approx(read / legal)


class TouchedElements(TorchDispatchMode):
    """Counts the elements that operations read and write; views touch none."""

    def __init__(self) -> None:
        super().__init__()
        self.largest = 0
        self.total = 0
        self.gathered = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        results = func(*args, **(kwargs or {}))
        inputs, outputs = list(_tensors((args, kwargs))), list(_tensors(results))
        stored = {t.untyped_storage().data_ptr() for t in inputs}
        new = [t for t in outputs if t.untyped_storage().data_ptr() not in stored]
        if new:
            self.largest = max(self.largest, *(t.numel() for t in new))
            self.total += sum(t.numel() for t in inputs + new)
            self.gathered += sum(t.numel() for t in new) if func.overloadpacket is torch.ops.aten.index_select else 0
        return results


def _tensors(tree: Any) -> Iterator[torch.Tensor]:
    return (leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor))


def touched(num_keys: int, window_size: int, padded: int = 0) -> TouchedElements:
    tensors = random_tensors(14, (28, 4), 1, num_keys)
    attention = SparseAttention([Sink(sink_size=4), Local(window_size=window_size)])
    with TouchedElements() as counter:
        attention(*vars(tensors).values())
    return counter


@pytest.mark.parametrize("how", ["slices", "keys", "dense"])
@pytest.mark.parametrize("scale", [1.0, 6.0])
def test_half_precision_is_as_exact_as_sdpa(scale: float, how: str) -> None:
    tensors = random_tensors(16, (8, 2), 3, 2000, head_dim=128, dtype=torch.bfloat16)
    queries, keys, values = tensors.queries * scale, tensors.keys, tensors.values
    causal = torch.ones(3, 2000, dtype=torch.bool).tril(1997)
    exact, theirs = (
        functional.scaled_dot_product_attention(
            *(t.to(dtype) for t in (queries, keys, values)), attn_mask=causal, enable_gqa=True
        ).double()
        for dtype in (torch.float64, torch.bfloat16)
    )
    mask, scoring = Mask.empty(queries, keys), Scoring(128**-0.5)
    output = {
        "slices": lambda: sparse_attention(queries, keys, values, mask.with_prefix(2000), scoring)[0],
        "keys": lambda: sparse_attention(
            queries, keys, values, mask.with_keys(torch.arange(2000).expand(1, 2, 3, 2000)), scoring
        )[0],
        "dense": lambda: dense_attention(queries, keys, values, scoring),
    }[how]()
    assert (output.double() - exact).norm() <= 2 * (theirs - exact).norm()


@pytest.mark.parametrize("greedy_head", [None, 3])
def test_one_head_that_reads_much_does_not_make_the_others_read_more(greedy_head: int | None) -> None:
    tensors = random_tensors(15, (28, 4), 1, 2048)
    indices = torch.arange(1024).expand(1, 28, 1, 1024)
    probabilities = (indices < 8).float()
    if greedy_head is not None:
        probabilities[:, greedy_head] = 1.0
    mask = Mask.empty(tensors.queries, tensors.keys).with_keys(indices, probabilities)
    with TouchedElements() as counter:
        sparse_attention(*vars(tensors).values(), mask, Scoring(0.3))
    # Keys and values of 8 elements: 2 x 8 for each key that is read; places, logits and weights for each place.
    read = 28 * 8 if greedy_head is None else 28 * 8 + 1024
    assert counter.gathered <= 2 * 2 * read * 8


def test_a_decode_step_costs_what_it_reads() -> None:
    short, long, wide = touched(2048, 60), touched(8192, 60), touched(8192, 508)
    assert long.largest <= 64 * 28
    assert long.largest < 28 * 8192 / 50
    assert long.total == short.total
    # 8 times the keys: 8 times the elements, but for what each query costs by itself.
    assert 6 < wide.total / long.total <= 8
