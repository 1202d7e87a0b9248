"""Whose queries a masker masks: layers that stay dense, prefill maskers, and what is known of a prefix."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from naive_attention import random_tensors
from test_models import CONFIGS, EVERYTHING, build

from sparse_hub_core import OBSERVED_QUERIES, Layer, Mask, Masker, MaskerConfig, SparseAttention, get_masker_config

Sink, Local = get_masker_config("sink"), get_masker_config("local")
DenseLayers, TopK = get_masker_config("dense_layers"), get_masker_config("oracle_top_k")


@dataclass(frozen=True)
class WatcherConfig(MaskerConfig):
    """Reads one key, and notes each prefix that it is told of."""

    prefixes: list[Any] = field(default_factory=list)

    def create_masker(self) -> Masker:
        return Watcher(self)


class Watcher(Masker):
    def __init__(self, config: WatcherConfig) -> None:
        self.config = config

    def on_prefill(self, layer: Layer) -> None:
        queries = None if layer.prefix_queries is None else layer.prefix_queries.clone()
        self.config.prefixes.append((layer.index, layer.keys.shape[2], queries))

    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        return mask.with_window(1)


@dataclass(frozen=True)
class DiagonalConfig(MaskerConfig):
    """Blocks on the diagonal, as the simplest prefill method."""

    block_size: int = 4

    def create_masker(self) -> Masker:
        return Diagonal(self)


class Diagonal(Masker):
    stage = "prefill"

    def __init__(self, config: DiagonalConfig) -> None:
        self.config = config

    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        size, first = self.config.block_size, mask.num_keys - mask.num_queries
        rows, columns = -(-mask.num_queries // size), -(-mask.num_keys // size)
        own = (torch.arange(rows) * size + first) // size
        chosen = torch.arange(columns) == own[:, None]
        return mask.with_blocks(size, chosen.expand(mask.batch_size, mask.num_kv_heads, -1, -1))


@pytest.fixture(scope="module")
def llama() -> Any:
    return build(CONFIGS["llama"]())


def prompt(length: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(1, 64, (1, length), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("where", [0, 1, 2])
def test_dense_layers_read_everything_and_ask_no_masker(where: int) -> None:
    tensors, watcher = vars(random_tensors(0, num_queries=3)).values(), WatcherConfig()
    stack: list[MaskerConfig] = [Sink(sink_size=1), watcher]
    stack.insert(where, DenseLayers(first=1, also=(3,)))
    attention = SparseAttention(stack)
    results = [attention(*tensors, layer_idx=index) for index in range(5)]
    assert [result.density == 1.0 for result in results] == [True, False, False, True, False]
    assert [result.io_density == 1.0 for result in results] == [True, False, False, True, False]
    assert [index for index, _, _ in watcher.prefixes] == [1, 2, 4]


@pytest.mark.parametrize("split", [None, 70])
@pytest.mark.parametrize("chunks", [[80], [30, 30, 20]])
def test_maskers_see_the_last_queries_of_the_prefix(llama: Any, chunks: list[int], split: int | None) -> None:
    watcher, ids = WatcherConfig(), prompt(81)
    with torch.no_grad(), SparseAttention([watcher]).on(llama, prefix_length=split or 80):
        cache, start = None, 0
        for length in [*chunks, 1]:
            cache = llama(ids[:, start : start + length], past_key_values=cache, use_cache=True).past_key_values
            start += length
    assert [(index, length) for index, length, _ in watcher.prefixes] == [(index, split or 80) for index in range(4)]
    queries = [queries for _, _, queries in watcher.prefixes]
    assert {tensor.shape for tensor in queries} == {(1, 4, OBSERVED_QUERIES, 8)}
    whole = WatcherConfig()
    with torch.no_grad(), SparseAttention([whole]).on(llama, prefix_length=split or 80):
        llama(ids)
    for mine, theirs in zip(queries, (queries for _, _, queries in whole.prefixes), strict=True):
        # Layers after the first read what the sparse ones before them made of the prompt, which is the same here.
        torch.testing.assert_close(mine, theirs, atol=1e-4, rtol=1e-4)


def test_on_plain_tensors_nothing_is_known_of_the_prefix_queries() -> None:
    watcher = WatcherConfig()
    SparseAttention([watcher])(*vars(random_tensors(1, num_queries=2, num_keys=9)).values())
    assert watcher.prefixes == [(0, 7, None)]


@pytest.mark.parametrize("size", [1, 4, 7])
def test_as_many_queries_as_keys_are_a_prefill(size: int) -> None:
    tensors = random_tensors(2, num_queries=18, num_keys=18)
    attention = SparseAttention([DiagonalConfig(size), Sink(sink_size=1)])
    read = attention(*vars(tensors).values()).mask.to_dense() > 0
    rows, columns = torch.arange(18)[:, None], torch.arange(18)
    assert torch.equal(read, ((rows // size == columns // size) & (columns <= rows)).expand_as(read))
    step = attention(tensors.queries[:, :, -1:], tensors.keys, tensors.values)
    assert step.num_read.unique().tolist() == [1]


def test_a_stack_of_prefill_maskers_alone_decodes_densely() -> None:
    tensors = random_tensors(3, num_queries=1, num_keys=18)
    assert SparseAttention([DiagonalConfig(4)])(*vars(tensors).values()).density == 1.0


@pytest.mark.parametrize("idle", [DenseLayers(first=1), get_masker_config("twilight")(top_p=0.1)])
def test_maskers_that_add_no_key_leave_their_stage_dense(idle: MaskerConfig) -> None:
    tensors, attention = random_tensors(4, num_queries=18, num_keys=18), SparseAttention([idle, DiagonalConfig(4)])
    prefills = [attention(*vars(tensors).values(), layer_idx=index) for index in range(2)]
    assert [result.density == 1.0 for result in prefills] == [isinstance(idle, DenseLayers), False]
    step = tensors.queries[:, :, -1:], tensors.keys, tensors.values
    for index in range(2):
        result = attention(*step, layer_idx=index)
        assert result.density == 1.0
        torch.testing.assert_close(result.output, SparseAttention(EVERYTHING)(*step).output)


def test_a_prefill_begins_a_new_sequence() -> None:
    watcher = WatcherConfig()
    attention = SparseAttention([DiagonalConfig(4), watcher])
    for length in (18, 19):
        attention(*vars(random_tensors(length, num_queries=length, num_keys=length)).values())
        attention(*vars(random_tensors(length, num_queries=1, num_keys=length + 1)).values())
    assert [length for _, length, _ in watcher.prefixes] == [18, 19]


def test_queries_of_another_prompt_are_not_taken_for_those_of_a_resumed_one(llama: Any) -> None:
    alone, mixed, first, second = WatcherConfig(), WatcherConfig(), prompt(30), prompt(40, seed=1)
    for watcher, others in ((alone, []), (mixed, [second])):
        with torch.no_grad(), SparseAttention([watcher]).on(llama):
            cache = llama(first, use_cache=True).past_key_values
            for ids in others:
                llama(ids, use_cache=True)
            llama(prompt(1), past_key_values=cache, use_cache=True)
    assert [length for _, length, _ in mixed.prefixes] == [30] * 4
    for (*_, queries), (*_, own) in zip(mixed.prefixes, alone.prefixes, strict=True):
        assert torch.equal(queries, own)


@pytest.mark.parametrize("block_size", [4, 64])
def test_a_prefill_masker_changes_the_prompt_and_decodes_as_the_rest_of_the_stack(llama: Any, block_size: int) -> None:
    """Blocks of the whole prompt are the untouched model."""
    ids, everything = prompt(30), EVERYTHING[0]
    with torch.no_grad():
        untouched = llama(ids).logits
        with SparseAttention([DiagonalConfig(block_size), everything]).on(llama):
            logits = llama(ids).logits
    assert torch.allclose(logits, untouched, atol=1e-4) == (block_size == 64)
    torch.testing.assert_close(logits[:, :4], untouched[:, :4], atol=1e-4, rtol=1e-4)
