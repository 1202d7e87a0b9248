"""Tokens that read what comes after them, as those of an image do: dense, and refused where it is sparse."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from naive_attention import TOLERANCE, naive_attention, random_tensors
from tiny_models import CONFIGS, build, tokens

from sparse_hub_core import ModelError, SparseAttention, get_masker_config
from sparse_hub_core.attention.engine import Scoring
from sparse_hub_core.attention.reading_ahead import attention_that_reads_ahead, reads_ahead

Sink = get_masker_config("sink")


@pytest.mark.parametrize("softcap", [None, 0.7])
@pytest.mark.parametrize("with_sinks", [False, True])
@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_exactly_what_is_allowed_is_read(
    softcap: float | None, with_sinks: bool, with_bias: bool, dtype: torch.dtype
) -> None:
    tensors, generator = random_tensors(3, num_queries=300, num_keys=320, batch=2, dtype=dtype), torch.Generator()
    allowed = torch.rand(2, 1, 300, 320, generator=generator.manual_seed(0)) < 0.3
    allowed[0, :, 7] = False
    sinks = torch.randn(4, generator=generator) if with_sinks else None
    bias = torch.randn(2, 1, 300, 320, generator=generator) if with_bias else None
    got = attention_that_reads_ahead(*vars(tensors).values(), Scoring(0.4, softcap, sinks), allowed, bias)
    expected = naive_attention(tensors, allowed.expand(-1, 4, -1, -1), 0.4, softcap, sinks, bias)
    assert got.dtype == dtype
    torch.testing.assert_close(got.double(), expected, atol=TOLERANCE[dtype], rtol=TOLERANCE[dtype])


def test_only_later_keys_are_ahead() -> None:
    causal = torch.ones(1, 1, 5, 9, dtype=torch.bool).tril(4)
    assert not reads_ahead(causal, 5)
    assert not reads_ahead(None, 5)
    for row, column in ((0, 5), (3, 8), (0, 8)):
        looking = causal.clone()
        looking[0, 0, row, column] = True
        assert reads_ahead(looking, 5)
    assert not reads_ahead(torch.ones(1, 1, 1, 9, dtype=torch.bool), 1)


def test_a_model_reads_ahead_in_its_prefix_and_nowhere_else() -> None:
    llama: Any = build(CONFIGS["llama"]())
    ids, looking = tokens(12), torch.ones(1, 1, 12, 12, dtype=torch.bool).tril()
    looking[..., 3:7, 3:7] = True
    bias = torch.zeros(1, 1, 12, 12).masked_fill(~looking, torch.finfo(torch.float32).min)
    with torch.inference_mode():
        expected = llama(ids, attention_mask=bias).logits
        for prefix_length in (None, 7):
            with SparseAttention([Sink(sink_size=1.0)]).on(llama, prefix_length):
                got = llama(ids, attention_mask=bias).logits
            torch.testing.assert_close(got, expected, atol=2e-4, rtol=1e-4)
        with SparseAttention([Sink(sink_size=1.0)]).on(llama, 5), pytest.raises(ModelError, match="read ahead"):
            llama(ids, attention_mask=bias)
