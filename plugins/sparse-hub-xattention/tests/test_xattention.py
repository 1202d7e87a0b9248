"""XAttention: its scores against loops over antidiagonals, its choice against all choices, its output against dense."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch
from sparse_hub_xattention import xattention
from sparse_hub_xattention.xattention import XAttentionConfig, block_scores, fewest_blocks

from sparse_hub_core import ConfigError, Layer, Mask, SparseAttention, get_model

STRIDE, SIZE = 4, 8
SCALING = 0.4
TEXT = " ".join(f"The number of house {number} is {number * 7919 % 9973}." for number in range(1, 60))
Tensors = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def draw(seed: int, num_keys: int, num_queries: int | None = None, heads: tuple[int, int] = (4, 2)) -> Tensors:
    generator = torch.Generator().manual_seed(seed)
    shapes = ((heads[0], num_queries or num_keys), (heads[1], num_keys), (heads[1], num_keys))
    queries, keys, values = (torch.randn(2, *shape, 8, generator=generator) for shape in shapes)
    return queries * 2, keys + 0.3, values


def mask_of(config: XAttentionConfig, queries: torch.Tensor, keys: torch.Tensor) -> Mask:
    return config.create_masker().add_mask(Layer(0, keys, keys, SCALING), queries, Mask.empty(queries, keys))


def tile_logit(queries: torch.Tensor, keys: torch.Tensor, row: int, column: int) -> float | None:
    """Return the mean logit over the antidiagonal of a tile, as far as it lies within the sequence."""
    products = []
    for step in range(STRIDE):
        query, key = row * STRIDE + STRIDE - 1 - step, column * STRIDE + step
        if query < len(queries) and key < len(keys):
            products.append(float(queries[query].double() @ keys[key].double()) * SCALING)
    return sum(products) / len(products) if products else None


def looped_scores(queries: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
    """Return the block scores of one head, ``(query blocks, key blocks)`` float64."""
    first = len(keys) - len(queries)
    scores = torch.zeros(math.ceil(len(queries) / SIZE), math.ceil(len(keys) / SIZE), dtype=torch.float64)
    for row in range(math.ceil(len(queries) / STRIDE)):
        columns = range((first + row * STRIDE) // STRIDE + 1)
        logits = {column: tile_logit(queries, keys, row, column) for column in columns}
        weights = {column: math.exp(logit) for column, logit in logits.items() if logit is not None}
        for column, weight in weights.items():
            scores[row * STRIDE // SIZE, column * STRIDE // SIZE] += weight / sum(weights.values())
    return scores


@pytest.mark.parametrize("heads", [(2, 2), (4, 2), (4, 1)])
@pytest.mark.parametrize(
    ("num_keys", "num_queries"), [(n, n) for n in (1, 3, 7, 8, 9, 33, 48)] + [(48, 16), (47, 20), (29, 1), (30, 27)]
)
def test_block_scores_are_sums_over_antidiagonals(num_keys: int, num_queries: int, heads: tuple[int, int]) -> None:
    queries, keys, _ = draw(num_keys, num_keys, num_queries, heads)
    scores = block_scores(queries, keys, SCALING, STRIDE, SIZE)
    for row, head in itertools.product(range(2), range(heads[0])):
        expected = looped_scores(queries[row, head], keys[row, head * heads[1] // heads[0]])
        torch.testing.assert_close(scores[row, head].double(), expected, atol=1e-5, rtol=1e-4)


def test_scores_in_pieces_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    queries, keys, _ = draw(0, 61)
    whole = block_scores(queries, keys, SCALING, STRIDE, SIZE)
    monkeypatch.setattr(xattention, "SCORES_AT_ONCE", 1)
    torch.testing.assert_close(block_scores(queries, keys, SCALING, STRIDE, SIZE), whole)


def test_what_follows_a_block_changes_no_score_of_it() -> None:
    queries, keys, _ = draw(1, 61)
    longer = block_scores(queries, keys, SCALING, STRIDE, SIZE)
    shorter = block_scores(queries[:, :, :40], keys[:, :, :40], SCALING, STRIDE, SIZE)
    torch.testing.assert_close(longer[:, :, :5, :5], shorter)
    assert not longer[:, :, :5, 5:].any()


@pytest.mark.parametrize("threshold", [0.05, 0.5, 0.8, 0.99])
def test_no_smaller_set_of_blocks_reaches_the_threshold(threshold: float) -> None:
    generator = torch.Generator().manual_seed(2)
    scores = torch.rand(1, 3, 4, 6, generator=generator) ** 4
    always = torch.rand(4, 6, generator=generator) < 0.2
    chosen = fewest_blocks(scores, always, threshold)
    for head, row in itertools.product(range(3), range(4)):
        forced, total = set(always[row].nonzero()[:, 0].tolist()), float(scores[0, head, row].double().sum())
        reaching = [
            set(picked)
            for number in range(7)
            for picked in itertools.combinations(range(6), number)
            if forced <= set(picked) and float(scores[0, head, row, list(picked)].double().sum()) >= threshold * total
        ]
        mine = set(chosen[0, head, row].nonzero()[:, 0].tolist())
        assert mine in reaching
        assert len(mine) == min(map(len, reaching))


@pytest.mark.parametrize("num_keys", [1, 7, 8, 9, 61])
@pytest.mark.parametrize("keep_first", [False, True])
def test_the_output_is_attention_over_the_chosen_blocks(num_keys: int, keep_first: bool) -> None:
    queries, keys, values = draw(3, num_keys)
    config = XAttentionConfig(threshold=0.5, stride=STRIDE, block_size=SIZE, keep_first=keep_first)
    result = SparseAttention([config])(queries, keys, values, scaling=SCALING)
    read = result.mask.to_dense() > 0
    positions = torch.arange(num_keys)
    own = (positions // SIZE == positions[:, None] // SIZE) & (positions <= positions[:, None])
    assert read[..., own].all()
    assert not read[..., positions > positions[:, None]].any()
    assert not keep_first or (read | (positions >= SIZE) | (positions > positions[:, None])).all()
    keys, values = (tensor.double().repeat_interleave(2, dim=1) for tensor in (keys, values))
    logits = (queries.double() @ keys.transpose(2, 3) * SCALING).masked_fill(~read, -torch.inf)
    torch.testing.assert_close(result.output.double(), logits.softmax(-1) @ values, atol=1e-5, rtol=1e-5)
    assert torch.equal(result.num_read, read.sum(-1))
    assert num_keys < 61 or 0.2 < result.density < 0.8


def test_chunks_of_whole_blocks_choose_what_the_whole_prefix_chooses() -> None:
    queries, keys, _ = draw(4, 61)
    config = XAttentionConfig(threshold=0.6, stride=STRIDE, block_size=SIZE)
    whole = mask_of(config, queries, keys).to_dense()
    for start, stop in ((0, 24), (24, 32), (32, 61)):
        chunk = mask_of(config, queries[:, :, start:stop], keys[:, :, :stop]).to_dense()
        assert torch.equal(chunk, whole[:, :, start:stop, :stop])


@pytest.mark.parametrize("threshold", [0.01, 1.0])
@pytest.mark.parametrize("num_queries", [1, 5, 8, 13, 30])
def test_chunks_of_any_length_read_their_own_blocks_and_no_future(num_queries: int, threshold: float) -> None:
    queries, keys, _ = draw(5, 30, num_queries)
    config = XAttentionConfig(threshold=threshold, stride=STRIDE, block_size=SIZE, keep_first=False)
    read = mask_of(config, queries, keys).to_dense() > 0
    positions, columns = torch.arange(30 - num_queries, 30)[:, None], torch.arange(30)
    own = (columns // SIZE == positions // SIZE) & (columns <= positions)
    assert read[..., own].all()
    assert threshold < 1 or read[..., columns <= positions].all()
    assert not read[..., columns > positions].any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_block_that_is_attended_to_is_found(dtype: torch.dtype) -> None:
    """A single key of an early block that every late query wants."""
    generator = torch.Generator().manual_seed(6)
    queries, keys = (torch.randn(1, heads, 256, 16, generator=generator) for heads in (2, 1))
    keys[:, :, 77] = queries[:, :1, 200:].mean(2) * 60
    queries[:, :, 200:] += keys[:, :, 77, None] / 4
    config = XAttentionConfig(threshold=0.5, stride=8, block_size=16, keep_first=False)
    read = mask_of(config, queries.to(dtype), keys.to(dtype)).to_dense() > 0
    assert read[:, :, 208:, 77].all()
    assert read[:, :, 208:, 16:64].float().mean() < 0.2


def test_on_a_model_it_masks_the_prompt_alone() -> None:
    loaded = get_model("demo", "cpu", "float32")
    ids = torch.tensor([loaded.tokenizer(TEXT)["input_ids"]])
    model, measured = loaded.model, {}
    with torch.inference_mode():
        dense = model(ids).logits.log_softmax(-1)
        for threshold in (0.3, 0.9, 1.0):
            attention = SparseAttention([XAttentionConfig(threshold=threshold)])
            with attention.on(model, prefix_length=ids.shape[1] - 1):
                logits = model(ids).logits.log_softmax(-1)
            measured[threshold] = float((dense.exp() * (dense - logits)).sum(-1).mean())
    assert measured[1.0] < 1e-5 < measured[0.9] < 0.2 * measured[0.3]
    assert measured[0.9] < 0.15


@pytest.mark.parametrize(
    ("num_keys", "params", "reason"),
    [
        (1000, {"block_size": 64, "stride": 24}, "no multiple of stride 24"),
        (128, {"block_size": 128}, "whole context of 128 tokens"),
        (129, {"block_size": 128}, None),
    ],
)
def test_what_is_infeasible_says_why(num_keys: int, params: dict[str, Any], reason: str | None) -> None:
    told = XAttentionConfig(**params).infeasible_because(num_keys)
    assert told is None if reason is None else reason in str(told)


def test_blocks_of_uneven_strides_are_refused_when_they_would_run() -> None:
    with pytest.raises(ConfigError, match="block_size 64 is no multiple of stride 24"):
        SparseAttention([XAttentionConfig(block_size=64, stride=24)])


@pytest.mark.parametrize(
    ("field", "value"), [("threshold", 0.0), ("threshold", 1.5), ("stride", 0), ("block_size", 8.0)]
)
def test_values_out_of_range_are_refused(field: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"XAttentionConfig\.{field} = {value!r} is out of range"):
        XAttentionConfig(**{field: value})
