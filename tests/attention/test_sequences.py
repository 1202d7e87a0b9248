"""What maskers are told about a sequence, and what is kept between calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from naive_attention import random_tensors

from sparse_hub_core import Layer, Mask, Masker, MaskerConfig, SparseAttention, UsageError, get_masker_config

Sink, Local = get_masker_config("sink"), get_masker_config("local")


@dataclass(frozen=True)
class DiaryConfig(MaskerConfig):
    """Reads what it remembers, and writes down what it is told."""

    diary: list[tuple[Any, ...]] = field(default_factory=list)

    def create_masker(self) -> Masker:
        return Diary(self.diary)


class Diary(Masker):
    def __init__(self, diary: list[tuple[Any, ...]]) -> None:
        self.diary = diary

    def on_prefill(self, layer: Layer) -> None:
        layer.state["seen"] = layer.keys.shape[2]
        self.diary.append(("prefill", layer.index, layer.keys.shape[0], layer.keys.shape[2]))

    def on_append(self, layer: Layer, start: int) -> None:
        assert layer.state["seen"] == start
        layer.state["seen"] = layer.keys.shape[2]
        self.diary.append(("append", layer.index, start, layer.keys.shape[2]))

    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        return mask.with_prefix(layer.state["seen"])


def steps(attention: SparseAttention, *lengths: tuple[int, int], batch: int = 1, **how: Any) -> list[torch.Tensor]:
    outputs = []
    for num_queries, num_keys in lengths:
        whole = random_tensors(20, num_keys=40, num_queries=40, batch=batch)
        queries = whole.queries[:, :, num_keys - num_queries : num_keys]
        outputs.append(attention(queries, whole.keys[:, :, :num_keys], whole.values[:, :, :num_keys], **how).output)
    return outputs


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        ([(1, 10), (1, 11)], [("prefill", 0, 1, 9), ("append", 0, 9, 10), ("append", 0, 10, 11)]),
        ([(1, 10), (3, 13)], [("prefill", 0, 1, 9), ("append", 0, 9, 10), ("append", 0, 10, 13)]),
        ([(6, 6), (1, 7)], [("prefill", 0, 1, 0), ("append", 0, 0, 6), ("append", 0, 6, 7)]),
        (
            [(1, 10), (1, 20)],
            [("prefill", 0, 1, 9), ("append", 0, 9, 10), ("prefill", 0, 1, 19), ("append", 0, 19, 20)],
        ),
        ([(1, 10), (1, 5)], [("prefill", 0, 1, 9), ("append", 0, 9, 10), ("prefill", 0, 1, 4), ("append", 0, 4, 5)]),
        ([(1, 10), (1, 10)], [("prefill", 0, 1, 9), ("append", 0, 9, 10)] * 2),
    ],
    ids=["one by one", "a chunk", "no prefix", "a longer sequence", "a shorter sequence", "the same length again"],
)
def test_maskers_hear_of_a_prefix_once_and_of_every_key_once(
    lengths: list[tuple[int, int]], expected: list[tuple[Any, ...]]
) -> None:
    config = DiaryConfig()
    steps(SparseAttention([config]), *lengths)
    assert config.diary == expected


def test_reset_and_forget_start_afresh() -> None:
    config = DiaryConfig()
    attention = SparseAttention([config])
    for layer in (0, 1):
        steps(attention, (1, 10), layer_idx=layer)
    attention.forget(1)
    for layer in (0, 1):
        steps(attention, (1, 11), layer_idx=layer)
    assert [entry[:2] for entry in config.diary[4:]] == [("append", 0), ("prefill", 1), ("append", 1)]
    attention.reset()
    steps(attention, (1, 12))
    assert config.diary[-2:] == [("prefill", 0, 1, 11), ("append", 0, 11, 12)]


def test_another_batch_is_another_sequence() -> None:
    config = DiaryConfig()
    attention = SparseAttention([config])
    steps(attention, (1, 10))
    steps(attention, (1, 11), batch=2)
    assert config.diary[-2:] == [("prefill", 0, 2, 10), ("append", 0, 10, 11)]


def test_left_padded_sequences_keep_their_own_state() -> None:
    config = DiaryConfig()
    attention = SparseAttention([config])
    for num_keys in (10, 11):
        allowed = (torch.arange(num_keys) >= torch.tensor([0, 4])[:, None])[:, None, None]
        steps(attention, (1, num_keys), batch=2, attention_mask=allowed)
    assert [entry[2:] for entry in config.diary] == [(1, 9), (9, 10), (1, 5), (5, 6), (10, 11), (6, 7)]


def test_two_instances_do_not_share_what_they_remember() -> None:
    one, two = DiaryConfig(), DiaryConfig()
    first, second = SparseAttention([one]), SparseAttention([two])
    mixed = [steps(first, (1, 10)), steps(second, (1, 20)), steps(first, (1, 11)), steps(second, (1, 21))]
    alone = steps(SparseAttention([DiaryConfig()]), (1, 10), (1, 11))
    assert torch.equal(mixed[0][0], alone[0])
    assert torch.equal(mixed[2][0], alone[1])
    assert [len(one.diary), len(two.diary)] == [3, 3]


def test_a_masker_twice_in_a_stack_has_its_state_twice() -> None:
    one, two = DiaryConfig(), DiaryConfig()
    steps(SparseAttention([one, two]), (1, 10), (1, 11))
    assert one.diary == two.diary
    assert len(one.diary) == 3


@pytest.mark.parametrize("wrong", [[], [Sink], ["sink"], [Sink(), None]])
def test_only_masker_configs_make_an_attention(wrong: list[Any]) -> None:
    with pytest.raises(UsageError, match="masker config"):
        SparseAttention(wrong)


def test_the_repr_can_be_read() -> None:
    assert repr(SparseAttention([Sink(sink_size=4)])) == "SparseAttention([SinkMaskerConfig(sink_size=4)])"
